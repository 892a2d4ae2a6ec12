"""The asyncio scheduler over real sockets, against a master that says what the tests tell it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from meseta.runtime.http1 import Response, text_response
from meseta.sdk import (
    CallRefusedError,
    EndedError,
    Failure,
    Message,
    NotSubscribedError,
    Offer,
    OfferError,
    Scheduler,
    SdkError,
    Task,
    TaskState,
    TaskUpdate,
)
from meseta.testing import FakeMaster
from meseta.wire.gen import mesos_pb2, scheduler_pb2

Call = scheduler_pb2.Call
Event = scheduler_pb2.Event
LIMIT_S = 120.0


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(LIMIT_S):
            await test()

    asyncio.run(limited())


def test_runs_tasks_from_offer_to_end() -> None:
    async def body() -> None:
        async with FakeMaster(runs_tasks=True, offers_always=True) as master:
            async with Scheduler(master.address, name="demo", roles=["eng"], labels={"a": "b"}) as scheduler:
                updates = scheduler.updates()
                async for offer in scheduler.offers():
                    if offer.fits(cpus=1, mem=128):
                        task = await offer.launch(
                            Task(command="echo hi", cpus=1, mem=128, data=b"d"), refuse_s=1
                        )
                        break
                assert task.state in (TaskState.TASK_STAGING, TaskState.TASK_RUNNING)
                last = await task.wait()
                assert last.succeeded
                assert last.data == b"d"
                assert not scheduler.tasks
                seen = [await anext(updates), await anext(updates)]
                assert [update.state for update in seen] == [TaskState.TASK_RUNNING, TaskState.TASK_FINISHED]
            subscribe = (await master.next_call(Call.SUBSCRIBE)).subscribe.framework_info
            assert (subscribe.name, list(subscribe.roles)) == ("demo", ["eng"])
            accept = (await master.next_call(Call.ACCEPT)).accept
            assert accept.filters.refuse_seconds == 1
            assert (await master.next_call(Call.TEARDOWN)).framework_id.value == master.framework_id

    run(body)


def test_offers_passed_over_or_held_too_long_are_declined() -> None:
    async def body() -> None:
        async with FakeMaster() as master, Scheduler(master.address, hold_offers_s=0.2) as scheduler:
            first, second, third = master.offer(), master.offer(), master.offer()
            offers = scheduler.offers()
            await anext(offers)
            await anext(offers)
            decline = (await master.next_call(Call.DECLINE)).decline
            assert [offer_id.value for offer_id in decline.offer_ids] == [first]
            assert not decline.HasField("filters")
            released: list[str] = []
            while len(released) < 2:  # In one call or in two: each is held from the moment that it came.
                decline = (await master.next_call(Call.DECLINE)).decline
                released += [offer_id.value for offer_id in decline.offer_ids]
            assert released == [second, third]

    run(body)


def test_rescinded_offers_cannot_be_used() -> None:
    async def body() -> None:
        async with FakeMaster() as master, Scheduler(master.address) as scheduler:
            rescinded: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            scheduler.on_rescind(rescinded.set_result)
            master.offer()
            offer = await anext(scheduler.offers())
            master.rescind(offer.id)
            assert await rescinded == offer.id
            with pytest.raises(OfferError):
                await offer.launch(Task(command="x"))
            await offer.decline()
            assert not [call for call in master.calls if call.type == Call.DECLINE]

    run(body)


def test_handlers_hear_everything_in_order() -> None:
    async def body() -> None:
        heard: list[Any] = []
        done = asyncio.Event()
        async with FakeMaster() as master:
            scheduler = Scheduler(master.address)
            scheduler.on_subscribed(heard.append)
            scheduler.on_update(lambda update: heard.append((update.task_id, update.state)))

            @scheduler.on_message
            async def on_message(message: Message) -> None:
                await asyncio.sleep(0)
                heard.append(message.data)

            @scheduler.on_failure
            def on_failure(failure: Failure) -> None:
                heard.append((failure.executor_id, failure.status))
                if failure.executor_id is None:
                    done.set()

            async with scheduler:
                master.message("e", b"hello")
                uuid_bytes = master.update("t", mesos_pb2.TASK_RUNNING)
                master.failure("e", 9)
                master.failure()
                await done.wait()
                acknowledge = (await master.next_call(Call.ACKNOWLEDGE)).acknowledge
                assert acknowledge.uuid == uuid_bytes
        assert heard == [
            master.framework_id,
            b"hello",
            ("t", TaskState.TASK_RUNNING),
            ("e", 9),
            (None, None),
        ]

    run(body)


def test_updates_without_a_uuid_are_not_acknowledged() -> None:
    async def body() -> None:
        async with FakeMaster() as master, Scheduler(master.address) as scheduler:
            updates = scheduler.updates()
            master.update("t", mesos_pb2.TASK_LOST, uuid_bytes=b"")
            assert (await anext(updates)).state is TaskState.TASK_LOST
            await scheduler.reconcile()
            assert [call.type for call in master.calls] == [Call.SUBSCRIBE, Call.RECONCILE]

    run(body)


def test_explicit_acknowledgement_is_left_to_the_application_and_repeats_come_through() -> None:
    async def body() -> None:
        async with (
            FakeMaster() as master,
            Scheduler(master.address, explicit_acknowledgements=True) as scheduler,
        ):
            updates = scheduler.updates()
            name = uuid.uuid4().bytes
            for _ in range(2):
                master.update("t", mesos_pb2.TASK_RUNNING, uuid_bytes=name)
            first, again = await anext(updates), await anext(updates)
            assert first.uuid == again.uuid == name
            assert not [call for call in master.calls if call.type == Call.ACKNOWLEDGE]
            await scheduler.acknowledge(again)
            assert (await master.next_call(Call.ACKNOWLEDGE)).acknowledge.uuid == name
            master.update("t", mesos_pb2.TASK_RUNNING, uuid_bytes=name)
            assert (await master.next_call(Call.ACKNOWLEDGE)).acknowledge.uuid == name

    run(body)


def test_reconnects_with_the_same_framework_and_asks_what_became_of_its_tasks() -> None:
    async def body() -> None:
        async with FakeMaster() as master, Scheduler(master.address) as scheduler:
            lost: list[str] = []
            scheduler.on_disconnected(lost.append)
            await master.next_call(Call.SUBSCRIBE)
            await scheduler.suppress()
            master.offer()
            offer = await anext(scheduler.offers())
            task = await offer.launch(Task(command="x", cpus=1))
            master.offer()
            void = await anext(scheduler.offers())
            gone = asyncio.Event()
            scheduler.on_disconnected(lambda reason: gone.set())
            await master.stop()
            await gone.wait()
            with pytest.raises(NotSubscribedError):
                await task.kill()
            assert void.used
            await master.start()
            subscribe = await master.next_call(Call.SUBSCRIBE)
            assert subscribe.framework_id.value == master.framework_id
            assert subscribe.subscribe.framework_info.id.value == master.framework_id
            assert list(subscribe.subscribe.suppressed_roles) == ["*"]
            reconcile = (await master.next_call(Call.RECONCILE)).reconcile
            assert [entry.task_id.value for entry in reconcile.tasks] == [task.id]
            master.update(task.id, mesos_pb2.TASK_GONE, uuid_bytes=b"")
            assert (await task.wait()).state is TaskState.TASK_GONE
            assert len(lost) == 1

    run(body)


def test_a_launch_whose_answer_is_lost_is_asked_about() -> None:
    class LosingMaster(FakeMaster):
        """Takes ACCEPT and dies before it answers."""

        def on_call(self, call: Call) -> None:
            if call.type == Call.ACCEPT:
                self.break_off()

    async def body() -> None:
        async with LosingMaster() as master, Scheduler(master.address) as scheduler:
            master.offer()
            offer = await anext(scheduler.offers())
            task = await offer.launch(Task(command="x", cpus=1))
            reconcile = (await master.next_call(Call.RECONCILE)).reconcile
            assert [entry.task_id.value for entry in reconcile.tasks] == [task.id]

    run(body)


def test_follows_a_redirect_to_the_leader() -> None:
    async def body() -> None:
        async with FakeMaster() as standby, FakeMaster() as leader:
            location = f"//{leader.address}/master/api/v1/scheduler"
            standby.answer_next(Response(307, (("Location", location),)))
            async with Scheduler(standby.address):
                assert not standby.calls
                await leader.next_call(Call.SUBSCRIBE)
            await leader.next_call(Call.TEARDOWN)

    run(body)


def test_goes_round_the_masters_until_one_answers() -> None:
    async def body() -> None:
        async with FakeMaster() as dead, FakeMaster() as alive:
            await dead.stop()
            alive.answer_next(text_response(503, "No leader elected"))
            async with Scheduler([dead.address, alive.address]) as scheduler:
                assert scheduler.framework_id == alive.framework_id

    run(body)


def test_a_silent_master_is_left() -> None:
    async def body() -> None:
        async with FakeMaster(heartbeat_interval_s=0.05) as master, Scheduler(master.address):
            await master.next_call(Call.SUBSCRIBE)
            again = await master.next_call(Call.SUBSCRIBE)
            assert again.framework_id.value == master.framework_id

    run(body)


def test_an_error_event_ends_everything_that_waits() -> None:
    async def body() -> None:
        async with FakeMaster() as master:
            scheduler = Scheduler(master.address)
            await scheduler.start()
            master.offer()
            offer = await anext(scheduler.offers())
            task = await offer.launch(Task(command="x", cpus=1))
            waiting = asyncio.ensure_future(task.wait())
            master.error("Framework failed over")
            with pytest.raises(EndedError, match="Framework failed over"):
                await waiting
            with pytest.raises(EndedError, match="Framework failed over"):
                await anext(scheduler.offers())
            with pytest.raises(NotSubscribedError):
                await task.kill()
            with pytest.raises(EndedError, match="Framework failed over"):
                await scheduler.__aexit__(None, None, None)
            assert [call.type for call in master.calls] == [Call.SUBSCRIBE, Call.ACCEPT]

    run(body)


def test_a_refused_subscription_is_told_at_the_start() -> None:
    async def body() -> None:
        async with FakeMaster() as master:
            master.answer_next(text_response(401, "Unauthorized"))
            with pytest.raises(EndedError, match="401 Unauthorized"):
                await Scheduler(master.address, principal="p", secret="s").start()

    run(body)


def test_refused_calls_say_why() -> None:
    async def body() -> None:
        async with FakeMaster() as master, Scheduler(master.address) as scheduler:
            master.answer_next(text_response(400, "Not a valid role"))
            with pytest.raises(CallRefusedError, match="REVIVE was refused: 400 Not a valid role"):
                await scheduler.revive("..")
            with pytest.raises(SdkError, match="missing required fields"):
                await scheduler.call(Call(type=Call.KILL, kill=Call.Kill()))

    run(body)


def test_a_failing_handler_stops_the_scheduler_and_keeps_the_tasks() -> None:
    async def body() -> None:
        async with FakeMaster() as master:
            scheduler = Scheduler(master.address)

            @scheduler.on_offer
            async def on_offer(offer: Offer) -> None:
                raise ZeroDivisionError(offer.id)

            await scheduler.start()
            master.offer()
            with pytest.raises(ZeroDivisionError):
                await scheduler.run()
            with pytest.raises(ZeroDivisionError):
                await scheduler.__aexit__(None, None, None)
            assert [call.type for call in master.calls] == [Call.SUBSCRIBE]

    run(body)


def test_every_call_has_its_message() -> None:
    async def body() -> None:
        async with (
            FakeMaster(runs_tasks=True) as master,
            Scheduler(master.address, roles=["a", "b"]) as scheduler,
        ):
            await scheduler.suppress("a")
            await scheduler.revive()
            await scheduler.kill("t", agent_id="s", grace_s=1.5)
            await scheduler.send_message("s", "e", b"x")
            await scheduler.shutdown_executor("s", "e")
            info = mesos_pb2.FrameworkInfo()
            info.CopyFrom(scheduler.info)
            info.roles.append("c")
            await scheduler.update_framework(info, suppressed_roles=["c"])
            assert list((await master.next_call(Call.SUPPRESS)).suppress.roles) == ["a"]
            assert not (await master.next_call(Call.REVIVE)).revive.roles
            kill = (await master.next_call(Call.KILL)).kill
            assert kill.kill_policy.grace_period.nanoseconds == 1_500_000_000
            assert (await master.next_call(Call.MESSAGE)).message.data == b"x"
            assert (await master.next_call(Call.SHUTDOWN)).shutdown.executor_id.value == "e"
            updated = (await master.next_call(Call.UPDATE_FRAMEWORK)).update_framework
            assert list(updated.framework_info.roles) == ["a", "b", "c"]
            assert updated.framework_info.id.value == master.framework_id

    run(body)


def test_operation_statuses_are_acknowledged() -> None:
    async def body() -> None:
        async with FakeMaster() as master, Scheduler(master.address) as scheduler:
            told: asyncio.Future[mesos_pb2.OperationStatus] = asyncio.get_running_loop().create_future()
            scheduler.on_operation(told.set_result)
            event = Event(type=Event.UPDATE_OPERATION_STATUS)
            status = event.update_operation_status.status
            status.operation_id.value = "reserve-1"
            status.state = mesos_pb2.OPERATION_FINISHED
            status.uuid.value = uuid.uuid4().bytes
            status.agent_id.value = "s"
            master.send(event)
            assert (await told).operation_id.value == "reserve-1"
            call = await master.next_call(Call.ACKNOWLEDGE_OPERATION_STATUS)
            assert call.acknowledge_operation_status.uuid == status.uuid.value

    run(body)


def test_leaving_for_a_failover_keeps_the_framework() -> None:
    async def body() -> None:
        async with FakeMaster() as master:
            async with Scheduler(master.address, teardown_on_exit=False) as scheduler:
                framework_id = scheduler.framework_id
            assert [call.type for call in master.calls] == [Call.SUBSCRIBE]
            async with Scheduler(master.address, framework_id=framework_id):
                await master.next_call(Call.SUBSCRIBE)
                taken_over = await master.next_call(Call.SUBSCRIBE)
                assert taken_over.subscribe.framework_info.id.value == framework_id

    run(body)


def test_bytes_that_are_no_events_break_the_stream_and_nothing_else() -> None:
    async def body() -> None:
        async with FakeMaster() as master, Scheduler(master.address) as scheduler:
            await master.next_call(Call.SUBSCRIBE)
            master.send_bytes(b"nonsense\n")
            await master.next_call(Call.SUBSCRIBE)
            await scheduler.subscribed()

    run(body)


def test_the_update_types_print_as_sentences() -> None:
    update = TaskUpdate(
        task_id="t",  # type: ignore[arg-type]
        state=TaskState.TASK_FAILED,
        message="exited with status 1",
        reason=None,
        source=None,
        agent_id=None,
        executor_id=None,
        data=b"",
        healthy=None,
        timestamp=None,
        uuid=b"",
        status=mesos_pb2.TaskStatus(),
    )
    assert str(update) == "t TASK_FAILED: exited with status 1"
