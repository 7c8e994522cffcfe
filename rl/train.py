"""`ponder train`: from a configuration to a trained model, a report and nothing left running."""

from __future__ import annotations

import asyncio
import signal
import traceback
from pathlib import Path

from rewards.errors import DataFileError, RewardFailed
from rl.config import RunConfig
from rl.data.stream import PromptStream
from rl.errors import EXIT_STOPPED, PonderError
from rl.plan import plan_rows
from rl.prepare import Prepared, prepare
from rl.run.checkpoint import Checkpoint, RunState, latest_checkpoint
from rl.run.console import Console
from rl.run.evaluation import Evaluation
from rl.run.folder import RunFolder
from rl.run.report import write_report
from rl.run.screen import noise_to
from rl.run.session import Session, Stopped
from rl.run.stalls import watch
from rl.run.tracking import Tracker
from rl.system import running_system
from rl.trainer import run_steps
from rl.value_pretraining import pretrain_critic
from rollout.errors import RolloutError


def train(config: RunConfig, *, base: Path) -> int:
    """Run a configuration to its end, or on from where it was interrupted.

    Args:
        config: the validated run.
        base: folder of the configuration file; relative data and reward files are looked up there.

    Returns:
        Exit code: 0 finished, 130 stopped by the user (saved).

    Raises:
        PonderError: something the user can mend; the run folder keeps what was saved.
    """
    folder = RunFolder(config.runs_folder / config.name)
    with folder.held():
        return _train_in(folder, config, base)


def _train_in(folder: RunFolder, config: RunConfig, base: Path) -> int:
    changed = folder.open(config)
    with noise_to(folder.logs / "driver.log") as screen:
        console = Console(screen)
        checkpoint = latest_checkpoint(folder.checkpoints, config.model.name, console.warn)
        if checkpoint is not None and min(checkpoint.state.step, _finished(folder)) >= config.steps:
            console.note(
                f"{folder.root} is finished: {checkpoint.state.step} of {config.steps} steps. Report: "
                f"{write_report(folder.root)}\nTo go on, raise steps=...; to start anew, give another name=..., "
                f"or move the folder away."
            )
            return 0
        console.plan(plan_rows(config))
        for line in changed:
            console.note(f"changed since the run was last started: {line}")
        try:
            prepared = prepare(config, base, console)  # outside the event loop: Ctrl-C ends a warm-up at once
            return asyncio.run(_run(config, base, folder, checkpoint, console, prepared))
        except (PonderError, RolloutError, DataFileError, KeyboardInterrupt):
            raise
        except asyncio.CancelledError:  # by the handler of Ctrl-C and SIGTERM
            raise KeyboardInterrupt from None
        except RewardFailed as error:
            raise PonderError(f"{error}\n(reward_runner.on_error is `fail`; `mask` or `zero` would go on)") from error
        except Exception as error:
            traceback.print_exc()  # goes to the log: the screen is for people
            raise PonderError(
                f"the run failed: {type(error).__name__}: {error}\nDetails: {folder.logs / 'driver.log'} and its "
                f"neighbours. Checkpoints in {folder.checkpoints} are intact; the same command goes on from the last."
            ) from error
        finally:
            console.close()


async def _run(
    config: RunConfig,
    base: Path,
    folder: RunFolder,
    checkpoint: Checkpoint | None,
    console: Console,
    prepared: Prepared,
) -> int:
    started = asyncio.Event()
    stop = asyncio.Event()
    _on_interrupt(stop, started, console)
    budgets = prepared.budgets
    visit = None if budgets is None else budgets.visit
    stream = PromptStream(prepared.training, seed=config.seed, shuffle=config.data.shuffle, visit=visit)
    state = RunState(model=config.model.name, data=stream.state())
    if checkpoint is not None:
        state = checkpoint.state
        stream.restore(state.data)
        console.note(f"going on from {checkpoint.folder} (step {state.step} of {config.steps})")
    console.status("starting rollout workers and learners")
    async with running_system(
        config, prepared.model, base=base, logs=folder.logs, critic_path=prepared.critic, notify=console.warn
    ) as system:
        with Tracker(
            folder.root,
            config.tracking,
            name=config.name,
            resume_after=state.step,
            value_steps=state.value_pretraining_steps,
        ) as tracker:
            session = Session(
                config,
                folder,
                system,
                stream,
                prepared.held_out,
                console,
                tracker,
                state,
                judge=prepared.judge,
                stop=stop,
            )
            started.set()
            if checkpoint is not None:
                await system.trained.load(checkpoint.learner, note=console.note)
                session.source_state = checkpoint.source()
                await session.publish(state.step)
            parts = (system.fleet.stalls, system.collector.stalls, system.trained.stalls)
            watching = asyncio.create_task(watch(parts, seconds=config.tracking.stall_seconds, warn=console.warn))
            try:
                await _train(session)
            except Stopped:
                await session.save()
                console.note(
                    f"stopped after step {session.state.step} of {config.steps}; saved in {folder.checkpoints}. "
                    f"The same command goes on from there. Report so far: {write_report(folder.root)}"
                )
                return EXIT_STOPPED
            finally:
                watching.cancel()
    console.summary(folder.read_summary(), write_report(folder.root))
    return 0


async def _train(session: Session) -> None:
    """Measure, learn, measure again."""
    config, folder = session.config, session.folder
    folder.update_summary(
        name=config.name, model=config.model.name, algorithm=config.algorithm.preset, seed=config.seed
    )
    if session.held_out and "eval_before" not in folder.read_summary():
        before = await session.unless_stopped(session.measure())
        session.record_evaluation(before)
        folder.update_summary(eval_before=before.as_dict(), examples=_examples(before))
    if config.algorithm.uses_critic:
        await pretrain_critic(session)
    session.console.begin(config.steps, done=session.state.step)
    await run_steps(session)
    await session.save()
    if session.held_out:
        after = await session.unless_stopped(session.measure())
        session.record_evaluation(after)
        folder.update_summary(
            eval_after=after.as_dict(), examples=_with_after(folder.read_summary().get("examples", []), after)
        )
    folder.update_summary(minutes=session.seconds / 60, finished_steps=session.state.step)


def _finished(folder: RunFolder) -> int:
    """Up to which step the run was brought to its very end, the last evaluation included."""
    return int(folder.read_summary().get("finished_steps", 0))


def _on_interrupt(stop: asyncio.Event, started: asyncio.Event, console: Console) -> None:
    """First Ctrl-C: stop at the next safe point and save. Before the first step, or the second time: end at once."""
    main = asyncio.current_task()
    assert main is not None

    def interrupt() -> None:
        if stop.is_set() or not started.is_set():
            main.cancel()
        else:
            console.note("stopping: saving after the work in hand (again: end at once, keep the last checkpoint)")
            stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, interrupt)


def _examples(measured: Evaluation, count: int = 6) -> list[dict[str, object]]:
    """The first answers of an evaluation, for the summary."""
    return [
        {
            "question": group.prompt.messages[-1]["content"],
            "ground_truth": group.prompt.ground_truth,
            "before": group.texts[0],
            "before_correct": group.scores[0].correct,
        }
        for group in measured.groups[:count]
    ]


def _with_after(examples: list[dict[str, object]], measured: Evaluation) -> list[dict[str, object]]:
    """The same prompts' answers after training beside those before."""
    return [
        {**example, "after": group.texts[0], "after_correct": group.scores[0].correct}
        for example, group in zip(examples, measured.groups, strict=False)
    ]
