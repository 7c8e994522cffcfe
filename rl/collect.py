"""From prompts to scored groups: generate, score, and (dynamic sampling) ask again for groups without signal.

Everything here is deterministic given the prompts, the seeds and the groups that wait: a resumed run asks for the same
samples. Informative groups that a round makes beyond the batch wait for the next step; they are part of a checkpoint.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from rewards.types import RewardInput
from rl.algorithms.base import DynamicSampling
from rl.data.stream import PromptStream
from rl.groups import ScoredGroup
from rollout.config import SamplingConfig
from rollout.types import NO_TOKENS, Prompt, Sample, SampleRequest, Tokens
from verifiers.thinking.format import FORMATS, ThinkingFormat

if TYPE_CHECKING:  # the simulator drives the streams without an engine
    from transformers import PreTrainedTokenizerBase

    from rewards.runner import RewardRunner
    from rollout.keeper import Generator


@dataclass(frozen=True)
class Collected:
    """The groups of one step."""

    groups: Sequence[ScoredGroup]
    """What is learnt from: groups that waited, then this step's in prompt order."""
    generated: Sequence[ScoredGroup]
    """All that was generated in this step, filtered groups included."""
    surplus: tuple[ScoredGroup, ...]
    """Informative groups that wait for the next step."""
    rounds: int
    full: bool
    """False when the rounds ran out before the batch was full."""


@dataclass(frozen=True)
class Begun:
    """What there is of prompts whose groups are not finished."""

    finished: tuple[Sample, ...] = ()
    unfinished: Mapping[str, Tokens] = field(default_factory=dict)
    """Sample id -> its tokens so far."""


NOT_BEGUN = Begun()


class Collector:
    """Generates and scores groups with a fleet and a reward runner."""

    def __init__(
        self,
        fleet: Generator,
        rewards: RewardRunner,
        tokenizer: PreTrainedTokenizerBase,
        *,
        seed: int,
        thinking: ThinkingFormat = FORMATS["seed"],
    ) -> None:
        """`thinking`: what the model writes around its thinking, and what prompts with a budget open of it."""
        self._fleet = fleet
        self._rewards = rewards
        self._tokenizer = tokenizer
        self._seed = seed
        self._thinking = thinking
        self._under_way: dict[str, _UnderWay] = {}
        self._scoring: dict[int, tuple[tuple[Sample, ...], float]] = {}
        """Groups with the reward workers, and since when."""

    async def collect(
        self,
        stream: PromptStream,
        *,
        label: str,
        prompts: int,
        group_size: int,
        filtering: DynamicSampling,
        waiting: Sequence[ScoredGroup] = (),
    ) -> Collected:
        """The groups of one step: `prompts` informative ones when `filtering.enabled`, else the next `prompts`.

        Args:
            label: names the step in sample ids and seeds, `12` say.
            waiting: the surplus of the step before; it is used first.
        """
        generated: list[ScoredGroup] = []
        kept = list(waiting)
        rounds = 0
        while len(kept) < prompts and rounds < (filtering.max_rounds if filtering.enabled else 1):
            missing = prompts - len(kept)
            wanted = stream.take(math.ceil(missing * filtering.oversampling) if filtering.enabled else missing)
            scored = await self.score_prompts(wanted, label=f"{label}.{rounds}", group_size=group_size)
            generated += scored
            kept += [group for group in scored if group.informative or not filtering.enabled]
            rounds += 1
        return Collected(kept[:prompts], generated, tuple(kept[prompts:]), rounds, full=len(kept) >= prompts)

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
        """Generate and score `group_size` responses to each prompt; groups come back in prompt order.

        A group is scored while others are still being generated.

        Args:
            label: names the samples; not the label of another call that is under way.
            due: weight version by which they are wanted.
            begun: what `begun(label)` said when these were generated before.
        """
        requests = {
            f"{label}/{place}/{prompt.prompt_id}/{index}": (place, index)
            for place, prompt in enumerate(prompts)
            for index in range(group_size)
        }
        finished = {sample.sample_id: sample for sample in begun.finished}
        orders = [
            SampleRequest(
                sample_id,
                prompts[place],
                seed=_seed(self._seed, sample_id),
                begun=begun.unfinished.get(sample_id, NO_TOKENS),
            )
            for sample_id, (place, _) in requests.items()
            if sample_id not in finished
        ]
        scoring: list[asyncio.Task[ScoredGroup] | None] = [None] * len(prompts)
        arrived: list[dict[int, Sample]] = [{} for _ in prompts]
        under_way = self._under_way[label] = _UnderWay([order.sample_id for order in orders], [])

        def take(sample: Sample) -> None:
            place, index = requests[sample.sample_id]
            arrived[place][index] = sample
            under_way.finished.append(sample)
            if len(arrived[place]) == group_size:
                group = tuple(arrived[place][i] for i in range(group_size))
                scoring[place] = asyncio.create_task(self._score(prompts[place], group))

        try:
            for sample in finished.values():
                take(sample)
            async for sample in self._fleet.generate(orders, sampling=sampling, due=due):
                take(sample)
            done = await asyncio.gather(*(task for task in scoring if task is not None))
        finally:
            del self._under_way[label]
        assert len(done) == len(prompts), "the fleet ended its stream with groups unfinished"
        return done

    def begun(self, label: str) -> Begun | None:
        """What there is of a call of `score_prompts` that is under way; None when none by this label is."""
        found = self._under_way.get(label)
        return None if found is None else Begun(tuple(found.finished), self._fleet.progress(found.sample_ids))

    def stalls(self, seconds: float) -> list[str]:
        """For people: groups whose rewards have been computed for longer than this."""
        now = time.monotonic()
        return [
            f"rewards have been computed for {now - since:.0f} s: of {samples[0].sample_id} and {len(samples) - 1} more"
            for samples, since in self._scoring.values()
            if now - since >= seconds
        ]

    async def _score(self, prompt: Prompt, samples: tuple[Sample, ...]) -> ScoredGroup:
        texts = tuple(self.decode(sample) for sample in samples)
        inputs = []
        for sample, text in zip(samples, texts, strict=True):
            thinking, answer = self._thinking.split(text, prompt.thinking_budget)
            inputs.append(
                RewardInput(
                    messages=prompt.messages,
                    response=text,
                    thinking=thinking,
                    answer=answer,
                    ground_truth=prompt.ground_truth,
                    columns=prompt.columns,
                    task=prompt.task,
                    prompt_tokens=len(prompt.token_ids),
                    response_tokens=len(sample.response_ids),
                    response_ids=array("i", sample.response_ids.astype(np.int32).tobytes()),
                    thinking_budget=prompt.thinking_budget,
                    stop_reason=sample.stop_reason.value,
                    forced=tuple(np.flatnonzero(~sample.loss_mask).tolist()),
                )
            )
        self._scoring[id(samples)] = (samples, time.monotonic())
        try:
            return ScoredGroup(prompt, samples, texts, tuple(await self._rewards.ascore(inputs)))
        finally:
            del self._scoring[id(samples)]

    def decode(self, sample: Sample) -> str:
        """The response as text: special tokens kept (thinking tags are some), the end of turn left out."""
        ids = sample.response_ids.tolist()
        if ids and ids[-1] == self._tokenizer.eos_token_id:
            ids = ids[:-1]
        text = self._tokenizer.decode(ids, skip_special_tokens=False)
        assert isinstance(text, str)
        return text


@dataclass(frozen=True)
class _UnderWay:
    """One call of `score_prompts`."""

    sample_ids: list[str]
    """Asked of the fleet."""
    finished: list[Sample]


def _seed(run_seed: int, sample_id: str) -> int:
    """A request's own seed, from the run's seed and the sample's name alone (stable across restarts)."""
    return int.from_bytes(hashlib.blake2b(f"{run_seed}/{sample_id}".encode(), digest_size=4).digest(), "little") >> 1
