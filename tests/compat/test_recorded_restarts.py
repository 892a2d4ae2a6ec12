"""A master and an agent that were killed and came back, and an agent that did not: recorded, and ours."""

from __future__ import annotations

from base64 import b64decode

from meseta.ids import Pid
from meseta.master.registry import NOTHING_RECOVERED, Recovered
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.lift import lift_agent
from tests.compat.virtual_master import VirtualMaster, VirtualReplay, master_of, timed_steps


def replay(name: str, port: int, recovered: Recovered = NOTHING_RECOVERED) -> None:
    """Replay a recording; its master pinged five times, every two seconds."""
    agent = Pid(f"slave(1)@127.0.0.1:{port + 1}")
    id = master_of(timed_steps(name))
    master = VirtualMaster(id, ("127.0.0.1", port), agent, recovered, agent_ping_timeout_s=2.0)
    VirtualReplay(name, master).run()


def test_a_new_master_learns_from_its_agents_and_an_agent_comes_back_in_time() -> None:
    """The framework hears nothing of its tasks until the agent is back; then the agent restarts, too."""
    name = "master-and-agent-restart.jsonl"
    returns = [step for step in timed_steps(name) if "Reregister" in step.get("from_agent", "")]
    returned = i.ReregisterSlaveMessage.FromString(b64decode(returns[0]["body_b64"]))
    replay(name, 17130, Recovered(agents=(lift_agent(returned.slave),)))


def test_an_agent_that_is_lost_is_told_of_in_order() -> None:
    """Offers are rescinded and tasks without checkpoint lost at once; the failure comes ten seconds later."""
    replay("agent-loss.jsonl", 17160)
