"""The scheduler of the rollout fleet. Pinned here:

1. What is due at an earlier weight version goes first, then the longest, then the oldest; what was lost with a worker
   goes before all.
2. Work goes to the worker with the smallest load that has room: slots, and KV cache for what is expected.
3. The samples of a prompt stay together; they are split for workers that would have nothing to do (not when computing
   the prompt again costs more), and where no KV cache could hold them all.
4. Nothing overtakes the first that waits; what fits nowhere goes to a worker that has nothing else.
5. A worker that leaves gives its tickets back; cancelled tickets are forgotten, and those that ran are named.
6. Whatever happens, every ticket is started exactly once (once more for each worker that was lost with it), no worker
   gets a second piece while its slots are full, and loads return to 0.
7. What is kept does not grow with the number of samples; a choice among thousands of full workers is cheap.
8. Expected lengths: the longest before anything was seen, then the prompt's own, else the mean.
"""

from __future__ import annotations

import random
import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollout.scheduling import Capacity, ExpectedLengths, Scheduler, Work

ROOMY = Capacity(samples=100, kv_tokens=1e9)


def fleet(*capacities: Capacity) -> Scheduler:
    scheduler = Scheduler()
    for number, capacity in enumerate(capacities):
        scheduler.join(number, capacity)
    return scheduler


def work(
    first: int, count: int = 1, *, tokens: float = 100, prompt: int = 10, due: int = 0, again: bool = False
) -> Work:
    return Work(tuple(range(first, first + count)), prompt, tokens, due, again)


def started(scheduler: Scheduler) -> list[tuple[int, tuple[int, ...]]]:
    return [(worker, one.tickets) for worker, one in scheduler.start()]


def test_order() -> None:
    scheduler = fleet(Capacity(1, 1e9))
    scheduler.add(work(0, tokens=10, due=1))
    scheduler.add(work(1, tokens=10, due=0))
    scheduler.add(work(2, tokens=20, due=1))
    scheduler.add(work(3, tokens=20, due=1))
    scheduler.add(work(4, tokens=1, due=9, again=True))
    got = []
    for _ in range(5):
        ((_, (ticket,)),) = started(scheduler)
        got.append(ticket)
        assert started(scheduler) == []
        scheduler.finished(ticket)
    assert got == [4, 1, 2, 3, 0]


def test_the_smallest_load_that_has_room() -> None:
    scheduler = fleet(Capacity(2, 1000), Capacity(2, 1000), Capacity(2, 1000))
    scheduler.add(work(0, tokens=700, prompt=0))
    scheduler.add(work(1, tokens=500, prompt=0))
    scheduler.add(work(2, tokens=300, prompt=0))
    assert started(scheduler) == [(0, (0,)), (1, (1,)), (2, (2,))]
    scheduler.add(work(3, tokens=200, prompt=0))
    assert started(scheduler) == [(2, (3,))]
    scheduler.add(work(4, tokens=200, prompt=0))  # worker 2 has the same load as worker 1, and its slots are full
    assert started(scheduler) == [(1, (4,))]
    scheduler.add(work(5, tokens=301, prompt=0))  # worker 0 has a slot, but KV cache for 300 only
    assert started(scheduler) == []
    scheduler.finished(1)
    assert started(scheduler) == [(1, (5,))]


def test_prompts_count_once_for_samples_that_share_them() -> None:
    scheduler = fleet(Capacity(100, 1000))
    scheduler.add(work(0, 4, tokens=50, prompt=400))
    scheduler.add(work(4, 4, tokens=50, prompt=200))
    assert started(scheduler) == [(0, (0, 1, 2, 3)), (0, (4, 5, 6, 7))]  # 600 + 400
    scheduler.add(work(8, tokens=1, prompt=0))
    assert started(scheduler) == []


def test_a_small_held_bydoes_not_hide_a_large_one() -> None:
    scheduler = fleet(*[Capacity(100, 1000)] * 200, Capacity(100, 1e6))
    for number in range(201):
        scheduler.add(work(number, tokens=900 if number else 5000, prompt=0))
    assert len(started(scheduler)) == 201
    placed = {ticket: number for number in range(201) for ticket in scheduler.running(number)}
    assert len(placed) == 201
    scheduler.add(work(500, tokens=800, prompt=0))
    assert started(scheduler) == [(200, (500,))]


def test_groups_stay_together_where_there_is_work_for_all() -> None:
    scheduler = fleet(ROOMY, ROOMY)
    for first in (0, 8, 16):
        scheduler.add(work(first, 8))
    assert [len(tickets) for _, tickets in started(scheduler)] == [8, 8, 8]


def test_groups_are_split_for_workers_without_work() -> None:
    scheduler = fleet(*[ROOMY] * 5)
    scheduler.add(work(0, 8))
    scheduler.add(work(8, 8))
    parts = started(scheduler)
    assert sorted(ticket for _, tickets in parts for ticket in tickets) == list(range(16))
    assert sorted(len(tickets) for _, tickets in parts) == [2, 2, 4, 4, 4]
    assert {worker for worker, _ in parts} == set(range(5))


def test_a_long_prompt_is_not_computed_again_for_little() -> None:
    scheduler = fleet(ROOMY, ROOMY)
    scheduler.add(work(0, 4, tokens=10, prompt=1000))
    assert started(scheduler) == [(0, (0, 1, 2, 3))]


def test_what_no_kv_cache_holds_is_split() -> None:
    scheduler = fleet(Capacity(100, 1000), Capacity(100, 1000))
    scheduler.add(work(0, tokens=100, prompt=0))
    scheduler.add(work(1, tokens=100, prompt=0))
    scheduler.start()
    scheduler.add(work(2, 8, tokens=200, prompt=0, due=1))
    assert [len(tickets) for _, tickets in started(scheduler)] == [4, 4]  # 8 would wait for an empty worker


def test_nothing_overtakes() -> None:
    scheduler = fleet(Capacity(100, 1000))
    scheduler.add(work(0, tokens=600, prompt=0))
    assert started(scheduler) == [(0, (0,))]
    scheduler.add(work(1, tokens=500, prompt=0))
    scheduler.add(work(2, tokens=10, prompt=0))
    assert started(scheduler) == []
    scheduler.finished(0)
    assert started(scheduler) == [(0, (1,)), (0, (2,))]


def test_what_fits_nowhere_is_generated_alone() -> None:
    scheduler = fleet(Capacity(100, 1000))
    scheduler.add(work(0, tokens=5000))
    scheduler.add(work(1, tokens=10))
    assert started(scheduler) == [(0, (0,))]
    scheduler.finished(0)
    assert started(scheduler) == [(0, (1,))]


def test_a_lost_worker() -> None:
    scheduler = fleet(ROOMY, Capacity(2, 1e9))
    scheduler.add(work(0, 2, tokens=900))
    scheduler.add(work(2, 2, tokens=1000))
    assert started(scheduler) == [(0, (2, 3)), (1, (0, 1))]
    scheduler.add(work(4, 1, tokens=5000, due=0))
    assert scheduler.leave(0) == [2, 3]
    assert scheduler.leave(0) == []
    assert scheduler.running(0) == []
    scheduler.add(work(2, 2, tokens=1000, due=7, again=True))
    assert started(scheduler) == []  # worker 1 is full
    scheduler.finished(0)
    assert started(scheduler) == [(1, (2, 3))]
    scheduler.join(0, ROOMY)
    assert started(scheduler) == [(0, (4,))]


def test_cancel() -> None:
    scheduler = fleet(Capacity(2, 1e9), Capacity(2, 1e9))
    scheduler.add(work(0, 2))
    scheduler.add(work(2, 2))
    scheduler.add(work(4, 2, due=1))
    scheduler.add(work(6, 1, due=2))
    assert started(scheduler) == [(0, (0, 1)), (1, (2, 3))]
    assert scheduler.waiting == 3
    assert scheduler.cancel([1, 2, 3, 5, 6, 99]) == {0: [1], 1: [2, 3]}
    assert scheduler.waiting == 1
    assert started(scheduler) == [(1, (4,))]


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 100_000))
def test_every_ticket_is_started_exactly_once(seed: int) -> None:
    rng = random.Random(seed)
    scheduler, running, starts, lost = Scheduler(), {}, Counter[int](), Counter[int]()
    capacities = {n: Capacity(rng.randint(1, 20), rng.choice([500, 2000, 1e6])) for n in range(rng.randint(1, 8))}
    for number, capacity in capacities.items():
        scheduler.join(number, capacity)
    out: list[int] = []
    works: dict[int, Work] = {}
    tickets, cancelled = 0, set[int]()

    def take() -> None:
        held = Counter(running.values())
        for worker, one in scheduler.start():
            assert worker not in out
            assert held[worker] < capacities[worker].samples  # a piece may be larger than what is left
            held[worker] += len(one.tickets)
            for ticket in one.tickets:
                starts[ticket] += 1
                assert ticket not in running and ticket not in cancelled
                running[ticket] = worker

    for _ in range(60):
        action = rng.random()
        if action < 0.4:
            count = rng.randint(1, 12)
            one = work(tickets, count, tokens=rng.randint(1, 300), prompt=rng.randint(0, 200), due=rng.randint(0, 2))
            works.update((ticket, one) for ticket in one.tickets)
            tickets += count
            scheduler.add(one)
        elif action < 0.7 and running:
            ticket = rng.choice(sorted(running))
            del running[ticket]
            scheduler.finished(ticket)
        elif action < 0.8 and tickets:
            gone = rng.sample(range(tickets), rng.randint(1, min(tickets, 5)))
            where = scheduler.cancel(gone)
            for worker, mine in where.items():
                for ticket in mine:
                    assert running.pop(ticket) == worker
            cancelled.update(gone)
        elif action < 0.9 and len(out) + 1 < len(capacities):
            worker = rng.choice(sorted(capacities.keys() - set(out)))
            back = scheduler.leave(worker)
            assert sorted(back) == sorted(ticket for ticket, at in running.items() if at == worker)
            out.append(worker)
            for ticket in back:
                del running[ticket]
                lost[ticket] += 1
                scheduler.add(Work((ticket,), works[ticket].prompt_tokens, works[ticket].expected_tokens, again=True))
        elif out:
            worker = out.pop()
            scheduler.join(worker, capacities[worker])
        take()
        assert {ticket: n for n in capacities for ticket in scheduler.running(n)} == running
        for held_by in scheduler._workers.values():
            assert held_by.load == pytest.approx(sum(map(sum, held_by.running.values())))
    take()
    while running:
        ticket = rng.choice(sorted(running))
        del running[ticket]
        scheduler.finished(ticket)
        take()
    assert scheduler.waiting == 0
    for ticket in set(range(tickets)) - cancelled:
        assert starts[ticket] == 1 + lost[ticket]
    assert all(worker.load == 0 and not worker.running for worker in scheduler._workers.values())
    assert scheduler._idle == len(scheduler._workers)


def test_what_is_kept_does_not_grow() -> None:
    scheduler = fleet(*[Capacity(8, 1e6)] * 10)
    rng = random.Random(0)
    running: list[int] = []
    for ticket in range(20_000):
        scheduler.add(work(ticket, tokens=rng.randint(1, 1000)))
        running += [one for _, tickets in started(scheduler) for one in tickets]
        if len(running) > 60:
            scheduler.finished(running.pop(rng.randrange(len(running))))
    assert len(scheduler._queue) < 200
    assert len(scheduler._where) == len(running)


def test_thousands_of_full_workers_are_cheap() -> None:
    scheduler = fleet(*[Capacity(4, 1e6)] * 10_000)
    for first in range(0, 60_000, 4):
        scheduler.add(work(first, 4, tokens=1000))
    scheduler.start()
    before = time.perf_counter()
    for ticket in range(2_000):
        scheduler.finished(ticket)
        scheduler.start()
    assert time.perf_counter() - before < 2  # a scan of all workers each time takes some 20 times as long


@pytest.mark.parametrize(("seen", "prompt", "done", "expected"), [
    ([], "a", 0, 1000), ([], "a", 400, 600), ([("a", 200)], "a", 0, 200), ([("a", 200)], "a", 150, 50),
    ([("a", 200)], "a", 300, 200), ([("a", 900)], "a", 950, 50), ([("b", 200)], "a", 0, 200),
    ([("a", 100), ("a", 200)], "a", 0, 120),
])  # fmt: skip
def test_expected_lengths(seen: list[tuple[str, int]], prompt: str, done: int, expected: float) -> None:
    lengths = ExpectedLengths(1000)
    for prompt_id, tokens in seen:
        lengths.note(prompt_id, tokens)
    assert lengths.of(prompt, done) == pytest.approx(expected)


def test_expected_lengths_are_not_those_that_ended_last() -> None:
    lengths, rng = ExpectedLengths(10_000), random.Random(0)
    batch = sorted(rng.expovariate(1 / 1000) for _ in range(2000))  # short responses end first
    for tokens in batch:
        lengths.note("old", round(tokens))
    assert lengths.of("new") == pytest.approx(sum(batch) / len(batch), rel=0.01)
