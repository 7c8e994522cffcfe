"""Questions to an OpenAI-compatible endpoint, at a thinking budget.

The budget goes as a variable of the chat template (`chat_template_kwargs`, which vLLM and SGLang take) or in a system
turn. Token ids do not come back: thinking tokens are those that the endpoint reports, compliance is not measured.
"""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rl.budget.config import BudgetWords
from rl.budget.turns import with_words
from rl.data.example import Message
from rl.errors import PonderError
from rollout.config import SamplingConfig
from verifiers.thinking import split_thinking
from verifiers.thinking.format import ThinkingFormat

_TRIES = 4
_SECONDS = 600.0
"""Deadline of one answer."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to ask, and how."""

    url: str
    """Up to and including `/v1`."""
    model: str
    key_variable: str
    """Environment variable with the key; may be unset."""
    words: ThinkingFormat
    turn: str
    """`template` or `system`."""
    sampling: SamplingConfig
    max_response_tokens: int


@dataclass(frozen=True, slots=True)
class Answer:
    """One response."""

    thinking: str | None
    answer: str
    thinking_tokens: int | None
    response_tokens: int
    truncated: bool


def ask(endpoint: Endpoint, messages: Sequence[Message], budget: int | None, seed: int) -> Answer:
    """One response at a budget; None is unlimited.

    Raises:
        PonderError: the endpoint refuses, or does not answer after several tries.
    """
    body: dict[str, Any] = {
        "model": endpoint.model,
        "messages": [dict(message) for message in messages],
        "temperature": endpoint.sampling.temperature,
        "top_p": endpoint.sampling.top_p,
        "max_tokens": endpoint.max_response_tokens,
        "seed": seed,
    }
    if budget is not None and endpoint.turn == "template":
        interval = endpoint.words.interval(budget)
        body["chat_template_kwargs"] = {"thinking_budget": budget, "thinking_interval": interval}
    elif budget is not None:
        body["messages"] = [
            dict(one) for one in with_words(messages, budget, endpoint.words.interval(budget), BudgetWords())
        ]
    return _read(_post(endpoint, body), endpoint)


def _read(reply: Mapping[str, Any], endpoint: Endpoint) -> Answer:
    try:
        choice, usage = reply["choices"][0], reply.get("usage") or {}
        message = choice["message"]
    except (KeyError, IndexError, TypeError) as error:
        raise PonderError(f"{endpoint.url} did not answer as OpenAI's chat completions do: {reply!r:.300}") from error
    content = message.get("content") or ""
    thinking = message.get("reasoning_content") or message.get("reasoning")
    if thinking is None:
        thinking, content = split_thinking(content, endpoint.words.think)
    details = usage.get("completion_tokens_details") or {}
    return Answer(
        thinking=thinking,
        answer=content,
        thinking_tokens=details.get("reasoning_tokens"),
        response_tokens=int(usage.get("completion_tokens") or 0),
        truncated=choice.get("finish_reason") == "length",
    )


def _post(endpoint: Endpoint, body: Mapping[str, Any]) -> Mapping[str, Any]:
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get(endpoint.key_variable):
        headers["Authorization"] = f"Bearer {key}"
    url = f"{endpoint.url.rstrip('/')}/chat/completions"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    for attempt in range(_TRIES):
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as response:
                found: Mapping[str, Any] = json.load(response)
                return found
        except urllib.error.HTTPError as error:
            if error.code not in (429, 500, 502, 503, 504):
                said = error.read().decode(errors="replace")[:300]
                raise PonderError(f"{url} refused: {error.code} {error.reason}: {said}") from error
            failed: Exception = error
        except (OSError, http.client.HTTPException, ValueError) as error:  # no connection, a broken one, no JSON
            failed = error
        if attempt < _TRIES - 1:
            time.sleep(2.0**attempt)
    raise PonderError(f"{url} did not answer after {_TRIES} tries: {failed}")
