"""Frameworks that reserve, make volumes and undo it, while machines and links fail."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from meseta.sim.plan import Plan, swarm_plan
from meseta.sim.simulation import Simulation
from meseta.sim.trace import Trace

SEEDS = [*range(1, 31), 203, 249]
"""The last two had an answer to an older request taken for one to the newest."""
CHECK_EVERY = 20


def reserving(seed: int) -> Plan:
    """A plan whose frameworks have roles of their own, and reserve much."""
    plan = swarm_plan(seed)
    tempers = (replace(temper, role=f"r{n}", reserves=0.5) for n, temper in enumerate(plan.frameworks))
    return replace(plan, frameworks=tuple(tempers))


@pytest.mark.parametrize("first", range(0, len(SEEDS), 8))
def test_masters_and_agents_agree_on_what_is_reserved(first: int) -> None:
    finished = 0
    for seed in SEEDS[first : first + 8]:
        simulation = Simulation(reserving(seed), Trace(on=False), check_every=CHECK_EVERY)
        outcome = simulation.run()
        assert outcome.failure is None, f"seed {seed}: {outcome.failure}"
        for master in (process.node for process in simulation.cluster.masters):
            if master.machine is None:
                continue
            state = master.machine.state
            finished += state.counters["master/operations/finished"]
            for node in simulation.cluster.agents:
                agent = node.machine.state if node.machine is not None else None
                if agent is not None and agent.id in state.agents:
                    assert state.agents[agent.id].total == agent.total, f"seed {seed}: {agent.id}"
    assert finished > 0
