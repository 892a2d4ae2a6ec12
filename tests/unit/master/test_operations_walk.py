"""Operations among everything else that can happen to a master: the accounts agree, and amounts stay."""

from __future__ import annotations

from typing import Any

import pytest

from meseta.ids import AgentId, OperationId, new_uuid
from meseta.master import effects, events
from meseta.master.events import RequestId
from meseta.records import OperationState, OperationStatus, OperationType, ResourceOperation
from meseta.resources import Disk, Kind, Reservation, Resources
from tests.unit.master.master_kit import agent_info, register
from tests.unit.master.test_operations import AGENT, VERSION
from tests.unit.master.test_random_walk import Walk

STEPS = 3000
TYPES = [
    OperationType.RESERVE,
    OperationType.RESERVE,
    OperationType.UNRESERVE,
    OperationType.CREATE,
    OperationType.CREATE,
    OperationType.DESTROY,
    OperationType.GROW_VOLUME,
    OperationType.SHRINK_VOLUME,
]
ENDS = [OperationState.OPERATION_FINISHED] * 3 + [
    OperationState.OPERATION_DROPPED,
    OperationState.OPERATION_FAILED,
]


class OperatedWalk(Walk):
    """A world in which much is reserved, made into volumes, and undone."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.sent: dict[AgentId, dict[bytes, ResourceOperation]] = {}
        self.operations = 0

    def step(self) -> None:
        if self.random.random() < 0.7:
            super().step()
            return
        self.random.choice(
            [self.operate, self.operate, self.end, self.end, self.settle, self.settle, self.ask, self.compare]
        )()

    def note(self, effect: Any) -> None:
        super().note(effect)
        message = getattr(effect, "message", None)
        if isinstance(effect, effects.SendToAgent) and isinstance(message, effects.ApplyOperation):
            id = self.state.agent_pids.get(effect.pid)
            if id is not None and self.random.random() < 0.9:
                self.sent.setdefault(id, {})[message.operation_uuid] = message.operation

    def register(self) -> None:
        event = register(f"a{self.random.randrange(5)}", capabilities=AGENT, resource_version=VERSION)
        self.feed(event)
        id = self.state.agent_pids.get(event.sender)
        if id is not None:
            self.names[id] = event.info.hostname

    def return_agent(self) -> None:
        if self.random.random() < 0.5:
            super().return_agent()
            return
        agent = self.pick(self.state.agents.values())
        if agent is not None and agent.id in self.names:
            self.feed(
                events.ReregistrationRequested(
                    sender=agent.pid,
                    info=agent_info(self.names[agent.id], id=agent.id),
                    version="1.12.0",
                    capabilities=AGENT,
                    resource_version=VERSION,
                    checkpointed=self.random.choice([Resources.EMPTY, agent.total.checkpointed()]),
                )
            )

    def operation(self, offer: Any) -> Any:
        if self.random.random() < 0.5:
            return super().operation(offer)
        self.operations += 1
        id = OperationId(f"o{self.random.randrange(self.operations)}")
        return self.make(offer.resources, offer.role, id if self.random.random() < 0.7 else None)

    def make(self, have: Resources, role: str, id: OperationId | None) -> ResourceOperation:
        """An operation that often can be applied to what is there."""
        type = self.random.choice(TYPES)
        reservation = Reservation(role, dynamic=True)
        wanted = have
        source = Resources.EMPTY
        if type is OperationType.RESERVE:
            wanted = have.unreserved().shrink({"cpus": 500, "mem": 64_000, "disk": 100_000})
            wanted = wanted.push_reservation(reservation)
        elif type is OperationType.UNRESERVE:
            wanted = have.reserved(role).filter(lambda kind: not kind.is_persistent_volume)
        elif type is OperationType.CREATE:
            disk = Disk(persistence_id=f"v{self.random.randrange(9)}", container_path="d", mode="RW")
            wanted = Resources.of({Kind("disk", reservations=(reservation,), disk=disk): 10_000})
        else:
            volumes = list(have.persistent_volumes())
            wanted = Resources.of(self.random.sample(volumes, min(len(volumes), 1)))
            source = Resources.of({Kind("disk", reservations=(reservation,)): 1000})
        return ResourceOperation(
            type=type,
            id=id,
            resources=wanted,
            source=source if type is OperationType.GROW_VOLUME else Resources.EMPTY,
            subtract=1000,
        )

    def operate(self) -> None:
        agent = self.pick(self.state.agents.values())
        if agent is not None:
            what = self.make(agent.total, self.random.choice(["web", "db"]), None)
            self.feed(events.OperationRequested(request=RequestId(1), agent_id=agent.id, operation=what))

    def end(self) -> None:
        agent = self.pick(self.state.agents.values())
        uuid = self.pick(self.sent.get(agent.id, {})) if agent is not None else None
        if agent is None or uuid is None:
            return
        known = agent.operations.get(uuid)
        status = OperationStatus(
            state=self.random.choice(ENDS),
            operation_id=self.sent[agent.id][uuid].id,
            agent_id=agent.id,
            uuid=new_uuid(self.random) if self.random.random() < 0.8 else None,
        )
        self.feed(
            events.OperationUpdateReceived(
                sender=agent.pid,
                agent_id=agent.id,
                framework_id=None if known is None else known.framework_id,
                operation_uuid=uuid,
                status=status,
                latest=status,
            )
        )

    def settle(self) -> None:
        framework_id = self.pick(self.state.operations)
        if framework_id is None or framework_id not in self.state.frameworks:
            return
        operation = self.pick(self.state.operations[framework_id].values())
        uuids = [status.uuid for status in operation.statuses if status.uuid] or [b"u" * 16]
        self.call(
            events.OperationUpdateAcknowledged,
            framework_id,
            agent_id=operation.agent_id,
            operation_id=operation.info.id,
            uuid=uuids[-1],
        )

    def ask(self) -> None:
        framework = self.pick(self.state.frameworks.values())
        if framework is not None:
            self.call(events.OperationsReconcileRequested, framework.id)

    def compare(self) -> None:
        """An agent tells of its operations after it was taken back."""
        agent = self.pick(self.state.agents.values())
        if agent is None:
            return
        known = tuple(
            events.ReportedOperation(
                uuid=uuid,
                info=info,
                status=OperationStatus(state=OperationState.OPERATION_FINISHED, uuid=b"s" * 16),
                framework_id=self.pick(self.seen),
            )
            for uuid, info in self.sent.get(agent.id, {}).items()
            if self.random.random() < 0.3
        )
        self.feed(events.AgentUpdated(sender=agent.pid, agent_id=agent.id, operations=known))


@pytest.mark.parametrize("seed", range(8))
def test_amounts_stay_whatever_is_done_with_them(seed: int) -> None:
    walk = OperatedWalk(seed)
    for _ in range(STEPS):
        walk.step()
        for agent in walk.state.agents.values():
            assert agent.total.quantities() == agent.info.resources.quantities()
    counters = walk.state.counters
    for name in ("master/operations/finished", "master/operations/error"):
        assert walk.past_counters[name] + counters[name] > 0
    assert counters["master/operations/pending"] == sum(
        not operation.ended for agent in walk.state.agents.values() for operation in agent.operations.values()
    )
