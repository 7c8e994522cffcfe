"""A modelled collector: what the streams ask for samples, answered by a modelled fleet.

Each prompt's lengths and signal are drawn from the seed and the prompt alone, so that ways to run are compared on the
same work.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

from rl.collect import NOT_BEGUN, Begun, Collector
from rl.groups import ScoredGroup
from rl.simulation.fleet import ModelledFleet
from rl.simulation.lengths import Lengths
from rollout.config import SamplingConfig
from rollout.types import Prompt


@dataclass(frozen=True)
class ModelledGroup(ScoredGroup):
    """A group without tokens and scores, only with what follows from them."""

    tokens: tuple[int, ...] = ()
    """Of each response."""
    oldest: tuple[int, ...] = ()
    """Weight version of each response's first token."""
    signal: bool = True

    @property
    def informative(self) -> bool:
        """Neither all right nor all wrong, as it was drawn."""
        return self.signal


class Prompts(Sequence[Prompt]):
    """As many different prompts of the same length, made when they are asked for."""

    def __init__(self, size: int, tokens: int) -> None:
        self._size, self._token_ids = size, (0,) * tokens

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, place: int) -> Prompt: ...
    @overload
    def __getitem__(self, place: slice) -> list[Prompt]: ...
    def __getitem__(self, place: int | slice) -> Prompt | list[Prompt]:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(self._size))]
        return Prompt(str(place), (), self._token_ids, "")


class ModelledCollector(Collector):
    """`collect` is the real one."""

    def __init__(
        self, fleet: ModelledFleet, lengths: Lengths, *, informative: float, scoring: float, tick: float, seed: int
    ) -> None:
        """
        Args:
            informative: share of groups with signal.
            scoring: seconds that the rewards of a group take.
            tick: groups arrive at multiples of so many seconds; 0: whenever they are finished.
        """
        self._modelled, self._lengths, self._tick = fleet, lengths, tick
        self._informative, self._scoring_seconds, self._random_seed = informative, scoring, seed
        self._asked: Counter[str] = Counter()

    async def score_prompts(
        self,
        prompts: Sequence[Prompt],
        *,
        label: str,
        group_size: int,
        sampling: SamplingConfig | None = None,
        due: int = 0,
        begun: Begun = NOT_BEGUN,
    ) -> list[ScoredGroup]:
        """A group for every prompt, from its beginning."""
        return list(await asyncio.gather(*(self._group(prompt, group_size, due) for prompt in prompts)))

    async def _group(self, prompt: Prompt, size: int, due: int) -> ModelledGroup:
        self._asked[prompt.prompt_id] += 1
        rng = random.Random(f"{self._random_seed}/{prompt.prompt_id}/{self._asked[prompt.prompt_id]}")
        signal, lengths = rng.random() < self._informative, self._lengths.draw(rng, size)
        responses = await self._modelled.generate(prompt, lengths, due=due)
        if self._scoring_seconds:
            await asyncio.sleep(self._scoring_seconds)
        if self._tick:
            await asyncio.sleep(self._tick - asyncio.get_running_loop().time() % self._tick)
        oldest = tuple(response.version for response in responses)
        return ModelledGroup(prompt, (), (), (), tuple(lengths), oldest, signal)
