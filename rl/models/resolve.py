"""From the name of a model to a folder on disk.

Names: `tiny` (built here), `smollm2-135m` (converted from a Python package), a folder, or a Hugging Face name. Built
models are cached under `$PONDER_CACHE` (default `~/.cache/ponder`) by a hash of all that decides their contents.
Looking a name up imports no torch; building does.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rl.models import smollm2, tiny
from rl.models.cache import build_once, cache_folder
from rl.models.errors import ModelNotFound
from rl.models.known import KNOWN_SHAPES, ModelShape, shape_of_config

_BUILT = {
    "tiny": (tiny.fingerprint, tiny.build_tiny),
    "smollm2-135m": (smollm2.fingerprint, smollm2.build_smollm2),
}
"""Name -> cache key and builder."""

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json")
_HUB_FILES = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja", "*.py", "*.tiktoken"]
"""What is fetched of a repository: no duplicate weights in other formats."""


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A model folder that is there: config.json, weights, tokenizer."""

    path: Path
    name: str
    """The name that was asked for."""
    tokenizer_path: Path
    parameters: int
    built: str
    """How it came: `built` or `cached` (ours), `folder`, `hub`, or what was added to such a one."""

    def digest(self) -> bytes:
        """A hash of the names and contents of its files; what lies in folders below is left out."""
        found = hashlib.sha256()
        for folder in dict.fromkeys((self.path, self.tokenizer_path)):
            for file in sorted(file for file in folder.iterdir() if file.is_file()):
                with file.open("rb") as stream:
                    found.update(file.name.encode() + hashlib.file_digest(stream, "sha256").digest())
        return found.digest()


def resolve_model(name: str, *, cache: Path | None = None) -> ResolvedModel:
    """The folder of a model, built or fetched when it is not there yet.

    Args:
        name: `tiny`, `smollm2-135m`, a folder, or a Hugging Face name.
        cache: folder for built models; default `cache_folder()`.

    Raises:
        ModelNotFound: there is no such model here, with what can be done.
        PonderError: the cache cannot be written.
    """
    if name in _BUILT:
        path, built = _build(name, cache or cache_folder())
    elif Path(name).expanduser().is_dir():
        path, built = Path(name).expanduser().resolve(), "folder"
    elif _HUB_NAME.fullmatch(name):
        path, built = _fetch(name), "hub"
    else:
        raise _unknown(name)
    _require_files(path, name)
    return ResolvedModel(path, name, path, count_parameters(path), built)


def model_shape(name: str | Path) -> ModelShape:
    """The sizes of a model by name or folder, from its config.json alone; nothing is built or fetched.

    Raises:
        ModelNotFound: neither a folder with a config.json, nor in the hub's local cache, nor one we know by heart.
    """
    if str(name) == "tiny":
        return shape_of_config(tiny.CONFIG)
    if str(name) in KNOWN_SHAPES:
        return KNOWN_SHAPES[str(name)]
    file = Path(name).expanduser() / "config.json"
    if not file.is_file():
        file = _cached_hub_config(str(name))
    try:
        return shape_of_config(_read_json(file))
    except KeyError as error:
        raise ModelNotFound(f"{file} has no {error}: it does not describe a decoder language model.") from error


def count_parameters(folder: Path) -> int:
    """Parameters of a saved model, from the headers of its safetensors files (weights are not read).

    Shared tensors are saved and counted once. Without safetensors files the count follows from config.json.
    """
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        return shape_of_config(_read_json(folder / "config.json")).parameters
    return sum(_count_in_header(file) for file in files)


def _count_in_header(file: Path) -> int:
    """A safetensors file begins with the header's length (8 bytes, little endian), then the header as JSON."""
    try:
        with file.open("rb") as stream:
            header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    except (OSError, ValueError) as error:
        raise ModelNotFound(f"{file} is not a complete safetensors file. Copy or download the model again.") from error
    return sum(math.prod(entry["shape"]) for key, entry in header.items() if key != "__metadata__")


def _build(name: str, cache: Path) -> tuple[Path, str]:
    fingerprint, build = _BUILT[name]
    target = cache / "models" / f"{name}-{fingerprint()}"
    return target, "built" if build_once(target, build) else "cached"


def _fetch(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=_HUB_FILES))
    except GatedRepoError as error:
        raise ModelNotFound(f"{name} is gated: accept its terms on the hub and run `hf auth login`.") from error
    except RepositoryNotFoundError as error:
        raise ModelNotFound(
            f"the hub has no model {name}, or it is private: check the spelling{_near(name)}."
        ) from error
    except (HfHubHTTPError, OSError) as error:  # LocalEntryNotFoundError and connection errors are OSErrors
        raise ModelNotFound(
            f"{name} is not in the local Hugging Face cache and could not be fetched ({type(error).__name__}).\n"
            f"Ways out: (1) with a network, try again; (2) copy the model's folder here and give its path as "
            f"model.name; (3) use a model that needs no hub: {' or '.join(_BUILT)}."
        ) from error


def _cached_hub_config(name: str) -> Path:
    if _HUB_NAME.fullmatch(name):
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(name, "config.json")
        if isinstance(found, str):
            return Path(found)
        raise ModelNotFound(
            f"{name} is not in the local Hugging Face cache: its shape is not known before it is fetched."
        )
    raise _unknown(name)


def _require_files(path: Path, name: str) -> None:
    if not (path / "config.json").is_file():
        raise ModelNotFound(f"{path} is not a model folder: it has no config.json. Give the folder that holds it.")
    if not any(next(path.glob(pattern), None) for pattern in ("*.safetensors", "*.bin")):
        raise ModelNotFound(f"{path} has no weights (*.safetensors or *.bin). Copy or download the model again.")
    if not any((path / file).is_file() for file in _TOKENIZER_FILES):
        raise ModelNotFound(
            f"{path} has no tokenizer ({', '.join(_TOKENIZER_FILES)}). Copy {name}'s tokenizer into it."
        )


def _read_json(file: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelNotFound(f"{file} cannot be read: {error}. Copy or download the model again.") from error
    return content


def _unknown(name: str) -> ModelNotFound:
    return ModelNotFound(
        f"no model `{name}`: there is no such folder{_near(name)}.\n"
        f"Give {' or '.join(f'`{known}`' for known in _BUILT)}, a Hugging Face name (owner/model), or a folder with "
        f"config.json, weights and tokenizer."
    )


def _near(name: str) -> str:
    matches = difflib.get_close_matches(name, [*_BUILT, *KNOWN_SHAPES], n=1, cutoff=0.5)
    return f" (did you mean `{matches[0]}`?)" if matches else ""
