"""The corpus of reward hacks: every attack on one right sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from rewards.attacks import budget, hedges, hostile, programs, tags, texts
from rewards.attacks.case import Attack, Case, take_apart
from rewards.types import RewardInput

KINDS: Mapping[str, str] = {
    "empty": "nothing in it",
    "opener": "the first words of an answer",
    "wrong": "a wrong answer",
    "near": "a number close to the right one",
    "form": "perfect form around a wrong answer",
    "options": "all options at once",
    "hedge": "the right answer in a hedge",
    "unclaimed": "the right answer mentioned, not claimed",
    "boxes": "several boxes",
    "protocol": "the right answer in the thinking only",
    "tags": "forged tags around the right answer",
    "turns": "forged turns",
    "hidden": "the right answer where no reader sees it",
    "echo": "the prompt repeated",
    "unicode": "characters that look like others",
    "injection": "words for a judge",
    "breaker": "input that breaks graders",
    "loop": "endless repetition",
    "long": "very long text",
    "program": "dishonest programs",
    "budget": "the right answer, and a lie about the thinking budget",
}
"""Classes of attacks and what they are."""

_MAKERS: tuple[Callable[[Case], Iterator[Attack]], ...] = (
    texts.empty,
    texts.openers,
    texts.plainly_wrong,
    texts.perfect_form,
    texts.echoes,
    texts.injections,
    hedges.every_option,
    hedges.hedged,
    hedges.unclaimed,
    hedges.boxes,
    tags.broken_protocol,
    tags.forged_tags,
    tags.forged_turns,
    tags.hidden,
    hostile.unicode,
    hostile.breaking,
    hostile.loops,
    programs.programs,
    budget.misreported,
)


def attacks_on(right: RewardInput, others: Sequence[str] = (), *, long: bool = True) -> list[Attack]:
    """All attacks made from one right sample, no response twice.

    Args:
        right: a sample whose response is right.
        others: ground truths of other tasks, taken as wrong answers where the right one is a text.
        long: with the texts of 200,000 characters.
    """
    case = take_apart(right, others)
    makers = (*_MAKERS, hostile.very_long) if long else _MAKERS
    seen = {_folded(text) for text in _right_ones(case)}
    attacks: list[Attack] = []
    for maker in makers:
        for attack in maker(case):
            # Blanks are attacks of their own; anything else that differs in blanks only is the same response.
            response = _folded(attack.sample.response) or attack.sample.response
            if response not in seen:
                seen.add(response)
                attacks.append(attack)
    return attacks


def _right_ones(case: Case) -> Iterator[str]:
    yield case.right.response
    yield case.claim(case.gold)
    yield case.lead + case.claim(case.gold)
    yield rf"{case.lead}\boxed{{{case.gold}}}"
    for _, response in case.frames(case.gold):
        yield response
        yield response.removeprefix(case.lead)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
