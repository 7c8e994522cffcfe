r"""Brings LaTeX and plain text of an answer into one spelling, without changing what it means."""

from __future__ import annotations

import re

_CHARACTERS = str.maketrans(
    {"−": "-", "–": "-", "∞": r"\infty ", "π": r"\pi ", "∅": r"\emptyset ", "×": r"\times ", "·": r"\cdot ",
     "≤": r"\le ", "≥": r"\ge ", "∪": r"\cup ", "∈": r"\in ", "°": r"^\circ ", "\u00a0": " ", "\u2009": " "}
)  # fmt: skip
_RULES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\s+", " "),  # first: what follows may then look for single spaces in linear time
        (r"^ ?\\(?:boxed|fbox|framebox) ?\{(.*)\} ?$", r"\1"),
        (r"\\\$", ""),  # money
        (r"\$|\\[()\[\]]", ""),  # math delimiters
        (r"\\(?:left|right|[bB]ig{1,2}[lrm]?|displaystyle|limits)(?![A-Za-z])\.?", ""),
        (r"\\[,!;:>]|\\q?quad(?![A-Za-z])", ""),
        (r"\{,\}(?=\d{3})", ","),
        (r"\\ |~", " "),
        (r"\\[dtc]frac(?![A-Za-z])", r"\\frac"),
        (r"\\frac ?(\d) ?(\d)", r"\\frac{\1}{\2}"),
        (r"\\frac ?(\d) ?\{", r"\\frac{\1}{"),
        (r"(\\frac ?\{[^{}]*\}) ?(\d)", r"\1{\2}"),
        (r"\\sqrt ?(\d)", r"\\sqrt{\1}"),
        (r"\\(?:mathrm|textbf|textit|textrm|mbox|mathbf|operatorname|textnormal) ?\{", r"\\text{"),
        (r"\^ ?\{? ?\\(?:circ|degree)(?![A-Za-z]) ?\}?|\\degree(?![A-Za-z])", ""),
        (r"\\%", "%"),
        (r"\\varnothing(?![A-Za-z])|\\\{ ?\\\}", r"\\emptyset"),
        (r"\\leq(?![A-Za-z])", r"\\le"),
        (r"\\geq(?![A-Za-z])", r"\\ge"),
        (r"([_^])\{(\w)\}", r"\1\2"),
        (r" {2,}", " "),
        (r"(?<![A-Za-z0-9}]) | (?![A-Za-z0-9\\])", ""),  # spaces that separate nothing
    )
)


def normalise(text: str) -> str:
    """One spelling for one meaning, as far as that needs no parsing.

    Spaces between digits stay: `1 1/2` is not `11/2`.
    """
    text = text.translate(_CHARACTERS).strip()
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text.strip().rstrip(".,;").strip()
