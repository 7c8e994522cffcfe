"""The walls of a sandbox, tried from the inside: what `open_sandbox` insists on before it runs anything."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sandbox.types import Limits, Sandbox, SandboxError, Verdict

_PROBE = r"""
import ctypes, json, os, socket
def fails(attempt):
    try:
        attempt()
    except OSError as error:
        return error.strerror
    return ""
libc = ctypes.CDLL(None, use_errno=True)
def unshare():
    if libc.unshare(0x10000000) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
print(json.dumps({
    "network": fails(lambda: socket.socket(socket.AF_INET).connect(("192.0.2.1", 80))),
    "write": fails(lambda: open("/usr/ponder-probe", "w")),
    "unshare": fails(unshare),
    "capabilities": sum(int(status[name].strip(), 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")),
    "no_new_privileges": status["NoNewPrivs"].strip(),
    "seccomp": status["Seccomp"].strip(),
    "uid": os.getuid(),
    "pids": len([name for name in os.listdir("/proc") if name.isdigit()]),
    "home": os.path.exists("/root/.profile") or os.path.exists("/home/" + os.environ.get("USER", "?")),
    "environment": sorted(os.environ),
}))
"""


@dataclass(frozen=True)
class Check:
    """One thing that a sandbox has to do."""

    what: str
    held: bool
    detail: str


def examine_walls(sandbox: Sandbox) -> tuple[Check, ...]:
    """What a program can see and do in there.

    Raises:
        SandboxError: the program that looks does not run.
    """
    probe = sandbox.run(_PROBE, limits=Limits(wall_s=20.0))
    if probe.verdict is not Verdict.OK:
        raise SandboxError(f"a first program ended with {probe.verdict}: {probe.detail or probe.stderr}")
    found = json.loads(probe.stdout)
    return (
        Check("no network", bool(found["network"]), found["network"]),
        Check("read-only system", bool(found["write"]), found["write"]),
        Check("no host files", not found["home"], "the host's home folders are not there"),
        Check("own process space", found["pids"] <= 3, f"{found['pids']} processes in sight"),
        Check("not root, no rights", found["uid"] != 0 and not found["capabilities"]
              and found["no_new_privileges"] == "1", f"uid {found['uid']}, no capabilities, no new privileges"),
        Check("system-call filter", found["seccomp"] == "2" and bool(found["unshare"]), "seccomp"),
        Check("cleared environment", len(found["environment"]) <= 5, ", ".join(found["environment"])),
    )  # fmt: skip
