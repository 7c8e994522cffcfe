"""`Budgets`: prompts with their thinking budgets, drawn for training and swept for measuring."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rl.budget.config import BudgetConfig, level_name, level_of
from rl.budget.draw import draw_budget
from rl.budget.turns import BudgetTurns
from rl.errors import ConfigError
from rollout.types import Prompt
from verifiers.thinking.render import render_thinking, require_space

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Budgets:
    """The budgets of one run, in one tokenizer."""

    def __init__(self, config: BudgetConfig, tokenizer: PreTrainedTokenizerBase, *, seed: int) -> None:
        """Bind the section to a tokenizer.

        Raises:
            ConfigError: the chat template leaves budgets out, or reflections are too long for their intervals.
        """
        self.config, self._seed = config, seed
        self.turns = BudgetTurns(config, tokenizer)
        self.words, self.tokens = self.turns.words, self.turns.tokens
        self.levels = [level_of(level) for level in config.evaluated_levels()]
        """At which held-out prompts are measured."""
        trained = [level_of(level) for level in config.trained_levels()]
        every = list(dict.fromkeys([*trained, *self.levels]))
        self.turns.check(every)
        for level in every:
            try:
                require_space(level, self.tokens)
            except ValueError as error:
                raise ConfigError(f"budget.format: {error}.") from None
        self.extra_tokens = max(self.turns.extra_tokens(level) for level in every)
        """What telling a budget adds to a prompt, at most."""

    def thinking(self, plain: Sequence[int], budget: int | None) -> list[int]:
        """The thinking part of a worked response at a budget; nothing where the prompt closed it already."""
        if budget == 0 and self.turns.closes_at_0:
            return []
        return render_thinking(plain, budget, self.tokens)

    def at(self, prompt: Prompt, budget: int | None) -> Prompt:
        """The prompt with a budget."""
        ids = tuple(self.turns.ids(prompt.messages, budget))
        return dataclasses.replace(prompt, token_ids=ids, thinking_budget=budget)

    def visit(self, prompt: Prompt, epoch: int, drawn: int) -> Prompt:
        """The prompt with the budget of a visit, in epoch `epoch`, after `drawn` prompts."""
        return self.at(prompt, self.draw(prompt, epoch, drawn))

    def draw(self, prompt: Prompt, epoch: int = 0, drawn: int = 0) -> int | None:
        """The budget of a visit."""
        return draw_budget(
            self.config, seed=self._seed, prompt_id=prompt.prompt_id, columns=prompt.columns, epoch=epoch, drawn=drawn
        )

    def sweep(self, prompts: Sequence[Prompt]) -> list[Prompt]:
        """Every prompt at every level that is measured."""
        return [self.at(prompt, level) for level in self.levels for prompt in prompts]

    def label(self, budget: int | None) -> str:
        """The level that a budget counts under in metrics: the first one at or above it."""
        if budget is None:
            return level_name(None)
        above = [level for level in self.levels if level is not None and level >= budget]
        return level_name(min(above, default=budget))

    def require_room(self, max_response_tokens: int) -> None:
        """Refuse budgets that leave no room for an answer.

        Raises:
            ConfigError: with the numbers.
        """
        largest = self.config.largest
        line = len(self.tokens.reflection(self.words.exhausted)) + len(self.tokens.tags[0]) + len(self.tokens.tags[1])
        needed = largest + self.words.max_overshoot + line
        if largest and needed >= max_response_tokens:
            raise ConfigError(
                f"a budget of {largest} takes up to {needed} tokens of thinking ({largest}, {self.words.max_overshoot} "
                f"to end a sentence, {line} for the last line and the tags), and rollout.max_response_tokens is "
                f"{max_response_tokens}: no room for an answer. Ways out: (1) a larger rollout.max_response_tokens; "
                "(2) smaller budgets."
            )

    def tag_warning(self, place: Path) -> str | None:
        """What to know where tags are spelt in several tokens."""
        split = self.turns.split_tags()
        if not split:
            return None
        sizes = ", ".join(f"{tag} ({len(self.tokens.encode(tag))})" for tag in split)
        return (
            f"the tokenizer in {place} has no token for {sizes}: it spells them in that many tokens, which count as "
            "thinking, and a model that spells one otherwise has not written the tag. Ways out: (1) budget.format: "
            "tags that the model knows; (2) budget.add_tags: true, and a `warmup` that teaches them."
        )
