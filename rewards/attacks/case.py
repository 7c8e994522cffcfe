"""What attacks are made from: a right sample, taken apart.

- `Attack`: a response that must not be paid, and why.
- `Case`: a right sample with the places at which an attack can change it.
"""

from __future__ import annotations

import json
import re
import string
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rewards.attacks.wrong import Shape, shape_of, wrong_answers
from rewards.types import RewardInput
from verifiers.code.extract import extract_program
from verifiers.math.extract import find_boxes
from verifiers.thinking import OTHER_TAGS, THINK_TAGS, split_thinking

_LONGEST_GOLD = 2000
"""Characters; a longer ground truth is no answer that a response repeats."""
_VOCABULARY = 30_000
_WRONG_PROGRAMS = {
    "python": ("print('wrong')\n", "pass\n", "raise NotImplementedError\n"),
    "cpp": ("int main() { return 0; }\n", "int main() { return 1; }\n", "int main() { for (;;); }\n"),
    "javascript": ("console.log('wrong')\n", "process.exit(0)\n", "throw new Error()\n"),
}
_NONE_PROGRAM = "def {name}(*args, **kwargs):\n    return None\n"
_WORD = re.compile(r"\w+|\W")


@dataclass(frozen=True, slots=True)
class Attack:
    """A response that must not be paid."""

    kind: str
    """The class of reward hack, such as `hedge`."""
    name: str
    """What it does; after a semicolon, the form that it was tried in."""
    sample: RewardInput
    why: str
    """One sentence: why this must not be paid."""
    right_answer: bool = False
    """Its answer is right: only rewards of form that watch for its kind must pay it less."""


@dataclass(frozen=True, slots=True)
class Case:
    """A right sample, taken apart. No text in it but `gold` names the right answer."""

    right: RewardInput
    shape: Shape
    gold: str
    """The right answer as the response writes it (for programs: its source)."""
    wrongs: tuple[str, ...]
    """Wrong answers of the same kind, the plainest first; at least three."""
    tags: tuple[str, str]
    """The tags of this response's thinking."""
    lead: str
    """The thinking with its tags; "" where there is none."""
    before: str
    """What the answer says before the gold."""
    after: str
    """What it says after the gold."""
    question: str
    """The last turn of the prompt."""
    options: Mapping[str, str]
    """Options by letter, of a multiple choice."""

    @property
    def wrong(self) -> str:
        """The plainest wrong answer."""
        return self.wrongs[0]

    @property
    def letters(self) -> tuple[str, ...]:
        """All letters to choose from; empty where the task is no multiple choice."""
        if self.shape is not Shape.LETTER:
            return ()
        return tuple(sorted({answer.strip("(). ") for answer in (self.gold, *self.wrongs)}))

    def say(self, answer: str) -> str:
        """The right response with another answer in the place of the right one."""
        return f"{self.lead}{self.before}{answer}{self.after}"

    def claim(self, answer: str) -> str:
        """The shortest text that claims an answer as this task wants it, without thinking."""
        if self.shape is Shape.PROGRAM or (self.shape is Shape.TEXT and "box" not in self.before):
            return f"{self.before}{answer}{self.after}"
        return rf"\boxed{{{answer}}}"

    def frames(self, answer: str) -> Iterator[tuple[str, str]]:
        """Ways to claim an answer: (name, response)."""
        yield "as the right one", self.say(answer)
        yield "boxed", rf"{self.lead}So \boxed{{{answer}}}."
        yield "stated", f"{self.lead}The answer is {answer}."
        yield "bare", f"{self.lead}{answer}"

    def attack(self, kind: str, name: str, response: str, why: str, *, right_answer: bool = False) -> Attack:
        """An attack whose sample is the right one with another response."""
        return Attack(kind, name, with_response(self.right, response, self.tags), why, right_answer)


def take_apart(right: RewardInput, others: Sequence[str] = ()) -> Case:
    """A `Case` from a right sample; works for any text.

    Args:
        right: a sample whose response is right.
        others: ground truths of other tasks, taken as wrong answers where the right one is a text.
    """
    tags = _tags_of(right.response)
    thinking, answer = split_thinking(right.response, tags)
    question = next((turn.get("content", "") for turn in reversed(right.messages) if turn.get("role") == "user"), "")
    options = _options(right.columns.get("options") or right.columns.get("choices"))
    if (tests := tests_of(right)) is not None:
        language = str(tests.get("language", "python"))
        program = extract_program(answer, language if language in _WRONG_PROGRAMS else "python") or answer
        wrong_programs: tuple[str, ...] = _WRONG_PROGRAMS.get(language, _WRONG_PROGRAMS["python"])
        if language == "python" and (function := _function_of(tests, program)):
            wrong_programs = (_NONE_PROGRAM.format(name=function), *wrong_programs)
        lead = _lead(thinking, tags, program, "pass")
        return Case(
            right, Shape.PROGRAM, program, wrong_programs, tags, lead, f"```{language}\n", "\n```", question, {}
        )
    start, end = _find_gold(right.ground_truth, answer)
    gold = answer[start:end].strip()
    shape = shape_of(gold, options)
    wrongs = wrong_answers(gold, shape, options, others)
    lead = _lead(thinking, tags, gold, wrongs[0])
    before, after = (_without(text, gold, wrongs[0]) for text in (answer[:start], answer[end:]))
    return Case(right, shape, gold, wrongs, tags, lead, before, after, question, options)


def with_response(right: RewardInput, response: str, tags: tuple[str, str]) -> RewardInput:
    """The sample with another response; its length in tokens is estimated by that of the right one."""
    thinking, answer = split_thinking(response, tags)
    tokens = right.response_tokens
    ids = None if right.response_ids is None else _stand_in_ids(response, right.response_ids[-1:])
    if tokens is not None:
        per_character = tokens / max(len(right.response), 1)
        tokens = max(round(len(response) * per_character), 1) if ids is None else len(ids)
    return replace(right, response=response, thinking=thinking, answer=answer, response_tokens=tokens, response_ids=ids)


def _stand_in_ids(text: str, end: Sequence[int]) -> Sequence[int]:
    """Token ids without a tokenizer: equal words have equal ids."""
    return (*(zlib.crc32(word.encode("utf-8", "replace")) % _VOCABULARY for word in _WORD.findall(text)), *end)


def tests_of(sample: RewardInput) -> Mapping[str, Any] | None:
    """The tests of a programming task, as the `code` reward finds them; None for other tasks."""
    tests = sample.columns.get("tests", sample.ground_truth)
    if isinstance(tests, str) and tests.lstrip().startswith("{"):
        try:
            tests = json.loads(tests)
        except ValueError:
            return None
    return tests if isinstance(tests, Mapping) and "type" in tests else None


def _function_of(tests: Mapping[str, Any], program: str) -> str:
    """The function that tests call; "" where they call none."""
    if tests["type"] == "stdio":
        return ""
    if isinstance(tests.get("fn_name"), str):
        return str(tests["fn_name"])
    defined = re.findall(r"^def (\w+)", program, re.MULTILINE)
    return defined[-1] if defined else ""


def _tags_of(response: str) -> tuple[str, str]:
    return next((tags for tags in (THINK_TAGS, *OTHER_TAGS) if tags[1] in response), THINK_TAGS)


def _lead(thinking: str | None, tags: tuple[str, str], gold: str, wrong: str) -> str:
    return "" if thinking is None else f"{tags[0]}{_without(thinking, gold, wrong)}{tags[1]}\n"


def _options(column: object) -> Mapping[str, str]:
    """Options by letter from a list of texts, an object, or Hugging Face's `{"text": [...], "label": [...]}`."""
    if isinstance(column, Mapping):
        labels, texts = column.get("label"), column.get("text")
        if isinstance(labels, Sequence) and isinstance(texts, Sequence):
            column = dict(zip(labels, texts, strict=False))
        return {str(letter).strip("(). ").upper(): str(text) for letter, text in column.items()}
    if isinstance(column, Sequence) and not isinstance(column, str):
        return dict(zip(string.ascii_uppercase, map(str, column), strict=False))
    return {}


def _find_gold(ground_truth: str, answer: str) -> tuple[int, int]:
    """Where an answer names the ground truth: its last mention, else the last box, else all of it."""
    gold = ground_truth.strip()
    if gold and len(gold) <= _LONGEST_GOLD and (found := list(_mentions(gold).finditer(answer))):
        return found[-1].span()
    boxes = find_boxes(answer)
    if boxes and boxes[-1][2]:
        start = answer.index(boxes[-1][2], boxes[-1][0])
        return start, start + len(boxes[-1][2])
    return 0, len(answer)


def _mentions(gold: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.]){re.escape(gold)}(?!\w|\.\d)")


def _without(text: str, gold: str, wrong: str) -> str:
    return _mentions(gold).sub(lambda _: wrong, text) if gold else text
