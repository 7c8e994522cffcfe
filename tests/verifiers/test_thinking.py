"""Splitting a response into thinking and answer: nothing that may be thinking counts as answer."""

from __future__ import annotations

import pytest

from verifiers.thinking import split_thinking


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
