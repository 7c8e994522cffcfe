"""Worked examples with budgets: plain thinking becomes thinking that keeps to a budget and says so truly.

The same is written to a file by `ponder warmup --make-data`, and made on the fly by the warm-up of a run with a
`budget` section. On the fly a share of the lessons is flawed, so that RL finds something to mend.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from rl.budget.flaws import flaw_thinking
from rl.budget.prompts import Budgets
from rl.data.example import Example
from rl.lessons import Lesson, Lessons
from rollout.types import Prompt
from verifiers.thinking.tokens import Tag, ThinkingTokens


class BudgetLessons(Lessons):
    """Gives each visit of an example a budget of its own."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, budgets: Budgets, *, noise: float, seed: int) -> None:
        """
        Args:
            noise: share of the lessons whose thinking breaks the protocol.
        """
        super().__init__(tokenizer, budgets.words)
        self._budgets, self._noise, self._seed = budgets, noise, seed

    def lesson(self, example: Example, place: int, *, flawed: bool = False) -> Lesson:
        """An example whose response keeps to a budget (but for the noise).

        An example that comes with a budget keeps it, and its response stands as it is.
        """
        tokens = self._budgets.tokens
        response = (example.flawed if flawed else example.response) or ""
        ids = list(example.response_ids or tokens.encode_response(response))
        if example.budgeted:
            budget = example.thinking_budget
        else:
            budget = self._draw(example, place)
            rng = random.Random(f"lesson/{self._seed}/{place}")
            plain, answer = take_apart(ids, tokens)
            flaw = rng.random() < self._noise
            thought = self._budgets.thinking(plain, budget)
            if flaw and thought:
                thought = flaw_thinking(plain, budget, tokens, rng)
            ids = [*thought, *answer]
        return Lesson(self._budgets.turns.ids(example.messages, budget), ids, budget)

    def _draw(self, example: Example, place: int) -> int | None:
        prompt = Prompt(f"warmup/{place}/{example.id}", example.messages, (), "", columns=example.columns)
        return self._budgets.draw(prompt)


def take_apart(ids: Sequence[int], tokens: ThinkingTokens) -> tuple[list[int], list[int]]:
    """A worked response -> its plain thinking, without tags and reflections, and its answer.

    A response without thinking tags is all answer.
    """
    plain: list[int] = []
    at, reflecting, closed = 0, False, False
    for tag, start, end in tokens.find_tags(ids):
        if tag is Tag.THINK_END:
            plain += [] if reflecting else ids[at:start]
            at, closed = end, True
            break
        if tag is Tag.THINK:
            plain.clear()
        elif tag is Tag.REFLECT:
            plain += ids[at:start]
            reflecting = True
        else:
            reflecting = False
        at = end
    return (plain, list(ids[at:])) if closed else ([], list(ids))
