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
    "python": frozenset({"python", "py", "python3", "python2", "py3", "python3.11", "pycon", "cpython"}),
    "cpp": frozenset({"cpp", "c++", "cc", "cxx", "c", "c++17", "c++14", "c++20", "cpp17", "g++"}),
    "javascript": frozenset({"javascript", "js", "node", "nodejs", "ecmascript", "jsx"}),
}

_FENCE = re.compile(r"^[ \t>]{0,12}(`{3,}|~{3,})[ \t]*([^\n`]*)$", re.MULTILINE)

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
    "cpp": re.compile(r"^\s*#\s*include\b|\bint\s+main\s*\(", re.MULTILINE),
    "javascript": re.compile(
        r"^\s*(?:const|let|var|function|async|import|class)\b[^\n]*[({=;'\"]|\bconsole\.log\s*\(|\brequire\s*\(|=>",
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
    opened: tuple[str, str, int] | None = None  # fence, label, where the code starts
    whole_is_code = _looks_like(text, "python")
    for match in _FENCE.finditer(text):
        fence, info = match[1], match[2].strip()
        if opened is None:
            if whole_is_code and _inside_string(text[: match.start()]):
                continue  # Markdown in a docstring of a bare program
            opened = (fence, _label(info), min(match.end() + 1, len(text)))
        elif fence[0] == opened[0][0] and len(fence) >= len(opened[0]) and not info:
            blocks.append(_Block(opened[1], _clean(text[opened[2] : match.start()])))
            opened = None
    if opened:
        blocks.append(_Block(opened[1], _clean(text[opened[2] :])))
    return blocks


def _label(info: str) -> str:
    """`python title="x"`, `{.python}` and `Python 3` are all `python`."""
    words = info.lower().strip("{}. ").split()
    return words[0].strip("{}.,:;") if words else ""


def _clean(code: str) -> str:
    code = textwrap.dedent(code).strip("\n")
    return code + "\n" if code.strip() else ""


def _inside_string(before: str) -> bool:
    return before.count('"""') % 2 == 1 or before.count("'''") % 2 == 1


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
