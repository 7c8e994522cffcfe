"""What a run starts from: models on disk (fetched, built, warmed up), prompts rendered to token ids."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from rl.budget.measure import BudgetMetrics, GroupMetrics, no_metrics
from rl.budget.prompts import Budgets
from rl.config import RunConfig
from rl.data.source import load_examples, render, require_columns, require_disjoint
from rl.errors import PonderError
from rl.learner.export import read_value_head
from rl.models.resolve import ResolvedModel, resolve_model
from rl.models.tags import with_tags
from rl.run.console import Console
from rl.warmup import warm_model
from rollout.types import Prompt


@dataclass(frozen=True)
class Prepared:
    """What a run starts from."""

    model: Path
    """Folder of the policy."""
    critic: Path | None
    """Folder of the reward model that the critic starts from; None: the policy, or no critic."""
    training: list[Prompt]
    held_out: list[Prompt]
    """With budgets: every one at every level that is measured."""
    budgets: Budgets | None
    """None: nothing limits the thinking."""
    judge: GroupMetrics
    """What budgets did, in metrics; nothing without budgets."""


def prepare(config: RunConfig, base: Path, console: Console) -> Prepared:
    """Make or find everything that has to be on disk before engines start.

    Args:
        base: folder of the configuration file; relative data paths start there.

    Raises:
        PonderError: data, a model or the warm-up is not as the configuration needs it.
    """
    held_out = load_examples(config.data.eval, base)
    examples = load_examples(config.data.train, base, exclude=held_out)
    require_disjoint(examples, held_out)
    by = None if config.budget is None else config.budget.by
    require_columns(examples, config.rewards, None if by is None else by.column)
    resolved = base_model(config)
    console.note(f"model {resolved.name}: {resolved.parameters:,} parameters ({resolved.built})")
    path = resolved.path
    if config.warmup is not None:
        path = warm_model(
            resolved,
            examples,
            config.warmup,
            base=base,
            seed=config.seed,
            budget=config.budget,
            held_out=held_out,
            progress=console.status,
        )
    tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=config.model.trust_remote_code)
    budgets = bind_budgets(config, tokenizer, path, console)
    limits = (
        config.model.context_tokens,
        config.rollout.max_response_tokens,
        budgets.extra_tokens if budgets is not None else 0,
    )
    measured = render(held_out, tokenizer, *limits)
    return Prepared(
        model=path,
        critic=_critic(config, tokenizer) if config.algorithm.uses_critic else None,
        training=render(examples, tokenizer, *limits),
        held_out=measured if budgets is None else budgets.sweep(measured),
        budgets=budgets,
        judge=no_metrics if budgets is None else BudgetMetrics(budgets, path, config.rewards),
    )


def base_model(config: RunConfig, name: str | None = None) -> ResolvedModel:
    """The model that a run starts from (or another one in its place), with its budget's tags where it is to get them.

    Raises:
        ModelNotFound: there is no such model here, with what can be done.
        PonderError: the cache cannot be written.
    """
    model = resolve_model(name or config.model.name)
    if config.budget is None or not config.budget.add_tags:
        return model
    return with_tags(model, config.budget.format.tags, trust_remote_code=config.model.trust_remote_code)


def bind_budgets(
    config: RunConfig, tokenizer: PreTrainedTokenizerBase, model: Path, console: Console
) -> Budgets | None:
    """The budgets of a run in the tokenizer of its model; None where the run has none.

    Raises:
        PonderError: chat template, format and sizes do not fit each other.
    """
    if config.budget is None:
        return None
    budgets = Budgets(config.budget, tokenizer, seed=config.seed)
    budgets.require_room(config.rollout.max_response_tokens)
    if warning := budgets.tag_warning(model):
        console.warn(warning)
    return budgets


def _critic(config: RunConfig, tokenizer: PreTrainedTokenizerBase) -> Path | None:
    """The folder of the reward model that `model.critic` names.

    Raises:
        PonderError: it is not there, is no reward model, or reads other token ids than the policy writes.
    """
    if config.model.critic is None:
        return None
    path = resolve_model(config.model.critic).path
    read_value_head(path)  # a learner needs it: better to know before engines start
    own = AutoTokenizer.from_pretrained(path, trust_remote_code=config.model.trust_remote_code).get_vocab()
    other = [token for token, number in tokenizer.get_vocab().items() if own.get(token) != number]
    if other:
        raise PonderError(
            f"model.critic: {path} has another tokenizer than the policy ({len(other):,} tokens differ, {other[0]!r} "
            "for one): it would misread every response. Choose a reward model of the policy's family, or leave "
            "model.critic out: the critic then starts from the policy."
        )
    return path
