"""`python -m prepose`, which is what launchers such as torchrun start."""

from prepose.cli import main

if __name__ == "__main__":
    main()
