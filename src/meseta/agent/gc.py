"""When old sandboxes and checkpoints are deleted.

A path that is not used any more is kept for `gc_delay` (a week) while the disk is empty, and for less the
fuller it is: age = gc_delay · max(0, 1 − headroom − usage) (Mesos: `_checkDiskUsage`). The disk is measured
every minute.
"""

from __future__ import annotations

from meseta.agent.effects import RemovePath, SampleDiskUsage
from meseta.agent.events import DiskUsageSampled
from meseta.agent.state import State

WATCH = "watch disk"
GARBAGE_MAX = 100_000
"""Paths that are remembered; beyond it the oldest are deleted early."""


def start(state: State, now: float) -> None:
    """Begin to watch the disk."""
    state.deadlines.arm(WATCH, now + state.config.disk_watch_interval_s)


def schedule(state: State, path: str, now: float) -> None:
    """Mark `path` (relative to the work directory) as unused from now on."""
    state.garbage.pop(path, None)
    state.garbage[path] = now
    if len(state.garbage) > GARBAGE_MAX:
        _remove(state, next(iter(state.garbage)))


def unschedule(state: State, path: str) -> None:
    """Mark `path` as used again."""
    state.garbage.pop(path, None)


def on_watch_due(state: State, now: float) -> None:
    """Ask for the usage, and sweep with the last one that is known."""
    start(state, now)
    if state.garbage:
        state.out.append(SampleDiskUsage())


def on_disk_usage_sampled(state: State, event: DiskUsageSampled, now: float) -> None:
    """Delete what is older than the disk allows. Paths are in the order of their age."""
    state.disk_used = event.used
    oldest = now - age_max_s(state)
    for path, since in list(state.garbage.items()):
        if since > oldest:
            break
        _remove(state, path)


def age_max_s(state: State) -> float:
    """How long unused paths are kept, with the disk as full as it is."""
    config = state.config
    return config.gc_delay_s * max(0.0, 1.0 - config.gc_disk_headroom - state.disk_used)


def _remove(state: State, path: str) -> None:
    del state.garbage[path]
    state.collected += 1
    state.out.append(RemovePath(path))
