"""The environment that executors and tasks start with. Names and forms are Mesos's: executors rely on it."""

from __future__ import annotations

from meseta.agent.state import AgentConfig, Executor, Framework
from meseta.ids import AgentId

SUBSCRIPTION_BACKOFF_MAX_S = 2.0

_UNITS = (
    (604_800_000_000_000, "weeks"),
    (86_400_000_000_000, "days"),
    (3_600_000_000_000, "hrs"),
    (60_000_000_000, "mins"),
    (1_000_000_000, "secs"),
    (1_000_000, "ms"),
    (1_000, "us"),
    (1, "ns"),
)


def for_executor(
    config: AgentConfig, agent_id: AgentId, framework: Framework, executor: Executor
) -> dict[str, str]:
    """Return the variables of an executor's process, or of a task that a built-in executor runs."""
    base = config.executor_environment
    variables = {"PATH": config.path} if base is None else dict(base)
    directory = f"{config.work_dir}/{executor.directory}"
    grace_s = executor.info.shutdown_grace_period_s
    if grace_s is None:
        grace_s = config.executor_shutdown_grace_period_s
    variables |= {
        "LIBPROCESS_PORT": "0",
        "MESOS_AGENT_ENDPOINT": config.pid.rpartition("@")[2],
        "MESOS_CHECKPOINT": "1" if framework.info.checkpoint else "0",
        "MESOS_DIRECTORY": directory,
        "MESOS_EXECUTOR_ID": executor.id,
        "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": duration_text(grace_s),
        "MESOS_FRAMEWORK_ID": framework.id,
        "MESOS_HTTP_COMMAND_EXECUTOR": "1" if config.http_command_executor else "0",
        "MESOS_SANDBOX": directory,
        "MESOS_SLAVE_ID": agent_id,
        "MESOS_SLAVE_PID": config.pid,
    }
    if config.libprocess_ip is not None:
        variables["LIBPROCESS_IP"] = config.libprocess_ip
    if framework.info.checkpoint:
        variables["MESOS_RECOVERY_TIMEOUT"] = duration_text(config.recovery_timeout_s)
        variables["MESOS_SUBSCRIPTION_BACKOFF_MAX"] = duration_text(SUBSCRIPTION_BACKOFF_MAX_S)
    return variables


def for_pod_task(
    config: AgentConfig,
    agent_id: AgentId,
    framework: Framework,
    executor: Executor,
    sandbox: str,
    role: str | None,
) -> dict[str, str]:
    """Return the variables of a pod's task, whose sandbox is `sandbox` (relative to the work directory)."""
    variables = for_executor(config, agent_id, framework, executor)
    variables["MESOS_SANDBOX"] = f"{config.work_dir}/{sandbox}"
    variables["MESOS_CONTAINER_IP"] = config.ip
    if role is not None:
        variables["MESOS_ALLOCATION_ROLE"] = role
    return variables


def duration_text(seconds: float) -> str:
    """Write a duration as Mesos does: the largest unit of which it is one or more, or the next smaller
    one where that avoids a fraction (`10days`, not `1.42857142857143weeks`)."""
    nanoseconds = round(seconds * 1e9)
    sign, amount = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    for index, (unit, name) in enumerate(_UNITS):
        if amount >= unit:
            if amount % unit and index + 1 < len(_UNITS):
                unit, name = _UNITS[index + 1]
            return f"{sign}{amount / unit:.15g}{name}"
    return "0ns"
