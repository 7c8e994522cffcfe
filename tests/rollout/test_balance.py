"""What is pinned here: a prompt's group stays on one worker, and groups go where least is to do."""

from __future__ import annotations

from pathlib import Path

from rollout.config import RolloutConfig
from rollout.fleet import RolloutFleet
from rollout.machine import WorkerPlace
from rollout.types import Prompt, SampleRequest
from rollout.worker import WorkerSettings


def fleet(workers: int) -> RolloutFleet:
    config = RolloutConfig(workers=workers)
    settings = [
        WorkerSettings(index, config, "model", 64, "cpu", (1,), WorkerPlace({}, None), Path("log"))
        for index in range(workers)
    ]
    return RolloutFleet(config, settings, [object()] * workers)


def group(name: str, size: int) -> list[SampleRequest]:
    prompt = Prompt(name, (), tuple(name.encode()), "")
    return [SampleRequest(f"{name}/{index}", prompt, index) for index in range(size)]


def test_a_group_stays_together_and_work_is_spread() -> None:
    made = fleet(2)
    requests = [*group("a", 4), *group("b", 4), *group("c", 4), *group("d", 4)]
    orders = made._assign(requests)
    assert {worker: len(mine) for worker, mine in orders.items()} == {0: 2, 1: 2}
    assert all(len(order.tickets) == 4 for mine in orders.values() for order in mine)
    assert made._unfinished == [8, 8]


def test_a_busy_worker_is_spared() -> None:
    made = fleet(2)
    made._assign(group("a", 6))
    orders = made._assign([*group("b", 2), *group("c", 2), *group("d", 2)])
    assert {worker: len(mine) for worker, mine in orders.items()} == {1: 3}


def test_groups_interleaved_in_the_requests_are_found() -> None:
    a, b = group("a", 2), group("b", 2)
    orders = fleet(2)._assign([a[0], b[0], a[1], b[1]])
    assert sorted(order.tickets for mine in orders.values() for order in mine) == [((0, 0), (2, 1)), ((1, 0), (3, 1))]
