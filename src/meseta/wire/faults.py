"""What is wrong with a message itself, before any state is looked at.

Each function returns the first fault as a sentence, or None. The rules and their order are those of
Mesos (src/common/validation.cpp, src/master/validation.cpp); where a live Mesos was recorded, so is the
sentence, because frameworks compare it. Rules that need to know an agent, an offer or other tasks
belong to `meseta.master`.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable

from meseta.wire.gen import mesos_pb2 as m

Fault = str | None


def task_fault(task: m.TaskInfo) -> Fault:
    """Check everything of a task but its ids, resources and executor."""
    return first(
        _kill_policy_fault(task),
        "Task's `max_completion_time` must be non-negative"
        if task.HasField("max_completion_time") and task.max_completion_time.nanoseconds < 0
        else None,
        _prefixed("Task uses invalid check: ", check_fault(task.check) if task.HasField("check") else None),
        _prefixed(
            "Task uses invalid health check: ",
            health_check_fault(task.health_check) if task.HasField("health_check") else None,
        ),
    )


def task_contents_fault(task: m.TaskInfo) -> Fault:
    """Check a task's command and container; Mesos does so after the resources."""
    return first(
        _prefixed(
            "Task's `CommandInfo` is invalid: ",
            command_fault(task.command) if task.HasField("command") else None,
        ),
        _prefixed(
            "Task's `ContainerInfo` is invalid: ",
            container_fault(task.container) if task.HasField("container") else None,
        ),
    )


def roles_fault(whose: str, fault: Fault) -> Fault:
    """Say that the resources of a task or an executor are allocated to several roles, if so."""
    return _prefixed(f"Invalid {whose} resources: ", fault)


def lone_task_fault(task: m.TaskInfo) -> Fault:
    """Check what a task may not have that is in no group."""
    linux = task.container.linux_info
    if linux.HasField("share_cgroups") and not linux.share_cgroups:
        return "Only tasks in a task group may have 'share_cgroups' set to 'false'"
    return None


def grouped_task_fault(task: m.TaskInfo) -> Fault:
    """Check what a task may not have that is in a group."""
    by_network = task.health_check.type in (m.HealthCheck.HTTP, m.HealthCheck.TCP)
    if task.container.network_infos and by_network:
        return (
            "HTTP and TCP health checks are not supported for nested containers not joining parent's network"
        )
    if task.HasField("container") and task.container.type == m.ContainerInfo.DOCKER:
        return "Docker ContainerInfo is not supported on the task"
    if task.limits and task.container.linux_info.share_cgroups:
        return (
            "Resource limits may only be set for tasks within a task group when the 'share_cgroups' field is"
            " set to 'false'."
        )
    return None


def group_executor_fault(executor: m.ExecutorInfo) -> Fault:
    """Check what an executor of a group must have, and may not."""
    if not executor.HasField("framework_id"):
        return "'ExecutorInfo.framework_id' must be set"
    if not executor.HasField("type"):
        return "'ExecutorInfo.type' must be set"
    if executor.HasField("container") and executor.container.type == m.ContainerInfo.DOCKER:
        return "Docker ContainerInfo is not supported on the executor"
    return None


def executor_fault(executor: m.ExecutorInfo) -> Fault:
    """Check everything of an executor but its ids and resources."""
    return first(
        _executor_type_fault(executor),
        "ExecutorInfo's 'shutdown_grace_period' must be non-negative"
        if executor.HasField("shutdown_grace_period") and executor.shutdown_grace_period.nanoseconds < 0
        else None,
        _prefixed(
            "Executor's `CommandInfo` is invalid: ",
            command_fault(executor.command) if executor.HasField("command") else None,
        ),
        _prefixed(
            "Executor's `ContainerInfo` is invalid: ",
            container_fault(executor.container) if executor.HasField("container") else None,
        ),
        "The 'share_cgroups' field cannot be set to 'true' on executor containers"
        if executor.container.linux_info.HasField("share_cgroups")
        and executor.container.linux_info.share_cgroups
        else None,
    )


def command_fault(command: m.CommandInfo) -> Fault:
    """Check a command: its environment."""
    return first(*(_variable_fault(variable) for variable in command.environment.variables))


def container_fault(container: m.ContainerInfo) -> Fault:
    """Check a container description: its volumes and, for Docker, its parameters."""
    volume = first(*(_prefixed("Invalid volume: ", _volume_fault(v)) for v in container.volumes))
    if volume is not None or container.type != m.ContainerInfo.DOCKER:
        return volume
    if not container.HasField("docker"):
        return "DockerInfo 'docker' is not set for DOCKER typed ContainerInfo"
    if any(parameter.key == "name" for parameter in container.docker.parameters):
        return "Parameter in DockerInfo must not be 'name'"
    return None


def health_check_fault(check: m.HealthCheck) -> Fault:
    """Check a health check: its kind, what the kind needs, and that no time is negative."""
    if not check.HasField("type"):
        return "HealthCheck must specify 'type'"
    kind = m.HealthCheck.Type.Name(check.type)
    needs: dict[str, Callable[[], Fault]] = {
        "COMMAND": lambda: _check_command_fault("health check", check.command),
        "HTTP": lambda: _http_fault(check.http),
        "TCP": lambda: None,
    }
    if kind not in needs:
        return f"'{kind}' is not a valid health check type"
    if not check.HasField(kind.lower()):
        return f"Expecting '{kind.lower()}' to be set for {kind} health check"
    return first(needs[kind](), _times_fault(check, "delay", "grace_period", "interval", "timeout"))


def check_fault(check: m.CheckInfo) -> Fault:
    """Check a check: its kind, what the kind needs, and that no time is negative."""
    if not check.HasField("type"):
        return "CheckInfo must specify 'type'"
    kind = m.CheckInfo.Type.Name(check.type)
    if kind not in ("COMMAND", "HTTP", "TCP"):
        return f"'{kind}' is not a valid check type"
    if not check.HasField(kind.lower()):
        return f"Expecting '{kind.lower()}' to be set for {kind} check"
    fault = _check_command_fault("check", check.command.command) if kind == "COMMAND" else None
    if kind == "HTTP" and check.http.HasField("path") and not check.http.path.startswith("/"):
        fault = f"The path '{check.http.path}' of HTTP check must start with '/'"
    return first(fault, _times_fault(check, "delay", "interval", "timeout"))


def framework_fault(info: m.FrameworkInfo) -> Fault:
    """Check that `role` and `roles` are used as the capability MULTI_ROLE says."""
    multi_role = any(c.type == m.FrameworkInfo.Capability.MULTI_ROLE for c in info.capabilities)
    if multi_role:
        if info.HasField("role"):
            return "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable"
        repeated = sorted(role for role, times in Counter(info.roles).items() if times > 1)
        if repeated:
            return f"'FrameworkInfo.roles' contains duplicate items: {{ {', '.join(repeated)} }}"
    elif info.roles:
        return "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable"
    return _offer_filters_fault(info)


def _offer_filters_fault(info: m.FrameworkInfo) -> Fault:
    for filters in info.offer_filters.values():
        for alternative in filters.min_allocatable_resources.quantities:
            for name, amount in alternative.quantities.items():
                if (fault := _amount_fault(amount.value)) is not None:
                    return f"Invalid resource quantity for '{name}': {fault}"
    return None


def _amount_fault(value: float) -> Fault:
    if math.isnan(value):
        return "NaN not supported"
    if math.isinf(value):
        return "Infinite values not supported"
    if 0 < abs(value) < sys.float_info.min:
        return "Subnormal values not supported"
    return "Negative values not supported" if value < 0 else None


def first(*faults: Fault) -> Fault:
    """Return the first fault there is."""
    for fault in faults:
        if fault is not None:
            return fault
    return None


def _prefixed(prefix: str, fault: Fault) -> Fault:
    return None if fault is None else prefix + fault


def _kill_policy_fault(task: m.TaskInfo) -> Fault:
    policy = task.kill_policy
    if policy.HasField("grace_period") and policy.grace_period.nanoseconds < 0:
        return "Task's 'kill_policy.grace_period' must be non-negative"
    return None


def _executor_type_fault(executor: m.ExecutorInfo) -> Fault:
    kind = m.ExecutorInfo.Type.Name(executor.type)
    if kind == "DEFAULT":
        if executor.HasField("command"):
            return "'ExecutorInfo.command' must not be set for 'DEFAULT' executor"
        if executor.HasField("container") and executor.container.type != m.ContainerInfo.MESOS:
            return "'ExecutorInfo.container.type' must be 'MESOS' for 'DEFAULT' executor"
        if executor.container.mesos.HasField("image"):
            return "'ExecutorInfo.container.mesos.image' must not be set for 'DEFAULT' executor"
    elif kind == "CUSTOM" and not executor.HasField("command"):
        return "'ExecutorInfo.command' must be set for 'CUSTOM' executor"
    return None


def _variable_fault(variable: m.Environment.Variable) -> Fault:
    kind = m.Environment.Variable.Type.Name(variable.type)
    subject = f"Environment variable '{variable.name}' of type '{kind}'"
    if kind == "SECRET":
        if not variable.HasField("secret"):
            return f"{subject} must have a secret set"
        if variable.HasField("value"):
            return f"{subject} must not have a value set"
        if (fault := _secret_fault(variable.secret)) is not None:
            return f"Environment variable '{variable.name}' specifies an invalid secret: {fault}"
        if b"\0" in variable.secret.value.data:
            return (
                f"Environment variable '{variable.name}' specifies a secret containing null bytes, which is"
                " not allowed in the environment"
            )
        return None
    if kind == "VALUE":
        if not variable.HasField("value"):
            return f"{subject} must have a value set"
        return f"{subject} must not have a secret set" if variable.HasField("secret") else None
    return "Environment variable of type 'UNKNOWN' is not allowed"


def _secret_fault(secret: m.Secret) -> Fault:
    kind = m.Secret.Type.Name(secret.type)
    wanted, other = ("reference", "value") if kind == "REFERENCE" else ("value", "reference")
    if kind == "UNKNOWN":
        return None
    if not secret.HasField(wanted):
        return f"Secret of type {kind} must have the '{wanted}' field set"
    if secret.HasField(other):
        if kind == "REFERENCE":
            return f"Secret '{secret.reference.name}' of type REFERENCE must not have the 'value' field set"
        return f"Secret of type {kind} must not have the '{other}' field set"
    return None


_VOLUME_SOURCES = ("DOCKER_VOLUME", "HOST_PATH", "SANDBOX_PATH", "SECRET", "CSI_VOLUME")


def _volume_fault(volume: m.Volume) -> Fault:
    if sum(volume.HasField(name) for name in ("host_path", "image", "source")) != 1:
        return "Only one of them should be set: 'host_path', 'image' and 'source'"
    if not volume.HasField("source"):
        return None
    kind = m.Volume.Source.Type.Name(volume.source.type)
    if kind not in _VOLUME_SOURCES:
        return "'source.type' is unknown"
    field, name = kind.lower(), "CSI" if kind == "CSI_VOLUME" else kind
    if not volume.source.HasField(field):
        return f"'source.{field}' is not set for {name} volume"
    if kind == "CSI_VOLUME" and not volume.source.csi_volume.HasField("static_provisioning"):
        return "'source.csi_volume.static_provisioning' is not set for CSI volume"
    return None


def _check_command_fault(what: str, command: m.CommandInfo) -> Fault:
    if not command.HasField("value"):
        kind = "'shell command'" if command.shell else "'executable path'"
        return f"Command {what} must contain {kind}"
    return _prefixed(f"{what.capitalize()}'s `CommandInfo` is invalid: ", command_fault(command))


def _http_fault(http: m.HealthCheck.HTTPCheckInfo) -> Fault:
    if http.HasField("scheme") and http.scheme not in ("http", "https"):
        return f"Unsupported HTTP health check scheme: '{http.scheme}'"
    if http.HasField("path") and not http.path.startswith("/"):
        return f"The path '{http.path}' of HTTP health check must start with '/'"
    return None


def _times_fault(check: m.HealthCheck | m.CheckInfo, *names: str) -> Fault:
    negative = (name for name in names if not getattr(check, f"{name}_seconds") >= 0)
    return next((f"Expecting '{name}_seconds' to be non-negative" for name in negative), None)
