"""Standby schedulers: who waits to take a framework over when its scheduler is gone.

A scheduler that subscribes as a standby takes nothing from the one that has the framework. Its stream is
kept, and hears heartbeats, so that both sides notice when the other is gone; no call is taken on it. When the
framework loses its scheduler, whoever has waited longest is subscribed in its place, as if it had asked just
then. A framework without a scheduler makes no standby wait. How a scheduler is lost whose machine just falls
silent is in `watching`.

Standbys are no part of Mesos: a scheduler that does not ask to be one sees nothing of them.
"""

from __future__ import annotations

from meseta.master.effects import CloseStream, Errored, Heartbeat, SendToFramework
from meseta.master.events import Peer, SubscribeRequested
from meseta.master.state import FrameworkState, State

HEARTBEATS_PER_TAKEOVER = 5
"""In the time that a takeover may take: one until a machine misses the first, and four that it misses."""
UNNAMED = "A standby scheduler must name its framework: set 'FrameworkInfo.id'"


def standby_fault(state: State, framework: FrameworkState) -> str | None:
    """Say why nobody may wait for a framework any more, if so."""
    limit = state.config.standbys_max
    if len(framework.standbys) < limit:
        return None
    return f"Framework {framework.id} has {limit} standby schedulers already, and no room for more"


def stand_by(state: State, framework: FrameworkState, event: SubscribeRequested, now: float) -> None:
    """Let a scheduler wait until the framework is without one."""
    state.note(f"Scheduler at {event.peer} stands by for framework {framework}")
    framework.standbys[event.peer] = event
    state.standbys[event.peer] = framework.id
    state.effects.append(SendToFramework(event.peer, Heartbeat()))
    if len(framework.standbys) == 1:
        state.deadlines.arm(("standbys", framework.id), now + watch_interval_s(state))


def watch_interval_s(state: State) -> float:
    """Return how often those who have or await a framework are sent a heartbeat, in seconds."""
    return state.config.standby_takeover_timeout_s / HEARTBEATS_PER_TAKEOVER


def on_standby_gone(state: State, peer: Peer) -> None:
    """Forget a standby whose stream has ended."""
    id = state.standbys.pop(peer, None)
    if id is not None:
        _forget(state, state.frameworks[id], peer)


def next_standby(state: State, framework: FrameworkState) -> SubscribeRequested | None:
    """Take the standby out that has waited longest; return what it asked for, None if nobody waits."""
    peer = next(iter(framework.standbys), None)
    if peer is None:
        return None
    del state.standbys[peer]
    return _forget(state, framework, peer)


def dismiss_standbys(state: State, framework: FrameworkState) -> None:
    """Tell those who wait for a framework that it is over."""
    while (event := next_standby(state, framework)) is not None:
        state.effects.append(SendToFramework(event.peer, Errored("Framework has been removed")))
        assert isinstance(event.peer, int), "only streams stand by"
        state.effects.append(CloseStream(event.peer))


def _forget(state: State, framework: FrameworkState, peer: Peer) -> SubscribeRequested:
    event = framework.standbys.pop(peer)
    if not framework.standbys:
        framework.unacknowledged.clear()
        state.deadlines.cancel(("standbys", framework.id))
    return event
