"""Everything that a machine can say has somebody who does it, in the simulator and in the daemons."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args
from unittest.mock import MagicMock

from msgspec.structs import replace

from meseta.agent import effects as agent_effects
from meseta.daemon.agent import AgentDaemon
from meseta.daemon.master import MasterDaemon
from meseta.master import effects as master_effects
from meseta.runtime.container_host import ContainerHost
from meseta.sdk import events as sdk_events
from meseta.sim import driver as driver_effects
from meseta.sim import routing
from meseta.sim.agent_node import AgentNode
from meseta.sim.driver_node import DriverNode
from meseta.sim.master_node import MasterNode
from meseta.sim.plan import calm_plan
from meseta.sim.scheduler_node import SchedulerNode
from meseta.sim.simulation import Simulation
from meseta.sim.temper import Temper
from meseta.sim.trace import Trace


def members(union: Any) -> set[type]:
    """Return the types in a union, those in unions within it too."""
    return {inner for member in get_args(union) for inner in members(member)} or {union}


def cluster() -> Any:
    tempers = (Temper(role="a"), Temper(role="a", driver=True))
    plan = replace(calm_plan(1, agents=1, frameworks=2, duration_s=20.0), frameworks=tempers)
    simulation = Simulation(plan, Trace(on=False))
    simulation.cluster.start()
    simulation.world.run(2.0)
    return simulation.cluster


def test_every_message_has_a_receiver() -> None:
    for_old_agents = {master_effects.CheckpointResources}  # simulated ones have resource providers
    assert set(routing.AGENT_EVENTS) == members(master_effects.AgentMessage) - for_old_agents
    assert set(routing.MASTER_EVENTS) == members(agent_effects.MasterMessage)
    calls = {sdk_events.Acknowledge, sdk_events.Suppress, sdk_events.Revive, sdk_events.Teardown}
    assert set(routing.CALLS) == {routing.Ask, *calls}
    assert {*routing.AGENT_EVENTS, *routing.MASTER_EVENTS} >= routing.REPEATED


def test_every_effect_has_a_performer_here() -> None:
    nodes = cluster()
    assert isinstance(nodes.leader, MasterNode)
    assert isinstance(nodes.agents[0], AgentNode)
    session, driver = sorted(nodes.schedulers, key=lambda node: node.name)
    assert isinstance(session, SchedulerNode)
    assert isinstance(driver, DriverNode)
    assert set(nodes.leader.performers()) == members(master_effects.MasterEffect)
    assert set(nodes.agents[0].performers()) == members(agent_effects.AgentEffect)
    assert set(session.performers()) == scheduler_effects()
    assert set(driver.performers()) == set(driver_effects.Effect.__subclasses__())


def scheduler_effects() -> set[type]:
    """Return all effects of sessions: none but `Deliver` and the like are subclasses of others."""
    return {kind for kind in subclasses(sdk_events.Effect) if kind.__module__ == sdk_events.__name__}


def subclasses(kind: type) -> Iterable[type]:
    for inner in kind.__subclasses__():
        yield inner
        yield from subclasses(inner)


def test_every_effect_has_a_performer_in_the_master_daemon() -> None:
    daemon = object.__new__(MasterDaemon)
    assert set(daemon._performers()) == members(master_effects.MasterEffect)


def test_every_effect_has_a_performer_in_the_agent_daemon() -> None:
    daemon = MagicMock()
    daemon._host.performers.return_value = ContainerHost.performers(MagicMock())
    daemon._first_performers.side_effect = lambda: AgentDaemon._first_performers(daemon)
    performed = set(AgentDaemon._performers(daemon))
    assert performed == members(agent_effects.AgentEffect) - {agent_effects.Authenticate}
