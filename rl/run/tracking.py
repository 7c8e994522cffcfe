"""Where metrics go: `metrics.jsonl` always, TensorBoard by default, wandb, mlflow or trackio when asked for.

A line of `metrics.jsonl` is `{"step": n, "time": unix seconds, "<area>/<name>": value, ...}`. A step may have several
lines (training and evaluation); metrics below `value_pretraining/` count their own steps. NaN and infinities are null.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import yaml

from rewards.atomic import write_atomically
from rl.batch import Metrics
from rl.config import TrackingConfig
from rl.errors import ConfigError

PRETRAINING = "value_pretraining/"
"""Metrics of the critic's warm-up, which counts steps of its own."""
_EVALUATION = "eval/accuracy"
"""Metric of every evaluation on held-out prompts."""


class Sink(Protocol):
    """Something that takes metrics."""

    def log(self, step: int, metrics: Metrics) -> None:
        """Take the metrics of a step."""

    def close(self) -> None:
        """Write what is still held back."""


class Tracker:
    """All sinks of a run as one."""

    def __init__(
        self, folder: Path, config: TrackingConfig, *, name: str, resume_after: int = 0, value_steps: int = 0
    ) -> None:
        """Open the sinks of a run folder.

        Args:
            name: the run's name, for the trackers that keep many runs.
            resume_after: the last step that counts; lines of later steps, left by a start that was cut off, go.
            value_steps: the last step of value pretraining that counts.

        Raises:
            ConfigError: a tracker that was asked for is not installed.
        """
        require_trackers(config)
        path = folder / "config.yaml"
        settings = yaml.safe_load(path.read_text()) if path.exists() else {}
        lines = JsonLines(folder / "metrics.jsonl", resume_after, value_steps)
        self._evaluated = {record["step"] for record in lines.kept if _EVALUATION in record}
        self._sinks: list[Sink] = [lines]
        if config.tensorboard:
            self._sinks.append(TensorBoard(folder / "tensorboard", resume_after, value_steps))
        self._sinks += [_TRACKERS[tracker](config.project, name, settings) for tracker in config.also]

    def log(self, step: int, metrics: Metrics) -> None:
        """Record the metrics of a step everywhere."""
        if _EVALUATION in metrics:
            self._evaluated.add(step)
        for sink in self._sinks:
            sink.log(step, metrics)

    def evaluated(self, step: int) -> bool:
        """Whether held-out figures of a step are recorded, by this start or an earlier one."""
        return step in self._evaluated

    def close(self) -> None:
        """Close all sinks."""
        for sink in self._sinks:
            sink.close()

    def __enter__(self) -> Tracker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class JsonLines:
    """One line per call, on disk when `log` returns."""

    def __init__(self, path: Path, resume_after: int, value_steps: int) -> None:
        self.kept: list[dict[str, Any]] = []
        """The lines of earlier starts that count."""
        if path.exists():
            self.kept = [record for record in read_metrics(path) if _counts(record, resume_after, value_steps)]
            write_atomically(path, "".join(json.dumps(record) + "\n" for record in self.kept))
        self._file = path.open("a", encoding="utf-8")

    def log(self, step: int, metrics: Metrics) -> None:
        """Append a line."""
        values = {name: value if math.isfinite(value) else None for name, value in metrics.items()}
        self._file.write(json.dumps({"step": step, "time": round(time.time(), 3), **values}) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class TensorBoard:
    """Event files, written without torch; value pretraining is a run of its own there."""

    def __init__(self, folder: Path, resume_after: int, value_steps: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._event = Event
        resumed = folder.exists()
        self._training = EventFileWriter(str(folder / "training"))
        self._pretraining = EventFileWriter(str(folder / "value_pretraining"))
        if resumed:  # TensorBoard forgets what an earlier start wrote for later steps
            start = SessionLog(status=SessionLog.START)
            for writer, last in ((self._training, resume_after), (self._pretraining, value_steps)):
                writer.add_event(Event(wall_time=time.time(), step=last + 1, session_log=start))

    def log(self, step: int, metrics: Metrics) -> None:
        """Write one scalar per metric."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        for writer, chosen in (
            (self._training, {name: value for name, value in metrics.items() if not name.startswith(PRETRAINING)}),
            (self._pretraining, {k[len(PRETRAINING) :]: v for k, v in metrics.items() if k.startswith(PRETRAINING)}),
        ):
            if chosen:
                summary = Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in chosen.items()])
                writer.add_event(self._event(wall_time=time.time(), step=step, summary=summary))

    def close(self) -> None:
        """Flush and close."""
        self._training.close()
        self._pretraining.close()


class WandbLike:
    """wandb, or trackio, which has the same interface."""

    def __init__(self, module: Any, project: str, name: str, settings: Mapping[str, Any]) -> None:
        self._module = module
        module.init(project=project, name=name, config=dict(settings))

    def log(self, step: int, metrics: Metrics) -> None:
        """Log with the step as a value of its own: steps of value pretraining and training overlap."""
        self._module.log({"step": step, **metrics})

    def close(self) -> None:
        """Finish the run."""
        self._module.finish()


class Mlflow:
    """An mlflow run; the tracking server is mlflow's own setting."""

    def __init__(self, project: str, name: str, settings: Mapping[str, Any]) -> None:
        self._module: Any = import_module("mlflow")
        self._module.set_experiment(project)
        self._module.start_run(run_name=name)
        self._module.log_dict(dict(settings), "config.json")

    def log(self, step: int, metrics: Metrics) -> None:
        """Log all metrics of the step."""
        self._module.log_metrics(dict(metrics), step=step)

    def close(self) -> None:
        """End the run."""
        self._module.end_run()


_TRACKERS: Mapping[str, Any] = {
    "wandb": lambda *run: WandbLike(import_module("wandb"), *run),
    "trackio": lambda *run: WandbLike(import_module("trackio"), *run),
    "mlflow": Mlflow,
}


def require_trackers(config: TrackingConfig) -> None:
    """Refuse trackers that are not installed.

    Raises:
        ConfigError: naming them and the command that installs them.
    """
    missing = [name for name in config.also if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"tracking.also: {', '.join(missing)} not installed. Ways out: (1) pip install {' '.join(missing)}, "
            "(2) leave it out (metrics.jsonl and TensorBoard files are written anyway)."
        )


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The records of a `metrics.jsonl`, in the order written; a line that was cut off by a crash is left out."""
    records = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return records


Series = list[tuple[int, float]]


def series(records: Sequence[Mapping[str, Any]], name: str) -> Series:
    """(step, value) of one metric by step; of several values for a step the last one."""
    found = {record["step"]: record[name] for record in records if record.get(name) is not None}
    return sorted(found.items())


def _counts(record: Mapping[str, Any], resume_after: int, value_steps: int) -> bool:
    pretraining = any(name.startswith(PRETRAINING) for name in record)
    last: int = value_steps if pretraining else resume_after
    return bool(record["step"] <= last)
