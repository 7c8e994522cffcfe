"""What a run shows while it runs: the plan, live progress, the outcome.

On a terminal the last lines are redrawn in place; elsewhere (a file, CI) each step is one plain line.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import rich.console
from rich.console import Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from rl.batch import Metrics

_PLAIN_WIDTH = 120
_BARS = "▁▂▃▄▅▆▇█"
_EXAMPLES = 3
_EXAMPLE_CHARACTERS = 400


class Console:
    """The screen of one run."""

    def __init__(self, stream: TextIO | None = None, *, total_steps: int = 0) -> None:
        """Show on a stream.

        Args:
            stream: stdout when None.
            total_steps: length of the run, for the time left; `begin` may set it later.
        """
        self._screen = rich.console.Console(file=stream, highlight=False)
        if not self._screen.is_terminal:
            self._screen.width = _PLAIN_WIDTH
        self._live: Live | None = None
        self._spinner = Spinner("dots", style="cyan")
        self._status = ""
        self._total = total_steps
        self._done = 0
        self._latest: Metrics = {}
        self._accuracy: list[float] = []
        self._durations: deque[float] = deque(maxlen=10)
        self._last_step_at = time.monotonic()

    def begin(self, total_steps: int, done: int = 0) -> None:
        """Training starts, or goes on after `done` steps."""
        self._total, self._done = total_steps, done
        self._last_step_at = time.monotonic()
        self._redraw()

    def plan(self, rows: Sequence[tuple[str, str]]) -> None:
        """The plan of the run as a table of (label, value)."""
        table = Table.grid(padding=(0, 2))
        table.add_column(style="cyan", no_wrap=True)
        table.add_column()
        for label, value in rows:
            table.add_row(Text(label), Text(value))
        self._print(Padding(table, (1, 0, 1, 1), expand=False))

    def status(self, message: str) -> None:
        """What is going on now."""
        if self._screen.is_terminal:
            self._status = message
            self._redraw()
        else:
            self._print(Text(f"... {message}"))

    def note(self, message: str) -> None:
        """A line that stays."""
        self._print(Text(message))

    def warn(self, message: str) -> None:
        """Something that the user should look at."""
        self._print(Text.assemble(("warning: ", "bold yellow"), message))

    def value_step(self, step: int, metrics: Metrics) -> None:
        """A step of value pretraining is done."""
        parts = [f"value pretraining {step}"]
        for name, label in (("critic/explained_variance", "explained variance"), ("critic/loss", "loss")):
            if name in metrics:
                parts.append(f"{label} {metrics[name]:.3f}")
        self._last_step_at = time.monotonic()
        if self._screen.is_terminal:
            self.status("  ".join(parts))
        else:
            self._print(Text("  ".join(parts)))

    def step(self, step: int, metrics: Metrics) -> None:
        """A step of training is done."""
        now = time.monotonic()
        self._durations.append(now - self._last_step_at)
        self._last_step_at, self._done, self._latest, self._status = now, step, metrics, ""
        if "reward/accuracy" in metrics:
            self._accuracy.append(metrics["reward/accuracy"])
        if self._screen.is_terminal:
            self._redraw()
        else:
            self._print(Text("  ".join([f"step {self._count()}", *self._figures(), *self._time_left()])))

    def evaluation(self, step: int, metrics: Metrics) -> None:
        """Held-out prompts were measured after a step."""
        when = f"after step {step}" if step else "before training"
        length = metrics.get("eval/response_tokens_mean")
        tail = f", mean response {length:.1f} tokens" if length is not None else ""
        accuracy = f"{metrics['eval/accuracy']:.3f}"
        tasks = [
            f"{name.removeprefix('eval/accuracy/')} {value:.3f}"
            for name, value in metrics.items()
            if name.startswith("eval/accuracy/")
        ]
        each = f" ({', '.join(tasks)})" if tasks else ""
        self._print(Text.assemble(f"held-out accuracy {when}: ", (accuracy, "bold"), each, tail))

    def summary(self, summary: Mapping[str, Any], report: Path) -> None:
        """The outcome of a finished run: `summary.json` and where the report lies."""
        self.close()
        before, after = summary.get("eval_before"), summary.get("eval_after")
        for example in [one for one in summary.get("examples", []) if "after" in one][:_EXAMPLES]:
            self._print(Padding(_example(example), (1, 0, 0, 1), expand=False))
        table = Table.grid(padding=(0, 2))
        table.add_column(style="cyan", no_wrap=True)
        table.add_column()
        if before and after:
            change = Text(f"{before['accuracy']:.3f} -> ") + Text(f"{after['accuracy']:.3f}", style="bold green")
            table.add_row("held-out accuracy", change)
            lengths = f"{before['response_tokens_mean']:.1f} -> {after['response_tokens_mean']:.1f} tokens"
            table.add_row("mean response", lengths)
        if "minutes" in summary:
            table.add_row("wall time", f"{summary['minutes']:.1f} minutes")
        table.add_row("report", Text(str(report), overflow="fold"))
        self._print(Padding(table, (1, 0, 1, 1), expand=False))

    def close(self) -> None:
        """Leave the terminal as it was; the last progress line stays."""
        if self._live is not None:
            self._status = ""
            self._live.update(self._progress(), refresh=True)
            self._live.stop()
            self._live = None

    def _print(self, content: RenderableType) -> None:
        self._screen.print(content, soft_wrap=isinstance(content, Text))

    def _redraw(self) -> None:
        if not self._screen.is_terminal:
            return
        if self._live is None:
            self._live = Live(console=self._screen, refresh_per_second=4, redirect_stdout=False, redirect_stderr=False)
            self._live.start()
        self._live.update(self._progress())

    def _progress(self) -> RenderableType:
        lines: list[RenderableType] = []
        if self._latest:
            bar = Table.grid(padding=(0, 2))
            bar.add_row(
                f"step {self._count()}",
                ProgressBar(total=self._total or self._done, completed=self._done, width=24),
                *self._time_left(),
                Text(_sparkline(self._accuracy), style="green"),
            )
            lines += [bar, Text("  ".join(self._figures()))]
        if self._status:
            self._spinner.update(text=Text(self._status))
            lines.append(self._spinner)
        return Group(*lines)

    def _count(self) -> str:
        width = len(str(self._total))
        return f"{self._done:>{width}}/{self._total}" if self._total else str(self._done)

    def _figures(self) -> list[str]:
        shown = (
            ("reward/mean", "reward", ".3f"),
            ("reward/accuracy", "accuracy", ".3f"),
            ("rollout/response_tokens_mean", "length", ".1f"),
            ("rollout/tokens_per_second", "tokens/s", ",.0f"),
        )
        return [f"{label} {self._latest[name]:{form}}" for name, label, form in shown if name in self._latest]

    def _time_left(self) -> list[str]:
        if not self._durations or self._total <= self._done:
            return []
        seconds = sum(self._durations) / len(self._durations) * (self._total - self._done)
        return [f"left {_duration(seconds)}"]


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _sparkline(values: Sequence[float], width: int = 30) -> str:
    """Values in [0, 1] as bars, the last `width` of them."""
    return "".join(_BARS[min(int(max(value, 0.0) * len(_BARS)), len(_BARS) - 1)] for value in values[-width:])


def _example(example: Mapping[str, Any]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column()
    table.add_row("question", Text(_short(example["question"])))
    for when in ("before", "after"):
        right = example.get(f"{when}_correct")
        mark = ("right ", "bold green") if right else ("wrong ", "bold red")
        table.add_row(when, Text.assemble(mark, _short(example[when])))
    return table


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _EXAMPLE_CHARACTERS else text[: _EXAMPLE_CHARACTERS - 3] + "..."
