"""What a run asks of Ray before it waits for it: as many cores or GPUs as its parts need, and no more."""

from __future__ import annotations

from typing import Any

import pytest
import ray

from rl.config import RunConfig
from rl.errors import PonderError
from rl.system import _require


@pytest.mark.parametrize(("device", "unit"), [("cpu", "CPU"), ("gpu", "GPU")])
def test_learners_count_only_where_there_are_some(monkeypatch: pytest.MonkeyPatch, device: Any, unit: str) -> None:
    """An evaluation needs the engines alone."""
    config = RunConfig.model_validate(
        {
            "name": "run",
            "steps": 1,
            "prompts_per_step": 2,
            "group_size": 2,
            "data": {"train": [{"generator": "letter_count", "size": 4}]},
            "algorithm": {"preset": "dapo"},
            "rewards": [{"use": "math"}],
            "learner": {"ranks": 4},
        }
    )
    monkeypatch.setattr(ray, "cluster_resources", lambda: {unit: 1.0})
    _require(config, device, learning=False)
    with pytest.raises(PonderError, match=rf"needs 5 {unit}.*learner\.ranks=4\) but Ray has 1"):
        _require(config, device, learning=True)
    monkeypatch.setattr(ray, "cluster_resources", dict)
    with pytest.raises(PonderError, match=rf"needs 1 {unit}") as caught:
        _require(config, device, learning=False)
    assert "learner" not in str(caught.value)
