"""A fleet with one real engine, untied and tied heads. What is pinned here:

1. Logprobs are those of the weights that sampled the token, to 1e-4 nats against transformers in float32, for every
   token of samples that were in flight through several weight swaps; versions never fall within a sample.
2. Fresh samples after swaps are exact too (a cached prefix of old weights would show).
3. Seeds reproduce samples whatever else is in the batch; temperature is part of the logprobs.
4. A response ends at a stop token, at `max_response_tokens`, or where the context ends.
5. Leaving the iteration early ends the work; nothing is left running. (What dies is in test_faults.py.)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import psutil  # type: ignore[import-untyped]
import pytest
import pytest_asyncio
from transformers import LlamaForCausalLM

from rollout.config import RolloutConfig, SamplingConfig
from rollout.errors import RolloutError
from rollout.fleet import RolloutFleet
from rollout.types import Prompt, Sample, SampleRequest, StopReason
from rollout.weights import SharedMemoryWeights
from tests.rollout.models import VOCABULARY, exact_logprobs, save, state, tiny_model

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

EXACT = 1e-4
STOP = (1, 2)
CONTEXT, LONGEST = 200, 120


class Setup:
    """One fleet, the weights that it has now, and all it was given so far."""

    def __init__(self, fleet: RolloutFleet, models: list[LlamaForCausalLM], weights: SharedMemoryWeights) -> None:
        self.fleet = fleet
        self.models = models
        """By weight version."""
        self.weights = weights

    async def swap(self, *, tied: bool) -> None:
        version = len(self.models)
        self.models.append(tiny_model(version, tied=tied))
        await self.fleet.publish(self.weights.write(version, state(self.models[-1])))
        self.weights.discard_before(version)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["untied", "tied"])
async def setup(
    request: pytest.FixtureRequest, cluster: None, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Setup]:
    folder = tmp_path_factory.mktemp(request.param)
    first = tiny_model(0, tied=request.param == "tied")
    fleet = await RolloutFleet.start(
        RolloutConfig(max_response_tokens=LONGEST, max_concurrent_samples=32, cpu_kv_cache_gib=0.25, cpu_threads=1),
        model_path=str(save(first, folder / "model")),
        context_tokens=CONTEXT,
        device="cpu",
        log_folder=folder / "logs",
        stop_token_ids=STOP,
    )
    with SharedMemoryWeights() as weights:
        yield Setup(fleet, [first], weights)
    processes = family(fleet)
    await fleet.shutdown()
    assert not any(process.is_running() for process in processes)
    await fleet.shutdown()


def family(fleet: RolloutFleet) -> list[psutil.Process]:
    """The processes of a fleet: actors and engines."""
    return [member for one in fleet._processes.values() if one.is_running() for member in (one, *one.children(True))]


def is_tied(setup: Setup) -> bool:
    return bool(setup.models[0].config.tie_word_embeddings)


def prompts(count: int, length: int = 20, seed: int = 0, name: str = "test") -> list[Prompt]:
    draw = np.random.default_rng(seed)
    return [
        Prompt(f"{name}/{index}", (), tuple(draw.integers(3, VOCABULARY, size=length).tolist()), "")
        for index in range(count)
    ]


def requests(asked: Sequence[Prompt], group_size: int, seed: int = 0) -> list[SampleRequest]:
    return [
        SampleRequest(f"{prompt.prompt_id}/{index}", prompt, seed * 10_000 + number * 100 + index)
        for number, prompt in enumerate(asked)
        for index in range(group_size)
    ]


async def collect(
    setup: Setup, asked: Sequence[SampleRequest], sampling: SamplingConfig | None = None
) -> dict[str, Sample]:
    return {sample.sample_id: sample async for sample in setup.fleet.generate(asked, sampling=sampling)}


def gap(model: LlamaForCausalLM, sample: Sample, temperature: float = 1.0) -> float:
    return float(np.abs(exact_logprobs(model, sample, temperature) - sample.logprobs).max())


async def test_every_request_is_answered_once(setup: Setup) -> None:
    asked = requests(prompts(5), 3)
    samples = [sample async for sample in setup.fleet.generate(asked)]
    assert sorted(sample.sample_id for sample in samples) == sorted(request.sample_id for request in asked)
    for sample in samples:
        length = len(sample.response_ids)
        assert sample.prompt.prompt_id == sample.sample_id.rsplit("/", 1)[0]
        assert length == len(sample.logprobs) == len(sample.versions) == len(sample.loss_mask)
        assert sample.loss_mask.all()
        assert (sample.versions == 0).all()
        assert gap(setup.models[0], sample) < EXACT
    assert await collect(setup, []) == {}


async def test_stop_reasons(setup: Setup) -> None:
    samples = await collect(setup, requests(prompts(16), 4))
    stopped = [sample for sample in samples.values() if sample.stop_reason is StopReason.STOP]
    truncated = [sample for sample in samples.values() if sample.stop_reason is StopReason.LENGTH]
    assert stopped
    assert truncated
    assert len(stopped) + len(truncated) == len(samples)
    for sample in stopped:
        assert sample.response_ids[-1] in STOP
        assert not np.isin(sample.response_ids[:-1], STOP).any()
    for sample in truncated:
        assert len(sample.response_ids) == LONGEST


async def test_the_context_ends_a_response(setup: Setup) -> None:
    asked = requests(prompts(4, length=CONTEXT - 5), 2)
    samples = await collect(setup, asked)
    truncated = [sample for sample in samples.values() if sample.stop_reason is StopReason.LENGTH]
    assert truncated
    assert all(len(sample.response_ids) == 5 for sample in truncated)
    with pytest.raises(RolloutError, match=r"test/0 has 200 tokens and leaves no room"):
        await collect(setup, requests(prompts(1, length=CONTEXT), 1))


async def test_seeds_reproduce_samples_in_any_company(setup: Setup) -> None:
    asked = requests(prompts(6), 2, seed=3)
    first = await collect(setup, asked)
    again = await collect(setup, asked[::-1][:5] + requests(prompts(8, seed=9, name="other"), 3, seed=4))
    other = await collect(setup, requests(prompts(6), 2, seed=5))
    for request in asked[::-1][:5]:
        np.testing.assert_array_equal(
            first[request.sample_id].response_ids, again[request.sample_id].response_ids, request.sample_id
        )
    assert any(not np.array_equal(first[name].response_ids, other[name].response_ids) for name in first), (
        "other seeds must give other samples"
    )


async def test_logprobs_are_of_the_sampling_distribution(setup: Setup) -> None:
    hot = await collect(setup, requests(prompts(3), 2), SamplingConfig(temperature=1.7))
    assert all(gap(setup.models[0], sample, temperature=1.7) < EXACT for sample in hot.values())
    greedy = await collect(setup, requests(prompts(3), 2), SamplingConfig(temperature=0.0))
    for name, sample in greedy.items():
        twin = greedy[f"{name.rsplit('/', 1)[0]}/0"]
        np.testing.assert_array_equal(sample.response_ids, twin.response_ids)


async def test_leaving_early_ends_the_work(setup: Setup) -> None:
    stream = setup.fleet.generate(requests(prompts(16), 4))
    async for _ in stream:
        break
    await stream.aclose()  # type: ignore[attr-defined]
    assert not setup.fleet._flights
    assert len(await collect(setup, requests(prompts(2), 1))) == 2


async def test_swaps_with_samples_in_flight_are_exact(setup: Setup) -> None:
    async def swaps() -> None:
        for _ in range(3):
            await asyncio.sleep(0.1)
            await setup.swap(tied=is_tied(setup))

    before = len(setup.models)
    samples: dict[str, Sample] = {}
    for attempt in range(5):  # a fast machine may finish between two swaps
        swapping = asyncio.create_task(swaps())
        samples |= await collect(setup, requests(prompts(24, seed=attempt), 4, seed=attempt))
        await swapping
        if any(len(set(sample.versions.tolist())) > 1 for sample in samples.values()):
            break
    mixed = [sample for sample in samples.values() if len(set(sample.versions.tolist())) > 1]
    assert mixed, "no sample was in flight during a swap"
    for sample in samples.values():
        assert (np.diff(sample.versions) >= 0).all()
        for version in set(sample.versions.tolist()):
            at = sample.versions == version
            exact = exact_logprobs(setup.models[version], sample)
            assert np.abs(exact - sample.logprobs)[at].max() < EXACT, (sample.sample_id, version)
    # The check can tell weights apart: the tokens of other versions do not fit.
    stale = exact_logprobs(setup.models[before - 1], mixed[0]) - mixed[0].logprobs
    assert np.abs(stale[mixed[0].versions >= before]).max() > 0.1


async def test_fresh_samples_after_swaps_are_exact(setup: Setup) -> None:
    same = requests(prompts(4, length=150), 2)
    await collect(setup, same)  # fills the prefix cache
    for _ in range(2):
        await setup.swap(tied=is_tied(setup))
        samples = await collect(setup, same)
        assert all((sample.versions == setup.fleet.version).all() for sample in samples.values())
        assert all(gap(setup.models[-1], sample) < EXACT for sample in samples.values())


async def test_parameter_report_names_the_tied_head(setup: Setup) -> None:
    await setup.swap(tied=is_tied(setup))
    report = await setup.fleet.parameter_report()
    assert report == (["lm_head (shares the embedding's weights)"] if is_tied(setup) else [])


async def test_parameters_missing_from_a_swap_are_named(setup: Setup) -> None:
    version = len(setup.models)
    setup.models.append(setup.models[-1])
    partial = {name: tensor for name, tensor in state(setup.models[-1]) if "layers.1.mlp.down" not in name}
    await setup.fleet.publish(setup.weights.write(version, partial.items()))
    report = await setup.fleet.parameter_report()
    assert "model.layers.1.mlp.down_proj.weight (not in the last swap)" in report


async def test_an_older_version_is_refused(setup: Setup) -> None:
    manifest = setup.weights.write(0, state(setup.models[0]))
    with pytest.raises(RolloutError, match="weight version 0 published after version"):
        await setup.fleet.publish(manifest)


async def test_a_worker_that_cannot_start_names_its_log(cluster: None, tmp_path: Path) -> None:
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text('{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}')
    with pytest.raises(
        RolloutError, match=r"rollout worker 0 could not start its engine: .+ \(log: .*rollout-0\.log\)"
    ):
        await RolloutFleet.start(
            RolloutConfig(),
            model_path=str(tmp_path / "model"),
            context_tokens=64,
            device="cpu",
            log_folder=tmp_path / "logs",
            stop_token_ids=STOP,
        )
    assert (tmp_path / "logs" / "rollout-0.log").stat().st_size > 0
    left = [p for p in psutil.Process().children(recursive=True) if p.pid not in before and "VLLM" in p.name()]
    assert not left


async def test_more_workers_than_cores_are_refused(cluster: None, tmp_path: Path) -> None:
    with pytest.raises(RolloutError, match=r"5 rollout workers need 5 CPUs and Ray has 4"):
        await RolloutFleet.start(
            RolloutConfig(workers=5),
            model_path="none",
            context_tokens=64,
            device="cpu",
            log_folder=tmp_path,
            stop_token_ids=STOP,
        )


async def test_two_workers_that_keep_their_cache_at_a_swap(cluster: None, tmp_path: Path) -> None:
    """Groups are spread over both; versions are right; new samples never use a prefix of older weights."""
    models = [tiny_model(0, tied=False)]
    fleet = await RolloutFleet.start(
        RolloutConfig(
            workers=2,
            max_response_tokens=LONGEST,
            max_concurrent_samples=32,
            cpu_kv_cache_gib=0.25,
            cpu_threads=1,
            recompute_kv_on_swap=False,
        ),
        model_path=str(save(models[0], tmp_path / "model")),
        context_tokens=CONTEXT,
        device="cpu",
        log_folder=tmp_path / "logs",
        stop_token_ids=STOP,
    )
    try:
        with SharedMemoryWeights() as weights:
            setup = Setup(fleet, models, weights)
            asked = requests(prompts(8, length=100), 4)
            generating = asyncio.create_task(collect(setup, asked))
            await asyncio.sleep(0.2)
            await setup.swap(tied=False)
            samples = await generating
            homes = {prompt.prompt_id: set() for prompt in prompts(8)}  # type: dict[str, set[int]]
            for sample in samples.values():
                assert (np.diff(sample.versions) >= 0).all()
                homes[sample.prompt.prompt_id].add(sample.worker)
            assert all(len(workers) == 1 for workers in homes.values()), "a group stays on one worker"
            assert set().union(*homes.values()) == {0, 1}
            fresh = await collect(setup, asked)
            assert all(gap(setup.models[1], sample) < EXACT for sample in fresh.values())
            assert all((sample.versions == 1).all() for sample in fresh.values())
    finally:
        await fleet.shutdown()
