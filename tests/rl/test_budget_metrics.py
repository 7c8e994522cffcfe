"""What responses made of their budgets, in numbers. Pinned here:

1. A response is judged on its ids: tokens thought, claims beside the truth, forced tokens apart.
2. Metrics by level, overall, and the correlation of budget and thinking; ranges count under the next measured level.
3. A run's rewards count in the run's own tokens and read its format, whatever the file said.
4. The report has a table and curves by budget, and nothing of it without budgets.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from transformers import AutoTokenizer

from rewards.config import RewardConfig
from rewards.types import Combined
from rl.budget.config import BudgetConfig
from rl.budget.levels import at_level, levels_in
from rl.budget.measure import BudgetMetrics
from rl.budget.prompts import Budgets
from rl.budget.rewards import with_tokenizer
from rl.groups import ScoredGroup
from rl.models.resolve import resolve_model
from rl.run.budget_report import budget_section
from rollout.types import Prompt, Sample, StopReason
from verifiers.thinking.render import render_thinking

PLACE = resolve_model("tiny").tokenizer_path
TOKENIZER = AutoTokenizer.from_pretrained(PLACE)
CONFIG = BudgetConfig.model_validate(
    {
        "levels": {0: 1, 64: 1, 128: 1, "unlimited": 1},
        "format": {"intervals": {0: 0, 64: 32, 256: 64}, "max_overshoot": 4},
    }
)
BUDGETS = Budgets(CONFIG, TOKENIZER, seed=0)
METRICS = BudgetMetrics(BUDGETS, PLACE, [])
PLAIN = BUDGETS.tokens.encode(" a 0 b 1 c 2." * 60)
ANSWER = [*BUDGETS.tokens.encode(" \\boxed{2}"), TOKENIZER.eos_token_id]


def group(budget: int | None, *responses: list[int], right: int = 0, forced: int = 0) -> ScoredGroup:
    prompt = Prompt("t/0", ({"role": "user", "content": "?"},), (1,), "2", "t", thinking_budget=budget)
    samples, texts = [], []
    for ids in responses:
        mask = np.ones(len(ids), np.bool_)
        mask[:forced] = False
        zeros = np.zeros(len(ids), np.int32)
        samples.append(
            Sample("s", prompt, np.array(ids, np.int32), zeros.astype(np.float32), zeros, mask, StopReason.STOP)
        )
        texts.append(TOKENIZER.decode(ids[:-1]))
    scores = tuple(Combined(1.0, {}, place < right) for place in range(len(responses)))
    return ScoredGroup(prompt, tuple(samples), tuple(texts), scores)


def kept(budget: int | None, plain: list[int] = PLAIN) -> list[int]:
    return [*render_thinking(plain, budget, BUDGETS.tokens), *ANSWER]


def test_responses_that_keep_to_their_budgets() -> None:
    found = METRICS([group(budget, kept(budget), kept(budget), right=1) for budget in (0, 64, 128, None)])
    assert found["budget/compliance"] == found["budget/value"] == found["budget/claims_true"] == 1
    assert found["budget/correlation"] > 0.99
    assert levels_in(found) == ["0", "64", "128", "unlimited"]
    assert 64 <= found["budget/64/thinking_tokens"] <= 68
    assert 128 <= found["budget/128/thinking_tokens"] <= 132
    assert found["budget/unlimited/thinking_tokens"] == len(PLAIN)
    assert at_level(found, "64")["accuracy"] == 0.5
    assert found["budget/64/share"] == 0.25
    assert found["budget/forced"] == 0


def test_responses_that_do_not() -> None:
    found = METRICS([group(64, kept(128), kept(None), kept(64))])
    assert found["budget/compliance"] == pytest.approx(1 / 3)
    assert found["budget/within"] < 0.5
    assert found["budget/64/compliance"] == pytest.approx(1 / 3)
    assert "budget/correlation" not in found  # one budget: nothing to compare


def test_claims_are_compared_with_the_truth() -> None:
    true = kept(64)
    place = next(i for i, one in enumerate(true) if TOKENIZER.decode([one]) == " used") + 1
    number, other = next((n, ids[0]) for n in range(44, 60) if len(ids := BUDGETS.tokens.encode(f" {n}")) == 1)
    honest = int(TOKENIZER.decode(true[place : place + 1]))
    lie = [*true[:place], other, *true[place + 1 :]]
    found = METRICS([group(64, lie, true)])
    assert found["budget/claims_true"] == 0.5
    assert found["budget/claim_error"] == pytest.approx((number - honest) / 2)


def test_forced_tokens_are_counted() -> None:
    ids = kept(64)
    found = group(64, ids, forced=10)
    assert METRICS([found])["budget/forced"] == pytest.approx(10 / len(ids))
    assert [row["forced"] for row in found.rows()] == [list(range(10))]
    assert all("forced" not in row for row in group(64, ids).rows())


def test_budgets_of_a_range_count_under_the_next_level() -> None:
    config = BudgetConfig.model_validate({"range": {"low": 512, "high": 3072, "multiple_of": 1, "unlimited": 0.1}})
    budgets = Budgets(config, TOKENIZER, seed=0)
    counted = {512: "512", 513: "1024", 2048: "2048", 3000: "3072", None: "unlimited"}
    assert {budget: budgets.label(budget) for budget in counted} == counted


def test_no_samples_no_metrics() -> None:
    assert METRICS([]) == {}


def test_rewards_read_the_run_s_format() -> None:
    given = [
        RewardConfig(use="math"),
        RewardConfig(use="thinking_budget", options={"tokenizer": "bytes", "claims": 0.5}),
    ]
    math, budget = with_tokenizer(given, Path("model"), CONFIG.format)
    assert math is given[0]
    assert budget.options["tokenizer"] == "model"
    assert budget.options["claims"] == 0.5
    assert budget.options["protocol"]["intervals"] == {"0": 0, "64": 32, "256": 64}
    assert "protocol" not in with_tokenizer(given, Path("model"), None)[1].options


def test_the_report_shows_budgets() -> None:
    before = METRICS([group(budget, kept(128), right=0) for budget in (0, 64, 128, None)])
    after = METRICS([group(budget, kept(budget), right=1) for budget in (0, 64, 128, None)])
    records = [{"step": step, **one} for step, one in enumerate((before, after))]
    html = budget_section({"budget": before}, {"budget": after}, records)
    assert "<td>64</td><td>0.000 → 1.000</td>" in html
    assert "<td>unlimited</td>" in html
    for title in ("Accuracy by budget", "Thinking by budget", "Compliance", "Are claims true?"):
        assert f"<h3>{title}</h3>" in html
    assert budget_section({"accuracy": 0.5}, None, [{"step": 1, "reward/mean": 1.0}]) == ""
