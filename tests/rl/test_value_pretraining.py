"""Value pretraining and the critic's ways in and out. Pinned here:

1. It stops on explained variance and, where a goal is set, on loss too; never before the minimum of steps.
2. Saved samples are read with the token ids they were sampled as; rows without ids are tokenised and counted, rows
   without a reward left out; what is wrong with a file is named. Prompts tell the budget that they told when they were
   sampled, and forced tokens are not the model's. Every sample is used once, also when a step's size changes.
3. A critic that is exported and loaded again says the same, sharded or with adapters too; transformers reads it as a
   classifier with one label.
4. A reward model of transformers gives its scores as values at the last token.
5. A run that pretrains on another run's saved samples measures the same, step by step, as the run that sampled them.
6. Its returns are plain sums of rewards, whatever the critic's lambda is later.
7. `ponder train` refuses a critic that is none, or that reads other tokens.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from transformers import AutoModelForSequenceClassification, AutoTokenizer, LlamaConfig, LlamaForSequenceClassification

from rewards.errors import DataFileError
from rl.algorithms.base import ReferenceKl, ValuePretraining
from rl.algorithms.config import Vapo
from rl.algorithms.targets import compute_targets
from rl.batch import Estimates
from rl.budget.config import BudgetConfig
from rl.budget.turns import BudgetTurns
from rl.data.saved import UNKNOWN_VERSION, load_saved
from rl.data.source import prompt_ids
from rl.errors import PonderError
from rl.learner.config import LearnerConfig, LoraConfig, OptimizerConfig
from rl.learner.export import read_value_head
from rl.learner.group import LearnerGroup
from rl.learner.model import load_critic
from rl.models.resolve import resolve_model
from rl.run.checkpoint import RunState
from rl.value_pretraining import _part, monte_carlo, reached
from tests.rl.learner_parts import VOCABULARY, make_batch, make_model

TOKENIZER = AutoTokenizer.from_pretrained(resolve_model("tiny").tokenizer_path)


@pytest.mark.parametrize(
    ("steps", "explained", "loss", "stops"),
    [
        (4, 0.9, 0.01, False),
        (5, 0.9, 0.01, True),
        (5, 0.5, 0.1, True),
        (5, 0.49, 0.01, False),
        (5, 0.9, 0.11, False),
        (5, float("nan"), 0.01, False),
        (5, None, None, False),
    ],
)
def test_the_stop_rule(steps: int, explained: float | None, loss: float | None, stops: bool) -> None:
    state = RunState(value_pretraining_steps=steps, explained_variance=explained, value_loss=loss)
    assert reached(ValuePretraining(min_steps=5, explained_variance=0.5, loss=0.1), state) is stops


def test_without_a_goal_the_loss_does_not_matter() -> None:
    state = RunState(value_pretraining_steps=5, explained_variance=0.5, value_loss=99.0)
    assert reached(ValuePretraining(min_steps=5, explained_variance=0.5), state)


TURNS = [{"role": "user", "content": "How many?"}]


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_saved_samples(tmp_path: Path) -> None:
    response = TOKENIZER("\\boxed{3}", add_special_tokens=False)["input_ids"]
    file = write(
        tmp_path / "s.jsonl",
        {"messages": TURNS, "response": "\\boxed{3}", "response_ids": [*response, 7], "reward": 1, "correct": True},
        {"messages": TURNS, "response": "\\boxed{3}", "scored": {"reward": 0.5, "correct": False}, "reward": 9},
        {"messages": TURNS, "response": "\\boxed{3}", "reward": 0.25, "stop_reason": "length"},
        {"messages": TURNS, "response": "\\boxed{3}", "reward": None},
    )
    saved = load_saved(file, TOKENIZER, 128)
    assert (len(saved.samples), saved.tokenised, saved.left_out) == (3, 3, 1)
    assert [sample.response_ids.tolist() for sample in saved.samples] == [
        [*response, 7],
        [*response, TOKENIZER.eos_token_id],
        response,
    ]
    assert [(sample.reward, sample.correct) for sample in saved.samples] == [(1, True), (0.5, False), (0.25, False)]
    assert saved.samples[0].prompt_ids.tolist() == prompt_ids(TURNS, TOKENIZER)
    assert set(saved.samples[0].versions) == {UNKNOWN_VERSION}


def test_saved_samples_keep_their_budgets_and_forced_tokens(tmp_path: Path) -> None:
    turns = BudgetTurns(BudgetConfig.model_validate({"levels": {0: 1, 512: 1}, "turn": "system"}), TOKENIZER)
    row = {"messages": TURNS, "response": "x", "response_ids": [5, 6, 7], "reward": 1}
    file = write(
        tmp_path / "s.jsonl",
        row,
        {**row, "thinking_budget": None, "forced": [0, 2]},
        {**row, "thinking_budget": 0},
        {**row, "thinking_budget": 512},
    )
    saved = load_saved(file, TOKENIZER, 256, turns).samples
    assert [s.prompt_ids.tolist() for s in saved] == [turns.ids(TURNS, budget) for budget in (None, None, 0, 512)]
    assert len({tuple(s.prompt_ids) for s in saved}) == 3
    assert [s.loss_mask.tolist() for s in saved[:2]] == [[True, True, True], [False, True, False]]


@pytest.mark.parametrize(
    ("count", "sizes", "parts"),
    [
        (12, [4, 4, 4, 4], [4, 4, 4, 0]),
        (15, [4, 4, 4, 4], [4, 4, 7, 0]),
        (3, [4, 4], [3, 0]),
        (12, [4, 2, 2], [4, 2, 2]),
    ],
)
def test_every_saved_sample_is_used_once(count: int, sizes: list[int], parts: list[int]) -> None:
    samples = make_batch(count).samples
    found, used = [], 0
    for size in sizes:
        part = list(_part(samples, used, size).samples)
        assert all(one is other for one, other in zip(part, samples[used:], strict=False))
        found.append(len(part))
        used += len(part)
    assert found == parts


def test_returns_are_plain_sums_of_rewards() -> None:
    """With a smaller lambda a critic would be judged by its own values."""
    algorithm = Vapo(lambda_critic=0.5, kl=ReferenceKl(weight=0.1, where="reward"))
    batch = make_batch()
    values = [np.linspace(-1, 1, len(s.response_ids), dtype=np.float32) for s in batch.samples]
    logprobs = [s.rollout_logprobs for s in batch.samples]
    targets = compute_targets(batch, Estimates(logprobs, values, {}), monte_carlo(algorithm))
    assert targets.returns is not None
    for sample, row in zip(batch.samples, targets.returns, strict=True):
        own = row[sample.loss_mask]
        np.testing.assert_allclose(own, np.full(len(own), sample.reward), atol=1e-5)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"messages": TURNS, "response": "x"}, r"row 1: no column `reward`.*ponder score"),
        ({"messages": TURNS, "response": "x", "reward": "high"}, r"row 1, column `reward`: expected a number"),
        ({"response": "x", "reward": 1}, r"row 1: no prompt"),
        ({"messages": TURNS, "response": "x", "reward": None}, r"no sample with a reward \(1 rows"),
        ({"messages": TURNS, "response": "x", "response_ids": [1] * 200, "reward": 1}, r"row 1:.*context_tokens is 64"),
        (
            {"messages": TURNS, "response": "x", "response_ids": [1], "reward": 1, "forced": [1]},
            r"`forced`: 1 is beyond",
        ),
    ],
)
def test_unusable_saved_samples_are_named(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    with pytest.raises(DataFileError, match=message):
        load_saved(write(tmp_path / "s.jsonl", row), TOKENIZER, 64)


def test_a_folder_without_saved_samples_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="no value pretraining has run there"):
        load_saved(tmp_path, TOKENIZER, 64)


def reward_model(folder: Path, labels: int = 1) -> Path:
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        num_labels=labels,
        pad_token_id=0,
    )
    LlamaForSequenceClassification(config).save_pretrained(folder)
    return folder


def test_a_reward_models_scores_are_values_at_the_last_token(tmp_path: Path) -> None:
    folder = reward_model(tmp_path)
    head = read_value_head(folder)
    critic = load_critic(
        str(folder), head=head, attention="sdpa", dtype=torch.float32, lora=None, checkpointing=False
    ).eval()
    judge = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="sdpa").eval()
    ids = torch.tensor([[5, 7, 11, 2]])
    with torch.no_grad():
        value = critic(ids, None, None, (torch.tensor([0]), torch.tensor([3])))
        assert value.item() == pytest.approx(judge(input_ids=ids).logits.item(), abs=1e-6)
    assert value.item() != 0


@pytest.mark.parametrize("labels", [None, 2])
def test_a_model_without_one_score_is_no_critic(tmp_path: Path, labels: int | None) -> None:
    folder = Path(make_model(tmp_path)) if labels is None else reward_model(tmp_path, labels)
    what = "is not there" if labels is None else "has 2 outputs"
    with pytest.raises(PonderError, match=rf"no reward model(.|\n)*{what}(.|\n)*Ways out"):
        read_value_head(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    "shape",
    [{"ranks": 1}, {"ranks": 2, "zero_stage": 3}, {"ranks": 1, "lora": LoraConfig(rank=4)}],
    ids=["one rank", "zero 3", "adapters"],
)
async def test_an_exported_critic_says_the_same(cluster: None, tmp_path: Path, shape: dict[str, Any]) -> None:
    model, batch, algorithm = make_model(tmp_path / "model"), make_batch(), Vapo()

    def start(critic: Path | None, **shape: Any) -> LearnerGroup:
        optimizer = OptimizerConfig(learning_rate=1e-2, warmup_steps=0)
        return LearnerGroup.start(
            LearnerConfig(cpu_threads=1, critic=optimizer, **shape),
            algorithm,
            model_path=model,
            critic_path=None if critic is None else str(critic),
            attention="sdpa",
            device="cpu",
            optimizer_steps_per_batch=2,
            seed=0,
            log_folder=tmp_path / "logs",
            temperature=1.0,
            max_response_tokens=32,
        )

    group = start(None, **shape)
    for _ in range(3):
        estimates = await group.estimate(batch)
        await group.update(batch, estimates, compute_targets(batch, estimates, algorithm), train_policy=False)
    before = await group.estimate(batch)
    await group.export_critic(tmp_path / "critic")
    await group.shutdown()
    again = start(tmp_path / "critic", ranks=1)
    after = await again.estimate(batch)
    await again.shutdown()
    assert before.values is not None and after.values is not None
    assert max(np.abs(row).max() for row in before.values) > 0.05
    for mine, theirs in zip(before.values, after.values, strict=True):
        np.testing.assert_allclose(theirs, mine, atol=2e-6)
    classifier = AutoModelForSequenceClassification.from_pretrained(tmp_path / "critic")
    assert type(classifier).__name__ == "LlamaForSequenceClassification" and classifier.config.num_labels == 1


CONFIG: dict[str, Any] = {
    "seed": 3,
    "device": "cpu",
    "steps": 1,
    "prompts_per_step": 4,
    "group_size": 4,
    "model": {"name": "tiny", "context_tokens": 256},
    "data": {"train": [{"generator": "letter_count", "size": 64, "seed": 1}]},
    "algorithm": {
        "preset": "vapo",
        "alpha": 1.0,
        "value_pretraining": {"min_steps": 3, "max_steps": 3},
    },
    "rewards": [{"use": "length", "options": {"kind": "l1_exact", "target": 12, "alpha": 0.1}}, {"use": "math"}],
    "rollout": {"max_response_tokens": 24, "max_concurrent_samples": 16, "cpu_kv_cache_gib": 0.25},
    "learner": {"critic": {"learning_rate": 1e-3, "warmup_steps": 0}},
    "tracking": {"tensorboard": False},
}


def train(tmp: Path, name: str, *overrides: str) -> subprocess.CompletedProcess[str]:
    config = tmp / f"{name}.yaml"
    config.write_text(yaml.safe_dump({"name": name, "runs_folder": str(tmp / "runs"), **CONFIG}))
    return subprocess.run(
        [sys.executable, "-m", "rl.cli", "train", str(config), *overrides], capture_output=True, text=True
    )


def measured(run: Path) -> list[tuple[float, float]]:
    """Explained variance and loss of each step of value pretraining."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    area = "value_pretraining/critic/"
    return [(r[f"{area}explained_variance"], r[f"{area}loss_before"]) for r in lines if f"{area}loss_before" in r]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_saved_samples_teach_what_fresh_ones_taught(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    fresh = train(tmp_path, "fresh")
    assert fresh.returncode == 0, fresh.stdout + fresh.stderr
    assert "value pretraining ended after 3 steps with explained variance" in fresh.stdout
    record = json.loads((runs / "fresh" / "pretrained_critic" / "value_pretraining.json").read_text())
    assert record["steps"] == 3 and (record["explained_variance"], record["loss"]) == measured(runs / "fresh")[-1]

    saved = train(
        tmp_path,
        "saved",
        f"algorithm.value_pretraining={{samples: {runs / 'fresh'}, min_steps: 3, max_steps: 9}}",
    )
    assert saved.returncode == 0, saved.stdout + saved.stderr
    assert "48 samples, 3 steps" in saved.stdout and "tokenised" not in saved.stdout
    assert "when the saved samples were used up" in saved.stdout
    np.testing.assert_allclose(measured(runs / "saved"), measured(runs / "fresh"), rtol=1e-4)
    assert len({loss for _, loss in measured(runs / "saved")}) == 3, "every step has samples of its own"


@pytest.mark.parametrize("kind", ["policy", "other tokens"])
def test_a_critic_that_cannot_be_one_is_refused(tmp_path: Path, kind: str) -> None:
    folder = resolve_model("tiny").path
    words = "model.critic"
    if kind == "other tokens":
        folder = reward_model(tmp_path / "judge")
        TOKENIZER.save_pretrained(folder)
        text = (folder / "tokenizer.json").read_text()
        first = json.loads(text)["model"]["vocab"]
        token = next(t for t in first if t.isalpha())
        data = json.loads(text)
        data["model"]["vocab"] = {("Q" * 9 if t == token else t): i for t, i in first.items()}
        (folder / "tokenizer.json").write_text(json.dumps(data))
        words = "another tokenizer than the policy"
    done = train(tmp_path, "refused", f"model.critic={folder}")
    assert done.returncode != 0
    assert words in done.stdout + done.stderr
