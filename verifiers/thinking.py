"""The thinking protocol: what a model thinks stands between two tags, what it answers comes after.

Only the answer is ever judged, so the split leans one way: nothing that could be thinking counts as answer.
"""

from __future__ import annotations

THINK_TAGS = ("<seed:think>", "</seed:think>")
"""Seed-OSS's tags, which the default models use."""
OTHER_TAGS = (("<think>", "</think>"), ("<thinking>", "</thinking>"))
"""What other models write."""


def split_thinking(text: str, tags: tuple[str, str] = THINK_TAGS) -> tuple[str | None, str]:
    """Split a response into its thinking and its answer.

    - No tag: (None, text).
    - The opening tag may be missing (some chat templates end the prompt with it): all before the closing tag is
      thinking.
    - Thinking that is never closed leaves no answer.
    - Tags that come again: the answer starts after the last closing tag and ends before a further opening one.
    """
    start, end = tags
    before, closed, answer = text.rpartition(end)
    if not closed:
        lead, opened, thinking = text.partition(start)
        return (lead + thinking, "") if opened else (None, text)
    thinking = before.replace(start, "", 1)
    return thinking.strip("\n"), answer.partition(start)[0].lstrip("\n")


def after_thinking(text: str) -> str:
    """What a response says after its thinking, whichever of the known tags it uses; "" when the thinking never ends."""
    for tags in (THINK_TAGS, *OTHER_TAGS):
        if tags[0] in text or tags[1] in text:
            text = split_thinking(text, tags)[1]
    return text
