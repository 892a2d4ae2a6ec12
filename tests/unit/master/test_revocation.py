"""Tasks that end so that a role gets what is guaranteed to it: when, whose, and who is told what."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
import pytest

from meseta.allocator.victims import Runner, Shortage
from meseta.ids import AgentId, FrameworkId, TaskId
from meseta.master import effects, events
from meseta.master.config import RevocationTerms
from meseta.master.demand import NAMES_MAX
from meseta.master.events import QuotaConfig, RequestId, ResourceRequest, StreamId
from meseta.records import (
    ExecutorType,
    Filters,
    FrameworkOptions,
    Launch,
    LaunchGroup,
    TaskGroupInfo,
    TaskReason,
    TaskState,
)
from meseta.resources import Resources
from tests.unit.master.master_kit import EPOCH, Playground, executor, pid_of, task, told, told_agent

NEEDY, GREEDY = StreamId(1), StreamId(2)


def config(role: str, **guarantees: float) -> QuotaConfig:
    return QuotaConfig(role=role, guarantees=guarantees, limits={})


def guarantee(play: Playground, *configs: QuotaConfig) -> None:
    done = play.feed(events.QuotaUpdateRequested(request=RequestId(1), configs=configs))
    (reply,) = (effect for effect in done if isinstance(effect, effects.Reply))
    assert reply.code == 200, reply.text


def request(play: Playground, framework_id: FrameworkId, role: str | None = None, **amounts: float) -> None:
    requests = (ResourceRequest(resources=Resources.scalars(**amounts), role=role),) if amounts else ()
    play.call(events.ResourcesRequested, framework_id, requests=requests)


class Story:
    """Two agents full of tasks of role batch, and role web, to which four of eight CPUs are guaranteed."""

    def __init__(self, *, notices: bool = True, **terms: Any) -> None:
        self.play = play = Playground(revocation=RevocationTerms(**terms))
        self.agents = [play.register("a1"), play.register("a2")]
        options = FrameworkOptions(revocation_notices=notices)
        self.greedy = play.subscribe(GREEDY, roles=("batch",), options=options)
        self.tasks: dict[str, AgentId] = {}
        for offer in play.offers(self.greedy):
            names = [f"{offer.agent.info.hostname}-{number}" for number in range(4)]
            play.launch(self.greedy, offer, *(task(name, offer.agent.id, mem=900) for name in names))
            for name in names:
                self.tasks[name] = offer.agent.id
                play.update(self.greedy, offer.agent.id, name, TaskState.TASK_RUNNING, timestamp=EPOCH)
                play.acknowledge(self.greedy, offer.agent.id, name)
        self.needy = play.subscribe(NEEDY, roles=("web",))
        guarantee(play, config("web", cpus=4))

    def kills(self, done: list[Any]) -> set[TaskId]:
        return {
            kill.task_id for name in ("a1", "a2") for kill in told_agent(done, pid_of(name), effects.KillTask)
        }

    def end(self, name: str) -> list[Any]:
        return self.play.update(self.greedy, self.tasks[name], name, TaskState.TASK_KILLED)


def test_without_demand_nobody_ends() -> None:
    story = Story()
    assert not told(story.play.run(100.0), GREEDY, effects.Revoked)
    assert not story.play.state.revocations.short


def test_nothing_is_watched_unless_it_is_wanted() -> None:
    play = Playground()
    assert ("revocation", None) not in play.state.deadlines


def test_a_shortage_that_lasts_makes_victims_told_then_killed() -> None:
    story = Story()
    play = story.play
    request(play, story.needy, cpus=2)
    assert not told(play.run(5.0), GREEDY, effects.Revoked), "one check is not enough"
    (notice,) = told(play.run(5.0), GREEDY, effects.Revoked)
    assert (notice.role, len(notice.task_ids)) == ("web", 2)
    assert len({story.tasks[id] for id in notice.task_ids}) == 1, "they are of one agent"
    assert notice.deadline_s == pytest.approx(EPOCH + play.now + 30.0, abs=1.0)
    assert not story.kills(play.run(25.0))
    done = play.run(10.0)
    assert story.kills(done) == set(notice.task_ids)
    assert play.state.counters["master/tasks_revoked"] == 2
    for name in notice.task_ids:
        (update,) = told(story.end(name), GREEDY, effects.Updated)
        assert update.update.status.reason is TaskReason.REASON_REVOKED
        assert update.update.status.message == "Revoked for role 'web', which is below its guarantee"


def test_what_is_freed_goes_to_the_role_and_the_round_ends() -> None:
    story = Story()
    play = story.play
    request(play, story.needy, cpus=2)
    (notice,) = told(play.run(11.0), GREEDY, effects.Revoked)
    play.run(30.0)
    for name in notice.task_ids:
        story.end(name)
    (offer,) = play.offers(story.needy, 6.0)
    assert offer.resources.scalar("cpus") == 2000
    play.launch(story.needy, offer, task("w1", offer.agent.id, cpus=2))
    assert not play.state.frameworks[story.needy].demand
    done = play.run(60.0)
    assert not told(done, GREEDY, effects.Revoked)
    assert not play.state.revocations.by_role
    assert not play.state.revocations.victims


def test_frameworks_that_know_nothing_of_it_see_a_preempted_task() -> None:
    story = Story(notices=False)
    play = story.play
    request(play, story.needy, cpus=1)
    done = play.run(50.0)
    assert not told(done, GREEDY, effects.Revoked)
    (name,) = story.kills(done)
    (update,) = told(story.end(name), GREEDY, effects.Updated)
    assert update.update.status.reason is TaskReason.REASON_CONTAINER_PREEMPTED


def test_a_round_is_withdrawn_when_the_demand_is() -> None:
    story = Story()
    play = story.play
    request(play, story.needy, cpus=2)
    (notice,) = told(play.run(11.0), GREEDY, effects.Revoked)
    request(play, story.needy)
    (withdrawn,) = told(play.run(6.0), GREEDY, effects.Revoked)
    assert withdrawn.deadline_s is None
    assert withdrawn.task_ids == notice.task_ids
    assert not story.kills(play.run(100.0))


@pytest.mark.parametrize("way", ["suppress", "leave", "deactivate"])
def test_only_frameworks_that_could_be_offered_something_count(way: str) -> None:
    story = Story()
    play = story.play
    request(play, story.needy, cpus=2)
    if way == "suppress":
        play.call(events.Suppressed, story.needy)
    elif way == "leave":
        play.call(events.TeardownRequested, story.needy)
    else:
        play.call(events.DeactivationRequested, story.needy)
    assert not told(play.run(30.0), GREEDY, effects.Revoked)


def test_the_next_scheduler_is_told_too() -> None:
    story = Story()
    play = story.play
    request(play, story.needy, cpus=2)
    (notice,) = told(play.run(11.0), GREEDY, effects.Revoked)
    info = play.state.frameworks[story.greedy].info
    again = events.SubscribeRequested(peer=StreamId(7), info=info, force=True)
    assert told(play.feed(again), StreamId(7), effects.Revoked) == [notice]
    play.run(30.0)
    assert not told(play.feed(msgspec.structs.replace(again, peer=StreamId(8))), StreamId(8), effects.Revoked)


def test_only_up_to_the_guarantee() -> None:
    story = Story()
    request(story.play, story.needy, cpus=7)
    (notice,) = told(story.play.run(11.0), GREEDY, effects.Revoked)
    assert len(notice.task_ids) == 4


def test_nobody_is_taken_below_its_own_guarantee() -> None:
    story = Story()
    play = story.play
    guarantee(play, config("web", cpus=4), config("batch", cpus=4))
    other = play.subscribe(StreamId(3), roles=("db",))
    request(play, story.needy, cpus=4)
    request(play, other, cpus=8)
    done = play.run(60.0)
    assert len(story.kills(done)) == 4
    assert play.state.counters["master/tasks_revoked"] == 4


def test_what_cannot_be_had_as_a_whole_is_had_in_part() -> None:
    story = Story()
    play = story.play
    guarantee(play, config("web", cpus=8), config("batch"))
    play.feed(
        events.QuotaUpdateRequested(request=RequestId(1), configs=(config("batch", cpus=5),), force=True)
    )
    request(play, story.needy, cpus=8)
    (notice,) = told(play.run(11.0), GREEDY, effects.Revoked)
    assert len(notice.task_ids) == 2, "a quarter of eight; three may end"


def test_victims_are_spared_whose_role_needs_them_by_then() -> None:
    story = Story()
    play = story.play
    guarantee(play, config("web", cpus=4), config("batch", cpus=4))
    request(play, story.needy, cpus=4)
    (notice,) = told(play.run(11.0), GREEDY, effects.Revoked)
    others = [name for name in story.tasks if TaskId(name) not in notice.task_ids]
    for name in others[:2]:
        play.update(story.greedy, story.tasks[name], name, TaskState.TASK_FAILED)
    done = play.run(30.0)
    spared = told(done, GREEDY, effects.Revoked)
    assert len(story.kills(done)) == 2
    assert [len(notice.task_ids) for notice in spared] == [2]


def test_offers_of_others_are_taken_back_first() -> None:
    play = Playground(revocation=RevocationTerms())
    play.register("a1")
    needy = play.subscribe(NEEDY, roles=("web",))
    (offer,) = play.offers(needy)
    play.launch(needy, offer, task("w1", offer.agent.id, cpus=4))
    guarantee(play, config("web", cpus=4))
    play.register("a2")
    greedy = play.subscribe(GREEDY, roles=("batch",), options=FrameworkOptions(revocation_notices=True))
    assert play.offers(greedy)
    play.feed(events.UnregistrationRequested(sender=pid_of("a1"), agent_id=offer.agent.id))
    request(play, needy, cpus=4)
    done = play.run(12.0)
    assert told(done, GREEDY, effects.Rescinded)
    (offered,) = told(done, NEEDY, effects.Offered)
    assert offered.offers[0].resources.scalar("cpus") == 4000
    assert not play.state.revocations.by_role, "no task has to end"


def test_what_is_free_is_not_made_free() -> None:
    story = Story()
    play = story.play
    play.register("a3")
    for offer in play.offers(story.needy):
        play.call(
            events.OffersDeclined, story.needy, offer_ids=(offer.id,), filters=Filters(refuse_s=10_000.0)
        )
    assert not told(play.run(60.0), GREEDY, effects.Revoked)


def test_demands_say_what_a_framework_wants_to_hold() -> None:
    story = Story()
    play = story.play
    options = FrameworkOptions(demands={"web": {"cpus": 3000}})
    play.feed(events.StreamClosed(stream=NEEDY))
    play.subscribe(StreamId(9), roles=("web",), options=options)
    (notice,) = told(play.run(11.0), GREEDY, effects.Revoked)
    assert len(notice.task_ids) == 3


def test_nobody_ends_for_who_has_what_it_wants_to_hold() -> None:
    """It would be offered nothing, whatever it requests beyond."""
    story = Story()
    play = story.play
    play.feed(events.StreamClosed(stream=NEEDY))
    options = FrameworkOptions(demands={"web": {"cpus": 0}})
    needy = play.subscribe(StreamId(9), roles=("web",), options=options)
    request(play, needy, cpus=2)
    assert not told(play.run(30.0), GREEDY, effects.Revoked)


def test_requests_in_other_roles_and_of_too_many_kinds_are_cut() -> None:
    story = Story()
    request(story.play, story.needy, role="db", cpus=1)
    assert not story.play.state.frameworks[story.needy].demand
    request(story.play, story.needy, None, **{f"r{number}": 1.0 for number in range(100)})
    assert len(story.play.state.frameworks[story.needy].demand["web"]) == NAMES_MAX


def none_of(shortage: Shortage, runners: Sequence[Runner]) -> Collection[Runner]:
    raise RuntimeError("broken")


def too_few(shortage: Shortage, runners: Sequence[Runner]) -> Collection[Runner]:
    return runners[:1]


@pytest.mark.parametrize("policy", [none_of, too_few])
def test_a_policy_at_fault_ends_nobody(policy: Any) -> None:
    story = Story(policy=policy, policy_name="mine")
    request(story.play, story.needy, cpus=2)
    done = story.play.run(60.0)
    assert not story.kills(done)
    assert story.play.state.counters["master/revocation_policy_faults"] > 0
    assert any(isinstance(effect, effects.Log) and "'mine'" in effect.text for effect in done)


def test_a_round_has_no_more_victims_than_it_may() -> None:
    story = Story(victims_max=1)
    request(story.play, story.needy, cpus=3)
    (notice,) = told(story.play.run(11.0), GREEDY, effects.Revoked)
    assert len(notice.task_ids) == 1


def test_a_victim_on_an_agent_that_is_away_is_killed_when_it_is_back() -> None:
    story = Story()
    play = story.play
    request(play, story.needy, cpus=1)
    (notice,) = told(play.run(11.0), GREEDY, effects.Revoked)
    (name,) = notice.task_ids
    agent = play.state.agents[story.tasks[name]]
    play.feed(events.PeerExited(address=agent.pid.rpartition("@")[2]))
    done = play.run(31.0)
    assert not story.kills(done)
    assert agent.killed.keys() == {(story.greedy, name)}


def test_a_pod_ends_as_one() -> None:
    play = Playground(revocation=RevocationTerms())
    agent_id = play.register()
    greedy = play.subscribe(GREEDY, roles=("batch",), options=FrameworkOptions(revocation_notices=True))
    (offer,) = play.offers(greedy)
    pod = executor("e1", type=ExecutorType.DEFAULT)
    tasks = tuple(task(name, agent_id, cpus=1.75, mem=32) for name in ("t1", "t2"))
    play.accept(greedy, [offer], LaunchGroup(executor=pod, group=TaskGroupInfo(tasks=tasks)))
    needy = play.subscribe(NEEDY, roles=("web",))
    guarantee(play, config("web", cpus=1))
    request(play, needy, cpus=1)
    (notice,) = told(play.run(11.0), GREEDY, effects.Revoked)
    assert set(notice.task_ids) == {"t1", "t2"}


def test_victims_are_forgotten_with_their_framework_and_their_agent() -> None:
    story = Story()
    play = story.play
    request(play, story.needy, cpus=2)
    play.run(11.0)
    play.call(events.TeardownRequested, story.greedy)
    assert not play.state.revocations.victims
    play.run(10.0)
    assert not play.state.revocations.by_role


def test_no_more_is_killed_than_is_missing_by_then() -> None:
    story = Story()
    play = story.play
    request(play, story.needy, cpus=3)
    (notice,) = told(play.run(11.0), GREEDY, effects.Revoked)
    others = [name for name in story.tasks if TaskId(name) not in notice.task_ids]
    for name in others[:2]:
        play.update(story.greedy, story.tasks[name], name, TaskState.TASK_FINISHED)
    done = play.run(30.0)
    assert len(story.kills(done)) == 1, "the framework has made room for two of three"
    spared = told(done, GREEDY, effects.Revoked)
    assert [(len(each.task_ids), each.deadline_s) for each in spared] == [(2, None)]


def test_victims_are_spared_whose_end_would_free_nothing_that_is_offered() -> None:
    story = Story()
    play = story.play
    request(play, story.needy, cpus=2)
    (notice,) = told(play.run(11.0), GREEDY, effects.Revoked)
    (agent_id,) = {story.tasks[id] for id in notice.task_ids}
    play.feed(events.AgentDeactivationRequested(request=RequestId(2), agent_id=agent_id))
    done = play.run(30.0)
    assert not story.kills(done)
    (spared, again) = told(done, GREEDY, effects.Revoked)
    assert (set(spared.task_ids), spared.deadline_s) == (set(notice.task_ids), None)
    assert {story.tasks[id] for id in again.task_ids}.isdisjoint({agent_id}), "others are to end instead"


def test_a_policy_is_not_asked_for_what_cannot_be_had() -> None:
    asked: list[Shortage] = []

    def policy(shortage: Shortage, runners: Sequence[Runner]) -> Collection[Runner]:
        asked.append(shortage)
        return []

    story = Story(policy=policy)
    play = story.play
    configs = (config("web", cpus=8), config("batch", cpus=8))
    play.feed(events.QuotaUpdateRequested(request=RequestId(1), configs=configs, force=True))
    request(play, story.needy, cpus=2)
    play.run(60.0)
    assert play.state.revocations.short
    assert not asked


def test_roles_have_their_turns() -> None:
    play = Playground(revocation=RevocationTerms())
    turns = play.state.revocations.turns
    assert [turns("dbac", 2), turns("dbac", 2), turns("dbac", 3)] == [["a", "b"], ["c", "d"], ["a", "b", "c"]]


def test_a_framework_without_roles_can_ask_for_resources() -> None:
    play = Playground()
    framework_id = play.subscribe(NEEDY, roles=())
    request(play, framework_id, cpus=1)
    assert not play.state.frameworks[framework_id].demand


def test_a_pod_that_goes_on_with_other_tasks_frees_nothing_of_its_own() -> None:
    play = Playground(revocation=RevocationTerms())
    agent_id = play.register(cpus=6)
    greedy = play.subscribe(GREEDY, roles=("batch",), options=FrameworkOptions(revocation_notices=True))
    (offer,) = play.offers(greedy)
    pod = executor("e1", type=ExecutorType.DEFAULT, cpus=2)
    first = LaunchGroup(executor=pod, group=TaskGroupInfo(tasks=(task("a", agent_id, cpus=1, mem=32),)))
    alone = Launch(tasks=(task("b", agent_id, cpus=1, mem=32), task("c", agent_id, cpus=2, mem=32)))
    play.accept(greedy, [offer], first, alone, refuse_s=0.0)
    needy = play.subscribe(NEEDY, roles=("web",))
    guarantee(play, config("web", cpus=4))
    request(play, needy, cpus=4)
    (notice,) = told(play.run(11.0), GREEDY, effects.Revoked)
    assert set(notice.task_ids) == {"a", "b"}
    ids = tuple(play.state.frameworks[needy].offers)
    play.call(events.OffersDeclined, needy, offer_ids=ids, filters=Filters(refuse_s=5.0))
    (offer,) = play.offers(greedy, 2.0)  # Of memory.
    second = LaunchGroup(executor=pod, group=TaskGroupInfo(tasks=(task("d", agent_id, cpus=0, mem=32),)))
    play.accept(greedy, [offer], second)
    play.update(greedy, agent_id, "c", TaskState.TASK_FINISHED)
    kills = told_agent(play.run(30.0), pid_of("a1"), effects.KillTask)
    assert {kill.task_id for kill in kills} == {"a", "b"}, "the pod keeps two of the three CPUs that it has"


def test_operators_are_told_once_of_a_shortage_that_nobody_can_mend() -> None:
    story = Story()
    play = story.play
    configs = (config("web", cpus=8), config("batch", cpus=8))
    play.feed(events.QuotaUpdateRequested(request=RequestId(1), configs=configs, force=True))

    def notes(done: list[Any]) -> list[str]:
        texts = [effect.text for effect in done if isinstance(effect, effects.Log)]
        return [text for text in texts if text.startswith("Role 'web' misses cpus:2")]

    request(play, story.needy, cpus=2)
    (note,) = notes(play.run(60.0))
    assert "no tasks were found to end for it" in note
    request(play, story.needy)
    play.run(10.0)
    request(play, story.needy, cpus=2)
    assert len(notes(play.run(60.0))) == 1, "it is another shortage"
