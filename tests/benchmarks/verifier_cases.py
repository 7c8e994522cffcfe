r"""The mix that `bench_verifier` judges: answers of public test sets, what else equals them, and what does not.

Every variant comes from a fixed rule for its kind of answer, so that what a verdict should be is known without a
verifier. A rule returns None, or the answer as it was, where it does not apply.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

FILES = ("math500_test.jsonl", "gsm8k_test.jsonl", "aime24.jsonl")
SEED = 0
GSM8K = 200
WORDS = ("Evelyn", "Navin", "Carla", "east", "west", "even", "odd", "ellipse", "parabola")


@dataclass(frozen=True)
class Reference:
    """An answer of a data set; the question tells what its brackets and units mean."""

    answer: str
    question: str
    words: bool
    """A word problem, whose answer may have a unit."""


@dataclass(frozen=True)
class Case:
    """One question to both verifiers."""

    gold: str
    answer: str
    group: str
    rule: str

    @property
    def right(self) -> bool:
        """What the verdict should be."""
        return self.group != "c"


# --- The kinds of answers -------------------------------------------------------------------------------------------

_BRACED = r"\{(?:[^{}]|\{[^{}]*\})*\}"
_FRACTION = re.compile(rf"\\[dt]?frac\s*({_BRACED}|\d)\s*({_BRACED}|\d)")
_UNIT = re.compile(r"(?:\s*\\(?:text|mbox)\{[^{}]*\}(?:\^\d)?|\s*\^(?:\\circ|\{\\circ\}))$")
_NUMBER = re.compile(r"(-?)(?:(\d+)\s*)?\\[dt]?frac\s*(\{\d+\}|\d)\s*(\{\d+\}|\d)|-?\d*\.?\d+")
_SEPARATOR = re.compile(r"(?<=\d),(?:\\!)?\s*(?=\d{3}(?!\d))")
_WORD = re.compile(r"\\text\{([A-Za-z]+)\}")
_CHOICE = re.compile(r"\\text\{\(([A-E])\)\}")
_BASE = re.compile(r"(\d+)_(?:\{(\d+)\}|(\d))")
_LETTERS = re.compile(r"(?<![\\A-Za-z])[A-Za-z](?![A-Za-z])")


def magnitude(text: str) -> tuple[str, str]:
    """An answer without and its unit: `5.4 \text{ cents}` -> `5.4` and the rest. A currency sign stays."""
    unit = _UNIT.search(text)
    return (text[: unit.start()], text[unit.start() :]) if unit and unit.start() else (text, "")


def number(text: str) -> Fraction | None:
    """The value of a plain number, fraction or mixed number; None for all else."""
    bare = _SEPARATOR.sub("", magnitude(text)[0].removeprefix("\\$"))
    match = _NUMBER.fullmatch(bare)
    if match is None:
        return None
    if match[3] is None:
        return Fraction(bare)
    value = int(match[2] or 0) + Fraction(int(match[3].strip("{}")), int(match[4].strip("{}")))
    return -value if match[1] else value


def split(text: str, at: str) -> list[str]:
    """Parts of a text between characters outside all brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character in at and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def brackets(text: str) -> tuple[str, list[str], str] | None:
    r"""`(1, 2]` as its bracket, its parts and its other bracket; `\left` may stand before them."""
    match = re.fullmatch(r"(?:\\left)?([(\[])(.*?)(?:\\right)?([)\]])", text)
    parts = split(match[2], ",") if match else []
    return (match[1], parts, match[3]) if match and len(parts) > 1 and "(" not in match[2] else None


def is_interval(reference: Reference) -> bool:
    """Whether brackets are those of intervals: by the notation, or because the question says so."""
    text = reference.answer
    inside = brackets(text.removeprefix("x \\in "))
    return "\\cup" in text or bool(
        inside and (inside[0] + inside[2] != "()" or "\\infty" in text or "interval" in reference.question)
    )


def terms(text: str) -> list[str]:
    """The signed terms of a sum; a single one for anything else."""
    if re.search(r"\\pm|\\in|\\begin|\\text|[=,_]", text):
        return [text]
    spread, depth = "", 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        spread += f"\0{character}" if character in "+-" and not depth and spread.strip() else character
    return [re.sub(r"^([+-])\s+", r"\1", term.strip()) for term in spread.split("\0")]


def joined(parts: Sequence[str]) -> str:
    """The sum of signed terms."""
    text = " ".join(f"{part[0]} {part[1:].strip()}" if part[0] in "+-" else f"+ {part}" for part in parts)
    return text.removeprefix("+ ") if text.startswith("+ ") else text.replace("- ", "-", 1)


def is_expression(text: str) -> bool:
    """Neither a plain number nor a list, set, equation, matrix, word...: something one can add to."""
    return number(text) is None and not re.search(r"\\pm|\\in|\\cup|\\begin|\\text|\\mbox|\\circ|[=,_]", text)


# --- (b) The same value written differently -------------------------------------------------------------------------

Rule = Callable[[Reference], str | None]


def spaces(reference: Reference) -> str | None:
    """No space that LaTeX does not need, or spaces around signs, commas and brackets."""
    text = reference.answer
    if "\\text" in text or "\\mbox" in text or _SEPARATOR.search(text):
        return None
    tight = re.sub(r"(\\[A-Za-z]+)\s+(?=[A-Za-z])|\s+", lambda m: f"{m[1]} " if m[1] else "", text)
    return tight if tight != text else re.sub(r"(?<=[\w})])([-+=,])(?=[\w\\({-])", r" \1 ", text)


def slashes(reference: Reference) -> str | None:
    r"""`a/b` for `\frac{a}{b}`, in brackets where needed."""

    def part(text: str) -> str:
        text = text[1:-1] if text[0] == "{" else text
        return text if re.fullmatch(r"\d+|\\pi|[a-z]", text) else f"({text})"

    if re.search(r"\d\s*\\frac", reference.answer):  # a mixed number
        value = number(reference.answer)
        return f"{value}{magnitude(reference.answer)[1]}" if value is not None else None
    return _FRACTION.sub(lambda m: f"{part(m[1])}/{part(m[2])}", reference.answer)


def fraction_braces(reference: Reference) -> str | None:
    """A fraction with braces where TeX needs none, without where it needs none; a fraction for `a/b`."""
    text = re.sub(r"(?<![\d}])(\d+)/(\d+)", r"\\frac{\1}{\2}", reference.answer)
    if text != reference.answer:
        return text

    def again(match: re.Match[str]) -> str:
        top, bottom = (part[1:-1] if part[0] == "{" else part for part in match.groups())
        braced = f"\\frac{{{top}}}{{{bottom}}}"
        return f"\\frac{top}{bottom}" if braced == match[0] and re.fullmatch(r"\d\d", top + bottom) else braced

    return _FRACTION.sub(again, text) if "\\dfrac" not in text else None


def decimals(reference: Reference) -> str | None:
    """A finite decimal for a fraction, and zeros at the end of an integer or a decimal."""
    text, unit = magnitude(reference.answer)
    value = number(text)
    if value is None or text.startswith("\\$"):
        return None
    if value.denominator == 1:
        return f"{value}.0{unit}"
    if "frac" not in text:
        return f"{'0' if text[0] == '.' else ''}{text}0{unit}"
    scaled = value * 10**4
    return f"{float(value):.4f}".rstrip("0") + unit if scaled.denominator == 1 else None


def fraction(reference: Reference) -> str | None:
    value = number(reference.answer)
    if value is None or "frac" in reference.answer or "." not in reference.answer or "$" in reference.answer:
        return None
    return f"\\frac{{{value.numerator}}}{{{value.denominator}}}{magnitude(reference.answer)[1]}"


def thousands(reference: Reference) -> str | None:
    """Commas in a large number, or none."""
    text = reference.answer
    if number(text) is None:
        return None
    plain = _SEPARATOR.sub("", text)
    return plain if plain != text else re.sub(r"^-?\d{4,}$", lambda match: f"{int(match[0]):,}", text)


def tex_thousands(reference: Reference) -> str | None:
    """Commas without the space that TeX puts after them."""
    text = reference.answer
    return _SEPARATOR.sub("{,}", text) if number(text) is not None else None


def left_right(reference: Reference) -> str | None:
    r"""Brackets with `\left` and `\right`, or without."""
    text = reference.answer
    if "\\text" in text:
        return None
    if "\\left" in text:
        return text.replace("\\left", "").replace("\\right", "")
    return re.sub(r"([)\]])", r"\\right\1", re.sub(r"([(\[])", r"\\left\1", text))


def reordered(reference: Reference) -> str | None:
    """Terms of a sum, parts of a union, answers of a list the other way round."""
    text = reference.answer
    if "\\cup" in text:
        return " \\cup ".join(reversed(text.split(" \\cup ")))
    if re.fullmatch(r"-?\d+(?:,\s*-?\d+)+", text) and number(text) is None:
        return ", ".join(reversed(split(text, ",")))
    if text.startswith("\\{"):
        return "\\{" + ", ".join(reversed(split(text[2:-2], ","))) + "\\}"
    if factors := re.fullmatch(r"(\([^()]+\))(\([^()]+\))", text):
        return factors[2] + factors[1]
    left, equals, right = text.rpartition("=")
    parts = terms(right.strip())[::-1]
    return f"{left}{equals} {joined(parts)}".strip() if len(parts) > 1 else None


def swapped_sides(reference: Reference) -> str | None:
    left, equals, right = reference.answer.partition("=")
    return f"{right.strip()} = {left.strip()}" if equals else None


def two_for_pm(reference: Reference) -> str | None:
    r"""Two answers for one with `\pm`."""
    text = reference.answer
    both = [text.replace("\\pm", sign) for sign in "+-"]
    return ", ".join(both) if "\\pm" in text and not text.startswith("\\{") else None


def unit_dropped(reference: Reference) -> str | None:
    text, unit = magnitude(reference.answer)
    return text.removeprefix("\\$") if unit or text.startswith("\\$") else None


def unit_written(reference: Reference) -> str | None:
    """The unit in other words; the one that the question asks for where the reference has none."""
    text, unit = magnitude(reference.answer)
    if unit:
        if "circ" in unit:
            return f"{text}\\text{{ degrees}}"
        plain = re.sub(r"\\text\{(.*?)\}", r"\1", unit)
        return text + (plain if plain != unit else unit.replace("\\mbox", "\\text"))
    if text.startswith("\\$"):
        return text[2:] + "\\text{ dollars}"
    if not reference.words:
        return None
    asked = reference.question.rpartition(".")[2].lower()
    if "$" in reference.question and "how much" in asked:
        return f"\\${text}"
    noun = re.search(r"how many (?:more |total |fewer )?(\w{3,}s)\b", asked)
    return f"{text} \\text{{ {noun[1]}}}" if noun else None


def assigned(reference: Reference) -> str | None:
    """`x = ` before a number, or none before what has it."""
    text = reference.answer
    if text.startswith(("x=", "x \\in ")):
        return re.sub(r"^x\s*(?:=|\\in)\s*", "", text)
    return f"x = {text}" if number(text) is not None or (is_expression(text) and not _LETTERS.search(text)) else None


def word(reference: Reference) -> str | None:
    """A word or choice without its `\\text`."""
    match = _CHOICE.fullmatch(reference.answer) or _WORD.fullmatch(reference.answer)
    return match[1] if match else None


def replacing(pattern: str, by: str) -> Rule:
    """A rule that replaces a pattern wherever it is found."""
    return lambda reference: re.sub(pattern, by, reference.answer)


SAME: dict[str, Rule] = {
    "spaces": spaces,
    "dfrac": replacing(r"\\frac", r"\\dfrac"),
    "slashes": slashes,
    "fraction braces": fraction_braces,
    "decimals": decimals,
    "fraction": fraction,
    "thousands": thousands,
    "tex thousands": tex_thousands,
    "left right": left_right,
    "reordered": reordered,
    "swapped sides": swapped_sides,
    "two for pm": two_for_pm,
    "unit dropped": unit_dropped,
    "unit written": unit_written,
    "assigned": assigned,
    "textbf": replacing(r"\\text(?=\{\(?[A-Za-z]+\)?\}$)", r"\\textbf"),
    "word": word,
    "braces": replacing(r"(\^|_|\\sqrt)(\d)(?!\d)", r"\1{\2}"),
    "no braces": replacing(r"(\^|_|\\sqrt)\{(\d)\}", r"\1\2"),
    "times": replacing(r"(\d)\s*(\\sqrt|\\pi)", r"\1 \\cdot \2"),
    "matrix": replacing("pmatrix", "bmatrix"),
    "full stop": replacing("$", "."),
    "dollars": replacing("^(.*)$", r"$\1$"),
}


# --- (c) Certainly something else -----------------------------------------------------------------------------------


def other_digit(reference: Reference) -> str | None:
    """Another digit. Powers of 1 and multiples of 0 would stay what they are, and a factor 1 may be left out."""
    text, unit = magnitude(reference.answer)
    if _CHOICE.fullmatch(text):
        return None
    draw = random.Random(f"{SEED} {text}")
    digits = [m.start() for m in re.finditer(r"\d", text)]
    if _BASE.fullmatch(text):
        digits = [i for i in digits if i < text.index("_")]
    if not digits:
        return None
    place = draw.choice(digits)
    # Never to 0: that would lead a number, or empty a fraction.
    digit = draw.choice([digit for digit in "123456789" if digit != text[place]])
    return text[:place] + digit + text[place + 1 :] + unit


def other_sign(reference: Reference) -> str | None:
    """The sign of a number, of the last term of a sum, of the first part of a tuple or of an equation's last term."""
    text, unit = magnitude(reference.answer)
    value = number(text)
    if value is not None:
        return None if value == 0 else (text[1:] if text[0] == "-" else f"-{text}") + unit
    if (inside := brackets(text)) and not is_interval(reference) and number(inside[1][0]):
        first = inside[1][0]
        return f"({', '.join([first[1:] if first[0] == '-' else f'-{first}', *inside[1][1:]])})"
    left, equals, right = text.rpartition("=")
    if equals and right.strip() == "0":
        left, equals, right = "", "", left
        parts = terms(right)
        return joined([*parts[:-1], negated(parts[-1])]) + " = 0" if len(parts) > 1 else None
    if not equals and not is_expression(text):
        return None
    parts = terms(right.strip())
    return f"{left}{equals} {joined([*parts[:-1], negated(parts[-1])])}".strip()


def negated(term: str) -> str:
    """A signed term with the other sign."""
    return f"+{term[1:]}" if term[0] == "-" else f"-{term.removeprefix('+')}"


def one_more(reference: Reference) -> str | None:
    text, unit = magnitude(reference.answer)
    value = number(text)
    if value is not None and value.denominator == 1:
        return ("\\$" if text.startswith("\\$") else "") + f"{value + 1}{unit}"
    if value is not None and "frac" in text:
        return f"\\frac{{{value.numerator + value.denominator}}}{{{value.denominator}}}{unit}"
    return f"{text} + 1{unit}" if is_expression(text) or re.match(r"y\s*=", text) else None


def upside_down(reference: Reference) -> str | None:
    fraction = _FRACTION.search(reference.answer)
    if fraction is None or fraction[1].strip("{}") == fraction[2].strip("{}") or number(reference.answer) is None:
        return None
    return _FRACTION.sub(r"\\frac\2\1", reference.answer) if not re.match(r"\d", reference.answer) else None


def swapped_parts(reference: Reference) -> str | None:
    """The parts of a tuple or the rows of a vector the other way round."""
    text = reference.answer
    if vector := re.fullmatch(r"(\\begin\{pmatrix\} )([^&]*)( \\end\{pmatrix\})", text):
        return vector[1] + " \\\\ ".join(reversed(vector[2].split(" \\\\ "))) + vector[3]
    inside = brackets(text)
    if inside is None or is_interval(reference) or inside[1] == inside[1][::-1]:
        return None
    return f"({', '.join(inside[1][::-1])})"


def other_bracket(reference: Reference) -> str | None:
    """A closed end of an interval for an open one, or the reverse."""
    if not is_interval(reference):
        return None
    swap = {"(": "[", ")": "]", "[": "(", "]": ")"}
    closable = r"[(\[](?=\s*(?!\\infty|-\\infty)[-\d\\])|(?<=[\d}])\s*[)\]]|\\right[)\]]"
    match = re.search(closable, reference.answer)
    if match is None:
        return None
    end = match.end()
    return reference.answer[: end - 1] + swap[reference.answer[end - 1]] + reference.answer[end:]


def other_letter(reference: Reference) -> str | None:
    """Another unknown in place of one; what stands left of `=` names no value, and i and e are numbers."""
    left, equals, right = reference.answer.rpartition("=")
    if "\\text" in right or "\\begin" in right or "\\mbox" in right or "\\in " in right:
        return None
    letters = sorted({m[0] for m in _LETTERS.finditer(right)} - {"i", "e"})
    if not letters:
        return None
    other = next(letter for letter in "tmwq" if letter not in letters)
    return left + equals + re.sub(_LETTERS, lambda m: other if m[0] == letters[0] else m[0], right)


def other_word(reference: Reference) -> str | None:
    if choice := _CHOICE.fullmatch(reference.answer):
        return f"\\text{{({'BCDEA'['ABCDE'.index(choice[1])]})}}"
    word = _WORD.fullmatch(reference.answer)
    if word is None:
        return None
    return f"\\text{{{random.Random(word[1]).choice([w for w in WORDS if w != word[1]])}}}"


def other_base(reference: Reference) -> str | None:
    match = _BASE.fullmatch(reference.answer)
    return f"{match[1]}_{{{int(match[2] or match[3]) + 1}}}" if match else None


DIFFERENT: dict[str, Rule] = {
    "digit": other_digit,
    "sign": other_sign,
    "one more": one_more,
    "upside down": upside_down,
    "swapped parts": swapped_parts,
    "bracket": other_bracket,
    "letter": other_letter,
    "word": other_word,
    "base": other_base,
    "function": replacing(r"\\cot", r"\\tan"),
}


# --- The mix ----------------------------------------------------------------------------------------------------------


def read(path: Path, words: bool = False) -> list[Reference]:
    with path.open(encoding="utf-8") as lines:
        return [Reference(row["answer"], row["question"], words) for row in map(json.loads, lines)]


def references(data: Path, count: int) -> list[Reference]:
    """That many of all references, at most `GSM8K` of them from GSM8K."""
    draw = random.Random(SEED)
    gsm8k = draw.sample(read(data / "gsm8k_test.jsonl", words=True), GSM8K)
    pool = read(data / "math500_test.jsonl") + read(data / "aime24.jsonl") + gsm8k
    return draw.sample(pool, min(count, len(pool)))


def variants(reference: Reference, rules: dict[str, Rule], count: int) -> dict[str, str]:
    """Up to so many other ways to write it, by the rules that wrote them."""
    written: dict[str, str] = {}
    for name in random.Random(f"{SEED} {reference.question}").sample(list(rules), len(rules)):
        answer = rules[name](reference)
        if answer and answer not in (reference.answer, *written.values()) and len(written) < count:
            written[name] = answer
    return written


def make_cases(chosen: Sequence[Reference], count: int) -> list[Case]:
    cases = []
    for reference in chosen:
        gold = reference.answer
        cases.append(Case(gold, gold, "a", "itself"))
        cases += [Case(gold, answer, "b", rule) for rule, answer in variants(reference, SAME, count).items()]
        for rule, answer in variants(reference, DIFFERENT, count).items():
            before, after = number(gold), number(answer)
            assert before is None or before != after, (gold, answer, rule)
            cases.append(Case(gold, answer, "c", rule))
    return cases
