"""A response as text: what a model thinks stands between two tags, what it answers comes after.

Only the answer is ever judged, so the split leans one way: nothing that could be thinking counts as answer.
"""

from __future__ import annotations

import re

THINK_TAGS = ("<seed:think>", "</seed:think>")
"""Seed-OSS's tags, which the default models use."""
OTHER_TAGS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<thoughts>", "</thoughts>"),
    ("<reasoning>", "</reasoning>"),
    ("<scratchpad>", "</scratchpad>"),
    ("[THINK]", "[/THINK]"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("◁think▷", "◁/think▷"),
)
"""What other models write."""

_SPELLINGS = {tag.lower(): tag for pair in (THINK_TAGS, *OTHER_TAGS) for tag in pair}
_ANY_TAG = re.compile(
    r"[<\[◁](?i:/?(?:seed:)?think(?:ing)?[>\]▷]|/?(?:thoughts?|reasoning|scratchpad)>"
    r"|\|(?:(?:begin|end)_of_thought|(?:start|end)_thinking)\|>)"
)
_TAG_ENDS = (
    *("think>", "thinking>", "thought>", "thoughts>", "reasoning>", "scratchpad>"),
    *("think]", "think▷", "thought|>", "thinking|>"),
)
"""One of these stands in every text with a tag: faster to look for than the tags."""
_CHANNEL, _FINAL = "<|channel|>", "<|channel|>final"
_STRIPPED_ANALYSIS = re.compile(r"\s*analysis(?=[A-Z])")
"""How a response in gpt-oss's format begins when its special tokens were skipped in decoding."""


def split_thinking(text: str, tags: tuple[str, str] = THINK_TAGS, *, opened: bool = False) -> tuple[str | None, str]:
    """Split a response into its thinking and its answer.

    - No tag: (None, text); where the prompt is known to have opened the thinking (`opened`), all of it is thinking.
    - The opening tag may be missing (some chat templates end the prompt with it): all before the closing tag is
      thinking.
    - Thinking that is never closed leaves no answer.
    - Tags that come again: the answer starts after the last closing tag and ends before a further opening one.
    """
    start, end = tags
    before, closed, answer = text.rpartition(end)
    if not closed:
        lead, begun, thinking = text.partition(start)
        return (lead + thinking, "") if begun or opened else (None, text)
    thinking = before.replace(start, "", 1)
    return thinking.strip("\n"), answer.partition(start)[0].lstrip("\n")


def after_thinking(text: str) -> str:
    """What a response says after its thinking, whichever of the known tags it uses; "" when the thinking never ends.

    Tags may be written in any case of letters. Of channels (gpt-oss) only the last final one is an answer.
    """
    if (">" in text or "]" in text or "▷" in text) and _holds_tag(text.lower()):
        text = _ANY_TAG.sub(lambda tag: _SPELLINGS.get(tag[0].lower(), tag[0]), text)
        for tags in (THINK_TAGS, *OTHER_TAGS):
            if tags[0] in text or tags[1] in text:
                text = split_thinking(text, tags)[1]
    return _final_channel(text)


def _holds_tag(lower: str) -> bool:
    return any(end in lower for end in _TAG_ENDS)


def _final_channel(text: str) -> str:
    if _CHANNEL in text:
        _, found, answer = text.rpartition(_FINAL)
        answer = answer.partition(_CHANNEL)[0]
        return answer.partition("<|message|>")[2] if found else ""
    if _STRIPPED_ANALYSIS.match(text):
        return text.rpartition("assistantfinal")[2] if "assistantfinal" in text else ""
    return text
