"""Rollout workers that die. What is pinned here, with real engines:

1. A killed worker or engine is noticed, started again with the present weights and takes part again; every sample
   arrives exactly once; what had tokens goes on from them, each token with the logprob of the weights that sampled it.
   What there is of a sample is known within about a second, whatever else finishes.
2. The same when it dies between two swaps, in the middle of one, or hangs.
3. Without streaming a lost sample begins anew and is the same sample.
4. A sample that would have tokens of too many weight versions begins anew.
5. A fleet at rest generates nothing, and goes on where it was.
6. An engine that stands still is told, with its samples.
7. A worker that cannot be started again ends what is under way, with its log.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil  # type: ignore[import-untyped]
import pytest
import pytest_asyncio

import rollout.fleet
from rollout.config import RolloutConfig, StreamingConfig
from rollout.errors import RolloutError
from rollout.fleet import RolloutFleet
from rollout.types import Sample, Tokens
from rollout.weights import SharedMemoryWeights
from tests.rollout.models import exact_logprobs, save, tiny_model
from tests.rollout.test_fleet import EXACT, STOP, Setup, collect, family, gap, prompts, requests

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.asyncio(loop_scope="module")]

Told = tuple[Setup, list[str]]
LONGEST = 1500
"""Some seconds: workers report once a second, and something must be reported before it ends."""
CONTINUE = StreamingConfig(max_staleness=4)


@asynccontextmanager
async def running(
    folder: Path, *, workers: int = 1, streaming: StreamingConfig | None = CONTINUE, stop: tuple[int, ...] = ()
) -> AsyncIterator[Told]:
    """A fleet of an untied model, and what it told of lost workers. Without `stop` every response is the longest."""
    told: list[str] = []
    first = tiny_model(0, tied=False)
    first.config.max_position_embeddings = 2048
    if not stop:
        first.config.eos_token_id = first.generation_config.eos_token_id = None
    fleet = await RolloutFleet.start(
        RolloutConfig(
            workers=workers,
            max_response_tokens=LONGEST,
            max_concurrent_samples=16,
            cpu_kv_cache_gib=0.25,
            cpu_threads=1,
        ),
        model_path=str(save(first, folder / "model")),
        context_tokens=LONGEST + 40,
        device="cpu",
        log_folder=folder / "logs",
        stop_token_ids=stop,
        streaming=streaming,
        notify=told.append,
    )
    try:
        with SharedMemoryWeights() as weights:
            yield Setup(fleet, [first], weights), told
    finally:
        await fleet.shutdown()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Told]:
    """One worker for several tests: an engine takes half a minute to start."""
    async with running(tmp_path_factory.mktemp("shared")) as both:
        yield both


@asynccontextmanager
async def ready(shared: Told) -> AsyncIterator[Told]:
    """The shared worker, up, and nothing told of it yet."""
    setup, told = shared
    await until(lambda: len(setup.fleet._up) == 1)
    told.clear()
    yield setup, told


def actor(setup: Setup, index: int = 0) -> psutil.Process:
    return setup.fleet._processes[index]


def engine(setup: Setup, index: int = 0) -> psutil.Process:
    """The engine's own process."""
    found = [p for p in actor(setup, index).children(recursive=True) if "EngineCor" in p.name()]
    assert found, [p.name() for p in actor(setup, index).children(recursive=True)]
    return found[0]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that other tasks bring about."""
    async with asyncio.timeout(120):
        while not condition():
            await asyncio.sleep(0.02)


def tokens(setup: Setup) -> int:
    """Of the sample of which most is known."""
    return max((len(flight.tokens) for flight in setup.fleet._flights.values()), default=0)


def newest(setup: Setup) -> int:
    """Weight version of the newest token of an unfinished sample that is known."""
    flights = setup.fleet._flights.values()
    return max((int(flight.tokens.versions[-1]) for flight in flights if len(flight.tokens)), default=-1)


def check(setup: Setup, samples: dict[str, Sample]) -> None:
    """Every token has the logprob that the weights of its version give it."""
    for sample in samples.values():
        assert len(sample.response_ids) == LONGEST
        assert (np.diff(sample.versions) >= 0).all()
        for version in set(sample.versions.tolist()):
            exact = exact_logprobs(setup.models[version], sample)
            assert np.abs(exact - sample.logprobs)[sample.versions == version].max() < EXACT


@pytest.mark.parametrize("who", [actor, engine])
async def test_samples_go_on_after_a_kill(shared: Told, who: Callable[..., psutil.Process]) -> None:
    async with ready(shared) as (setup, told):
        lost, moved = setup.fleet.workers_lost, setup.fleet.samples_moved
        await setup.swap(tied=False)
        asked = requests(prompts(3), 4)
        generating = asyncio.create_task(collect(setup, asked))
        await until(lambda: tokens(setup) > 20)
        before = {flight.request.sample_id: flight.tokens.ids for flight in setup.fleet._flights.values()}
        processes = family(setup.fleet)
        assert len(processes) > 1
        who(setup).kill()
        await until(lambda: bool(told))
        assert "rollout worker 0" in told[0] and "rollout-0.log" in told[0], told
        samples = await generating
        assert sorted(samples) == sorted(request.sample_id for request in asked)
        check(setup, samples)
        assert all((sample.versions == setup.fleet.version).all() for sample in samples.values()), "it has the weights"
        for name, ids in before.items():
            np.testing.assert_array_equal(samples[name].response_ids[: len(ids)], ids)
        assert setup.fleet.workers_lost == lost + 1
        assert setup.fleet.samples_moved == moved + len(asked)
        assert not setup.fleet._scheduler.waiting
        _, alive = psutil.wait_procs(processes, timeout=20)
        assert not alive, "the engine ends with its worker, and the worker with its engine"


async def test_two_workers_through_kills_swaps_and_a_hang(
    cluster: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollout.fleet, "SILENT_SECONDS", 6.0)
    async with running(tmp_path, workers=2) as (setup, told):
        asked = requests(prompts(6), 4)
        generating = asyncio.create_task(collect(setup, asked))
        await until(lambda: tokens(setup) > 10)
        swapping = asyncio.create_task(setup.swap(tied=False))
        engine(setup, 0).kill()  # in the middle of the swap
        await swapping
        await until(lambda: len(told) == 1)
        samples = await generating
        check(setup, samples)
        assert len(samples) == len(asked)
        await until(lambda: len(setup.fleet._up) == 2)
        generating = asyncio.create_task(collect(setup, asked))
        await until(lambda: tokens(setup) > 10)
        os.kill(actor(setup, 1).pid, signal.SIGSTOP)
        samples = await generating
        check(setup, samples)
        assert len(samples) == len(asked)
        assert "has said nothing for 6 s" in told[1]
        await until(lambda: len(setup.fleet._up) == 2)
        assert {sample.worker for sample in (await collect(setup, asked)).values()} == {0, 1}


async def test_without_streaming_the_same_samples_come(cluster: None, tmp_path: Path) -> None:
    async with running(tmp_path, streaming=None, stop=STOP) as (setup, told):
        asked = requests(prompts(6), 4)
        undisturbed = await collect(setup, asked)
        generating = asyncio.create_task(collect(setup, asked))
        await until(lambda: bool(setup.fleet._scheduler.running(0)))
        engine(setup).kill()
        disturbed = await generating
        assert told
        for name, sample in undisturbed.items():
            np.testing.assert_array_equal(sample.response_ids, disturbed[name].response_ids, name)


async def test_too_many_versions_begin_anew(cluster: None, tmp_path: Path) -> None:
    async with running(tmp_path, streaming=StreamingConfig(max_staleness=4, max_versions_per_sample=2)) as (setup, _):
        generating = asyncio.create_task(collect(setup, requests(prompts(2), 4)))
        for version in range(2):
            await until(lambda version=version: newest(setup) == version)  # type: ignore[misc]
            await setup.swap(tied=False)
        samples = await generating
        check(setup, samples)
        seen = {tuple(sorted(set(sample.versions.tolist()))) for sample in samples.values()}
        assert (2,) in seen, "what had tokens of two versions began anew under the third"
        assert all(len(versions) <= 2 for versions in seen), seen


async def test_a_fleet_at_rest_goes_on_where_it_was(shared: Told) -> None:
    async with ready(shared) as (setup, _):
        before = setup.fleet.version
        generating = asyncio.create_task(collect(setup, requests(prompts(2), 4)))
        await until(lambda: tokens(setup) > 10)
        await setup.fleet.rest()
        await asyncio.sleep(1.5)  # what was decoded before is reported
        there = tokens(setup)
        await asyncio.sleep(2.5)
        assert tokens(setup) == there < LONGEST
        await setup.swap(tied=False)
        await until(lambda: tokens(setup) > there)
        samples = await generating
        check(setup, samples)
        assert all(set(sample.versions.tolist()) == {before, before + 1} for sample in samples.values())


async def test_an_engine_that_stands_still_is_told(shared: Told) -> None:
    async with ready(shared) as (setup, told):
        generating = asyncio.create_task(collect(setup, requests(prompts(2), 2)))
        await until(lambda: tokens(setup) > 10)
        assert setup.fleet.stalls(60) == []
        stopped = engine(setup)
        os.kill(stopped.pid, signal.SIGSTOP)
        await until(lambda: bool(setup.fleet.stalls(3)))
        (line,) = setup.fleet.stalls(3)
        assert "rollout worker 0 has generated nothing for" in line
        assert "It has 4 samples, among them test/0/0 after" in line
        os.kill(stopped.pid, signal.SIGCONT)
        check(setup, await generating)
        assert not told and setup.fleet.stalls(3) == []


async def test_short_samples_do_not_keep_long_ones_from_being_reported(shared: Told) -> None:
    async with ready(shared) as (setup, _):
        generating = asyncio.create_task(collect(setup, requests(prompts(1, name="long"), 2)))
        short = [replace(request, most=3) for request in requests(prompts(1, name="short"), 1)]
        calls = 0
        while not (reported := setup.fleet.progress(["long/0/0"])) and not generating.done():
            assert len((await collect(setup, short))["short/0/0"].response_ids) == 3
            calls += 1
        assert reported and calls > 1, "something finished all the time, and the long ones were known before their end"
        check(setup, await generating)


async def test_what_was_begun_goes_on_elsewhere(shared: Told) -> None:
    """As after a restart of the run: the request brings the tokens."""
    async with ready(shared) as (setup, _):
        asked = requests(prompts(1), 2)
        generating = asyncio.create_task(collect(setup, asked))
        await until(lambda: tokens(setup) > 10)
        begun = setup.fleet.progress([request.sample_id for request in asked])
        generating.cancel()
        await asyncio.gather(generating, return_exceptions=True)
        again = [replace(request, begun=begun[request.sample_id]) for request in asked]
        samples = await collect(setup, again)
        for request in again:
            ids = samples[request.sample_id].response_ids
            np.testing.assert_array_equal(ids[: len(request.begun)], request.begun.ids)
            assert gap(setup.models[-1], samples[request.sample_id]) < EXACT
        whole = [replace(request, begun=_tokens_of(samples[request.sample_id])) for request in asked]
        assert len(await collect(setup, whole)) == 2, "what is complete is not generated again"


def _tokens_of(sample: Sample) -> Tokens:
    return Tokens(sample.response_ids, sample.logprobs, sample.versions)


async def test_a_worker_that_cannot_start_again_ends_the_run(
    cluster: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollout.fleet, "MOST_LOSSES", 2)
    async with running(tmp_path) as (setup, told):
        generating = asyncio.create_task(collect(setup, requests(prompts(2), 4)))
        await until(lambda: tokens(setup) > 10)
        shutil.rmtree(tmp_path / "model")
        actor(setup).kill()
        with pytest.raises(RolloutError, match=r"could not start its engine: [\s\S]+lost 2 times without finishing"):
            await generating
        assert len(told) == 1
        with pytest.raises(RolloutError, match="could not start"):
            await collect(setup, requests(prompts(1), 1))
