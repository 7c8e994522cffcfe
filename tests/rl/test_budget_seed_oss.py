"""Seed-OSS's budgets as `configs/seed_oss_36b_vapo_budget.yaml` uses them. Pinned here:

1. The turn and the interval of each budget: Seed-OSS's table, in a template with Seed-OSS's variable and words, and by
   a system turn in one without. A revision that closes the thinking at budget 0 itself is read as such.
2. The configuration draws multiples of 512 that its context holds, and its reward reads Seed-OSS's protocol.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from rewards.budget import Tolerances, comply
from rl.budget.config import BudgetConfig, BudgetWords
from rl.budget.draw import draw_budget
from rl.budget.prompts import Budgets
from rl.budget.rewards import with_tokenizer
from rl.budget.turns import BudgetTurns
from rl.load_config import load_config
from rl.models.resolve import resolve_model
from verifiers.thinking.format import FORMATS, Opened
from verifiers.thinking.parse import parse

CONFIG = load_config(Path("configs/seed_oss_36b_vapo_budget.yaml")).config
TOLERANCES = Tolerances(claim=0.0625, miss=0.5, overshoot=0.25, min_thinking_tokens=8)
TURN = [{"role": "user", "content": "Q"}]
TABLE = {300: 128, 512: 128, 600: 256, 4096: 512, 20000: 1024}
"""Budget -> interval, by Seed-OSS's table: the first key at or above the budget; above all of them 1024."""

SAID = BudgetWords()
WORDS = SAID.limited.replace("'", "\\'")
for _slot, _name in (("{budget}", "thinking_budget"), ("{interval}", "found.interval")):
    WORDS = WORDS.replace(_slot, f"' ~ {_name} ~ '")
_TABLE = "[(0, 0), (512, 128), (1024, 256), (2048, 512), (4096, 512), (8192, 1024), (16384, 1024)]"
TEMPLATE = (
    "{%- if thinking_budget is not defined -%}{%- set thinking_budget = -1 -%}{%- endif -%}"
    "{%- set found = namespace(interval=none) -%}"
    "{%- for key, interval in " + _TABLE + " -%}"
    "{%- if found.interval is none and thinking_budget <= key -%}{%- set found.interval = interval -%}{%- endif -%}"
    "{%- endfor -%}{%- if found.interval is none -%}{%- set found.interval = 1024 -%}{%- endif -%}"
    "{%- if thinking_budget == 0 -%}{{ '<seed:bos>system\n" + SAID.direct.replace("'", "\\'") + "<seed:eos>' }}"
    "{%- elif thinking_budget != -1 -%}{{ '<seed:bos>system\n"
    + WORDS + "<seed:eos>' }}{%- endif -%}"
    "{%- for m in messages -%}{{ '<seed:bos>' + m['role'] + '\n' + m['content'] + '<seed:eos>' }}{%- endfor -%}"
    "{{ '<seed:bos>assistant\n' }}"
    "{%- if thinking_budget == 0 -%}{{ '<seed:think><seed:cot_budget_reflect>' }}{%- endif -%}"
)  # fmt: skip
"""Seed-OSS's semantics: its variable, its words, its own table of intervals (which knows nothing of Ponder's)."""
PLAIN_TEMPLATE = (
    "{%- for m in messages -%}{{ '<seed:bos>' + m['role'] + '\n' + m['content'] + '<seed:eos>' }}{%- endfor -%}"
    "{{ '<seed:bos>assistant\n' }}"
)
ASKED = "<seed:bos>user\nQ<seed:eos><seed:bos>assistant\n"


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerBase:
    found: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(resolve_model("tiny").tokenizer_path)
    return found


@pytest.mark.parametrize(("template", "turn"), [(TEMPLATE, "template"), (PLAIN_TEMPLATE, "system")])
def test_every_budget_has_its_turn(tokenizer: PreTrainedTokenizerBase, template: str, turn: str) -> None:
    tokenizer.chat_template = template
    config = BudgetConfig.model_validate({"levels": {512: 1}, "turn": turn})
    turns = BudgetTurns(config, tokenizer)

    def told(budget: int | None) -> str:
        text = tokenizer.decode(turns.ids(TURN, budget))
        assert isinstance(text, str)
        return text

    assert told(None) == ASKED
    for budget, interval in TABLE.items():
        assert (
            told(budget)
            == f"<seed:bos>system\n{SAID.limited.format(budget=budget, interval=interval)}<seed:eos>{ASKED}"
        )
        assert config.format.interval(budget) == interval
    assert told(0) == f"<seed:bos>system\n{SAID.direct}<seed:eos>{ASKED}<seed:think><seed:cot_budget_reflect>"
    turns.check([None, 0, *TABLE])
    assert turns.words.direct_prompt_opens is Opened.REFLECTION and not turns.closes_at_0


def test_a_revision_that_closes_the_thinking_at_0(tokenizer: PreTrainedTokenizerBase) -> None:
    """The template that closes it says all that the model would have said: the response is the answer."""
    said = FORMATS["seed"].direct
    opening = "<seed:think><seed:cot_budget_reflect>"
    tokenizer.chat_template = TEMPLATE.replace(opening, f"{opening}{said}</seed:cot_budget_reflect></seed:think>")
    config = BudgetConfig.model_validate({"levels": {0: 1, 512: 1}})
    budgets = Budgets(config, tokenizer, seed=0)
    assert budgets.turns.closes_at_0 and budgets.words.direct_prompt_opens is Opened.NOTHING
    assert budgets.thinking([1, 2], 0) == [] != budgets.thinking([1, 2], 512)
    answer = budgets.tokens.encode(" \\boxed{3}")
    parts = comply(parse(answer, budgets.tokens, opened=budgets.words.opened(0)), 0, budgets.words, TOLERANCES)
    assert (parts.form, parts.direct) == (1, 1)


def test_ponder_s_own_template_has_the_same_intervals(tokenizer: PreTrainedTokenizerBase) -> None:
    for budget, interval in TABLE.items():
        text = tokenizer.apply_chat_template(TURN, tokenize=False, thinking_budget=budget, add_generation_prompt=True)
        assert f"every {interval} tokens" in str(text) and f" {budget} tokens" in str(text)


def test_the_configuration_draws_what_the_model_was_trained_on() -> None:
    assert CONFIG.budget is not None
    drawn = Counter(
        draw_budget(CONFIG.budget, seed=0, prompt_id=f"{i}", columns={}, epoch=0, drawn=0) for i in range(4000)
    )
    assert drawn[None] == pytest.approx(800, abs=100) and drawn[0] == pytest.approx(200, abs=60)
    assert all(budget % 512 == 0 for budget in drawn if budget)
    assert CONFIG.budget.format == FORMATS["seed"]
    (reward,) = [
        one for one in with_tokenizer(CONFIG.rewards, Path("m"), CONFIG.budget.format) if one.use == "thinking_budget"
    ]
    assert reward.options["protocol"]["intervals"]["16384"] == 1024
    assert reward.gates == ("math",)
