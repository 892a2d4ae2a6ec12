"""What a framework launches, as plain records: Task, Command, Uri, ExecutorSpec.

They hold what most frameworks need. Everything else that Mesos knows (containers, health checks,
discovery, …) goes into `Task.message` or `ExecutorSpec.message`: a protobuf message to start from, on
which the other fields are set.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

import msgspec

from meseta.sdk.codec import check_complete
from meseta.wire.gen import mesos_pb2

NANOSECONDS = 1_000_000_000


class Uri(msgspec.Struct, frozen=True):
    """A file to fetch into the sandbox before the command starts."""

    value: str
    executable: bool = False
    extract: bool = True
    """Unpack archives, known by their names."""
    cache: bool = False
    output_file: str | None = None
    """Name in the sandbox, if not the last part of the address."""

    def to_message(self) -> mesos_pb2.CommandInfo.URI:
        return mesos_pb2.CommandInfo.URI(
            value=self.value,
            executable=self.executable,
            extract=self.extract,
            cache=self.cache,
            output_file=self.output_file,
        )


class Command(msgspec.Struct, frozen=True):
    """A shell line; or with `arguments`, the program `value` run with exactly these (argv[0] included)."""

    value: str
    arguments: Sequence[str] | None = None
    environment: Mapping[str, str] = {}
    uris: Sequence[Uri | str] = ()
    user: str | None = None

    def to_message(self) -> mesos_pb2.CommandInfo:
        return mesos_pb2.CommandInfo(
            value=self.value,
            shell=self.arguments is None,
            arguments=self.arguments or (),
            environment=environment_message(self.environment) if self.environment else None,
            uris=[(Uri(uri) if isinstance(uri, str) else uri).to_message() for uri in self.uris],
            user=self.user,
        )


class ExecutorSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A program of the framework that runs its tasks; one process per agent and `id`.

    `cpus` and `mem` (MiB) are its own, on top of those of its tasks.
    """

    id: str
    command: Command | str
    name: str = ""
    cpus: float = 0.1
    mem: float = 32.0
    disk: float = 0.0
    data: bytes = b""
    labels: Mapping[str, str] = {}
    shutdown_grace_s: float | None = None
    message: mesos_pb2.ExecutorInfo | None = None

    @property
    def amounts(self) -> dict[str, float]:
        """Scalar resources by name."""
        return {"cpus": self.cpus, "mem": self.mem, "disk": self.disk}

    def to_message(
        self, framework_id: str, resources: Sequence[mesos_pb2.Resource]
    ) -> mesos_pb2.ExecutorInfo:
        """Return the message, with `resources` taken from an offer."""
        info = mesos_pb2.ExecutorInfo()
        if self.message is not None:
            info.CopyFrom(self.message)
        info.type = mesos_pb2.ExecutorInfo.CUSTOM
        info.executor_id.value = self.id
        info.framework_id.value = framework_id
        info.name = self.name or info.name or self.id
        info.command.MergeFrom(as_command(self.command).to_message())
        info.resources.extend(resources)
        if self.data:
            info.data = self.data
        if self.labels:
            info.labels.MergeFrom(labels_message(self.labels))
        if self.shutdown_grace_s is not None:
            info.shutdown_grace_period.nanoseconds = round(self.shutdown_grace_s * NANOSECONDS)
        return info


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One task: a command, or work for an executor. Amounts are cores, and MiB of `mem` and `disk`.

    `ports` is how many ports of the agent the task wants: the command finds them in PORT0, PORT1, ….
    Without an `id` each launch gets a new one.
    """

    command: Command | str | None = None
    cpus: float = 0.0
    mem: float = 0.0
    disk: float = 0.0
    gpus: float = 0.0
    ports: int = 0
    name: str = ""
    id: str | None = None
    executor: ExecutorSpec | None = None
    data: bytes = b""
    labels: Mapping[str, str] = {}
    kill_grace_s: float | None = None
    """How long the task may take to end after SIGTERM before it gets SIGKILL."""
    max_time_s: float | None = None
    """The task is killed when it runs longer."""
    message: mesos_pb2.TaskInfo | None = None

    @property
    def amounts(self) -> dict[str, float]:
        """Scalar resources by name."""
        return {"cpus": self.cpus, "mem": self.mem, "disk": self.disk, "gpus": self.gpus}

    def to_message(
        self, agent_id: str, resources: Sequence[mesos_pb2.Resource], executor: mesos_pb2.ExecutorInfo | None
    ) -> mesos_pb2.TaskInfo:
        """Return the message, with `resources` taken from an offer of the agent."""
        info = mesos_pb2.TaskInfo()
        if self.message is not None:
            info.CopyFrom(self.message)
        info.name = self.name or info.name or self._default_name()
        info.task_id.value = self.id or info.task_id.value or f"{self._default_name()}-{uuid.uuid4()}"
        info.agent_id.value = agent_id
        info.resources.extend(resources)
        if self.command is not None:
            info.command.MergeFrom(as_command(self.command).to_message())
        if executor is not None:
            info.executor.CopyFrom(executor)
        self._set_optional(info)
        if info.HasField("command") and self.ports:
            info.command.environment.MergeFrom(environment_message(_port_variables(resources)))
        return info

    def _set_optional(self, info: mesos_pb2.TaskInfo) -> None:
        if self.data:
            info.data = self.data
        if self.labels:
            info.labels.MergeFrom(labels_message(self.labels))
        if self.kill_grace_s is not None:
            info.kill_policy.grace_period.nanoseconds = round(self.kill_grace_s * NANOSECONDS)
        if self.max_time_s is not None:
            info.max_completion_time.nanoseconds = round(self.max_time_s * NANOSECONDS)

    def _default_name(self) -> str:
        if self.name:
            return self.name.replace("/", "-")
        return self.executor.id if self.executor is not None else "task"


def as_command(command: Command | str) -> Command:
    """Return a text as the shell line that it is."""
    return Command(command) if isinstance(command, str) else command


def labels_message(labels: Mapping[str, str]) -> mesos_pb2.Labels:
    """Return labels as their message."""
    return mesos_pb2.Labels(labels=[mesos_pb2.Label(key=key, value=value) for key, value in labels.items()])


def environment_message(variables: Mapping[str, str]) -> mesos_pb2.Environment:
    """Return environment variables as their message."""
    return mesos_pb2.Environment(
        variables=[
            mesos_pb2.Environment.Variable(name=name, value=value) for name, value in variables.items()
        ]
    )


def _port_variables(resources: Sequence[mesos_pb2.Resource]) -> dict[str, str]:
    return {f"PORT{index}": str(port) for index, port in enumerate(ports_of(resources))}


def ports_of(resources: Sequence[mesos_pb2.Resource]) -> list[int]:
    """Return all ports among resources, in their order."""
    ranges = [span for resource in resources if resource.name == "ports" for span in resource.ranges.range]
    return [port for span in ranges for port in range(span.begin, span.end + 1)]


def framework_info(
    base: mesos_pb2.FrameworkInfo | None,
    *,
    name: str,
    roles: Sequence[str],
    user: str,
    framework_id: str | None,
    failover_timeout_s: float,
    checkpoint: bool,
    capabilities: Sequence[str],
    labels: Mapping[str, str],
    principal: str | None,
    offer_filter: str | Mapping[str, str] | None = None,
    revocation_notices: bool = False,
    demands: Mapping[str, Mapping[str, float]] | None = None,
) -> mesos_pb2.FrameworkInfo:
    """Return what a framework says of itself: `base`, and what it leaves open from the arguments.

    Raises SdkError if `base` is incomplete.
    """
    info = mesos_pb2.FrameworkInfo(
        name=name, user=user, failover_timeout=failover_timeout_s, checkpoint=checkpoint, principal=principal
    )
    if labels:
        info.labels.CopyFrom(labels_message(labels))
    if base is not None:
        info.MergeFrom(base)
    if framework_id is not None:
        info.id.value = framework_id
    if not info.roles:
        info.roles.extend(roles)
    if not info.capabilities:
        kinds = mesos_pb2.FrameworkInfo.Capability.Type
        for capability in capabilities:
            info.capabilities.add(type=kinds.Value(capability))
    if isinstance(offer_filter, str):
        offer_filter = dict.fromkeys(info.roles, offer_filter)
    for role, expression in (offer_filter or {}).items():
        info.meseta.roles[role].offer_filter = expression
    for role, amounts in (demands or {}).items():
        for name, amount in amounts.items():
            info.meseta.roles[role].demand[name] = amount
    if revocation_notices:
        info.meseta.revocation_notices = True
    check_complete(info, "the FrameworkInfo")
    return info
