"""Between two programs of one container: kill what is left, empty what can be written.

Only for containers that forbid namespaces; elsewhere the kernel does all this when the runner ends.
"""

from __future__ import annotations

import os
import stat

from sandbox.guest.places import SHARED
from sandbox.guest.watch import kill_all


def clean() -> None:
    """Called by process 1, which the kill spares.

    Raises:
        OSError: something could not be removed: the container must not be used again.
    """
    kill_all()
    for folder in (*SHARED, "/dev/mqueue"):
        if os.path.isdir(folder):
            _empty(folder)


def _empty(folder: str) -> None:
    """Remove everything below a folder, however deep (what lies in a folder moves up before the folder goes)."""
    moved = 0
    while names := os.listdir(folder):
        for name in names:
            path = os.path.join(folder, name)
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                os.unlink(path)
                continue
            os.chmod(path, 0o700)
            for inner in os.listdir(path):
                moved += 1
                below = os.path.join(path, inner)
                if stat.S_ISDIR(os.lstat(below).st_mode):
                    os.chmod(below, 0o700)  # a folder has to be written to to be moved
                os.rename(below, os.path.join(folder, f".{moved}.{os.urandom(8).hex()}"))
            os.rmdir(path)
