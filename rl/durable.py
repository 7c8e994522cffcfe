"""Asking the disk to keep what was written: without it a rename may outlive the content after a power cut."""

from __future__ import annotations

import os
from pathlib import Path


def flush(path: Path) -> None:
    """A file's content, or a folder's list of names, is on disk when this returns."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_tree(folder: Path) -> None:
    """All files and folders below, and the folder itself."""
    for path in [*folder.rglob("*"), folder]:
        flush(path)
