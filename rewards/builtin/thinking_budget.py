"""Does the response keep to its thinking budget, and does it tell the truth about it?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from rewards.budget import Tolerances, complies, comply
from rewards.tokenizer import load_tokenizer
from rewards.types import RewardInput, Score
from verifiers.thinking.format import FORMATS, ThinkingFormat
from verifiers.thinking.parse import parse
from verifiers.thinking.tokens import ByteTokenizer, ThinkingTokens, bind

CLAIM_TOLERANCE = 0.0625
"""Share of the interval by which a claimed number may be off and count as true."""
_BYTES = "bytes"
_FACTORS = ("form", "floor")


def thinking_budget(
    sample: RewardInput,
    *,
    tokenizer: str = "",
    protocol: str | Mapping[str, Any] = "seed",
    encode_text: bool = False,
    within: float = 0.3,
    claims: float = 0.25,
    arithmetic: float = 0.1,
    cadence: float = 0.2,
    closing: float = 0.15,
    used: float = 0.0,
    whole: float = 0.0,
    claim_tolerance: float = CLAIM_TOLERANCE,
    miss: float = 0.5,
    overshoot: float = 0.25,
    min_thinking_tokens: int = 8,
) -> Score | None:
    """Pays for thinking that keeps to its budget and tells the truth about it (Seed-OSS's protocol).

    Checked on token ids, exactly. form * floor * the weighted mean of the parts that apply, each from 0 to 1 and in the
    metrics by its name:

    - `within`: thinking tokens up to the budget and the end of a sentence; beyond that linearly down to 0; 0 where the
      engine had to end the thinking.
    - `claims`: "I have used U tokens" is true, within a tolerance.
    - `arithmetic`: U and what remains make up the budget, and U rises.
    - `cadence`: a reflection at each multiple of the interval, passed by no more than the end of a sentence.
    - `closing`: the line that the budget is exhausted if and only if the budget ended the thinking.
    - `used`: share of the budget that was thought; only where it has a weight.
    - `whole`: all of the protocol is kept in full (`used` aside), or nothing; only where it has a weight. What is left
      to learn where most responses are nearly right.
    - `form`: 1, half of it for each fault of the protocol, 0 for a grave one (thinking that is never closed, opened
      twice, or in the answer; tags typed as text). The message names the faults.
    - `floor`: share of `min_thinking_tokens` that was thought.

    At budget 0 only `direct` counts: nothing is thought. Without a budget only `cadence`: no reflection is wanted.
    Parts about reflections are shares of those due and those written together, so it pays neither to leave them out nor
    to repeat them. Thinking more than the floor never pays, unless `used` has a weight: a budget is then a target, and
    a model that would do with less learns to use it.

    What is thought in the answer is not seen: `overlong` bounds that. Whether the answer is right is no matter here,
    and short thinking has little to get wrong: give this a gate and a small weight, so that thinking less is never
    worth a wrong answer.

        rewards:
          - use: math
          - {use: thinking_budget, weight: 0.2, requires: math}
        correctness: math

    A sample without token ids is skipped, unless `encode_text` is set: then its text is encoded, and the part
    `re_encoded` says so. Range: [0, 1].
    Source: the protocol and its intervals are Seed-OSS's chat template and published samples; how it was trained is not
    published, and this reward is Ponder's.

    Args:
        sample: what is judged.
        tokenizer: the model's folder or its tokenizer.json; `bytes` counts a token for each byte. In training it is the
            run's own.
        protocol: `seed`, `think`, or the fields of a `ThinkingFormat` (tags, sentences, intervals).
        encode_text: encode the text of samples without token ids.
        within: weight of this part.
        claims: weight of this part.
        arithmetic: weight of this part.
        cadence: weight of this part.
        closing: weight of this part.
        used: weight of this part.
        whole: weight of this part.
        claim_tolerance: share of the interval up to which U is true; beyond it falls linearly.
        miss: share of the interval from which U, or the place of a reflection, is worth nothing.
        overshoot: share of the budget by which thinking beyond it is worth nothing.
        min_thinking_tokens: tokens outside reflections that thinking has at least (where the budget is smaller: that).

    Raises:
        ValueError: an option is out of range, or there is no tokenizer.
    """
    weights = {
        "within": within,
        "claims": claims,
        "arithmetic": arithmetic,
        "cadence": cadence,
        "closing": closing,
        "used": used,
        "whole": whole,
    }
    for name, weight in weights.items():
        if weight < 0:
            raise ValueError(f"{name}={weight} must be 0 or more: it is the weight of a part")
    if not within or not cadence:
        raise ValueError(f"within={within} and cadence={cadence} must be more than 0: some samples have no other part")
    if not 0 <= claim_tolerance < miss <= 0.5:
        raise ValueError(f"claim_tolerance={claim_tolerance} must be below miss={miss}, and that no more than 0.5")
    if overshoot <= 0 or min_thinking_tokens < 0:
        raise ValueError(
            f"overshoot={overshoot} must be more than 0, min_thinking_tokens={min_thinking_tokens} no less"
        )
    ids = sample.response_ids
    if ids is None and not encode_text:
        return None
    tokens = _tokens(tokenizer, json.dumps(protocol))
    if ids is None:
        ids = tokens.encode_response(sample.response)
    words, budget = tokens.format, sample.thinking_budget
    trace = parse(ids, tokens, opened=words.opened(budget), forced=sample.forced)
    tolerances = Tolerances(
        claim=claim_tolerance, miss=miss, overshoot=overshoot, min_thinking_tokens=min_thinking_tokens
    )
    found = asdict(comply(trace, budget, words, tolerances))
    parts = {name: part for name, part in found.items() if part is not None and (name != "used" or used)}
    faults = dict.fromkeys(str(fault) for fault, _ in trace.faults)
    if not sample.response.rpartition(words.think[1])[2].strip():  # the ids end with an end of turn, the text does not
        parts["form"] = 0.0
        faults["there is no answer"] = None
    if whole:
        parts["whole"] = float(complies(parts))
    weighted = [(weights.get(name, 1.0), part) for name, part in parts.items() if name not in _FACTORS]
    mean = sum(weight * part for weight, part in weighted) / sum(weight for weight, _ in weighted)
    detail = parts if sample.response_ids is not None else {**parts, "re_encoded": 1.0}
    return Score(parts["form"] * parts["floor"] * mean, detail=detail, message="; ".join(faults))


@lru_cache(maxsize=8)
def _tokens(tokenizer: str, protocol: str) -> ThinkingTokens:
    """The protocol (as JSON) in the ids of a tokenizer; read once in each worker process."""
    if not tokenizer:
        raise ValueError(
            "the reward `thinking_budget` needs the model's tokenizer. Ways out: (1) options: {tokenizer: FOLDER}, the "
            "model's folder with its tokenizer.json; (2) tokenizer: bytes counts a token for each byte"
        )
    chosen = json.loads(protocol)
    if isinstance(chosen, str):
        if chosen not in FORMATS:
            raise ValueError(f"protocol={chosen!r} is none of {', '.join(FORMATS)}; or give the fields of your own")
        words = FORMATS[chosen]
    else:
        words = ThinkingFormat.model_validate(chosen)
    return bind(words, ByteTokenizer(words.tags) if tokenizer == _BYTES else load_tokenizer(tokenizer))
