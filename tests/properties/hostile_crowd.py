"""Hostile peers of a master: what they send is what others send, spoiled, or anything at all.

They know what a peer can know. A peer in the crowd has its own pid or stream, but with `lies` some also
send in the name of others.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from meseta.errors import WireError
from meseta.master.state import Offer
from meseta.resources import Resources
from meseta.resources.formats import Format
from meseta.wire import json
from meseta.wire.agent_link import AGENT_MESSAGES
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.gen import scheduler_pb2 as s
from meseta.wire.gen import scheduler_v0_pb2 as v0
from meseta.wire.parsing import parse
from meseta.wire.resources import fill_resources
from meseta.wire.scheduler_calls import DRIVER_MESSAGES
from tests.properties.hostile import Hostile, mangled
from tests.properties.hostile_world import AGENT, Honest, World

DRIVER_CALL = "mesos.scheduler.Call"
AGENTS = tuple(f"slave(1)@10.6.6.{number}:5051" for number in range(3))
DRIVERS = tuple(f"scheduler-{number}@10.6.7.{number}:1" for number in range(3))
STREAMS_MAX = 4
Kind: Any = m.Offer.Operation.Type
LAUNCHES = [Kind.LAUNCH, Kind.LAUNCH, Kind.LAUNCH_GROUP]
CONVERSIONS = [Kind.RESERVE, Kind.RESERVE, Kind.CREATE, Kind.CREATE, Kind.GROW_VOLUME, Kind.DESTROY]
OPERATIONS = [kind for kind in m.Offer.Operation.Type.values() if kind]
STATES = m.TaskState.values()


class Crowd:
    """Hostile agents, drivers and HTTP schedulers."""

    def __init__(self, seed: int, world: World, honest: Honest, *, lies: bool) -> None:
        self.random = random.Random(seed)
        self.world = world
        self.honest = honest
        self.lies = lies
        self.streams: list[str] = []
        self.tasks = 0
        self.hostile = Hostile(self.random)
        self.honesty = 1.0

    def act(self) -> None:
        """Let one of them do one thing."""
        self.hostile = Hostile(self.random, self._known())
        self.honesty = self.random.choice([0.7, 0.95, 0.99, 0.995, 1.0])
        actions: list[Callable[[], None]] = [
            self._anything_by_message,
            self._anything_by_call,
            self._wait,
            self._leave,
            self._register,
            self._reregister,
            self._report,
            self._report,
            self._report_operation,
            self._update_agent,
            *[self._subscribe] * 2,
            *[self._accept] * 8,
            *[self._call] * 4,
        ]
        self.random.choice(actions)()

    def _known(self) -> dict[str, list[bytes]]:
        """The ids that a peer may have heard of."""
        state = self.world.state
        tasks = [id for framework in state.frameworks.values() for id in framework.tasks]
        uuids = [task.sent_uuid or b"" for f in state.frameworks.values() for task in f.tasks.values()]
        frameworks = [*self._frameworks(), *state.completed_frameworks]
        return {
            "mesos.v1.FrameworkID": [id.encode() for id in frameworks],
            "mesos.v1.AgentID": [id.encode() for id in [*state.agents, *state.past.unreachable]],
            "mesos.v1.OfferID": [id.encode() for id in state.offers],
            "mesos.v1.TaskID": [*(id.encode() for id in tasks), b"new", b"newer"],
            "mesos.v1.ExecutorID": [b"e1", b"e2"],
            "mesos.v1.Resource.name": [b"cpus", b"mem", b"disk", b"ports", b"gpus"],
            "role": [b"web", b"*", b"web/x"],
            "roles": [b"web", b"honest"],
            "suppressed_roles": [b"web"],
            "version": [b"1.12.0"],
            "pid": [pid.encode() for pid in (*AGENTS, *DRIVERS)],
            "uuid": [b"u" * 16, *uuids],
        }

    # ── anything ──────────────────────────────────────────────────────────────────────────────────────

    def _anything_by_message(self) -> None:
        name = self.random.choice([*AGENT_MESSAGES, *DRIVER_MESSAGES, DRIVER_CALL])
        of = v0.Call if name == DRIVER_CALL else getattr(i, name.rpartition(".")[2])
        body = self.hostile.message(of.DESCRIPTOR, honesty=self.honesty)
        sender = self.random.choice([*AGENTS, *DRIVERS, "", "no pid", "x@10.0.0.1:" + "9" * 5000])
        if self.lies:
            sender = self.random.choice([sender, AGENT])
        if self.random.random() < 0.1:
            body = mangled(self.random, body)
        self.world.message(sender, name, body)

    def _anything_by_call(self) -> None:
        body = self.hostile.message(s.Call.DESCRIPTOR, honesty=self.honesty)
        stream_id: Any = self.random.choice([None, "", "nonsense", *self.streams])
        if self.lies and self.random.random() < 0.3:
            stream_id = self.honest.stream_id
        self._post(body, stream_id)

    def _wait(self) -> None:
        self.world.run(self.random.choice([0.0, 0.5, 2.0, 20.0]))
        for pid in (AGENT, *AGENTS):
            if pid == AGENT or self.random.random() < 0.7:
                self.world.message(pid, "mesos.internal.PongSlaveMessage", b"")

    def _leave(self) -> None:
        """End a stream, as the transport would tell, or the connection to a pid."""
        opened = self.world.api.subscriptions.by_id(self.random.choice([*self.streams, ""]))
        if opened is not None:
            self.world.stream_closed(opened.number)
        else:
            self.world.peer_exited(self.random.choice([*AGENTS, *DRIVERS]))

    # ── agents ────────────────────────────────────────────────────────────────────────────────────────

    def _agent(self, pid: str) -> i.SlaveInfo:
        slave = i.SlaveInfo(hostname=pid.partition("@")[2], port=5051, checkpoint=True)
        for name, amount in (("cpus", 8.0), ("mem", 1024.0), ("disk", 1024.0)):
            slave.resources.add(name=name, type=m.Value.SCALAR).scalar.value = amount
        ports = slave.resources.add(name="ports", type=m.Value.RANGES)
        ports.ranges.range.add(begin=1000, end=2000)
        slave.attributes.add(name="rack", type=m.Value.TEXT).text.value = "r1"
        return slave

    def _fill_abilities(self, message: Any) -> None:
        message.version = "1.12.0"
        message.resource_version_uuid.value = b"r" * 16
        for kind in m.AgentInfo.Capability.Type.values():
            if kind and self.random.random() < 0.9:
                message.agent_capabilities.add(type=kind)

    def _register(self) -> None:
        pid = self.random.choice(AGENTS)
        message = i.RegisterSlaveMessage(slave=self._agent(pid))
        self._fill_abilities(message)
        self._send(pid, message)

    def _reregister(self) -> None:
        """Come back with what it runs and more."""
        pid = self.random.choice(AGENTS)
        message = i.ReregisterSlaveMessage(slave=self._agent(pid))
        self._fill_abilities(message)
        if self.random.random() < 0.3:
            fill_resources(message.checkpointed_resources, self._some_reserved(), Format.POST, None)
        agents = [*self.world.state.agents, *self.world.state.past.unreachable, "m-S99", "m-S7\n"]
        agent_id = message.slave.id.value = self.random.choice(agents)
        for framework_id in self.random.sample(self._frameworks(), min(2, len(self._frameworks()))):
            info = message.frameworks.add(user="u", name="n", roles=["web"])
            info.id.value = framework_id
            info.capabilities.add(type=m.FrameworkInfo.Capability.MULTI_ROLE)
            executor = message.executor_infos.add(type=m.ExecutorInfo.CUSTOM, command={"value": "x"})
            executor.executor_id.value, executor.framework_id.value = "e1", framework_id
            self._fill_resources(executor.resources, "web")
            task = message.tasks.add(name="t", state=self.random.choice(STATES))
            task.task_id.value = self.random.choice(["t1", "t2", *self._tasks(framework_id)])
            task.framework_id.value, task.agent_id.value = framework_id, agent_id
            task.executor_id.value = self.random.choice(["", "e1"])
            self._fill_resources(task.resources, "web")
        self._send(pid, message)

    def _report(self) -> None:
        """Report on a task of one's own agent."""
        state = self.world.state
        known = [
            (a, f, t) for a in state.agents.values() for f in a.tasks for t in a.tasks[f] if a.pid != AGENT
        ]
        if not known:
            return
        agent, framework_id, task_id = self.random.choice(known)
        task_state = self.random.choice(STATES)
        update = i.StatusUpdate(timestamp=1.0, uuid=self.random.choice([b"u" * 16, b"\x40" * 16]))
        update.framework_id.value, update.slave_id.value = framework_id, agent.id
        update.status.task_id.value, update.status.state = task_id, task_state
        if self.random.random() < 0.5:
            update.latest_state = self.random.choice(STATES)
        self._send(agent.pid, i.StatusUpdateMessage(update=update, pid=agent.pid))

    def _some_reserved(self) -> Resources:
        """Reservations and volumes that there are somewhere."""
        agents = list(self.world.state.agents.values())
        return self.random.choice(agents).total.checkpointed() if agents else Resources.EMPTY

    def _report_operation(self) -> None:
        """Say how an operation ended."""
        known = [
            (a, uuid) for a in self.world.state.agents.values() for uuid in a.operations if a.pid != AGENT
        ]
        if not known:
            return
        agent, uuid = self.random.choice(known)
        message = i.UpdateOperationStatusMessage()
        message.slave_id.value, message.operation_uuid.value = agent.id, uuid
        message.status.state = self.random.choice(m.OperationState.values())  # type: ignore[assignment]
        if self.random.random() < 0.5:
            message.status.uuid.value = b"\x40" * 16
        self._send(agent.pid, message)

    def _update_agent(self) -> None:
        """Tell a new total, and of operations."""
        agents = [agent for agent in self.world.state.agents.values() if agent.pid != AGENT]
        if not agents:
            return
        agent = self.random.choice(agents)
        message = i.UpdateSlaveMessage(update_oversubscribed_resources=self.random.random() < 0.5)
        message.slave_id.value = agent.id
        message.resource_version_uuid.value = b"r" * 16
        if message.update_oversubscribed_resources:
            idle = message.oversubscribed_resources.add(name="cpus", type=m.Value.SCALAR)
            idle.scalar.value = self.random.choice([0.5, 4.0])
            idle.revocable.SetInParent()
        for uuid in self.random.sample(list(agent.operations), min(2, len(agent.operations))):
            operation = message.operations.operations.add()
            operation.uuid.value = uuid
            operation.latest_status.state = self.random.choice(m.OperationState.values())  # type: ignore[assignment]
            operation.info.MergeFromString(agent.operations[uuid].info.raw)
        self._send(agent.pid, message)

    # ── schedulers ────────────────────────────────────────────────────────────────────────────────────

    def _frameworks(self) -> list[str]:
        own = self.honest.framework_id
        return [id for id in self.world.state.frameworks if self.lies or id != own]

    def _tasks(self, framework_id: str) -> list[str]:
        return [
            str(id) for id, f in self.world.state.frameworks.items() if id == framework_id for id in f.tasks
        ]

    def _subscribe(self) -> None:
        by_driver = self.random.random() < 0.5
        call: Any = v0.Call(type=s.Call.SUBSCRIBE) if by_driver else s.Call(type=s.Call.SUBSCRIBE)
        info = call.subscribe.framework_info
        info.user, info.name, info.failover_timeout = "u", "hostile", self.random.choice([0.0, 5.0, 1e6])
        info.roles.extend(self.random.choice([["web"], ["web", "db"], ["web/x"]]))
        info.checkpoint = self.random.random() < 0.5
        kinds = m.FrameworkInfo.Capability
        for kind in (kinds.MULTI_ROLE, kinds.RESERVATION_REFINEMENT, kinds.PARTITION_AWARE):
            if kind != kinds.PARTITION_AWARE or self.random.random() < 0.5:
                info.capabilities.add(type=kind)
        if self._frameworks() and self.random.random() < 0.3:
            call.framework_id.value = info.id.value = self.random.choice(self._frameworks())
        if by_driver:
            call.subscribe.force = self.random.random() < 0.5
            self._send(self.random.choice(DRIVERS), call)
            return
        answer = self._post(self.hostile.spoiled(call, honesty=self.honesty), None)
        if answer is not None and answer.head is not None:
            self.streams.append(dict(answer.head.headers)["Mesos-Stream-Id"])
            del self.streams[:-STREAMS_MAX]

    def _speak(self, framework_id: str, call: Any) -> None:
        """Call as a framework, from where it is."""
        call.framework_id.value = framework_id
        peer = self.world.state.frameworks[framework_id].peer  # type: ignore[index]
        if isinstance(peer, str):
            self._send(peer, v0.Call.FromString(call.SerializePartialToString()))
        elif peer is not None:
            opened = self.world.api.subscriptions.get(peer)
            stream_id = opened.id if opened is not None else "gone"
            self._post(self.hostile.spoiled(call, honesty=self.honesty), stream_id)

    def _accept(self) -> None:
        """Accept an offer of one's own with all kinds of operations."""
        offers = [o for o in self.world.state.offers.values() if o.framework_id in self._frameworks()]
        if not offers:
            self.world.run(1.0)
            return
        offer = self.random.choice(offers)
        call = s.Call(type=s.Call.ACCEPT)
        call.accept.offer_ids.add(value=offer.id)
        for _ in range(self.random.randrange(4)):
            self._fill_operation(call.accept.operations.add(), offer)
        call.accept.filters.refuse_seconds = self.random.choice([0.0, 5.0, -1.0, 1e300, float("nan")])
        self._speak(offer.framework_id, call)

    def _fill_operation(self, operation: m.Offer.Operation, offer: Offer) -> None:
        # Who reserves all of the honest agent leaves nothing to offer, which is no fault of the master.
        may_convert = self.lies or offer.agent_id != self.honest.agent_id
        kinds = [*LAUNCHES, *CONVERSIONS, *OPERATIONS] if may_convert else LAUNCHES
        operation.type = self.random.choice(kinds)
        if operation.type == Kind.LAUNCH:
            for _ in range(self.random.randrange(4)):
                self._fill_task(operation.launch.task_infos.add(), offer.agent_id, offer.role)
        elif operation.type == Kind.LAUNCH_GROUP:
            self._fill_executor(operation.launch_group.executor, offer.role)
            operation.launch_group.executor.type = m.ExecutorInfo.DEFAULT
            operation.launch_group.executor.ClearField("command")
            for _ in range(self.random.randrange(3)):
                self._fill_task(operation.launch_group.task_group.tasks.add(), offer.agent_id, offer.role)
        else:
            self._fill_conversion(operation, offer)
        if self.random.random() < 0.2:
            operation.id.value = self.random.choice(["op", f"op{self.tasks}"])

    def _fill_conversion(self, operation: m.Offer.Operation, offer: Offer) -> None:
        """Fill in an operation on what the offer has, as far as it has it."""
        field = Kind.Name(operation.type).lower()
        of: Any = operation.DESCRIPTOR.fields_by_name[field].message_type
        target = getattr(operation, field)
        target.MergeFrom(of._concrete_class())
        offered = m.Offer()
        fill_resources(offered.resources, offer.resources, Format.POST, offer.role)
        volumes = [r for r in offered.resources if r.disk.HasField("persistence")]
        reserved = [r for r in offered.resources if r.reservations and r not in volumes]
        plain = [r for r in offered.resources if not r.reservations]
        if field == "reserve":
            for resource in self._some(plain):
                resource.reservations.add(type=m.Resource.ReservationInfo.DYNAMIC, role=offer.role)
                target.resources.append(resource)
        elif field == "unreserve":
            target.resources.extend(self._some(reserved))
        elif field == "create":
            for resource in self._some([r for r in reserved if r.name == "disk"]):
                resource.disk.persistence.id = self.random.choice(["v1", "v2", f"v{self.tasks}"])
                resource.disk.volume.container_path = "data"
                resource.disk.volume.mode = m.Volume.RW
                target.volumes.append(resource)
        elif field == "destroy":
            target.volumes.extend(self._some(volumes))
        elif field == "grow_volume" and volumes:
            target.volume.CopyFrom(self.random.choice(volumes))
            target.addition.CopyFrom(self.random.choice([*reserved, *volumes]))
        elif field == "shrink_volume" and volumes:
            target.volume.CopyFrom(self.random.choice(volumes))
            target.subtract.value = self.random.choice([0.5, 1.0, 1e9, -1.0])

    def _some(self, resources: list[m.Resource]) -> list[m.Resource]:
        """Some of these, and less of each scalar than there is."""
        chosen = self.random.sample(resources, min(len(resources), self.random.randrange(1, 3)))
        for resource in chosen:
            if resource.HasField("scalar") and self.random.random() < 0.5:
                resource.scalar.value = min(resource.scalar.value, self.random.choice([0.25, 1.0, 8.0]))
        return chosen

    def _fill_task(self, task: m.TaskInfo, agent_id: str, role: str) -> None:
        self.tasks += 1
        task.name = "t"
        task.task_id.value, task.agent_id.value = f"t{self.tasks}", agent_id
        self._fill_resources(task.resources, role)
        if self.random.random() < 0.3:
            self._fill_executor(task.executor, role)
        else:
            task.command.value = "true"
        if self.random.random() < 0.2:
            task.labels.labels.add(key="k", value="v")
            task.health_check.type = m.HealthCheck.COMMAND
            task.health_check.command.value = "true"

    def _fill_executor(self, executor: m.ExecutorInfo, role: str) -> None:
        executor.executor_id.value = self.random.choice(["e1", "e2"])
        executor.command.value = "run"
        self._fill_resources(executor.resources, role)

    def _fill_resources(self, resources: Any, role: str) -> None:
        reserved = self._some_reserved()
        if reserved and self.random.random() < 0.15:
            fill_resources(resources, reserved, Format.POST, role)
        for name, amount in (("cpus", 0.5), ("mem", 32.0), ("disk", 10.0)):
            resource = resources.add(name=name, type=m.Value.SCALAR)
            resource.scalar.value = amount
            resource.allocation_info.role = role
        if self.random.random() < 0.2:
            ports = resources.add(name="ports", type=m.Value.RANGES)
            begin = self.random.randrange(1000, 2000)
            ports.ranges.range.add(begin=begin, end=begin + self.random.choice([0, 1, 2**63]))
            ports.allocation_info.role = role

    def _call(self) -> None:
        """Any other call of one's own framework."""
        if not self._frameworks():
            return
        framework_id = self.random.choice(self._frameworks())
        call = s.Call(type=self.random.choice(s.Call.Type.values()))
        name = s.Call.Type.Name(call.type).lower()
        field = s.Call.DESCRIPTOR.fields_by_name.get(name)
        if call.type in (s.Call.SUBSCRIBE, s.Call.ACCEPT) or field is None:
            call.type = self.random.choice([s.Call.REVIVE, s.Call.SUPPRESS, s.Call.REVIVE, s.Call.TEARDOWN])
        else:
            body = self.hostile.message(field.message_type, honesty=1.0)
            try:
                getattr(call, name).CopyFrom(parse(field.message_type._concrete_class, body))
            except WireError:
                return
        self._speak(framework_id, call)

    # ── sending ───────────────────────────────────────────────────────────────────────────────────────

    def _send(self, sender: str, message: Any) -> None:
        name = message.DESCRIPTOR.full_name if not isinstance(message, v0.Call) else DRIVER_CALL
        self.world.message(sender, name, self.hostile.spoiled(message, honesty=self.honesty))

    def _post(self, body: bytes, stream_id: str | None) -> Any:
        as_json = self.random.random() < 0.3
        if as_json:
            try:
                body = json.to_json(parse(s.Call, body))
            except WireError:
                return None
        return self.world.post(body, stream_id, as_json=as_json)
