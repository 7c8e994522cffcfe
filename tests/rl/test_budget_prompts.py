"""Budgets of prompts. Pinned here:

1. Budgets depend on the seed, the prompt and its visit alone: a stream that is restored hands out the same ones.
2. Shares, ranges, columns and stages are followed; ranges give multiples, spread evenly over the logarithm.
3. `ponder check` says what is wrong with a section, with the way out.
4. A prompt tells its budget and its interval.
5. A template that leaves the budget out is refused; Seed-OSS's words in a system turn are the way out, or words of
   the run's own. What a template opens is read from what it renders.
6. Budgets that leave no room for an answer are refused, and reflections that are longer than their interval; those at
   the limit are not.
"""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from rl.budget.config import UNLIMITED, BudgetConfig
from rl.budget.draw import draw_budget
from rl.budget.prompts import Budgets
from rl.data.example import Example
from rl.data.source import render
from rl.data.stream import PromptStream
from rl.errors import ConfigError
from rl.load_config import load_config
from rl.models.resolve import resolve_model
from rollout.types import Prompt
from verifiers.thinking.format import Opened

SMALL = {"intervals": {0: 0, 64: 32, 256: 64}, "max_overshoot": 4}
TURN = ({"role": "user", "content": "How many?"},)


def section(**given: Any) -> BudgetConfig:
    return BudgetConfig.model_validate(given)


def draws(config: BudgetConfig, count: int = 4000, **given: Any) -> Counter[int | None]:
    fixed = {"seed": 0, "columns": {}, "epoch": 0, "drawn": 0} | given
    return Counter(draw_budget(config, prompt_id=f"t/{i}", **fixed) for i in range(count))


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerBase:
    found: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(resolve_model("tiny").tokenizer_path)
    return found


def prompts(count: int) -> list[Prompt]:
    return [Prompt(f"t/{i}", TURN, (1,), "1") for i in range(count)]


def test_shares_are_followed() -> None:
    found = draws(section(levels={0: 1, 512: 2, "unlimited": 1}))
    assert set(found) == {0, 512, None}
    assert found[512] == pytest.approx(2000, abs=120)
    assert found[None] == pytest.approx(1000, abs=120)


def test_a_range_is_even_over_the_logarithm_and_rounded() -> None:
    found = draws(section(range={"low": 512, "high": 16384, "multiple_of": 512, "direct": 0.1, "unlimited": 0.2}))
    assert found[0] == pytest.approx(400, abs=80)
    assert found[None] == pytest.approx(800, abs=110)
    drawn = [budget for budget in found.elements() if budget]
    assert all(budget % 512 == 0 and 512 <= budget <= 16384 for budget in drawn)
    middle = math.sqrt(512 * 16384)
    assert sum(budget < middle for budget in drawn) == pytest.approx(len(drawn) / 2, rel=0.1)


def test_a_visit_draws_anew_a_prompt_keeps_its_own() -> None:
    levels = {0: 1, 512: 1, 1024: 1}
    by_visit, by_prompt = section(levels=levels), section(levels=levels, per="prompt")
    fixed: dict[str, Any] = {"seed": 3, "prompt_id": "a", "columns": {}, "drawn": 0}
    assert len({draw_budget(by_visit, epoch=epoch, **fixed) for epoch in range(30)}) == 3
    assert len({draw_budget(by_prompt, epoch=epoch, **fixed) for epoch in range(30)}) == 1
    assert draws(by_prompt, seed=1) != draws(by_prompt, seed=2)


def test_a_column_has_shares_of_its_own() -> None:
    config = section(levels={512: 1}, by={"column": "difficulty", "levels": {"5": {4096: 1}, "1": {0: 1}}})
    assert set(draws(config, 20, columns={"difficulty": 5})) == {4096}
    assert set(draws(config, 20, columns={"difficulty": "1"})) == {0}
    assert set(draws(config, 20, columns={"difficulty": 3})) == {512}
    assert set(draws(config, 20)) == {512}
    assert config.trained_levels() == [0, 512, 4096]


def test_a_curriculum_changes_the_shares_on_the_way() -> None:
    tight = {"after_prompts": 200, "range": {"low": 2, "high": 2, "multiple_of": 1}}
    config = section(levels={1024: 1}, curriculum=[{"after_prompts": 100, "levels": {512: 1}}, tight])
    assert [set(draws(config, 5, drawn=drawn)) for drawn in (99, 100, 199, 200)] == [{1024}, {512}, {512}, {2}]


def test_a_restored_stream_hands_out_the_same_budgets(tokenizer: PreTrainedTokenizerBase) -> None:
    config = section(levels={0: 1, 64: 1, 128: 1, "unlimited": 1}, format=SMALL,
                     curriculum=[{"after_prompts": 30, "levels": {256: 1}}])  # fmt: skip
    budgets = Budgets(config, tokenizer, seed=5)
    whole = PromptStream(prompts(12), seed=1, visit=budgets.visit)
    taken = whole.take(17)
    place = whole.state()
    rest = whole.take(20)
    again = PromptStream(prompts(12), seed=1, visit=Budgets(config, tokenizer, seed=5).visit)
    again.restore(place)
    assert again.take(20) == rest
    assert len({prompt.thinking_budget for prompt in taken}) == 4
    assert [prompt.thinking_budget for prompt in rest[13:]] == [256] * 7  # from the 31st on


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "give one of `levels` and `range`"),
        ({"levels": {512: 1}, "range": {}}, "both"),
        ({"levels": {"lots": 1}}, "a level is a number of tokens, 0 or more, or `unlimited`; got 'lots'"),
        ({"levels": {512: 0}}, "the share of 512 must be a number above 0"),
        ({"levels": {"unlimited": 1, -1: 1}}, "twice"),
        ({"levels": {512: 1}, "format": {"intervals": {512: 0}}}, "a budget of 0 has the interval 0"),
        ({"levels": {512: 1}, "format": "sed"}, "none of seed, think"),
        ({"range": {"low": 300, "high": 1024}}, "must be multiples of 512"),
        ({"levels": {512: 1}, "evaluate": [5.5]}, "a level is a number"),
        ({"levels": {512: 1}, "curriculum": [{"after_prompts": 9, "levels": {1: 1}}] * 2}, "must rise"),
    ],
)
def test_a_wrong_section_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message.replace("(", "\\(")):
        section(**given)


def test_levels_that_are_measured_default_to_all_that_are_trained() -> None:
    assert section(levels={"unlimited": 1, 512: 1, 0: 1}).evaluated_levels() == [0, 512, UNLIMITED]
    assert section(range={"low": 512, "high": 3072, "unlimited": 0.1}).evaluated_levels() == [512, 1024, 2048, 3072, -1]
    assert section(levels={512: 1}, evaluate=["unlimited", 256]).evaluated_levels() == [256, UNLIMITED]


def test_a_section_survives_its_own_dump() -> None:
    """`ponder eval RUN` reads what the run wrote, where keys of mappings have become text."""
    config = section(levels={0: 1, 512: 2, "unlimited": 1}, format=SMALL)
    assert section(**config.model_dump(mode="json")) == config


def test_prompts_tell_budget_and_interval(tokenizer: PreTrainedTokenizerBase) -> None:
    budgets = Budgets(section(levels={0: 1, 64: 1, 100: 1, "unlimited": 1}, format=SMALL), tokenizer, seed=0)
    texts = {p.thinking_budget: tokenizer.decode(p.token_ids) for p in budgets.sweep(prompts(1))}
    assert list(texts) == [0, 64, 100, None]
    assert " 64 tokens" in texts[64] and "every 32 tokens" in texts[64]
    assert " 100 tokens" in texts[100] and "every 64 tokens" in texts[100]
    assert texts[0].endswith("<seed:think><seed:cot_budget_reflect>")
    assert "budget" not in texts[None]
    plain = budgets.at(prompts(1)[0], None)
    assert max(len(p.token_ids) for p in budgets.sweep(prompts(1))) - len(plain.token_ids) == budgets.extra_tokens


def test_every_held_out_prompt_is_measured_at_every_level(tokenizer: PreTrainedTokenizerBase) -> None:
    budgets = Budgets(section(levels={64: 1}, evaluate=[0, 64, "unlimited"], format=SMALL), tokenizer, seed=0)
    swept = [(p.prompt_id, p.thinking_budget) for p in budgets.sweep(prompts(2))]
    assert sorted(swept, key=str) == sorted([(f"t/{i}", b) for i in range(2) for b in (0, 64, None)], key=str)


def test_a_template_that_leaves_the_budget_out_is_refused(tokenizer: PreTrainedTokenizerBase) -> None:
    tokenizer.chat_template = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] }}\n{% endfor %}assistant:"
    with pytest.raises(ConfigError, match=r"leaves the thinking budget out.*budget.turn: system"):
        Budgets(section(levels={512: 1}), tokenizer, seed=0)
    budgets = Budgets(section(levels={512: 1, 600: 1, 0: 1}, turn="system"), tokenizer, seed=0)
    told = {p.thinking_budget: tokenizer.decode(p.token_ids) for p in budgets.sweep(prompts(1))}
    assert "strictly follow the thinking budget, which is 512." in told[512]
    assert "every 128 tokens" in told[512] and "every 256 tokens" in told[600]
    assert told[0].startswith("system: You are an intelligent assistant that can answer questions in one step")
    assert told[0].endswith("assistant:<seed:think><seed:cot_budget_reflect>")
    prompt = Prompt("s", ({"role": "system", "content": "Be kind."}, *TURN), (1,), "1")
    text = tokenizer.decode(budgets.at(prompt, 512).token_ids)
    assert text.startswith("system: Be kind.\n\nYou are") and text.count("system:") == 1


def test_the_system_turn_says_the_run_s_own_words(tokenizer: PreTrainedTokenizerBase) -> None:
    tokenizer.chat_template = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] }}\n{% endfor %}assistant:"
    said = {"limited": "{budget} tokens, {{ {interval} }}.", "direct": "At once."}
    budgets = Budgets(section(levels={512: 1, 0: 1}, turn="system", said=said), tokenizer, seed=0)
    told = {p.thinking_budget: tokenizer.decode(p.token_ids) for p in budgets.sweep(prompts(1))}
    assert told[512].startswith("system: 512 tokens, {{ 128 }}.\nuser:")
    assert told[0].startswith("system: At once.\nuser:")
    with pytest.raises(ValidationError, match=r"must say \{budget\}"):
        section(levels={512: 1}, said={"limited": "Be quick."})


def test_what_a_template_opens_is_read_from_it(tokenizer: PreTrainedTokenizerBase) -> None:
    assert Budgets(section(levels={512: 1}), tokenizer, seed=0).words.opened(512) is Opened.NOTHING
    tokenizer.chat_template += "{{ '<seed:think>' if thinking_budget else '' }}"
    budgets = Budgets(section(levels={512: 1}), tokenizer, seed=0)
    assert budgets.words.opened(512) is Opened.THINKING
    assert budgets.words.opened(0) is Opened.REFLECTION
    assert budgets.tokens.tags[0][0] not in budgets.thinking([1, 2], 512)  # the prompt has it


def test_tags_that_are_no_tokens_are_told(tokenizer: PreTrainedTokenizerBase) -> None:
    whole = Budgets(section(levels={512: 1}), tokenizer, seed=0)
    assert whole.tag_warning(Path("m")) is None
    split = Budgets(section(levels={512: 1}, format="think"), tokenizer, seed=0)
    assert "no token for <think> (" in (split.tag_warning(Path("m")) or "")


def test_budgets_must_leave_room_for_an_answer(tokenizer: PreTrainedTokenizerBase) -> None:
    budgets = Budgets(section(levels={128: 1, 0: 1}, format=SMALL), tokenizer, seed=0)
    needed = 128 + 4 + 18 + 2  # overshoot, last line, the two tags of the thinking
    budgets.require_room(needed + 1)
    with pytest.raises(ConfigError, match=f"takes up to {needed} tokens"):
        budgets.require_room(needed)


@pytest.mark.parametrize("level", [64, 128, 256])
def test_a_reflection_must_end_before_the_next_is_due(tokenizer: PreTrainedTokenizerBase, level: int) -> None:
    def bind(interval: int, overshoot: int) -> Budgets:
        words = {"intervals": {0: 0, level: interval}, "max_overshoot": overshoot}
        return Budgets(section(levels={0: 1, level: 1}, format=words), tokenizer, seed=0)

    said = bind(level, 0)
    size = max(len(said.tokens.reflection(said.words.reflection(at, level - at))) for at in range(level - 16))
    with pytest.raises(ConfigError, match=f"too many for one every {size}, the interval of budget {level}"):
        bind(size, 0)
    plain = said.tokens.encode(" a b c d" * level)
    assert len(bind(size + 5, 4).thinking(plain, level)) >= level


def test_the_budget_turn_needs_room_in_the_context(tokenizer: PreTrainedTokenizerBase) -> None:
    example = Example("a", TURN, "1")
    size = len(render([example], tokenizer, 1000, 10)[0].token_ids)
    render([example], tokenizer, size + 42 + 10, 10, 42)
    with pytest.raises(ConfigError, match="42 of them tell a budget"):
        render([example], tokenizer, size + 42 + 9, 10, 42)


def test_check_names_the_key(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    text = Path("configs/quickstart_budget.yaml").read_text().replace("unlimited: ", "limitless: ")
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"budget.levels .*a level is a number of tokens"):
        load_config(path)
