"""One DeepSpeed engine, driven so that a loss with global denominators gives its exact gradient.

DeepSpeed averages gradients over ranks and accumulation steps. Our losses are already normalised by counts over all
of them, so that their gradients have to be *summed*: the loss is multiplied by the number of ranks before the
backward pass, and accumulation boundaries are set by hand (the number of micro-batches changes with every batch).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rl.learner.config import LearnerConfig, OptimizerConfig
from rl.learner.reshape import TAG, load_unsharded


class Engine:
    """A network, its optimizer and their ZeRO sharding."""

    def __init__(self, network: nn.Module, optimizer: OptimizerConfig, config: LearnerConfig, dtype: torch.dtype):
        """Hand a network over to DeepSpeed; `torch.distributed` must be initialised.

        Args:
            network: with parameters as `parameter_dtype` says.
            optimizer: settings of this network's optimizer.
            config: sharding and offload.
            dtype: in which forward and backward passes compute.
        """
        import deepspeed  # type: ignore[import-untyped]  # takes seconds; reads the environment

        self._settings = optimizer
        self._ranks = config.ranks
        trained = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
        self._trained = list(trained)
        adamw = torch.optim.AdamW(
            list(trained.values()),
            lr=optimizer.learning_rate,
            betas=optimizer.betas,
            weight_decay=optimizer.weight_decay,
            fused=True,
        )
        self._unsharded = config.zero_stage == 0
        self._engine, *_ = deepspeed.initialize(
            model=network, optimizer=adamw, config=deepspeed_config(config, optimizer, dtype)
        )
        self.batches = 0
        """Batches learnt from; the learning rate follows it."""

    @property
    def learning_rate(self) -> float:
        """Of the current batch."""
        rate: float = self._engine.optimizer.param_groups[0]["lr"]
        return rate

    def begin_batch(self) -> None:
        """Set the learning rate, which follows the number of batches."""
        self.batches += 1
        rate = self._settings.rate(self.batches)
        for group in self._engine.optimizer.param_groups:
            group["lr"] = rate

    def forward(self, *arguments: Any) -> Any:
        """The network's forward pass in training mode; call `backward` on its loss before the next one."""
        return self._engine(*arguments)

    def infer(self, *arguments: Any) -> Any:
        """The network's forward pass without gradients."""
        self._engine.eval()
        try:
            with torch.no_grad():
                return self._engine(*arguments)
        finally:
            self._engine.train()

    def at_boundary(self, last: bool) -> None:
        """Say before a forward pass whether its micro-batch is the last one before `step`."""
        self._engine.set_gradient_accumulation_boundary(last)

    def backward(self, share: Tensor) -> None:
        """Add the gradient of one micro-batch's share of the globally normalised loss."""
        self._engine.backward(share * self._ranks)

    def step(self) -> float:
        """Clip, update the weights, forget the gradients.

        Returns:
            Global gradient norm before clipping.
        """
        if self._unsharded:  # DeepSpeed would clip but not report the norm
            norm = float(nn.utils.clip_grad_norm_(self._engine.module.parameters(), self._settings.gradient_clip))
            self._engine.step()
            return norm
        self._engine.step()
        return float(self._engine.get_global_grad_norm())

    def save(self, folder: Path) -> None:
        """DeepSpeed checkpoint: weights, optimizer, this class's own counters. All ranks must call it."""
        self._engine.save_checkpoint(
            str(folder), tag=TAG, client_state={"batches": self.batches, "trained": self._trained}
        )

    def load(self, folder: Path) -> None:
        """Go on exactly where `save` was called by as many ranks under the same stage. All ranks must call it.

        Raises:
            FileNotFoundError: there is no checkpoint in the folder.
        """
        path, state = self._engine.load_checkpoint(str(folder), tag=TAG)
        if path is None:
            raise FileNotFoundError(f"no learner checkpoint in {folder}")
        self.batches = int(state["batches"])
        self._keep_settings()

    def load_universal(self, folder: Path) -> None:
        """Go on where an engine of any shape was saved: `folder` was made by `write_universal`. All ranks must call it.

        Frozen weights are not in it: they are those that this engine was made with.
        """
        if self._unsharded:
            self.batches = load_unsharded(folder, self._engine.module, self._engine.optimizer)
            return
        # DeepSpeed reads the setting when it loads, and takes it for all loads of an engine: ours differ.
        self._engine._config.load_universal_checkpoint = True
        try:
            _, state = self._engine.load_checkpoint(str(folder), tag=TAG)
        finally:
            self._engine._config.load_universal_checkpoint = False
        self.batches = int(state["batches"])
        for shard in self._engine.optimizer.optimizer.state.values():
            shard["step"] = shard["step"].clone()  # else the shards of stage 3 share one tensor, and each counts it up
        self._keep_settings()

    def _keep_settings(self) -> None:
        """Put back the settings of this start, which a loaded optimizer replaced by those it was saved with."""
        for group in self._engine.optimizer.param_groups:
            group["betas"], group["weight_decay"] = self._settings.betas, self._settings.weight_decay
        if not self._unsharded:
            self._engine.optimizer.clip_grad = self._settings.gradient_clip


class FrozenEngine:
    """A network that is only asked, never trained: computed and (ZeRO-3) sharded as `Engine` would."""

    def __init__(self, network: nn.Module, config: LearnerConfig, dtype: torch.dtype):
        """Hand a network over to DeepSpeed, without an optimizer. Arguments as in `Engine`."""
        import deepspeed  # takes seconds; reads the environment

        settings = deepspeed_config(config, config.policy, dtype)
        settings["zero_optimization"].pop("offload_optimizer", None)
        if config.zero_stage != 3:  # the other stages shard what a frozen network does not have
            settings["zero_optimization"] = {"stage": 0}
        self._engine, *_ = deepspeed.initialize(model=network.requires_grad_(False), config=settings)
        self._engine.eval()

    def infer(self, *arguments: Any) -> Any:
        """The network's forward pass without gradients."""
        with torch.no_grad():
            return self._engine(*arguments)


def parameter_dtype(config: LearnerConfig, dtype: torch.dtype) -> torch.dtype:
    """Type of the parameters handed to DeepSpeed when passes compute in `dtype`.

    Without ZeRO, float32 master weights are the parameters themselves and passes run under autocast; ZeRO keeps
    master weights beside parameters of the compute type.
    """
    return torch.float32 if config.zero_stage == 0 else dtype


def deepspeed_config(config: LearnerConfig, optimizer: OptimizerConfig, dtype: torch.dtype) -> dict[str, Any]:
    """The configuration in DeepSpeed's own words."""
    zero: dict[str, Any] = {"stage": config.zero_stage}
    if config.offload.optimizer:
        zero["offload_optimizer"] = {"device": "cpu"}
    if config.offload.parameters:
        zero["offload_param"] = {"device": "cpu"}
    result: dict[str, Any] = {
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": 1,
        "gradient_clipping": optimizer.gradient_clip if config.zero_stage else 0.0,
        "zero_optimization": zero,
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,  # torch's fused AdamW is as fast and needs no compiler at start-up
        "steps_per_print": 2**62,
    }
    if dtype == torch.bfloat16:
        if config.zero_stage == 0:
            result["torch_autocast"] = {"enabled": True, "dtype": "bfloat16"}
        else:
            result["bf16"] = {"enabled": True}
            result["data_types"] = {"grad_accum_dtype": "fp32"}
    return result
