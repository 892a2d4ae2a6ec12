"""The driver of the v0 protocol does what libmesos does, without a cluster around it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from meseta.ids import NO_PID, AgentId, ExecutorId, FrameworkId, OfferId, Pid, TaskId
from meseta.master import effects as x
from meseta.master import events as e
from meseta.records import (
    AgentInfo,
    Filters,
    FrameworkCapability,
    FrameworkInfo,
    Launch,
    StatusUpdate,
    TaskInfo,
    TaskReason,
    TaskState,
    TaskStatus,
)
from meseta.resources import EMPTY
from meseta.sim import driver as d
from meseta.sim.driver_messages import DriverCall, Subscribe, is_repeated, master_event
from meseta.sim.driver_node import DriverNode
from meseta.sim.plan import calm_plan
from meseta.sim.routing import Ask
from meseta.sim.simulation import Simulation
from meseta.sim.temper import Temper
from meseta.sim.trace import Trace

MASTER, OTHER = Pid("master@10.0.0.1:5050"), Pid("master@10.0.0.2:5050")
AGENT_PID = Pid("slave(1)@10.1.0.1:5051")
FRAMEWORK, AGENT = FrameworkId("f"), AgentId("a")
TASK = TaskInfo(task_id=TaskId("t"), name="t", agent_id=AGENT, resources=EMPTY)
NO_FILTERS = Filters(5.0)


class Longest:
    """Chance that always makes a driver wait as long as it may."""

    def random(self) -> float:
        return 1.0

    def getrandbits(self, k: int, /) -> int:
        return 0


class Play:
    """A driver and what it says, step by step."""

    def __init__(self, *, registered: bool = True, heeds_exits: bool = False, **info: Any) -> None:
        self.info = FrameworkInfo(user="u", name="n", roles=("r",), **info)
        self.driver = d.Driver(self.info, Longest(), heeds_exits=heeds_exits)
        self.now = 0.0
        if registered:
            self.feed(d.MasterDetected(pid=MASTER))
            self.hear(x.Subscribed(FRAMEWORK, False, 15.0))

    def feed(self, event: d.Event) -> list[d.Effect]:
        return self.driver.handle(event, self.now)

    def hear(self, message: Any, sender: Pid = MASTER) -> list[d.Effect]:
        return self.feed(d.MessageArrived(sender=sender, payload=message))

    def ask(self, kind: type, **fields: Any) -> list[d.Effect]:
        return self.feed(d.CallRequested(call=Ask(kind, fields)))

    def launch(self) -> list[d.Effect]:
        operations = (Launch(tasks=(TASK,)),)
        return self.ask(
            e.OffersAccepted, offer_ids=(OfferId("o"),), operations=operations, filters=NO_FILTERS
        )

    def pass_time(self, seconds: float) -> list[d.Effect]:
        self.now += seconds
        return self.driver.tick(self.now)


def calls(effects: list[d.Effect]) -> list[Ask]:
    """Return the calls among what a driver does."""
    sent = [effect.payload for effect in effects if isinstance(effect, d.Send)]
    return [payload.call for payload in sent if isinstance(payload, DriverCall)]


def subscriptions(effects: list[d.Effect]) -> list[Subscribe]:
    sent = [effect.payload for effect in effects if isinstance(effect, d.Send)]
    return [payload for payload in sent if isinstance(payload, Subscribe)]


def offered() -> x.Offered:
    info = FrameworkInfo(user="u", name="n")
    agent = x.OfferedAgent(AGENT, AGENT_PID, AgentInfo(hostname="h", port=5051, resources=EMPTY))
    return x.Offered(info, (x.OfferRecord(OfferId("o"), FRAMEWORK, "r", agent, EMPTY),))


def update(uuid: bytes | None = b"u" * 16, pid: Pid | None = AGENT_PID) -> x.Updated:
    status = TaskStatus(task_id=TASK.task_id, state=TaskState.TASK_RUNNING)
    return x.Updated(
        StatusUpdate(
            framework_id=FRAMEWORK,
            executor_id=None,
            agent_id=AGENT,
            status=status,
            timestamp=1.0,
            uuid=uuid,
        ),
        pid,
    )


# ── registration ──────────────────────────────────────────────────────────────────────────────────────


def test_it_asks_again_after_twice_as_long_each_time_up_to_a_minute() -> None:
    play = Play(registered=False)
    assert play.feed(d.MasterDetected(pid=MASTER)) == [
        d.Link(pid=MASTER),
        d.Send(receiver=MASTER, payload=Subscribe(play.info, False, ())),
    ]
    for wait_s in (2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0):
        assert play.pass_time(wait_s - 0.01) == []
        assert len(subscriptions(play.pass_time(0.01))) == 1
    play.hear(x.Subscribed(FRAMEWORK, False, 15.0))
    assert play.driver.deadline() is None


def test_it_waits_no_longer_than_a_tenth_of_its_failover_timeout() -> None:
    play = Play(registered=False, failover_timeout_s=50.0)
    play.feed(d.MasterDetected(pid=MASTER))
    play.pass_time(2.0)
    play.pass_time(4.0)
    assert play.driver.deadline() == play.now + 5.0


def test_it_takes_a_framework_over_once() -> None:
    play = Play(registered=False, id=FRAMEWORK)
    assert subscriptions(play.feed(d.MasterDetected(pid=MASTER)))[0].force
    assert play.hear(x.Subscribed(FRAMEWORK, False, 15.0)) == [
        d.TellRegistered(framework_id=FRAMEWORK, again=False)
    ]
    assert not subscriptions(play.feed(d.MasterDetected(pid=OTHER)))[0].force


def test_another_master_ends_the_connection_and_is_gone_to() -> None:
    play = Play()
    effects = play.feed(d.MasterDetected(pid=OTHER))
    assert isinstance(effects[0], d.TellDisconnected)
    assert effects[1] == d.Link(pid=OTHER)
    assert subscriptions(effects)[0].info.id == FRAMEWORK
    assert play.hear(x.Subscribed(FRAMEWORK, True, 15.0), OTHER) == [
        d.TellRegistered(framework_id=FRAMEWORK, again=True)
    ]


def test_without_a_master_nothing_is_tried() -> None:
    play = Play()
    assert [type(effect) for effect in play.feed(d.MasterDetected(pid=None))] == [d.TellDisconnected]
    assert play.driver.deadline() is None
    assert play.feed(d.MasterDetected(pid=None)) == []


def test_only_the_leader_registers_it_and_once() -> None:
    play = Play(registered=False)
    play.feed(d.MasterDetected(pid=MASTER))
    answer = x.Subscribed(FRAMEWORK, False, 15.0)
    assert play.hear(answer, OTHER) == [d.Ignore(sender=OTHER, payload=answer, why=d.NOT_LEADING)]
    play.hear(answer)
    assert play.hear(answer) == [d.Ignore(sender=MASTER, payload=answer, why=d.ALREADY_CONNECTED)]


def test_a_broken_link_is_heeded_only_by_drivers_of_that_sort() -> None:
    exited = d.PeerExited(address="10.0.0.1:5050")
    assert Play().feed(exited) == []
    play = Play(heeds_exits=True)
    assert play.feed(d.PeerExited(address="10.1.0.1:5051")) == []
    effects = play.feed(exited)
    assert [type(effect) for effect in effects] == [d.TellDisconnected, d.Link, d.Send]
    assert play.feed(exited) == []


def test_a_link_that_broke_before_the_answer_is_made_again() -> None:
    play = Play(registered=False, heeds_exits=True)
    play.feed(d.MasterDetected(pid=MASTER))
    assert play.feed(d.PeerExited(address="10.0.0.1:5050")) == []
    effects = play.hear(x.Subscribed(FRAMEWORK, False, 15.0))
    assert effects == [d.Link(pid=MASTER), d.TellRegistered(framework_id=FRAMEWORK, again=False)]


# ── what arrives ──────────────────────────────────────────────────────────────────────────────────────


def test_what_comes_before_or_from_elsewhere_is_dropped() -> None:
    play = Play()
    play.feed(d.MasterDetected(pid=OTHER))
    assert play.hear(update()) == [d.Ignore(sender=MASTER, payload=update(), why=d.NOT_CONNECTED)]
    play.hear(x.Subscribed(FRAMEWORK, True, 15.0), OTHER)
    assert play.hear(update()) == [d.Ignore(sender=MASTER, payload=update(), why=d.NOT_LEADING)]
    delivered = x.Delivered(FRAMEWORK, AGENT, ExecutorId("x"), b"")
    assert play.hear(delivered, AGENT_PID) == [d.Tell(payload=delivered)]


def test_only_updates_of_agents_are_acknowledged() -> None:
    play = Play()
    (told,) = play.hear(update())
    assert isinstance(told, d.Tell)
    assert told.token is not None
    (call,) = calls(play.feed(d.UpdateSettled(token=told.token)))
    assert call == Ask(e.UpdateAcknowledged, {"agent_id": AGENT, "task_id": TASK.task_id, "uuid": b"u" * 16})
    for silent in (update(uuid=None), update(pid=None), update(pid=NO_PID)):
        assert play.hear(silent) == [d.Tell(payload=silent)]
    play.feed(d.MasterDetected(pid=None))
    assert play.feed(d.UpdateSettled(token=told.token)) == []


def test_an_error_ends_it_and_deactivates_its_framework() -> None:
    play = Play()
    effects = play.hear(x.Errored("Framework failed over"), OTHER)
    assert calls(effects) == [Ask(e.DeactivationRequested, {})]
    assert effects[-1] == d.TellStopped(fault="Framework failed over")
    assert play.hear(update()) == []
    assert play.feed(d.MasterDetected(pid=OTHER)) == []


def test_an_error_without_a_connection_just_ends_it() -> None:
    play = Play(registered=False)
    play.feed(d.MasterDetected(pid=MASTER))
    assert play.hear(x.Errored("no")) == [d.TellStopped(fault="no")]
    assert play.driver.deadline() is None


# ── what the application does ─────────────────────────────────────────────────────────────────────────


def test_tasks_without_a_master_are_lost_at_once() -> None:
    aware = frozenset({FrameworkCapability.PARTITION_AWARE})
    for capabilities, state in ((frozenset(), TaskState.TASK_LOST), (aware, TaskState.TASK_DROPPED)):
        play = Play(capabilities=capabilities)
        play.hear(offered())
        play.feed(d.MasterDetected(pid=None))
        (told,) = play.launch()
        assert isinstance(told, d.Tell)
        assert told.token is None
        status = told.payload.update.status
        assert (status.state, status.reason) == (state, TaskReason.REASON_MASTER_DISCONNECTED)


def test_calls_without_a_master_are_nothing() -> None:
    play = Play()
    play.feed(d.MasterDetected(pid=None))
    assert play.ask(e.KillRequested, task_id=TASK.task_id, agent_id=AGENT) == []
    assert play.ask(e.OffersDeclined, offer_ids=(OfferId("o"),), filters=NO_FILTERS) == []


def test_a_kill_names_no_agent() -> None:
    (call,) = calls(Play().ask(e.KillRequested, task_id=TASK.task_id, agent_id=AGENT))
    assert call == Ask(e.KillRequested, {"task_id": TASK.task_id})


def test_messages_go_straight_to_agents_that_tasks_were_launched_on() -> None:
    play = Play()
    message = {"agent_id": AGENT, "executor_id": ExecutorId("x"), "data": b"hello"}
    assert calls(play.ask(e.MessageSent, **message)) == [Ask(e.MessageSent, message)]
    play.hear(offered())
    play.launch()
    direct = d.Send(receiver=AGENT_PID, payload=x.DeliverToExecutor(FRAMEWORK, **message))
    assert play.ask(e.MessageSent, **message) == [direct]
    play.hear(x.Failed(FRAMEWORK, AGENT, ExecutorId("x")))
    assert play.ask(e.MessageSent, **message) == [direct]
    play.hear(x.Failed(FRAMEWORK, AGENT))
    assert calls(play.ask(e.MessageSent, **message)) == [Ask(e.MessageSent, message)]


def test_an_offer_that_was_rescinded_or_declined_tells_no_address() -> None:
    message = {"agent_id": AGENT, "executor_id": ExecutorId("x"), "data": b"hello"}
    rescinded, declined = Play(), Play()
    rescinded.hear(offered())
    rescinded.hear(x.Rescinded(OfferId("o")))
    declined.hear(offered())
    declined.ask(e.OffersDeclined, offer_ids=(OfferId("o"),), filters=NO_FILTERS)
    for play in (rescinded, declined):
        play.launch()
        assert calls(play.ask(e.MessageSent, **message)) == [Ask(e.MessageSent, message)]


def test_what_is_wanted_meanwhile_is_said_with_the_next_registration() -> None:
    play = Play()
    assert calls(play.feed(d.SuppressRequested())) == [Ask(e.Suppressed, {"roles": ()})]
    assert calls(play.feed(d.ReviveRequested())) == [Ask(e.Revived, {"roles": ()})]
    play.feed(d.MasterDetected(pid=None))
    assert play.feed(d.SuppressRequested()) == []
    assert subscriptions(play.feed(d.MasterDetected(pid=MASTER)))[0].suppressed_roles == ("r",)
    effects = play.hear(x.Subscribed(FRAMEWORK, True, 15.0))
    info = play.driver.info
    assert calls(effects) == [Ask(e.FrameworkUpdateRequested, {"info": info, "suppressed_roles": ("r",)})]
    assert isinstance(effects[-1], d.TellRegistered)
    play.feed(d.MasterDetected(pid=MASTER))
    assert calls(play.hear(x.Subscribed(FRAMEWORK, True, 15.0))) == []


def test_it_leaves_with_or_without_its_framework() -> None:
    play = Play()
    effects = play.feed(d.StopRequested(teardown=True))
    assert calls(effects) == [Ask(e.TeardownRequested, {})]
    assert effects[-1] == d.TellStopped(fault=None)
    assert Play().feed(d.StopRequested(teardown=False)) == [d.TellStopped(fault=None)]
    alone = Play()
    alone.feed(d.MasterDetected(pid=None))
    assert alone.feed(d.StopRequested(teardown=True)) == [d.TellStopped(fault=None)]
    assert calls(Play().feed(d.AbortRequested())) == [Ask(e.DeactivationRequested, {})]


# ── messages ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_master_hears_who_has_sent_a_message() -> None:
    sender = Pid("scheduler-1@10.2.0.1:40001")
    info = FrameworkInfo(user="u", name="n")
    assert master_event(Subscribe(info, True, ("r",)), sender) == e.SubscribeRequested(
        peer=sender, info=info, force=True, suppressed_roles=("r",)
    )
    kill = DriverCall(FRAMEWORK, Ask(e.KillRequested, {"task_id": TASK.task_id}))
    assert master_event(kill, sender) == e.KillRequested(
        framework_id=FRAMEWORK, sender=sender, task_id=TASK.task_id
    )


def test_launches_never_come_twice() -> None:
    accept = DriverCall(FRAMEWORK, Ask(e.OffersAccepted, {}))
    assert not is_repeated(accept)
    assert is_repeated(DriverCall(FRAMEWORK, Ask(e.KillRequested, {})))
    assert is_repeated(update())


# ── a cluster ─────────────────────────────────────────────────────────────────────────────────────────


def test_drivers_and_sessions_share_a_cluster() -> None:
    tempers = (
        Temper(role="a", task_s=5.0, driver=True, messages_s=2.0),
        Temper(role="b", task_s=5.0, driver=True, acknowledge_s=0.5),
        Temper(role="c", task_s=5.0),
    )
    plan = replace(calm_plan(1, agents=3, frameworks=3, duration_s=20.0), frameworks=tempers)
    simulation = Simulation(plan, Trace(on=False))
    assert simulation.run().failure is None
    for framework in simulation.cluster.frameworks:
        assert any(job.state is TaskState.TASK_FINISHED for job in framework.jobs.values())
    drivers = [node for node in simulation.cluster.schedulers if isinstance(node, DriverNode)]
    assert [driver.name for driver in sorted(drivers, key=lambda node: node.name)] == [
        "framework-0",
        "framework-1",
    ]


def test_every_event_has_a_handler() -> None:
    assert set(d.HANDLERS) == set(d.Event.__subclasses__())
