"""What the sandboxes of one process could leave behind on the machine: processes, cgroups, containers, files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import docker
import psutil

from sandbox.bubblewrap import uid_of
from sandbox.docker import LABEL

_SLOTS = 64


def residue(owner: int, docker_address: str = "") -> dict[str, set[object]]:
    """Everything that the process `owner` started and that can be seen from outside; empty when nothing is there."""
    users = {uid_of(owner, number) for number in range(_SLOTS)}
    found: dict[str, set[object]] = {
        "processes": set(_processes(users)),
        "cgroups": set(_cgroups(owner)),
        "files": set(_files(users)),
        "containers": set(_containers(owner, docker_address)) if docker_address else set(),
    }
    return {kind: things for kind, things in found.items() if things}


def _processes(users: set[int]) -> Iterable[int]:
    for process in psutil.process_iter(["uids"]):
        if process.info["uids"] and process.info["uids"].real in users:
            yield process.pid


def _cgroups(owner: int) -> Iterable[str]:
    for root in ("/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids", "/sys/fs/cgroup"):
        yield from map(str, Path(root).glob(f"**/ponder-{owner}-*"))


def _files(users: set[int]) -> Iterable[str]:
    for folder in ("/tmp", "/dev/shm", "/var/tmp"):
        for entry in os.scandir(folder):
            if entry.stat(follow_symlinks=False).st_uid in users:
                yield entry.path


def _containers(owner: int, address: str) -> Iterable[str]:
    client = docker.DockerClient(base_url=address)
    try:
        for container in client.containers.list(all=True, filters={"label": f"{LABEL}={owner}"}):
            yield container.name
    finally:
        client.close()
