"""Frameworks: what they want, how they answer offers, and what they remember of their tasks.

A framework writes down what it is about to launch before it does, and what it was told before it
acknowledges, as one must. It asks the master about its tasks whenever it has subscribed, and now and then.
Its memory outlives its process; everything else does not.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from meseta.ids import AgentId, ExecutorId, FrameworkId, OfferId, TaskId
from meseta.master import effects as x
from meseta.master import events as e
from meseta.records import (
    CommandInfo,
    ExecutorInfo,
    ExecutorType,
    Filters,
    Launch,
    LaunchGroup,
    Operation,
    StatusUpdate,
    TaskGroupInfo,
    TaskInfo,
    TaskState,
)
from meseta.resources import Resources
from meseta.sdk import events as sdk
from meseta.sim.driver_node import SchedulerProcess
from meseta.sim.failures import SafetyViolation
from meseta.sim.jobs import Job
from meseta.sim.own_executors import EXECUTOR, OwnExecutors, given_to, speaks_libprocess
from meseta.sim.programs import FOREVER_S, Program
from meseta.sim.reserving import before_use, undo
from meseta.sim.seats import Seat, StandbySeat
from meseta.sim.temper import Temper
from meseta.sim.world import World

COME_BACK_S = 2.0
"""How long a framework that was ended waits before it starts anew."""
REPLACED_S = 5.0
"""How long a scheduler that was replaced goes on, unless it notices by itself."""
DEAF_S = 30.0
"""The same of a driver, which may hear nothing of it before it comes to another master."""
QUIET_REFUSE_S = 60.0
"""How long a framework that wants nothing refuses an offer, so that all others get their turn."""


class Framework:
    """One framework through all the lives of its scheduler."""

    def __init__(
        self,
        world: World,
        name: str,
        temper: Temper,
        make_process: Callable[..., SchedulerProcess],
    ) -> None:
        """`make_process(framework, seat, info, suppressed_roles, standby=…)` makes a scheduler's process."""
        self.world = world
        self.name = name
        self.temper = temper
        self.framework_id: FrameworkId | None = None
        self.jobs: dict[TaskId, Job] = {}
        """Every task that it ever launched."""
        self.settled: set[bytes] = set()
        """Updates that it has acknowledged, or was about to."""
        self.lives = 0
        self.processes = 0
        """How many have been made, standbys among them."""
        self.subscribed = False
        self.quiet = False
        """It launches nothing more."""
        self.offered: dict[AgentId, None] = {}
        """What it was offered since it fell quiet."""
        self.process: SchedulerProcess | None = None
        self.standby: SchedulerProcess | None = None
        """Waits for the end of `process`."""
        self.coming_back = False
        """A new process will start by itself."""
        self._chance: random.Random = world.chance(name)
        self.executors = OwnExecutors(name, temper.executors, world.chance(f"{name}/executors"))
        self._make_process = make_process
        self._alive: dict[TaskId, Job] = {}
        self._held: dict[OfferId, x.OfferRecord] = {}
        self._launches: dict[int, tuple[TaskId, ...]] = {}
        """What each call that is not answered launches."""
        self._answers: dict[int, OfferId] = {}
        """Which offer each call that is not answered is about."""
        self._next_task = 0
        self._suppressed = False
        self._demand = 0
        """The call that said last whether offers are wanted."""

    # ── life ──────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Start a process."""
        self._begin_life()
        self.process = self._new_process(Seat(self, self.lives), standby=False)
        self.process.start()

    def _new_process(self, seat: Seat, *, standby: bool) -> SchedulerProcess:
        info = self.temper.info(self.name)
        if self.framework_id is not None:
            info = msgspec.structs.replace(info, id=self.framework_id)
        roles = (self.temper.role,) if self._suppressed else ()
        self.processes += 1
        return self._make_process(self, seat, info, roles, standby=standby)

    def _begin_life(self) -> None:
        self.lives += 1
        self.subscribed = False
        self.coming_back = False
        self._held.clear()
        self._launches.clear()
        self._answers.clear()
        self._every(self.temper.reconcile_s, self._reconcile)
        if self.temper.kill_s:
            self._every(self.temper.kill_s, self._kill_one)
        if self.temper.messages_s:
            self._every(self.temper.messages_s, self._message_one)
        if self.temper.executors.bother_s:
            self._every(self.temper.executors.bother_s, self._bother)

    def _stand_by(self) -> None:
        """Have another process wait for the end of this one."""
        if self.temper.standby and self.standby is None:
            seat = StandbySeat(self)
            self.standby = self._new_process(seat, standby=True)
            self.standby.start()

    def _dismiss_standby(self) -> None:
        """End the process that waits for a framework that is over."""
        standby, self.standby = self.standby, None
        if standby is not None:
            standby.end()

    def take_over(self) -> int:
        """Go on with the standby, whose turn has come; the process before is over. Return its life."""
        replaced, self.process, self.standby = self.process, self.standby, None
        self._begin_life()
        if replaced is not None:
            replaced.end()
        return self.lives

    def fail_over(self) -> None:
        """Start another process while one runs, which is ended if it does not notice."""
        replaced = self.process
        self.start()
        if replaced is not None:
            self.world.after(DEAF_S if self.temper.driver else REPLACED_S, replaced.end)

    def crash(self, *, silent: bool) -> None:
        """End the process."""
        if self.process is not None:
            self.process.crash(silent=silent)
            self.process = None
        self.lives += 1
        self.subscribed = False

    def start_if_down(self) -> None:
        """Start a process unless there is one, or will be."""
        if self.process is None and not self.coming_back:
            self.start()

    def tear_down(self) -> None:
        """End the framework properly."""
        if self.process is not None:
            self.process.stop(teardown=True)

    def fall_quiet(self) -> None:
        """Launch nothing more, and answer offers by declining them."""
        self.quiet = True
        for offer_id in list(self._held):
            self._answer(offer_id)

    @property
    def wants_offers(self) -> bool:
        """Tell whether it is to be offered what is free."""
        return self.subscribed and not self._suppressed

    # ── what its process tells ────────────────────────────────────────────────────────────────────────

    def on_subscribed(self, framework_id: FrameworkId) -> None:
        """The framework is subscribed: ask for what was missed."""
        self.framework_id = framework_id
        self.subscribed = True
        self._reconcile()
        self._stand_by()

    def on_disconnected(self) -> None:
        """All offers are void."""
        self.subscribed = False
        if not self.temper.keeps_offers:
            self._held.clear()

    def on_stopped(self, fault: str | None) -> None:
        """The framework is over: start a new one. A scheduler that was replaced by mistake comes back."""
        self.subscribed = False
        self.process = None
        self._held.clear()
        if fault is None or not _is_to_come_back(fault):
            self.framework_id = None
            self._alive.clear()
            self.executors.forget_all()
            self._dismiss_standby()
        self.coming_back = True
        self._later(COME_BACK_S, self.start)

    def on_event(self, payload: Any, token: sdk.Token | None) -> None:
        """Anything else."""
        match payload:
            case x.Offered(offers=offers):
                for offer in offers:
                    self._consider(offer)
            case x.Rescinded(offer_id=offer_id):
                self._held.pop(offer_id, None)
            case x.InverseOffered(offers=asked):
                willing = e.InverseOffersAccepted if self._chance.random() < 0.5 else e.InverseOffersDeclined
                self._ask(willing, offer_ids=tuple(offer.offer_id for offer in asked))
            case x.Revoked(task_ids=ids, deadline_s=float()):
                if self._chance.random() < 0.5:
                    self._ask(e.KillRequested, task_id=ids[0])
            case x.Updated(update=update):
                self._on_update(update, token)
            case x.Failed(agent_id=agent_id, executor_id=executor_id) if executor_id is not None:
                self.executors.on_failed(agent_id, executor_id)
            case x.Delivered():
                self.executors.on_message(payload)

    def on_concluded(self, outcome: sdk.ConcludeCall) -> None:
        """A call has an outcome: what was certainly not launched is over."""
        if (offer_id := self._answers.pop(outcome.number, None)) is not None and not outcome.status:
            self._later(1.0, partial(self._decline, offer_id))  # Whether it has arrived is not known.
        if outcome.number == self._demand and not 200 <= outcome.status < 300:
            self._later(1.0, self.say_demand)
        launched = self._launches.pop(outcome.number, ())
        if not outcome.sent or outcome.status >= 400:
            for task_id in launched:
                self.jobs[task_id].state = TaskState.TASK_DROPPED
                self._alive.pop(task_id, None)

    # ── offers ────────────────────────────────────────────────────────────────────────────────────────

    def _consider(self, offer: x.OfferRecord) -> None:
        self._held[offer.id] = offer
        if self.quiet:
            self.offered[offer.agent.id] = None
        if self.temper.hoard_s and not self.quiet:
            self._later(self._chance.expovariate(1 / self.temper.hoard_s), partial(self._answer, offer.id))
        else:
            self._answer(offer.id)

    def _answer(self, offer_id: OfferId) -> None:
        """Use an offer that is still valid, or decline it."""
        offer = self._held.pop(offer_id, None)
        if offer is None:
            return
        fitting = 0 if self.quiet else self._fitting(offer.resources)
        if self.quiet and (undone := undo(offer.resources)):
            self._accept(offer, tuple(undone), ())
            return
        if fitting and self._chance.random() >= self.temper.picky:
            self._use(offer, fitting)
            return
        self._decline(offer.id)
        if (
            self.temper.suppresses
            and not self._suppressed
            and not self._wanted()
            and self.process is not None
        ):
            self._suppressed = True
            self.say_demand()

    def _decline(self, offer_id: OfferId) -> None:
        if self.process is not None and self.subscribed:
            number = self.process.next_number()
            self._answers[number] = offer_id
            filters = Filters(QUIET_REFUSE_S if self.quiet else self.temper.refuse_s)
            self.process.ask(e.OffersDeclined, number=number, offer_ids=(offer_id,), filters=filters)

    def _wanted(self) -> int:
        return self.temper.alive_max - len(self._alive)

    def _fitting(self, resources: Resources) -> int:
        """Return how many tasks are wanted and fit."""
        cpus, mem = resources.scalar("cpus") / 1000, resources.scalar("mem") / 1000
        return max(0, min(self._wanted(), int(cpus // self.temper.cpus), int(mem // self.temper.mem)))

    def _use(self, offer: x.OfferRecord, fitting: int) -> None:
        own = self.executors.choose(offer)
        grouped = self._chance.random() < self.temper.pods and offer.resources.scalar("disk") > 0
        tasks = [self._task(offer.agent.id) for _ in range(fitting)]
        if grouped or own is not None:
            tasks = tasks[:-1] if self._is_tight(offer, fitting) else tasks
            if not tasks:
                self._decline(offer.id)
                return
        assert self.framework_id is not None, "a framework that is offered something has an id"
        for task in tasks:
            job = Job(task.task_id, self.framework_id, task.agent_id)
            self.jobs[job.id] = self._alive[job.id] = job
        self._launch(offer, _operation(tasks, own, grouped=grouped), tuple(task.task_id for task in tasks))

    def _launch(self, offer: x.OfferRecord, operation: Operation, tasks: tuple[TaskId, ...]) -> None:
        first = before_use(offer.resources, offer.role, self.temper.reserves, self._chance)
        self._accept(offer, (*first, operation), tasks)

    def _accept(
        self, offer: x.OfferRecord, operations: tuple[Operation, ...], tasks: tuple[TaskId, ...]
    ) -> None:
        assert self.process is not None, "offers come to a process"
        number = self.process.next_number()
        self._launches[number] = tasks
        self._answers[number] = offer.id
        self.process.ask(
            e.OffersAccepted,
            number=number,
            offer_ids=(offer.id,),
            operations=operations,
            filters=Filters(self.temper.refuse_s),
        )

    def _is_tight(self, offer: x.OfferRecord, fitting: int) -> bool:
        """Tell whether an executor needs room that a task would take."""
        needed = Resources.scalars(cpus=self.temper.cpus * fitting, mem=self.temper.mem * fitting)
        return not offer.resources.contains(needed + EXECUTOR)

    def _task(self, agent_id: AgentId) -> TaskInfo:
        temper, chance = self.temper, self._chance
        self._next_task += 1
        id = TaskId(f"{self.name}.{self._next_task}")
        forever = chance.random() < temper.services
        program = Program(
            what=id,
            seconds=FOREVER_S if forever else round(chance.expovariate(1 / temper.task_s), 3),
            status=1 if chance.random() < temper.failing else 0,
            stubborn=round(chance.random() * temper.stubborn_s, 3),
            hungry=chance.random() < temper.hungry,
        )
        return TaskInfo(
            task_id=id,
            name=id,
            agent_id=agent_id,
            resources=Resources.scalars(cpus=temper.cpus, mem=temper.mem),
            has_command=True,
            command=CommandInfo(value=program.command()),
        )

    # ── tasks ─────────────────────────────────────────────────────────────────────────────────────────

    def _on_update(self, update: StatusUpdate, token: sdk.Token | None) -> None:
        job = self.jobs.get(update.status.task_id)
        if job is None:
            raise SafetyViolation(f"{self.name} hears of {update.status.task_id}, which it never launched")
        job.note(update)
        if job.over:
            self._alive.pop(job.id, None)
            self._want_again()
        elif job.framework_id == self.framework_id:
            self._alive[job.id] = job
        if token is None:
            return
        if self.temper.acknowledge_s:
            delay_s = self._chance.expovariate(1 / self.temper.acknowledge_s)
            self._later(delay_s, partial(self._settle, token))
        else:
            self._settle(token)

    def _settle(self, token: sdk.Token) -> None:
        if self.process is not None:
            self.settled.add(token.uuid)
            self.process.settle(token)

    def _want_again(self) -> None:
        if self._suppressed and self._wanted() > 0 and not self.quiet and self.process is not None:
            self._suppressed = False
            self.say_demand()

    def say_demand(self) -> None:
        """Tell the master whether offers are wanted, until it has heard."""
        if self.process is not None:
            self._demand = self.process.next_number()
            say = self.process.suppress if self._suppressed else self.process.revive
            say(self._demand)

    def _reconcile(self) -> None:
        """Ask about all tasks that are not known to be over, and for those that are believed to be.

        Who does not hear when messages are lost says again, too, whether offers are wanted.
        """
        if self.temper.driver and not self.temper.heeds_exits:
            self.say_demand()
        self._ask(e.ReconcileRequested, tasks=())
        tasks = tuple((job.id, job.agent_id) for job in self._alive.values())
        if tasks:
            self._ask(e.ReconcileRequested, tasks=tasks)

    def _kill_one(self) -> None:
        if self._alive:
            job = self._chance.choice(list(self._alive.values()))
            self._ask(e.KillRequested, task_id=job.id, agent_id=job.agent_id)

    def _message_one(self) -> None:
        """Send a message to an executor; one that runs a lone command has the name of its task."""
        if self._alive:
            job = self._chance.choice(list(self._alive.values()))
            self._ask(e.MessageSent, agent_id=job.agent_id, executor_id=ExecutorId(job.id), data=b"hello")

    def _bother(self) -> None:
        call = self.executors.bother()
        if call is not None and not self.quiet:
            self._ask(call.kind, **call.fields)

    # ── helpers ───────────────────────────────────────────────────────────────────────────────────────

    def _ask(self, kind: type, **fields: Any) -> None:
        if self.process is not None and self.subscribed:
            self.process.ask(kind, **fields)

    def _later(self, delay_s: float, action: Callable[[], None]) -> None:
        """Do something later, unless the process has ended by then."""
        self.world.after(delay_s, partial(self._if_alive, self.lives, action))

    def _every(self, interval_s: float, action: Callable[[], None]) -> None:
        def again() -> None:
            action()
            self._every(interval_s, action)

        self._later(interval_s * self._chance.uniform(0.5, 1.5), again)

    def _if_alive(self, life: int, action: Callable[[], None]) -> None:
        if life == self.lives:
            action()


def _is_to_come_back(fault: str) -> bool:
    """Tell whether a scheduler that was ended with these words may go on with its framework."""
    return any(words in fault for words in ("failed over", "Framework disconnected"))


def _operation(tasks: list[TaskInfo], own: ExecutorInfo | None, *, grouped: bool) -> Operation:
    """Return how tasks are launched: by themselves, in a pod, or on an executor of their framework's own."""
    if not grouped or (own is not None and speaks_libprocess(own)):
        return Launch(tasks=tuple(tasks if own is None else given_to(tasks, own)))
    pod = ExecutorId(f"pod-{tasks[0].task_id}")
    executor = own or ExecutorInfo(executor_id=pod, type=ExecutorType.DEFAULT, resources=EXECUTOR)
    return LaunchGroup(executor=executor, group=TaskGroupInfo(tasks=tuple(tasks)))
