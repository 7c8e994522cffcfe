"""Where is the program in a response?

The last fenced block of the language after the thinking; else the last fenced block without a label; else the text
itself when it looks like code. What a model wrote is never parsed here: a parser can be made to hang or crash.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

from verifiers.thinking import after_thinking

_LABELS = {
    "python": frozenset({"python", "pycon", "cpython"}),
    "cpp": frozenset({"cpp", "c++", "cc", "cxx", "c", "c++17", "c++14", "c++20", "cpp17", "g++"}),
    "javascript": frozenset({"javascript", "js", "node", "nodejs", "ecmascript", "jsx"}),
}

_FENCE = re.compile(
    r"^(?P<indent>[ \t>]{0,12})(?P<item>(?:[-*+]|\d{1,3}[.)])[ \t]+)?(?P<fence>`{3,}|~{3,})[ \t]*(?P<info>[^\n`]*)$",
    re.MULTILINE,
)
_CLOSING_INDENT = 3  # a closing fence may be indented so much more than the opening one (CommonMark)
_PYTHON_VERSION = re.compile(r"(?:python|py)[\d.]*$")

_PYTHON = re.compile(
    r"""try:.*
      | (?:def|class|import|from|for|while|if|with|return|raise|assert|del|global|async|lambda|pass|match)\b.*
      | (?:print|exec|main|input|exit|quit)\s*\(.*
      | @[\w.]+.*
      | [A-Za-z_][\w.]*(?:\[[^\]\n]{0,200}\])?(?:\s*,\s*\*?[A-Za-z_][\w.]*){0,20}\s*(?::[^=\n]{1,200})?
        (?:[-+*/%&|^@]|//|\*\*|<<|>>)?=(?!=).*
      | [A-Za-z_][\w.]*\s*\(.*
      | [({\[].*
      | [rbfu]{0,2}(?:\"\"\"|'''|").*
    """,
    re.VERBOSE,
)
_PYTHON_PROSE = re.compile(
    r"(?!from\s+\S+\s+import\b|import\s+\w+(?:\.\w+)*(?:\s+as\b|,))"
    r"(?:for|if|while|with|from|import|class|return|try|match|assert|pass|global)\b(?!.*[:(=\[]$)(?:\s+[\w',]+){3,}\s*[.,:!?]?$"
)
_BARE = {
    "cpp": re.compile(r"^[ \t]*#[ \t]*include\b|\bint\s+main\s*\(", re.MULTILINE),
    "javascript": re.compile(
        r"^[ \t]*(?:const|let|var|function|async|import|class)\b[^\n]*[({=;'\"]|\bconsole\.log\s*\(|\brequire\s*\(|=>",
        re.MULTILINE,
    ),
}


@dataclass(frozen=True, slots=True)
class _Block:
    label: str
    code: str


def extract_program(response: str, language: str = "python") -> str | None:
    """The program that a response states in a language; None when there is none.

    Args:
        response: a whole response, thinking included; a bare program works too.
        language: `python`, `cpp` or `javascript`.
    """
    answer = after_thinking(response).replace("\r\n", "\n").replace("\r", "\n")
    blocks = [block for block in _fenced(answer) if block.code.strip()]
    labels = _LABELS[language]
    for accepted in (labels, {""}):
        for block in reversed(blocks):
            if block.label in accepted:
                return block.code
    if blocks or not _looks_like(answer, language):
        return None
    return answer.strip("\n") + "\n"


def _fenced(text: str) -> list[_Block]:
    """The fenced blocks; one that is never closed reaches to the end."""
    blocks: list[_Block] = []
    opened: _Opened | None = None
    whole_is_code = _looks_like(text, "python")
    quotes = _Quotes(text)
    for match in _FENCE.finditer(text):
        fence, info, indent = match["fence"], match["info"].strip(), len(match["indent"] + (match["item"] or ""))
        if opened is None:
            if whole_is_code and quotes.open_at(match.start()):
                continue  # Markdown in a docstring of a bare program
            opened = _Opened(fence, indent, _label(info), min(match.end() + 1, len(text)))
        elif opened.closed_by(fence, indent) and not info and not match["item"]:
            blocks.append(_Block(opened.label, _clean(text[opened.start : match.start()], opened.indent)))
            opened = None
    if opened:
        blocks.append(_Block(opened.label, _clean(text[opened.start :], opened.indent)))
    return blocks


@dataclass(frozen=True, slots=True)
class _Opened:
    """A fence that was opened."""

    fence: str
    indent: int
    label: str
    start: int
    """Where the code starts."""

    def closed_by(self, fence: str, indent: int) -> bool:
        return fence.startswith(self.fence) and indent <= self.indent + _CLOSING_INDENT


class _Quotes:
    """Whether a place of a Python text lies in a triple-quoted string, roughly; asked from the front to the back."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._counts = {'"""': 0, "'''": 0}

    def open_at(self, place: int) -> bool:
        for quote in self._counts:
            self._counts[quote] += self._text.count(quote, self._at, place)
        self._at = place
        return any(count % 2 == 1 for count in self._counts.values())


def _label(info: str) -> str:
    """`python title="x"`, `{.python}`, `python:main.py` and `Python3.12` are all `python`."""
    words = info.lower().strip("{}. ").split()
    label = words[0].strip("{}.,:;").partition(":")[0] if words else ""
    return "python" if _PYTHON_VERSION.match(label) else label


def _clean(code: str, indent: int) -> str:
    code = code.strip("\n")
    if indent or code[:1] in (" ", "\t"):
        code = textwrap.dedent(code)
    return code + "\n" if code.strip() else ""


def _looks_like(text: str, language: str) -> bool:
    """Whether a text is a program: bounded, lenient (what is none will not compile), and prose is not one."""
    if language != "python":
        first = text.lstrip()[:200]
        return bool(_BARE[language].search(text[:100_000])) and not re.match(r"[A-Z][a-z']* [a-z]+ [a-z]+", first)
    for line in text[:20_000].split("\n"):
        line = line.rstrip()[:1000]
        if not line or line.lstrip().startswith("#"):
            continue
        return bool(_PYTHON.match(line)) and not _PYTHON_PROSE.match(line)
    return False
