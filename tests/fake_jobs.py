"""Jobs that end in every way: a worker process can import them from here."""

import os
import time
from pathlib import Path

from prepose.errors import DataError
from prepose.recipes.stopping import TrainingStopped, stop_requests


def missing(path):
    raise DataError(f"{path}: is\nmissing")


def broken():
    return [][1]


def die(number):
    os.kill(os.getpid(), number)


def leave():
    os._exit(7)


def pid():
    return os.getpid()


def wait_for_file(folder):
    """A training that runs until it is told to stop, and saves."""
    folder = Path(folder)
    with stop_requests() as stopping:
        (folder / "began").touch()
        while not stopping():
            time.sleep(0.01)
        time.sleep(0.3)
        (folder / "saved").touch()
    raise TrainingStopped("saved")
