"""Operations on resources out of accepted offers: applied in order, sent to the agent, or refused."""

from __future__ import annotations

from typing import Any

import pytest

from meseta.ids import AgentId, FrameworkId, OperationId, Pid
from meseta.master import effects
from meseta.records import (
    FrameworkCapability,
    Launch,
    OperationState,
    OperationType,
    ResourceOperation,
    TaskInfo,
)
from meseta.resources import Disk, Kind, Reservation, Resources
from tests.unit.master.master_kit import CAPABLE, STREAM, Playground, pid_of, task, told, told_agent

AGENT = frozenset(
    {
        "MULTI_ROLE",
        "HIERARCHICAL_ROLE",
        "RESERVATION_REFINEMENT",
        "RESOURCE_PROVIDER",
        "AGENT_OPERATION_FEEDBACK",
        "RESIZE_VOLUME",
    }
)
VERSION = b"v" * 16
RESERVED = (Reservation("web", dynamic=True, principal="ops"),)
WEB = Resources.of({Kind("cpus", reservations=RESERVED): 1000, Kind("disk", reservations=RESERVED): 512_000})
PLAIN = Resources.scalars(cpus=1, disk=512)


def volume(size: int = 512, id: str = "v1", **disk: Any) -> Resources:
    """A persistent volume of role web, made by ops."""
    filled = {"principal": "ops", "container_path": "data", "mode": "RW"} | disk
    kind = Kind("disk", reservations=RESERVED, disk=Disk(persistence_id=id, **filled))
    return Resources.of({kind: size * 1000})


def operation(type: str, resources: Resources, id: str | None = "op", **fields: Any) -> ResourceOperation:
    """An operation as a framework that says everything sends it."""
    return ResourceOperation(
        type=OperationType[type],
        id=None if id is None else OperationId(id),
        resources=resources,
        **{"role": "web"} | fields,
    )


RESERVE = operation("RESERVE", WEB, "reserve")
CREATE = operation("CREATE", volume(), "create")
DESTROY = operation("DESTROY", volume(), "destroy")
UNRESERVE = operation("UNRESERVE", WEB, "unreserve")


def offered(play: Playground, **info: Any) -> tuple[FrameworkId, AgentId, effects.OfferRecord]:
    """A framework, an agent and an offer of all of it."""
    framework_id = play.subscribe(**{"principal": "ops", **info})
    agent_id = play.register(capabilities=AGENT, resource_version=VERSION)
    (offer,) = play.offers(framework_id)
    return framework_id, agent_id, offer


def faults(done: list[Any]) -> list[str | None]:
    """What is said of operations in error."""
    statuses = [message.status for message in told(done, STREAM, effects.OperationUpdated)]
    assert all(status.state is OperationState.OPERATION_ERROR for status in statuses)
    assert all(status.uuid is None and status.agent_id is None for status in statuses)
    return [status.message for status in statuses]


# Applied ----------------------------------------------------------------------------------------------


def test_operations_are_applied_in_order_and_a_task_can_use_what_they_make() -> None:
    play = Playground()
    framework_id, agent_id, offer = offered(play)
    uses = TaskInfo(
        task_id="t1",  # type: ignore[arg-type]
        name="t1",
        agent_id=agent_id,
        resources=volume() + Resources.scalars(cpus=1, mem=128),
        has_command=True,
        raw=b"x",
    )
    done = play.accept(framework_id, [offer], RESERVE, CREATE, Launch(tasks=(uses,)), refuse_s=0.0)
    agent = play.state.agents[agent_id]
    cpu = Resources.of({Kind("cpus", reservations=RESERVED): 1000})
    assert agent.total == Resources.scalars(cpus=3, mem=4096, disk=488) + cpu + volume()
    sent = told_agent(done, pid_of("a1"), effects.ApplyOperation)
    assert [(message.framework_id, message.role) for message in sent] == [(framework_id, "web")] * 2
    assert [message.operation for message in sent] == [RESERVE, CREATE]
    assert len({message.operation_uuid for message in sent}) == 2
    assert set(agent.operations) == {message.operation_uuid for message in sent}
    assert told_agent(done, pid_of("a1"), effects.RunTask)
    (again,) = play.offers(framework_id)
    assert again.resources == Resources.scalars(cpus=2, mem=3968, disk=488) + cpu


def test_destroy_and_unreserve_undo_create_and_reserve() -> None:
    play = Playground()
    framework_id, agent_id, offer = offered(play)
    play.accept(framework_id, [offer], RESERVE, CREATE, DESTROY, UNRESERVE, refuse_s=0.0)
    assert play.state.agents[agent_id].total == Resources.scalars(cpus=4, mem=4096, disk=1000)
    (again,) = play.offers(framework_id)
    assert again.resources == offer.resources


def test_what_operations_make_is_offered_although_the_rest_is_refused() -> None:
    play = Playground()
    framework_id, agent_id, offer = offered(play)
    play.accept(framework_id, [offer], RESERVE, refuse_s=100.0)
    (again,) = play.offers(framework_id)
    assert again.resources == play.state.agents[agent_id].total


def test_volumes_grow_and_shrink_for_later_calls() -> None:
    play = Playground()
    framework_id, agent_id, offer = offered(play)
    more = Resources.of({Kind("disk", reservations=RESERVED): 112_000})
    grow = operation("GROW_VOLUME", volume(400), "grow", source=more)
    shrink = operation("SHRINK_VOLUME", volume(), "shrink", subtract=12_000)
    done = play.accept(
        framework_id,
        [offer],
        RESERVE,
        operation("CREATE", volume(400), "create"),
        grow,
        shrink,
        refuse_s=0.0,
    )
    assert play.state.agents[agent_id].total.persistent_volumes() == volume()
    (fault,) = faults(done)
    assert fault is not None
    assert fault.startswith("Invalid SHRINK_VOLUME operation: ")
    assert fault.endswith(
        "does not contain " + "disk(allocated: web)(reservations: [(DYNAMIC,web,ops)])[v1:data]:512"
    )
    (offer,) = play.offers(framework_id)
    play.accept(framework_id, [offer], shrink)
    assert play.state.agents[agent_id].total.persistent_volumes() == volume(500)


def test_an_agent_without_resource_providers_is_told_the_outcome() -> None:
    play = Playground()
    framework_id = play.subscribe(principal="ops")
    agent_id = play.register(capabilities=frozenset({"MULTI_ROLE"}))
    (offer,) = play.offers(framework_id)
    done = play.accept(framework_id, [offer], operation("RESERVE", WEB, None))
    assert told_agent(done, pid_of("a1"), effects.CheckpointResources) == [effects.CheckpointResources(WEB)]
    assert not play.state.agents[agent_id].operations


def test_only_so_many_operations_wait_for_acknowledgements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meseta.master.operations.OPERATIONS_MAX", 1)
    play = Playground()
    framework_id, _, offer = offered(play)
    done = play.accept(framework_id, [offer], RESERVE, CREATE)
    assert faults(done) == ["The framework has 1 operations whose status it has not acknowledged"]


# Refused ----------------------------------------------------------------------------------------------

ON_AGENT = "; on agent m-S0 at slave(1)@10.0.1.1:5051 (a1)"
STATIC = Resources.of({Kind("cpus", reservations=(Reservation("web", dynamic=False),)): 1000})
OTHERS = Resources.of({Kind("cpus", reservations=(Reservation("web", True, "somebody-else"),)): 1000})
NOBODYS = Resources.of({Kind("cpus", reservations=(Reservation("web", True),)): 1000})
DATABASE = Resources.of({Kind("cpus", reservations=(Reservation("db", True, "ops"),)): 1000})
TOO_MUCH = Resources.of({Kind("cpus", reservations=RESERVED): 100_000})
HAVE = "cpus(allocated: web):4; mem(allocated: web):4096; disk(allocated: web):1000"
SHARED = Resources.of(
    {
        Kind(
            "disk",
            reservations=RESERVED,
            disk=Disk(persistence_id="s", principal="ops", container_path="d", mode="RW"),
            shared=True,
        ): 512_000
    }
)


@pytest.mark.parametrize(
    ("refused", "fault"),
    [
        (operation("RESERVE", TOO_MUCH), f"{HAVE} does not contain cpus(allocated: web):100"),
        (
            operation("RESERVE", OTHERS),
            "A reserve operation was attempted by authenticated principal 'ops', which does not match a"
            f" reserved resource in the request with principal 'somebody-else'{ON_AGENT}",
        ),
        (
            operation("RESERVE", NOBODYS),
            "A reserve operation was attempted by principal 'ops', but there is a reserved resource in the"
            f" request with no principal set{ON_AGENT}",
        ),
        (
            operation("RESERVE", DATABASE),
            "A reserve operation was attempted for a resource with role 'db', but the resource was"
            f" allocated to role 'web'{ON_AGENT}",
        ),
        (
            operation("RESERVE", DATABASE, role="db"),
            "A reserve operation was attempted for a resource allocated to role 'db', but the framework"
            f" only has roles '{{web}}'{ON_AGENT}",
        ),
        (
            operation("RESERVE", Resources.EMPTY),
            f"Invalid resources: The resources have multiple resource providers: {ON_AGENT}",
        ),
        (
            operation("RESERVE", PLAIN),
            f"Resource cpus(allocated: web):1 is not dynamically reserved{ON_AGENT}",
        ),
        (
            operation("RESERVE", WEB, source=PLAIN),
            "Operation attempted with invalid resources: Reservation updates are not yet implemented for"
            " the scheduler API.",
        ),
        (
            operation("UNRESERVE", WEB),
            f"{HAVE} does not contain cpus(allocated: web)(reservations: [(DYNAMIC,web,ops)]):1;"
            " disk(allocated: web)(reservations: [(DYNAMIC,web,ops)]):512",
        ),
        (
            operation("UNRESERVE", STATIC),
            "Resource cpus(allocated: web)(reservations: [(STATIC,web)]):1 is not dynamically reserved"
            + ON_AGENT,
        ),
        (
            operation("UNRESERVE", volume()),
            "A dynamically reserved persistent volume disk(allocated: web)(reservations:"
            " [(DYNAMIC,web,ops)])[v1:data]:512 cannot be unreserved directly. Please destroy the"
            f" persistent volume first then unreserve the resource{ON_AGENT}",
        ),
        (
            operation("CREATE", volume(mode="RO")),
            f"Not a persistent volume: Read-only persistent volume not supported{ON_AGENT}",
        ),
        (
            operation("CREATE", volume(principal="x")),
            "Create volume operation attempted by authenticated principal 'ops', which does not match a"
            f" volume in the operation with principal 'x' set in 'disk.persistence'{ON_AGENT}",
        ),
        (
            operation("CREATE", volume(principal=None)),
            "Create volume operation attempted by principal 'ops', but there is a volume in the operation"
            f" with no principal set in 'disk.persistence'{ON_AGENT}",
        ),
        (
            operation("CREATE", volume(1) + volume(2)),
            f"Persistence ID 'v1' is not unique{ON_AGENT}",
        ),
        (
            operation("CREATE", SHARED),
            "Create volume operation for 'disk(allocated: web)(reservations: [(DYNAMIC,web,ops)])[s:d]"
            "<SHARED>:512' has been attempted by framework 'm-0000' with no SHARED_RESOURCES capability"
            + ON_AGENT,
        ),
        (operation("DESTROY", volume()), f"Persistent volumes not found{ON_AGENT}"),
        (
            operation("GROW_VOLUME", volume()),
            f"The size of 'GrowVolume.addition' field must be greater than zero{ON_AGENT}",
        ),
        (
            operation("GROW_VOLUME", volume(), source=PLAIN),
            "Incompatible resources in the 'GrowVolume.volume' and 'GrowVolume.addition' fields" + ON_AGENT,
        ),
        (
            operation("SHRINK_VOLUME", volume()),
            f"Value of 'ShrinkVolume.subtract' must be greater than zero{ON_AGENT}",
        ),
        (
            operation("SHRINK_VOLUME", volume(1), subtract=1000),
            "Value of 'ShrinkVolume.subtract' must be smaller than the size of 'ShrinkVolume.volume'"
            + ON_AGENT,
        ),
        (
            operation("SHRINK_VOLUME", SHARED, subtract=1000),
            f"Shrinking a shared persistent volume is not supported{ON_AGENT}",
        ),
        (
            operation("CREATE_DISK", PLAIN),
            f"'source' is not managed by a resource provider{ON_AGENT}",
        ),
        (
            operation("RESERVE", Resources.EMPTY, fault="Empty resource name"),
            "Operation attempted with invalid resources: Empty resource name",
        ),
    ],
)
def test_an_operation_is_refused_in_mesos_words_and_changes_nothing(
    refused: ResourceOperation, fault: str
) -> None:
    play = Playground()
    framework_id, agent_id, offer = offered(play)
    done = play.accept(framework_id, [offer], refused, refuse_s=0.0)
    assert faults(done) == [fault]
    assert not told_agent(done, pid_of("a1"), effects.ApplyOperation)
    assert play.state.agents[agent_id].total == offer.resources
    assert not play.state.operations
    (again,) = play.offers(framework_id)
    assert again.resources == offer.resources
    counters = play.state.counters
    assert counters["master/operations/error"] == counters["master/operations/total"] == 1


def test_a_volume_id_is_used_once() -> None:
    play = Playground()
    framework_id, _, offer = offered(play)
    half = operation("CREATE", volume(256), "half")
    done = play.accept(framework_id, [offer], RESERVE, half, operation("CREATE", volume(256), "other"))
    assert faults(done) == [f"Persistence ID 'v1' is not unique{ON_AGENT}"]


def test_refined_and_hierarchical_reservations_need_an_agent_that_knows_them() -> None:
    play = Playground()
    framework_id = play.subscribe(principal="ops", roles=("eng/web",))
    capabilities = AGENT - {"RESERVATION_REFINEMENT"}
    play.register(capabilities=capabilities, resource_version=VERSION)
    (offer,) = play.offers(framework_id)
    refined = (Reservation("eng", True, "ops"), Reservation("eng/web", True, "ops"))
    wanted = Resources.of({Kind("cpus", reservations=refined): 1000})
    (fault,) = faults(play.accept(framework_id, [offer], operation("RESERVE", wanted, role="eng/web")))
    assert fault is not None
    assert "cannot be reserved on an agent without RESERVATION_REFINEMENT capability" in fault


def test_feedback_needs_an_agent_that_gives_it() -> None:
    play = Playground()
    framework_id = play.subscribe(principal="ops")
    play.register(capabilities=AGENT - {"AGENT_OPERATION_FEEDBACK"}, resource_version=VERSION)
    (offer,) = play.offers(framework_id)
    assert faults(play.accept(framework_id, [offer], RESERVE)) == [
        "Operation on agent default resources requested feedback, but agent m-S0 does not have the required"
        " AGENT_OPERATION_FEEDBACK and RESOURCE_PROVIDER capabilities"
    ]


def test_a_refused_operation_without_an_id_is_logged() -> None:
    play = Playground()
    framework_id, _, offer = offered(play)
    done = play.accept(framework_id, [offer], operation("RESERVE", PLAIN, None))
    assert [type(effect) for effect in done] == [effects.Log]


def test_a_driver_that_asks_for_feedback_is_ended() -> None:
    play = Playground()
    driver = Pid("scheduler-1@10.0.0.9:1")
    framework_id = play.subscribe(driver, principal="ops")
    play.register(capabilities=AGENT, resource_version=VERSION)
    (offer,) = play.offers(framework_id)
    (error,) = told(play.accept(framework_id, [offer], RESERVE), driver, effects.Errored)
    assert "not supported for the SchedulerDriver API" in error.message


# Shared volumes ---------------------------------------------------------------------------------------


def test_destroying_a_shared_volume_takes_back_the_offers_that_hold_it() -> None:
    play = Playground()
    sharing = CAPABLE | {FrameworkCapability.SHARED_RESOURCES}
    framework_id, agent_id, offer = offered(play, capabilities=sharing)
    play.accept(framework_id, [offer], RESERVE, operation("CREATE", SHARED, "shared"), refuse_s=0.0)
    (offer,) = play.offers(framework_id)
    assert offer.resources.shared() == SHARED
    play.accept(framework_id, [offer], operation("DESTROY", SHARED, "gone"), refuse_s=0.0)
    assert not play.state.agents[agent_id].total.shared()


def test_tasks_of_one_call_share_a_volume() -> None:
    play = Playground()
    sharing = CAPABLE | {FrameworkCapability.SHARED_RESOURCES}
    framework_id, agent_id, offer = offered(play, capabilities=sharing)
    tasks = tuple(
        TaskInfo(
            task_id=name,  # type: ignore[arg-type]
            name=name,
            agent_id=agent_id,
            resources=SHARED + Resources.scalars(cpus=1, mem=128),
            has_command=True,
            raw=b"x",
        )
        for name in ("t1", "t2")
    )
    create = operation("CREATE", SHARED, "shared")
    done = play.accept(framework_id, [offer], RESERVE, create, Launch(tasks=tasks), refuse_s=0.0)
    assert len(told_agent(done, pid_of("a1"), effects.RunTask)) == 2
    (offer,) = play.offers(framework_id)
    assert offer.resources.shared() == SHARED
    assert offer.resources.scalar("cpus") == 2000


def test_a_volume_in_use_is_not_destroyed() -> None:
    play = Playground()
    sharing = CAPABLE | {FrameworkCapability.SHARED_RESOURCES}
    framework_id, agent_id, offer = offered(play, capabilities=sharing)
    uses = task("t1", agent_id)
    uses = TaskInfo(
        task_id=uses.task_id,
        name="t1",
        agent_id=agent_id,
        resources=uses.resources + SHARED,
        has_command=True,
        raw=b"x",
    )
    create = operation("CREATE", SHARED, "shared")
    play.accept(framework_id, [offer], RESERVE, create, Launch(tasks=(uses,)), refuse_s=0.0)
    (offer,) = play.offers(framework_id)
    done = play.accept(framework_id, [offer], operation("DESTROY", SHARED, "gone"))
    assert faults(done) == [f"Persistent volumes in use{ON_AGENT}"]


def test_an_agent_without_a_resource_version_is_taken_for_an_old_one() -> None:
    play = Playground()
    framework_id = play.subscribe(principal="ops")
    play.register(capabilities=AGENT)
    (offer,) = play.offers(framework_id)
    (fault,) = faults(play.accept(framework_id, [offer], RESERVE))
    assert fault is not None
    assert "does not have the required RESOURCE_PROVIDER capability" in fault
