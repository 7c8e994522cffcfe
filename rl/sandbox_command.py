"""What `ponder sandbox doctor` prints."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.config import SandboxConfig
from sandbox.doctor import Diagnosis, diagnose


def describe_backends(config: SandboxConfig) -> tuple[list[str], bool]:
    """Lines for people, and whether a backend works."""
    found = list(diagnose(config))
    lines = [line for diagnosis in found for line in _describe(diagnosis)]
    usable = [diagnosis.name for diagnosis in found if diagnosis.works]
    if usable:
        lines.append(f"`backend: auto` takes {usable[0]}.")
    else:
        lines.append("No backend works: generated programs are refused, because they are never run without isolation.")
    return lines, bool(usable)


def _describe(diagnosis: Diagnosis) -> Iterator[str]:
    if diagnosis.checks:
        state = "works" if diagnosis.works else "does NOT isolate; it is not used"
        yield f"{diagnosis.name}: {state}"
        for check in diagnosis.checks:
            yield f"  {'ok  ' if check.held else 'FAIL'}  {check.what:<22}{check.detail}"
        yield f"  runs  {', '.join(diagnosis.languages)}; {diagnosis.milliseconds:.1f} ms for a trivial program"
    else:
        yield f"{diagnosis.name}: not here"
        yield f"  {diagnosis.reason}"
    yield ""
