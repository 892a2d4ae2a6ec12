"""How a run fails, and the exit status that says so."""

from __future__ import annotations

from meseta.errors import MesetaError

EXIT_CRASH = 10
EXIT_SAFETY = 11
EXIT_LIVENESS = 12


class SimulationFailure(MesetaError):
    """A run has shown a bug. `exit_status` tells of which sort."""

    exit_status = 1
    sort = "failure"


class Crash(SimulationFailure):
    """A machine failed an assertion or raised an exception."""

    exit_status = EXIT_CRASH
    sort = "crash"


class SafetyViolation(SimulationFailure):
    """Something happened that must never happen."""

    exit_status = EXIT_SAFETY
    sort = "safety"


class LivenessViolation(SimulationFailure):
    """After everything was healed, something that must happen did not."""

    exit_status = EXIT_LIVENESS
    sort = "liveness"
