"""What an agent tells its executors in environment variables (reference: Mesos's executor environment)."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from meseta.errors import ConfigError
from meseta.ids import AgentId, ExecutorId, FrameworkId

RECOVERY_TIMEOUT_S = 15 * 60.0
BACKOFF_MAX_S = 2.0
SHUTDOWN_GRACE_S = 5.0

_UNITS_S = {
    "ns": 1e-9,
    "us": 1e-6,
    "ms": 1e-3,
    "secs": 1.0,
    "mins": 60.0,
    "hrs": 3600.0,
    "days": 86400.0,
    "weeks": 604800.0,
}


class ExecutorEnvironment(msgspec.Struct, frozen=True, kw_only=True):
    """The variables that an executor needs. `agent` is the base URL of its agent."""

    framework_id: FrameworkId
    executor_id: ExecutorId
    agent_id: AgentId | None
    agent: str
    checkpoint: bool = False
    recovery_timeout_s: float = RECOVERY_TIMEOUT_S
    backoff_max_s: float = BACKOFF_MAX_S
    shutdown_grace_s: float = SHUTDOWN_GRACE_S
    token: str | None = None
    """Sent as a bearer token, where the agent authenticates executors."""
    sandbox: str = "."


def read_environment(variables: Mapping[str, str]) -> ExecutorEnvironment:
    """Read the environment of an executor. Raises ConfigError if this is none."""
    return ExecutorEnvironment(
        framework_id=FrameworkId(_required(variables, "MESOS_FRAMEWORK_ID")),
        executor_id=ExecutorId(_required(variables, "MESOS_EXECUTOR_ID")),
        agent_id=AgentId(variables["MESOS_SLAVE_ID"]) if "MESOS_SLAVE_ID" in variables else None,
        agent=f"http://{_required(variables, 'MESOS_AGENT_ENDPOINT')}",
        checkpoint=variables.get("MESOS_CHECKPOINT") == "1",
        recovery_timeout_s=_duration_s(variables, "MESOS_RECOVERY_TIMEOUT", RECOVERY_TIMEOUT_S),
        backoff_max_s=_duration_s(variables, "MESOS_SUBSCRIPTION_BACKOFF_MAX", BACKOFF_MAX_S),
        shutdown_grace_s=_duration_s(variables, "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", SHUTDOWN_GRACE_S),
        token=variables.get("MESOS_EXECUTOR_AUTHENTICATION_TOKEN"),
        sandbox=variables.get("MESOS_SANDBOX") or variables.get("MESOS_DIRECTORY") or ".",
    )


def _required(variables: Mapping[str, str], name: str) -> str:
    value = variables.get(name)
    if not value:
        raise ConfigError(f"{name} is not set: executors are started by an agent, which sets it")
    return value


def _duration_s(variables: Mapping[str, str], name: str, default_s: float) -> float:
    """Return a duration such as `15mins` in seconds."""
    text = variables.get(name)
    if not text:
        return default_s
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-z]+)\s*", text)
    if match is None or match[2] not in _UNITS_S:
        raise ConfigError(f"{name}={text!r} is no duration; write a number and one of {', '.join(_UNITS_S)}")
    return float(match[1]) * _UNITS_S[match[2]]
