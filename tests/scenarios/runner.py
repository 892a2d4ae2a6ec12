"""Scenarios in text: what happens to a master, and all that it does about it.

A scenario file has commands at the left margin, and below each one, indented, the full trace of effects. The
test runs the commands and compares the whole text; MESETA_REWRITE_SCENARIOS=1 makes it write the traces anew,
and review the difference. Lines that start with `#` and blank lines are kept.

    master [grace=30]                               begins anew: tasks may be ended for guarantees
    agent a1 [cpus=4] [mem=4096] [operations=yes] [drains=yes]   an agent registers
    reregister a1 id=m-S0 [tasks=t1:TASK_RUNNING:m-0000,…] [hostname=…]
    unregister a1 · pong a1 · break a1              it leaves, answers a ping, loses its connection
    update a1 m-0000 t1 TASK_RUNNING [latest=…] [reason=…] [message=…]
    exited a1 m-0000 e1 [status=0]                  an executor ends
    subscribe 1 [id=…] [roles=web,db] [force=no] [standby=yes] [notices=yes] …  on stream 1, or d1
    close 1 · break d1                              its stream or link ends
    accept m-0000 m-O0 [reserve:cpus=1 …] [t1:cpus=1,mem=128,executor=e1 …] [pod:e1:t1,t2] [refuse=5]
                     reserve:, unreserve: amounts; create:, destroy: volumes with their sizes
    ended a1 m-0000 reserve [OPERATION_FINISHED] · ack-operation m-0000 reserve · reconcile-operations m-0000
    operate a1 reserve:cpus=1                       an operator reserves, or makes volumes
    quota web [guarantee:cpus=1,mem=64] [limit:cpus=2] [force=yes] · weights web=2    an operator sets them
    set-quota web:cpus=1 · remove-quota web         the older pair
    drain a1 [grace=2] [gone=yes] · deactivate a1 · reactivate a1 · gone a1     an operator does
    maintain a1 a2 in=100 [for=60] · down a1 · up a1 · inverse m-0000 accept m-O3    … or a machine down
    decline m-0000 m-O0 [refuse=5]
    ack m-0000 t1 · kill m-0000 t1 · reconcile m-0000 [t1@m-S0 …]
    request m-0000 [cpus=4]                         a framework says what it needs
    suppress, revive, teardown m-0000 · operators +1 · teardown-by-operator m-0000
    run 5                                           seconds pass
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

import msgspec

from meseta.ids import AgentId, ExecutorId, FrameworkId, OfferId, OperationId, Pid, TaskId
from meseta.master import effects, events
from meseta.master.config import RevocationTerms
from meseta.master.effects import MasterEffect
from meseta.master.events import Peer, RequestId, StreamId
from meseta.records import (
    AgentInfo,
    ExecutorInfo,
    ExecutorType,
    Filters,
    FrameworkCapability,
    FrameworkInfo,
    FrameworkOptions,
    Launch,
    LaunchGroup,
    OperationState,
    OperationStatus,
    OperationType,
    ResourceOperation,
    StatusUpdate,
    TaskGroupInfo,
    TaskInfo,
    TaskReason,
    TaskRecord,
    TaskState,
    TaskStatus,
)
from meseta.resources import Disk, Kind, Resources, format_resources, to_milli
from tests.scenarios import upkeep
from tests.unit.master.master_kit import (
    EPOCH,
    Playground,
    agent_info,
    executor,
    pid_of,
    register,
    subscribe,
    task,
    updated,
)
from tests.unit.master.test_operations import AGENT, RESERVED, VERSION

KINDS = {
    kind.name.lower(): kind
    for kind in (OperationType.RESERVE, OperationType.UNRESERVE, OperationType.CREATE, OperationType.DESTROY)
}

Options = dict[str, str]


def run(text: str) -> str:
    """Run the commands of a scenario; return its text with the traces that they leave."""
    scenario = Scenario()
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("  "):
            continue
        lines.append(line)
        if line.strip() and not line.startswith("#"):
            lines += [f"  {told}" for told in scenario.command(line)]
    return "\n".join(lines) + "\n"


class Scenario:
    """A master and the names by which a scenario calls things."""

    def __init__(self) -> None:
        self.play = Playground()
        self.updates = 0

    def command(self, line: str) -> list[str]:
        """Run one command; return its trace."""
        name, *words = shlex.split(line)
        options = dict(word.split("=", 1) for word in words if "=" in word and ":" not in word.split("=")[0])
        plain = [word for word in words if "=" not in word or ":" in word.split("=")[0]]
        done = COMMANDS[name](self, plain, options)
        return [render(effect) for effect in done]

    def call(self, kind: type[Any], framework_id: str, **fields: Any) -> list[MasterEffect]:
        """Let a framework's scheduler call."""
        return self.play.call(kind, FrameworkId(framework_id), **fields)

    def agent_id(self, name: str) -> AgentId:
        """Return the id of an agent by its name."""
        return self.play.state.agent_pids[pid_of(name)]


# Commands ---------------------------------------------------------------------------------------------


def peer_of(name: str) -> Peer:
    """Return the stream of a number, or the pid of a driver's name."""
    return StreamId(int(name)) if name.isdigit() else Pid(f"scheduler-{name}@10.0.2.{name[1:]}:4000")


def do_master(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    terms = RevocationTerms(grace_s=float(options["grace"])) if "grace" in options else None
    scenario.play = Playground(revocation=terms)
    return []


def do_request(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    needed = Resources.scalars(**{name: float(amount) for name, amount in options.items()})
    requests = (events.ResourceRequest(resources=needed),) if needed else ()
    return scenario.call(events.ResourcesRequested, words[0], requests=requests)


def do_agent(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    amounts = {key: float(options.pop(key)) for key in ("cpus", "mem") if key in options}
    able: dict[str, Any] = {}
    if options.pop("operations", None):
        able = {"capabilities": AGENT, "resource_version": VERSION}
    if options.pop("drains", None):
        able = {"capabilities": frozenset({"MULTI_ROLE", "AGENT_DRAINING"})}
    return scenario.play.feed(register(words[0], **amounts, **able, **options))


def do_reregister(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    id = AgentId(options["id"])
    tasks = tuple(_record(id, *item.split(":")) for item in options.get("tasks", "").split(",") if item)
    ids = dict.fromkeys(record.framework_id for record in tasks)
    info = agent_info(words[0], id=id)
    return scenario.play.feed(
        events.ReregistrationRequested(
            sender=pid_of(words[0]),
            info=msgspec.structs.replace(info, hostname=options.get("hostname", info.hostname)),
            version="1.12.0",
            capabilities=frozenset({"MULTI_ROLE"}),
            frameworks=tuple(msgspec.structs.replace(subscribe(StreamId(0)).info, id=id) for id in ids),
            tasks=tasks,
        )
    )


def _record(agent_id: AgentId, task_id: str, state: str, framework_id: str) -> TaskRecord:
    return TaskRecord(
        task_id=TaskId(task_id),
        name=task_id,
        framework_id=FrameworkId(framework_id),
        agent_id=agent_id,
        executor_id=None,
        state=TaskState[state],
        resources=Resources.scalars(cpus=1, mem=128),
        allocation_role="web",
    )


def do_unregister(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    leave = events.UnregistrationRequested(sender=pid_of(words[0]), agent_id=scenario.agent_id(words[0]))
    return scenario.play.feed(leave)


def do_pong(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    return scenario.play.feed(events.PongReceived(sender=pid_of(words[0])))


def do_break(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    pid = pid_of(words[0]) if words[0].startswith("a") else peer_of(words[0])
    return scenario.play.feed(events.PeerExited(address=str(pid).rpartition("@")[2]))


def do_close(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    return scenario.play.feed(events.StreamClosed(stream=StreamId(int(words[0]))))


def do_update(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    name, framework_id, task_id, state = words
    scenario.updates += 1
    fields: dict[str, Any] = {key: options[key] for key in ("message",) if key in options}
    if "reason" in options:
        fields["reason"] = TaskReason[options["reason"]]
    event = updated(
        pid_of(name),
        FrameworkId(framework_id),
        scenario.agent_id(name),
        task_id,
        TaskState[state],
        f"u{scenario.updates}".encode(),
        latest=TaskState[options["latest"]] if "latest" in options else None,
        timestamp=EPOCH + scenario.play.now,
        **fields,
    )
    return scenario.play.feed(event)


def do_exited(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    name, framework_id, executor_id = words
    return scenario.play.feed(
        events.ExecutorExited(
            sender=pid_of(name),
            agent_id=scenario.agent_id(name),
            framework_id=FrameworkId(framework_id),
            executor_id=ExecutorId(executor_id),
            status=int(options.get("status", "0")),
        )
    )


def do_subscribe(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    fields: dict[str, Any] = {
        key: options[key] for key in ("id", "name", "user", "principal") if key in options
    }
    if "roles" in options:
        fields["roles"] = tuple(options["roles"].split(","))
    if "notices" in options:
        fields["options"] = FrameworkOptions(revocation_notices=True)
    if "failover" in options:
        fields["failover_timeout_s"] = float(options["failover"])
    if "capabilities" in options:
        names = [name for name in options["capabilities"].split(",") if name]
        fields["capabilities"] = frozenset(FrameworkCapability[name] for name in names)
    force = options.get("force", "yes") == "yes"
    checkpoint = options.get("checkpoint", "yes") == "yes"
    asked = subscribe(peer_of(words[0]), force=force, checkpoint=checkpoint, **fields)
    return scenario.play.feed(msgspec.structs.replace(asked, standby="standby" in options))


def do_accept(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    framework_id, *rest = words
    offers = tuple(OfferId(word) for word in rest if ":" not in word)
    known = scenario.play.state.offers.get(offers[0]) if offers else None
    agent_id = known.agent_id if known is not None else AgentId("m-S0")
    made = [_operation(word, "web") for word in rest if word.partition(":")[0] in KINDS]
    rest = [word for word in rest if word.partition(":")[0] not in KINDS]
    tasks = [_task(agent_id, word) for word in rest if ":" in word and not word.startswith("pod:")]
    pods = [_pod(agent_id, word) for word in rest if word.startswith("pod:")]
    operations = [*made, *([Launch(tasks=tuple(tasks))] if tasks else []), *pods]
    return scenario.call(
        events.OffersAccepted,
        framework_id,
        offer_ids=offers,
        operations=tuple(operations),
        filters=Filters(refuse_s=float(options.get("refuse", "5"))),
    )


def _operation(word: str, role: str | None) -> ResourceOperation:
    """An operation on what is, or will be, reserved for role web; of a framework (`role`) it has an id."""
    name, _, given = word.partition(":")
    amounts = {key: float(value) for key, value in (item.split("=") for item in given.split(","))}
    kinds = {
        key: Kind(key, reservations=RESERVED)
        if name in ("reserve", "unreserve")
        else Kind(
            "disk", reservations=RESERVED, disk=Disk(persistence_id=key, container_path="data", mode="RW")
        )
        for key in amounts
    }
    resources = Resources.of({kinds[key]: to_milli(amount) for key, amount in amounts.items()})
    id = None if role is None else OperationId(name)
    return ResourceOperation(type=KINDS[name], id=id, resources=resources, role=role)


def do_ended(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    name, framework_id, operation_id, *state = words
    agent_id = scenario.agent_id(name)
    known = scenario.play.state.operations[FrameworkId(framework_id)][OperationId(operation_id)]
    status = OperationStatus(
        state=OperationState[state[0] if state else "OPERATION_FINISHED"],
        operation_id=OperationId(operation_id),
        agent_id=agent_id,
        uuid=operation_id.encode(),
    )
    return scenario.play.feed(
        events.OperationUpdateReceived(
            sender=pid_of(name),
            agent_id=agent_id,
            framework_id=FrameworkId(framework_id),
            operation_uuid=known.uuid,
            status=status,
            latest=status,
        )
    )


def do_ack_operation(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    framework_id, operation_id = words
    known = scenario.play.state.operations[FrameworkId(framework_id)][OperationId(operation_id)]
    return scenario.call(
        events.OperationUpdateAcknowledged,
        framework_id,
        agent_id=known.agent_id,
        operation_id=OperationId(operation_id),
        uuid=operation_id.encode(),
    )


def do_reconcile_operations(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    return scenario.call(events.OperationsReconcileRequested, words[0])


def do_operate(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    name, word = words
    return scenario.play.feed(
        events.OperationRequested(
            request=RequestId(1), agent_id=scenario.agent_id(name), operation=_operation(word, None)
        )
    )


def do_quota(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    role, *bounds = words
    found = {kind: _amounts(given) for kind, _, given in (bound.partition(":") for bound in bounds)}
    config = events.QuotaConfig(
        role=role, guarantees=found.get("guarantee", {}), limits=found.get("limit", {})
    )
    return scenario.play.feed(
        events.QuotaUpdateRequested(request=RequestId(1), configs=(config,), force="force" in options)
    )


def do_set_quota(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    role, _, given = words[0].partition(":")
    guarantee = {name: to_milli(amount) for name, amount in _amounts(given).items()}
    return scenario.play.feed(events.QuotaSetRequested(request=RequestId(1), role=role, guarantee=guarantee))


def do_remove_quota(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    return scenario.play.feed(events.QuotaRemovalRequested(request=RequestId(1), role=words[0]))


def do_weights(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    weights = tuple((role, float(weight)) for role, weight in options.items())
    return scenario.play.feed(events.WeightsUpdateRequested(request=RequestId(1), weights=weights))


def _amounts(given: str) -> dict[str, float]:
    return {name: float(amount) for name, amount in (item.split("=") for item in given.split(","))}


def _task(agent_id: AgentId, word: str) -> TaskInfo:
    task_id, _, given = word.partition(":")
    fields = dict(item.split("=") for item in given.split(",") if item)
    own = executor(fields["executor"]) if "executor" in fields else None
    amounts = {"cpus": float(fields.get("cpus", "1")), "mem": float(fields.get("mem", "128"))}
    return task(task_id, agent_id, **amounts, **({"executor": own} if own is not None else {}))


def _pod(agent_id: AgentId, word: str) -> LaunchGroup:
    _, executor_id, names = word.split(":")
    pod = executor(executor_id, 0.1, 32, 32, type=ExecutorType.DEFAULT)
    tasks = tuple(task(name, agent_id, cpus=0.5, mem=32) for name in names.split(","))
    return LaunchGroup(executor=pod, group=TaskGroupInfo(tasks=tasks))


def do_decline(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    filters = Filters(refuse_s=float(options.get("refuse", "5")))
    offers = tuple(OfferId(word) for word in words[1:])
    return scenario.call(events.OffersDeclined, words[0], offer_ids=offers, filters=filters)


def do_ack(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    framework = scenario.play.state.frameworks[FrameworkId(words[0])]
    sent = framework.tasks[TaskId(words[1])]
    uuid = sent.sent_uuid or b""
    fields = {"agent_id": sent.agent_id, "task_id": sent.task_id, "uuid": uuid}
    return scenario.call(events.UpdateAcknowledged, words[0], **fields)


def do_kill(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    agent_id = AgentId(options["agent"]) if "agent" in options else None
    return scenario.call(events.KillRequested, words[0], task_id=TaskId(words[1]), agent_id=agent_id)


def do_reconcile(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    asked = [word.partition("@") for word in words[1:]]
    tasks = tuple((TaskId(id), AgentId(agent) if agent else None) for id, _, agent in asked)
    return scenario.call(events.ReconcileRequested, words[0], tasks=tasks)


def do_suppress(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    return scenario.call(events.Suppressed, words[0], roles=tuple(words[1:]))


def do_revive(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    return scenario.call(events.Revived, words[0], roles=tuple(words[1:]))


def do_teardown(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    return scenario.call(events.TeardownRequested, words[0])


def do_operator_teardown(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    request = events.FrameworkTeardownRequested(request=RequestId(1), framework_id=FrameworkId(words[0]))
    return scenario.play.feed(request)


def do_operators(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    return scenario.play.feed(events.SubscriberAdded() if words[0] == "+1" else events.SubscriberRemoved())


def do_run(scenario: Scenario, words: list[str], options: Options) -> list[MasterEffect]:
    return scenario.play.run(float(words[0]))


Command = Callable[[Scenario, list[str], Options], list[MasterEffect]]


def _about_agent(kind: type[Any]) -> Command:
    return lambda scenario, words, options: upkeep.about_agent(kind, scenario.play, words)


def _about_machines(kind: type[Any]) -> Command:
    return lambda scenario, words, options: upkeep.about_machines(kind, scenario.play, words)


COMMANDS: dict[str, Command] = {
    "master": do_master,
    "agent": do_agent,
    "reregister": do_reregister,
    "unregister": do_unregister,
    "pong": do_pong,
    "break": do_break,
    "close": do_close,
    "update": do_update,
    "exited": do_exited,
    "subscribe": do_subscribe,
    "accept": do_accept,
    "ended": do_ended,
    "ack-operation": do_ack_operation,
    "reconcile-operations": do_reconcile_operations,
    "operate": do_operate,
    "quota": do_quota,
    "set-quota": do_set_quota,
    "remove-quota": do_remove_quota,
    "weights": do_weights,
    "drain": lambda scenario, words, options: upkeep.drain(scenario.play, words, options),
    "deactivate": _about_agent(events.AgentDeactivationRequested),
    "reactivate": _about_agent(events.AgentReactivationRequested),
    "gone": _about_agent(events.AgentGoneRequested),
    "maintain": lambda scenario, words, options: upkeep.maintain(scenario.play, words, options),
    "down": _about_machines(events.MaintenanceStartRequested),
    "up": _about_machines(events.MaintenanceStopRequested),
    "inverse": lambda scenario, words, options: upkeep.answer(scenario.play, words, options),
    "decline": do_decline,
    "ack": do_ack,
    "kill": do_kill,
    "reconcile": do_reconcile,
    "request": do_request,
    "suppress": do_suppress,
    "revive": do_revive,
    "teardown": do_teardown,
    "teardown-by-operator": do_operator_teardown,
    "operators": do_operators,
    "run": do_run,
}


# Traces -----------------------------------------------------------------------------------------------


def render(effect: MasterEffect) -> str:
    """Write an effect on one line."""
    if isinstance(effect, effects.SendToFramework):
        peer = f"stream {effect.peer}" if isinstance(effect.peer, int) else effect.peer
        return f"{peer} ← {brief(effect.message)}"
    if isinstance(effect, effects.SendToAgent):
        return f"{effect.pid} ← {brief(effect.message)}"
    if isinstance(effect, effects.Publish):
        return f"operators ← {brief(effect.event)}"
    if isinstance(effect, effects.Persist):
        return f"registry ← {brief(effect.mutation)}"
    if isinstance(effect, effects.Log):
        return f"log {effect.level}: {effect.text}"
    return brief(effect)


def brief(value: Any) -> str:
    """Write a record as its name and its fields, the well-known ones in short."""
    short = SHORT.get(type(value))
    if short is not None:
        return str(short(value))
    if isinstance(value, msgspec.Struct):
        given = [(name, getattr(value, name)) for name in value.__struct_fields__]
        fields = [f"{name}={brief(field)}" for name, field in given if field not in (None, (), b"")]
        return " ".join([type(value).__name__, *fields])
    if isinstance(value, tuple):
        return "[" + ", ".join(map(brief, value)) + "]"
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value.name if isinstance(value, Enum) else str(value)


def _status(status: TaskStatus) -> str:
    parts: Iterable[Any] = (
        status.task_id,
        status.state.name,
        status.reason.name if status.reason is not None else None,
        f"'{status.message}'" if status.message is not None else None,
        f"agent={status.agent_id}" if status.agent_id is not None else None,
        f"uuid={status.uuid.decode()}" if status.uuid is not None else None,
        f"unreachable since {status.unreachable_time - EPOCH:g}"
        if status.unreachable_time is not None
        else None,
    )
    return " ".join(part for part in parts if part is not None)


SHORT: dict[type, Callable[[Any], str]] = {
    FrameworkInfo: lambda info: f"'{info.name}'",
    AgentInfo: lambda info: f"{info.hostname}({info.id})",
    TaskInfo: lambda info: info.task_id,
    ExecutorInfo: lambda info: info.executor_id,
    TaskGroupInfo: lambda group: brief(group.tasks),
    Resources: format_resources,
    TaskStatus: _status,
    StatusUpdate: lambda update: _status(update.status),
    effects.InverseOfferRecord: lambda offer: (
        f"{offer.offer_id} of {offer.agent.id} from {offer.unavailability.start_ns / 1e9 - EPOCH:g}"
    ),
    effects.InverseOffered: lambda message: f"InverseOffered {brief(message.offers)}",
    effects.OfferRecord: lambda offer: (
        f"{offer.id} of {offer.agent.id} for {offer.role}: {format_resources(offer.resources)}"
        + (f" executors={brief(offer.executor_ids)}" if offer.executor_ids else "")
    ),
    ResourceOperation: lambda operation: f"{operation.type.name} {format_resources(operation.resources)}",
    effects.ApplyOperation: lambda message: f"ApplyOperation {brief(message.operation)}",
    effects.AcknowledgeOperation: lambda message: f"AcknowledgeOperation {message.status_uuid.decode()}",
    effects.Offered: lambda offered: f"Offered {brief(offered.offers)}",
}
