"""Cgroups of both versions: v1 as this machine has it (test_sandbox, test_abuse), v2 on an imitation of its files.

1. v2: the nearest ancestor that passes the controllers on is used; limits, peak and kills are read and written.
2. What cannot be written is told with the reason.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox import cgroups
from sandbox.cgroups import CgroupsUnusable, make_cgroup

_FILES = {
    "cgroup.procs": "",
    "cgroup.subtree_control": "",
    "memory.max": "max",
    "memory.swap.max": "max",
    "memory.peak": "0",
    "memory.events": "low 0\noom 0\noom_kill 0\n",
    "pids.max": "max",
}


@pytest.fixture
def v2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hierarchy in which the own cgroup holds processes and so may not pass controllers on, as v2 demands."""
    root = tmp_path / "cgroup"
    plain_mkdir, plain_write = Path.mkdir, Path.write_text

    def mkdir(path: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        plain_mkdir(path, mode, parents, exist_ok)
        for name, text in _FILES.items():
            plain_write(path / name, text)

    def write_text(path: Path, text: str) -> int:
        if path.name == "cgroup.subtree_control" and path.parent == root / "user" / "own":
            raise OSError(16, "Device or resource busy", str(path))
        return plain_write(path, text)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    monkeypatch.setattr(Path, "write_text", write_text)
    monkeypatch.setattr(cgroups, "_ROOT", root)
    monkeypatch.setattr(cgroups, "_own_cgroups", lambda: [("", "/user/own")])
    for folder in (root, root / "user", root / "user" / "own"):
        folder.mkdir()
    return root


def test_v2_takes_the_nearest_ancestor_that_passes_controllers_on(v2: Path) -> None:
    group = make_cgroup()
    (folder,) = (v2 / "user").glob("ponder-*")
    assert (v2 / "user" / "cgroup.subtree_control").read_text() == "+pids"  # the last of the two that were written
    group.limit(96, 24)
    assert (folder / "memory.max").read_text() == str(96 << 20)
    assert (folder / "memory.swap.max").read_text() == "0"
    assert (folder / "pids.max").read_text() == "24"
    (folder / "memory.peak").write_text(str(5 << 20))
    (folder / "memory.events").write_text("low 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 0\n")
    assert group.out_of_memory() == 2
    assert group.peak_mb() == 5.0
    assert len(group.join) == 1


def test_what_cannot_be_written_is_told(v2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, text: str) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(CgroupsUnusable, match=r"v2: Permission denied \(.*cgroup.subtree_control\)"):
        make_cgroup()


def test_no_controllers_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "_own_cgroups", list)
    with pytest.raises(CgroupsUnusable, match="no memory and pids cgroups"):
        make_cgroup()
