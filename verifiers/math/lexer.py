"""Splits a normalised answer into tokens.

Decides what a run of letters is: a known function, constant or Greek name, a unit after a number, a word of prose, or
variables multiplied. Words never become products of their letters, for letters commute.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from verifiers.math.functions import CONSTANTS, FUNCTIONS, GREEK, GREEK_VARIANTS, NAMED_SETS, OPERATORS
from verifiers.math.numbers import LITERAL, UNGROUPED
from verifiers.math.units import KNOWN_SHORT, is_unit, read_unit

MAX_TOKENS = 2000


class NotMathematics(ValueError):
    """The text does not follow the grammar."""


class TooLarge(Exception):
    """Too long, too deep, or numbers too big to evaluate."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How to take what is ambiguous in a text."""

    commas_group: bool = True
    """`1,234` is one number, not two."""
    letters_are_units: bool = True
    """`15 m` is metres, not a product."""


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is number, symbol, constant, function, text, currency, set, begin, end or the sign itself."""

    kind: str
    text: str
    spaced: bool = False
    """White space comes before it."""


_TEXT = re.compile(r"\\text ?\{([^{}]*)\}")
_COMMAND = re.compile(r"\\([A-Za-z]+|.)")
_LETTERS = re.compile(r"[A-Za-z]+")
_ENVIRONMENT = re.compile(r"\\(begin|end) ?\{([A-Za-z]+)\*?\}(?: ?\{[lcr| ]*\})?")
_SIGN = re.compile(r"\*\*|\+-|-\+|<=>|<=|>=|!=|==|=>|->|\|\||\.\.\.|[-+*/^_=<>!(){}\[\],;:|&'%°＄$€£¥₹¢]")
_SET = re.compile(r"\\mathbb ?(?:\{ ?([A-Z]) ?\}|([A-Z]))")
_ENDS_OPERAND = frozenset(("number", ")", "]", "}", "symbol", "constant", "!", "°", "%"))
_CONNECTIVES = {"or": "or", "and": "and"}
_CURRENCIES = frozenset("＄€£¥₹")


def tokenise(text: str, reading: Reading) -> list[Token]:
    """The tokens of a normalised text.

    Raises:
        NotMathematics: a character or command has no place in an answer.
        TooLarge: too many tokens.
    """
    tokens: list[Token] = []
    position, depth = 0, 0
    spaced_commas = ", " in text
    while position < len(text):
        if len(tokens) > MAX_TOKENS:
            raise TooLarge
        spaced = text[position] == " "
        if spaced:
            position += 1
            continue
        spaced = position > 0 and text[position - 1] == " "
        character = text[position]
        if character.isdecimal() or (character == "." and text[position + 1 : position + 2].isdecimal()):
            raised = bool(tokens) and tokens[-1].kind in ("^", "_", "sqrt", "frac")
            grouping = reading.commas_group and not raised and (depth == 0 or spaced_commas)
            match = (LITERAL if grouping else UNGROUPED).match(text, position)
            if match is None or match.end() == position:
                raise NotMathematics(character)
            tokens.append(Token("number", match[0], spaced))
        elif character == "\\":
            match = next(
                (found for p in (_TEXT, _ENVIRONMENT, _SET, _COMMAND) if (found := p.match(text, position))), None
            )
            if match is None:
                raise NotMathematics(character)
            if match.re is _SET and (name := match[1] or match[2]) in NAMED_SETS:
                tokens.append(Token("set", NAMED_SETS[name], spaced))
            elif match.re is _TEXT:
                tokens.extend(_prose(match[1], spaced))
            elif match.re is _ENVIRONMENT:
                tokens.append(Token(match[1], match[2], spaced))
            else:
                if match[1] != "text" or text[match.end() : match.end() + 1] != "{":  # \text around a group
                    tokens.extend(_command(match[1] or "", spaced))
        elif character.isascii() and character.isalpha():
            match = _LETTERS.match(text, position)
            assert match is not None
            if tokens and tokens[-1].kind == "text" and is_unit(match[0]):  # "per day"
                tokens.append(Token("text", match[0], spaced))
                position = match.end()
                continue
            after_operand = bool(tokens) and tokens[-1].kind in _ENDS_OPERAND
            tokens.extend(_letters(match[0], text[match.end() :], after_operand, spaced, reading))
        else:
            match = _SIGN.match(text, position)
            if match is None:
                raise NotMathematics(character)
            sign = match[0]
            depth += (sign in "([{") - (sign in ")]}")
            if sign in _CURRENCIES or sign == "$":
                tokens.append(Token("currency", "$" if sign in "＄$" else sign, spaced))
            elif sign == "¢":
                tokens.append(Token("text", sign, spaced))
            else:
                tokens.append(Token({"**": "^", "==": "=", "+-": "±", "-+": "∓"}.get(sign, sign), sign, spaced))
        position = match.end()
    return tokens


def _prose(words: str, spaced: bool) -> list[Token]:
    words = words.strip()
    lower = words.lower().strip(" ,")
    if lower == "to":
        return [Token(":", words, spaced)]
    if connective := re.search(r"\b(?:and|or)\b", words):
        before, after = words[: connective.start()], words[connective.end() :]
        return [*_prose(before, spaced), Token(connective[0], connective[0], True), *_prose(after, True)]
    if words[:1].isdecimal() or words[:1] in tuple("-+(),;:."):
        if "\\" in words:
            raise NotMathematics(words)
        return tokenise(words, Reading())
    if words in CONSTANTS and len(words) == 1:
        return [Token("constant", CONSTANTS[words], spaced)]
    if lower in FUNCTIONS and not is_unit(lower):
        return [Token("function", FUNCTIONS[lower], spaced)]
    return [Token("text", words, spaced)] if words else []


def _command(name: str, spaced: bool) -> list[Token]:
    if name in ("{", "}"):
        return [Token("\\" + name, name, spaced)]
    if name == "\\":
        return [Token("newline", name, spaced)]
    if name in ("frac", "sqrt", "binom"):
        return [Token(name, name, spaced)]
    if name in OPERATORS:
        return [Token(OPERATORS[name], name, spaced)]
    if name in CONSTANTS:
        return [Token("constant", CONSTANTS[name], spaced)]
    if name in FUNCTIONS:
        return [Token("function", FUNCTIONS[name], spaced)]
    if name in GREEK or name in GREEK_VARIANTS:
        return [Token("symbol", GREEK_VARIANTS.get(name, name), spaced)]
    if name == "emptyset":
        return [Token("emptyset", name, spaced)]
    if name in ("angle", "triangle", "measuredangle"):
        return [Token("angle", name, spaced)]
    raise NotMathematics("\\" + name)


def _letters(run: str, rest: str, after_operand: bool, spaced: bool, reading: Reading) -> list[Token]:
    lower = run.lower()
    if lower in _CONNECTIVES:
        return [Token(_CONNECTIVES[lower], run, spaced)]
    if run == "U" and after_operand:
        return [Token("union", run, spaced)]
    if after_operand and lower == "to":
        return [Token(":", run, spaced)]
    if after_operand and spaced and run == "mod":
        return [Token("mod", run, spaced)]
    if run == "in" and not (rest == "" and after_operand):
        return [Token("in", run, spaced)]
    if after_operand and run == "per":
        return [Token("text", run, spaced)]
    at_end = not rest.strip(" .")
    if after_operand and reading.letters_are_units and (run not in FUNCTIONS or at_end) and _is_unit(run, spaced, rest):
        return [Token("text", run, spaced)]
    if run in FUNCTIONS:
        return [Token("function", FUNCTIONS[run], spaced)]
    if lower in ("infinity", "inf") or run == "oo":
        return [Token("constant", "infinity", spaced)]
    if run in GREEK:
        return [Token("symbol", run, spaced)]
    if len(run) >= 4:
        return _product(run, spaced) if after_operand and not spaced else _split_known(run, spaced)
    if len(run) >= 2 and run.isupper():  # points of a figure, whose order matters
        return [Token("symbol", run, spaced)]
    return _product(run, spaced)


def _is_unit(run: str, spaced: bool, rest: str) -> bool:
    if len(run) == 1:
        return spaced and run in "mgshLlNJWVK" and not rest.strip(" ²³23^{}.")
    if run in KNOWN_SHORT:
        return spaced or run != "mg"  # 2mg is a weight
    return spaced and len(run) >= 4 and run not in GREEK and read_unit(run) is not None


def _split_known(run: str, spaced: bool) -> list[Token]:
    """Longer runs are words, unless a known name is glued to variables: `2sqrt`, `xsin`, `pir`."""
    for name in ("sqrt", "sin", "cos", "tan", "log"):
        before, found, after = run.partition(name)
        if found and len(before) <= 2 and not after:
            return [*_product(before, spaced), Token("function", FUNCTIONS[name])]
    return [Token("text", run, spaced)]


def _product(run: str, spaced: bool) -> list[Token]:
    if run == "pi":
        return [Token("constant", "pi", spaced)]
    if run.startswith("pi") and len(run) == 3:
        return [Token("constant", "pi", spaced), *_product(run[2:], False)]
    if run.startswith("ln") and len(run) == 3:
        return [Token("function", "ln", spaced), *_product(run[2:], False)]
    tokens = []
    for index, letter in enumerate(run):
        kind = "constant" if letter in CONSTANTS else "symbol"
        tokens.append(Token(kind, CONSTANTS.get(letter, letter), spaced and index == 0))
    return tokens
