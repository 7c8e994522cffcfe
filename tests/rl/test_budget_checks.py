"""`ponder check` on budgets. Pinned here:

1. Budgets that the response cannot hold are refused, the largest that can is not.
2. A chat template on this machine that knows no budget is refused, with the way out that works.
3. Tags that the tokenizer spells in several tokens (and how they are added), rewards without budgets and budgets paid
   for wrong answers are told.
4. The shipped configurations with budgets are valid, without warnings about them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rl.errors import ConfigError
from rl.load_config import load_config
from rl.models.resolve import resolve_model

QUICKSTART = Path("configs/quickstart_budget.yaml")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder of our own."""
    place = tmp_path / "model"
    shutil.copytree(resolve_model("tiny").path, place)
    return place


def warnings(*overrides: str) -> str:
    return "\n".join(load_config(QUICKSTART, overrides).warnings)


def test_budgets_must_fit_the_response() -> None:
    with pytest.raises(ConfigError, match="no room for an answer after the largest budget \\(96 tokens"):
        load_config(QUICKSTART, ["rollout.max_response_tokens=100"])
    load_config(QUICKSTART, ["rollout.max_response_tokens=101"])
    with pytest.raises(ConfigError, match="largest budget \\(512 tokens"):
        load_config(QUICKSTART, ["budget.evaluate=[512]"])


def test_a_template_without_budgets_is_refused(folder: Path) -> None:
    load_config(QUICKSTART, [f"model.name={folder}"])
    (folder / "chat_template.jinja").write_text("{% for m in messages %}{{ m['content'] }}{% endfor %}")
    with pytest.raises(ConfigError, match="has no variable `thinking_budget`"):
        load_config(QUICKSTART, [f"model.name={folder}"])
    load_config(QUICKSTART, [f"model.name={folder}", "budget.turn=system"])


def test_tags_without_tokens_are_told(folder: Path) -> None:
    assert "spells tags" not in warnings(f"model.name={folder}")
    told = warnings(f"model.name={folder}", "budget.format={think: [<ponder>, </ponder>]}")
    assert "spells tags of budget.format in several tokens: <ponder> (" in told
    assert "budget.add_tags: true" in told
    added = [f"model.name={folder}", "budget.format={think: [<ponder>, </ponder>]}", "budget.add_tags=true"]
    assert warnings(*added) == ""
    assert "nothing teaches it" in warnings(*added, "warmup=null")


def test_rewards_and_budgets_belong_together() -> None:
    assert warnings() == ""
    assert "there is no `budget` section" in warnings("budget=null")
    assert "paid for wrong answers too" in warnings("rewards.1.requires=[]")
    assert "budget.said has no effect" in warnings("budget.said={direct: At once.}")
    assert "budget.format says the protocol" in warnings("rewards.1.options={protocol: seed}")


@pytest.mark.parametrize("name", ["quickstart_budget", "seed_oss_36b_vapo_budget"])
def test_shipped_configurations_are_valid(name: str) -> None:
    loaded = load_config(Path(f"configs/{name}.yaml"))
    assert loaded.config.budget is not None
    assert not [line for line in loaded.warnings if "budget" in line]
