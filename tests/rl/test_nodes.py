"""A run on a Ray cluster of several nodes (here on one machine), one of which is lost.

1. `RAY_ADDRESS` names the cluster; workers and learner are spread over its nodes.
2. A node that is lost takes a rollout worker or a learner rank with it. The part is started again where there is room,
   here on a node that joins later, and the run ends with every step and every group once.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import psutil
import pytest
from ray.cluster_utils import Cluster

from tests.rl.chaos import CONFIG, PARTS, check, write_config
from tests.rl.test_train import assert_gone, descendants, read_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
STEPS = 8
NODE = {"num_cpus": 1, "object_store_memory": 2**28, "include_dashboard": False}


def told(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline()[:1])
    except psutil.NoSuchProcess:
        return ""


def parts_of(node: psutil.Process) -> list[str]:
    """What runs below a node's raylet."""
    names = [told(child) for child in node.children(recursive=True)]
    return [name for name, mark in PARTS.items() if any(mark in text for text in names)]


def test_a_lost_node_is_replaced(tmp_path: Path) -> None:
    cluster = Cluster(initialize_head=True, head_node_args=NODE)
    try:
        second = cluster.add_node(num_cpus=1, object_store_memory=2**28)
        command = write_config(tmp_path, "run", steps=STEPS)
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env={**os.environ, "RAY_ADDRESS": cluster.address},
        )
        seen = read_until(process, "step 2/")
        own = descendants(process)
        (raylet,) = (info.process.pid for info in second.all_processes["raylet"])
        lost = parts_of(psutil.Process(raylet))
        assert lost and lost != list(PARTS)[:3], "workers and learner are on different nodes"
        cluster.remove_node(second, allow_graceful=False)
        cluster.add_node(num_cpus=1, object_store_memory=2**28)
        assert process.stdout is not None
        seen += process.stdout.read()
        assert process.wait() == 0, seen
        assert "started again" in seen
        assert_gone(own)
    finally:
        cluster.shutdown()
    assert check(tmp_path / "runs" / "run", STEPS, CONFIG["group_size"]) >= STEPS * CONFIG["prompts_per_step"]
