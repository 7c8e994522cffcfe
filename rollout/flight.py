"""Samples under way: what was asked for, what there is of each, and who waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rollout.config import SamplingConfig
from rollout.errors import RolloutError
from rollout.scheduling import ExpectedLengths, Work
from rollout.types import Sample, SampleRequest, StopReason, Tokens, joined
from rollout.worker import Ask, News


@dataclass(slots=True)
class Call:
    """One call of `RolloutFleet.generate`."""

    sampling: SamplingConfig
    due: int
    """Weight version by which its samples are wanted."""
    arrived: asyncio.Queue[Sample | RolloutError] = field(default_factory=asyncio.Queue)
    left: set[int] = field(default_factory=set)
    """Tickets that have not arrived."""


@dataclass(slots=True)
class Flight:
    """One sample under way."""

    ticket: int
    request: SampleRequest
    call: Call
    worker: int | None = None
    given: float = 0.0
    """When the worker got it (seconds of the event loop's clock)."""
    losses: int = 0
    """Workers that were lost while they had it and that got it no further."""
    parts: list[Tokens] = field(default_factory=list)
    """All that is known of it, as it was reported; put together only when it is wanted."""

    def __post_init__(self) -> None:
        self.forget()

    @property
    def tokens(self) -> Tokens:
        """All that is known of it."""
        if len(self.parts) > 1:
            self.parts = [joined(self.parts)]
        return self.parts[0]

    @property
    def count(self) -> int:
        """Number of these tokens."""
        return sum(map(len, self.parts))

    def hear(self, news: News) -> None:
        """Take what a worker reports."""
        if news.anew:
            self.parts = []
        self.parts.append(news.tokens)
        if len(news.tokens):
            self.losses = 0

    def ask(self) -> Ask:
        """What a worker is told."""
        return Ask(self.ticket, self.request.seed, self.tokens, self.request.most)

    def sample(self, reason: StopReason) -> Sample:
        """The finished sample."""
        return Sample(
            sample_id=self.request.sample_id,
            prompt=self.request.prompt,
            response_ids=self.tokens.ids,
            logprobs=self.tokens.logprobs,
            versions=self.tokens.versions,
            loss_mask=self.tokens.own,
            stop_reason=reason,
            worker=self.worker or 0,
        )

    def ended(self, *, most: int, context: int, stops: Sequence[int]) -> StopReason | None:
        """Why nothing can follow what there is; None where something can.

        A worker may be lost between reporting the last token and reporting the end.
        """
        count = self.count
        if count and int(self.tokens.ids[-1]) in stops:
            return StopReason.STOP
        most = most if self.request.most is None else min(most, self.request.most)
        if count >= most or len(self.request.prompt.token_ids) + count >= context:
            return StopReason.LENGTH
        return None

    def forget(self) -> None:
        """Begin anew, from what was asked for."""
        self.parts = [self.request.begun]

    def told(self) -> str:
        """For people: what it is and how far it is."""
        return f"{self.request.sample_id} after {self.count} tokens"


def works(flights: Sequence[Flight], lengths: ExpectedLengths, *, again: bool = False) -> Iterator[Work]:
    """The flights as work for the scheduler: those of one prompt and call together."""
    groups: dict[tuple[int, tuple[int, ...]], list[Flight]] = {}
    for flight in flights:
        groups.setdefault((id(flight.call), flight.request.prompt.token_ids), []).append(flight)
    for members in groups.values():
        prompt = members[0].request.prompt
        begun = [member.count for member in members]
        yield Work(
            tickets=tuple(member.ticket for member in members),
            prompt_tokens=len(prompt.token_ids) + sum(begun),
            expected_tokens=sum(lengths.of(prompt.prompt_id, done) for done in begun) / len(begun),
            due=members[0].call.due,
            again=again,
        )
