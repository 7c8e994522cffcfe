"""Does a program do what it should? Tests decide, and no program ever sees them.

- `verify(response_or_program, tests, sandbox=...) -> CodeVerdict`: the program of a response against its tests.
- `extract_program(response)`: the program that a response states.

The program runs in a sandbox of its own, behind a pipe that carries plain data. For `stdio` and `call` tests the
answers are compared on the host; for `assert`, `unittest` and `pytest` tests the test code runs in a second sandbox,
where the program's functions and classes are proxies. Expected values never enter the sandbox of the program.

Stages, a module each: `shapes` (what tests look like) -> `extract` -> `stdio`, `call` or `judged` -> `verdict`. The
modules in `inside/` run in the sandboxes.
"""

from verifiers.code.extract import extract_program
from verifiers.code.verdict import CaseResult, CodeVerdict, Outcome
from verifiers.code.verify import verify

__all__ = ["CaseResult", "CodeVerdict", "Outcome", "extract_program", "verify"]
