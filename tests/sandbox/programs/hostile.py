"""All hostile programs."""

from __future__ import annotations

from tests.sandbox.programs import Case
from tests.sandbox.programs.hostile_escape import ESCAPES
from tests.sandbox.programs.hostile_exits import EXITS
from tests.sandbox.programs.hostile_kernel import KERNEL
from tests.sandbox.programs.hostile_languages import LANGUAGES
from tests.sandbox.programs.hostile_processes import PROCESSES
from tests.sandbox.programs.hostile_resources import RESOURCES
from tests.sandbox.programs.hostile_state import BESIDE, PAIRS

HOSTILE: tuple[Case, ...] = PROCESSES + RESOURCES + EXITS + ESCAPES + KERNEL + LANGUAGES

__all__ = ["BESIDE", "HOSTILE", "PAIRS"]
