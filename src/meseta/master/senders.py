"""Who speaks: a call counts only when it comes from where its framework is now."""

from __future__ import annotations

from meseta.master.effects import Errored, SendToFramework
from meseta.master.events import Call
from meseta.master.state import FrameworkState, State


def caller(state: State, call: Call) -> FrameworkState | None:
    """Return the framework that a call comes from, or None when the call is to be dropped.

    A driver whose link broke one way does not know that it is disconnected, or even removed by now: it is
    told, so that it subscribes again, or ends.
    """
    framework = state.frameworks.get(call.framework_id)
    if framework is not None and framework.peer == call.sender:
        if framework.connected:
            return framework
        if isinstance(call.sender, str):
            state.effects.append(SendToFramework(call.sender, Errored("Framework disconnected")))
            return None
    state.counters["master/dropped_messages"] += 1
    why = "the framework cannot be found" if framework is None else "it is not from the registered framework"
    state.warn(f"Dropping {type(call).__name__} of framework {call.framework_id} at {call.sender}: {why}")
    if isinstance(call.sender, str) and call.framework_id in state.completed_frameworks:
        state.effects.append(SendToFramework(call.sender, Errored("Framework has been removed")))
    return None
