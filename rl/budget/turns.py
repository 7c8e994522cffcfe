"""How a prompt tells the model its budget, and what it opens for the response.

By the chat template's own variable where it has one (`budget.turn: template`), else in words of a system turn
(`system`). What a rendered prompt leaves open is read from its ids, whatever the format says of it: Seed-OSS's
template, for one, has opened the thinking at budget 0 in one revision, and opened and closed it in another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from rl.budget.config import BudgetConfig, BudgetWords
from rl.data.example import Message
from rl.data.source import prompt_ids
from rl.errors import ConfigError
from verifiers.thinking.format import Opened
from verifiers.thinking.tokens import Tag, ThinkingTokens, TokenizerLike, bind

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_PROBE: tuple[Message, ...] = ({"role": "user", "content": "How many?"},)


class BudgetTurns:
    """Renders conversations with a budget."""

    def __init__(self, config: BudgetConfig, tokenizer: PreTrainedTokenizerBase) -> None:
        """See `check` for what may be wrong."""
        self._turn, self._said, self._tokenizer = config.turn, config.said, tokenizer
        self.words = config.format
        self.tokens: ThinkingTokens = bind(config.format, cast(TokenizerLike, tokenizer))
        """The format in the model's tokens; what prompts open in it is what they really do."""
        direct, limited = self.ids(_PROBE, 0), self.ids(_PROBE, 512)
        opens = {
            "direct_prompt_opens": what_is_open(direct, self.tokens),
            "prompt_opens": what_is_open(limited, self.tokens),
        }
        self.words = config.format.model_copy(update=opens)
        self.tokens = bind(self.words, cast(TokenizerLike, tokenizer))
        self.closes_at_0 = any(tag is Tag.THINK_END for tag, _, _ in self.tokens.find_tags(direct))
        """The prompt of budget 0 opens and closes the thinking: the response is all answer."""

    def ids(self, messages: Sequence[Message], budget: int | None) -> list[int]:
        """Token ids of a conversation up to where the model's turn begins; `budget` None is unlimited."""
        if self._turn == "template":
            options = (
                {} if budget is None else {"thinking_budget": budget, "thinking_interval": self.words.interval(budget)}
            )
            return prompt_ids(messages, self._tokenizer, **options)
        ids = prompt_ids(with_words(messages, budget, self.words.interval(budget), self._said), self._tokenizer)
        return ids + self._opening() if budget == 0 else ids

    def extra_tokens(self, budget: int | None) -> int:
        """What telling this budget adds to a prompt."""
        return len(self.ids(_PROBE, budget)) - len(self.ids(_PROBE, None))

    def check(self, levels: Sequence[int | None]) -> None:
        """Refuse a template that leaves the budget out.

        Raises:
            ConfigError: with the ways out.
        """
        for level in levels:
            ids = self.ids(_PROBE, level)
            if level is not None and ids == self.ids(_PROBE, None):
                raise ConfigError(
                    f"the chat template of {self._tokenizer.name_or_path} leaves the thinking budget out: prompts with "
                    f"budget {level} and without one are the same. Ways out: (1) budget.turn: system puts it into a "
                    "system turn; (2) give the template a variable `thinking_budget`; (3) leave `budget` out."
                )

    def split_tags(self) -> list[str]:
        """Tags that are no tokens of their own in this tokenizer."""
        return [tag for tag, ids in zip(self.words.tags, self.tokens.tags, strict=True) if len(ids) > 1]

    def _opening(self) -> list[int]:
        """The tags that a prompt of budget 0 opens."""
        tags = {Opened.NOTHING: (), Opened.THINKING: (Tag.THINK,), Opened.REFLECTION: (Tag.THINK, Tag.REFLECT)}
        return [one for tag in tags[self.words.opened(0)] for one in self.tokens.tags[tag.value]]


def with_words(messages: Sequence[Message], budget: int | None, interval: int, words: BudgetWords) -> list[Message]:
    """A conversation whose system turn tells the budget."""
    if budget is None:
        return list(messages)
    said = words.limited.replace("{budget}", str(budget)).replace("{interval}", str(interval))
    said = said if budget else words.direct
    first = messages[0]
    if first["role"] == "system":  # most templates take one system turn only
        return [{**first, "content": f"{first['content']}\n\n{said}"}, *messages[1:]]
    return [{"role": "system", "content": said}, *messages]


def what_is_open(ids: Sequence[int], tokens: ThinkingTokens) -> Opened:
    """What a prompt has opened where the response begins."""
    state = Opened.NOTHING
    for tag, _, _ in tokens.find_tags(ids):
        match tag:
            case Tag.THINK:
                state = Opened.THINKING
            case Tag.THINK_END:
                state = Opened.NOTHING
            case Tag.REFLECT:
                state = Opened.REFLECTION if state is not Opened.NOTHING else state
            case Tag.REFLECT_END:
                state = Opened.THINKING if state is Opened.REFLECTION else state
    return state
