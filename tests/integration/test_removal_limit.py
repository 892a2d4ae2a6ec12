"""A master that would have to give too many of its agents up ends, and says what to do."""

from __future__ import annotations

import signal
from pathlib import Path

from meseta.daemon.process import EXIT_DEPOSED
from tests.integration.daemons import wait_for
from tests.integration.test_registry import Cluster


def test_a_master_ends_rather_than_give_most_agents_up(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    try:
        agents = [cluster.start_agent(name) for name in ("a", "b")]
        wait_for(lambda: len(cluster.ids()) == 2, "both agents to register")
        for agent in agents:
            agent.kill()
        cluster.master.kill()
        cluster.master.start("--recovery_agent_removal_limit=50%")
        assert cluster.master.process.wait(timeout=60) == EXIT_DEPOSED
        said = cluster.master.log.read_text()
        assert "2 of 2 agents did not come back within 6secs after the failover" in said
        assert "--recovery_agent_removal_limit lets 50% be removed" in said
        assert "Traceback" not in said

        agents[0].start()
        cluster.master.start("--recovery_agent_removal_limit=50%")
        wait_for(lambda: cluster.metric("master/recovery_slave_removals") == 1, "one to be given up")
        cluster.master.kill(signal.SIGTERM)
    finally:
        cluster.end()
