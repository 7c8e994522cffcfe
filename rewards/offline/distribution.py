"""Numbers that come in one by one, and their distribution: mean, spread, percentiles, histogram."""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_FEW_VALUES = 12
_BINS = 12
_TINIEST_BIN = 1e-300  # narrower ones have no power of ten that a float can hold


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a histogram: values in [low, high); the last bar includes `high`."""

    low: float
    high: float
    """Equal to `low` where the bar is one value."""
    count: int

    @property
    def label(self) -> str:
        """`0.5`, or `0.5 to 1`."""
        return f"{self.low:.6g}" if self.low == self.high else f"{self.low:.6g} to {self.high:.6g}"


@dataclass(frozen=True, slots=True)
class Distribution:
    """What at least one number looks like."""

    count: int
    mean: float
    std: float
    """Of the population (divided by `count`)."""
    min: float
    max: float
    percentiles: Mapping[int, float]
    """50, 95 and 99, interpolated between neighbours."""
    histogram: tuple[Bar, ...]


class Numbers:
    """Collects finite numbers, 8 bytes each."""

    def __init__(self) -> None:
        self._values = array("d")

    def add(self, value: float) -> None:
        """Take up one number."""
        self._values.append(value)

    def __len__(self) -> int:
        return len(self._values)

    def array(self) -> np.ndarray:
        """A copy, so that more may be added while it is in use."""
        import numpy as np

        return np.array(self._values)

    def distribution(self) -> Distribution | None:
        """None where there is no number."""
        if not self._values:
            return None
        import numpy as np

        values = np.sort(self.array())
        largest = max(abs(float(values[0])), abs(float(values[-1]))) or 1.0  # scaled by it, no sum overflows
        scaled = values / largest
        p50, p95, p99 = (float(one) * largest for one in np.percentile(scaled, (50, 95, 99)))
        return Distribution(
            len(values),
            float(scaled.mean()) * largest,
            float(scaled.std()) * largest,
            float(values[0]),
            float(values[-1]),
            {50: p50, 95: p95, 99: p99},
            _histogram(values),
        )


def round_edges(low: float, high: float, bins: int = _BINS) -> list[float]:
    """At most `bins` + 1 round intervals that cover [low, high], as their edges; `low` is below `high`."""
    width = max(high / bins - low / bins, _TINIEST_BIN)
    magnitude = 10.0 ** math.floor(math.log10(width))
    step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if width <= m * magnitude * (1 + 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    edges = [_round(i * step) for i in range(first, last + 1)]
    return [min(low, edges[0]), *edges[1:-1], max(high, edges[-1])]


def _histogram(values: np.ndarray) -> tuple[Bar, ...]:
    """Bars of sorted numbers: one for each value where there are few of them, else round intervals."""
    import numpy as np

    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) <= _FEW_VALUES:
        return tuple(Bar(float(v), float(v), int(n)) for v, n in zip(distinct, counts, strict=True))
    edges = round_edges(float(values[0]), float(values[-1]))
    # Left edges decide, as in [low, high); the largest number goes into the last bar.
    starts = [0, *(int(i) for i in np.searchsorted(values, edges[1:-1], side="left")), len(values)]
    return tuple(Bar(edges[i], edges[i + 1], starts[i + 1] - starts[i]) for i in range(len(edges) - 1))


def _round(value: float) -> float:
    """Without the noise of `3 * 0.1`, and finite."""
    largest = sys.float_info.max
    return max(-largest, min(largest, float(f"{value:.15g}")))


def ratio(part: float, whole: float) -> float | None:
    """A share, or None of nothing."""
    return part / whole if whole else None


def average_ranks(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Ranks from 1; equal values share the average of their ranks."""
    import numpy as np

    _, places, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    return (counts.cumsum() - (counts - 1) / 2)[places]


def rank_correlation(a: Sequence[float] | np.ndarray, b: Sequence[float] | np.ndarray) -> float | None:
    """Spearman's rho; None where one side is constant or there are fewer than two pairs."""
    import numpy as np

    if len(a) < 2:
        return None
    x, y = average_ranks(a), average_ranks(b)
    x, y = x - x.mean(), y - y.mean()
    spread = float(np.sqrt((x @ x) * (y @ y)))
    return max(-1.0, min(1.0, float(x @ y) / spread)) if spread > 0 else None
