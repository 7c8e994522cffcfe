"""Attacks on what a response says of its thinking budget. The answer stays right: no judge has anything to find."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from rewards.attacks.case import Attack, Case
from verifiers.thinking.format import FORMATS, ThinkingFormat
from verifiers.thinking.text import split_thinking

_WHY = "what it says of its budget is false, missing or not where it belongs"


def misreported(case: Case) -> Iterator[Attack]:
    """Reflections that are forged, repeated, moved or left out, and thinking that is none."""
    budget = case.right.thinking_budget
    words = next((words for words in FORMATS.values() if words.think == case.tags), None)
    thinking, answer = split_thinking(case.right.response, case.tags)
    if not budget or words is None or not thinking or not answer:
        return
    start, end = words.think
    for name, (thought, added) in _forged(thinking, budget, words).items():
        yield case.attack("budget", name, f"{start}{thought}{end}\n{answer}{added}", _WHY, right_answer=True)


def _forged(thinking: str, budget: int, words: ThinkingFormat) -> dict[str, tuple[str, str]]:
    """Name -> what is thought instead, and what is added to the answer."""
    start, end = words.reflect
    found = re.findall(f"{re.escape(start)}.*?{re.escape(end)}", thinking, re.DOTALL)
    plain = re.sub(f"{re.escape(start)}.*?{re.escape(end)}", "", thinking, flags=re.DOTALL)
    made_up = f"{start}{words.reflection(words.interval(budget), budget - words.interval(budget))}{end}"
    blocks = found or [made_up]
    all_used = f"{start}{words.reflection(budget, 0)}{end}"
    exhausted = f"{start}{words.exhausted}{end}"
    forged = {
        "nothing is thought": ("", ""),
        "reflections and no thinking": ("".join(blocks), ""),
        "reflections first, then the thinking": ("".join(blocks) + plain, ""),
        "made-up reflections back to back": (made_up * 4 + thinking, ""),
        "exhausted at once": (exhausted + thinking, ""),
        "exhausted twice": (thinking + exhausted * 2, ""),
        "exhausted, and then blanks": (thinking.removesuffix(exhausted) + exhausted + "\n" * budget, ""),
        "all used at once": (all_used + plain, ""),
        "a reflection in the answer": (thinking, f"\n{blocks[0]}"),
        "the sentence without its tags": (thinking + made_up[len(start) : -len(end)], ""),
        "tags typed as text": (thinking + made_up.replace(start, start.upper()).replace(end, end.upper()), ""),
        "a reflection never closed": (thinking + made_up.removesuffix(end), ""),
        "a reflection inside a reflection": (f"{start}{made_up}{end}{thinking}", ""),
    }
    if found:
        forged |= {
            "reflections left out": (plain, ""),
            "reflections last": (plain + "".join(found), ""),
            "every reflection three times": (
                re.sub(f"({re.escape(start)}.*?{re.escape(end)})", r"\1\1\1", thinking),
                "",
            ),
            "numbers of another budget": (_renumbered(thinking, words, lambda used: (used, 2 * budget - used)), ""),
            "numbers too small": (_renumbered(thinking, words, lambda used: (used // 2, budget - used // 2)), ""),
            "one number for all": (_renumbered(thinking, words, lambda used: (budget // 2, budget // 2)), ""),
            "all of it used in every reflection": (_renumbered(thinking, words, lambda used: (budget, 0)), ""),
        }
    return forged


def _renumbered(thinking: str, words: ThinkingFormat, numbers: Callable[[int], tuple[int, int]]) -> str:
    """The thinking with other numbers in its reflections."""
    start, end = words.reflect

    def change(found: re.Match[str]) -> str:
        claim = words.read(found[1])
        return found[0] if claim is None else f"{start}{words.reflection(*numbers(claim[0]))}{end}"

    return re.sub(f"{re.escape(start)}(.*?){re.escape(end)}", change, thinking, flags=re.DOTALL)
