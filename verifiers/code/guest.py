"""What the jobs carry: the sources of `inside/`, and for pytest the packages it needs."""

from __future__ import annotations

import functools
import importlib.util
import io
import marshal
import zipfile
from importlib.resources import files
from pathlib import Path

from sandbox.types import Job, Limits
from verifiers.code.inside.wire import SOURCE

_CANDIDATE = ("plain", "wire", "capture", "handles", "library", "exports", "candidate")
_JUDGE = ("plain", "wire", "handles", "library", "errors", "link", "proxies", "remote", "cases", "assert_tests",
          "unittest_tests", "pytest_tests", "judge")  # fmt: skip
_MESSAGE_BYTES = 64 << 20
"""Of all messages that a program may send in one verification."""


def candidate_job(program: str, wall_s: float, memory_mb: int) -> Job:
    """The program behind its driver."""
    # libraries are tested with servers of their own
    limits = Limits(wall_s=wall_s, memory_mb=memory_mb, output_bytes=_MESSAGE_BYTES, loopback=True)
    sources = {**_sources(_CANDIDATE), SOURCE: program.encode("utf-8", "surrogatepass")}
    return Job(_main("candidate"), files=sources, limits=limits, channel=True)


def judge_job(test_files: dict[str, str | bytes], wall_s: float) -> Job:
    """The test code's side."""
    limits = Limits(wall_s=wall_s, memory_mb=1024, output_bytes=_MESSAGE_BYTES)
    return Job(_main("judge"), files={**_sources(_JUDGE), **test_files}, limits=limits, channel=True)


def _main(module: str) -> str:
    return f"from verifiers.code.inside.{module} import main\nmain()\n"


@functools.cache
def _sources(names: tuple[str, ...]) -> dict[str, str | bytes]:
    packages = ("verifiers", "verifiers/code", "verifiers/code/inside")
    return {
        **{f"{package}/__init__.py": b"" for package in packages},
        **{file: content for name in names for file, content in _module(f"verifiers/code/inside/{name}.py").items()},
    }


def _module(path: str) -> dict[str, str | bytes]:
    """A module's source, and beside it the compiled one, which saves an interpreter of this version the time."""
    source = (files("verifiers.code.inside") / path.rpartition("/")[2]).read_bytes()
    return {path: source, importlib.util.cache_from_source(path): _compiled(source, path)}


_PYTEST_PACKAGES = ("pytest", "_pytest", "pluggy", "iniconfig", "packaging")
_STUBS = {
    "py.py": "import sys\nimport _pytest._py.error as error\nimport _pytest._py.path as path\n"
    "sys.modules['py.error'] = error\nsys.modules['py.path'] = path\n",
    # Colours for terminals: pytest imports these names and uses them only where it colours.
    "pygments/__init__.py": "def highlight(source, lexer, formatter):\n    return source\n",
    "pygments/util.py": "class ClassNotFound(ValueError): ...\nclass OptionError(Exception): ...\n",
    "pygments/lexer.py": "class Lexer: ...\n",
    "pygments/lexers/__init__.py": "",
    "pygments/lexers/diff.py": "class DiffLexer: ...\n",
    "pygments/lexers/python.py": "class PythonLexer: ...\n",
    "pygments/formatters/__init__.py": "",
    "pygments/formatters/terminal.py": "class TerminalFormatter: ...\n",
}


@functools.cache
def pytest_packages() -> bytes:
    """A zip of pytest and what it needs, as they are installed here: pure Python, whatever interpreter runs them.

    Raises:
        RuntimeError: pytest is not installed; says the way out.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for package in _PYTEST_PACKAGES:
            found = importlib.util.find_spec(package)
            if found is None or found.origin is None:
                raise RuntimeError(f"tests of type 'pytest' need {package}, which is not installed: pip install pytest")
            folder = Path(found.origin).parent
            for path in sorted(folder.rglob("*.py")):
                name = f"{package}/{path.relative_to(folder)}"
                source = path.read_bytes()
                archive.writestr(name, source)
                archive.writestr(name + "c", _compiled(source, name))
        for name, text in _STUBS.items():
            archive.writestr(name, text)
            archive.writestr(name + "c", _compiled(text.encode(), name))
    return packed.getvalue()


def _compiled(source: bytes, name: str) -> bytes:
    """A .pyc for this interpreter's version; others ignore it and compile the source."""
    unchecked = (1).to_bytes(4, "little") + bytes(8)
    return importlib.util.MAGIC_NUMBER + unchecked + marshal.dumps(compile(source, name, "exec", dont_inherit=True))
