"""Splitting a response into thinking and answer: nothing that may be thinking counts as answer."""

from __future__ import annotations

import pytest

from verifiers.thinking import OTHER_TAGS, THINK_TAGS, after_thinking, split_thinking


@pytest.mark.parametrize(
    ("text", "thinking", "answer"),
    [
        ("just 42", None, "just 42"),
        ("<seed:think>a</seed:think>b", "a", "b"),
        ("<seed:think>\na\n</seed:think>\n\nb", "a", "b"),
        ("a</seed:think>b", "a", "b"),
        ("<seed:think>never closed 42", "never closed 42", ""),
        ("lead <seed:think>never closed", "lead never closed", ""),
        ("<seed:think></seed:think>b", "", "b"),
        ("<seed:think>a</seed:think>b</seed:think>c", "a</seed:think>b", "c"),
        ("<seed:think>a</seed:think>b<seed:think>c</seed:think>d", "a</seed:think>b<seed:think>c", "d"),
        ("<seed:think>a</seed:think>b<seed:think>c", "a", "b"),
        ("", None, ""),
    ],
)
def test_split(text: str, thinking: str | None, answer: str) -> None:
    assert split_thinking(text) == (thinking, answer)


def test_other_tags() -> None:
    assert split_thinking("<think>a</think>b", ("<think>", "</think>")) == ("a", "b")


@pytest.mark.parametrize("tags", [THINK_TAGS, *OTHER_TAGS])
def test_every_known_tag_is_thinking_in_any_case_of_letters(tags: tuple[str, str]) -> None:
    for start, end in (tags, (tags[0].lower(), tags[1].lower()), (tags[0].upper(), tags[1].upper())):
        assert after_thinking(f"{start}a{end}b") == "b"
        assert after_thinking(f"a{end}b") == "b"
        assert after_thinking(f"{start}a") == ""
        assert after_thinking(f"b{start}a") == ""


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b", "b"),
        ("<|channel|>analysis<|message|>a<|end|>", ""),
        ("b<|channel|>analysis<|message|>a", ""),
        ("<|channel|>final<|message|>b<|channel|>commentary<|message|>c", "b"),
        ("analysisWe think.assistantfinalb", "b"),
        ("analysisWe think", ""),
        ("analysis of the case", "analysis of the case"),
    ],
)
def test_only_the_final_channel_is_an_answer(text: str, answer: str) -> None:
    assert after_thinking(text) == answer


def test_words_that_are_no_tags_stay() -> None:
    for text in ("I think that x < y > z", "a <thinker> and a <reason>", "f[THINKERS]", "a thought> b"):
        assert after_thinking(text) == text
