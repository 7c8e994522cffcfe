"""Reading a response on its token ids. Pinned conventions:

1. a response that was written from parts is read as just these parts, by tokenizers that have the tags and by one that
   spells them;
2. U counts every token from the opening thinking tag (not counted) to the reflection's opening tag (not counted),
   earlier reflections and their tags included; the line that the budget is exhausted is not used budget;
3. what the prompt opened is open where the response begins, and counts nothing;
4. every way to break the protocol has a name and a place; those that leave open what is thinking are grave;
5. a sentence counts only as it is written: other words are unreadable, and outside its tags it is a fault;
6. what the engine put in counts as used and is not the model's own;
7. any ids can be read, in linear time;
8. intervals are Seed-OSS's: the first level at or above the budget; formats that contradict themselves are refused.
"""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.thinking_parts import BOUND, SEED, spelt, thinking, tokens_of
from verifiers.thinking.format import Opened, ThinkingFormat
from verifiers.thinking.parse import parse
from verifiers.thinking.tokens import ByteTokenizer, Tag, ThinkingTokens, bind
from verifiers.thinking.trace import Fault, Kind, Reflection, Trace

BYTES = tokens_of("bytes")
SAY = SEED.reflection
T, E_T = SEED.think
R, E_R = SEED.reflect

Parts = list[tuple[Kind, int, int, int]]
"""Of a response: kind of a reflection, tokens of plain thinking before it, and its two numbers."""

PARTS = st.lists(
    st.tuples(
        st.sampled_from([Kind.USED, Kind.USED, Kind.DIRECT, Kind.OTHER]),
        st.integers(0, 40),
        st.integers(0, 99_999),
        st.integers(0, 99_999),
    ),
    max_size=6,
)


def read(text: str, opened: Opened = Opened.NOTHING) -> Trace:
    return parse(BYTES.encode_response(text), BYTES, opened=opened)


def faults(text: str, opened: Opened = Opened.NOTHING) -> list[Fault]:
    return [fault for fault, _ in read(text, opened).faults]


def said(kind: Kind, used: int, remaining: int) -> str:
    texts = {Kind.USED: SAY(used, remaining), Kind.EXHAUSTED: SEED.exhausted, Kind.DIRECT: SEED.direct}
    return texts.get(kind, "I have no idea.")


def written(parts: Parts, rest: int, answer: int, tokens: ThinkingTokens) -> tuple[list[int], Trace]:
    """The ids of a response made from parts, and what must be read from them."""
    source = thinking(tokens, 6 * 40 + rest + answer + 1)
    ids = list(tokens.tags[Tag.THINK.value])
    first, plain = len(ids), 0
    reflections, broken = [], []
    for kind, before, used, remaining in parts:
        ids += source[plain : plain + before]
        plain += before
        start = len(ids)
        ids += tokens.reflection(said(kind, used, remaining))
        claim = (used, remaining) if kind is Kind.USED else (None, None)
        reflections.append(Reflection(kind, start, len(ids), start - first, *claim))
        if kind is Kind.OTHER:
            broken.append((Fault.UNREADABLE, start))
    ids += source[plain : plain + rest]
    plain += rest
    last = len(ids)
    ids += tokens.tags[Tag.THINK_END.value]
    answer_starts = len(ids)
    ids += source[plain : plain + answer]
    counted = plain if any(map(str.isalnum, tokens.decode(source[:plain]))) else 0
    return ids, Trace((first, last), (answer_starts, len(ids)), tuple(reflections), tuple(broken), counted, cut=False)


@pytest.mark.parametrize("bound", BOUND)
@settings(max_examples=60, deadline=None)
@given(parts=PARTS, rest=st.integers(0, 40), answer=st.integers(0, 20))
def test_what_was_written_is_read(bound: tuple[str, str], parts: Parts, rest: int, answer: int) -> None:
    ids, expected = written(parts, rest, answer, tokens_of(*bound))
    assert parse(ids, tokens_of(*bound)) == expected


@pytest.mark.parametrize("bound", BOUND)
def test_text_and_ids_say_the_same(bound: tuple[str, str]) -> None:
    tokens = tokens_of(*bound)
    (start, end), (reflect, reflect_end) = tokens.format.think, tokens.format.reflect
    claim = tokens.format.reflection(131, 381)
    text = f"{start}\nGot it.\n{reflect}{claim}{reflect_end}\nSo 8!.{end}\nThe answer is 40320."
    ids = tokens.encode_response(text)
    assert tokens.decode(ids) == text
    trace = parse(ids, tokens)
    assert not trace.faults
    (reflection,) = trace.reflections
    assert (reflection.used, reflection.remaining) == (131, 381)
    assert reflection.at == len(tokens.encode("\nGot it.\n"))
    assert tokens.decode(ids[slice(*trace.answer)]) == "\nThe answer is 40320."


def test_tags_are_one_id_where_the_tokenizer_has_them() -> None:
    assert all(len(ids) == 1 for ids in tokens_of("tiny").tags)
    assert all(len(ids) == 1 for ids in BYTES.tags)
    assert all(len(ids) > 1 for ids in tokens_of("tiny", "think").tags)  # it does not know these


def test_used_counts_all_but_the_last_line() -> None:
    first, second = f"{R}{SAY(3, 9)}{E_R}", f"{R}{SAY(7, 5)}{E_R}"
    tags = 2
    trace = read(f"{T}abc{first}defg{second}hi{R}{SEED.exhausted}{E_R}\n{E_T}x")
    sizes = [len(SAY(3, 9)) + tags, len(SAY(7, 5)) + tags]
    assert [one.at for one in trace.reflections] == [3, 7 + sizes[0], 9 + sum(sizes)]
    assert trace.closing == trace.reflections[-1]
    assert trace.used == trace.reflections[-1].at
    assert trace.total == trace.used + len(SEED.exhausted) + tags + 1
    assert trace.plain == len("abcdefghi\n")
    assert read(f"{T}abc{E_T}x").used == 3


def test_what_the_prompt_opened_is_open() -> None:
    trace = read(f"abc{R}{SAY(3, 9)}{E_R}d{E_T}x", Opened.THINKING)
    assert (trace.faults, trace.thinking, trace.reflections[0].at) == ((), (0, len(SAY(3, 9)) + 6), 3)
    direct = read(f"{SEED.direct}{E_R}\n{E_T}42", Opened.REFLECTION)
    assert not direct.faults
    assert direct.reflections == (Reflection(Kind.DIRECT, 0, len(SEED.direct) + 1, 0),)
    assert direct.plain == 0
    assert faults("42", Opened.REFLECTION) == [Fault.UNCLOSED_REFLECTION, Fault.UNCLOSED]
    assert faults("42", Opened.THINKING) == [Fault.UNCLOSED]


GOOD = f"{R}{SAY(3, 9)}{E_R}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{T}abc{GOOD}{E_T}x", []),
        (f"\n {T}abc{E_T}x", []),
        ("abc", [Fault.NO_THINKING]),
        ("", [Fault.NO_THINKING]),
        (f"abc{E_T}x", [Fault.UNOPENED]),
        (f"{T}abc", [Fault.UNCLOSED]),
        (f"{T}abc{R}I have", [Fault.UNCLOSED_REFLECTION, Fault.UNCLOSED]),
        (f"{T}abc{R}{SAY(3, 9)}{E_T}x", [Fault.UNCLOSED_REFLECTION]),
        (f"{T}a{T}bc{E_T}x", [Fault.NESTED_THINKING]),
        (f"{T}abc{E_T}x{T}y", [Fault.REOPENED]),
        (f"{T}abc{E_T}x{T}y{E_T}z", [Fault.REOPENED, Fault.CLOSED_TWICE]),
        (f"{T}abc{E_T}{E_T}x", [Fault.CLOSED_TWICE]),
        (f"{T}abc{E_T}{GOOD}x", [Fault.TAG_OUTSIDE, Fault.BARE_SENTENCE, Fault.TAG_OUTSIDE]),
        (f"{GOOD}{T}abc{E_T}x", [Fault.TAG_OUTSIDE, Fault.BARE_SENTENCE, Fault.TAG_OUTSIDE, Fault.TEXT_BEFORE]),
        (f"Well.{T}abc{E_T}x", [Fault.TEXT_BEFORE]),
        (f"{T}abc{R}{R}{SAY(3, 9)}{E_R}{E_R}{E_T}x", [Fault.NESTED_REFLECTION, Fault.UNREADABLE, Fault.STRAY_END]),
        (f"{T}The budget is 512.{E_R}\nSo{E_T}x", [Fault.STRAY_END]),
        (f"{T}abc{R}{E_R}{E_T}x", [Fault.UNREADABLE]),
        (f"{T}abc{SAY(3, 9)}{E_T}x", [Fault.BARE_SENTENCE]),
        (f"{T}abc{SAY(3, 9).upper().replace(' ', '  ')}{E_T}x", [Fault.BARE_SENTENCE]),
        (f"{T}abc{SEED.exhausted}{E_T}x", [Fault.BARE_SENTENCE]),
        (f"{T}abc{E_T}x {SAY(3, 9)}", [Fault.BARE_SENTENCE]),
        (f"{T}abc{R}{SEED.exhausted}{E_R}But{E_T}x", [Fault.AFTER_EXHAUSTED]),
        (f"{T}abc{R}{SEED.exhausted}{E_R}{R}{SEED.exhausted}{E_R}{E_T}x", [Fault.AFTER_EXHAUSTED]),
        (f"{T}abc{R}{SEED.exhausted}{E_R}{GOOD}{E_T}x", [Fault.AFTER_EXHAUSTED]),
        (f"{T}abc{R}{SEED.exhausted}{E_R}\n \n\n{E_T}x", []),
        (f"{T}abc{R}\n{SEED.exhausted}\n{E_R}{E_T}x", []),
        (f"{T}abc{R}\n\n\n{SEED.exhausted}\n\n{E_R}{E_T}x", [Fault.UNREADABLE]),
        (f"{T}abc{R}\n\n\n{SEED.direct}\n\n{E_R}{E_T}x", [Fault.UNREADABLE]),
        (f"{T}abc{R}{SEED.exhausted}{E_R}\n \n\n\n{E_T}x", [Fault.AFTER_EXHAUSTED]),
    ],
)
def test_faults_have_names(text: str, expected: list[Fault]) -> None:
    assert faults(text) == expected


def test_blanks_after_the_last_line_are_used_budget() -> None:
    trace = read(f"{T}abc{R}{SEED.exhausted}{E_R}{chr(10) * 1000}{E_T}x")
    assert trace.closing is None
    assert trace.used == trace.total == 3 + len(SEED.exhausted) + 2 + 1000


def test_faults_have_places_and_what_goes_on_after_the_last_line_is_no_closing() -> None:
    trace = read(f"{T}abc{R}{SEED.exhausted}{E_R}But{E_T}x")
    assert trace.faults == ((Fault.AFTER_EXHAUSTED, 4 + len(SEED.exhausted) + 2),)
    assert trace.closing is None
    assert trace.used == trace.total


def test_faults_that_leave_open_what_is_thinking_are_grave() -> None:
    grave = {fault.name for fault in Fault if fault.grave}
    assert grave == {
        *("NO_THINKING", "UNOPENED", "UNCLOSED", "NESTED_THINKING", "REOPENED", "CLOSED_TWICE"),
        *("TAG_OUTSIDE", "TYPED_TAG"),
    }


@pytest.mark.parametrize("bound", BOUND)
@pytest.mark.parametrize("place", ["thinking", "reflection", "answer"])
def test_a_typed_tag_is_no_tag(bound: tuple[str, str], place: str) -> None:
    tokens = tokens_of(*bound)
    for tag in (tokens.format.reflect[0], tokens.format.think[1].upper()):
        fake = spelt(tag, tokens)
        assert tuple(fake) not in tokens.tags
        inside = [*tokens.encode("ab"), *(fake if place == "thinking" else [])]
        claim = [*(fake if place == "reflection" else []), *tokens.encode(SAY(2, 9))]
        ids = [*tokens.tags[0], *inside, *tokens.tags[2], *claim, *tokens.tags[3], *tokens.tags[1]]
        trace = parse([*ids, *tokens.encode("x"), *(fake if place == "answer" else [])], tokens)
        assert [fault for fault, _ in trace.faults][:1] == [Fault.TYPED_TAG]


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        (SAY(129, 383), (129, 383)),
        (f"\n{SAY(0, 0)} ", (0, 0)),
        (SAY(129, 383).lower(), None),
        (SAY(129, 383)[:-1], None),
        (SAY(129, 383) + " OK.", None),
        ("I have used 1,290 tokens, and there are 383 tokens remaining for use.", None),
        ("I have used -1 tokens, and there are 513 tokens remaining for use.", None),
        ("I have used 1٣ tokens, and there are 499 tokens remaining for use.", None),
        (SAY(10**12, 1), None),
    ],
)
def test_a_claim_is_read_only_as_it_is_written(text: str, claim: tuple[int, int] | None) -> None:
    assert SEED.read(text) == claim


def test_what_the_engine_put_in_is_not_the_models_own() -> None:
    text = f"{T}abc{R}{SAY(3, 9)}{E_R}def{R}{SAY(9, 3)}{E_R}gh{E_T}x"
    ids = BYTES.encode_response(text)
    alone = parse(ids, BYTES)
    assert all(one.own for one in alone.reflections) and not alone.cut and alone.plain == 8
    first = alone.reflections[0]
    end = len(ids) - 2
    forced = parse(ids, BYTES, forced=[*range(first.start, first.end), end - 1, end])
    assert [one.own for one in forced.reflections] == [False, True]
    assert (forced.cut, forced.plain, forced.used) == (True, 7, alone.used)
    assert [one.at for one in forced.reflections] == [one.at for one in alone.reflections]


@settings(max_examples=300, deadline=None)
@given(
    ids=st.lists(st.one_of(st.integers(256, 259), st.integers(0, 255)), max_size=60),
    opened=st.sampled_from(Opened),
    forced=st.sets(st.integers(0, 60), max_size=5),
)
def test_any_ids_can_be_read(ids: list[int], opened: Opened, forced: set[int]) -> None:
    trace = parse(ids, BYTES, opened=opened, forced=forced)
    assert 0 <= trace.used <= trace.total <= len(ids)
    assert 0 <= trace.plain <= trace.total
    assert 0 <= trace.answer[0] <= trace.answer[1] == len(ids)
    if trace.thinking is not None:
        assert 0 <= trace.thinking[0] <= trace.thinking[1] <= trace.answer[0]
    inside = [(one.start, one.end, one.at) for one in trace.reflections]
    assert all(start < end and at >= 0 for start, end, at in inside)
    assert inside == sorted(inside)
    # Without a fault, what stands around the parts is just the tags.
    if not trace.faults:
        assert trace.thinking is not None and trace.answer[0] == trace.thinking[1] + 1


@pytest.mark.parametrize(
    "text", [R * 50_000, E_T * 50_000, "I have used " * 20_000, f"{T}{GOOD * 2000}", "I " + " " * 200_000]
)
def test_reading_is_fast(text: str) -> None:
    ids = BYTES.encode_response(text)
    started = time.perf_counter()
    parse(ids, BYTES)
    assert time.perf_counter() - started < 2  # some 0.2 s on an idle machine


@pytest.mark.parametrize(
    ("budget", "interval"),
    [
        *((None, 0), (-1, 0), (0, 0), (1, 128), (512, 128), (513, 256), (1024, 256), (2048, 512), (4096, 512)),
        *((8192, 1024), (16384, 1024), (16385, 1024), (100_000, 1024)),
    ],
)
def test_intervals_are_those_of_seed_oss(budget: int | None, interval: int) -> None:
    assert SEED.interval(budget) == interval


def test_what_the_prompt_opens_depends_on_the_budget() -> None:
    assert [SEED.opened(budget) for budget in (0, 512, None)] == [Opened.REFLECTION, Opened.NOTHING, Opened.NOTHING]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"think": ("<a>", "<A>")}, "four different tags"),
        ({"reflect": ("", "</r>")}, "four different tags"),
        ({"used": "I used {used}."}, "once each"),
        ({"used": "{used}{remaining}"}, "words between"),
        ({"exhausted": SEED.direct}, "two different sentences"),
        ({"intervals": {512: 600}}, "512: 600"),
        ({"intervals": {512: 0}}, "512: 0"),
        ({"intervals": {0: 8}}, "0: 8"),
        ({"intervals": {1024: 256, 512: 128}}, "must rise"),
        ({"intervals": {}}, "at least 1"),
        ({"interval": 3}, "Extra inputs"),
    ],
)
def test_a_format_that_contradicts_itself_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ThinkingFormat(**fields)


def test_tags_that_the_tokenizer_cannot_tell_apart_are_refused() -> None:
    class Deaf(ByteTokenizer):
        def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
            return [ord("?")]

    with pytest.raises(ValueError, match=r"<seed:think> as the ids \[63\].*\(1\) add the tag.*\(2\) choose"):
        bind(SEED, Deaf(()))
