"""What `ponder check` finds wrong with budgets, before anything starts. Imports no torch.

The tokenizer and the chat template are looked at where the model's files are on this machine; `rl.budget.prompts` looks
again, at what they really do, when a run starts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from rewards.settings.source import Problem
from rewards.tokenizer import load_tokenizer
from rl.budget.config import BudgetWords
from rl.budget.rewards import REWARD
from rl.config import RunConfig
from verifiers.thinking.tokens import bind

_AT_0 = "thinking_budget == 0"
"""`when:` of a reward that cannot make thinking shorter than it is to be."""
_VARIABLE = "thinking_budget"
"""Of the chat template."""


def budget_problems(config: RunConfig) -> Iterator[Problem]:
    """What cannot work."""
    budget = config.budget
    if budget is None:
        return
    largest, room = budget.largest, config.rollout.max_response_tokens
    if largest and largest + budget.format.max_overshoot >= room:
        yield Problem(
            ("rollout", "max_response_tokens"),
            f"is {room}, which leaves no room for an answer after the largest budget ({largest} tokens, and "
            f"{budget.format.max_overshoot} to end a sentence). Ways out:\n(1) a larger max_response_tokens (and "
            "model.context_tokens),\n(2) smaller budgets.",
            also=(("budget",),),
        )
    folder = local_folder(config.model.name)
    template = None if folder is None else chat_template(folder)
    if template is not None and budget.turn == "template" and _VARIABLE not in template:
        yield Problem(
            ("budget", "turn"),
            f"is template, but the chat template in {folder} has no variable `{_VARIABLE}`: no prompt would tell its "
            "budget. Ways out:\n(1) budget.turn: system, which tells it in a system turn,\n(2) a "
            f"chat_template.jinja that reads `{_VARIABLE}`.",
            also=(("model", "name"),),
        )


def budget_warnings(config: RunConfig) -> Iterator[str]:
    """What is allowed, but rarely meant."""
    judges = [(place, one) for place, one in enumerate(config.rewards) if one.use == REWARD]
    if config.budget is None:
        for place, _ in judges:
            yield (
                f"rewards.{place} is `{REWARD}`, but there is no `budget` section: every response is unlimited, and it "
                "only pays for saying nothing of a budget."
            )
        return
    for place, one in judges:
        if "protocol" in one.options:
            yield f"rewards.{place}.options.protocol has no effect: in a run, budget.format says the protocol."
        if not one.gates and one.when != _AT_0:
            yield (
                f"rewards.{place} (`{REWARD}`) is paid for wrong answers too: thinking less is then the easiest way to "
                "it. `requires:` the reward that says what is right."
            )
    if config.budget.turn == "template" and config.budget.said != BudgetWords():
        yield "budget.said has no effect: budget.turn is template, and the chat template has words of its own."
    if config.budget.add_tags:
        if config.warmup is None:
            yield (
                "budget.add_tags is true and there is no `warmup`: where the model lacks a tag, nothing teaches it "
                "what a new token means. Add a `warmup` on examples that use it."
            )
    elif warning := _split_tags(config):
        yield warning


def local_folder(name: str) -> Path | None:
    """Where a model's tokenizer lies on this machine; None where it is not here (or is built by us)."""
    if Path(name).expanduser().is_dir():
        return Path(name).expanduser()
    if name.count("/") != 1:  # no name of the hub
        return None
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(name, "tokenizer_config.json")
    return Path(found).parent if isinstance(found, str) else None


def chat_template(folder: Path) -> str | None:
    """The text of a model's chat template; None where it has none."""
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    config = folder / "tokenizer_config.json"
    if not config.is_file():
        return None
    try:
        template = json.loads(config.read_text(encoding="utf-8")).get("chat_template")
    except ValueError:  # the run says so when it loads the tokenizer
        return None
    return json.dumps(template) if template else None


def _split_tags(config: RunConfig) -> str | None:
    """Tags of the format that the model's tokenizer spells in several tokens."""
    assert config.budget is not None
    folder = local_folder(config.model.name)
    if folder is None or not (folder / "tokenizer.json").is_file():
        return None
    words = config.budget.format
    bound = bind(words, load_tokenizer(str(folder)))
    split = [f"{tag} ({len(ids)})" for tag, ids in zip(words.tags, bound.tags, strict=True) if len(ids) > 1]
    if not split:
        return None
    return (
        f"the tokenizer in {folder} spells tags of budget.format in several tokens: {', '.join(split)}. They count as "
        "thinking, and a tag that is spelt otherwise is none. Ways out: (1) tags that the model knows; (2) "
        "budget.add_tags: true, and a `warmup` that teaches them."
    )
