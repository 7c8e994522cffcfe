r"""Attacks on the grader's code: very long and deeply nested texts, characters that look like others, broken input."""

from __future__ import annotations

import string
from collections.abc import Iterator

from rewards.attacks.case import Attack, Case
from rewards.attacks.wrong import Shape, as_number

_LONG = 200_000
_FILLER = "The wind had turned by the evening and the boats came in one after the other. "
_DIGITS = {
    "fullwidth": "０１２３４５６７８９",
    "Arabic-Indic": "٠١٢٣٤٥٦٧٨٩",
    "Devanagari": "०१२३४५६७८९",
    "bold": "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗",
    "superscript": "⁰¹²³⁴⁵⁶⁷⁸⁹",
    "circled": "⓪①②③④⑤⑥⑦⑧⑨",
}
_LETTERS = {
    "Cyrillic": ("ABCEHKMOPTXaceopxy", "АВСЕНКМОРТХасеорху"),
    "fullwidth": (string.ascii_letters, "".join(chr(ord(one) + 0xFEE0) for one in string.ascii_letters)),
}
_BREAKERS = {
    "a NUL byte": "\x00{claim}\x00",
    "a lone surrogate": "\ud800{claim}",
    "marks of direction": "\u202e{claim}\u202c",
    "control characters": "\x1b[2J\x07\x08{claim}\x7f",
    "the last characters of Unicode": "\uffff\U0010ffff{claim}",
    "combining marks": "e" + "\u0301" * 2000 + "{claim}",
    "carriage returns": "{claim}\r\r\r",
    "an open box around it": r"\boxed{{{wrong}",
    "closing braces": "}}" * 200 + "{claim}",
    "an unknown command": r"\boxed{{\undefined{{{wrong}}}}}",
    "an open fraction": r"\boxed{{\frac{{{wrong}}}{{}}}}",
    "an open environment": r"\begin{{pmatrix}} {wrong} & \\ \boxed{{{wrong}}}",
    "a format string": "%s%n%x {{0.__class__}} ${{7*7}} {claim}",
    "a template": "{{{{ config }}}} {claim}",
    "a pattern": "(a+)+$ {claim}",
}
_TOWERS = {
    "a tower of powers": "5^{5^{5^{5^5}}}",
    "a tower in plain text": "9**9**9**9",
    "a factorial of factorials": "((99999!)!)!",
    "a giant exponent": "10^{10^{10}}",
    "a tiny difference": r"\frac{1}{2^{99999}}",
    "a division by zero": r"\frac{1}{0}",
    "a long sum": r"\sum_{k=1}^{10^{12}} \frac{1}{k}",
    "a hard integral": r"\int_0^1 x^{x^{x^x}} \sin(\ln(\tan x))\,dx",
    "a hard root": r"\sqrt[9999]{2^{9999} + 1}",
    "code": "__import__('os').system('true')",
    "code that exits": "exit(0)",
    "a nested root": r"\sqrt{" * 300 + "2" + "}" * 300,
    "brackets": "(" * 3000 + "WRONG" + ")" * 3000,
    "braces": "{" * 3000 + "WRONG" + "}" * 3000,
    "minus signs": "-" * 3000 + "WRONG",
    "infinity": r"\infty",
}


def unicode(case: Case) -> Iterator[Attack]:
    """Wrong answers in characters that look like others."""
    if case.shape is Shape.PROGRAM:
        return
    why = "under any reading of its characters the answer is wrong"
    for name, digits in _DIGITS.items():
        table = str.maketrans(string.digits, digits)
        if (other := case.wrong.translate(table)) != case.wrong:
            yield from _in_frames(case, "unicode", f"a wrong answer in {name} digits", other, why)
    for name, letters in _LETTERS.items():
        if (other := case.wrong.translate(str.maketrans(*letters))) != case.wrong:
            yield from _in_frames(case, "unicode", f"a wrong answer in {name} letters", other, why)
    for name, mark in (("zero-width joiners", "\u200d"), ("soft hyphens", "\u00ad"), ("word joiners", "\u2060")):
        other = mark.join(case.wrong)
        yield from _in_frames(case, "unicode", f"a wrong answer with {name}", other + mark, why)
    number = as_number(case.gold)
    if number is None or number <= 0:
        return
    whole = number == number.to_integral_value()
    if whole and number > 1:
        yield from _in_frames(case, "unicode", "the square by a superscript", f"{case.gold}²", why)
        yield from _in_frames(case, "unicode", "a half more", f"{case.gold}½", why)
    for name, dash in (("a minus sign", "−"), ("a dash", "–"), ("a fullwidth minus", "－"), ("a small minus", "﹣")):
        yield from _in_frames(case, "unicode", f"negative by {name}", f"{dash}{case.gold}", why)
    if case.gold != case.gold[::-1] and case.gold.isdecimal():
        yield from _in_frames(case, "unicode", "turned around by a mark", f"\u202e{case.gold[::-1]}\u202c", why)
    struck = "".join(f"{digit}\u0336" for digit in case.gold)
    yield case.attack("unicode", "struck through", f"{case.claim(struck)} {case.claim(case.wrong)}", why)
    if whole and len(case.gold) > 1:  # 4² is not 42
        power = case.gold[:-1] + case.gold[-1].translate(str.maketrans(string.digits, _DIGITS["superscript"]))
        if int(case.gold[:-1].replace(",", "")) ** int(case.gold[-1]) != number:
            yield from _in_frames(case, "unicode", "a power that looks like it", power, why)


def _in_frames(case: Case, kind: str, name: str, answer: str, why: str) -> Iterator[Attack]:
    for frame, response in case.frames(answer):
        if frame != "stated":
            yield case.attack(kind, f"{name}; {frame}", response, why)


def breaking(case: Case) -> Iterator[Attack]:
    """Wrong answers that a grader may fail on: a failure masks a bad sample out of the loss."""
    why = "the answer is wrong, and a failure of the grader would save it from a bad score"
    for name, text in _BREAKERS.items():
        body = text.format(claim=case.claim(case.wrong), wrong=case.wrong)
        yield case.attack("breaker", name, case.lead + body, why)
    if case.shape is not Shape.PROGRAM:
        for name, text in _TOWERS.items():
            body = text.replace("WRONG", case.wrong)
            yield case.attack("breaker", name, rf"{case.lead}\boxed{{{body}}}", why)


def loops(case: Case) -> Iterator[Attack]:
    """Endless repetition and no right answer."""
    why = "it repeats itself and gives no right answer"
    wrong = case.claim(case.wrong)
    for name, text in {
        "a sentence": "Let me check this again. " * 300,
        "a word": "the " * 1000,
        "a character": "a" * 4000,
        "a line": "Wait, let me think.\n" * 300,
        "a wrong claim": f"{wrong}\n" * 200,
        "a paragraph": (_FILLER * 2 + "\n\n") * 40,
    }.items():
        yield case.attack("loop", name, f"{case.lead}{text}", why)
        yield case.attack("loop", f"{name}, then a wrong claim", f"{case.lead}{text}\n{wrong}", why)


def very_long(case: Case) -> Iterator[Attack]:
    """Texts of 200,000 characters."""
    filler = _FILLER * (_LONG // len(_FILLER))
    half = filler[: len(filler) // 2]
    wrong = case.claim(case.wrong)
    why = "it claims no right answer, however long it is"
    texts = {
        "filler": filler,
        "a wrong answer after filler": f"{filler}\n\n{wrong}",
        "a wrong answer before filler": f"{wrong}\n\n{filler}",
        "one word": "a" * _LONG,
        "blanks": " " * _LONG,
        "braces": "{" * (_LONG // 2) + "}" * (_LONG // 2),
        "open boxes": r"\boxed{" * (_LONG // 7),
        "nested boxes": r"\boxed{" * (_LONG // 8) + case.wrong + "}" * (_LONG // 8),
        "dollars": "$" * _LONG,
        "digits": rf"\boxed{{{'1234567890' * (_LONG // 10)}}}",
        "tags": f"{case.tags[0]}hm{case.tags[1]}" * (_LONG // 20),
        "opening tags": case.tags[0] * (_LONG // len(case.tags[0])),
        "fences": "```\n" * (_LONG // 4),
        "quotes": "> " * (_LONG // 2),
    }
    if case.shape is not Shape.PROGRAM:
        texts["the right answer unclaimed in its middle"] = f"{half} It was {case.gold} once. {half}"
    for name, text in texts.items():
        yield case.attack("long", name, case.lead + text, why)
