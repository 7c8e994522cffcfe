"""The reward `thinking_budget`. Pinned behaviour:

1. a response that keeps to the protocol gets 1 at any budget and length, whatever its tokenizer; nothing is gained by
   padding it;
2. no hack gets as much as the honest form of the same thinking, at any of several budgets;
3. each part falls off where it says: overshoot, claims, arithmetic, cadence, the line that ends the thinking, direct
   answers (whatever is thought beside them, and wherever), no reflections without a budget, faults, too little
   thinking;
4. what the engine put in is paid to nobody;
5. gated, a wrong answer gets nothing for thinking less;
6. it works on the sampled ids; text is encoded only where told, and says so; tokenizers and options that are none are
   errors with the ways out;
7. in a worker process it reads the tokenizer by itself, and is fast.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewards import Outcome, RewardInput, Score
from rewards.builtin.thinking_budget import thinking_budget
from rewards.config import RewardConfig, RewardRunnerConfig
from rewards.runner import RewardRunner
from tests.thinking_parts import BOUND, SEED, spelt, thinking, tokenizer_place, tokens_of
from verifiers.thinking.parse import parse
from verifiers.thinking.render import render_thinking
from verifiers.thinking.text import split_thinking
from verifiers.thinking.tokens import ThinkingTokens

BYTES = tokens_of("bytes")
BUDGETS = [512, 700, 1024, 2048]
T, E_T = SEED.think
R, E_R = SEED.reflect


def sample(ids: Sequence[int], budget: int | None, tokens: ThinkingTokens = BYTES, **fields: Any) -> RewardInput:
    text = tokens.decode(ids)
    return RewardInput(
        (),
        text,
        *split_thinking(text, tokens.format.think),
        "42",
        {},
        response_ids=ids,
        thinking_budget=budget,
        **fields,
    )


def score(ids: Sequence[int], budget: int | None, bound: tuple[str, str] = ("bytes", "seed"), **options: Any) -> Score:
    name, protocol = bound
    one = sample(ids, budget, tokens_of(name, protocol), forced=options.pop("forced", ()))
    found = thinking_budget(one, tokenizer=tokenizer_place(name), protocol=protocol, **options)
    assert found is not None
    return found


def answered(ids: Sequence[int], tokens: ThinkingTokens = BYTES) -> list[int]:
    return [*ids, *tokens.encode("So it is 42.")]


def honest(plain: list[int], budget: int | None, tokens: ThinkingTokens = BYTES) -> list[int]:
    return answered(render_thinking(plain, budget, tokens), tokens)


def written(text: str, budget: int | None, **options: Any) -> Score:
    return score(BYTES.encode_response(text), budget, **options)


@pytest.mark.parametrize("bound", BOUND)
@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(8, 1500),
    budget=st.one_of(st.none(), st.just(-1), st.sampled_from([0, 512, 1024, 2048, 4096]), st.integers(1, 3000)),
    seed=st.integers(0, 10**6),
)
def test_the_honest_form_gets_everything(bound: tuple[str, str], count: int, budget: int | None, seed: int) -> None:
    tokens = tokens_of(*bound)
    found = score(honest(thinking(tokens, count, seed), budget, tokens), budget, bound)
    assert (found.value, found.message) == (pytest.approx(1.0), "")
    assert set(found.detail.values()) == {1.0}
    assert found.correct is None


# Each hack takes plain thinking that is longer than half the budget, and writes a response.


def _spam(plain: list[int], budget: int, tokens: ThinkingTokens) -> list[int]:
    """True reflections one after another, then the thinking."""
    ids = list(tokens.tags[0])
    for _ in range(6):
        used = len(ids) - len(tokens.tags[0])
        ids += tokens.reflection(tokens.format.reflection(used, budget - used))
    return answered([*ids, *plain[: budget // 4], *tokens.tags[1]], tokens)


def _repeat(plain: list[int], budget: int, tokens: ThinkingTokens) -> list[int]:
    """Every reflection three times in a row."""
    ids = honest(plain, budget, tokens)
    out, last = list[int](), 0
    for one in parse(ids, tokens).reflections:
        out += ids[last : one.end] + ids[one.start : one.end] * 2
        last = one.end
    return out + ids[last:]


def _with_claims(numbers: Callable[[int, int], tuple[int, int]]) -> Callable[..., list[int]]:
    def write(plain: list[int], budget: int, tokens: ThinkingTokens) -> list[int]:
        ids = honest(plain, budget, tokens)
        out, last = list[int](), 0
        for one in parse(ids, tokens).reflections:
            if one.used is not None:
                out += ids[last : one.start]
                out += tokens.reflection(tokens.format.reflection(*numbers(one.used, budget)))
                last = one.end
        return out + ids[last:]

    return write


def _all_at(front: bool) -> Callable[..., list[int]]:
    def write(plain: list[int], budget: int, tokens: ThinkingTokens) -> list[int]:
        """The right numbers at the wrong places."""
        ids = honest(plain[: budget // 2], budget, tokens)
        trace = parse(ids, tokens)
        blocks = [one for block in trace.reflections for one in ids[block.start : block.end]]
        kept = plain[: budget // 2]
        inside = [*blocks, *kept] if front else [*kept, *blocks]
        return answered([*tokens.tags[0], *inside, *tokens.tags[1]], tokens)

    return write


def _jump(plain: list[int], budget: int, tokens: ThinkingTokens) -> list[int]:
    """Says at once that all is used."""
    claim = tokens.reflection(tokens.format.reflection(budget, 0))
    line = tokens.reflection(tokens.format.exhausted)
    return answered([*tokens.tags[0], *plain[:20], *claim, *line, *tokens.tags[1]], tokens)


def _exhausted_early(plain: list[int], budget: int, tokens: ThinkingTokens) -> list[int]:
    line = tokens.reflection(tokens.format.exhausted)
    return answered([*tokens.tags[0], *plain[: budget // 8], *line, *tokens.tags[1]], tokens)


def _no_reflections(plain: list[int], budget: int, tokens: ThinkingTokens) -> list[int]:
    return answered([*tokens.tags[0], *plain[: budget // 2], *tokens.tags[1]], tokens)


def _beyond(plain: list[int], budget: int, tokens: ThinkingTokens) -> list[int]:
    """Thinks for ever, with true reflections as of a larger budget."""
    return honest((plain * 8)[: 2 * budget], 4 * budget, tokens)


def _goes_on(plain: list[int], budget: int, tokens: ThinkingTokens) -> list[int]:
    """Says that it is exhausted, and thinks on."""
    ids = honest(plain, budget, tokens)
    line = tokens.reflection(tokens.format.exhausted)
    end = parse(ids, tokens).thinking
    assert end is not None
    return [*ids[: end[1]], *([] if parse(ids, tokens).closing else line), *plain[:30], *ids[end[1] :]]


def _inserted(place: str, what: Callable[[ThinkingTokens], list[int]]) -> Callable[..., list[int]]:
    def write(plain: list[int], budget: int, tokens: ThinkingTokens) -> list[int]:
        ids = honest(plain[: budget // 2], budget, tokens)
        thought = parse(ids, tokens).thinking
        assert thought is not None
        at = {"first": thought[0], "last": thought[1], "answer": len(ids)}[place]
        return [*ids[:at], *what(tokens), *ids[at:]]

    return write


def _thought(inside: Callable[[list[int], ThinkingTokens], list[int]]) -> Callable[..., list[int]]:
    def write(plain: list[int], budget: int, tokens: ThinkingTokens) -> list[int]:
        return honest(inside(plain, tokens), budget, tokens)

    return write


def _as_text(plain: list[int], budget: int, tokens: ThinkingTokens) -> list[int]:
    """The reflections of the honest form, their tags typed."""
    ids = honest(plain, budget, tokens)
    out, last = list[int](), 0
    for one in parse(ids, tokens).reflections:
        out += ids[last : one.start] + spelt(tokens.decode(ids[one.start : one.end]), tokens)
        last = one.end
    return out + ids[last:]


def _unclosed(plain: list[int], budget: int, tokens: ThinkingTokens) -> list[int]:
    ids = render_thinking(plain, budget, tokens)
    return answered(ids[: -len(tokens.tags[1])], tokens)


def _claim(tokens: ThinkingTokens) -> list[int]:
    return tokens.reflection(tokens.format.reflection(129, 383))


HACKS: dict[str, Callable[[list[int], int, ThinkingTokens], list[int]]] = {
    "true reflections back to back": _spam,
    "every reflection three times": _repeat,
    "copied from the prompt": _with_claims(lambda used, budget: (129, 383)),
    "all of it used in every reflection": _with_claims(lambda used, budget: (budget, 0)),
    "numbers that do not add up": _with_claims(lambda used, budget: (used, budget)),
    "numbers that are too small": _with_claims(lambda used, budget: (used // 2, budget - used // 2)),
    "right numbers before the thinking": _all_at(front=True),
    "right numbers after the thinking": _all_at(front=False),
    "jumps to the whole budget": _jump,
    "exhausted early": _exhausted_early,
    "no reflections": _no_reflections,
    "thinks on and on": _beyond,
    "exhausted and goes on": _goes_on,
    "a reflection more at the start": _inserted("first", _claim),
    "a reflection in the answer": _inserted("answer", _claim),
    "the sentence in the answer": _inserted("answer", lambda tokens: tokens.encode(" " + SEED.exhausted)),
    "the sentence in the thinking": _inserted("first", lambda tokens: tokens.encode(SEED.reflection(129, 383))),
    "a reflection never closed": _inserted("last", lambda tokens: _claim(tokens)[: -len(tokens.tags[3])]),
    "a stray end of a reflection": _inserted("last", lambda tokens: list(tokens.tags[3])),
    "a tag inside a reflection": _inserted("first", lambda tokens: [*tokens.tags[2], *_claim(tokens), *tokens.tags[3]]),
    "thinking inside thinking": _inserted("first", lambda tokens: list(tokens.tags[0])),
    "thinking after the answer": _inserted("answer", lambda tokens: [*tokens.tags[0], *tokens.encode("hm")]),
    "closed twice": _inserted("answer", lambda tokens: [*tokens.tags[1], *tokens.encode("43")]),
    "nothing is thought": _thought(lambda plain, tokens: []),
    "only blanks are thought": _thought(lambda plain, tokens: tokens.encode("\n . \n" * 20)),
    "one word is thought": _thought(lambda plain, tokens: tokens.encode("ok")),
    "tags as text": _as_text,
    "never closed": _unclosed,
    "no answer": lambda plain, budget, tokens: render_thinking(plain, budget, tokens),
}


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("bound", BOUND)
def test_no_hack_gets_as_much_as_the_honest_form(bound: tuple[str, str], budget: int) -> None:
    tokens = tokens_of(*bound)
    for seed in range(2):
        plain = thinking(tokens, budget, seed)
        best = score(honest(plain, budget, tokens), budget, bound).value
        assert best == pytest.approx(1.0)
        for name, hack in HACKS.items():
            for weight in (0.0, 1.0):  # of keeping all of the protocol
                value = score(hack(plain, budget, tokens), budget, bound, whole=weight).value
                assert 0 <= value < best - 0.02, f"{name} got {value}"


def test_some_hacks_get_nothing() -> None:
    plain = thinking(BYTES, 512)
    for name in (
        *("a reflection in the answer", "thinking inside thinking", "thinking after the answer", "closed twice"),
        *("nothing is thought", "only blanks are thought", "tags as text", "never closed", "no answer"),
    ):
        assert score(HACKS[name](plain, 512, BYTES), 512).value == 0, name


@pytest.mark.parametrize("budget", [None, *BUDGETS])
def test_nothing_is_gained_by_padding(budget: int | None) -> None:
    plain = thinking(BYTES, 60)
    least = score(honest(plain, budget), budget).value
    assert least == 1.0
    for more in ("\n" * 200, " so" * 100, "Let me check that again. " * 40, "a" * 3000):
        padded = [*plain, *BYTES.encode(more)]
        raw = answered([*BYTES.tags[0], *padded, *BYTES.tags[1]])
        assert score(honest(padded, budget), budget).value <= least
        assert score(raw, budget).value <= least


def inside(text: str, budget: int | None, **options: Any) -> dict[str, float]:
    return dict(written(f"{T}{text}{E_T}So it is 42.", budget, **options).detail)


def claim(used: int, remaining: int) -> str:
    return f"{R}{SEED.reflection(used, remaining)}{E_R}"


CLOSED = f"{R}{SEED.exhausted}{E_R}"


@pytest.mark.parametrize(
    ("used", "value"), [(400, 1.0), (523, 1.0), (523 + 32, 0.75), (523 + 64, 0.5), (523 + 128, 0.0), (2000, 0.0)]
)
def test_within_falls_from_the_end_of_a_sentence_to_a_quarter_beyond(used: int, value: float) -> None:
    assert inside("a" * used, 512)["within"] == pytest.approx(value)
    assert inside("a" * used + CLOSED, 512)["within"] == pytest.approx(value)  # the line itself is free


@pytest.mark.parametrize(
    ("off", "value"), [(0, 1.0), (8, 1.0), (-8, 1.0), (36, 0.5), (-36, 0.5), (64, 0.0), (300, 0.0)]
)
def test_claims_fall_from_a_sixteenth_to_half_an_interval(off: int, value: float) -> None:
    parts = inside("a" * 130 + claim(130 + off, 382 - off), 512)
    assert parts["claims"] == pytest.approx(value)
    assert (parts["arithmetic"], parts["cadence"]) == (1.0, 1.0)


def test_arithmetic_is_exact_and_rises() -> None:
    assert inside("a" * 130 + claim(130, 383), 512)["arithmetic"] == 0.0
    used = 130 + len(claim(130, 382)) - len(R) - len(E_R) + 2
    second = "a" * (260 - used)
    assert inside("a" * 130 + claim(130, 382) + second + claim(260, 252), 512)["arithmetic"] == 1.0
    for again in (130, 129):
        assert inside("a" * 130 + claim(130, 382) + second + claim(again, 512 - again), 512)["arithmetic"] == 0.5


@pytest.mark.parametrize(
    ("place", "value"),
    [(128, 1.0), (139, 1.0), (139 + 16, 0.75), (128 - 16, 0.75), (128 - 63, 1 / 64), (64, 0.0), (10, 0.0)],
)
def test_cadence_falls_to_nothing_half_an_interval_off(place: int, value: float) -> None:
    text = "a" * place + claim(place, 512 - place)
    assert inside(text + "a" * (150 - min(place, 150)), 512)["cadence"] == pytest.approx(value if place > 64 else 0.0)


def test_a_reflection_is_due_once_the_thinking_went_on_after_its_place() -> None:
    assert "cadence" not in inside("a" * 139, 512)
    parts = inside("a" * 140, 512)
    assert (parts["claims"], parts["arithmetic"], parts["cadence"]) == (0.0, 0.0, 0.0)
    assert inside("a" * 130 + claim(130, 382), 512)["cadence"] == 1.0  # early enough to be there, too soon to be due


@pytest.mark.parametrize(
    ("used", "closed", "value"),
    [
        (300, False, 1.0),
        (511, False, 1.0),
        (512, False, 0.0),
        (600, False, 0.0),
        (300, True, 0.0),
        (512 - 80 - 11 - 1, True, 0.0),  # another sentence and the line would have fitted
        (512 - 80 - 11, True, 1.0),
        (512, True, 1.0),
        (600, True, 1.0),
    ],
)
def test_the_last_line_stands_where_the_budget_ended_the_thinking(used: int, closed: bool, value: float) -> None:
    assert len(SEED.exhausted) + 2 == 80
    assert inside("a" * used + CLOSED * closed, 512)["closing"] == value


def test_budget_zero_wants_a_direct_answer() -> None:
    direct = f"{SEED.direct}{E_R}\n{E_T}So it is 42."
    found = written(direct, 0)
    assert (found.value, dict(found.detail)) == (1.0, {"form": 1.0, "floor": 1.0, "direct": 1.0})
    assert written(direct.replace("\n", "hm" * 32), 0).value == pytest.approx(0.5)
    assert written(direct.replace("\n", "hm" * 64), 0).value == 0.0
    assert written(f"Let me see.{E_R}{E_T}42", 0).value < 0.5  # another sentence
    assert written(f"{E_R}{E_T}42", 0).value < 1.0
    assert written("42", 0).value == 0.0  # what the prompt opened is never closed
    assert written(f"{SEED.direct}{E_R}{E_T}", 0).value == 0.0
    assert written("42", 0, bound=("bytes", "think")).value == 1.0  # whose prompt opens nothing


@pytest.mark.parametrize(
    "response",
    [
        "hm " * 3000 + f"{E_T}So it is 42.",  # in the reflection that the prompt opened
        f"{SEED.direct} " + "hm " * 3000 + f"{E_T}42",
        f"{SEED.direct}{E_R}{R}" + "hm " * 3000 + f"{E_T}42",
        f"{SEED.direct}{E_R}" + "\n" * 10_000 + f"{E_T}42",
        f"{SEED.direct}{E_R}" + " . " * 3000 + f"{E_T}42",
        f"{SEED.direct}" + "\n" * 10_000 + f"{E_R}{E_T}42",
        f"{SEED.direct}{E_R}" + f"{R}{SEED.direct}{E_R}" * 100 + f"{E_T}42",
    ],
)
def test_at_budget_zero_all_that_is_thought_counts(response: str) -> None:
    assert written(response, 0).value == 0.0


def test_at_budget_zero_a_few_blanks_are_no_thinking() -> None:
    for blanks, value in ((0, 1.0), (4, 1.0), (4 + 32, 0.75), (4 + 128, 0.0)):
        assert written(f"{SEED.direct}{E_R}{chr(10) * blanks}{E_T}42", 0).value == value


def test_at_budget_zero_nothing_is_gained_before_the_thinking() -> None:
    think = tokens_of("bytes", "think")
    start, end = think.format.think
    ids = think.encode_response("hm " * 3000 + f"{start}{end}42")
    assert score(ids, 0, ("bytes", "think")).value == 0.0


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("bound", BOUND)
def test_blanks_after_the_last_line_get_less_than_the_honest_form(bound: tuple[str, str], budget: int) -> None:
    tokens = tokens_of(*bound)
    ids = honest(thinking(tokens, budget), budget, tokens)
    trace = parse(ids, tokens)
    assert trace.thinking is not None and trace.closing is not None
    (blank,) = tokens.encode("\n")
    values = [
        score([*ids[: trace.closing.end], *[blank] * count, *ids[trace.thinking[1] :]], budget, bound).value
        for count in (1, 40, 10_000)
    ]
    assert values[0] == pytest.approx(1.0)
    assert values[1] <= 0.5
    assert values[2] < values[1]


def test_without_a_budget_no_reflection_is_wanted() -> None:
    for budget in (None, -1):
        assert inside("a" * 5000, budget) == {"form": 1.0, "floor": 1.0, "cadence": 1.0}
        assert inside("a" * 128 + claim(128, 384), budget)["cadence"] == 0.0
        assert inside("a" * 128 + CLOSED, budget)["cadence"] == 0.0


def test_light_faults_halve_and_grave_ones_end_it() -> None:
    fine = "a" * 60
    assert written(f"{T}{fine}{E_T}42", 512).value == 1.0
    one = written(f"Well.{T}{fine}{E_T}42", 512)
    assert (one.value, one.message) == (0.5, "text stands before the thinking")
    assert written(f"Well.{T}{fine}{E_R}{E_T}42", 512).value == 0.25
    grave = written(f"{T}{fine}", 512)
    assert (grave.value, grave.detail["form"], grave.outcome) == (0.0, 0.0, Outcome.SCORED)
    assert grave.message == "the thinking is never closed"


def test_thinking_is_to_be_some() -> None:
    assert inside("a" * 4, 512)["floor"] == 0.5
    assert inside("a" * 4, 512, min_thinking_tokens=64)["floor"] == 1 / 16
    assert inside("a" * 4, 512, min_thinking_tokens=0)["floor"] == 1.0
    assert inside("", 4096)["floor"] == 0.0


def test_what_the_engine_put_in_is_paid_to_nobody() -> None:
    ids = honest(thinking(BYTES, 900), 512)
    trace = parse(ids, BYTES)
    assert trace.thinking is not None and trace.closing is not None
    own = score(ids, 512)
    assert own.value == 1.0
    line = range(trace.closing.start, trace.thinking[1] + 1)
    cut = score(ids, 512, forced=tuple(line))
    assert (cut.detail["within"], cut.detail["closing"], cut.detail["claims"]) == (0.0, 0.0, 1.0)
    first = trace.reflections[0]
    helped = score(ids, 512, forced=tuple(range(first.start, first.end)))
    assert (helped.detail["claims"], helped.detail["cadence"]) == (1.0, 1.0)  # of those that were its own
    everything = [place for one in trace.reflections for place in range(one.start, one.end)]
    assert score(ids, 512, forced=(*everything, trace.thinking[1])).value == 0.0
    assert score(ids, 512, forced=tuple(everything)).detail.keys() >= {"within", "closing"}
    assert "claims" not in score(ids, 512, forced=tuple(everything)).detail


def test_weights_are_of_the_parts_that_apply() -> None:
    text = f"{T}{'a' * 130}{claim(400, 112)}{E_T}42"
    assert written(text, 512).value == pytest.approx(0.75)
    assert written(text, 512, claims=0.0).value == 1.0
    assert written(text, 512, within=1.0, claims=1.0, arithmetic=0.0, cadence=1.0, closing=1.0).value == 0.75


def test_using_the_budget_up_counts_only_where_it_has_a_weight() -> None:
    half, whole = f"{T}{'a' * 50}{E_T}42", f"{T}{'a' * 100}{CLOSED}{E_T}42"
    assert written(half, 100).value == written(whole, 100).value == 1.0
    assert "used" not in written(half, 100).detail
    assert written(half, 100, used=0.45).detail["used"] == 0.5
    assert written(half, 100, used=0.45).value == 0.75
    assert written(whole, 100, used=0.45).value == 1.0
    assert written(f"{T}{'a' * 50}{E_T}42", None, used=0.45).value == 1.0  # nothing to use up


def test_the_whole_protocol_or_nothing_counts_only_where_it_has_a_weight() -> None:
    kept = f"{T}{'a' * 100}{CLOSED}{E_T}42"
    longer = f"{T}{'a' * (100 + SEED.max_overshoot + 1)}{CLOSED}{E_T}42"  # one token beyond what ends a sentence
    assert "whole" not in written(kept, 100).detail
    assert written(kept, 100, whole=0.5, used=0.5).value == 1.0
    parts = written(longer, 100, whole=0.5)
    assert parts.detail["whole"] == 0.0 and parts.detail["within"] == pytest.approx(1 - 1 / 25)
    assert parts.value == pytest.approx((0.3 * 0.96 + 0.15) / 0.95)
    assert written(f"{T}{'a' * 50}{E_T}42", 100, whole=0.5, used=0.5).detail["whole"] == 1.0  # nothing broken
    assert written(f"{T}{'a' * 50}{E_T}", None, whole=0.5).detail["whole"] == 0.0  # no answer: a fault


def test_gated_thinking_less_is_never_worth_a_wrong_answer(tmp_path: Path) -> None:
    configs = [
        RewardConfig(use="math"),
        RewardConfig(
            use="thinking_budget",
            weight=0.2,
            requires="math",
            range=(0, 1),
            options={"tokenizer": tokenizer_place("tiny")},
        ),
    ]
    tokens = tokens_of("tiny")
    rendered = {count: render_thinking(thinking(tokens, count), 512, tokens) for count in (10, 60, 400, 900)}
    right = [sample([*ids, *tokens.encode(r"\boxed{42}")], 512, tokens) for ids in rendered.values()]
    wrong = [sample([*ids, *tokens.encode(r"\boxed{43}")], 512, tokens) for ids in rendered.values()]
    poor = sample(
        [*tokens.tags[0], *thinking(tokens, 900), *tokens.tags[1], *tokens.encode(r"\boxed{42}")], 512, tokens
    )
    with RewardRunner(configs, RewardRunnerConfig(), "math", tmp_path) as runner:
        scored = runner.score([*right, *wrong, poor])
        assert not runner.failures
    rewards = [one.reward for one in scored]
    assert rewards[:4] == pytest.approx([1.2] * 4)
    assert rewards[4:8] == [0.0] * 4
    assert rewards[8] is not None and 1.0 <= rewards[8] < 1.2
    assert scored[4].scores["thinking_budget"].outcome is Outcome.GATED


def test_text_is_encoded_only_where_told() -> None:
    one = replace(sample(honest(thinking(BYTES, 300), 512), 512), response_ids=None)
    assert thinking_budget(one, tokenizer="bytes") is None
    assert thinking_budget(one) is None
    found = thinking_budget(one, tokenizer="bytes", encode_text=True)
    assert found is not None and (found.value, found.detail["re_encoded"]) == (1.0, 1.0)
    with_ids = thinking_budget(sample(honest(thinking(BYTES, 300), 512), 512), tokenizer="bytes", encode_text=True)
    assert with_ids is not None and "re_encoded" not in with_ids.detail


def test_the_ids_count_and_not_the_text() -> None:
    one = sample(honest(thinking(BYTES, 300), 512), 512)
    typed = replace(one, response_ids=list(one.response.encode()))  # the tags as bytes
    found = thinking_budget(typed, tokenizer="bytes")
    assert found is not None and found.value == 0.0
    assert found.message.startswith("a tag is typed as text")


def test_the_end_of_turn_is_no_answer() -> None:
    tokens = tokens_of("tiny")
    ids = render_thinking(thinking(tokens, 60), 512, tokens)
    end = tokens.encode("<seed:eos>")
    assert len(end) == 1
    one = replace(sample([*ids, *end], 512, tokens), response=tokens.decode(ids), answer="")
    found = thinking_budget(one, tokenizer=tokenizer_place("tiny"))
    assert found is not None and (found.value, found.message) == (0.0, "there is no answer")


def test_a_protocol_of_ones_own() -> None:
    own = {
        "think": ["<t>", "</t>"],
        "reflect": ["<b>", "</b>"],
        "used": "{remaining} left of {used}+",
        "intervals": {64: 32},
    }
    text = f"<t>{'a' * 33}<b>31 left of 33+</b>{'a' * 8}</t>42"
    one = RewardInput((), text, None, "42", "42", thinking_budget=64)
    found = thinking_budget(one, tokenizer="bytes", protocol=own, encode_text=True)
    assert found is not None and (found.value, found.message) == (1.0, "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"within": -1.0}, "within=-1.0"),
        ({"cadence": 0.0}, "cadence=0.0"),
        ({"claim_tolerance": 0.5}, "claim_tolerance=0.5"),
        ({"miss": 0.6}, "miss=0.6"),
        ({"overshoot": 0.0}, "overshoot=0.0"),
        ({"min_thinking_tokens": -1}, "min_thinking_tokens=-1"),
        ({"protocol": "deepseek"}, "'deepseek' is none of seed, think"),
        ({"protocol": {"interval": 3}}, "interval"),
        ({"tokenizer": ""}, r"\(1\) options: {tokenizer: FOLDER}.*\(2\) tokenizer: bytes"),
        ({"tokenizer": "no/such/folder"}, r"there is no no/such/folder\. .*\(1\).*\(2\)"),
        ({"tokenizer": __file__}, "is not a tokenizer that `tokenizers` reads"),
    ],
)
def test_options_that_are_none_are_errors(options: dict[str, Any], message: str) -> None:
    one = sample(honest(thinking(BYTES, 300), 512), 512)
    with pytest.raises(ValueError, match=message):
        thinking_budget(one, **{"tokenizer": "bytes", **options})


def test_it_is_fast_and_its_score_is_plain_data() -> None:
    tokens = tokens_of("tiny")
    one = sample(honest(thinking(tokens, 32_000), 32_768, tokens), 32_768, tokens)
    found = thinking_budget(one, tokenizer=tokenizer_place("tiny"))
    started = time.perf_counter()
    assert thinking_budget(one, tokenizer=tokenizer_place("tiny")) == found
    assert time.perf_counter() - started < 1.5  # some 0.05 s on an idle machine
    assert found is not None and found.value == 1.0
    assert pickle.loads(pickle.dumps(found)) == found
