"""`open_sandbox`: the first backend that works here, or a refusal that says the ways out."""

from __future__ import annotations

from sandbox.bubblewrap import BubblewrapBackend
from sandbox.config import BACKENDS, SandboxConfig
from sandbox.probe import examine_walls
from sandbox.types import SandboxError
from sandbox.warm import Backend, WarmSandbox


def make_backend(name: str, config: SandboxConfig) -> Backend:
    """A backend by its name, with nothing started yet.

    Raises:
        SandboxError: something that it needs is missing.
    """
    if name == "docker":
        from sandbox.docker import DockerBackend  # the SDK takes a quarter of a second to import

        return DockerBackend(config.image)
    return BubblewrapBackend(config.python, config.read_only)


def _open(name: str, config: SandboxConfig) -> WarmSandbox:
    sandbox = WarmSandbox(make_backend(name, config), config.workers)
    try:
        if open_walls := [check.what for check in examine_walls(sandbox) if not check.held]:
            raise SandboxError(f"it does not isolate ({', '.join(open_walls)})")
    except BaseException:
        sandbox.close()
        raise
    return sandbox


def open_sandbox(config: SandboxConfig | None = None) -> WarmSandbox:
    """A sandbox that runs programs; close it, or use it in a `with`.

    Raises:
        SandboxError: no backend works here. Programs are never run without isolation.
    """
    config = config or SandboxConfig()
    names = BACKENDS if config.backend == "auto" else (config.backend,)
    reasons = []
    for name in names:
        try:
            return _open(name, config)
        except SandboxError as error:
            reasons.append(f"  {name}: {error}")
    raise SandboxError(
        "generated programs cannot be isolated here, so none is run:\n" + "\n".join(reasons) + "\n"
        "Ways out: (1) install bubblewrap and allow unprivileged user namespaces, (2) give this user a Docker engine. "
        "`ponder sandbox doctor` says what works."
    )
