"""Response lengths: distributions from text, and draws that belong to a prompt.

A length is a quantile: a standard normal number in, tokens out. The numbers of one prompt's samples have a part in
common (`alike`), so that some prompts have long answers and others short ones, whatever the distribution.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

from rl.errors import ConfigError

Quantile = Callable[[float], float]
"""Standard normal -> tokens."""

FORMS = "lognormal(median=4000, sigma=0.8), geometric(mean=300), fixed(n=1000), file(runs/NAME) or file(SAMPLES.jsonl)"
_CALL = re.compile(r"\s*(\w+)\s*\((.*)\)\s*", re.DOTALL)
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Lengths:
    """A distribution of response lengths."""

    text: str
    """As it was written."""
    quantile: Quantile
    most: int
    """Longer responses are truncated to this many tokens."""
    alike: float
    """Share of the variance that samples of one prompt have in common, 0 to 1."""

    def draw(self, rng: random.Random, count: int) -> list[int]:
        """Tokens of the responses to one prompt."""
        common, own = math.sqrt(self.alike), math.sqrt(1 - self.alike)
        prompt = common * rng.gauss(0, 1)
        return [self.tokens(prompt + own * rng.gauss(0, 1)) for _ in range(count)]

    def tokens(self, normal: float) -> int:
        """The length at a quantile, from 1 to `most`."""
        return max(1, min(self.most, round(self.quantile(normal))))


def parse_lengths(text: str, *, most: int, alike: float) -> Lengths:
    """A distribution from text.

    Args:
        text: one of `FORMS`; values may stand without their names.
        most: rollout.max_response_tokens.
        alike: share of the variance that samples of one prompt have in common.

    Raises:
        ConfigError: the text is none of these forms, or a value cannot be.
    """
    if not 0 <= alike <= 1:
        raise ConfigError(f"--alike {alike:g}: a share from 0 (samples differ as prompts do) to 1 (all alike)")
    match = _CALL.fullmatch(text)
    if match is None or match[1] not in _READERS:
        raise ConfigError(f"--lengths {text!r} is no distribution of response lengths. Write {FORMS}.")
    return Lengths(text.strip(), _READERS[match[1]](text, match[2]), most, alike)


def lengths_of_samples(path: Path) -> list[int]:
    """`response_tokens` of saved samples: a JSONL file, or all of a run folder.

    Raises:
        ConfigError: there are none.
    """
    files = [path] if path.is_file() else sorted((path / "samples").glob("*.jsonl"))
    found: list[int] = []
    for file in files:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            try:
                row: Any = json.loads(line)
                found.append(int(row["response_tokens"]))
            except (ValueError, KeyError, TypeError):
                raise ConfigError(
                    f"{file}:{number} has no number `response_tokens`, as samples of a run have"
                ) from None
    if not found:
        raise ConfigError(
            f"no samples in {path}. Give a run folder, or a JSONL file whose rows have `response_tokens`."
        )
    return found


def quantile_of(observed: Sequence[int]) -> Quantile:
    """The distribution of observed lengths."""
    ordered = sorted(observed)

    def quantile(normal: float) -> float:
        return ordered[min(int(_NORMAL.cdf(normal) * len(ordered)), len(ordered) - 1)]

    return quantile


def _lognormal(text: str, inside: str) -> Quantile:
    values = _values(text, inside, ("median", "sigma"))
    median, sigma = values["median"], values["sigma"]
    return lambda normal: median * math.exp(min(sigma * normal, 50.0))


def _geometric(text: str, inside: str) -> Quantile:
    mean = _values(text, inside, ("mean",))["mean"]
    if mean <= 1:
        return lambda normal: 1.0
    rate = -math.log1p(-1 / mean)

    def quantile(normal: float) -> float:
        return math.ceil(-math.log(max(_NORMAL.cdf(-normal), 1e-300)) / rate)

    return quantile


def _fixed(text: str, inside: str) -> Quantile:
    count = _values(text, inside, ("n",))["n"]
    return lambda normal: count


def _file(text: str, inside: str) -> Quantile:
    return quantile_of(lengths_of_samples(Path(inside.strip()).expanduser()))


_READERS: dict[str, Callable[[str, str], Quantile]] = {
    "lognormal": _lognormal,
    "geometric": _geometric,
    "fixed": _fixed,
    "file": _file,
}


def _values(text: str, inside: str, names: tuple[str, ...]) -> dict[str, float]:
    """`median=4000, sigma=0.8`, or `4000, 0.8`: every name once, every value above 0."""
    found: dict[str, float] = {}
    for place, part in enumerate(inside.split(",")):
        name, equals, value = part.rpartition("=")
        name = name.strip() if equals else (names[place] if place < len(names) else "")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if name not in names or name in found or not 0 < number < math.inf:
            raise ConfigError(
                f"--lengths {text!r}: {part.strip()!r} is none of its values ({', '.join(names)}; each above 0). "
                f"Write {FORMS}."
            )
        found[name] = number
    if missing := [name for name in names if name not in found]:
        raise ConfigError(f"--lengths {text!r}: {' and '.join(missing)} missing. Write {FORMS}.")
    return found
