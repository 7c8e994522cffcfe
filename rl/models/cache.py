"""The cache of built models: a folder appears under its final name only when it is complete. Imports no torch."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError

from rl.errors import PonderError


def cache_folder() -> Path:
    """`$PONDER_CACHE`, or `~/.cache/ponder`."""
    given = os.environ.get("PONDER_CACHE")
    return Path(given).expanduser() if given else Path.home() / ".cache" / "ponder"


def build_once(target: Path, build: Callable[[Path], None]) -> bool:
    """Make sure that the folder `target` exists, calling `build` with an empty folder to fill when it does not.

    Two processes may do so at once: both build, the first to finish wins, and both then see the same folder. A build
    that fails or is killed leaves nothing under `target`.

    Returns:
        Whether this call built it.

    Raises:
        PonderError: the cache cannot be written (no permission, disk full).
    """
    if target.is_dir():
        return False
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise _unwritable(target, error) from error
    try:
        build(folder)
        for file in folder.rglob("*"):  # mkdtemp and safetensors make files that nobody else may read
            file.chmod(0o755 if file.is_dir() else 0o644)
        folder.chmod(0o755)
        folder.rename(target)
    except (OSError, SafetensorError) as error:
        if target.is_dir():  # another process was first
            return False
        raise _unwritable(target, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return True


def _unwritable(target: Path, error: Exception) -> PonderError:
    return PonderError(
        f"cannot write {target}: {error}\nMake room or set PONDER_CACHE to a folder that can be written."
    )
