"""What may change between two starts of a run.

1. The same configuration takes up the run; a harmless change is allowed and reported.
2. Another model, data set or seed is refused once the folder holds results, with the difference and ways out.
3. Two processes never have one folder; a killed one leaves it free.
4. A run that failed before it produced anything may be corrected and started under its name.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rl.config import RunConfig
from rl.errors import PonderError
from rl.run.folder import RunFolder


def config(folder: Path, **changes: Any) -> RunConfig:
    settings: dict[str, Any] = {
        "name": "run",
        "runs_folder": folder,
        "steps": 3,
        "prompts_per_step": 2,
        "group_size": 2,
        "data": {"train": [{"generator": "letter_count", "size": 4}]},
        "algorithm": {"preset": "dapo"},
        "rewards": [{"use": "math"}],
    }
    return RunConfig.model_validate(settings | changes)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    assert folder.open(config(tmp_path)) == []
    return folder


HOLD = """
import sys
from pathlib import Path
from rl.run.folder import RunFolder
with RunFolder(Path(sys.argv[1])).held():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_one_process_s_at_a_time(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None and other.stdout.readline() == "held\n"
    with (
        pytest.raises(PonderError, match=rf"run is being trained by another process \(pid {other.pid} on"),
        folder.held(),
    ):
        raise AssertionError("both have it")
    other.kill()
    other.communicate()
    with folder.held():
        assert str(os.getpid()) in (folder.root / ".lock").read_text()


def test_a_longer_run_goes_on_and_says_what_changed(folder: RunFolder, tmp_path: Path) -> None:
    folder.metrics.write_text('{"step": 1}\n')
    assert folder.open(config(tmp_path)) == []
    assert folder.open(config(tmp_path, steps=5)) == ["steps: 3 -> 5"]


def test_another_model_is_refused_when_there_are_results(folder: RunFolder, tmp_path: Path) -> None:
    folder.metrics.write_text('{"step": 1}\n')
    before = folder.config.read_text()
    with pytest.raises(PonderError, match=r"model\.name: 'tiny' -> 'smollm2-135m'(.|\n)*a name of its own"):
        folder.open(config(tmp_path, model={"name": "smollm2-135m"}))
    assert folder.config.read_text() == before


def test_a_run_that_never_produced_anything_may_be_corrected(folder: RunFolder, tmp_path: Path) -> None:
    changed = folder.open(config(tmp_path, model={"name": "smollm2-135m"}))
    assert changed == ["model.name: 'tiny' -> 'smollm2-135m'"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(PonderError, match=r"cannot write the run folder .*runs_folder=") as caught:
        RunFolder(tmp_path / "taken" / "run").open(config(tmp_path / "taken"))
    assert "taken/run" in str(caught.value)
