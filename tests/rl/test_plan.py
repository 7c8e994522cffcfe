"""The arithmetic of `ponder check`.

1. Samples, tokens, optimizer steps, GPUs and CPUs follow from the configuration.
2. Memory formulas give the numbers worked out by hand, and sharding, offloading and adapters move them as they should.
3. What is not on this machine is named, and nothing more.
4. Settings that differ from the preset are listed.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from rl import plan
from rl.config import RunConfig
from rl.learner.config import LearnerConfig, LoraConfig, OffloadConfig
from rl.load_config import load_config
from rl.memory import activation_bytes, learner_memory, logit_bytes, lora_parameters, rollout_memory
from rl.models.known import ModelShape
from rollout.config import RolloutConfig

CONFIGS = Path(__file__).parents[2] / "configs"
SHAPE = ModelShape(
    parameters=1_000_000, hidden=100, layers=10, heads=10, kv_heads=2, head_dim=10, vocab=1000, context=4096
)


def config(**changes: Any) -> RunConfig:
    return RunConfig.model_validate(
        {
            "name": "t",
            "steps": 50,
            "prompts_per_step": 16,
            "group_size": 8,
            "optimizer_steps_per_batch": 4,
            "data": {"train": [{"generator": "letter_count", "size": 400}]},
            "algorithm": {"preset": "dapo"},
            "rewards": [{"use": "math"}],
            "device": "cpu",
            **changes,
        }
    )


def learner(
    *, critic: bool = False, reference: bool = False, compute_bytes: int = 2, **settings: Any
) -> dict[str, float]:
    memory = learner_memory(
        SHAPE,
        LearnerConfig(tokens_per_micro_batch=1000, **settings),
        critic=critic,
        reference=reference,
        compute_bytes=compute_bytes,
        context_tokens=100,
    )
    return dataclasses.asdict(memory)


def test_arithmetic() -> None:
    numbers = plan.arithmetic(config(rollout={"workers": 2, "max_response_tokens": 100}), "cpu")
    assert numbers.samples_per_step == 128
    assert numbers.response_tokens_per_step == 12_800
    assert numbers.samples_per_optimizer_step == 32
    assert numbers.optimizer_steps == 200
    assert numbers.prompts == 800
    assert numbers.staleness == 0
    assert (numbers.gpus, numbers.cpus) == (0, 3)


def test_gpus() -> None:
    run = config(device="gpu", rollout={"workers": 8, "tensor_parallel": 4}, learner={"ranks": 32})
    numbers = plan.arithmetic(run, "gpu")
    assert (numbers.gpus, numbers.cpus) == (64, 40)


def test_learner_memory_by_zero_stage() -> None:
    """P = 1e6, N = 4, bfloat16: the state in units of P."""
    state = {
        stage: [learner(zero_stage=stage, ranks=4)[part] / 1e6 for part in ("weights", "gradients", "optimizer")]
        for stage in (0, 1, 2, 3)
    }
    assert state == {0: [4, 4, 8], 1: [2, 4, 3], 2: [2, 1, 3], 3: [0.5, 1, 3]}


def test_critic_doubles_the_state() -> None:
    alone, both = learner(zero_stage=1), learner(zero_stage=1, critic=True)
    for part in ("weights", "gradients", "optimizer"):
        assert both[part] == 2 * alone[part]
    assert both["activations"] == alone["activations"]


def test_a_reference_is_one_more_set_of_parameters() -> None:
    alone, both = learner(zero_stage=3, ranks=2), learner(zero_stage=3, ranks=2, reference=True)
    assert both["weights"] == 2 * alone["weights"]
    assert both["gradients"] == alone["gradients"]
    assert both["optimizer"] == alone["optimizer"]
    lora = LoraConfig(rank=4)
    assert learner(lora=lora, reference=True) == learner(lora=lora)


def test_offload_moves_to_the_host() -> None:
    here = learner(zero_stage=3, ranks=2)
    away = learner(zero_stage=3, ranks=2, offload=OffloadConfig(optimizer=True, parameters=True))
    assert away["host"] == here["weights"] + here["optimizer"]
    assert away["weights"] == away["optimizer"] == 0
    assert away["gradients"] == here["gradients"]


def test_adapters() -> None:
    """h = 100, k = 20: attention 24,000 a layer; embeddings 200,000, so 80,000 a layer and i = 56,000 / 300."""
    adapters = lora_parameters(SHAPE, LoraConfig(rank=4))
    assert adapters == pytest.approx(4 * 10 * (400 + 240 + 3 * (100 + 56_000 / 300)))
    tuned = learner(lora=LoraConfig(rank=4))
    assert tuned["gradients"] == pytest.approx(4 * adapters)
    assert tuned["weights"] == 4e6


def test_activations_and_logits() -> None:
    full = activation_bytes(SHAPE, 1000, 2, checkpointing=False)
    assert full == 34 * 100 * 1000 * 10
    assert activation_bytes(SHAPE, 1000, 2, checkpointing=True) == 34 * 100 * 1000 + 2 * 100 * 1000 * 10
    assert logit_bytes(SHAPE, 50) == 12 * 50 * 1000 + 4 * 100 * 1000
    assert learner(logprob_chunk_tokens=50)["logits"] == logit_bytes(SHAPE, 50)


def test_ranks_that_share_a_sequence_share_its_activations() -> None:
    whole, half = learner(ranks=4, zero_stage=3), learner(ranks=4, zero_stage=3, sequence_parallel=2)
    assert half["activations"] == whole["activations"] / 2
    assert half["logits"] == logit_bytes(SHAPE, 500)
    for part in ("weights", "gradients", "optimizer"):
        assert half[part] == whole[part]


def test_rollout_memory() -> None:
    worker = rollout_memory(
        SHAPE, RolloutConfig(tensor_parallel=2, max_concurrent_samples=8), compute_bytes=2, context_tokens=100
    )
    assert worker.weights == 1e6
    assert worker.kv_token == 2 * 2 * 10 * 2 * 10 / 2
    assert worker.kv_full == worker.kv_token * 800


def test_rows_of_the_quickstart() -> None:
    rows = dict(plan.full_rows(load_config(CONFIGS / "quickstart.yaml", ["device=cpu"]).config))
    assert rows["a step"].startswith("16 prompts x 16 = 256 samples, at most 8,192 response tokens")
    assert "Ray needs 2 CPU cores" in rows["machines"]
    assert "alpha 1.0 (recipe: 0.05)" in rows["unlike vapo's recipe"]
    assert rows["a learner rank"].startswith("about ")
    assert "full-length samples at once" in rows["a rollout worker"]


@pytest.mark.parametrize(("recipe", "gpus"), [("qwen2.5_7b_dapo_math", 8), ("seed_oss_36b_vapo_budget", 64)])
def test_gpu_recipes_fit_80_gb(recipe: str, gpus: int) -> None:
    run = load_config(CONFIGS / f"{recipe}.yaml").config
    assert plan.arithmetic(run, "gpu").gpus == gpus
    shape = plan.known_shape(run)
    assert shape is not None
    rank = learner_memory(
        shape,
        run.learner,
        critic=run.algorithm.uses_critic,
        reference=run.algorithm.uses_reference,
        compute_bytes=2,
        context_tokens=run.model.context_tokens,
    )
    assert rank.device < 0.8 * 80e9
    worker = rollout_memory(shape, run.rollout, compute_bytes=2, context_tokens=run.model.context_tokens)
    assert worker.weights < 0.5 * 80e9


def test_the_machines_say_who_shares_sequences() -> None:
    machines = dict(plan.plan_rows(config(learner={"ranks": 4, "sequence_parallel": 2})))["machines"]
    assert "4 learner ranks (2 data-parallel x 2 sequence-parallel)" in machines


def test_unknown_model() -> None:
    rows = dict(plan.full_rows(config(model={"name": "nobody/nothing-7b"})))
    assert rows["memory"].startswith("not estimated")
    assert "size unknown here" in rows["model"]


def test_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "gpus_here", lambda: 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert plan.needed_elsewhere(config()) == []
    run = config(
        device="gpu",
        rollout={"workers": 2},
        data={"train": [{"path": tmp_path / "no.jsonl"}]},
        tracking={"also": ["mlflow"]},
    )
    assert plan.needed_elsewhere(run) == [
        "3 GPUs (here: 1)",
        "3 CPU cores for 2 rollout workers and 1 learner ranks (here: 2)",
        f"the file of data.train.0.path: {tmp_path / 'no.jsonl'}",
        "the package mlflow (tracking.also)",
    ]


def test_epochs(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"question": "1", "answer": "1"}\n' * 100 + "\n")
    rows = dict(plan.plan_rows(config(data={"train": [{"path": path}, {"path": path, "size": 60}]})))
    assert "800 of 160 prompts (5 epochs)" in rows["the run"]


def test_differences_from_the_preset() -> None:
    rows = dict(plan.full_rows(config(algorithm={"preset": "dapo", "dynamic_sampling": {"enabled": False}})))
    assert rows["unlike dapo's recipe"] == "dynamic_sampling.enabled false (recipe: true)"
    assert dict(plan.full_rows(config()))["unlike dapo's recipe"] == "nothing"


def test_differences_in_sections_that_may_be_null() -> None:
    def differences(**algorithm: Any) -> str:
        return dict(plan.full_rows(config(algorithm=algorithm)))[f"unlike {algorithm['preset']}'s recipe"]

    recipe = "{weight: 0.04, kind: k3, where: loss}"
    assert differences(preset="grpo", kl=None) == f"kl null (recipe: {recipe})"
    assert differences(preset="dapo", kl={"weight": 0.04}) == f"kl {recipe} (recipe: null)"
    assert differences(preset="grpo", kl={"weight": 0.01}) == "kl.weight 0.01 (recipe: 0.04)"


@pytest.mark.parametrize(
    ("changes", "networks"),
    [
        ({"algorithm": {"preset": "vapo"}}, "vapo (policy, critic from the policy)"),
        ({"algorithm": {"preset": "grpo"}}, "grpo (policy, frozen reference)"),
        (
            {"algorithm": {"preset": "grpo"}, "learner": {"lora": {}}},
            "grpo (policy, reference: the policy without adapters)",
        ),
    ],
)
def test_networks_of_the_plan(changes: dict[str, Any], networks: str) -> None:
    assert dict(plan.plan_rows(config(**changes)))["algorithm"] == networks
