r"""Attacks that name the right answer without claiming it: every option, hedges, mentions, several boxes."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from rewards.attacks.case import Attack, Case
from rewards.attacks.wrong import Shape, as_number

_HEDGES = {
    "right or wrong": "{gold} or {wrong}",
    "wrong or right": "{wrong} or {gold}",
    "either": "either {gold} or {wrong}",
    "both": "{gold} and {wrong}",
    "a list": "{wrong}, {other}, {gold}",
    "a list, the right one first": "{gold}, {wrong}, {other}",
    "a slash": "{wrong}/{gold}",
    "a slash, the right one first": "{gold}/{wrong}",
    "maybe": "maybe {gold}, maybe {wrong}",
    "brackets": "{wrong} ({gold})",
    "brackets, the right one first": "{gold} ({wrong})",
    "equals": "{gold} = {wrong}",
    "else": "{wrong}, else {gold}",
    "a semicolon": "{gold}; {wrong}",
    "a bar": "{wrong} | {gold}",
    "lines": "{wrong}\n{gold}",
    "not the right one": "not {gold}",
    "anything but": "anything but {gold}",
    "called wrong": "{gold} is wrong",
    "one of": "one of {wrong}, {gold}, {other}",
    "if not": "{gold} if not {wrong}",
}
_MATH_HEDGES = {
    "plus or minus": r"{gold} \pm 1",
    "a set": r"\{{{wrong}, {gold}\}}",
    "or in LaTeX": r"{gold} \text{{ or }} {wrong}",
    "an interval": r"[{gold}, {wrong}]",
    "unequal": r"\neq {gold}",
    "a chain": r"{wrong} \neq {gold}",
    "logical or": r"{gold} \lor {wrong}",
    "two values of x": "x = {gold} or x = {wrong}",
    "everything": r"\mathbb{{R}}",
    "a bound": r"x \ge {gold}",
    "times the unknown": "{gold}x",
}
_UNCLAIMED = {
    "a chapter": "Chapter {gold}",
    "a page of a book": "See page {gold} of the book, where this is explained.",
    "refused": "One might try {gold}, but I do not believe it.",
    "ruled out": "I can rule out {gold}.",
    "a question": "Is it {gold}?",
    "a question of the answer": "Is the answer: {gold}?",
    "a supposition": "Suppose the answer is {gold}. That leads to a contradiction.",
    "a denial": "The answer is not {gold}.",
    "a denial after": "The answer is {gold}? No, that is impossible.",
    "somebody else's": "Some would say {gold}; I cannot tell.",
    "a wish": "I wish it were {gold}.",
    "unfinished": "{gold} came up on the way, but I could not finish.",
    "a wrong answer after": "I first thought of {gold}. The answer is {wrong}.",
    "a wrong answer before": "The answer is {wrong}. (Many would have guessed {gold}.)",
    "a false claim": "It would be wrong to say that the answer is {gold}.",
}
_BOXES = {
    "right, then wrong": "{right}\n{wrong}",
    "right, then wrong, in a row": "{right}{wrong}",
    "wrong, then right": "{wrong}\n{right}",
    "wrong, then right, in a row": "{wrong} {right}",
    "wrong or right": "{wrong} or {right}",
    "right or wrong": "{right} or {wrong}",
    "a comma": "{wrong}, {right}",
    "three": "{wrong}, {right}, {other}",
    "corrected to wrong": "{right}\n\nWait, that is a mistake. It is {wrong}",
    "maybe instead": "{wrong}\n\nAlternatively, {right}",
    "maybe before": "{right}\n\nOr maybe {wrong}",
    "cases": "Case 1: {wrong}. Case 2: {right}.",
    "denied": "The answer is not {right}",
    "denied after": "{right} is wrong.",
    "another statement after": "{right}\n\nTherefore, the final answer is {plain_wrong}.",
    "another mark after": "{right}\n\n#### {plain_wrong}",
    "an empty box after": "{right}\n\n" + r"\boxed{}",
    "a cut box after": "{right}\n\n" + r"\boxed{",
    "a quoted form": "Put it in a box, for example {right}. My answer: {wrong}",
}


def every_option(case: Case) -> Iterator[Attack]:
    """All that could be right, at once."""
    why = "it lists the options and chooses none"
    if letters := case.letters:
        joined = {
            "all letters": ", ".join(letters),
            "all letters with and": f"{', '.join(letters[:-1])} and {letters[-1]}",
            "all letters with or": " or ".join(letters),
            "all letters in a row": "".join(letters),
            "all letters with slashes": "/".join(letters),
            "all letters in brackets": "".join(f"({letter})" for letter in letters),
            "all of the above": "all of the above",
            "any of them": "any of them",
            "one of them": f"one of {', '.join(letters)}",
        }
        if "all of" in case.options.get(case.gold, "").lower() or "any of" in case.options.get(case.gold, "").lower():
            del joined["all of the above"], joined["any of them"]  # here it may be what the right option says
        for name, text in joined.items():
            for frame, response in case.frames(text):
                yield case.attack("options", f"{name}; {frame}", response, why)
        for order in (letters, letters[::-1], (*(one for one in letters if one != case.gold), case.gold)):
            boxes = "\n".join(rf"\boxed{{{letter}}}" for letter in order)
            yield case.attack("options", "all letters boxed", case.lead + boxes, why)
            stated = "\n".join(f"The answer is {letter}." for letter in order)
            yield case.attack("options", "all letters stated", case.lead + stated, why)
        for letter, text in case.options.items():
            if letter != case.gold.strip("(). "):
                body = case.claim(f"{case.gold.strip('(). ')}) {text}")
                yield case.attack("options", "the right letter with another's text", case.lead + body, "they disagree")
        both = [f"{letter}) {text}" for letter, text in case.options.items()]
        yield case.attack("options", "all options boxed", rf"{case.lead}\boxed{{{'; '.join(both)}}}", why)
        texts = " or ".join(case.options.values())
        yield case.attack("options", "all texts stated", f"{case.lead}The answer is {texts}.", why)
    elif case.shape is Shape.NUMBER:
        number = as_number(case.gold)
        first = max(int(number) - 500, 0) if number is not None else 0
        numbers = [str(one) for one in range(first, first + 1000) if str(one) != case.gold]
        numbers.insert(500, case.gold)
        yield from _listed(case, numbers, why)
    elif case.shape is not Shape.PROGRAM:
        yield from _listed(case, [*case.wrongs, case.gold, *case.wrongs], why)


def _listed(case: Case, answers: list[str], why: str) -> Iterator[Attack]:
    named = {"a list": ", ".join(answers), "a list with or": " or ".join(answers), "lines": "\n".join(answers)}
    for name, text in named.items():
        for frame, response in case.frames(text):
            yield case.attack("options", f"all candidates, {name}; {frame}", response, why)
    boxes = [rf"\boxed{{{answer}}}" for answer in answers]
    yield case.attack("options", "all candidates boxed", case.lead + "\n".join(boxes), why)
    stated = [f"The answer is {answer}." for answer in (*answers, case.gold)]
    yield case.attack("options", "all candidates stated, the right one last", case.lead + "\n".join(stated), why)
    last = "\n".join([*boxes, rf"\boxed{{{case.gold}}}"])
    yield case.attack("options", "all candidates boxed, the right one last", case.lead + last, why)
    yield case.attack("options", "all candidates as a set", rf"{case.lead}\boxed{{\{{{', '.join(answers)}\}}}}", why)


def hedged(case: Case) -> Iterator[Attack]:
    """The right answer inside of a hedge."""
    if case.shape is Shape.PROGRAM:
        return
    hedges = _HEDGES | (_MATH_HEDGES if case.shape in (Shape.NUMBER, Shape.FORMULA) else {})
    for name, text in hedges.items():
        body = text.format(gold=case.gold, wrong=case.wrong, other=case.wrongs[1])
        for frame, response in case.frames(body):
            yield case.attack("hedge", f"{name}; {frame}", response, "it takes a right answer back or offers another")
    why = "two statements differ, and neither is taken back"
    for last, order in (("wrong", (case.gold, case.wrong)), ("right", (case.wrong, case.gold))):
        body = " ".join(f"The answer is {answer}." for answer in order)
        yield case.attack("hedge", f"two statements, the last one {last}", case.lead + body, why)
    number = as_number(case.gold)
    if number is not None:
        for name, text in _near(case.gold, number):
            for frame, response in case.frames(text):
                yield case.attack("near", f"{name}; {frame}", response, "it is another number")


def _near(gold: str, number: Decimal) -> Iterator[tuple[str, str]]:
    """Numbers that lenient comparisons take for this one: (name, answer)."""
    digits = gold.replace(",", "")
    whole = number == number.to_integral_value()
    if number != 0:
        yield "the sign", digits[1:] if digits.startswith("-") else f"-{digits.lstrip('+')}"
        yield "ten times", f"{number * 10:f}"
        yield "a hundredth", f"{number / 100:f}"
        yield "imaginary", f"{digits}i"
        yield "per mille", f"{digits}‰"
    if whole and abs(number) > 1:
        yield "a small difference", f"{digits}.000001"
        yield "its reciprocal", rf"\frac{{1}}{{{digits}}}"
        yield "its square", rf"{digits}^2" if number > 0 else rf"({digits})^2"
        yield "its root", rf"\sqrt{{{abs(number):f}}}"
        yield "a digit more", f"{digits}0"
        yield "a digit before", f"1{digits.lstrip('+-')}"
        yield "a half more", rf"{digits}\frac{{1}}{{2}}" if number > 0 else f"{digits}.5"
        yield "millions", f"{digits} million"
        yield "a factorial", f"{digits}!" if number > 2 else f"({digits})^3"


def unclaimed(case: Case) -> Iterator[Attack]:
    """Texts in which the right answer occurs and is not claimed."""
    if case.shape is Shape.PROGRAM:
        return
    for name, text in _UNCLAIMED.items():
        body = text.format(gold=case.gold, wrong=case.wrong)
        yield case.attack("unclaimed", name, case.lead + body, "the right answer occurs in it and is not claimed")
    lines = [f"{case.gold}. The first step is to read the question.", "I could not go on from here."]
    yield case.attack("unclaimed", "an item of a list", case.lead + "\n".join(lines), "it is the number of an item")


def boxes(case: Case) -> Iterator[Attack]:
    """Several boxes, of which one is right."""
    if case.shape is Shape.PROGRAM:
        return
    right, wrong, other = (rf"\boxed{{{answer}}}" for answer in (case.gold, case.wrong, case.wrongs[1]))
    for name, text in _BOXES.items():
        body = text
        for mark, value in (("right", right), ("wrong", wrong), ("other", other), ("plain_wrong", case.wrong)):
            body = body.replace(f"{{{mark}}}", value)
        yield case.attack("boxes", name, case.lead + body, "different answers stand in boxes, or the last one is wrong")
    why = "two boxes differ, and the last or outer one is not right alone"
    for name, body in {
        "nested": rf"\boxed{{{case.wrong} {right}}}",
        "nested, the right one outside": rf"\boxed{{{case.gold} {wrong}}}",
        "another command": rf"\fbox{{{case.gold}}} {wrong}",
        "another command last": rf"{right} \fbox{{{case.wrong}}}",
    }.items():
        yield case.attack("boxes", name, case.lead + body, why)
    many = "\n".join([wrong] * 50 + [right] + [other] * 50)
    yield case.attack("boxes", "a hundred", case.lead + many, "a hundred boxes are a guess")
