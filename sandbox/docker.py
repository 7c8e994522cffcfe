"""The backend `docker`: zygotes in containers of a Docker engine, for machines where bubblewrap cannot be used.

A container has no network, a read-only system, no capability, no new privileges, an ordinary user, and limits of
memory, processes and CPU. It is warm: it serves one program after another. A program cannot have namespaces of its own
in there, so between two programs process 1 kills every other process and empties every place that can be written; a
container in which that fails is thrown away. Shared memory segments, semaphores and queues are refused by the
system-call filter.
"""

from __future__ import annotations

import itertools
import os
import socket
import struct
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import docker
from docker.errors import DockerException, ImageNotFound
from requests import RequestException

from sandbox.guest.places import FOLDER
from sandbox.slot import BOOTSTRAP, Slot, inside_environment
from sandbox.types import Job, SandboxError

LABEL = "ponder.sandbox"
"""Every container carries it; its value is the process that started it."""

USER = "65534:65534"
"""Nobody, who has an entry in the images that people use."""
_OWN_MB = 24
"""What the zygote and the runner need beside the program, in MiB."""
_OWN_PROCESSES = 2
_COPIES = 3
_CPUS = 1.0
_FILES_MB = 1024
_API_TIMEOUT_S = 60
_STDERR = 2
_FRAME = struct.Struct(">BxxxI")
_FAILURES = (DockerException, RequestException)
_serial = itertools.count()


class DockerBackend:
    """Starts slots in containers."""

    name = "docker"

    def __init__(self, image: str) -> None:
        """Look for the engine and the image; start nothing.

        Args:
            image: has `python3`, and `g++` and `node` where such programs are to run.

        Raises:
            SandboxError: no engine answers, or it does not have the image.
        """
        address = os.environ.get("DOCKER_HOST", "its default socket")
        try:
            self._client = docker.from_env(timeout=_API_TIMEOUT_S)
            self._client.ping()
        except _FAILURES as error:
            raise SandboxError(
                f"no Docker engine answers at {address}: start one, let this user reach it, or set DOCKER_HOST "
                f"({error})"
            ) from None
        try:
            self._client.images.get(image)
        except ImageNotFound:
            raise SandboxError(
                f"the engine at {address} has no image {image}; `docker pull {image}`, or name another as `image`"
            ) from None
        self._image = image

    def start_slot(self) -> Slot:
        """A fresh container with a warm interpreter.

        Raises:
            SandboxError: it does not start.
        """
        settings = {
            "namespaces": False,
            "environment": inside_environment(),
            "cgroups": [],
        }
        try:
            container = _Container(self._client, self._image)
        except _FAILURES as error:
            raise SandboxError(f"the engine does not start a container: {error}") from None
        return Slot(container, _ContainerMeter(container), settings, poll_tree=False)


class _Container:
    """A container and the connection to its first process."""

    def __init__(self, client: docker.DockerClient, image: str) -> None:
        self._client = client
        self.memory_mb, self.processes = 512, 64
        writable = f"size={_FILES_MB}m,nr_inodes=65536,mode=1777,nosuid,nodev"
        self.container = client.containers.create(
            image,
            ["python3", "-I", "-c", BOOTSTRAP],
            name=f"ponder-sandbox-{os.getpid()}-{next(_serial)}-{os.urandom(3).hex()}",
            labels={LABEL: str(os.getpid())},
            stdin_open=True,  # and the engine ends the container's input when this process goes
            auto_remove=True,
            network_mode="none",
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            user=USER,
            ipc_mode="private",
            hostname="sandbox",
            working_dir="/",
            entrypoint=[],
            environment=inside_environment(),
            tmpfs={FOLDER: f"{writable},exec", "/tmp": f"{writable},exec"},
            shm_size=f"{_FILES_MB}m",
            mem_limit=(self.memory_mb + _OWN_MB) << 20,
            memswap_limit=(self.memory_mb + _OWN_MB) << 20,
            pids_limit=self.processes + _OWN_PROCESSES,
            nano_cpus=int(_CPUS * 1e9),
            ulimits=[docker.types.Ulimit(name="core", soft=0, hard=0)],
            log_config=docker.types.LogConfig(type="none"),
        )
        self._incoming = bytearray()
        self._said = b""
        self._closed = False
        try:
            self._attached = self.container.attach_socket(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
            self.connection: socket.socket = self._attached._sock
            self.container.start()
        except BaseException:
            self._remove()
            raise

    def limit(self, memory_mb: int, processes: int) -> None:
        """Change the container's limits where they differ."""
        if (memory_mb, processes) == (self.memory_mb, self.processes):
            return
        size = (memory_mb + _OWN_MB) << 20
        limits = {"Memory": size, "MemorySwap": size, "PidsLimit": processes + _OWN_PROCESSES}
        api = self._client.api  # whose own `update_container` knows no limit of processes
        api._raise_for_status(api._post_json(api._url("/containers/{0}/update", self.container.id), data=limits))
        self.memory_mb, self.processes = memory_mb, processes

    def decode(self, data: bytes) -> bytes:
        """The engine's stream: eight bytes say which output and how much follows."""
        self._incoming += data
        wanted = []
        start = 0
        while len(self._incoming) - start >= _FRAME.size:
            output, length = _FRAME.unpack_from(self._incoming, start)
            end = start + _FRAME.size + length
            if len(self._incoming) < end:
                break
            payload = bytes(self._incoming[start + _FRAME.size : end])
            if output == _STDERR:
                self._said = (self._said + payload)[-2000:]
            else:
                wanted.append(payload)
            start = end
        del self._incoming[:start]
        return b"".join(wanted)

    def close(self) -> str:
        if not self._closed:
            self._closed = True
            self._attached.close()
            self._remove()
        return self._said.decode("utf-8", "replace").strip()

    def _remove(self) -> None:
        """Gone or being removed is as good; so is an engine that is gone, which removes it when it finds it ended."""
        with suppress(*_FAILURES):
            self.container.remove(force=True)


class _ContainerMeter:
    """Limits by the container; what was used is told by the inside."""

    def __init__(self, container: _Container) -> None:
        self._container = container

    def before(self, job: Job) -> None:
        try:
            # the inside holds what it is sent, and the program's copy of it
            size = len(job.program) + len(job.stdin) + sum(map(len, job.files.values()))
            self._container.limit(job.limits.memory_mb + (_COPIES * size >> 20), job.limits.processes)
        except _FAILURES as error:
            raise OSError(f"the engine does not change the container's limits: {error}") from error

    def after(self, report: Mapping[str, Any]) -> tuple[bool, float]:
        return report["oom_kills"] > 0, report["peak_kb"] / 1024
