"""The stream of groups. Pinned here:

1. No sample is ever older, when it is learnt from, than `max_staleness` versions, and no batch has fewer groups of the
   newest weights than `completion_ratio` says; whatever order groups finish in.
2. Every admitted group with signal is taken exactly once, oldest first among those that are ready; none is lost.
3. With `max_staleness` 0 nothing is generated while the learner works, and batches are the next prompts in order.
4. A batch does not wait for the longest response unless that is at its limit.
5. A group without signal is replaced at once; when the limit of generation is reached, a batch is what there is.
6. A stream that goes on from its state asks for unfinished groups again under the same names, with what there was of
   them; no finished one is lost.
7. `drain` waits for what is unfinished and admits nothing; a failure ends `take`; `close` ends everything.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewards.types import Combined
from rl.algorithms.base import DynamicSampling
from rl.collect import Begun
from rl.data.stream import PromptStream
from rl.groups import ScoredGroup
from rl.stream import GroupStream, StreamState, Ticket
from rollout.types import NO_TOKENS, Prompt, Sample, StopReason

SIZE = 4
OFF = DynamicSampling(enabled=False)


class Machine:
    """Takes the place of fleet and rewards: a group finishes when it is told to, with tokens of every version since."""

    def __init__(self) -> None:
        self.version = 0
        self.open: dict[int, asyncio.Event] = {}
        self.asked: list[str] = []
        self.begun_with: dict[int, Begun] = {}
        self.due: dict[int, int] = {}
        self.right: Callable[[int], int] = lambda number: 1
        self.fail = False

    def begun(self, label: str) -> Begun | None:
        return Begun((), {label: NO_TOKENS}) if int(label.removeprefix("stream")) in self.open else None

    async def score_prompts(
        self, prompts: Sequence[Prompt], *, label: str, group_size: int, due: int, begun: Begun
    ) -> list[ScoredGroup]:
        number, (prompt,) = int(label.removeprefix("stream")), prompts
        self.begun_with[number], self.due[number] = begun, due
        self.asked.append(f"{label}/{prompt.prompt_id}")
        begun = self.version
        self.open[number] = asyncio.Event()
        try:
            await self.open[number].wait()
        finally:
            del self.open[number]
        if self.fail:
            raise RuntimeError("a worker died")
        versions = np.arange(begun, self.version + 1, dtype=np.int32)
        size = len(versions)
        samples = tuple(
            Sample(
                f"{label}/{i}",
                prompt,
                np.zeros(size, np.int32),
                np.zeros(size, np.float32),
                versions,
                np.ones(size, np.bool_),
                StopReason.STOP,
            )
            for i in range(group_size)
        )
        scores = tuple(Combined(1.0, {}, i < self.right(number)) for i in range(group_size))
        return [ScoredGroup(prompt, samples, ("",) * group_size, scores)]


def prompts(count: int = 1000) -> list[Prompt]:
    return [Prompt(str(i), ({"role": "user", "content": "?"},), (1,), "1") for i in range(count)]


def make(
    machine: Machine,
    staleness: int,
    filtering: DynamicSampling = OFF,
    state: StreamState | None = None,
    completion_ratio: float = 0.0,
) -> GroupStream:
    stream = PromptStream(prompts(), seed=0, shuffle=False)
    if state is not None:
        stream.take(state.admitted)
    return GroupStream(
        machine,  # type: ignore[arg-type]
        stream,
        groups_per_batch=SIZE,
        group_size=2,
        filtering=filtering,
        max_staleness=staleness,
        completion_ratio=completion_ratio,
        version=machine.version,
        state=state or StreamState(),
    )


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)


async def finish(machine: Machine, *numbers: int) -> None:
    for number in numbers:
        machine.open[number].set()
        await settle()


def numbers(groups: Sequence[ScoredGroup]) -> list[int]:
    return [int(group.prompt.prompt_id) for group in groups]


async def publish(machine: Machine, stream: GroupStream) -> None:
    machine.version += 1
    stream.advance(machine.version)
    await settle()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 3), st.integers(0, 10_000), st.booleans(), st.sampled_from([0.0, 0.5, 0.7, 1.0]))
def test_no_sample_is_too_old_and_none_is_lost(staleness: int, seed: int, filtered: bool, completion: float) -> None:
    async def run() -> None:
        rng = random.Random(seed)
        machine = Machine()
        if filtered:
            machine.right = lambda number: random.Random(f"{seed}/{number}").choice([0, 1, 1, 2])
        filtering = DynamicSampling(max_rounds=100) if filtered else OFF
        stream = make(machine, staleness, filtering, completion_ratio=completion)
        taken: list[int] = []
        for _ in range(12):
            taking = asyncio.create_task(stream.take())
            await settle()
            while not taking.done():
                await finish(machine, rng.choice(sorted(machine.open)))
            collected = taking.result()
            assert collected.full and len(collected.groups) == SIZE
            wholly_newest = 0
            for group in collected.groups:
                oldest = min(sample.oldest_version for sample in group.samples)
                assert machine.version - oldest <= staleness
                wholly_newest += oldest == machine.version
            assert wholly_newest >= completion * SIZE
            taken += numbers(collected.groups)
            for _ in range(rng.randrange(6)):  # while the learner works
                if machine.open:
                    await finish(machine, rng.choice(sorted(machine.open)))
            await publish(machine, stream)
        assert len(set(taken)) == len(taken)
        state = stream.state()
        waiting = [t.number for t, _ in state.ready] + [t.number for t, _ in state.unfinished]
        kept = [n for n in range(state.admitted) if n in taken or n in waiting]
        dropped = set(range(state.admitted)) - set(kept)
        assert all(machine.right(n) in (0, 2) for n in dropped)
        assert not (set(taken) & set(waiting))
        await stream.close()

    asyncio.run(run())


async def test_zero_staleness_is_synchronous() -> None:
    machine = Machine()
    stream = make(machine, 0)
    for step in range(3):
        taking = asyncio.create_task(stream.take())
        await settle()
        expected = list(range(step * SIZE, (step + 1) * SIZE))
        assert sorted(machine.open) == expected
        await finish(machine, *reversed(expected))
        assert numbers((await taking).groups) == expected
        await settle()
        assert not machine.open
        await publish(machine, stream)
    await stream.close()


async def test_the_longest_response_is_waited_for_only_at_its_limit() -> None:
    machine = Machine()
    stream = make(machine, 1)
    taking = asyncio.create_task(stream.take())
    await settle()
    assert sorted(machine.open) == list(range(2 * SIZE))
    await finish(machine, 1, 2, 3, 4)
    assert numbers((await taking).groups) == [1, 2, 3, 4]  # 0 goes on
    await publish(machine, stream)
    taking = asyncio.create_task(stream.take())
    await finish(machine, 5, 6, 7, 8, 9)
    assert not taking.done()  # 0 was begun by version 0, and this is version 1
    await finish(machine, 0)
    assert numbers((await taking).groups) == [0, 5, 6, 7]
    await stream.close()


async def test_a_group_without_signal_is_replaced_at_once() -> None:
    machine = Machine()
    machine.right = lambda number: 0 if number in (0, 1) else 1
    stream = make(machine, 0, DynamicSampling(max_rounds=3))
    taking = asyncio.create_task(stream.take())
    await settle()
    await finish(machine, 0)
    assert sorted(machine.open) == [1, 2, 3, 4]
    await finish(machine, 1, 2, 3, 4, 5)
    collected = await taking
    assert (numbers(collected.groups), numbers(collected.generated)) == ([2, 3, 4, 5], [0, 1, 2, 3, 4, 5])
    await stream.close()


async def test_when_the_limit_is_reached_a_batch_is_what_there_is() -> None:
    machine = Machine()
    machine.right = lambda number: 1 if number == 3 else 0
    stream = make(machine, 0, DynamicSampling(max_rounds=2))
    taking = asyncio.create_task(stream.take())
    await settle()
    while not taking.done():
        await finish(machine, min(machine.open))
    collected = taking.result()
    assert (numbers(collected.groups), len(collected.generated), collected.full) == ([3], 2 * SIZE, False)
    await publish(machine, stream)
    taking = asyncio.create_task(stream.take())  # and the next one has a limit of its own
    await settle()
    assert len(machine.open) == SIZE
    taking.cancel()
    await stream.close()


async def test_a_stream_goes_on_from_its_state() -> None:
    machine = Machine()
    stream = make(machine, 1)
    taking = asyncio.create_task(stream.take())
    await settle()
    await finish(machine, 0, 1, 2, 3, 6)
    await taking
    state = stream.state()
    await stream.close()
    assert [ticket.number for ticket, _ in state.ready] == [6]
    assert [ticket.number for ticket, _ in state.unfinished] == [4, 5, 7]
    again = Machine()
    again.version = machine.version = 1
    resumed = make(again, 1, state=state)
    taking = asyncio.create_task(resumed.take())
    await settle()
    assert again.asked[:3] == ["stream4/4", "stream5/5", "stream7/7"]
    assert set(again.asked[:3]) <= set(machine.asked)
    assert again.begun_with[5].unfinished == {"stream5": NO_TOKENS}
    assert again.due[5] == 1 and again.due[8] == 2
    await finish(again, 4, 5, 7)
    assert numbers((await taking).groups) == [4, 5, 6, 7]
    await resumed.close()


async def test_groups_that_a_restart_made_too_old_are_used_first() -> None:
    """`max_staleness` may become smaller between two starts: what waits is then older than it allows."""
    machine = Machine()
    stream = make(machine, 3)
    taking = asyncio.create_task(stream.take())
    await settle()
    await finish(machine, *range(4 * SIZE))
    await taking
    state = stream.state()
    assert len(state.ready) == 3 * SIZE and not state.unfinished
    await stream.close()
    machine.version += 2
    again = make(machine, 1, state=state)
    for batch in range(1, 4):
        collected = await asyncio.wait_for(again.take(), 10)
        assert numbers(collected.groups) == list(range(batch * SIZE, (batch + 1) * SIZE))
        await publish(machine, again)
    await again.close()


async def test_the_state_of_a_stream_that_has_just_gone_on_is_the_same() -> None:
    """Its groups are admitted, and not asked for yet."""
    begun = Begun((), {"stream0/0": NO_TOKENS})
    prompt = prompts(1)[0]
    first = StreamState(1, unfinished=((Ticket(0, prompt, 0), begun),))
    machine = Machine()
    stream = make(machine, 1, state=first)
    taking = asyncio.create_task(stream.take())
    await asyncio.sleep(0)
    assert not machine.asked
    state = stream.state()
    assert state.unfinished[0] == first.unfinished[0]
    assert [ticket.number for ticket, _ in state.unfinished] == list(range(2 * SIZE))
    taking.cancel()
    await stream.close()


async def test_new_weights_can_wait_for_what_is_unfinished() -> None:
    machine = Machine()
    stream = make(machine, 1)
    taking = asyncio.create_task(stream.take())
    await settle()
    await finish(machine, 0, 1, 2, 3)
    await taking
    draining = asyncio.create_task(stream.drain())
    await settle()
    await finish(machine, 4, 5, 6)
    assert not draining.done() and sorted(machine.open) == [7]
    await finish(machine, 7)
    await draining
    await publish(machine, stream)
    assert sorted(machine.open) == [8, 9, 10, 11]
    await stream.close()


async def test_a_failure_while_the_learner_works_is_not_lost() -> None:
    machine = Machine()
    stream = make(machine, 1)
    taking = asyncio.create_task(stream.take())
    await settle()
    await finish(machine, 0, 1, 2, 3, 4, 5, 6)
    await taking
    machine.fail = True
    await finish(machine, 7)
    machine.fail = False
    await publish(machine, stream)
    with pytest.raises(RuntimeError, match="a worker died"):
        await stream.take()
    await stream.close()


async def test_a_failure_ends_take() -> None:
    machine = Machine()
    stream = make(machine, 1)
    taking = asyncio.create_task(stream.take())
    await settle()
    machine.fail = True
    await finish(machine, 2)
    with pytest.raises(RuntimeError, match="a worker died"):
        await taking
    await stream.close()
    assert not machine.open
