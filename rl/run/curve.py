"""The accuracy curve of one or more runs as a picture, for a README."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rl.run.tracking import read_metrics, series


def save_curve(metrics_paths: Mapping[str, Path], out_png: Path) -> Path:
    """Draw reward and accuracy by step.

    Args:
        metrics_paths: label of a run -> its `metrics.jsonl`.
        out_png: where the picture goes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    colours = ("#2563d9", "#d9730d", "#0d9488", "#b83280", "#7c5cd6", "#7a828f")
    figure = Figure(figsize=(9, 3.4), dpi=160, layout="constrained")
    FigureCanvasAgg(figure)
    panels = {"Reward": "reward/mean", "Accuracy": "reward/accuracy"}
    for place, (title, name) in enumerate(panels.items()):
        axes = figure.add_subplot(1, len(panels), place + 1)
        for number, (label, path) in enumerate(metrics_paths.items()):
            records = read_metrics(path)
            colour = colours[number % len(colours)]
            points = series(records, name)
            axes.plot([s for s, _ in points], [v for _, v in points], color=colour, linewidth=1.6, label=label)
            held_out = series(records, "eval/accuracy") if name == "reward/accuracy" else []
            if held_out:
                axes.plot([s for s, _ in held_out], [v for _, v in held_out], "o", color=colour, markersize=5)
        axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
        axes.set_xlabel("step", fontsize=9)
        axes.tick_params(labelsize=8)
        axes.grid(axis="y", color="#e3e6eb")
        axes.set_axisbelow(True)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        if name == "reward/accuracy":
            axes.set_ylim(0, 1)
            axes.set_title("points: held out", loc="right", fontsize=8, color="#5b616e")
    if len(metrics_paths) > 1:
        axes.legend(frameon=False, fontsize=8, loc="lower right")
    out_png.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out_png)
    return out_png
