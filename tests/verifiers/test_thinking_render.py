"""Writing a thinking part. Pinned conventions:

1. what is written is read without a fault, every number in it is true, and nothing of the plain thinking is lost or
   changed but what the budget cuts off;
2. a reflection stands at the first end of a sentence from its multiple on, at most `max_overshoot` tokens after it;
3. where the budget is used up, the thinking is cut in the same way and says so; thinking that ends before does not;
4. without an end of a sentence it is broken before a blank, and never inside a character where that can be helped;
5. budget 0 holds the one sentence; no budget changes nothing; what the prompt opens is left out;
6. intervals too short for a reflection are refused with the ways out.
"""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.thinking_parts import BOUND, SEED, SMALL, thinking, tokens_of
from verifiers.thinking.format import Opened
from verifiers.thinking.parse import parse
from verifiers.thinking.render import render_thinking
from verifiers.thinking.tokens import ByteTokenizer, ThinkingTokens, bind
from verifiers.thinking.trace import Kind, Trace

BYTES = tokens_of("bytes")


def rendered(plain: list[int], budget: int | None, tokens: ThinkingTokens) -> tuple[list[int], Trace]:
    ids = render_thinking(plain, budget, tokens)
    return ids, parse(ids, tokens, opened=tokens.format.opened(budget))


def plain_of(ids: list[int], trace: Trace) -> list[int]:
    """The thinking without its reflections."""
    assert trace.thinking is not None
    start, end = trace.thinking
    inside = {place for one in trace.reflections for place in range(one.start, one.end)}
    return [ids[place] for place in range(start, end) if place not in inside]


@pytest.mark.parametrize("bound", BOUND)
@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(0, 1500),
    budget=st.one_of(st.sampled_from([512, 1024, 2048, 4096]), st.integers(1, 3000)),
    seed=st.integers(0, 10**6),
)
def test_what_is_written_is_true(bound: tuple[str, str], count: int, budget: int, seed: int) -> None:
    tokens = tokens_of(*bound)
    words, plain = tokens.format, thinking(tokens, count, seed)
    ids, trace = rendered(plain, budget, tokens)
    assert not trace.faults
    kept = plain_of(ids, trace)
    assert kept == plain[: len(kept)]
    claims = [one for one in trace.reflections if one.kind is Kind.USED]
    assert all((one.used, one.remaining) == (one.at, budget - one.at) for one in claims)
    interval = words.interval(budget)
    for number, one in enumerate(claims, start=1):
        assert 0 <= one.at - number * interval <= words.max_overshoot
    if trace.closing is None:
        assert kept == plain and trace.used < budget
        assert trace.reflections == tuple(claims)
    else:
        assert budget <= trace.used <= budget + words.max_overshoot
        assert trace.reflections == (*claims, trace.closing)
    # None is missing where a whole interval is left after it.
    due = [place for place in range(interval, budget, interval) if place + interval <= budget]
    assert len(claims) >= sum(place + words.max_overshoot < trace.used for place in due)


@pytest.mark.parametrize("bound", BOUND)
@settings(max_examples=40, deadline=None)
@given(text=st.text(max_size=1200), budget=st.integers(1, 1200))
def test_any_text_can_be_thought(bound: tuple[str, str], text: str, budget: int) -> None:
    tokens = tokens_of(*bound)
    assume(not any(tag.lower() in text.lower() for tag in tokens.format.tags))  # a typed tag is a fault of its own
    plain = tokens.encode(text)
    ids, trace = rendered(plain, budget, tokens)
    kept = plain_of(ids, trace)
    assert not trace.faults
    assert kept == plain[: len(kept)]
    assert (trace.closing is not None) == (trace.used >= budget)


def at(text: str, budget: int = 512) -> list[str]:
    """The pieces of a text that end at reflections, a token for each byte."""
    ids, trace = rendered(BYTES.encode(text), budget, BYTES)
    assert trace.thinking is not None
    edges = [trace.thinking[0], *(place for one in trace.reflections for place in (one.start, one.end))]
    return [BYTES.decode(ids[start:end]) for start, end in zip(edges[::2], edges[1::2], strict=False)]


def test_a_reflection_stands_at_the_first_end_of_a_sentence() -> None:
    head, tail = "a" * 126, "b" * 20
    assert at(f"{head}. {tail}") == [f"{head}. "]  # the end of the sentence is the multiple
    assert at(f"{head}bb. {tail}") == [f"{head}bb."]
    assert at(f'{head}bb." {tail}') == [f'{head}bb."']
    assert at(f"{head}bb\n{tail}") == [f"{head}bb\n"]
    assert at(f"{head}3.14 is pi. {tail}") == [f"{head}3.14 is pi."]  # a point in a number ends none
    assert at(f"{head}。{tail}") == [f"{head}。"]
    assert at(f"{head}bb. cc. {tail}") == [f"{head}bb."]


def test_without_a_sentence_it_stands_before_the_last_blank_then_anywhere() -> None:
    head, tail = "a" * 126, "b" * 40
    assert at(f"{head}bbb cc dd {tail}") == [f"{head}bbb cc dd"]
    assert at(f"{head}{tail}") == [f"{head}{tail}"[: 128 + SEED.max_overshoot]]
    assert at("字" * 60) == ["字" * 46]  # 138 bytes: 139 would be inside the next one


def test_thinking_that_ends_soon_after_a_multiple_needs_no_reflection() -> None:
    assert at("a" * (128 + SEED.max_overshoot)) == []
    assert len(at("a" * (128 + SEED.max_overshoot + 1))) == 1


def test_the_budget_cuts_the_thinking() -> None:
    plain = thinking(BYTES, 3000)
    ids, trace = rendered(plain, 512, BYTES)
    assert trace.closing is not None and 512 <= trace.used <= 512 + SEED.max_overshoot
    assert len(plain_of(ids, trace)) < len(plain)
    assert BYTES.decode(ids).endswith(f"{SEED.exhausted}{SEED.reflect[1]}{SEED.think[1]}")


@pytest.mark.parametrize("count", range(500, 530))
def test_thinking_that_ends_at_its_budget_says_so_only_when_it_is_used_up(count: int) -> None:
    words = SMALL.model_copy(update={"intervals": {2000: 1000}})
    tokens = bind(words, ByteTokenizer(words.tags))
    _, trace = rendered(thinking(tokens, count), 512, tokens)
    assert (trace.closing is not None) == (count >= 512)


def test_a_last_reflection_that_would_not_fit_is_left_out() -> None:
    plain = thinking(BYTES, 2000)
    assert [one.at // 256 for one in rendered(plain, 520, BYTES)[1].reflections[:-1]] == [1]
    assert [one.at // 256 for one in rendered(plain, 700, BYTES)[1].reflections[:-1]] == [1, 2]


def test_budget_zero_and_no_budget() -> None:
    plain = thinking(BYTES, 2000)
    ids = render_thinking(plain, 0, BYTES)
    assert BYTES.decode(ids) == f"{SEED.direct}{SEED.reflect[1]}{SEED.think[1]}"
    other = tokens_of("bytes", "think")
    assert other.decode(render_thinking(plain, 0, other)) == f"<think><budget>{SEED.direct}</budget></think>"
    for budget in (None, -1):
        assert BYTES.decode(render_thinking(plain, budget, BYTES)) == f"<seed:think>{BYTES.decode(plain)}</seed:think>"


@pytest.mark.parametrize("budget", [0, 512, None])
def test_what_the_prompt_opens_is_left_out(budget: int | None) -> None:
    words = SEED.model_copy(update={"prompt_opens": Opened.THINKING, "direct_prompt_opens": Opened.THINKING})
    tokens = bind(words, ByteTokenizer(words.tags))
    ids, trace = rendered(thinking(tokens, 300), budget, tokens)
    assert SEED.think[0] not in tokens.decode(ids)
    assert not trace.faults


def test_intervals_too_short_for_a_reflection_are_refused() -> None:
    with pytest.raises(ValueError, match=r"takes 6\d tokens .* every 32, the interval of budget 64\. .*\(1\).*\(2\)"):
        render_thinking(thinking(BYTES, 100), 64, tokens_of("bytes", "small"))
    tiny = tokens_of("tiny", "small")
    _, trace = rendered(thinking(tiny, 300), 64, tiny)
    assert [one.kind for one in trace.reflections] == [Kind.USED, Kind.EXHAUSTED]
