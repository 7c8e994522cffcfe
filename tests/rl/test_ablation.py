"""Ablations. Pinned here:

1. The shipped ones are valid, every variant of them; each changes what its name says.
2. A mistake in any variant is named before anything runs.
3. Runs that are finished are not run again, nor taken where their settings were others; a run that fails is named, and
   those before it stay.
4. Ctrl-C reaches the run, which is waited for until it has saved.
5. The table compares each variant with the first one of the same configuration, over the seeds that both have.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from rewards.errors import SettingsError
from rl import ablation
from rl.ablation import ablate, read_ablation, table
from rl.errors import PonderError
from rl.load_config import load_config

CONFIGS = Path(__file__).parents[2] / "configs"
SHIPPED = sorted((CONFIGS / "ablations").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_ablations_change_one_thing_each(path: Path) -> None:
    made = read_ablation(path)
    first = {variant.config: load_config(variant.config).config for variant in made.variants.values()}
    for variant in made.variants.values():
        changed = load_config(variant.config, variant.set).config
        assert (changed == first[variant.config]) is (variant.set == [])
        outside = {"algorithm": first[variant.config].algorithm, "streaming": first[variant.config].streaming}
        assert changed.model_copy(update=outside) == first[variant.config], "only algorithm and streaming may differ"


def test_there_are_ablations() -> None:
    assert SHIPPED


def write(tmp_path: Path, variants: dict[str, Any], seeds: list[int]) -> Path:
    path = tmp_path / "a.yaml"
    base = CONFIGS / "quickstart.yaml"
    full = {name: {"config": str(base), "set": changes} for name, changes in variants.items()}
    path.write_text(yaml.safe_dump({"runs_folder": str(tmp_path / "runs"), "seeds": seeds, "variants": full}))
    return path


def finish(tmp_path: Path, name: str, after: float) -> None:
    run = tmp_path / "runs" / name
    run.mkdir(parents=True)
    summary = {"eval_before": {"accuracy": 0.5}, "eval_after": {"accuracy": after}}
    (run / "summary.json").write_text(json.dumps(summary))
    lines = [{"step": step, "reward/accuracy": step / 20} for step in range(1, 21)]
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_mistake_in_a_variant_is_found_before_anything_runs(tmp_path: Path) -> None:
    path = write(tmp_path, {"full": [], "typo": ["algorithm.alhpa=1"]}, [0])
    with pytest.raises(SettingsError, match=r"variants\.typo(.|\n)*alpha"):
        ablate(path)
    assert not (tmp_path / "runs").exists()


def test_the_table(tmp_path: Path) -> None:
    path = write(tmp_path, {"full": [], "less": ["steps=3"], "none": ["steps=2"]}, [0, 1])
    finish(tmp_path, "full-0", 0.9)
    finish(tmp_path, "full-1", 0.5)
    finish(tmp_path, "less-0", 0.8)
    rows = list(table(read_ablation(path), [0, 1]))
    assert rows[2] == "| full | 0.900 | 0.500 | 0.700 |  | 0.500 | 0.775 |"
    assert rows[3] == "| less | 0.800 |  | 0.800 | -0.100 | 0.500 | 0.775 |"
    assert rows[4] == "| none |  |  |  |  |  |  |"


def test_what_is_finished_is_kept_and_a_failure_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The second variant cannot start: its run folder is a file."""
    path = write(tmp_path, {"full": [], "less": ["steps=3"]}, [0])
    finish(tmp_path, "full-0", 0.9)
    (tmp_path / "runs" / "less-0").write_text("in the way")
    with pytest.raises(PonderError, match="less, seed 0 ended with exit code 1"):
        ablate(path)
    assert "full, seed 0" not in capfd.readouterr().out
    assert ablation.outcome_of(tmp_path / "runs" / "full-0") is not None


def test_a_finished_run_with_other_settings_is_not_taken(tmp_path: Path) -> None:
    path = write(tmp_path, {"full": [], "less": ["steps=3"]}, [0])
    finish(tmp_path, "less-0", 0.9)
    place = [f"runs_folder={tmp_path / 'runs'}", "name=less-0", "seed=0"]
    saved = tmp_path / "runs" / "less-0" / "config.yaml"
    ran = load_config(CONFIGS / "quickstart.yaml", ["steps=3", *place]).config.model_dump(mode="json")
    del ran["algorithm"]["old_logprobs"]  # as of a version that had no such setting
    saved.write_text(yaml.safe_dump(ran))
    assert ablate(path, table_only=True) == 0
    saved.write_text(yaml.safe_dump({**ran, "steps": 4}))
    for table_only in (True, False):
        with pytest.raises(PonderError, match=r"other settings(.|\n)*less-0\n +steps: 4 -> 3\nWays out"):
            ablate(path, table_only=table_only)


RUN = """
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
print("running", flush=True)
signal.sigwait({signal.SIGINT})
sys.stdin.readline()
open(sys.argv[1], "w").write("saved")
sys.exit(130)
"""
"""Saves after Ctrl-C, and not before it is told to."""


def test_an_interrupted_run_is_waited_for(tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    command = [sys.executable, "-c", RUN, str(saved)]
    waiting = f"import sys; from rl.ablation import wait_for; sys.exit(wait_for({command!r}))"
    process = subprocess.Popen(
        [sys.executable, "-c", waiting],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdin is not None and process.stdout is not None
    assert process.stdout.readline() == "running\n"
    os.killpg(process.pid, signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=1)  # subprocess.run would have killed the run after a quarter of a second
    process.stdin.write("go on\n")
    process.stdin.close()
    assert process.wait(timeout=60) == 130
    assert saved.read_text() == "saved"
