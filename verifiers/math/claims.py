r"""What a statement such as "the answer is 42" claims, whether it claims it, and whether it contradicts another one.

A supposition ("suppose the answer is 42"), a denial ("it is false that...") and what others might say are no claims.
Only plain values are read here: where a statement is prose, nobody can say that it contradicts.

All of it looks at short stretches of text, so that no response takes long.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from verifiers.math.context import LABEL
from verifiers.math.normalise import normalise, squeeze
from verifiers.math.numbers import PlainNumber, equal_numbers, parse_number
from verifiers.math.units import Unit, is_unit, read_unit
from verifiers.math.words import MULTIPLES, choice_of, formula_for, number_of, unwrap_text, words_of

STATED = re.compile(
    r"\bfinal\s++answer(?:\*\*|__|:|[^\S\n])*+\n\s*+|"
    r"\banswer(?:\s++to\s[^.:\n$]{1,80}?)?(?:\s|\*\*|__)*+(?:is\b|=|:|：)[\s:*=_]*+",
    re.IGNORECASE,
)
"""What announces an answer."""
LEADS = re.compile(
    r"(?:(?:therefore|thus|hence|then|so|simply|clearly|indeed|actually|now|in fact|just|exactly|equal to|given by)"
    r"[,:]?\s++)++",
    re.IGNORECASE,
)
BOLD = re.compile(r"(?:^|(?<=\s))(?:\*\*|__)|(?:\*\*|__)(?=\s|$|[.,;:!?])")
"""Marks of bold text, but not the power in x**2."""

_LONGEST_FINAL = 60
"""Characters of "final" and the blanks between it and "answer"."""
_OPENING = " \t\n$({[\\*_:"
_MAX_CLAIM = 200
_MAX_PREFIX = 140
_MAX_GOVERNING = 60
"""Characters before a statement in which words stand that govern it."""
_MAX_LOOKED_AT = 21
"""Statements; more than 20 different answers are a hedge whatever they are."""

_ANSWER = (
    r"(?:(?:the|this|our|my|its|your|his|her|their|a)\s+)?"
    r"(?:(?:final|correct|right|real|true|exact|actual|only|best)\s+)?(?:\*\*|__|[\s$({])*$"
)
"""What may stand between such words and "answer is"."""
_VALUE = r"(?:(?:it|this|that|the\s+\w+)\s+(?:is|was|were|be|equals)\s+|\w\s?=\s?)?(?:\\[(\[]|[\s$({:])*$"
"""What may stand between them and a value that no "answer is" announces."""
_SAY = "think|say|claim|guess|believe|argue|expect|suspect|assume|answer|suggest|conclude|state|write|suppose|accept"
_ASIDE = r"(?:,?\s+(?:for|by|to|towards?)\s+(?:\w+\s+){0,4}?\w+,?)?"
_OTHERS = (
    r"(?:some(?:one|body|\s+(?:people|students|readers))?|(?:many|most)(?:\s+(?:people|students|readers))?|others|people"
    r"|students|they|nobody|no\s+one|(?:one|you)\s+(?:might|may|could|(?:is|are|would\s+be|might\s+be)\s+tempted))"
    r"(?:\s+(?:might|may|could|would|will|often|wrongly|incorrectly|falsely|mistakenly|naively|hastily|be|tempted|to))*"
)
_ASKED = (
    r"(?:is|was)\s+it\s+(?:really\s+)?(?:true|possible|right|correct|plausible|the\s+case)|(?:could|can|might)\s+it\s+be"
    r"|does\s+(?:this|it|that)\s+(?:really\s+)?(?:mean|follow|imply)|(?:can|could|should|do)\s+(?:we|you|one|I)\s+"
    rf"(?:really\s+)?(?:know|{_SAY})"
)
_SUPPOSED = re.compile(
    rf"\b(?:(?:suppos(?:e|ing)|assum(?:e|ing)|imagin(?:e|ing)|pretend(?:ing)?|let(?:'s|\s+us)\s+(?:say|{_SAY})|if|whether"
    rf"|unless|wish|wonder){_ASIDE}(?:\s+that)?|(?:{_OTHERS})\s+(?:{_SAY})(?:s|ing)?(?:\s+that)?|(?:{_ASKED})(?:\s+that)?)"
    rf"\s+{_ANSWER}|^\s*say\s+(?:that\s+)?{_ANSWER}",
    re.IGNORECASE,
)
_SUPPOSED_VALUE = re.compile(
    rf"\b(?:(?:suppos(?:e|ing)|assum(?:e|ing)|imagin(?:e|ing)|pretend(?:ing)?){_ASIDE}(?:\s+that)?|if\s+it\s+(?:is|was|were)"
    rf"|(?:{_OTHERS})\s+(?:think|say|guess|believe|expect|suspect|try)s?(?:\s+that)?|rules?\s+out|ruled\s+out"
    rf"|(?:wrong|incorrect|mistake|error)\s+to\s+(?:{_SAY})|(?:{_ASKED})(?:\s+that)?|is\s+it|I\s+wish\s+it\s+were)\s+{_VALUE}",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"(?:\b(?:wrong|false|incorrect|untrue|mistaken|mistake|error|lie|fallacy|misconception|nonsense|impossible|absurd"
    r"|unlikely|unreasonable|silly|foolish|hasty|premature|tempting|not\s+possible"
    r"|(?:cannot|can't|could\s+not|couldn't|can\s+not|not)\s+be|no\s+(?:way|reason|evidence|proof|sign|guarantee))"
    rf"(?:\s+to\s+(?:{_SAY})(?:\s+that)?|\s+that)|(?:n't|\bnot)\s+(?:true|right|correct|the\s+case)\s+that"
    r"|(?<!no )(?<!any )(?<!a )\bdoubt(?:\s+that)?"
    r"|\b(?:den(?:y|ies)|disproves?|refutes?|rejects?)(?:\s+that)?"
    rf"|(?:n't|\bnot|\bcannot|\bnever)\s+(?:\w+\s+){{0,2}}?(?:mean|follow|imply|agree|show|prove|said|{_SAY})(?:\s+that)?)"
    rf"\s+{_ANSWER}|\b(?:wrong|incorrect|not\s+the|false\s+that(?:\s+the)?)\s+$",
    re.IGNORECASE,
)
_VERBS = [f"{verb}{ending}" for verb in _SAY.split("|") for ending in ("", "s", "ing", "ed")]
_BEFORE_ANSWER = frozenset(
    _VERBS
    + (
        "that supposing assuming imagine imagining pretend pretending if whether unless wish wonder doubt doubts deny "
        "denies disprove disproves refute refutes reject rejects mean means follow follows imply implies agree show "
        "prove know be wrong incorrect not contradiction argument sake now moment"
    ).split()
)
"""Words that may come right before "the answer is" and make it no claim."""
_BEFORE_VALUE = frozenset(
    _VERBS
    + (
        "supposing assuming imagine imagining pretend pretending if try tries out it true possible wrong mistake error"
    ).split()
)
_FILLED = frozenset(
    "the this our my its your his her their a final correct right real true exact actual only best".split()
)
_WORDS = re.compile(r"[a-z']+")
_CORRECTING = r"wait|actually|no|sorry|instead|hmm+|oops|rather|correction|corrected"
_FILLING = (
    rf"[\s.,;:!*_$()\[\]>#|/}}-]|\\[()\[\]]|{LABEL}|\b(?:therefore|thus|hence|so|then|the|a|final|correct|right|our|my|and|"
    r"finally|in|to|conclude|conclusion|overall|consequently|accordingly|as|result|we|that|this|means|which|is|here|now|"
    r"again|but|however|or|also|either|maybe|perhaps|possibly|alternatively|else"
)
_JOINED = re.compile(rf"(?:{_FILLING})\b)*+", re.IGNORECASE)
"""What may stand between two claims that are offered side by side."""
_PLAIN_PREFIX = re.compile(rf"(?:{_FILLING}|{_CORRECTING})\b)*+", re.IGNORECASE)
"""What may stand before a claim in its sentence: nothing that limits it to a step, a part or a condition."""
_SENTENCE = re.compile(r"[.!?]\s|\n")
_CLAIM_END = re.compile(r"[.!?](?=[\s*]|$)|\n|(?<=\d)\?")
_NOT = re.compile(
    r"(?:(?:clearly|certainly|definitely|therefore|thus|simply)\s)?not\s+(?:equal\s+to\s+)?", re.IGNORECASE
)
_OF_ALL = re.compile(
    r"answer\s+to\s+(?:the|this|your|our)\s+(?:\w+\s+)?(?:question|problem|exercise|task)\s", re.IGNORECASE
)
_MARKS = re.compile(r"^[ \t]*+####[ \t]*+([^\n]+)", re.MULTILINE)
_PAIRS = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"))
_LEADING = re.compile(
    r"[-+−–]?\s?(?:\\?\$|€|£)?\s?(?:\d+(?:,\d{3})*(?:\.\d+)?(?:\s?/\s?\d+)?|\.\d+|\\[dt]?frac\{\d+\}\{\d+\})(?:\s?\\?%)?(?![\w.^/*\\])"
)
_ASIDE_AFTER = re.compile(r"\s*[,;(—](?!\s*\d).*|\s+(?:because|since|as|which|so|where|when|for)\b.*", re.DOTALL)
_ABOUT = re.compile(r"≈|\\approx|\\sim(?![A-Za-z])|~")
_VAGUE = re.compile(r"(?i:approx|about|roughly|around|nearly|almost|\\boxed|\\fbox|\?)")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")
_FORMULA_WORDS = frozenset("sin cos tan log ln exp sqrt pi mod gcd lcm max min".split())
_NAME = re.compile(r"[A-Za-z]\s*=(?!=)\s*")
_PREDICATES = frozenset(
    "correct right confirmed verified boxed above below consistent reasonable valid unique affirmative positive shown "
    "given found obvious clear complete following same simplified exact in as not thus therefore now".split()
)
"""Words that say something about an answer and are none."""


class Standing(StrEnum):
    """Whether what announces an answer claims it."""

    CLAIMED = "claimed"
    SUPPOSED = "supposed"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Value:
    """A plain value that a statement claims."""

    text: str
    kind: str
    """`number`, `letter`, `words` or `formula`."""
    number: PlainNumber | None = None
    unit: Unit | None = None
    word: str = ""
    """The letter, or the words."""
    measured: bool = False
    """Its unit is one of measurement, so that the same value may be another number."""


def statements_in(text: str) -> list[re.Match[str]]:
    """All that announces an answer."""
    first = text.lower().find("answer")
    if first < 0:
        return []
    start = max(first - _LONGEST_FINAL, 0) if text.isascii() else 0  # else lower case may be of another length
    return list(STATED.finditer(text, start))


def standing(text: str, start: int) -> Standing:
    """Whether the statement whose word "answer" stands at `start` is a claim."""
    before = _sentence_before(text, start)
    words = _WORDS.findall(before[-_MAX_GOVERNING:].lower())
    last = next((word for word in reversed(words) if word not in _FILLED), "")
    if last not in _BEFORE_ANSWER and words[-2:] != ["not", "the"]:  # the patterns take much longer
        return Standing.CLAIMED
    if _DENIED.search(before):
        return Standing.DENIED
    return Standing.SUPPOSED if _SUPPOSED.search(before) else Standing.CLAIMED


def standing_of_value(text: str, start: int) -> Standing:
    """The same for a box or formula at `start`, whether or not an "answer is" announces it."""
    before = _sentence_before(text, start)
    if "nswer" in before:
        announced = _last(STATED.finditer(before))
        if announced is not None and not before[announced.end() :].strip(_OPENING):
            return standing(before, announced.start())
    if _BEFORE_VALUE.isdisjoint(_WORDS.findall(before[-_MAX_GOVERNING:].lower())):
        return Standing.CLAIMED
    return Standing.SUPPOSED if _SUPPOSED_VALUE.search(before) else Standing.CLAIMED


def last_claim(text: str, statements: Sequence[re.Match[str]]) -> int | None:
    """The place of the last statement that is a claim and that no later one denies; None when there is none."""
    denied: list[re.Match[str]] = []  # each ends where the value begins
    for place in range(len(statements) - 1, max(len(statements) - _MAX_LOOKED_AT, 0) - 1, -1):
        found = standing(text, statements[place].start())
        if (negated := _NOT.match(text, statements[place].end())) and found is Standing.CLAIMED:
            refused = value_at(text, negated.end())
            if refused is not None and refused[0].kind != "words":
                denied.append(negated)
                continue
        if found is Standing.CLAIMED:
            value = value_at(text, statements[place].end()) if denied else None
            for other in denied:
                refused = value_at(text, other.end())
                if value is None or refused is None or not contradict(value[0], refused[0]):
                    return None
            return place
        if found is Standing.DENIED:
            denied.append(statements[place])
    return None


def claimed_beside(text: str, statements: Sequence[re.Match[str]], last: int) -> list[str]:
    """Contradicting claims right before the last one, none of them taken back: `The answer is 41. The answer is 42.`"""
    if last == 0:
        return []
    value = value_at(text, statements[last].end())
    others: list[str] = []
    for place in range(last - 1, max(last - _MAX_LOOKED_AT, 0) - 1, -1):
        start, following = statements[place].start(), statements[place + 1].start()
        if _of_a_part(statements[place]) or _of_a_part(statements[place + 1]):
            break
        other = value_at(text, statements[place].end(), following)
        if value is None or other is None or following - other[1] > _MAX_PREFIX or following < other[1]:
            break
        if not _JOINED.fullmatch(text, other[1], following) or not _PLAIN_PREFIX.fullmatch(
            _sentence_before(text, start)
        ):
            break
        if contradict(value[0], other[0]):
            others.append(other[0].text)
    return others


def claimed_before(text: str, start: int, answer: str) -> str | None:
    """A contradicting claim right before a box: `The answer is 41. [42]`."""
    window = max(start - _MAX_CLAIM, 0)
    if "nswer" not in text[window:start]:
        return None
    statement = _last(STATED.finditer(text, max(text.rfind("nswer", window, start) - 20, window), start))
    if statement is None or not text[statement.end() : start].strip(_OPENING):  # it announces the box
        return None
    found = value_at(text, statement.end())
    if found is None or found[1] > start or found[0].kind not in ("number", "letter"):
        return None
    if not _JOINED.fullmatch(text, found[1], start) or not _PLAIN_PREFIX.fullmatch(
        _sentence_before(text, statement.start())
    ):
        return None
    given = read_value(answer)
    plain = found[0].unit is None and given is not None and given.kind == found[0].kind
    return found[0].text if given and plain and contradict(given, found[0]) else None


def claimed_after(text: str, end: int, answer: str) -> str | None:
    """A contradicting final answer after one: `[42] Therefore, the final answer is 43.`, `[42] #### 43`."""
    if "nswer" not in text[end:] and "NSWER" not in text[end:] and text.find("####", end) < 0:
        return None
    statements = list(STATED.finditer(text, end))
    for statement in statements[-1:-_MAX_LOOKED_AT:-1]:
        before = _sentence_before(text, statement.start(), end)
        if _PLAIN_PREFIX.fullmatch(before) and not _of_a_part(statement):
            if "\n" in answer.strip():
                other = _other_block(text[statement.end() : statement.end() + len(answer) + 50], answer)
            else:
                found = value_at(text, statement.end())
                other = None if found is None else _contradicting(answer, found[0])
            if other is not None:
                return other
    mark = _last(_MARKS.finditer(text, end))
    if mark is None:
        return None
    if "\n" in answer.strip():
        return _other_block(text[mark.start(1) : mark.start(1) + len(answer) + 50], answer)
    marked = read_value(mark[1].strip())
    return None if marked is None or marked.kind == "words" else _contradicting(answer, marked)


def value_at(text: str, place: int, limit: int | None = None) -> tuple[Value, int] | None:
    """The plain value that stands at a place and where its sentence ends; None for prose, a question, or nothing.

    What follows the value in its sentence ("42, since...") does not belong to it; the end is then that of the value.
    """
    rest = text[place : place + _MAX_CLAIM if limit is None else min(limit, place + _MAX_CLAIM)]
    lead = LEADS.match(rest)
    begin = lead.end() if lead else len(rest) - len(rest.lstrip())
    start = begin
    for opening, closing in _PAIRS:
        if rest.startswith(opening, begin):
            start = rest.find(closing, begin + len(opening)) + len(closing)
            if start < begin + len(opening) + len(closing):
                return None
            break
    ends = _CLAIM_END.search(rest, start)
    end = ends.start() if ends else len(rest)
    if rest[end : end + 1] == "?" or (ends is None and len(rest) == _MAX_CLAIM):
        return None
    value = read_value(BOLD.sub("", rest[begin:end]))
    if value is None:
        return None
    found = rest.find(value.text, begin, end) + len(value.text)
    if found >= len(value.text) and _ASIDE_AFTER.match(rest, found, end):
        end = found
    return value, place + end


def read_value(text: str) -> Value | None:
    """A plain value, read with the marks around it; None for prose."""
    text = text.strip().strip("*_`").strip().rstrip(".,;: ")
    if _VAGUE.search(text):
        return None
    text = _ABOUT.split(text, maxsplit=1)[0].strip()
    if text[:1] == "$" and text.count("$") == 2:  # "$42$ apples"; "$42" is money
        text = " ".join(text.replace("$", " ").split())
    elif text[:2] in (r"\(", r"\["):
        text = " ".join(re.sub(r"\\[()\[\]]", " ", text).split())
    text = _NAME.sub("", text, count=1) if _NAME.match(text) else text
    if not text or "$" in text[1:]:
        return None
    if (leading := _LEADING.match(text)) and (
        number := parse_number(normalise(leading[0]).replace("＄", ""))
    ) is not None:
        rest = _ASIDE_AFTER.sub("", text[leading.end() :], count=1)
        rest = unwrap_text(rest).strip()
        if not rest:
            return Value(leading[0], "number", number)
        if (factor := MULTIPLES.get(rest.lower())) is not None:
            return Value(
                f"{leading[0]} {rest}", "number", replace(number, value=number.value * factor, last_place=None)
            )
        if (unit := read_unit(rest)) is not None and rest[0].isalpha():
            return Value(leading[0], "number", number, unit, measured=any(map(is_unit, re.findall(r"[A-Za-z]+", rest))))
        if _WORD.search(rest):
            return None
    plain = unwrap_text(normalise(text))
    if (chosen := choice_of(plain)) and (chosen[2] or not chosen[1]) and len(chosen[1]) < _MAX_CLAIM:
        return Value(text, "letter", word=chosen[0])
    if words := words_of(plain):
        if (number := _number_in(words)) is not None:
            return Value(text, "number", number)
        return Value(text, "words", word=words) if len(words.split()) <= 2 else None
    if all(word in _FORMULA_WORDS for word in _WORD.findall(re.sub(r"\\[A-Za-z]+", " ", plain))):
        return Value(text, "formula")
    return None


def contradict(one: Value, other: Value) -> bool:
    """Whether an answer and another claim cannot both be right; formulas may yet turn out equal."""
    if "".join(one.text.split()) == "".join(other.text.split()):
        return False
    if one.number is not None and other.number is not None:
        return not _same_number(one.number, other.number) and not (
            one.unit != other.unit and (one.measured or other.measured)
        )
    kinds = {one.kind, other.kind}
    if kinds == {"letter"}:
        return one.word != other.word
    if kinds == {"words"}:
        first, second = set(one.word.split()), set(other.word.split())
        return not (first <= second or second <= first or _PREDICATES & (first | second))
    if one.kind == "words" and other.kind == "number":
        return not _PREDICATES & set(one.word.split())
    if other.kind == "words" and one.kind in ("number", "formula"):  # "The answer is unclear", but "... no solution"
        return formula_for(other.word) is not None
    if "letter" in kinds or "words" in kinds:
        return False
    if any(value.number is not None and value.number.last_place is not None for value in (one, other)):
        return False  # a decimal beside a formula: what it is about
    texts = [squeeze(normalise(value.text)).replace(" ", "") for value in (one, other)]
    return texts[0] not in texts[1] and texts[1] not in texts[0]


def contradicting(answer: str, other: str) -> str | None:
    """The other one of two texts, when both are plain values that contradict."""
    found = read_value(other)
    return None if found is None else _contradicting(answer, found)


def _contradicting(answer: str, claimed: Value) -> str | None:
    given = read_value(answer)
    return claimed.text if given is not None and contradict(given, claimed) else None


def _other_block(rest: str, answer: str) -> str | None:
    """Another text of as many lines as the answer (a grid, a list of moves)."""
    block = rest.strip().partition("\n\n")[0].strip().rstrip(".")
    same_form = block.count("\n") == answer.strip().count("\n") and not _WORD.search(block.partition("\n")[0])
    return block if same_form and block.split() != answer.split() else None


def _same_number(one: PlainNumber, other: PlainNumber) -> bool:
    if equal_numbers(one, other) or equal_numbers(other, one) or one.value == other.value:
        return True
    places = [number.last_place for number in (one, other) if number.last_place is not None]
    return bool(places) and abs(one.value - other.value) < max(places)


def _number_in(words: str) -> PlainNumber | None:
    number = number_of(words)
    return None if number is None else PlainNumber(number)


def _sentence_before(text: str, end: int, begin: int = 0) -> str:
    """What stands before a place in its sentence."""
    before = text[max(end - _MAX_PREFIX, begin) : end].replace("’", "'")
    last = 0
    for sentence in _SENTENCE.finditer(before):
        if before[sentence.end() :].strip(_OPENING):
            last = sentence.end()
    return before[last:]


def _of_a_part(statement: re.Match[str]) -> bool:
    """Whether a statement answers something in particular: "the answer to part (a) is"."""
    return re.search(r"\sto\s", statement[0]) is not None and not _OF_ALL.match(statement[0])


def _last(matches: Iterable[re.Match[str]]) -> re.Match[str] | None:
    last = None
    for match in matches:
        last = match
    return last
