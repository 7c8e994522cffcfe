"""`BudgetKeeper`: a fleet whose responses are kept to their thinking budgets while they are written.

A response is generated in parts, up to each place where something may have to be put in (`rollout/enforcing.py`). What
is put in is marked as not the model's own, and so leaves the loss. Tags may be spelt in several tokens: vLLM's own
`thinking_token_budget` needs single ones, and can only close the thinking.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from rollout.config import SamplingConfig
from rollout.enforcing import Go, PutIn, next_move
from rollout.types import Sample, SampleRequest, StopReason, Tokens
from verifiers.thinking.tokens import ThinkingTokens


class Generator(Protocol):
    """What answers requests: a `RolloutFleet`, or this around one."""

    @property
    def version(self) -> int:
        """Weight version that new tokens are sampled with."""

    def generate(
        self, requests: Sequence[SampleRequest], *, sampling: SamplingConfig | None = None, due: int = 0
    ) -> AsyncIterator[Sample]:
        """See `RolloutFleet.generate`."""

    def progress(self, sample_ids: Sequence[str]) -> dict[str, Tokens]:
        """See `RolloutFleet.progress`."""


class BudgetKeeper:
    """Keeps the responses of a fleet to their budgets."""

    def __init__(
        self, fleet: Generator, tokens: ThinkingTokens, *, reflect: bool, max_response_tokens: int, context_tokens: int
    ) -> None:
        """
        Args:
            tokens: the protocol in the model's tokenizer.
            reflect: put reflections in, not only an end.
        """
        self._fleet, self._tokens, self._reflect = fleet, tokens, reflect
        self._most, self._context = max_response_tokens, context_tokens

    @property
    def version(self) -> int:
        """Weight version that new tokens are sampled with."""
        return self._fleet.version

    def progress(self, sample_ids: Sequence[str]) -> dict[str, Tokens]:
        """What there is of unfinished samples."""
        return self._fleet.progress(sample_ids)

    async def generate(
        self, requests: Sequence[SampleRequest], *, sampling: SamplingConfig | None = None, due: int = 0
    ) -> AsyncIterator[Sample]:
        """Answer all requests, each within its prompt's budget; see `RolloutFleet.generate`."""
        arrived: asyncio.Queue[Sample | BaseException] = asyncio.Queue()
        by_id = {request.sample_id: request for request in requests}
        tasks: set[asyncio.Task[None]] = set()

        async def run(parts: Sequence[SampleRequest]) -> None:
            try:
                async for sample in self._fleet.generate(parts, sampling=sampling, due=due):
                    follow(sample)
            except Exception as error:
                arrived.put_nowait(error)

        def follow(sample: Sample) -> None:
            if sample.stop_reason is not StopReason.LENGTH:
                arrived.put_nowait(sample)
                return
            forced = tuple(np.flatnonzero(~sample.loss_mask).tolist())
            so_far = Tokens(sample.response_ids, sample.logprobs, sample.versions, forced)
            part = self._part(replace(by_id[sample.sample_id], begun=so_far))
            if len(part.begun) >= self._room(part):
                arrived.put_nowait(_sample(sample, part.begun))
            else:
                start([part])

        def start(parts: Sequence[SampleRequest]) -> None:
            task = asyncio.create_task(run(parts))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        try:
            start([self._part(request) for request in requests])  # at once: the fleet sees groups as groups
            for _ in requests:
                item = await arrived.get()
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            for task in list(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _room(self, request: SampleRequest) -> int:
        return min(self._most, self._context - len(request.prompt.token_ids))

    def _part(self, request: SampleRequest) -> SampleRequest:
        """The request with what has to be put in, and how far the model goes on from there."""
        begun, budget = request.begun, request.prompt.thinking_budget
        while True:
            move = next_move(begun.ids.tolist(), budget, self._tokens, reflect=self._reflect)
            match move:
                case Go(tokens=None):
                    return replace(request, begun=begun, most=None)
                case Go(tokens=int(count)):
                    return replace(request, begun=begun, most=len(begun) + count)
                case PutIn(at=at, ids=ids):
                    ids = ids[: max(self._room(request) - at, 0)]
                    begun = begun.first(at) + self._forced(ids)
                    if not ids or len(begun) >= self._room(request):
                        return replace(request, begun=begun, most=None)

    def _forced(self, ids: Sequence[int]) -> Tokens:
        count = len(ids)
        return Tokens(
            np.array(ids, dtype=np.int32),
            np.zeros(count, dtype=np.float32),
            np.full(count, self.version, dtype=np.int32),
            tuple(range(count)),
        )


def _sample(sample: Sample, tokens: Tokens) -> Sample:
    """A response that ends with tokens that were put in."""
    return replace(
        sample,
        response_ids=tokens.ids,
        logprobs=tokens.logprobs,
        versions=tokens.versions,
        loss_mask=tokens.own,
        stop_reason=StopReason.LENGTH,
    )
