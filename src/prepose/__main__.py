"""`prepose` and `python -m prepose`, which is what launchers such as torchrun start."""

import sys


def main() -> None:
    """Run the command line; Ctrl-C while it is still being imported is no traceback."""
    try:
        from prepose.cli import main as run
    except KeyboardInterrupt:
        print("prepose: stopped before anything was done", file=sys.stderr)
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
