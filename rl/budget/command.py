"""`ponder budget MODEL --data FILE --levels ...`: accuracy by thinking budget of any model or endpoint."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rl.budget.config import level_of, read_level, rising
from rl.errors import ConfigError, PonderError

ANSWER_TOKENS = 1024
"""What a response may have beside its thinking, unless said otherwise."""
PROMPT_TOKENS = 2048
"""Room for the prompt, unless said otherwise."""
EXAMPLES = """  ponder budget runs/quickstart-budget/checkpoints/step-000040/policy --data held_out.jsonl \\
    --levels 0 24 48 96 unlimited --format '{intervals: {0: 0, 48: 24, 192: 48}, max_overshoot: 4}'
  ponder budget ByteDance-Seed/Seed-OSS-36B-Instruct --data aime.jsonl --levels 512 1024 4096 unlimited --samples 8
  ponder budget http://localhost:8000/v1 --model-name my-model --data aime.jsonl --levels 512 4096 --turn system
"""


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    sub.add_argument("model", metavar="MODEL", help="a name, a folder, or the URL of an OpenAI-compatible endpoint")
    sub.add_argument("--data", metavar="FILE", type=Path, required=True, help="questions and answers (JSONL, Parquet)")
    sub.add_argument("--levels", metavar="N", nargs="+", required=True, help="budgets in tokens, 0, `unlimited`")
    sub.add_argument("--samples", metavar="N", type=int, default=1, help="responses to a question at a level (1)")
    sub.add_argument("--size", metavar="N", type=int, help="only the first so many questions")
    sub.add_argument("--question-column", default="question", metavar="NAME", help="(%(default)s)")
    sub.add_argument("--answer-column", default="answer", metavar="NAME", help="(%(default)s)")
    sub.add_argument(
        "--max-response-tokens", metavar="N", type=int, help=f"(the largest level + {ANSWER_TOKENS}, 2048 at least)"
    )
    sub.add_argument(
        "--context-tokens", metavar="N", type=int, help=f"(the longest response + {PROMPT_TOKENS} for the prompt)"
    )
    sub.add_argument("--temperature", type=float, default=1.0, metavar="T", help="(%(default)s)")
    sub.add_argument("--top-p", type=float, default=1.0, metavar="P", help="(%(default)s)")
    sub.add_argument("--format", default="seed", metavar="YAML", help="budget.format: a name or fields (seed)")
    sub.add_argument("--turn", choices=["template", "system"], default="template", help="budget.turn (template)")
    sub.add_argument("--enforce", choices=["off", "cap", "cap_and_reflect"], default="off", help="budget.enforce (off)")
    sub.add_argument("--reward", default="math", metavar="USE", help="says what is right (%(default)s)")
    sub.add_argument("--plot", metavar="PNG", type=Path, help="draw the curve there")
    sub.add_argument("--json", metavar="FILE", type=Path, help="write the points there")
    sub.add_argument("--logs", metavar="FOLDER", type=Path, default=Path("runs/budget/logs"), help="(%(default)s)")
    sub.add_argument("--model-name", metavar="NAME", help="of an endpoint: which of its models")
    sub.add_argument("--key-variable", default="OPENAI_API_KEY", metavar="NAME", help="of an endpoint (%(default)s)")


def run(options: argparse.Namespace) -> int:
    """Measure, print the table, draw the curve."""
    from dataclasses import asdict

    from rl.budget.curve import draw, points_of, table

    for file in (options.plot, options.json):
        if file is not None and file.exists():
            raise PonderError(f"{file} exists already; nothing was measured. Name another file or move it away.")
    config = _config(options)
    if re.match(r"https?://", options.model):
        points = _of_endpoint(options, config)
    else:
        from rl.evaluate import evaluate_model

        measured = evaluate_model(config, base=Path(), model=options.model, logs=options.logs)
        points = points_of(measured.budget, measured.prompts * measured.samples_per_prompt)
    print(f"{options.model}, {points[0].samples} samples at each budget")
    print("\n".join(table(points)))
    if options.json is not None:
        from rewards.atomic import write_atomically

        write_atomically(options.json, json.dumps([asdict(point) for point in points], indent=1))
    if options.plot is not None:
        print(draw(points, options.model, options.plot))
    return 0


def _config(options: argparse.Namespace) -> Any:
    """A run's configuration that says what to measure."""
    import yaml

    from rl.checks import config_problems
    from rl.config import RunConfig

    source = {
        "path": options.data,
        "question_column": options.question_column,
        "answer_column": options.answer_column,
        "size": options.size,
    }
    try:
        levels = rising(read_level(level) for level in options.levels)
        longest = options.max_response_tokens or max(2048, max(levels) + ANSWER_TOKENS)
        form = yaml.safe_load(options.format)
        config = RunConfig.model_validate(
            {
                "name": "budget",
                "steps": 1,
                "prompts_per_step": 1,
                "group_size": 1,
                "model": {"name": options.model, "context_tokens": options.context_tokens or longest + PROMPT_TOKENS},
                "data": {"train": [source], "eval": [source]},
                "algorithm": {"preset": "grpo"},
                "rewards": [{"use": options.reward, "name": "right"}],
                "correctness": "right",
                "budget": {
                    "levels": dict.fromkeys(levels, 1.0),
                    "format": form,
                    "turn": options.turn,
                    "enforce": options.enforce,
                },
                "rollout": {"max_response_tokens": longest},
                "evaluation": {
                    "samples_per_prompt": options.samples,
                    "sampling": {"temperature": options.temperature, "top_p": options.top_p},
                },
            }
        )
    except (ValueError, ValidationError, yaml.YAMLError) as error:
        raise ConfigError(str(error)) from None
    if not options.data.exists():
        raise ConfigError(f"--data: there is no file {options.data}")
    wrong = [problem.message for problem in config_problems(config) if problem.key[0] in ("rollout", "budget")]
    if wrong:
        raise ConfigError("\n".join(wrong))
    return config


def _of_endpoint(options: argparse.Namespace, config: Any) -> Any:
    from rl.budget.endpoint import Endpoint
    from rl.budget.measure_endpoint import measure_endpoint
    from rl.data.source import load_examples

    if options.model_name is None:
        raise ConfigError("--model-name says which model of the endpoint is asked: add it.")
    if options.enforce != "off":
        raise ConfigError("--enforce needs the model's own engine: an endpoint's responses cannot be changed.")
    endpoint = Endpoint(
        url=options.model,
        model=options.model_name,
        key_variable=options.key_variable,
        words=config.budget.format,
        turn=options.turn,
        sampling=config.evaluation.sampling,
        max_response_tokens=config.rollout.max_response_tokens,
    )
    return measure_endpoint(
        endpoint,
        load_examples(config.data.eval, Path()),
        [level_of(level) for level in config.budget.evaluated_levels()],
        samples=options.samples,
        rewards=config.rewards,
        correctness=config.correctness,
        base=Path(),
        progress=lambda line: print(line, file=sys.stderr),
    )
