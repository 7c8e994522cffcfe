"""The simulator. Pinned here:

1. Virtual time: sleeping costs nothing and ends in order; waiting for what never comes is an error.
2. A modelled worker, exactly: fixed lengths, prompts shared by a group, contexts that grow, slots, a KV cache that is
   full, pauses, caches computed anew.
3. Synchronous: a step is generation + learning + new weights. Staleness 1 or more: the longer of the two.
4. No sample is older than max_staleness when it is learnt from; partial rollouts, shared placement, completion ratio.
5. A long tail of lengths makes streaming win; more ranks than samples do not make a learner faster.
6. The same seed predicts the same, another seed something else; shares add up.
7. Distributions: quantiles, truncation, what samples of a prompt have in common; mistakes say what to write.
8. A data sheet's figures scale as they must; models that do not fit are refused with ways out.
9. Figures of runs: what a run was made of is found again.
10. The search finds the best split; the command prints a table, or JSON; 10,000 workers are not too many.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rl import cli
from rl.config import RunConfig
from rl.errors import ConfigError
from rl.load_config import load_config
from rl.models.known import KNOWN_SHAPES
from rl.simulation.calibrate import calibrated, likeness, read_run
from rl.simulation.clock import StandsStill, run_virtual
from rl.simulation.engine import ModelledWorker, Order, Response
from rl.simulation.figures import EngineFigures, Figures, LearnerFigures
from rl.simulation.hardware import Hardware, figures_of, read_hardware, shape_of_parameters
from rl.simulation.lengths import Lengths, parse_lengths
from rl.simulation.run import Prediction, Workload, simulate
from rl.simulation.search import best_splits, with_split

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "configs" / "qwen2.5_7b_dapo_math.yaml"

ENGINE = EngineFigures(
    fixed=0.01, weights=0.0, compute=0.0, sample=0.001, context=0.0, prefill=0.0, slots=1000, kv_tokens=1e9
)
LEARNER = LearnerFigures(token=1e-4, attention=0.0, optimizer_step=0.5, batch=1.0, groups=2, optimizer_steps=4)
FIGURES = Figures(ENGINE, LEARNER, publish=3.0, pause=1.0, scoring=0.0)


def config(*overrides: str, staleness: int = 0) -> RunConfig:
    return load_config(
        RECIPE,
        [
            "prompts_per_step=16",
            "group_size=4",
            "rollout.workers=1",
            "algorithm.dynamic_sampling.enabled=false",
            "algorithm.importance={kind: tis}",
            f"streaming.max_staleness={staleness}",
            *overrides,
        ],
    ).config


def work(text: str = "fixed(n=1000)", *, alike: float = 0.0, **changes: Any) -> Workload:
    lengths = parse_lengths(text, most=8192, alike=alike)
    return replace(Workload(lengths, prompt_tokens=100, informative=1.0, prompts=5000, steps=5), **changes)


# 1


def test_virtual_time() -> None:
    async def main() -> list[tuple[str, float]]:
        seen = []
        loop = asyncio.get_running_loop()

        async def after(seconds: float, name: str) -> None:
            await asyncio.sleep(seconds)
            seen.append((name, loop.time()))

        await asyncio.gather(after(7200, "late"), after(0.5, "early"), after(3600, "between"))
        return seen

    assert run_virtual(main()) == [("early", 0.5), ("between", 3600.0), ("late", 7200.0)]


def test_waiting_for_ever_is_an_error() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(StandsStill, match="never comes"):
        run_virtual(main())


# 2


def ends(figures: EngineFigures, *groups: tuple[int, list[int]], act: Any = None) -> tuple[dict[int, float], Any]:
    """When each response ends, of groups (prompt tokens, response tokens) that are submitted at 0."""

    async def main() -> tuple[dict[int, float], Any]:
        loop, found = asyncio.get_running_loop(), {}
        worker = ModelledWorker(figures, lambda ended: found.update((one.ticket, loop.time()) for one in ended))
        count = 0
        for prompt, lengths in groups:
            order = Order(prompt)
            worker.submit([Response(count + i, order, tokens) for i, tokens in enumerate(lengths)])
            count += len(lengths)
        if act is not None:
            await act(worker)
        while len(found) < count:
            await asyncio.sleep(1000)
        return found, worker.account()

    return run_virtual(main())


def test_fixed_lengths() -> None:
    found, usage = ends(ENGINE, (100, [1000] * 4))
    assert list(found.values()) == pytest.approx([1000 * (0.01 + 4 * 0.001)] * 4)
    assert usage.decoding == pytest.approx(14.0)
    assert usage.tokens == pytest.approx(4000)
    assert usage.samples == pytest.approx(4 * 14.0)


def test_what_is_left_goes_faster() -> None:
    found, _ = ends(ENGINE, (100, [100, 300]))
    assert found == pytest.approx({0: 100 * 0.012, 1: 100 * 0.012 + 200 * 0.011})


def test_a_group_shares_its_prompt() -> None:
    figures = replace(ENGINE, prefill=0.001)
    together, usage = ends(figures, (100, [10, 10]))
    apart, _ = ends(figures, (100, [10]), (100, [10]))
    assert together[0] == pytest.approx(0.1 + 10 * 0.012)
    assert apart[0] == pytest.approx(0.2 + 10 * 0.012)
    assert usage.stalled == pytest.approx(0.1)


def test_contexts_grow() -> None:
    figures = replace(ENGINE, sample=0.0, context=1e-5)
    found, _ = ends(figures, (500, [1000, 1000]))
    # two samples read 500 tokens each at first, 1,500 at the end: the integral of a line
    assert found[0] == pytest.approx(1000 * (0.01 + 1e-5 * 2 * 1000))
    assert figures.steps_in(figures.seconds_of(123.4, 7, 999), 7, 999) == pytest.approx(123.4)


def test_roofline() -> None:
    figures = replace(ENGINE, sample=0.0, weights=0.005, compute=0.001)
    assert figures.step(2, 0) == pytest.approx(0.015)  # reading the weights takes longer
    assert figures.step(20, 0) == pytest.approx(0.03)


def test_slots() -> None:
    found, usage = ends(replace(ENGINE, slots=2), (0, [100, 200, 50]))
    assert found[0] == pytest.approx(1.2)
    assert found[2] == pytest.approx(1.2 + 0.6)
    assert found[1] == pytest.approx(1.8 + 50 * 0.011)
    assert usage.evicted == 0


def test_a_full_kv_cache_puts_the_last_sample_back() -> None:
    figures = replace(ENGINE, sample=0.0, prefill=0.002, kv_tokens=1000)
    found, usage = ends(figures, (0, [800, 600]))
    # full after 500 steps; the first ends at 800; then 500 tokens are computed again, and 100 are left
    assert found[0] == pytest.approx(8.0)
    assert found[1] == pytest.approx(8.0 + 500 * 0.002 + 100 * 0.01)
    assert usage.evicted == 1
    assert usage.tokens == pytest.approx(1400)
    # another that waits for a slot does not overtake it: both prompts and caches would not fit
    found, _ = ends(replace(figures, slots=2), (0, [800, 600]), (600, [10]))
    assert found[1] == pytest.approx(8.0 + 1.0 + 1.0)
    assert found[2] == pytest.approx(10.0 + 600 * 0.002 + 10 * 0.01)


def test_new_weights_pause_and_caches_are_computed_anew() -> None:
    async def swap(worker: ModelledWorker) -> None:
        await asyncio.sleep(5.0)
        worker.pause()
        await asyncio.sleep(2.0)
        worker.resume(1, recompute=True, restart=False)

    figures = replace(ENGINE, sample=0.0, prefill=0.02)
    found, usage = ends(figures, (0, [1000]), act=swap)
    assert found[0] == pytest.approx(10.0 + 2.0 + 500 * 0.02)
    assert usage.stalled == pytest.approx(12.0)


def test_new_weights_can_restart_what_runs() -> None:
    async def swap(worker: ModelledWorker) -> None:
        await asyncio.sleep(5.0)
        worker.pause()
        worker.resume(1, recompute=True, restart=True)

    found, usage = ends(replace(ENGINE, sample=0.0, prefill=0.01), (100, [1000]), act=swap)
    assert found[0] == pytest.approx(5.0 + 1.0 + 10.0)
    assert usage.tokens == pytest.approx(1400)


def test_slowing_down() -> None:
    async def slow(worker: ModelledWorker) -> None:
        await asyncio.sleep(5.0)
        worker.slow_down(2.0)

    found, _ = ends(replace(ENGINE, sample=0.0), (0, [1000]), act=slow)
    assert found[0] == pytest.approx(15.0)


# 3 to 6


GENERATION = 1000 * (0.01 + 64 * 0.001)
LEARNING = 1.0 + 4 * (0.5 + 8 * 1100 * 1e-4)  # each of 4 optimizer steps: 16 samples on 2 groups of ranks


def test_synchronous_is_the_sum() -> None:
    said = simulate(config(), FIGURES, work())
    assert said.step == pytest.approx(GENERATION + LEARNING + 3.0)
    assert said.waiting == pytest.approx(GENERATION / said.step)
    assert said.learning == pytest.approx(LEARNING / said.step)
    assert said.publishing == pytest.approx(3.0 / said.step)
    assert said.idle == pytest.approx(1 - GENERATION / said.step)
    assert said.running == pytest.approx(64 * GENERATION / said.step)
    assert said.tokens_per_second == pytest.approx(64_000 / said.step)
    assert (said.staleness, said.staleness_max) == (0, 0)


def test_staleness_1_is_the_longer_of_the_two() -> None:
    learner = replace(LEARNER, batch=200.0)
    said = simulate(config(staleness=1), replace(FIGURES, learner=learner), work())
    assert said.step == pytest.approx(LEARNING + 199.0 + 3.0)  # generation is hidden
    assert said.waiting == pytest.approx(0.0, abs=1e-9)
    generating = simulate(config("rollout.recompute_kv_on_swap=false", staleness=1), FIGURES, work(steps=20))
    # one batch decodes while the other is learnt from, then both: never less than decoding alone takes
    assert 1000 * 64 * 0.001 <= generating.step < GENERATION + LEARNING + 3.0
    assert generating.idle < 0.02


def test_workers_that_wait_are_idle() -> None:
    said = simulate(config("rollout.workers=2", staleness=1), replace(FIGURES, publish=0.0, pause=0.0), work())
    assert said.idle + said.stalled < 1
    alone = simulate(config("rollout.workers=64"), FIGURES, work("fixed(n=8000)", steps=2))
    assert alone.running * alone.step * 64 == pytest.approx(64 * 8000 * 0.011, rel=1e-6)  # every sample alone


@settings(max_examples=20, deadline=None)
@given(
    st.integers(1, 3),
    st.integers(0, 1000),
    st.booleans(),
    st.sampled_from(["continue", "restart", "off"]),
    st.integers(1, 5),
)
def test_never_too_old(staleness: int, seed: int, filtered: bool, partial: str, workers: int) -> None:
    chosen = config(
        f"rollout.workers={workers}",
        f"algorithm.dynamic_sampling.enabled={str(filtered).lower()}",
        f"streaming.partial_rollout={partial}",
        staleness=staleness,
    )
    figures = replace(FIGURES, learner=replace(LEARNER, batch=float(seed % 40)))
    said = simulate(chosen, figures, work("lognormal(1000, 1)", seed=seed, informative=0.6 if filtered else 1.0))
    assert said.staleness <= said.staleness_max <= staleness
    assert 0 <= said.idle <= 1 and said.idle + said.stalled <= 1 + 1e-9
    assert said.waiting + said.learning + said.publishing == pytest.approx(1.0)


def test_waiting_for_the_unfinished_costs_time() -> None:
    figures, lengths = replace(FIGURES, learner=replace(LEARNER, batch=30.0)), work("lognormal(1000, 1)", steps=10)
    on = simulate(config(staleness=1), figures, lengths)
    off = simulate(config("streaming.partial_rollout=off", staleness=1), figures, lengths)
    assert off.step > on.step
    assert off.publishing > on.publishing


def test_shared_placement_takes_turns() -> None:
    figures = replace(FIGURES, learner=replace(LEARNER, batch=100.0), contention=3.0)
    said = simulate(config("device=cpu", "rollout.weight_transfer=auto", "streaming.placement=shared", staleness=1),
                    figures, work("lognormal(median=600, sigma=1.2)", steps=20))  # fmt: skip
    assert said.learning == pytest.approx((LEARNING + 99.0) / said.step, rel=0.1)
    assert said.waiting > 0.1  # nothing is generated while the learner works


def test_a_completion_ratio_keeps_samples_young() -> None:
    some, all_ = (
        simulate(config(f"streaming.completion_ratio={ratio}", staleness=2), FIGURES, work("lognormal(800, 1)"))
        for ratio in (0.0, 0.75)
    )
    assert all_.staleness < some.staleness / 2


def test_long_tails_make_streaming_win() -> None:
    def speedup(text: str) -> float:
        learner = replace(LEARNER, token=0.0, optimizer_step=0.0)
        figures = replace(FIGURES, engine=replace(ENGINE, fixed=0.0), learner=learner, publish=0.0, pause=0.0)
        slow, fast = (simulate(config("rollout.workers=4", staleness=n), figures, work(text, steps=10)) for n in (0, 2))
        return slow.step / fast.step

    assert speedup("fixed(n=1000)") == pytest.approx(1.0, abs=0.1)  # decoding takes as long, however it is arranged
    assert speedup("lognormal(median=600, sigma=1.2)") > 1.3


def test_dynamic_sampling_generates_more() -> None:
    chosen = config("algorithm.dynamic_sampling.enabled=true")
    all_, half = (simulate(chosen, FIGURES, work(informative=share, steps=20)) for share in (1.0, 0.5))
    tokens = [said.tokens_per_second * said.step for said in (all_, half)]
    assert tokens[1] / tokens[0] == pytest.approx(2.0, rel=0.15)
    assert half.tokens_per_step == all_.tokens_per_step


def test_rewards_take_their_time() -> None:
    said = simulate(config(), replace(FIGURES, scoring=5.0), work())
    assert said.step == pytest.approx(GENERATION + 5.0 + LEARNING + 3.0)


def test_the_learner() -> None:
    assert LEARNER.seconds([1000] * 8) == pytest.approx(1.0 + 4 * (0.5 + 0.1))  # a sample for each group and step
    assert LEARNER.seconds([1000, 500, 500]) == pytest.approx(1.0 + 3 * 0.5 + 0.2)  # fewer samples than steps
    many = replace(LEARNER, groups=1000)
    assert many.seconds([1000] * 8) == LEARNER.seconds([1000] * 8)  # the longest sample is not split
    one = replace(LEARNER, groups=1, optimizer_steps=1, attention=1e-6)
    assert one.seconds([1000, 2000]) == pytest.approx(1.0 + 0.5 + 0.3 + 1.0 + 4.0)


def test_sharing_cores_slows_both_down() -> None:
    figures = replace(FIGURES, learner=replace(LEARNER, batch=100.0))
    shared = replace(figures, contention=1.5)
    assert simulate(config(), shared, work()).step == pytest.approx(simulate(config(), figures, work()).step)
    apart, together = (simulate(config(staleness=2), one, work()) for one in (figures, shared))
    assert 1.3 * apart.step < together.step < 1.5 * apart.step  # the learner never waits; workers sometimes do


def test_the_same_seed_predicts_the_same() -> None:
    def said(seed: int) -> Prediction:
        return simulate(config("rollout.workers=3", staleness=2), FIGURES, work("lognormal(800, 1)", seed=seed))

    assert said(1) == said(1)
    assert said(1) != said(2)


# 7


def test_distributions() -> None:
    draws = {
        text: parse_lengths(text, most=100_000, alike=0.0).draw(random.Random(0), 20_000)
        for text in ("lognormal(median=4000, sigma=0.8)", "lognormal(4000, 0.8)", "geometric(mean=300)", "fixed(7)")
    }
    first, second, geometric, fixed = draws.values()
    assert first == second
    assert statistics.median(first) == pytest.approx(4000, rel=0.05)
    assert statistics.stdev(math.log(tokens) for tokens in first) == pytest.approx(0.8, rel=0.05)
    assert statistics.mean(geometric) == pytest.approx(300, rel=0.05)
    assert statistics.median(geometric) == pytest.approx(300 * math.log(2), rel=0.05)
    assert set(fixed) == {7}


def test_lengths_of_samples(tmp_path: Path) -> None:
    file = tmp_path / "samples.jsonl"
    file.write_text("".join(json.dumps({"response_tokens": n}) + "\n" for n in (10, 20, 30, 40)))
    lengths = parse_lengths(f"file({file})", most=35, alike=0.0)
    assert {tokens: lengths.draw(random.Random(0), 4000).count(tokens) // 100 for tokens in (10, 20, 30, 35)} == {
        tokens: pytest.approx(10, abs=2) for tokens in (10, 20, 30, 35)
    }


def test_samples_of_a_prompt_are_alike() -> None:
    def share(alike: float) -> float:
        lengths, rng = Lengths("", lambda normal: math.exp(normal + 10), 10**9, alike), random.Random(0)
        groups = [[math.log(tokens) for tokens in lengths.draw(rng, 8)] for _ in range(2000)]
        within = statistics.mean(statistics.variance(group) for group in groups)
        assert statistics.variance([one for group in groups for one in group]) == pytest.approx(1.0, abs=0.1)
        return 1 - within

    assert share(0.0) == pytest.approx(0.0, abs=0.05)
    assert share(0.2) == pytest.approx(0.2, abs=0.05)
    assert share(0.5) == pytest.approx(0.5, abs=0.05)
    assert share(1.0) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("normal(3)", "no distribution of response lengths. Write lognormal(median=4000, sigma=0.8)"),
        ("lognormal", "no distribution"),
        ("lognormal(median=4000)", "sigma missing"),
        ("lognormal(median=4000, median=3)", "'median=3' is none of its values (median, sigma; each above 0)"),
        ("lognormal(4000, 0.8, 1)", "'1' is none of its values"),
        ("geometric(mean=-1)", "'mean=-1' is none of its values"),
        ("fixed(n=many)", "'n=many' is none of its values"),
        ("file(nowhere)", "no samples in nowhere. Give a run folder"),
    ],
)
def test_mistakes_in_lengths(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_lengths(text, most=100, alike=0.0)
    assert message in str(caught.value)


# 8

SHAPE = KNOWN_SHAPES["Qwen/Qwen2.5-7B"]


def recipe(*overrides: str) -> RunConfig:
    return load_config(RECIPE, overrides).config


def test_a_data_sheet() -> None:
    one = figures_of(recipe(), SHAPE, Hardware())
    assert one.engine.weights == pytest.approx(2 * SHAPE.parameters / (0.7 * 3.35e12))
    assert one.engine.prefill == pytest.approx(2 * SHAPE.parameters / (0.5 * 989e12))
    assert 800_000 < one.engine.kv_tokens < 1_200_000  # 72 GiB - 4 - 14 at 56 KiB a token
    two = figures_of(recipe("rollout.tensor_parallel=2", "learner.sequence_parallel=2"), SHAPE, Hardware())
    assert two.engine.weights == pytest.approx(one.engine.weights / 2)
    assert two.engine.fixed == pytest.approx(0.002 + 2 * 28 * 15e-6)
    assert two.learner.token == pytest.approx(one.learner.token / 2)
    assert (one.learner.groups, two.learner.groups) == (4, 2)
    large = Hardware(gpu_memory_gib=1000)
    plain = figures_of(recipe("learner.activation_checkpointing=false"), SHAPE, large)
    assert one.learner.token / plain.learner.token == pytest.approx(5 / 4)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["rollout.gpu_memory_utilization=0.2"], "Ways out: (1) larger rollout.tensor_parallel"),
        (["learner.zero_stage=0"], "a learner rank needs about"),
    ],
)
def test_what_does_not_fit(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        figures_of(recipe(*overrides), SHAPE, Hardware())
    assert message in str(caught.value)


def test_hardware_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "h200.yaml"
    file.write_text("gpu_memory_gib: 141\nbandwidth_tb_s: 4.8\n")
    assert read_hardware(file) == Hardware(gpu_memory_gib=141, bandwidth_tb_s=4.8)
    file.write_text("bandwith_tb_s: 4.8\n")
    with pytest.raises(Exception, match="bandwidth_tb_s"):
        read_hardware(file)


@pytest.mark.parametrize("size", [1e9, 7e9, 32e9, 70e9])
def test_a_size_alone(size: float) -> None:
    shape = shape_of_parameters(size, 8192)
    assert 12 * shape.layers * shape.hidden**2 == pytest.approx(size, rel=0.15)


# 9


def write_run(folder: Path, chosen: dict[str, Any], said: Figures, *, steps: int = 12) -> Path:
    """The folder of a synchronous run with one worker that took what the figures say."""
    (folder / "samples").mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(chosen))
    rng, lines = random.Random(1), []
    for step in range(1, steps + 1):
        groups = [[rng.randint(1, 50 * (g + 1)) for _ in range(4)] for g in range(16)]
        tokens = [n for group in groups for n in group]
        generate = said.engine.fixed * max(tokens) + said.engine.sample * sum(tokens)
        update = said.learner.batch + said.learner.token * (sum(tokens) + 100 * len(tokens))
        lines.append({"step": step, "time": 0.0, "time/generate": generate, "time/update": update, "batch/rounds": 1,
                      "time/publish": said.publish, "rollout/pause_seconds": said.pause,
                      "time/step": generate + update + said.publish})  # fmt: skip
        rows = [{"sample_id": f"{step}.0/{g}/p/{i}", "response_tokens": n}
                for g, group in enumerate(groups) for i, n in enumerate(group)]  # fmt: skip
        (folder / "samples" / f"step-{step:06d}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def plain(**changes: Any) -> dict[str, Any]:
    """A configuration for a CPU."""
    return {
        "name": "run",
        "device": "cpu",
        "steps": 12,
        "prompts_per_step": 16,
        "group_size": 4,
        "model": {"name": "tiny", "context_tokens": 2048},
        "data": {"train": [{"generator": "letter_count", "size": 5000, "seed": 1}]},
        "algorithm": {"preset": "reinforce_pp", "kl": None, "importance": {"kind": "tis"}},
        "rewards": [{"use": "math"}],
        "rollout": {"max_response_tokens": 1024},
        **changes,
    }


def test_figures_of_a_run(tmp_path: Path) -> None:
    learner = replace(LEARNER, groups=1, optimizer_step=0.0, optimizer_steps=1)
    said = Figures(ENGINE, learner, publish=0.4, pause=0.3, scoring=0.0)
    run = read_run(write_run(tmp_path / "run", plain(), said))
    found = calibrated([run], run.config, prompt_tokens=100, kv_tokens=1e6)
    assert found.engine.fixed == pytest.approx(ENGINE.fixed)
    assert found.engine.sample == pytest.approx(ENGINE.sample)
    assert found.learner.token == pytest.approx(LEARNER.token)
    assert found.learner.batch == pytest.approx(LEARNER.batch)
    assert (found.publish, found.pause, found.contention) == (0.4, 0.3, 1.0)
    assert 0.1 < likeness([run]) < 0.9  # groups were made of different lengths
    streamed = write_run(
        tmp_path / "streamed",
        plain(streaming={"max_staleness": 1}),
        replace(said, learner=replace(learner, token=2 * learner.token, batch=2 * learner.batch)),
    )
    both = calibrated([run, read_run(streamed)], run.config, prompt_tokens=100, kv_tokens=1e6)
    assert both.contention == pytest.approx(2.0)
    assert both.learner.token == pytest.approx(LEARNER.token)
    with pytest.raises(ConfigError, match="none of the runs is synchronous"):
        calibrated([read_run(streamed)], run.config, prompt_tokens=100, kv_tokens=1e6)


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a run folder"):
        read_run(tmp_path)


# 10


def test_splits_use_the_gpus() -> None:
    chosen = recipe("rollout.tensor_parallel=2", "learner.sequence_parallel=4")
    for share in (0.1, 0.37, 0.5, 0.9):
        split = with_split(chosen, 64, share)
        assert split is not None
        used = split.rollout.workers * 2 + split.learner.ranks
        assert 60 < used <= 64 and split.learner.ranks % 4 == 0
        assert split.learner.ranks / 64 == pytest.approx(share, abs=0.05)
    assert with_split(chosen, 4, 0.99) is None


def test_the_search_finds_the_best_split() -> None:
    chosen, lengths = config("prompts_per_step=32"), work("lognormal(800, 0.8)", steps=4)

    def figures(one: RunConfig) -> Figures:
        return replace(FIGURES, learner=replace(LEARNER, token=4e-4, groups=one.learner.ranks))

    (found,) = best_splits(chosen, figures, lengths, 16, [1])
    assert found.gpus == 16
    every = {}
    for ranks in range(1, 16):
        one = with_split(chosen.model_copy(update={"streaming": found.config.streaming}), 16, ranks / 16)
        assert one is not None
        every[ranks] = simulate(one, figures(one), lengths).step
    assert found.prediction.step <= 1.02 * min(every.values())
    assert found.prediction.step < 0.7 * max(every.values())


def test_a_model_that_fits_no_split() -> None:
    with pytest.raises(ConfigError, match="no split of 4 GPUs holds the model: a learner rank needs"):
        list(
            best_splits(recipe("learner.zero_stage=0"), lambda one: figures_of(one, SHAPE, Hardware()), work(), 4, [0])
        )


def test_thousands_of_workers(capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.main(
        ["simulate", str(RECIPE), "rollout.workers=10000", "learner.ranks=240", "prompts_per_step=1000",
         "group_size=4", "--staleness", "1", "--steps", "1", "--json"]
    )  # fmt: skip
    (row,) = json.loads(capsys.readouterr().out)
    assert code == 0
    assert row["workers"] == 10_000
    assert row["staleness_max"] <= 1


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["simulate", str(RECIPE), "prompts_per_step=16", "--staleness", "0", "1", "--steps", "2"]
    assert cli.main(arguments) == 0
    out = capsys.readouterr().out
    assert "16 prompts x 16 a step; response tokens lognormal(median=2048, sigma=0.8), at most 8,192" in out
    assert "7.62B parameters; a GPU: 989 TFLOP/s" in out
    assert cli.main(arguments) == 0
    assert capsys.readouterr().out == out
    assert cli.main([*arguments[:2], "prompts_per_step=8", "--gpus", "8", "--staleness", "1", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["workers"] + row["ranks"] == 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lengths", "nothing"], "is no distribution"),
        (["--informative", "0"], "--informative 0: a share of the groups"),
        (["--alike", "2"], "--alike 2: a share"),
        (["--parameters", "7"], "--parameters 7: a model's size, like 7e9"),
        (["device=cpu", "rollout.weight_transfer=auto"], "Ways out: (1) --calibrate RUN"),
        (["--calibrate", "nowhere"], "nowhere is not a run folder"),
        (["--hardware", "nowhere.yaml"], "there is no configuration file nowhere.yaml"),
        (["--gpus", "2"], "no split of 2 GPUs holds the model"),
        (["model.name=some/model"], "--parameters"),
    ],
)
def test_mistakes(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    assert cli.main(["simulate", str(RECIPE), *arguments]) == 2
    assert message in capsys.readouterr().err
