"""The command `ponder`.

Every command imports what it needs when it runs, so that `ponder check` and `ponder rewards` answer at once.
Exit codes: 0 done, 1 something outside the code is wrong, 2 wrong configuration or command line, 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from rewards.errors import DataFileError, SettingsError
from rl.budget.command import EXAMPLES as BUDGET_EXAMPLES
from rl.budget.command import add_arguments as add_budget_arguments
from rl.budget.command import run as run_budget
from rl.errors import EXIT_STOPPED, ConfigError, PonderError
from rl.simulation import options as simulation_options
from rollout.errors import RolloutError
from sandbox.config import IMAGE, PYTHON

Command = Callable[[argparse.Namespace], int]

_OVERRIDES = """
`key.path=value` after the configuration overrides it; the value is YAML:
  ponder train configs/quickstart.yaml seed=3 rollout.workers=2 rewards.0.weight=0.5
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code. Mistakes of the user are told without a traceback."""
    # torch builds extensions with the ninja beside this Python, which is not on PATH in an unactivated environment
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    options = _parse(arguments)
    # Read when torch is loaded: threads that wait must not spin on cores that an engine or a learner needs.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    command: Command = options.command
    try:
        return command(options)
    except PonderError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except RolloutError as error:
        print(f"error: {error}", file=sys.stderr)
        return PonderError.exit_code
    except PermissionError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        return PonderError.exit_code
    except (SettingsError, DataFileError) as error:
        print(f"error: {error}", file=sys.stderr)
        return ConfigError.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_STOPPED
    except BrokenPipeError:  # `ponder check ... | head`
        sys.stderr.close()
        return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Arguments, with overrides allowed before, between and after options (argparse only takes them before)."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    for argument in rest:
        if argument.startswith("-") or "overrides" not in options:
            parser.error(f"unrecognized argument: {argument}")
        options.overrides.append(argument)
    return options


def _check(options: argparse.Namespace) -> int:
    from rl.explain import explain

    if options.explain is not None:
        print("\n".join(explain(options.explain)))
        return 0
    if options.config is None:
        raise ConfigError("name a configuration: ponder check CONFIG (or --explain [KEY] for what may stand in one)")
    from rl.load_config import load_config
    from rl.plan import full_rows, needed_elsewhere

    loaded = load_config(options.config, options.overrides)
    rows = full_rows(loaded.config)
    width = max(len(label) for label, _ in rows)
    for label, value in rows:
        print(f"{label:<{width}}  {value}")
    for warning in loaded.warnings:
        print(f"warning: {warning}")
    for need in needed_elsewhere(loaded.config):
        print(f"needed, and not here: {need}")
    print(f"{options.config} is valid.")
    return 0


def _train(options: argparse.Namespace) -> int:
    from rl.load_config import load_config
    from rl.plan import missing_files, needed_elsewhere

    loaded = load_config(options.config, options.overrides)
    if missing := missing_files(loaded.config):
        raise ConfigError("these files are not there (relative ones are looked up beside the configuration):\n  "
                          + "\n  ".join(missing))  # fmt: skip
    if "RAY_ADDRESS" not in os.environ and (needs := needed_elsewhere(loaded.config)):
        raise PonderError(
            f"this machine lacks {'; '.join(needs)}. Ways out: (1) change what the run needs (`ponder check` shows the "
            "arithmetic), (2) join more machines to a Ray cluster and set RAY_ADDRESS."
        )
    for warning in loaded.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    from rl.train import train

    return train(loaded.config, base=loaded.base)


def _ablate(options: argparse.Namespace) -> int:
    from rl.ablation import ablate

    return ablate(options.config, options.seeds, table_only=options.table)


def _warmup(options: argparse.Namespace) -> int:
    from rl.load_config import load_config

    loaded = load_config(options.config, options.overrides)
    config = loaded.config
    if options.make_data is not None:
        from rl.budget.make_command import make_worked_examples

        return make_worked_examples(
            config,
            options.make_data,
            options.out,
            levels_per_trace=options.levels_per_trace,
            untagged=options.untagged,
        )
    if options.untagged or options.out is not None:
        raise ConfigError("--untagged and --out say how --make-data writes examples: add --make-data TRACES.")
    if config.warmup is None:
        raise ConfigError(f"{options.config} has no `warmup` section. Add one: `warmup: {{}}` takes its defaults.")
    from rl.data.source import load_examples
    from rl.prepare import base_model
    from rl.run.screen import noise_to
    from rl.warmup import warm_model

    with noise_to(config.runs_folder / f"warmup-{config.name}" / "logs" / "driver.log") as screen:
        held_out = load_examples(config.data.eval, loaded.base)
        folder = warm_model(
            base_model(config),
            load_examples(config.data.train, loaded.base, exclude=held_out),
            config.warmup,
            base=loaded.base,
            seed=config.seed,
            budget=config.budget,
            held_out=held_out,
            progress=lambda line: print(line, file=screen),
        )
    print(folder)
    return 0


def _eval(options: argparse.Namespace) -> int:
    from rl.load_config import load_config

    overrides = list(options.overrides)
    if options.samples_per_prompt is not None:
        overrides.append(f"evaluation.samples_per_prompt={options.samples_per_prompt}")
    run: Path | None = options.source if options.source.is_dir() else None
    if options.checkpoint is not None and options.model is not None:
        raise ConfigError("give --model or --checkpoint, not both")
    if options.checkpoint is not None and run is None:
        raise ConfigError("--checkpoint needs a run folder: ponder eval RUN --checkpoint STEP")
    loaded = load_config(run / "config.yaml" if run else options.source, overrides)
    config, model = loaded.config, options.model
    if run is not None and model is None:
        from rl.run.export import find_checkpoint

        model = str(find_checkpoint(run, options.checkpoint).policy)
    if options.plot is not None and config.budget is None:
        raise ConfigError("--plot draws accuracy by thinking budget, and there is no `budget` section.")
    if options.plot is not None and options.plot.exists():
        raise PonderError(f"{options.plot} exists already; nothing was measured. Name another file or move it away.")
    logs = run / "logs" / "eval" if run else config.runs_folder / f"eval-{config.name}" / "logs"
    from rl.evaluate import evaluate_model

    measured = evaluate_model(config, base=loaded.base, model=model, logs=logs, out=options.out)
    print(f"model             {model or config.model.name}")
    print(f"prompts           {measured.prompts} x {measured.samples_per_prompt} samples")
    print(f"pass@1            {measured.accuracy:.3f} +- {measured.ci95:.3f} (95%)")
    for task, one in measured.tasks.items():
        print(f"  {task:<15} {one.accuracy:.3f} +- {one.ci95:.3f} ({one.prompts} prompts)")
    for k, value in measured.pass_at.items():
        if k > 1:
            print(f"{f'pass@{k}':<17} {value:.3f}")
    print(f"response tokens   {measured.response_tokens_mean:.1f} (mean)")
    print(f"truncated         {measured.truncated:.1%}")
    if measured.budget:
        from rl.budget.curve import draw, points_of, table

        print(f"compliance        {measured.budget['budget/compliance']:.3f}")
        points = points_of(measured.budget, measured.prompts * measured.samples_per_prompt)
        print("\n".join(table(points)))
        if options.plot is not None:
            print(draw(points, run.name if run else config.name, options.plot))
    return 0


def _export(options: argparse.Namespace) -> int:
    from rl.run.export import export_run

    print(export_run(options.run, options.out, options.step))
    return 0


def _report(options: argparse.Namespace) -> int:
    for run in options.runs:
        if not (run / "config.yaml").exists():
            raise PonderError(f"{run} is not a run folder (it has no config.yaml). Runs lie under runs/<name>.")
    if options.curve is not None:
        from rl.run.curve import save_curve

        if options.curve.exists():
            raise PonderError(
                f"{options.curve} exists already; nothing was written. Name another file or move it away."
            )
        print(save_curve({run.name: run / "metrics.jsonl" for run in options.runs}, options.curve))
        return 0
    from rl.run.report import write_report

    for run in options.runs:
        print(write_report(run))
    return 0


def _rewards(options: argparse.Namespace) -> int:
    from rewards.describe import Description
    from rewards.loader import list_builtins, list_functions

    found = list_builtins() if options.file is None else list_functions(options.file)
    width = max((len(name) for name in found), default=0)
    for name, described in found.items():
        if not isinstance(described, Description):
            print(f"{name:<{width}}  cannot be used: {described.message}")
            continue
        kinds = [described.style] * (described.style != "ponder") + ["on groups"] * described.group
        kinds += ["async"] * described.asynchronous
        print(f"{name:<{width}}  {described.line or '(no docstring)'}" + (f" [{', '.join(kinds)}]" if kinds else ""))
        words = [f"{one.name}={one.default}" if one.default else f"{one.name} (needed)" for one in described.options]
        label = "columns or options" if described.takes_columns else "options"
        print(f"{'':<{width}}  {label}: {', '.join(words) or 'none'}")
    print("\nOne of your own: a Python file with `def f(sample, **options)` that returns a number, a Score or None,")
    print("and in the configuration:  rewards: [{use: path/to/file.py:f, weight: 1}]")
    print("`ponder rewards path/to/file.py` lists what is in it; `ponder score` tries it on samples.")
    return 0


def _score(options: argparse.Namespace) -> int:
    from rewards.offline.samples import Columns
    from rewards.offline.standards import Limit, Standards

    columns = Columns(options.prompt_column, options.response_column, options.ground_truth_column, options.label)
    if options.attack:
        from rl.attack_command import attack

        return attack(options.rewards, options.data, columns, options.overrides)
    if options.rewards is None or options.data is None:
        raise ConfigError("name the rewards and the samples: ponder score --rewards REWARDS.yaml --data SAMPLES.jsonl")
    from rl.score_command import ScoreRequest, score

    try:
        standards = Standards(
            min_f1=options.min_f1,
            min_precision=options.min_precision,
            min_recall=options.min_recall,
            min_accuracy=options.min_accuracy,
            min_agreement=options.min_agreement,
            min_correlation=options.min_correlation,
            max_timeouts=None if options.max_timeouts is None else Limit.parse(options.max_timeouts),
            max_failures=None if options.max_failures is None else Limit.parse(options.max_failures),
            max_p99_ms=options.max_p99_ms,
        )
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return score(
        ScoreRequest(
            rewards=options.rewards,
            data=options.data,
            overrides=options.overrides,
            columns=columns,
            against=options.against,
            out=options.out,
            report=options.report,
            workers=options.workers,
            standards=standards,
        )
    )


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of 1 or more")
    return int(text)


def _sandbox(options: argparse.Namespace) -> int:
    from rl.sandbox_command import describe_backends
    from sandbox import SandboxConfig

    lines, usable = describe_backends(SandboxConfig(python=options.python, image=options.image))
    print("\n".join(lines))
    return 0 if usable else PonderError.exit_code


def _verify(options: argparse.Namespace) -> int:
    from rl.verify_command import describe_verdict
    from verifiers.math import verify
    from verifiers.math.worker import close

    response = sys.stdin.read() if options.response == "-" else options.response
    try:
        verdict = verify(options.gold, response, timeout_s=options.timeout)
    finally:
        close()
    print("\n".join(describe_verdict(options.gold, response, verdict)))
    return 0 if verdict.correct else 1


def _simulate(options: argparse.Namespace) -> int:
    from rl.simulate_command import simulate_command

    return simulate_command(simulation_options.read_options(options))


def _version(options: argparse.Namespace) -> int:
    print(f"ponder {version('ponder-rl')}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ponder",
        description="RL post-training for language models that know how long to think.",
        epilog="ponder COMMAND --help says more about each.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, command: Command, about: str, more: str = "") -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name,
            help=about,
            description=about[:1].upper() + about[1:] + ".",
            epilog=more,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(command=command)
        return sub

    def configured(sub: argparse.ArgumentParser, *, optional: bool = False) -> None:
        sub.add_argument("config", metavar="CONFIG", type=Path, nargs="?" if optional else None, help="a YAML file")
        sub.add_argument("overrides", metavar="key=value", nargs="*", help="settings laid over the file")

    configured(add("train", _train, "train a model; the same command again goes on where it stopped", _OVERRIDES))
    check = add("check", _check, "validate a configuration and print what follows from it; starts nothing", _OVERRIDES)
    configured(check, optional=True)
    check.add_argument(
        "--explain", nargs="?", const="", metavar="KEY", help="what may stand in a configuration, or under KEY in it"
    )

    evaluation = add(
        "eval",
        _eval,
        "measure a model or a checkpoint on the held-out prompts: pass@1, pass@k, mean length",
        "  ponder eval runs/quickstart                      the newest checkpoint\n"
        "  ponder eval runs/quickstart --checkpoint 20      that of step 20\n"
        "  ponder eval configs/quickstart.yaml --model tiny --samples-per-prompt 8\n",
    )
    evaluation.add_argument("source", metavar="CONFIG|RUN", type=Path, help="a YAML file or a run folder")
    evaluation.add_argument("overrides", metavar="key=value", nargs="*", help="settings laid over the file")
    evaluation.add_argument("--model", metavar="M", help="another model: a name or a folder")
    evaluation.add_argument("--checkpoint", metavar="STEP", type=int, help="of a run (default: the newest)")
    evaluation.add_argument("--samples-per-prompt", metavar="N", type=int, help="evaluation.samples_per_prompt")
    evaluation.add_argument("--out", metavar="FILE", type=Path, help="write the samples there, as JSONL")
    evaluation.add_argument("--plot", metavar="PNG", type=Path, help="with budgets: draw accuracy by budget there")

    add_budget_arguments(
        add("budget", run_budget, "measure accuracy by thinking budget of a model or an endpoint", BUDGET_EXAMPLES)
    )
    export = add("export", _export, "write a run's policy as a Hugging Face folder")
    export.add_argument("run", metavar="RUN", type=Path, help="a run folder")
    export.add_argument("out", metavar="OUT", type=Path, help="the folder to make")
    export.add_argument("--step", metavar="N", type=int, help="the checkpoint of that step (default: the newest)")

    ablation = add("ablate", _ablate, "run the variants of a configuration over several seeds; prints a table")
    ablation.add_argument("config", metavar="ABLATION", type=Path, help="a YAML file, see configs/ablations")
    ablation.add_argument("--seeds", metavar="N", type=int, nargs="+", help="these in place of the file's")
    ablation.add_argument("--table", action="store_true", help="print the table of what has run, run nothing")

    warming = add(
        "warmup",
        _warmup,
        "supervised warm start by the `warmup` section; prints the folder",
        "  ponder warmup my_run.yaml\n"
        "  ponder warmup my_run.yaml --make-data traces.jsonl --out worked.jsonl   then warmup.examples: worked.jsonl\n"
        + _OVERRIDES,
    )
    configured(warming)
    warming.add_argument(
        "--make-data",
        metavar="TRACES",
        type=Path,
        help="write worked examples at the budgets of `budget`, from correct thinking traces (JSONL); trains nothing",
    )
    warming.add_argument("--out", metavar="FILE", type=Path, help="with --make-data: the file to write")
    warming.add_argument("--levels-per-trace", metavar="N", type=_count, default=2, help="budgets a trace (default: 2)")
    warming.add_argument(
        "--untagged", action="store_true", help="with --make-data: responses without thinking tags are all thinking"
    )
    report = add("report", _report, "write the HTML report of runs again, or draw their curves into one picture")
    report.add_argument("runs", metavar="RUN", type=Path, nargs="+", help="a run folder")
    report.add_argument("--curve", metavar="PNG", type=Path, help="draw reward and accuracy of all RUNs here instead")
    listing = add("rewards", _rewards, "list the built-in rewards, or those in a file")
    listing.add_argument("file", metavar="FILE", type=Path, nargs="?", help="a Python file with reward functions")
    scoring = add(
        "score",
        _score,
        "score samples in a file by the rewards of a configuration, or attack the rewards",
        "  ponder score --rewards configs/rewards/math.yaml --data samples.jsonl --label is_correct\n"
        "  ponder score --rewards my.yaml --data runs/quickstart --out scored.jsonl --report report.html\n"
        "  ponder score --rewards new.yaml --against old.yaml --data samples.jsonl --min-agreement 0.99\n"
        "  ponder score --attack                                       the built-in rewards\n"
        "  ponder score --attack --rewards my.yaml --data right.jsonl  your own, from a few right answers\n\n"
        "DATA is a .jsonl or .parquet file or a run folder; its columns are a prompt, a response and a ground truth.\n"
        "An interrupted --out goes on with the same command. Exit code 3: a standard (--min-..., --max-...) is unmet,\n"
        "or an attack was paid.\n" + _OVERRIDES,
    )
    scoring.add_argument("overrides", metavar="key=value", nargs="*", help="settings laid over the rewards' file")
    scoring.add_argument(
        "--rewards", metavar="YAML", type=Path, help="a file with `rewards:`, or a run's configuration"
    )
    scoring.add_argument("--data", metavar="DATA", type=Path, help="the samples")
    scoring.add_argument("--label", metavar="COLUMN", help="your own verdict: compare the rewards with it")
    scoring.add_argument("--against", metavar="YAML", type=Path, help="other rewards: where do the two differ?")
    scoring.add_argument("--out", metavar="JSONL", type=Path, help="write the rows with their scores there")
    scoring.add_argument("--report", metavar="HTML", type=Path, help="write a page to read the disagreements on")
    scoring.add_argument("--workers", metavar="N", type=_count, help="worker processes (default: all cores)")
    for what in ("prompt", "response", "ground-truth"):
        scoring.add_argument(f"--{what}-column", metavar="NAME", help=f"column of the {what.replace('-', ' ')}")
    for what in ("f1", "precision", "recall", "accuracy"):
        scoring.add_argument(f"--min-{what}", metavar="X", type=float, help=f"{what} against the label, 0 to 1")
    scoring.add_argument("--min-agreement", metavar="X", type=float, help="share of equal verdicts with --against")
    scoring.add_argument("--min-correlation", metavar="X", type=float, help="rank correlation with --against")
    scoring.add_argument("--max-timeouts", metavar="N", help="rows with a timeout: a number, or a share like 0.5%%")
    scoring.add_argument("--max-failures", metavar="N", help="rows with a timeout, crash or error")
    scoring.add_argument("--max-p99-ms", metavar="MS", type=float, help="99th percentile of a call's time")
    scoring.add_argument("--attack", action="store_true", help="try the shipped reward hacks, say which are paid")
    simulation = add("simulate", _simulate, simulation_options.ABOUT, simulation_options.MORE + _OVERRIDES)
    configured(simulation)
    simulation_options.add_options(simulation, count=_count)
    verdict = add(
        "verify",
        _verify,
        "say whether a response's final answer is right, and how that came about",
        "  ponder verify '\\frac{1}{2}' 'So it is \\boxed{0.5}.'\n"
        "  ponder verify 42 - < response.txt               reads the response from standard input\n\n"
        "Quote LaTeX with single quotes, or the shell eats its backslashes; write `--` before a GOLD that starts with\n"
        "a minus. Exit code 0: right; 1: anything else.",
    )
    verdict.add_argument("gold", metavar="GOLD", help="the reference answer")
    verdict.add_argument("response", metavar="RESPONSE", help="what a model wrote; - reads standard input")
    verdict.add_argument("--timeout", metavar="S", type=float, default=2.0, help="deadline in seconds (default: 2)")
    sandbox = add("sandbox", _sandbox, "say how generated programs can be isolated on this machine")
    sandbox.add_argument("action", choices=["doctor"], help="try every backend and say what holds")
    sandbox.add_argument("--python", default=PYTHON, help="bubblewrap: interpreter inside (%(default)s)")
    sandbox.add_argument("--image", default=IMAGE, help="docker: the image to try (%(default)s)")
    add("version", _version, "print the version")
    return parser


if __name__ == "__main__":
    sys.exit(main())
