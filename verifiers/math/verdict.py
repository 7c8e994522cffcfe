r"""Decides whether two answers are the same.

Equal texts, then plain numbers (exactly), then structure (units, lists, tuples, intervals, sets), then expressions.
What is not shown to be equal is wrong: in training a false positive is an exploit.
"""

from __future__ import annotations

import re

from verifiers.math.extract import Extraction, extract
from verifiers.math.normalise import normalise
from verifiers.math.numbers import equal_numbers, parse_number
from verifiers.math.symbolic import MAX_LENGTH, equal_expressions

_ALTERNATIVES = re.compile(r"\\text\{ ?or ?\}|(?<![A-Za-z\\])or(?![A-Za-z])")
_UNIT = re.compile(
    r"(?P<body>.*[\d})]) ?"
    r"(?:\\text\{(?P<text>[^{}\d]+)\}|(?<= )(?P<bare>[A-Za-z]{2,}(?: [A-Za-z]+)*|m))(?P<power>\^[23])?"
)
_NO_UNITS = {
    "and",
    "or",
    "not",
    "but",
    "pi",
    "mod",
    "if",
    "for",
    "when",
    "over",
    "to",
    "sin",
    "cos",
    "tan",
    "log",
    "ln",
} | {"sqrt", "percent", "dozen", "hundred", "thousand", "million", "billion"}
_NAMED = re.compile(r"(?:[A-Za-z]|\\[A-Za-z]+)(?:\([A-Za-z]\))?(?:=|\\in(?![A-Za-z]))")
_RELATION = re.compile(r"[=<>]|\\(?:le|ge|ne|in|lt|gt)(?![A-Za-z])")


def verify(gold: str, response: str) -> bool:
    """Whether the response's final answer equals the reference; never raises.

    Args:
        gold: the reference answer, with or without a box around it.
        response: a whole response; a bare answer works too.
    """
    return verify_extraction(gold, extract(response))


def verify_extraction(gold: str, found: Extraction) -> bool:
    """`verify` for an answer that was extracted already. A hedge and a missing answer are wrong."""
    return found.answer is not None and not found.hedged and equal_answers(gold, found.answer)


def equal_answers(gold: str, answer: str) -> bool:
    """Whether two answers, given without the text around them, are the same."""
    return _equal(normalise(gold), normalise(answer))


def _equal(gold: str, answer: str) -> bool:
    if not gold or not answer:
        return False
    if gold == answer:
        return True
    left, right = parse_number(gold), parse_number(answer)
    if left is not None and right is not None:
        return equal_numbers(left, right)
    if max(len(gold), len(answer)) > MAX_LENGTH:
        return False
    if _plain_text(gold) and _plain_text(answer):
        return _plain_text(gold) == _plain_text(answer)
    return _equal_structure(gold, answer)


def _plain_text(text: str) -> str:
    """The words of a short textual answer or a choice letter, in lower case; "" for anything else."""
    words = re.sub(r"\\text ?\{([^{}]*)\}", r"\1", text).strip()
    if match := re.fullmatch(r"\(?([A-Za-z])\)?", words):
        return match[1] if words.isalpha() else match[1].upper()
    return " ".join(words.lower().split()) if re.fullmatch(r"[A-Za-z][A-Za-z' -]+[A-Za-z]", words) else ""


def _equal_structure(gold: str, answer: str) -> bool:
    either = [_ALTERNATIVES.split(text) for text in (gold, answer)]
    if len(either[0]) > 1 or len(either[1]) > 1:  # an "or" is a hedge unless the reference has one too
        parts = [[p for text in texts for p in split_list(text)] for texts in either]
        return _same_elements(parts[0], parts[1], ordered=False)
    named, bare = (gold, answer) if _NAMED.match(gold) else (answer, gold)
    if _NAMED.match(named) and not _RELATION.search(bare):  # "x = 5" for 5
        return _equal(_NAMED.sub("", gold, count=1), _NAMED.sub("", answer, count=1))
    (gold_body, gold_unit), (answer_body, answer_unit) = _split_unit(gold), _split_unit(answer)
    if gold_unit or answer_unit:  # both written: they must agree; one left out: the number decides
        return (not gold_unit or not answer_unit or gold_unit == answer_unit) and _equal(gold_body, answer_body)
    if "\\cup" in gold and "\\cup" in answer:
        return _same_elements(gold.split("\\cup"), answer.split("\\cup"), ordered=False)
    inside = (_bracketed(gold), _bracketed(answer))
    if inside[0] and inside[1]:
        parts = [split_list(inside[0][1]), split_list(inside[1][1])]
        if len(parts[0]) > 1 or len(parts[1]) > 1 or inside[0][0] == "{}":
            return inside[0][0] == inside[1][0] and _same_elements(*parts, ordered=inside[0][0] != "{}")
    elif len(split_list(gold)) > 1 or len(split_list(answer)) > 1:
        pairs = zip(inside, (gold, answer), strict=True)  # a set may be written without its braces
        bare_lists = [split_list(part[1] if part and part[0] == "{}" else whole) for part, whole in pairs]
        return _same_elements(*bare_lists, ordered=False)
    return equal_expressions(gold, answer)


def split_list(text: str) -> list[str]:
    """Split at the commas and semicolons outside all brackets."""
    parts, depth, start = [], 0, 0
    for i, character in enumerate(text):
        depth += (character in "({[") - (character in ")}]")
        if character in ",;" and depth <= 0:
            parts.append(text[start:i].strip())
            start = i + 1
    return [*parts, text[start:].strip()]


def _bracketed(text: str) -> tuple[str, str] | None:
    """The kind of brackets around the whole text (`()`, `[)`, `{}`, ...) and what is inside."""
    text = text.replace("\\{", "{").replace("\\}", "}")
    if len(text) < 2 or text[0] not in "([{" or text[-1] not in ")]}":
        return None
    depth = 0
    for i, character in enumerate(text):
        depth += (character in "({[") - (character in ")}]")
        if depth == 0 and i < len(text) - 1:
            return None
    return text[0] + text[-1], text[1:-1]


def _same_elements(left: list[str], right: list[str], *, ordered: bool) -> bool:
    if len(left) != len(right):
        return False
    if ordered:
        return all(_equal(a, b) for a, b in zip(left, right, strict=True))
    rest = list(right)
    for element in left:
        match = next((i for i, other in enumerate(rest) if _equal(element, other)), None)
        if match is None:
            return False
        del rest[match]
    return True


def _split_unit(text: str) -> tuple[str, str]:
    match = _UNIT.fullmatch(text)
    if match is None:
        return text, ""
    unit = (match["text"] or match["bare"]).strip().lower()
    if set(unit.split()) & _NO_UNITS or not re.fullmatch(r"[a-z][a-z /.]*", unit):
        return text, ""
    return match["body"].strip(), unit.rstrip(".").removesuffix("s") + (match["power"] or "")
