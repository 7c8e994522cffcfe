"""What is pinned here:

1. The sampler draws from the model's own distribution, with prompts of different lengths side by side.
2. Only the response is learnt, the end of the turn included; a step's examples depend on seed and step alone.
3. Going back to a snapshot and training on again gives the same weights.
4. The window: stop inside it; go back and halve the interval when it is jumped over; say what to change otherwise.
5. A warmed model is made once for the same inputs and loads as a folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from rl.data.config import SourceConfig
from rl.data.example import Example
from rl.data.source import load_examples, prompt_ids
from rl.errors import ConfigError, PonderError
from rl.lessons import Lessons
from rl.models.resolve import ResolvedModel, resolve_model
from rl.models.sampling import sample_responses
from rl.supervised import SupervisedTraining
from rl.warmup import RECORD, _into_window, warm_model
from rl.warmup_config import WarmupConfig

EXAMPLES = load_examples([SourceConfig(generator="letter_count", size=64)], Path())


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> ResolvedModel:
    return resolve_model("tiny", cache=tmp_path_factory.mktemp("cache"))


@pytest.fixture
def model(tiny: ResolvedModel) -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(tiny.path, dtype=torch.float32)


@pytest.fixture(scope="module")
def tokenizer(tiny: ResolvedModel) -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(tiny.path)


# --- sampling


def test_the_sampler_draws_from_the_models_distribution(model: PreTrainedModel) -> None:
    model.lm_head.weight.data.mul_(8)  # far from uniform, so that a wrong position or mask would show
    prompts = [[0, 402, 205], [0, 402, 205, 318, 303, 350, 343]]
    count = 3000
    drawn = sample_responses(model, prompts * count, max_new_tokens=2, eos=1, seed=0)
    for place, prompt in enumerate(prompts):
        own = drawn[place::2]
        first = torch.bincount(torch.tensor([row[0] for row in own]), minlength=512) / count
        with torch.no_grad():
            expected = model(torch.tensor([prompt])).logits[0, -1].softmax(-1)
        assert (first - expected).abs().sum() / 2 < 0.12
        top = int(expected.argmax())
        second = torch.tensor([row[1] for row in own if row[0] == top and len(row) > 1])
        with torch.no_grad():
            expected = model(torch.tensor([[*prompt, top]])).logits[0, -1].softmax(-1)
        best = int(expected.argmax())
        share = float((second == best).float().mean())
        assert share == pytest.approx(float(expected[best]), abs=4 * (0.25 / len(second)) ** 0.5)


def test_a_response_ends_with_its_end_of_turn_or_at_the_limit(model: PreTrainedModel) -> None:
    model.lm_head.weight.data[1] *= 3  # the end of the turn comes up often, but not always
    rows = sample_responses(model, [[0, 402]] * 60, max_new_tokens=20, eos=1, seed=0)
    assert all(row.count(1) == (row[-1] == 1) for row in rows)
    assert all(len(row) == 20 for row in rows if row[-1] != 1)
    assert {row[-1] == 1 for row in rows} == {True, False}
    assert sample_responses(model, [[0, 402]] * 60, max_new_tokens=20, eos=1, seed=0) == rows


def test_dropping_ended_rows_changes_no_other(model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    model.lm_head.weight.data.mul_(8)  # what is drawn depends on what was read
    model.lm_head.weight.data[1] *= 3
    prompts = [[0, *range(100, 101 + i)] for i in range(40)]
    rows = sample_responses(model, prompts, max_new_tokens=40, eos=1, seed=0)
    assert 5 < sum(len(row) < 40 for row in rows) < 40
    monkeypatch.setattr("rl.models.sampling._DROP", 1.0)
    assert sample_responses(model, prompts, max_new_tokens=40, eos=1, seed=0) == rows


# --- supervised steps


def trained(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, **config: Any) -> SupervisedTraining:
    return SupervisedTraining(
        model, tokenizer, EXAMPLES, WarmupConfig(examples_per_step=8, **config), 1, Lessons(tokenizer)
    )


def test_only_the_response_is_learnt(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    example = Example("a", ({"role": "user", "content": "a b c"},), "1", response=" d e")
    config = WarmupConfig(examples_per_step=1, learning_rate=1e-9)
    training = SupervisedTraining(model, tokenizer, [example], config, 0, Lessons(tokenizer))
    gradients: dict[str, torch.Tensor] = {}
    model.lm_head.weight.register_post_accumulate_grad_hook(
        lambda parameter: gradients.update(head=parameter.grad.clone())  # type: ignore[union-attr]
    )
    training.advance(1)

    prompt = prompt_ids(example.messages, tokenizer)
    response = [*tokenizer(" d e", add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    ids = torch.tensor([prompt + response])
    logprobs = model(ids).logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]
    model.zero_grad()
    (-logprobs[len(prompt) - 1 :].mean()).backward()
    torch.testing.assert_close(gradients["head"], model.lm_head.weight.grad, rtol=1e-4, atol=1e-6)


def test_the_same_seed_trains_the_same_and_a_snapshot_goes_back(
    tiny: ResolvedModel, tokenizer: PreTrainedTokenizerBase
) -> None:
    models = [AutoModelForCausalLM.from_pretrained(tiny.path, dtype=torch.float32) for _ in range(2)]
    straight, wandering = (trained(model, tokenizer) for model in models)
    straight.advance(4)
    wandering.advance(2)
    snapshot = wandering.snapshot()
    wandering.advance(3)
    wandering.restore(snapshot)
    assert wandering.step == 2
    wandering.advance(2)
    for name, value in models[0].state_dict().items():
        torch.testing.assert_close(models[1].state_dict()[name], value, rtol=0, atol=0, msg=name)


# --- the window


class FakeTraining:
    """Remembers what it was told to do."""

    def __init__(self) -> None:
        self.step = 0

    def advance(self, steps: int) -> float:
        self.step += steps
        return 1 / self.step

    def snapshot(self) -> dict[str, Any]:
        return {"step": self.step}

    def restore(self, snapshot: dict[str, Any]) -> None:
        self.step = snapshot["step"]


def search(rate: Callable[[int], float], told: list[str] | None = None, **config: Any) -> tuple[list[int], float]:
    """The steps at which the rate was measured, and the rate that training stopped with; `told` gets what is said."""
    checked: list[int] = []
    told = [] if told is None else told

    def check(step: int) -> float:
        checked.append(step)
        return rate(step)

    settings = WarmupConfig(**{"check_every_steps": 40, "max_steps": 200, **config})
    return checked, _into_window(FakeTraining(), check, settings, told.append)  # type: ignore[arg-type]


def test_training_stops_inside_the_window() -> None:
    assert search(lambda step: step / 200) == ([0, 40], 0.2)
    assert search(lambda step: 0.3) == ([0], 0.3)


def test_a_window_that_is_jumped_over_is_searched_for() -> None:
    checked, rate = search(lambda step: 0.0 if step < 75 else 0.4 if step < 80 else 0.9)
    assert checked == [0, 40, 80, 60, 80, 70, 80, 75]
    assert rate == 0.4


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        (lambda step: 0.1, r"0\.10 after 200 warm-up steps, below .*raise warmup\.max_steps"),
        (lambda step: 0.9, r"0\.90 before any warm-up, above .*Leave `warmup` out"),
        (lambda step: 0.9 if step > 50 else 0.0, r"jumps over the window .*Lower warmup\.learning_rate"),
    ],
)
def test_a_window_that_cannot_be_hit_says_what_to_change(rate: Callable[[int], float], message: str) -> None:
    with pytest.raises(PonderError, match=f"(?s){message}"):
        search(rate)


def test_a_long_way_to_the_first_check_is_told() -> None:
    told: list[str] = []
    search(lambda step: 0.3, told, min_steps=100)
    assert told == [
        "warm-up step 40 of 100: loss 0.03 nats a token",
        "warm-up step 80 of 100: loss 0.01 nats a token",
        "warm-up step 100 of 100: loss 0.01 nats a token",
        "warm-up step 100: sampled pass rate 0.30 (window 0.2 to 0.6)",
    ]


def test_the_first_check_is_after_min_steps() -> None:
    assert search(lambda step: step / 200, min_steps=30)[0] == [30, 70]
    assert search(lambda step: 0.3, min_steps=30) == ([30], 0.3)
    with pytest.raises(PonderError, match=r"0\.90 at its first check, after warmup\.min_steps \(30\), above"):
        search(lambda step: 0.9, min_steps=30)
    with pytest.raises(ValueError, match="min_steps must not be above max_steps"):
        search(lambda step: 0.3, min_steps=201)


def test_the_last_check_is_at_max_steps() -> None:
    assert search(lambda step: 0.0 if step < 100 else 0.4, max_steps=100)[0] == [0, 40, 80, 100]


# --- the whole


def warm(tiny: ResolvedModel, tmp_path: Path, data: list[Example] = EXAMPLES, **config: Any) -> tuple[Path, str]:
    lines: list[str] = []
    settings = WarmupConfig(**{"examples_per_step": 8, "check_prompts": 8, "pass_rate_low": 0.0, **config})
    folder = warm_model(tiny, data, settings, base=tmp_path, seed=0, progress=lines.append, cache=tmp_path, threads=1)
    return folder, lines[-1]


def test_a_warmed_model_is_cached_by_its_inputs(tiny: ResolvedModel, tmp_path: Path) -> None:
    first, line = warm(tiny, tmp_path)
    assert "after 0 steps" in line  # an open window
    assert AutoModelForCausalLM.from_pretrained(first).num_parameters() == tiny.parameters
    assert AutoTokenizer.from_pretrained(first).chat_template == AutoTokenizer.from_pretrained(tiny.path).chat_template
    again, line = warm(tiny, tmp_path)
    assert again == first
    assert "cached" in line
    assert warm(tiny, tmp_path, noise=0.1)[0] != first
    assert warm(tiny, tmp_path, EXAMPLES[:32])[0] != first


def test_held_out_questions_are_not_warmed_up_on(tiny: ResolvedModel, tmp_path: Path) -> None:
    settings = WarmupConfig(examples=Path("worked.jsonl"))
    turns = [dict(turn) for turn in EXAMPLES[0].messages]
    (tmp_path / "worked.jsonl").write_text(json.dumps({"messages": turns, "response": "2"}))
    fixed: dict[str, Any] = {"base": tmp_path, "seed": 0, "progress": print, "cache": tmp_path}
    with pytest.raises(ConfigError, match=r"1 of 2 held-out questions are also in warmup\.examples \(worked\.jsonl\)"):
        warm_model(tiny, EXAMPLES, settings, held_out=EXAMPLES[:2], **fixed)


def test_a_failed_warm_up_leaves_nothing_in_the_cache(tiny: ResolvedModel, tmp_path: Path) -> None:
    with pytest.raises(PonderError, match="below the window"):
        warm(tiny, tmp_path, pass_rate_low=0.9, pass_rate_high=0.95, max_steps=1)
    assert list((tmp_path / "warmup").iterdir()) == []


def test_examples_from_a_file_without_answers_train_to_the_end(tiny: ResolvedModel, tmp_path: Path) -> None:
    (tmp_path / "worked.jsonl").write_text(json.dumps({"prompt": "hello", "response": "a b"}))
    folder, line = warm(tiny, tmp_path, [], examples=Path("worked.jsonl"), max_steps=30)
    assert "not measured after 30 steps" in line
    assert json.loads((folder / RECORD).read_text())["pass_rate"] is None
    tokenizer = AutoTokenizer.from_pretrained(folder)
    prompt = prompt_ids([{"role": "user", "content": "hello"}], tokenizer)
    model = AutoModelForCausalLM.from_pretrained(folder)
    rows = sample_responses(model, [prompt] * 8, max_new_tokens=8, eos=tokenizer.eos_token_id, seed=0)
    assert sum(tokenizer.decode(row) == "a b<seed:eos>" for row in rows) >= 6  # 8 copies of it a step: learnt


def test_data_without_worked_examples_is_refused(tiny: ResolvedModel, tmp_path: Path) -> None:
    bare = [Example("a", ({"role": "user", "content": "a"},), "1")]
    with pytest.raises(ConfigError, match=r"warmup\.examples"):
        warm(tiny, tmp_path, bare)
