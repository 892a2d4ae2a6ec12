"""The watch over schedulers while standbys wait: who is on a machine that has vanished is followed soon.

A scheduler that ends takes its connection with it, and is followed at once. A machine that loses its power or
its network says nothing: its connection looks as if nobody had anything to say, until what was sent to it was
not acknowledged for a minute. So while a standby waits for a framework, its scheduler and all who wait are
sent heartbeats so often, and their machines asked so often whether they acknowledge them:

    0 ──────── T/5 ─────────────────────────────────── T        T: `standby_takeover_timeout_s`
    vanishes   heartbeat   ×1     ×2     ×3     ×4 ──▶ closed, and whoever waits next is subscribed

Missing answers are counted, and not seconds, so that a master that was stopped itself for a while blames
nobody. The kernel of a machine acknowledges what its processes do not read: a scheduler that hangs is not
gone. Nor is one whose successor is as silent: nobody gives way to a scheduler that does not answer either. So
when the master itself is cut off, those who wait are forgotten one after another, and the one that has the
framework keeps it, as if nobody had stood by.
"""

from __future__ import annotations

from meseta.ids import FrameworkId
from meseta.master.effects import CloseStream, Heartbeat, ProbeStream, SendToFramework
from meseta.master.events import StreamProbed
from meseta.master.frameworks import leave_stream
from meseta.master.standbys import HEARTBEATS_PER_TAKEOVER, watch_interval_s
from meseta.master.state import FrameworkState, State

UNACKNOWLEDGED_MAX = HEARTBEATS_PER_TAKEOVER - 1
"""Heartbeats in a row without an answer that end a stream."""


def on_watch_due(state: State, id: FrameworkId, now: float) -> None:
    """Send everybody who has or awaits a framework a heartbeat, and ask for the last one."""
    framework = state.frameworks.get(id)
    if framework is None or not framework.standbys:
        return
    interval_s = watch_interval_s(state)
    peers = (*framework.standbys, framework.peer)
    counts = framework.unacknowledged
    framework.unacknowledged = {peer: counts.get(peer, 0) for peer in peers if isinstance(peer, int)}
    for stream in framework.unacknowledged:
        state.effects.append(ProbeStream(stream, interval_s))
        state.effects.append(SendToFramework(stream, Heartbeat()))
    state.deadlines.arm(("standbys", id), now + interval_s)


def on_stream_probed(state: State, event: StreamProbed, now: float) -> None:
    """Count what a machine leaves without an answer; its stream ends when that is too much."""
    framework = _watched(state, event)
    if framework is None:
        return
    if event.acknowledges:
        framework.unacknowledged[event.stream] = 0
        return
    framework.unacknowledged[event.stream] += 1
    if framework.unacknowledged[event.stream] >= UNACKNOWLEDGED_MAX and _is_dispensable(framework, event):
        _give_up(state, framework, event, now)


def _watched(state: State, event: StreamProbed) -> FrameworkState | None:
    """Return the framework whose watch asked; None if that has ended, or the stream is not of it any more."""
    id = state.standbys.get(event.stream) or state.peers.get(event.stream)
    framework = state.frameworks.get(id) if id is not None else None
    return framework if framework is not None and event.stream in framework.unacknowledged else None


def _is_dispensable(framework: FrameworkState, event: StreamProbed) -> bool:
    """Tell whether it only waits, or whoever waits next has answered the last heartbeat."""
    following = next(iter(framework.standbys))
    assert isinstance(following, int), "only streams stand by"
    return event.stream != framework.peer or framework.unacknowledged.get(following) == 0


def _give_up(state: State, framework: FrameworkState, event: StreamProbed, now: float) -> None:
    """Close a stream to a silent machine, which learns that if it comes back soon; then go on without it."""
    if event.stream == framework.peer:
        state.note(
            f"Framework {framework} goes on without the scheduler at {event.stream}: no sign of its machine"
        )
    else:
        state.note(
            f"Nobody at {event.stream} stands by for framework {framework} any more: no sign of its machine"
        )
    state.counters["master/schedulers_silent"] += 1
    state.effects.append(CloseStream(event.stream))
    leave_stream(state, event.stream, now)
