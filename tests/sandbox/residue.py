"""What a sandbox could leave behind on the machine: processes, cgroups, mounts, containers, files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import docker
import psutil

from sandbox.bubblewrap import UID_RANGE
from sandbox.docker import LABEL, USER

_USERS = (1000, int(USER.split(":")[0]))


@dataclass(frozen=True)
class Residue:
    """Everything of a sandbox that can be seen from outside."""

    processes: frozenset[int]
    cgroups: frozenset[str]
    mounts: frozenset[str]
    files: frozenset[str]
    containers: frozenset[str]

    def __sub__(self, before: Residue) -> dict[str, frozenset[object]]:
        """What is here and was not before, by kind; empty when nothing is."""
        kinds = self.__dataclass_fields__
        new = {kind: getattr(self, kind) - getattr(before, kind) for kind in kinds}
        return {kind: found for kind, found in new.items() if found}


def look(docker_address: str = "") -> Residue:
    """What there is now."""
    return Residue(
        processes=frozenset(_sandbox_processes()),
        cgroups=frozenset(str(path) for path in _cgroup_folders()),
        mounts=frozenset(line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()),
        files=frozenset(
            f"{folder}/{name}" for folder in ("/tmp", "/dev/shm", "/var/tmp") for name in os.listdir(folder)
        ),
        containers=frozenset(_containers(docker_address)) if docker_address else frozenset(),
    )


def _sandbox_processes() -> Iterable[int]:
    for process in psutil.process_iter(["pid", "uids", "cmdline", "name"]):
        uids = process.info["uids"]
        command = " ".join(process.info["cmdline"] or ())
        if (uids and uids.real in UID_RANGE) or process.info["name"] == "bwrap" or "sandbox.guest" in command:
            yield process.info["pid"]


def _files() -> Iterable[str]:
    """What users of sandboxes own in places that everybody can write to."""
    for folder in ("/tmp", "/dev/shm", "/var/tmp"):
        for entry in os.scandir(folder):
            owner = entry.stat(follow_symlinks=False).st_uid
            if owner in _USERS or owner in UID_RANGE:
                yield entry.path


def _cgroup_folders() -> Iterable[Path]:
    for root in ("/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids", "/sys/fs/cgroup"):
        yield from Path(root).glob("**/ponder-*")


def _containers(address: str) -> Iterable[str]:

    client = docker.DockerClient(base_url=address)
    try:
        yield from (container.id for container in client.containers.list(all=True, filters={"label": LABEL}))
    finally:
        client.close()
