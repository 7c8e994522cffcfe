"""The command `ponder` as a user meets it: what it prints where, and its exit codes.

1. `check` prints the plan and exits 0, also for a recipe whose GPUs and data are elsewhere.
2. Mistakes go to stderr without a traceback: exit 2 for the configuration, 1 for what lies outside it.
3. Overrides may stand before and after options.
4. Ctrl-C exits with 130.
5. Commands pass on what they were told.
"""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from rl import cli
from rl.errors import PonderError
from rl.run.manifest import write_manifest

ROOT = Path(__file__).parents[2]
QUICKSTART = str(ROOT / "configs" / "quickstart.yaml")


def ponder(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    try:
        code = cli.main(arguments)
    except SystemExit as end:  # argparse
        code = int(end.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_check(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ponder(capsys, "check", QUICKSTART, "device=cpu", "steps=10")
    assert (code, err) == (0, "")
    assert "16 prompts x 16 = 256 samples" in out
    assert "10 steps, 40 optimizer steps" in out
    assert out.endswith("quickstart.yaml is valid.\n")


def test_check_tells_what_is_elsewhere(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rl.plan.gpus_here", lambda: 0)
    code, out, _ = ponder(capsys, "check", str(ROOT / "configs" / "qwen2.5_7b_dapo_math.yaml"))
    assert code == 0
    assert "needed, and not here: 8 GPUs (here: 0)" in out
    assert "needed, and not here: the file of data.train.0.path" in out


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ponder(capsys, "check", "--explain", "group_size")
    assert (code, out) == (0, "  group_size: an integer, at least 1 [needed]\n      Responses per prompt.\n")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["check", "nowhere.yaml"], 2, "error: there is no configuration file nowhere.yaml."),
        (["check"], 2, "error: name a configuration: ponder check CONFIG"),
        (["check", "--explain", "grup_size"], 2, "error: there is no key 'grup_size'. Did you mean `group_size`?"),
        (["check", QUICKSTART, "group_sise=3"], 2, "group_sise (command line): unknown key. Did you mean `group_size`"),
        (["check", QUICKSTART, "rewards.0.use=mth"], 2, "rewards.0.use (command line): no reward is called `mth`"),
        (["train", QUICKSTART, "data.train=[{path: no.jsonl}]", "warmup="], 2, "data.train.0.path: "),
        (["train", QUICKSTART, "--fast"], 2, "unrecognized argument: --fast"),
        (["warmup", QUICKSTART, "warmup="], 2, "has no `warmup` section"),
        (["warmup", QUICKSTART, "--untagged"], 2, "add --make-data TRACES"),
        (["eval", QUICKSTART, "--checkpoint", "3"], 2, "--checkpoint needs a run folder"),
        (["eval", QUICKSTART, "--checkpoint", "3", "--model", "tiny"], 2, "give --model or --checkpoint, not both"),
        (["report", "nowhere"], 1, "error: nowhere is not a run folder"),
        (["export", "nowhere", "out"], 1, "error: nowhere is not a run folder"),
        (["eval", "nowhere"], 2, "error: there is no configuration file nowhere"),
        (["trian", QUICKSTART], 2, "invalid choice: 'trian'"),
        ([], 2, "the following arguments are required: COMMAND"),
    ],
)
def test_mistakes(capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str) -> None:
    got, out, err = ponder(capsys, *arguments)
    assert got == code
    assert message in err
    assert out == ""
    assert "Traceback" not in err


def test_a_mistake_from_a_shell() -> None:
    command = [sys.executable, "-m", "rl.cli", "train", QUICKSTART, "steps=0"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f"error: {QUICKSTART}: 1 mistake; nothing was started.",
        "  steps (command line): expected an integer, at least 1; got 0",
    ]


def test_lists(capsys: pytest.CaptureFixture[str]) -> None:
    assert ponder(capsys, "version")[1].startswith("ponder 0.")
    code, out, _ = ponder(capsys, "rewards")
    assert code == 0
    assert {"math", "overlong", "format"} <= {line.split(" ")[0] for line in out.splitlines()}


@pytest.mark.parametrize(
    ("gold", "response", "code", "lines"),
    [
        (r"\frac{1}{2}", r"So it is \boxed{0.5}.", 0, ["verdict       right", "decided by    number"]),
        (
            r"\sqrt{8}",
            r"\boxed{3\sqrt{2}}",
            1,
            ["verdict       wrong", "  found       the last box after the thinking"],
        ),
        ("42", r"<think>\boxed{42}", 1, ["answer        none: nothing comes after the thinking, or it never ends"]),
        (
            "42",
            r"\boxed{42",
            1,
            ["answer        none: the last box is empty, never closed, or only supposed or denied"],
        ),
        ("42", r"\boxed{41} or \boxed{42}", 1, ["verdict       hedged", "  beside      41 | 42"]),
        ("42", r"\boxed{5^{5^{5^{5^5}}}}", 1, ["verdict       too large"]),
        ("", r"\boxed{42}", 1, ["verdict       unparseable gold"]),
    ],
)
def test_verify(capsys: pytest.CaptureFixture[str], gold: str, response: str, code: int, lines: list[str]) -> None:
    got, out, err = ponder(capsys, "verify", gold, response)
    assert (got, err) == (code, "")
    assert set(lines) <= set(out.splitlines())


def test_verify_reads_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(r"Hence \boxed{-5}."))
    assert ponder(capsys, "verify", "--", "-5", "-")[0] == 0


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ponder(capsys, "--help")
    assert code == 0
    for name in ("train", "check", "eval", "export", "warmup", "report", "rewards", "verify", "version"):
        assert f"\n    {name} " in out


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (PonderError("the disk is full"), 1)])
def test_ends(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    def end(options: object) -> int:
        raise error

    monkeypatch.setattr(cli, "_version", end)
    got, _, err = ponder(capsys, "version")
    assert got == code
    assert err in ("interrupted\n", "error: the disk is full\n")


def test_eval_of_a_run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A run's own configuration and checkpoint; overrides on both sides of an option."""
    from rl import evaluate
    from rl.load_config import load_config
    from rl.run.evaluation import Accuracy, Evaluation

    run = tmp_path / "run"
    checkpoint = run / "checkpoints" / "step-000003"
    (checkpoint / "policy").mkdir(parents=True)
    (checkpoint / "state.json").write_text('{"step": 3, "model": "tiny"}')
    write_manifest(checkpoint)
    (run / "config.yaml").write_text(yaml.safe_dump(load_config(Path(QUICKSTART)).config.model_dump(mode="json")))
    told: dict[str, Any] = {}

    def measure(config: object, **arguments: object) -> Evaluation:
        told.update(arguments, config=config)
        tasks = {"mawps": Accuracy(0.4, 0.2, 6), "svamp": Accuracy(0.65, 0.1, 4)}
        return Evaluation(0.5, 0.1, {1: 0.5, 2: 0.7}, 20.0, 0.0, 10, 2, (), tasks)

    monkeypatch.setattr(evaluate, "evaluate_model", measure)
    code, out, err = ponder(
        capsys, "eval", str(run), "seed=5", "--samples-per-prompt", "2", "rollout.max_response_tokens=40"
    )
    assert (code, err) == (0, "")
    assert told["model"] == str(checkpoint / "policy")
    assert told["config"].seed == 5
    assert told["config"].evaluation.samples_per_prompt == 2
    assert told["config"].rollout.max_response_tokens == 40
    assert "pass@1            0.500 +- 0.100 (95%)\n  mawps           0.400 +- 0.200 (6 prompts)" in out
    assert "pass@2            0.700" in out
