"""Responses kept to their budgets while they are written. Pinned here:

1. `cap`: thinking that does not end is ended at the budget, the overshoot and the last line; the answer is the model's.
2. `cap_and_reflect`: true reflections where they are due, at ends of sentences, and the last line at the budget.
3. What is put in is marked, has the present weight version, and leaves everything else as the model sampled it.
4. Who keeps to the protocol has nothing put in; nor has who has no budget. Budget 0 ends thinking too.
5. A response that goes on from what there was of it ends as one that was never interrupted.
6. Tags of several tokens are kept to as well, and no response becomes longer than it may.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import numpy as np
import pytest

from rollout.enforcing import Go, next_move
from rollout.keeper import BudgetKeeper
from rollout.types import NO_TOKENS, Prompt, Sample, SampleRequest, StopReason, Tokens
from tests.thinking_parts import SMALL, tokens_of
from verifiers.thinking.parse import parse
from verifiers.thinking.render import render_thinking
from verifiers.thinking.tokens import Tag, ThinkingTokens
from verifiers.thinking.trace import Kind, Trace

EOS = -7
TOKENS = tokens_of("tiny", "small")
PLAIN = TOKENS.encode(" so we count it. then we add it up and so on. and again." * 60)
ANSWER = [*TOKENS.encode(" \\boxed{2}"), EOS]
Model = Callable[[Sequence[int]], int]


def thinker(tokens: ThinkingTokens, plain: Sequence[int] = PLAIN) -> Model:
    """Thinks without end; answers once its thinking is closed, whoever closed it."""
    start, end = list(tokens.tags[Tag.THINK.value]), list(tokens.tags[Tag.THINK_END.value])

    def sample(ids: Sequence[int]) -> int:
        closed = next((i for i in range(len(ids)) if list(ids[i : i + len(end)]) == end), None)
        if closed is not None:
            return ANSWER[len(ids) - closed - len(end)]
        return start[len(ids)] if len(ids) < len(start) else plain[len(ids) % len(plain)]

    return sample


def script(ids: Sequence[int]) -> Model:
    return lambda so_far: ids[len(so_far)]


class Fleet:
    """Samples from a function of the tokens so far."""

    version = 3

    def __init__(self, model: Model, longest: int) -> None:
        self.model, self.longest = model, longest
        self.calls: list[int] = []

    async def generate(
        self, requests: Sequence[SampleRequest], *, sampling: Any = None, due: int = 0
    ) -> AsyncIterator[Sample]:
        self.calls.append(len(requests))
        for request in requests:
            tokens, reason = request.begun, StopReason.LENGTH
            most = min(self.longest, request.most or self.longest)
            while len(tokens) < most:
                one = self.model(tokens.ids.tolist())
                tokens += Tokens(np.array([one], np.int32), np.array([-0.5], np.float32), np.array([1], np.int32))
                if one == EOS:
                    reason = StopReason.STOP
                    break
            yield Sample(
                request.sample_id, request.prompt, tokens.ids, tokens.logprobs, tokens.versions, tokens.own, reason
            )

    def progress(self, sample_ids: Sequence[str]) -> dict[str, Tokens]:
        return {}


async def answer(
    model: Model, budget: int | None, *, reflect: bool, tokens: ThinkingTokens = TOKENS, begun: Tokens = NO_TOKENS,
    longest: int = 600,
) -> Sample:  # fmt: skip
    fleet = Fleet(model, longest)
    keeper = BudgetKeeper(fleet, tokens, reflect=reflect, max_response_tokens=longest, context_tokens=2000)
    prompt = Prompt("t/0", (), (1, 2), "2", thinking_budget=budget)
    (sample,) = [one async for one in keeper.generate([SampleRequest("a", prompt, 0, begun)])]
    assert len(sample.response_ids) == len(sample.logprobs) == len(sample.versions) == len(sample.loss_mask) <= longest
    own = sample.loss_mask
    assert np.all(sample.logprobs[own] == -0.5) and np.all(sample.logprobs[~own] == 0)
    assert np.all(sample.versions[own] == 1) and np.all(sample.versions[~own] == 3)
    return sample


def trace(sample: Sample, tokens: ThinkingTokens = TOKENS) -> Trace:
    budget = sample.prompt.thinking_budget
    forced = np.flatnonzero(~sample.loss_mask).tolist()
    return parse(
        [one for one in sample.response_ids.tolist() if one != EOS],
        tokens, opened=tokens.format.opened(budget), forced=forced,
    )  # fmt: skip


@pytest.mark.parametrize("budget", [16, 64, 100, 256])
async def test_a_cap_ends_thinking(budget: int) -> None:
    sample = await answer(thinker(TOKENS), budget, reflect=False)
    found = trace(sample)
    line = len(TOKENS.reflection(SMALL.exhausted))
    assert found.total == budget + SMALL.max_overshoot + line
    assert found.cut and not found.reflections
    assert (~sample.loss_mask).sum() == 1  # the closing tag
    assert sample.response_ids.tolist()[-len(ANSWER) :] == ANSWER
    assert sample.stop_reason is StopReason.STOP


@pytest.mark.parametrize("budget", [16, 64, 100, 256, 300])
async def test_a_teacher_puts_true_reflections_in(budget: int) -> None:
    sample = await answer(thinker(TOKENS), budget, reflect=True)
    found = trace(sample)
    assert not found.faults
    interval = SMALL.interval(budget)
    used = [one for one in found.reflections if one.kind is Kind.USED]
    assert len(used) >= (budget - 1) // interval - 1
    for number, one in enumerate(used, 1):
        assert (one.used, one.remaining, one.own) == (one.at, budget - one.at, False)
        assert 0 <= one.at - number * interval <= SMALL.max_overshoot
    closing = found.closing
    assert closing is not None and 0 <= closing.at - budget <= SMALL.max_overshoot
    assert sample.response_ids.tolist()[-len(ANSWER) :] == ANSWER
    put_in = sum(one.end - one.start for one in found.reflections) + 1
    assert (~sample.loss_mask).sum() == put_in


@pytest.mark.parametrize("reflect", [False, True])
@pytest.mark.parametrize("budget", [0, 64, 200, None])
async def test_who_keeps_to_the_protocol_is_left_alone(budget: int | None, reflect: bool) -> None:
    right = [*render_thinking(PLAIN[:400], budget, TOKENS), *ANSWER]
    sample = await answer(script(right), budget, reflect=reflect)
    assert sample.response_ids.tolist() == right
    assert sample.loss_mask.all()


async def test_budget_0_ends_thinking() -> None:
    closing = TOKENS.tags[Tag.REFLECT_END.value] + TOKENS.tags[Tag.THINK_END.value]
    thinks = thinker(TOKENS)
    sample = await answer(lambda ids: PLAIN[0] if len(ids) < 1 else thinks(ids), 0, reflect=True)
    place = len(TOKENS.reflection(SMALL.direct))
    assert tuple(sample.response_ids[place : place + 2]) == closing
    assert sample.response_ids.tolist()[-len(ANSWER) :] == ANSWER


@pytest.mark.parametrize("reflect", [False, True])
async def test_what_goes_on_ends_alike(reflect: bool) -> None:
    whole = await answer(thinker(TOKENS), 128, reflect=reflect)
    forced = np.flatnonzero(~whole.loss_mask).tolist()
    everything = Tokens(whole.response_ids, whole.logprobs, whole.versions, tuple(forced))
    inside = {place for place in forced if place - 1 in forced}  # what is put in comes whole
    for count in sorted(set(range(len(whole.response_ids) - 1)) - inside):
        again = await answer(thinker(TOKENS), 128, reflect=reflect, begun=everything.first(count))
        assert again.response_ids.tolist() == whole.response_ids.tolist(), count
        assert again.loss_mask.tolist() == whole.loss_mask.tolist(), count


@pytest.mark.timeout(60)
@pytest.mark.parametrize("reflect", [False, True])
@pytest.mark.parametrize("budget", [16, 64, 200])
async def test_a_reflection_that_never_ends_is_ended(budget: int, reflect: bool) -> None:
    for begins in range(1, budget):
        opened = [TOKENS.tags[Tag.THINK.value][0], *PLAIN[: begins - 1], TOKENS.tags[Tag.REFLECT.value][0]]
        thinks = thinker(TOKENS)
        sample = await answer(
            lambda ids, opened=opened, thinks=thinks: opened[len(ids)] if len(ids) < len(opened) else thinks(ids),
            budget,
            reflect=reflect,
        )
        assert sample.stop_reason is StopReason.STOP
        assert trace(sample).total <= budget + SMALL.max_overshoot + len(TOKENS.reflection(SMALL.exhausted)) + 1


async def test_tags_of_several_tokens() -> None:
    spelt = tokens_of("tiny", "think")
    assert len(spelt.tags[Tag.THINK_END.value]) > 1
    plain = spelt.encode(" so we count it. then we add it up and so on." * 60)
    sample = await answer(thinker(spelt, plain), 64, reflect=False, tokens=spelt)
    assert trace(sample, spelt).cut
    assert (~sample.loss_mask).sum() == len(spelt.tags[Tag.THINK_END.value])


async def test_no_response_becomes_longer_than_it_may() -> None:
    for longest in range(60, 100):
        sample = await answer(thinker(TOKENS), 64, reflect=True, longest=longest)
        if len(sample.response_ids) == longest and sample.response_ids[-1] != EOS:
            assert sample.stop_reason is StopReason.LENGTH


async def test_a_reflection_that_the_last_place_cannot_close() -> None:
    """At the cap there is room for one of the two tags that end it."""
    tags = {tag: list(TOKENS.tags[tag.value]) for tag in (Tag.THINK, Tag.REFLECT, Tag.REFLECT_END)}
    most = 16 + SMALL.max_overshoot + len(TOKENS.reflection(SMALL.exhausted))
    sample = await answer(
        script([*tags[Tag.THINK], *PLAIN[:4], *tags[Tag.REFLECT], *PLAIN[:400]]),
        16,
        reflect=False,
        longest=1 + most + 1,
    )
    assert sample.response_ids[-1] == tags[Tag.REFLECT_END][0]
    assert sample.stop_reason is StopReason.LENGTH


async def test_groups_are_asked_for_together() -> None:
    fleet = Fleet(thinker(TOKENS), 300)
    keeper = BudgetKeeper(fleet, TOKENS, reflect=True, max_response_tokens=300, context_tokens=900)
    prompts = [Prompt(f"t/{i}", (), (1, 2), "2", thinking_budget=[64, None][i % 2]) for i in range(4)]
    requests = [SampleRequest(f"{i}", prompt, i) for i, prompt in enumerate(prompts)]
    found = {sample.sample_id: sample async for sample in keeper.generate(requests)}
    assert set(found) == {"0", "1", "2", "3"}
    assert fleet.calls[0] == 4
    assert found["1"].loss_mask.all() and not found["0"].loss_mask.all()


async def test_a_failure_of_the_fleet_is_told() -> None:
    def broken(ids: Sequence[int]) -> int:
        if len(ids) > 80:
            raise RuntimeError("lost")
        return thinker(TOKENS)(ids)

    with pytest.raises(RuntimeError, match="lost"):
        await answer(broken, 64, reflect=True)


def test_unlimited_thinking_goes_on() -> None:
    assert next_move(PLAIN, None, TOKENS, reflect=True) == Go()
