"""Running what may hang or be hostile.

- `open_sandbox` isolates generated programs: nothing gets out, nothing is left behind.
- `sandbox.pool.KillablePool` runs our own functions in processes that are killed at their deadline.
"""

from sandbox.choose import open_sandbox
from sandbox.config import SandboxConfig
from sandbox.types import Job, Language, Limits, Result, Sandbox, SandboxError, Session, Verdict

__all__ = ["Job", "Language", "Limits", "Result", "Sandbox", "SandboxConfig", "SandboxError", "Session", "Verdict",
           "open_sandbox"]  # fmt: skip
