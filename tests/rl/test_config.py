"""Loading configurations.

1. Every recipe in configs/ is valid.
2. YAML is read by the 1.2 core rules; places of keys are kept through anchors and merges.
3. Overrides reach scalars, list places and missing sections; their values are YAML.
4. All mistakes are told at once, each with key, place, expectation and the nearest valid key.
5. Contradictions between sections are told too, also beside other mistakes, with ways out.
6. Relative files in YAML are looked up beside it, those on the command line in the current folder.
7. Every field has words for what it expects, and a description.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from rewards.settings.source import dotted, read_source
from rewards.settings.words import entries, expected
from rl.checks import config_problems
from rl.config import RunConfig
from rl.errors import ConfigError
from rl.explain import explain
from rl.load_config import LoadedConfig, load_config

RECIPES = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))

MINIMAL: dict[str, Any] = {
    "name": "t",
    "steps": 5,
    "prompts_per_step": 4,
    "group_size": 4,
    "data": {"train": [{"generator": "letter_count", "size": 8}]},
    "algorithm": {"preset": "dapo"},
    "rewards": [{"use": "math"}],
}


def load(tmp_path: Path, text: str | None = None, *overrides: str, **changes: Any) -> LoadedConfig:
    path = tmp_path / "run.yaml"
    path.write_text(text if text is not None else yaml.safe_dump({**MINIMAL, **changes}, sort_keys=False))
    return load_config(path, overrides)


def mistakes(tmp_path: Path, text: str | None = None, *overrides: str, **changes: Any) -> list[str]:
    """The lines of the error, without its first and with the file's folder cut off."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, *overrides, **changes)
    assert caught.value.exit_code == 2
    first, *lines = str(caught.value).replace(f"{tmp_path}/", "").split("\n")
    assert first.startswith("run.yaml: ")
    return [line[2:] for line in lines]


MEANT = {"smollm2_135m_budget": ("paid for wrong answers too",)}
"""Warnings about what a recipe does on purpose; its comments say why."""


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipes_are_valid(path: Path) -> None:
    loaded = load_config(path)
    assert loaded.config.name.startswith(path.stem.split("_")[0])
    meant = MEANT.get(path.stem, ())
    assert len(loaded.warnings) == len(meant)
    assert all(words in warning for words, warning in zip(meant, loaded.warnings, strict=True))


def test_there_are_recipes() -> None:
    assert len(RECIPES) >= 5


def test_yaml_core_scalars(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("{a: 1e-6, b: no, c: 1_000, d: 2026-01-01, e: 012, f: ~, g: true, h: .inf, i: 1.5, j: 1:30, k: -3}")
    assert read_source(path).data == {
        "a": 1e-6, "b": "no", "c": 1000, "d": "2026-01-01", "e": 12, "f": None, "g": True, "h": float("inf"),
        "i": 1.5, "j": "1:30", "k": -3,
    }  # fmt: skip


def test_places_survive_anchors_and_merges(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("base: &base\n  x: 1\n  y: 2\nuse:\n  <<: *base\n  y: 3\nlist:\n  - a\n  - b: 1\n")
    source = read_source(path)
    assert source.data["use"] == {"x": 1, "y": 3}
    assert not source.problems
    lines = {dotted(key): place.rpartition(":")[2] for key, place in source.places.items() if key}
    assert lines["use.y"] == "6"
    assert lines["list.1.b"] == "9"


def test_overrides(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        None,
        "steps=7",
        "rewards.0.weight=-0.5",
        "learner.policy.learning_rate=2e-5",
        "rollout.engine_args={block_size: 32}",
        "learner.lora={rank: 8}",
        "tracking.also=[wandb]",
        "data.train.0.system=be brief = be right",
    ).config
    assert (loaded.steps, loaded.rewards[0].weight, loaded.learner.policy.learning_rate) == (7, -0.5, 2e-5)
    assert loaded.rollout.engine_args == {"block_size": 32}
    assert loaded.learner.lora is not None
    assert loaded.learner.lora.rank == 8
    assert loaded.tracking.also == ["wandb"]
    assert loaded.data.train[0].system == "be brief = be right"


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    text = """\
name: t
steps: 5
steps: 6
prompts_per_step: 4
group_size: 0
optimiser_steps_per_batch: 2
temperature: 1e-3
model: {name: tiny, context_tokens: lots}
data:
  train:
    - generator: letter_cout
      size: 10
algorithm:
  preset: vapo
  clip_hihg: 0.2
  lambda_policy: long
  dynamic_sampling: 3
rewards:
  - use: math
    wieght: 1
    cap: 2
learner:
  zero_stage: 4
  policy: {learning_rate: -1e-6}
rollout:
"""
    assert mistakes(tmp_path, text, "rewards.5.weight=2", "steps.x=3", "foo", "rollout.workers=[1", "seed=one") == [
        "steps (run.yaml:3): written twice; the first is at run.yaml:2",
        "group_size (run.yaml:5): expected an integer, at least 1; got 0",
        "optimiser_steps_per_batch (run.yaml:6): unknown key. Did you mean `optimizer_steps_per_batch`?",
        "temperature (run.yaml:7): unknown key here. There is `rollout.sampling.temperature` and "
        "`evaluation.sampling.temperature`",
        "model.context_tokens (run.yaml:8): expected an integer, at least 16; got the text 'lots'",
        "data.train.0.generator (run.yaml:11): expected one of letter_count, char_count or null; got the text "
        "'letter_cout'. Did you mean `letter_count`?",
        "algorithm.clip_hihg (run.yaml:15): unknown key. Did you mean `clip_high`?",
        "algorithm.lambda_policy (run.yaml:16): expected a number or length_adaptive; got the text 'long'",
        "algorithm.dynamic_sampling (run.yaml:17): expected a section; got 3",
        "rewards.0.wieght (run.yaml:20): unknown key. Did you mean `weight`? Arguments of the function belong under "
        "`options`.",
        "rewards.0.cap (run.yaml:21): unknown key; valid here: use, name, style, weight, when, requires, range, clip, "
        "normalise, timeout_s, retries, options. Arguments of the "
        "function belong under `options`.",
        "learner.zero_stage (run.yaml:23): expected one of 0, 1, 2, 3; got 4",
        "learner.policy.learning_rate (run.yaml:24): expected a number, above 0; got -1e-06",
        "rewards.5.weight (command line): `rewards` is a list; expected a place in it, 0 to 0, got '5'",
        "steps.x (command line): `steps` is 6: nothing can be set inside it",
        "foo (command line): expected key.path=value, got 'foo'",
        "rollout.workers (command line): the value is not valid YAML: '[1' (quote it?)",
        "seed (command line): expected an integer; got the text 'one'",
    ]


def test_missing_keys_say_what_they_are(tmp_path: Path) -> None:
    found = mistakes(tmp_path, "name: t\n")
    assert (
        "steps (run.yaml): missing: expected an integer, at least 1; Batches generated, scored and learnt from" in found
    )
    assert {line.split(" ")[0] for line in found} == {
        "steps", "prompts_per_step", "group_size", "data", "algorithm", "rewards"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "algorithm.preset=vapor",
            "`preset` must be one of vapo, dapo, grpo, dr_grpo, rloo, reinforce_pp, gspo, cispo; got 'vapor'. Did you "
            "mean `vapo`?",
        ),
        ("algorithm={}", "missing: `preset` must be one of vapo, dapo"),
        ("algorithm=dapo", "expected a section; got the text 'dapo'"),
        ("data.train=[]", "expected a list, each a section, not empty; got a list"),
        ("name=a b", "expected text, matching ^[A-Za-z0-9][A-Za-z0-9._-]*$; got the text 'a b'"),
        ("reward_runner.on_error=maks", "expected text, one of mask, zero, fail; got the text 'maks'"),
        ("data.train.0={generator: letter_count}", "`size` says how many prompts `generator` makes: add it"),
    ],
)
def test_single_messages(tmp_path: Path, override: str, message: str) -> None:
    assert mistakes(tmp_path, None, override)[0].partition("): ")[2].startswith(message)


@pytest.mark.parametrize(
    ("overrides", "key", "words"),
    [
        (["group_size=1"], "group_size", "(2) algorithm.advantage: gae"),
        (["group_size=1", "algorithm={preset: rloo}"], "group_size", "(3) algorithm.advantage: reinforce_pp"),
        (["correctness=mth"], "correctness", "Did you mean `math`?"),
        (["rewards=[{use: math}, {use: math}]"], "rewards", "two rewards go by the name `math`"),
        (["rewards.0.use=mth"], "rewards.0.use", "Did you mean `math`?"),
        (["rewards.0.use=nowhere.py:f"], "rewards.0.use", "nowhere.py does not exist"),
        (["rewards.0.options={rihgt: 2}"], "rewards.0.options.rihgt", "Did you mean `right`?"),
        (["rewards.0.weight=0"], "rewards", "every weight is 0"),
        (["optimizer_steps_per_batch=17"], "optimizer_steps_per_batch", "at most 16"),
        (["optimizer_steps_per_batch=8", "learner.ranks=4"], "learner.ranks", "(1) fewer ranks"),
        (["rollout.max_response_tokens=2048"], "rollout.max_response_tokens", "no room for a prompt"),
        (["rollout.sampling.temperature=0"], "rollout.sampling.temperature", "nothing to learn"),
        (["learner.offload.parameters=true"], "learner", "offload.parameters needs zero_stage 3"),
        (["learner.offload.optimizer=true"], "learner", "offload.optimizer needs zero_stage 1, 2 or 3"),
        (["learner.ranks=3", "learner.sequence_parallel=2"], "learner", "must be a multiple of sequence_parallel"),
        (["learner.ranks=3", "learner.sequence_parallel=3"], "learner.sequence_parallel", "one of 1, 2, 4"),
        (["learner={ranks: 2, sequence_parallel: 2}", "model.attention=eager"], "model.attention", "(2) learner.sequ"),
        (["optimizer_steps_per_batch=16", "learner={ranks: 4, sequence_parallel: 2}"], "learner.ranks", "2 groups of"),
        (["device=cpu", "model.attention=flex_attention"], "model.attention", "no backward pass on CPU"),
        (["model.name=smolm2-135m"], "model.name", "did you mean `smollm2-135m`?"),
        (["data.train.0.options={word_length_max: 99}"], "data.train.0.options.word_length_max", "less than or equal"),
        (["model.name=no/such/folder"], "model.name", "no such folder"),
        (["model.context_tokens=10000"], "model.context_tokens", "at most 4096 tokens"),
        (["streaming.partial_rollout=off"], "streaming.partial_rollout", "(2) streaming.max_staleness: 1 or more"),
        (["streaming.completion_ratio=0.5"], "streaming.completion_ratio", "no sample is unfinished when new weights"),
        (["streaming={max_staleness: 1, completion_ratio: 0.9}"], "streaming.completion_ratio", "(2) more prompts_per"),
        (
            ["streaming={max_staleness: 1, partial_rollout: restart, max_versions_per_sample: 2}"],
            "streaming.max_versions_per_sample",
            "(2) partial_rollout: continue",
        ),
        (["streaming={max_staleness: 1, loss_max_staleness: 1}"], "streaming.loss_max_staleness", "no token is older"),
        (
            ["streaming={max_staleness: 1, placement: shared, partial_rollout: off}"],
            "streaming.placement",
            "stand still",
        ),
        (["device=gpu", "streaming={max_staleness: 1, placement: shared}"], "streaming.placement", "CPU only so far"),
        (["device=cpu", "rollout.tensor_parallel=2"], "rollout.tensor_parallel", "add rollout.workers instead"),
        (["device=cpu", "rollout.weight_transfer=nccl"], "rollout.weight_transfer", "needs GPUs"),
        (["algorithm.kl={weight: 0.1, kind: k1}"], "algorithm.kl.kind", "(2) algorithm.kl.where: reward"),
        (["algorithm.kl={weight: 0.1, where: reward, kl: 2}"], "algorithm.kl.kl", "unknown key"),
        (["algorithm.kl={kind: k2}"], "algorithm.kl.weight", "missing: expected a number, above 0"),
        (["algorithm.alpha=1"], "algorithm.alpha", "(2) algorithm.advantage: gae"),
        (["algorithm.gamma=0.9"], "algorithm.gamma", "(1) leave gamma out"),
        (["algorithm={preset: vapo, lambda_policy: 0.9, alpha: 1}"], "algorithm.alpha", "does not depend on the len"),
        (["algorithm={preset: rloo, advantage_eps: 1e-4}"], "algorithm.advantage_eps", "(2) algorithm.advantage: grpo"),
        (["algorithm={preset: cispo, dual_clip: 3}"], "algorithm.dual_clip", "(2) algorithm.policy_loss: ppo_clip"),
        (["algorithm.importance={cap: 3}"], "algorithm.importance.cap", "(2) algorithm.importance.kind: tis"),
        (["algorithm.importance={kind: tis, high: 3}"], "algorithm.importance.high", "importance.kind: icepop"),
        (["algorithm.importance={kind: icepop, low: 6}"], "algorithm.importance.low", "every token would be dropped"),
        (
            ["algorithm.importance.kind=tis", "algorithm.old_logprobs=rollout"],
            "algorithm.old_logprobs",
            "(2) algorithm.importance.kind: off",
        ),
        (["algorithm.value_pretraining={min_steps: 9, max_steps: 3}"], "algorithm.value_pretraining.min_steps", "abov"),
        (["data.train=[{path: x.jsonl}]", "warmup={}"], "warmup", "no worked examples"),
    ],
)
def test_contradictions(tmp_path: Path, overrides: list[str], key: str, words: str) -> None:
    found = mistakes(tmp_path, None, *overrides)
    start = next(i for i, line in enumerate(found) if line.startswith(f"{key} ("))
    assert any(words in line for line in found[start:])


def test_what_a_preset_sets_is_no_contradiction_when_a_variant_does_not_read_it(tmp_path: Path) -> None:
    """DAPO's dual clip with CISPO's loss is left over from the recipe, not something that the user asked for."""
    load(tmp_path, None, "algorithm.policy_loss=cispo")
    load(tmp_path, None, "algorithm={preset: reinforce_pp, gamma: 0.99}", "group_size=1")


def test_contradictions_beside_other_mistakes(tmp_path: Path) -> None:
    """A wrong value elsewhere does not hide them, and one about a wrong value is not told twice."""
    found = mistakes(
        tmp_path, None, "learner.zero_stage=5", "learner.offload.parameters=true", "correctness=mth", "x=1"
    )
    assert sorted(line.split(" ")[0] for line in found) == ["correctness", "learner.zero_stage", "x"]


def test_warnings(tmp_path: Path) -> None:
    loaded = load(tmp_path, None, "rollout.sampling.top_p=0.9", "optimizer_steps_per_batch=3")
    assert [warning.split(" ")[0] for warning in loaded.warnings] == ["16", "rollout.sampling.top_p", "data.eval",
                                                                        "learner.policy.warmup_steps"]  # fmt: skip


def test_a_rate_that_never_falls_is_a_warning(tmp_path: Path) -> None:
    def warned(after: int) -> bool:
        given = load(tmp_path, None, "steps=30", f"learner.policy.decay={{after: {after}, steps: 5}}")
        return any("never falls" in warning for warning in given.warnings)

    assert warned(30) and not warned(29)


@pytest.mark.parametrize("late", ["streaming.max_staleness=1", "algorithm.dynamic_sampling.oversampling=2"])
def test_samples_of_older_weights_are_a_warning_where_no_ratio_knows_it(tmp_path: Path, late: str) -> None:
    def warned(*overrides: str) -> bool:
        given = load(tmp_path, None, "algorithm.preset=dapo", late, *overrides)
        return any("by other weights than sampled them" in warning for warning in given.warnings)

    assert warned()
    assert not warned("algorithm.importance.kind=tis")
    assert not warned("algorithm.old_logprobs=rollout")


def test_packing_where_the_kernel_computes_the_whole_row_is_a_warning(tmp_path: Path) -> None:
    def warned(*overrides: str) -> bool:
        return any("learner.packing is on" in warning for warning in load(tmp_path, None, *overrides).warnings)

    assert warned("device=cpu", "learner.packing=on")
    assert warned("device=gpu", "learner.packing=on", "model.attention=sdpa")
    assert not warned("device=gpu", "learner.packing=on", "model.attention=flash_attention_2")
    assert not warned("device=cpu")


def test_files_are_looked_up_beside_the_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text("def good(sample): return 1.0\n")
    here = tmp_path / "elsewhere"
    here.mkdir()
    monkeypatch.chdir(here)
    rewards = [{"use": "math"}, {"use": "mine.py:good"}]
    data = {"train": [{"path": "a.jsonl"}], "eval": [{"path": "b.jsonl"}]}
    loaded = load(tmp_path, None, "data.eval.0.path=b.jsonl", rewards=rewards, data=data).config
    assert loaded.data.train[0].path == tmp_path / "a.jsonl"
    assert loaded.data.eval[0].path == here / "b.jsonl"
    assert loaded.rewards[1].use == f"{tmp_path}/mine.py:good"
    assert loaded.rewards[1].label == "good"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no configuration file"),
        (b"a: [1\n", "run.yaml:2 is not valid YAML"),
        (b"- 1\n", "must hold `key: value` lines, not a list"),
        (b"\xff\xfe\x00", "cannot read the configuration file"),
        (b"a: !!python/object:os.system {}\n", "is not valid YAML"),
    ],
)
def test_unreadable_files(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "run.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=words.replace("(", r"\(")):
        load_config(path)


def test_resolved_configuration_loads_again(tmp_path: Path) -> None:
    """What a run folder keeps is a configuration of its own."""
    config = load_config(RECIPES[0]).config
    text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)
    assert load(tmp_path, text).config == config


def test_every_field_is_described() -> None:
    everything = list(entries(RunConfig))
    assert len(everything) > 100
    for entry in everything:
        assert expected(entry.field), entry.key
        assert entry.description, f"{entry.key} has no docstring"


def test_explain() -> None:
    lines = list(explain("learner.offload"))
    assert "  learner.offload.parameters: true or false [false]" in lines
    assert "      Needs zero_stage 3." in lines
    with pytest.raises(ConfigError, match=r"Did you mean `learner\.offload`"):
        list(explain("learner.ofload"))


def test_explain_says_of_a_preset_where_it_differs_from_the_first() -> None:
    lines = list(explain("algorithm"))
    assert lines.count("  algorithm.gamma: a number, above 0, at most 1 [1.0]") == 1
    gspo = lines[lines.index("algorithm (gspo): where it differs from vapo") + 1 :]
    named = [line.split(":")[0].strip() for line in gspo[: gspo.index("")] if line.startswith("  algorithm.")]
    assert named == [
        f"algorithm.{name}"
        for name in (
            "preset",
            "advantage",
            "policy_loss",
            "aggregation",
            "clip_low",
            "clip_high",
            "positive_nll_weight",
        )
    ]


def test_presets_are_free_of_contradictions() -> None:
    for preset in ("vapo", "dapo", "grpo", "dr_grpo", "rloo", "reinforce_pp", "gspo", "cispo"):
        assert config_problems(RunConfig.model_validate({**MINIMAL, "algorithm": {"preset": preset}})) == []
