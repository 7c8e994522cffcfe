"""The thinking protocol: what a model thinks, what it says of its budget, and what it answers.

Here: a response as text. On token ids, in modules that load pydantic: `format.ThinkingFormat` (tags, sentences,
intervals) and a tokenizer make `tokens.ThinkingTokens`; with them `parse.parse` reads a response, and
`render.render_thinking` writes one.
"""

from __future__ import annotations

from verifiers.thinking.text import OTHER_TAGS, THINK_TAGS, after_thinking, split_thinking

__all__ = ["OTHER_TAGS", "THINK_TAGS", "after_thinking", "split_thinking"]
