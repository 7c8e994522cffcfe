"""A Docker engine for the tests: the one that is there, or one of their own.

The own one needs root, `dockerd` and `debootstrap` (`requirements/engine.sh` installs them on Debian). Its image is a
minimal Debian with Python, g++ and node, made once and kept with the engine's data under `build/engine/`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest
from docker.errors import DockerException, ImageNotFound

IMAGE = "ponder-sandbox-test:latest"
_FOLDER = Path(__file__).parents[2] / "build" / "engine"
_START_TIMEOUT_S = 60.0
_IMAGE_TIMEOUT_S = 600.0


@contextmanager
def engine() -> Iterator[str]:
    """The address of an engine that has `IMAGE`; skips the test where there can be none."""
    address = os.environ.get("DOCKER_HOST", "")
    if _answers(address):
        _make_image(address)
        yield address
        return
    missing = [name for name in ("dockerd", "debootstrap") if shutil.which(name) is None]
    if os.geteuid() != 0 or missing:
        pytest.skip(
            f"no Docker engine answers, and none can be started: {', '.join(missing) or 'root'} is missing "
            "(requirements/engine.sh installs what is needed)"
        )
    _FOLDER.mkdir(parents=True, exist_ok=True)
    # a socket's path may have 107 characters, and a checkout lies anywhere
    run = Path("/run/ponder-test-engine")
    run.mkdir(mode=0o700, exist_ok=True)
    address = f"unix://{run}/docker.sock"
    with (_FOLDER / "dockerd.log").open("wb") as log:
        daemon = subprocess.Popen(
            ["dockerd", "--iptables=false", "--ip6tables=false", "--bridge=none", "--data-root", _FOLDER / "data",
             "--exec-root", run / "exec", "--pidfile", run / "pid", "-H", address],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        give_up = time.monotonic() + _START_TIMEOUT_S
        while not _answers(address):
            if daemon.poll() is not None or time.monotonic() > give_up:
                pytest.fail(f"dockerd does not start; it said: {(_FOLDER / 'dockerd.log').read_text()[-2000:]}")
            time.sleep(0.1)
        _make_image(address)
        yield address
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(60)
        shutil.rmtree(run, ignore_errors=True)


def _client(address: str) -> docker.DockerClient:
    return docker.DockerClient(base_url=address, timeout=120) if address else docker.from_env(timeout=120)


def _answers(address: str) -> bool:
    try:
        client = _client(address)
    except DockerException:
        return False
    with_answer = False
    try:
        with_answer = client.ping()
    except DockerException:
        pass
    finally:
        client.close()
    return bool(with_answer)


def _make_image(address: str) -> None:
    client = _client(address)
    try:
        client.images.get(IMAGE)
        return
    except ImageNotFound:
        pass
    finally:
        client.close()
    if shutil.which("debootstrap") is None or os.geteuid() != 0:
        pytest.skip(f"the engine has no image {IMAGE}, and debootstrap, as root, would be needed to make it")
    root = _FOLDER / "root"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    subprocess.run(
        ["debootstrap", "--variant=minbase", "--include=python3,g++,nodejs", "bookworm", str(root)],
        check=True, stdout=subprocess.DEVNULL, timeout=_IMAGE_TIMEOUT_S,
    )  # fmt: skip
    tar = subprocess.Popen(["tar", "-C", str(root), "--exclude=./var/cache", "-c", "."], stdout=subprocess.PIPE)
    assert tar.stdout is not None
    subprocess.run(
        ["docker", *(["-H", address] if address else []), "import", "-", IMAGE],
        check=True, stdin=tar.stdout, stdout=subprocess.DEVNULL, timeout=_IMAGE_TIMEOUT_S,
    )  # fmt: skip
    tar.stdout.close()
    assert tar.wait(60) == 0
    shutil.rmtree(root)
