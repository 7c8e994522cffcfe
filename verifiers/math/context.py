r"""What stands around an answer in a response: alternatives beside it, a denial, a formula that it is part of.

All of it looks at a short stretch of text on either side, so that no response takes long.
"""

from __future__ import annotations

import re

_MAX_BETWEEN = 160
_MAX_BESIDE = 100

_NUMBERED = (
    r"\b(?:(?:case|option|attempt|possibility|scenario|candidate|guess|variant|version|alternative|choice|method|approach|try"
    r"|hypothesis|answer|solution)\s?(?:\#|no\.)?\s?(?:\d{1,3}|(?-i:[A-Z]{1,4}))(?!\w)(?:\s?[).])?"
    r"|(?:first|second|third|fourth|other|another|next|last)\s(?:case|option|attempt|possibility|scenario|candidate|guess))"
)
LABEL = rf"{_NUMBERED}|(?<![\w\\])\(?(?:[a-h]|[ivx]{{1,4}}|\d{{1,2}})\)|(?<=\n)\d{{1,2}}\."
"""What numbers answers that are offered beside each other; steps and parts of a question are none of these."""
_JOINER = re.compile(
    rf"(?:{LABEL}|[\s$,;:.&}}|/*•–—-]|\\?%|"
    r"\b[A-Za-z]\s*=|\\[()\[\],;! \\]|\\(?:q?quad|text|end|begin)(?![A-Za-z])\{?|"
    r"\b(?:or|and|also|either|maybe|perhaps|possibly|alternatively|vs|versus|aligned?)\b)*+",
    re.IGNORECASE,
)
_DOUBT = re.compile(
    r"\b(?:or|alternatively|maybe|perhaps|possibly|probably|could|might|may|either|else|option|possibility|another|further|other\s+(?:root|solution|answer|value))\b",
    re.IGNORECASE,
)
_CASE = re.compile(_NUMBERED, re.IGNORECASE)
_CONCLUDED = re.compile(
    r"\b(?:contradict\w*|impossible|reject\w*|discard\w*|invalid|extraneous|exclude[ds]?|fails?|cannot|not|no|only|same|total|"
    r"sum|adding|combin\w*|altogether|so|therefore|thus|hence|overall|finally?|larger|smaller|greater|bigger|too|maximum|minimum|"
    r"best)\b|n't\b",
    re.IGNORECASE,
)
"""Words that say what becomes of a case, or what follows from all of them."""
_CORRECTION = re.compile(
    r"\b(?:wait|correct(?:ed|ion|ly|ing)?|mistake|actually|wrong|instead|error|re-?check|sorry|incorrect|hmm|fix)\b",
    re.IGNORECASE,
)
_COMMENTED = re.compile(r"[$\s]*\s%[^\n]*+\Z")
"""The rest of a line that LaTeX does not show."""
_OR_BEFORE = re.compile(
    r"([^\s$]{0,30}\d[^\s$]{0,30}|\$[^$]{1,30}\$)\$?\s*(?:,\s*)?(?:\\text\s*\{\s*)?\b(?i:or)\b(?:\s|\}|\$|\\\(|\\)*$"
)
_OR_AFTER = re.compile(
    r"[\s$)]*(?:[,.;]\s*)?\(?(?:\\text\s*\{\s*)?\b(?i:or)\b[\s}$]*(?:\\text\{)?"
    r"(?:(?i:also|equivalently|simply|about|approximately|roughly|just|it(?:\s+is|'s)|is),?[\s$]*)*"
    r"([^\s$.,;]*\d[^$\n,;]{0,30}?)(?=[$\n,;]|\.(?:\s|$)|\s|$)"
)
_DOUBT_AFTER = re.compile(
    r"[\s$)}.,;(]*\b(?:or\s+(?:maybe|perhaps|possibly|else|even)|maybe|perhaps|possibly|alternatively|"
    r"another\s+(?:possibility|possible\s+answer|answer|option)|"
    r"(?:but|although|though)\s+(?:it|this|that|the\s+answer)\s+(?:might|could|may)(?!\s+be\s+\w+ed))\b([^\n]{0,60})",
    re.IGNORECASE,
)
_DENIED_BEFORE = re.compile(
    r"(?:\b(?:not|never|cannot\s+be|can't\s+be|anything\s+but|different\s+from|negative|minus|twice|half\s+of)|n't(?:\s+be)?)"
    r"\s*(?:equal\s+to)?[\s$(]*$",
    re.IGNORECASE,
)
"""Words that deny what follows or change its value. A bound ("at least") may be what was asked for."""
_TAKEN_BACK = re.compile(
    r"[\s$).,;!*—-]*(?:(?:no|wait|hmm+|but|however|sorry|oops|actually|well)\b[,.!…]*\s+)*(?:that|this|which|it)\s+"
    r"(?:answer\s+)?(?:(?:is|was|seems|would\s+be)\s+(?:clearly\s+|obviously\s+|of\s+course\s+)?(?:wrong|incorrect|false"
    r"|untrue|absurd|nonsense|a\s+(?:mistake|contradiction)|an\s+error|impossible|not\s+possible)(?!\s+(?:to|for|that)\b)"
    r"|(?:cannot|can't)\s+be(?:\s+(?:right|true|correct|so|the\s+answer))?\s*(?:[.,;!\n]|\Z)|leads\s+to\s+a\s+contradiction)",
    re.IGNORECASE,
)
"""Words that withdraw what stands before them."""
_DENIED_AFTER = re.compile(
    r"[\s$).,]*(?:no,?\s+)?(?:that\s+|this\s+|which\s+)?(?:(?:is|was|seems)\s+(?:wrong|incorrect|false|a\s+mistake|an\s+error|not\s+(?:right|correct|true|the\s+answer))|isn't\b|"
    r"does(?:\s+not|n't)\s+(?:work|hold|fit)|\(\s*(?:wrong|incorrect|false)\b)|"
    r"[\s$]*(?:hundred|trillion|dozen|thirds|halves|and\s+a\s+half|plus|minus)\b",
    re.IGNORECASE,
)
"""Words that deny what stands before them or change its value."""
_COMMANDS = r"(?:cdot|times|div|pm|mp|bmod|mod|sqrt|[dtc]?frac|pi|theta|alpha|sin|cos|tan|ln|log|binom)(?![A-Za-z])"
_OPERATOR_BEFORE = re.compile(
    r"(?:\d|[\w)}] ?[*/+^_]\s?|[\w)}] ?[-−]\s?|(?:[$=({\[]|\\[(\[])\s*[-−]\s*|(?:^|\n)[-−]|\}\s*\{|[×÷√≠≥≤]\s*|"
    r"(?:\\(?:ne|neq|not|ge|geq|le|leq|gt|lt)|!=|\\not=)\s*|"
    rf"\\{_COMMANDS}\s*(?:\[\d\])?\s*[{{(]?\s*)$"
)
_OPERATOR_AFTER = re.compile(
    r"(?:[ \t]|\\[,;! ])*(?:\^(?!\s?\{?\s?\\circ)|_|[×÷²³]|\+ ?[\w\\(]|[-−] ?[\d\\]|\*[\w\\(]|/ ?[\d\\(]|\{)|"
    rf"(?:[ \t]|\\[,;! ])*\\{_COMMANDS}|\.\d|\d|!(?=\s*\$)|\((?=\d)"
)
_MATH_OPERATOR_AFTER = re.compile(r"(?:[ \t]|\\[,;! ])*(?:[A-Za-z](?![A-Za-z])|\(|[-−/] ?[\w(]|= ?[^\s$])")
_FACTOR_AFTER = re.compile(r"\s?(\\?%|(?:thousand|million|billion)\b)")
_FORMULA_START = re.compile(r"[=$\n:]|\\[(\[]")
_FORMULA_END = re.compile(r"[$\n=]|\\[)\]]|[.,;](?:\s|$)")


def side_by_side(text: str, end: int, start: int) -> bool:
    """Whether two answers with this text between them are one statement, and not a correction or another part."""
    if start - end > _MAX_BETWEEN:
        return text[end : end + _MAX_BETWEEN].isspace() and text[end:start].isspace()
    between = text[end:start]
    if _JOINER.fullmatch(between) or _COMMENTED.match(between):
        return True
    if _CORRECTION.search(between):
        return False
    return bool(_DOUBT.search(between)) or (bool(_CASE.search(between)) and not _CONCLUDED.search(between))


def offered_beside(text: str, start: int, end: int) -> list[str]:
    """Alternatives that are written right before or after an answer: `41 or [42]`, `[42]. Or maybe 41`."""
    before = _OR_BEFORE.search(text, max(start - _MAX_BESIDE, 0), start)
    after = _OR_AFTER.match(text, end, end + _MAX_BESIDE) or _DOUBT_AFTER.match(text, end, end + _MAX_BESIDE)
    return [match[1].strip(" $") for match in (before, after) if match and "box" not in match[1]]


def is_denied(text: str, start: int, end: int) -> bool:
    """Whether an answer is said not to be one: `not [42]`, `[42] is wrong`."""
    before = _DENIED_BEFORE.search(text, max(start - _MAX_BESIDE, 0), start)
    return (
        before is not None or is_taken_back(text, end) or _DENIED_AFTER.match(text, end, end + _MAX_BESIDE) is not None
    )


def is_taken_back(text: str, end: int) -> bool:
    """Whether an answer is withdrawn right after it: `42. Wait, that is a mistake.`"""
    return _TAKEN_BACK.match(text, end, end + _MAX_BESIDE) is not None


def whole_formula(text: str, start: int, end: int, inside: str) -> str:
    """The formula that a box is part of, such as `-(5)` for `-[5]` and `2(5)` for `2[5]`; mostly the box alone."""
    if factor := _FACTOR_AFTER.match(text, end, end + _MAX_BESIDE):
        return f"{inside} {factor[1]}"
    before = _OPERATOR_BEFORE.search(text, max(start - 14, 0), start)
    after = _OPERATOR_AFTER.match(text, end, end + _MAX_BESIDE)
    if _in_dollars(text, start):
        after = after or _MATH_OPERATOR_AFTER.match(text, end, end + _MAX_BESIDE)
    if before is None and after is None:
        return inside
    left, right = text[max(start - _MAX_BESIDE, 0) : start], text[end : end + _MAX_BESIDE]
    for found in list(_FORMULA_START.finditer(left))[-1:]:
        left = left[found.end() :]
    if found_end := _FORMULA_END.search(right):
        right = right[: found_end.start()]
    return f"{left.strip()}({inside}){right.strip()}"


def _in_dollars(text: str, place: int) -> bool:
    """Whether a place lies between two dollar signs of its line."""
    line = text[max(text.rfind("\n", 0, place) + 1, place - 500) : place]
    return len(re.findall(r"(?<!\\)\$\$?", line)) % 2 == 1
