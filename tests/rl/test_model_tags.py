"""Copies of models that have a token for each tag. Pinned here:

1. A model that has them already is taken as it is.
2. Each missing tag becomes one special token; ids, embeddings and logits of everything else stay; a new row begins as
   the mean of the pieces, in the output table too where it is one of its own; rows that nothing used are used first.
3. The copy is made once, and anew when the model's files change.
4. A run with `budget.add_tags` starts from the copy, and nothing is told of tags in several tokens.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from rl.budget.prompts import Budgets
from rl.load_config import load_config
from rl.models.resolve import ResolvedModel, resolve_model
from rl.models.tags import with_tags
from rl.prepare import base_model
from tests.rl.learner_parts import make_model
from verifiers.thinking.format import FORMATS

TAGS = FORMATS["think"].tags
TEXT = "How many times does the letter r appear in: s t r a w ?"


@pytest.fixture(scope="module")
def tiny() -> ResolvedModel:
    return resolve_model("tiny")


def save(model: ResolvedModel, folder: Path, *, tied: bool = False, spare: int = 0) -> ResolvedModel:
    """A folder with the model's weights; with one table for input and output, or rows that no token uses, if asked."""
    network = AutoModelForCausalLM.from_pretrained(model.path)
    if spare:
        network.resize_token_embeddings(len(AutoTokenizer.from_pretrained(model.path)) + spare, mean_resizing=False)
    if tied:
        network.config.tie_word_embeddings = True
        network.get_output_embeddings().weight = network.get_input_embeddings().weight
    network.save_pretrained(folder)
    AutoTokenizer.from_pretrained(model.path).save_pretrained(folder)
    return resolve_model(str(folder))


def test_a_model_with_the_tags_is_taken_as_it_is(tiny: ResolvedModel, tmp_path: Path) -> None:
    assert with_tags(tiny, FORMATS["seed"].tags, cache=tmp_path) is tiny
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("tied", "spare"), [(True, 0), (False, 0), (False, 2), (False, 8)])
def test_missing_tags_become_tokens_and_nothing_else_changes(
    tiny: ResolvedModel, tmp_path: Path, tied: bool, spare: int
) -> None:
    model = save(tiny, tmp_path / "model", tied=tied, spare=spare)
    found = with_tags(model, TAGS, cache=tmp_path)
    assert found.built == "tags added: <think>, </think>, <budget>, </budget>"
    old, new = AutoTokenizer.from_pretrained(model.path), AutoTokenizer.from_pretrained(found.path)
    ids = [new(tag, add_special_tokens=False)["input_ids"] for tag in TAGS]
    assert ids == [[len(old) + place] for place in range(4)]
    assert new(f"{TEXT}<think> a")["input_ids"] == [*old(TEXT)["input_ids"], *ids[0], *old(" a")["input_ids"]]
    assert new.decode([ids[0][0], *old(" a")["input_ids"]], skip_special_tokens=True) == " a"
    assert new.chat_template == old.chat_template

    before, after = (AutoModelForCausalLM.from_pretrained(one.path).eval() for one in (model, found))
    assert after.config.tie_word_embeddings is tied
    rows = after.get_input_embeddings().weight.shape[0]
    assert rows == after.config.vocab_size == max(len(new), len(old) + spare)
    tokens = old(TEXT, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        expected, got = before(tokens).logits, after(tokens).logits
    torch.testing.assert_close(got[..., : len(old)], expected[..., : len(old)])
    for part in ("get_input_embeddings", "get_output_embeddings"):
        source, table = getattr(before, part)().weight, getattr(after, part)().weight
        for tag, (row,) in zip(TAGS, ids, strict=True):
            torch.testing.assert_close(table[row], source[old(tag)["input_ids"]].mean(dim=0))


def test_only_what_is_missing_is_added(tiny: ResolvedModel, tmp_path: Path) -> None:
    found = with_tags(tiny, ("<seed:think>", "<why>"), cache=tmp_path)
    assert found.built == "tags added: <why>"


def test_the_unknown_token_is_no_tag(tmp_path: Path) -> None:
    """A tokenizer that has a token for what it does not know gives that one's id for a missing tag."""
    words = Tokenizer(WordLevel({"[UNK]": 0, "a": 1, "</s>": 2}, unk_token="[UNK]"))
    words.pre_tokenizer = Whitespace()
    make_model(tmp_path / "model", vocabulary=3)
    known = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]", eos_token="</s>")
    assert known.convert_tokens_to_ids("<think>") == 0
    known.save_pretrained(tmp_path / "model")
    found = with_tags(resolve_model(str(tmp_path / "model")), ("<think>", "</think>"), cache=tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(found.path)
    assert tokenizer("a <think> b </think>", add_special_tokens=False)["input_ids"] == [1, 3, 0, 4]


def test_the_copy_is_made_once_for_the_same_files(tiny: ResolvedModel, tmp_path: Path) -> None:
    model = save(tiny, tmp_path / "model")
    first = with_tags(model, TAGS, cache=tmp_path)
    written = (first.path / "model.safetensors").stat().st_mtime_ns
    assert with_tags(model, TAGS, cache=tmp_path) == first
    assert (first.path / "model.safetensors").stat().st_mtime_ns == written
    (model.path / "generation_config.json").write_text("{}")
    assert with_tags(model, TAGS, cache=tmp_path).path != first.path


def test_a_run_starts_from_the_copy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PONDER_CACHE", str(tmp_path))
    given = ["budget.format=think", "budget.turn=system"]
    for overrides, split in (given, True), ([*given, "budget.add_tags=true"], False):
        config = load_config(Path("configs/quickstart_budget.yaml"), overrides).config
        assert config.budget is not None
        path = base_model(config).path
        budgets = Budgets(config.budget, AutoTokenizer.from_pretrained(path), seed=0)
        assert (budgets.tag_warning(path) is not None) is split


@pytest.mark.slow
def test_smollm2_gets_the_tags_of_seed_oss(tmp_path: Path) -> None:
    tags = FORMATS["seed"].tags
    found = with_tags(resolve_model("smollm2-135m"), tags, cache=tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(found.path)
    assert [tokenizer(tag)["input_ids"] for tag in tags] == [[49_152 + place] for place in range(4)]
    assert found.parameters == 134_515_008 + 4 * 576
