"""The rewards `length`, `length_kimi`, `repetition`, and `format` under attack. Pinned behaviour:

1. the lengths of L1, open-r1's cosine and Kimi k1.5 at and around their corners; samples without a target are skipped;
2. repeated words, characters and sentences are penalised by their share, in linear time, in scripts without spaces too;
3. `format` pays for no empty thinking, hidden thinking, or box that says nothing;
4. all of these are found by name, with their options and ranges.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from rewards import RewardInput
from rewards.builtin.format import format_reward
from rewards.builtin.length import length, length_kimi
from rewards.builtin.repetition import repetition
from rewards.config import RewardConfig, RewardRunnerConfig
from rewards.loader import list_builtins
from rewards.runner import RewardRunner
from verifiers.thinking import split_thinking


def sample(response: str, tokens: int | None = 0, budget: int | None = None, ground_truth: str = "42") -> RewardInput:
    thinking, answer = split_thinking(response)
    return RewardInput(
        (), response, thinking, answer, ground_truth, response_tokens=tokens, thinking_budget=budget, group="g"
    )


@pytest.mark.parametrize(("tokens", "value"), [(512, 0), (0, -0.1536), (612, -0.03), (10_512, -3.0)])
def test_l1_exact(tokens: int, value: float) -> None:
    assert length(sample("", tokens, 512), kind="l1_exact") == pytest.approx(value)


@pytest.mark.parametrize(
    ("tokens", "value"), [(1000, 0.5), (2000, 0.2), (2666, 0.0002), (2667, 0), (9000, 0), (0, 0.8)]
)
def test_l1_max(tokens: int, value: float) -> None:
    assert length(sample("", tokens, 1000), kind="l1_max") == pytest.approx(value)
    assert length(sample("", 0, 9000), kind="l1_max") == 1.0


def test_the_target_is_the_option_else_the_budget() -> None:
    assert length(sample("", 100, 512), kind="l1_exact", target=100) == 0
    assert length(sample("", 100, None), kind="l1_exact", target=200) == pytest.approx(-0.03)
    assert length(sample("", 100, None), kind="l1_exact") is None  # an unlimited budget is no target
    assert length(sample("", 100, 0), kind="l1_exact") == pytest.approx(-0.03)  # a budget of 0 is one


@pytest.mark.parametrize(("tokens", "value"), [(0, 1.0), (250, 0.9267767), (500, 0.75), (1000, 0.5), (2000, 0.5)])
def test_cosine(tokens: int, value: float) -> None:
    assert length(sample("", tokens), kind="cosine", max_response_tokens=1000) == pytest.approx(value)


def test_length_names_what_is_wrong() -> None:
    with pytest.raises(ValueError, match=r"'l1' is none of l1_exact, l1_max, cosine .*`length_kimi`"):
        length(sample(""), kind="l1")
    with pytest.raises(ValueError, match="max_response_tokens=0"):
        length(sample(""), kind="cosine")
    with pytest.raises(ValueError, match="target=-1"):
        length(sample(""), kind="l1_max", target=-1)
    with pytest.raises(ValueError, match="no column `response_tokens`"):
        length(sample("", None), kind="l1_max", target=10)


def test_kimi_measures_against_the_group() -> None:
    group = [sample("", tokens) for tokens in (100, 200, 150, 125)]
    assert length_kimi(group) == [0.5, -0.5, 0.0, 0.25]
    assert length_kimi(group, penalty_only=True) == [0.0, -0.5, 0.0, 0.0]
    assert length_kimi([sample("", 7), sample("", 7)]) == [0.0, 0.0]
    assert length_kimi([sample("", 7)]) == [0.0]


def test_kimi_behind_a_gate_pays_right_answers_only(tmp_path: Path) -> None:
    configs = [RewardConfig(use="math"), RewardConfig(use="length_kimi", requires="math")]
    answers = [(r"\boxed{42}", 100), (r"\boxed{41}", 10), (r"\boxed{42}", 300), (r"\boxed{42}", 200)]
    with RewardRunner(configs, RewardRunnerConfig(), "math", tmp_path) as runner:
        scored = runner.score([sample(text, tokens) for text, tokens in answers])
    assert [one.reward for one in scored] == [1.5, 0.0, 0.5, 1.0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", 0.0),
        ("one two", 0.0),
        ("one two three four five", 0.0),
        ("one two three " * 2, -0.25),  # 4 trigrams, 3 distinct
        ("One two three one TWO three one two three", -4 / 7),
    ],
)
def test_repetition_is_the_share_of_repeated_ngrams(text: str, value: float) -> None:
    assert repetition(sample(text)) == pytest.approx(value)
    assert repetition(sample(text), max_penalty=-0.5) == pytest.approx(value / 2)


def test_repetition_agrees_with_counting_ngrams_one_by_one() -> None:
    rng = random.Random(0)
    for ngram in (1, 2, 3, 7, 20):
        words = rng.choices(["a", "b", "c", "no"], k=60) * 2
        grams = [tuple(words[place : place + ngram]) for place in range(len(words) - ngram + 1)]
        expected = -(1 - len(set(grams)) / len(grams))
        assert repetition(sample(" ".join(words)), ngram=ngram) == pytest.approx(expected)


def test_repetition_catches_loops_without_spaces() -> None:
    for loop in (
        "a" * 5000,
        "ab0" * 2000,
        "." * 5000,
        "🙂" * 5000,
        "我们先算长度，" * 500,
        "等等\n" * 500,
        "xyz\t" * 900,
    ):
        assert repetition(sample(loop)) < -0.95, loop[:12]
    assert repetition(sample("Let us see whether that is so. " + "!" * 5000)) < -0.9
    assert repetition(sample("คิดอีกครั้ง" * 300)) < -0.95


def test_repetition_leaves_honest_text_alone() -> None:
    digits = "".join(random.Random(0).choices("0123456789", k=3000))
    chinese = "先把两个数相加，得到十七，再乘以四，就是六十八。检查一遍：六十八除以四等于十七，没有问题。"
    english = "First add both numbers, which makes 17; then multiply by 4, which makes 68. Check: 68 / 4 = 17, fine."
    assert repetition(sample(digits)) > -0.01
    assert repetition(sample(chinese)) > -0.1
    assert repetition(sample(english)) == 0.0


@pytest.mark.parametrize("ngram", [3, 40])
def test_repetition_is_fast_on_long_responses(ngram: int) -> None:
    words = " ".join(random.Random(0).choices("abcdefgh", k=100_000))
    for text in ("a" * 200_000, words, "字" * 200_000, "ab " * 66_000, " " * 200_000):
        start = time.perf_counter()
        repetition(sample(text), ngram=ngram)
        assert time.perf_counter() - start < 1.5  # some 0.2 s on an idle machine


def test_repetition_refuses_options_out_of_range() -> None:
    with pytest.raises(ValueError, match="ngram=0"):
        repetition(sample("a"), ngram=0)
    with pytest.raises(ValueError, match="max_penalty=1"):
        repetition(sample("a"), max_penalty=1)


@pytest.mark.parametrize(
    "response",
    [
        r"<seed:think></seed:think>\boxed{1}",
        "<seed:think>\n \n</seed:think>\\boxed{1}",
        "<seed:think>\u200b\u200b ...</seed:think>\\boxed{1}",
        r"<seed:think>hm</seed:think><think>more</think>\boxed{1}",
        r"<seed:think>hm</seed:think>\boxed{1}</think>",
        r"<seed:think>hm</seed:think><SEED:THINK>more\boxed{1}",
        r"<seed:think>hm</seed:think>\boxed{1}</Seed:Think>",
        r"<seed:think><Seed:think>hm</seed:think>\boxed{1}",
        r"<seed:think>hm</seed:think>\boxed{ }",
        r"<seed:think>hm</seed:think>\boxed{{}}",
        r"<seed:think>hm</seed:think>\boxed{\text{ }}",
        r"<seed:think>hm</seed:think>\boxed{...}",
        r"<seed:think>hm</seed:think>\boxed{?}",
        r"<seed:think>hm</seed:think>\boxed{1} \boxed{}",
        r"<seed:think>hm</seed:think>\boxed{1} \boxed{2",
        r"<seed:think>hm</seed:think>\boxed{1} or \boxed{2}",
        r"<seed:think>hm \boxed{1}</seed:think>so it is",
        r"<seed:think>hm \boxed{</seed:think>1}",
    ],
)
def test_format_pays_for_no_forgery(response: str) -> None:
    assert format_reward(sample(response)) == 0.0


@pytest.mark.parametrize("inside", ["1", r"\pi", r"\emptyset", "-1", "x+1", r"\text{no}", "∞", "(1, 2)", "是"])
def test_format_pays_for_any_answer_in_the_box(inside: str) -> None:
    assert format_reward(sample(f"<seed:think>hm</seed:think>\\boxed{{{inside}}}")) == 1.0


def test_format_asks_for_as_much_thinking_as_it_is_told() -> None:
    empty = sample(r"<seed:think></seed:think>\boxed{1}")
    assert format_reward(empty, min_thinking_characters=0) == 1.0
    short = sample(r"<seed:think>a b c</seed:think>\boxed{1}")
    assert format_reward(short, min_thinking_characters=3) == 1.0
    assert format_reward(short, min_thinking_characters=4) == 0.0


def test_format_without_a_box_wants_an_answer() -> None:
    assert format_reward(sample("<seed:think>hm</seed:think>42"), boxed=False) == 1.0
    for nothing in ("", " \n", "...", "$$", "?"):
        assert format_reward(sample(f"<seed:think>hm</seed:think>{nothing}"), boxed=False) == 0.0


def test_format_refuses_tags_that_are_none() -> None:
    for tags in (("", "</think>"), ("<think>", ""), ("#", "#")):
        with pytest.raises(ValueError, match="two different texts"):
            format_reward(sample("x"), start_tag=tags[0], end_tag=tags[1])


def test_builtins_say_what_they_do() -> None:
    builtins = list_builtins()
    for name in ("choice", "puzzle", "length", "length_kimi", "repetition", "format"):
        assert builtins[name].line.startswith(("Pays ", "Takes ")) and builtins[name].line.endswith((".", ")."))
        assert all(option.kind in ("float", "int", "str", "bool") for option in builtins[name].options)
    assert builtins["length_kimi"].group and not builtins["length"].group
    assert [option.name for option in builtins["length"].options if option.required] == ["kind"]
