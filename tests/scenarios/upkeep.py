"""Commands of scenarios by which operators take agents and machines out of use."""

from __future__ import annotations

from typing import Any

from meseta.ids import AgentId, FrameworkId, OfferId
from meseta.master import events
from meseta.master.effects import MasterEffect
from meseta.master.events import RequestId
from meseta.records import Filters, MachineId, Unavailability, Window
from tests.unit.master.master_kit import EPOCH, Playground, pid_of

NS = 10**9
REQUEST = RequestId(1)

Options = dict[str, str]


def _agent_id(play: Playground, name: str) -> AgentId:
    """Return the id of an agent by its name, or the id itself."""
    return play.state.agent_pids[pid_of(name)] if name[1:].isdigit() else AgentId(name)


def drain(play: Playground, words: list[str], options: Options) -> list[MasterEffect]:
    """`drain a1 [grace=2] [gone=yes]`"""
    return play.feed(
        events.AgentDrainRequested(
            request=REQUEST,
            agent_id=_agent_id(play, words[0]),
            max_grace_period_s=float(options["grace"]) if "grace" in options else None,
            mark_gone="gone" in options,
        )
    )


def about_agent(kind: type[Any], play: Playground, words: list[str]) -> list[MasterEffect]:
    """`deactivate a1`, `reactivate a1`, `gone a1`"""
    return play.feed(kind(request=REQUEST, agent_id=_agent_id(play, words[0])))


def maintain(play: Playground, words: list[str], options: Options) -> list[MasterEffect]:
    """`maintain a1 a2 in=100 for=60`; without agents nothing is planned any more."""
    start = round((EPOCH + play.now + float(options.get("in", "0"))) * NS)
    duration = round(float(options["for"]) * NS) if "for" in options else None
    window = Window(tuple(map(_machine, words)), Unavailability(start, duration))
    windows = (window,) if words else ()
    return play.feed(events.MaintenanceScheduled(request=REQUEST, windows=windows))


def about_machines(kind: type[Any], play: Playground, words: list[str]) -> list[MasterEffect]:
    """`down a1`, `up a1`"""
    return play.feed(kind(request=REQUEST, machines=tuple(map(_machine, words))))


def _machine(name: str) -> MachineId:
    return MachineId(name, pid_of(name).rpartition("@")[2].rpartition(":")[0])


def answer(play: Playground, words: list[str], options: Options) -> list[MasterEffect]:
    """`inverse m-0000 accept m-O3 [refuse=5]`"""
    framework_id, said, *ids = words
    kind: type[Any] = events.InverseOffersAccepted if said == "accept" else events.InverseOffersDeclined
    filters = Filters(refuse_s=float(options.get("refuse", "5")))
    return play.call(kind, FrameworkId(framework_id), offer_ids=tuple(map(OfferId, ids)), filters=filters)
