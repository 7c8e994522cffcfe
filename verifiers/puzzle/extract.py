r"""Finds the final answer to a puzzle: any text, often of several lines (grids, moves, JSON).

In this order: the last claimed `\boxed{...}`; the last `<answer>...</answer>`; what follows the last "answer is" or
"Answer:" up to an empty line; the fenced block that ends the text; else all of it. What stands around an answer is
never looked through for one.
"""

from __future__ import annotations

import re

from verifiers.math.claims import claimed_beside, last_claim
from verifiers.math.context import whole_formula
from verifiers.math.extract import claimed_boxes, extract_answer, find_boxes
from verifiers.math.visible import answer_part

MAX_ANSWER = 20_000
"""Characters; the longest answers of reasoning-gym (moves of a tower of Hanoi) take some 5,000."""

_OPENING, _CLOSING = "<answer>", "</answer>"
_BOX_OPENS = re.compile(r"\\(?:boxed|fbox|framebox)(?![A-Za-z])")
_STATED = re.compile(r"\banswer(?:\*\*|__)?[ \t]*(?:is\b[ \t]*:?|:)(?:\*\*|__)?", re.IGNORECASE)
_ANNOUNCING = frozenset(("so", "and", "or", "then", "the", "my", "our", "final", "correct"))
"""What stands before "answer is"."""
_FENCE = re.compile(r"```[A-Za-z]*\n(.*?)\n?```", re.DOTALL)
_LAST_FENCE = re.compile(r"(?:\A|\n)```[A-Za-z]*\n((?:(?!```).)*?)\n?```\Z", re.DOTALL)
_AROUND = (("**", "**"), ("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"), ("`", "`"))
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d*)?(?:/\d+)?", re.ASCII)
_TEXT = re.compile(r"\\(?:text|texttt|textbf|mathrm|mathtt|mathbf)\s*\{([^{}]*)\}")
_LATEX = (
    (re.compile(r"\s*\\\\\s*"), "\n"),
    (re.compile(r"\\(?:times|cdot)(?![A-Za-z])"), "×"),
    (re.compile(r"\\(?:leftrightarrow|iff)(?![A-Za-z])"), "↔"),
    (re.compile(r"\\(?:rightarrow|to|implies)(?![A-Za-z])"), "→"),
    (re.compile(r"\\(?:land|wedge)(?![A-Za-z])"), "∧"),
    (re.compile(r"\\(?:lor|vee)(?![A-Za-z])"), "∨"),
    (re.compile(r"\\(?:neg|lnot)(?![A-Za-z])"), "¬"),
    (re.compile(r"\\([{}_#%&$])"), r"\1"),
    (re.compile(r"\\[ ,;!]"), " "),
)
"""What models write in mathematics for signs that the puzzles ask for."""


def final_answer(response: str) -> str | None:
    """The final answer of a response; "" when it is stated to be empty, None when there is none or several at once."""
    text = answer_part(response).strip()
    found = _boxed(text) if _BOX_OPENS.search(text) else _tagged(text) if _CLOSING in text else _other(text)
    return None if found is None or len(found) > MAX_ANSWER else found


def _boxed(text: str) -> str | None:
    boxes = find_boxes(text)
    last = max(match.start() for match in _BOX_OPENS.finditer(text))
    if not boxes or last >= boxes[-1][1]:  # cut off
        return None
    if not boxes[-1][2]:
        return ""
    found = extract_answer(text, after_thinking=False)
    if found.answer is None or found.hedged:  # denied, or one of several side by side
        return None
    claimed = claimed_boxes(text, boxes)
    if not claimed:
        return None
    start, end, inside = claimed[-1]
    whole = whole_formula(text, start, end, inside)
    if whole in (inside, f"({inside})"):
        return _unwrapped(_plain(inside))
    # A part of a formula is no answer, but a sign before a number belongs to it.
    return f"-{inside}" if _NUMBER.fullmatch(inside) and whole in (f"-({inside})", f"−({inside})") else None


def _tagged(text: str) -> str | None:
    before = text.rpartition(_CLOSING)[0]
    _, opened, inside = before.rpartition(_OPENING)
    return _unwrapped(inside) if opened else None


def _other(text: str) -> str | None:
    stated = list(_STATED.finditer(text))
    last = last_claim(text, stated)
    if stated and last is None:
        return None  # supposed or denied
    if last is not None and (rest := text[stated[last].end() :].strip("\n ")):
        if claimed_beside(text, stated, last) or (last > 0 and _beside(text, stated[last - 1], stated[last], rest)):
            return None
        fence = _FENCE.match(rest)
        return _unwrapped(fence[1] if fence else rest.partition("\n\n")[0])
    # searched from the last fence but one: linear in the text
    start = text.rfind("```", 0, max(len(text) - 3, 0))
    fence = _LAST_FENCE.search(text, max(start - 1, 0)) if start >= 0 else None
    return _unwrapped(fence[1] if fence else text) or None


def _beside(text: str, before: re.Match[str], last: re.Match[str], rest: str) -> bool:
    """Whether nothing but another answer stands between two statements: a grid, say, and then another grid.

    Three words in a row say something, a correction perhaps.
    """
    between = text[before.end() : last.start()].split()
    while between and between[-1].lower() in _ANNOUNCING:
        between.pop()
    said = [len(word) > 1 and word.strip(".,;:!?'").isalpha() for word in between]
    prose = any(all(said[i : i + 3]) for i in range(len(said) - 2))
    other = " ".join(between).rstrip(".")
    return bool(other) and not prose and not " ".join(rest.split()).startswith(other)


def _unwrapped(answer: str) -> str:
    """Without the marks of code, bold text and formulas around the whole of it; lines lose what trails them."""
    answer = answer.strip()
    if fence := _FENCE.fullmatch(answer):
        answer = fence[1]
    answer = answer.strip()
    for opening, closing in _AROUND:
        inside = answer[len(opening) : len(answer) - len(closing)]
        if answer == f"{opening}{inside}{closing}" and opening not in inside and closing not in inside:
            answer = (_plain(inside) if opening in ("$", "$$", r"\(", r"\[") else inside).strip()
    return "\n".join(line.rstrip() for line in answer.strip().splitlines())


def _plain(formula: str) -> str:
    formula = _TEXT.sub(r"\1", formula)
    for pattern, replacement in _LATEX:
        formula = pattern.sub(replacement, formula)
    return formula
