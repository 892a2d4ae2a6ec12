"""Operations that operators ask for: on free resources, on offers that are taken back, or refused."""

from __future__ import annotations

import pytest

from meseta.ids import AgentId
from meseta.master import effects, events
from meseta.master.effects import Reply
from meseta.master.events import RequestId
from meseta.records import ResourceOperation
from meseta.resources import Kind, Resources
from tests.unit.master.master_kit import STREAM, Playground, pid_of, task, told, told_agent
from tests.unit.master.test_operations import (
    AGENT,
    PLAIN,
    RESERVED,
    TOO_MUCH,
    VERSION,
    WEB,
    offered,
    operation,
    volume,
)

ON_AGENT = " on agent m-S0 at slave(1)@10.0.1.1:5051 (a1)"


def wanted(type: str, resources: Resources, **fields: object) -> ResourceOperation:
    """An operation as operators send it: without an id, on resources that are allocated to nobody."""
    return operation(type, resources, None, **{"role": None} | fields)


def ask(
    play: Playground, what: ResourceOperation, agent_id: str = "m-S0", principal: str | None = None
) -> tuple[int, str]:
    """Ask, and return the answer."""
    done = play.feed(
        events.OperationRequested(
            request=RequestId(7), agent_id=AgentId(agent_id), operation=what, principal=principal
        )
    )
    (reply,) = (effect for effect in done if isinstance(effect, Reply))
    assert reply.request == 7
    sent = told_agent(done, pid_of("a1"), effects.ApplyOperation)
    assert len(sent) == (reply.code == 202)
    assert all(message.framework_id is message.role is None for message in sent)
    return reply.code, reply.text


def test_free_resources_are_reserved_made_volumes_and_back() -> None:
    play = Playground()
    play.register(capabilities=AGENT, resource_version=VERSION)
    more = Resources.of({Kind("disk", reservations=RESERVED): 100_000})
    for what in (
        wanted("RESERVE", WEB),
        wanted("RESERVE", more),
        wanted("CREATE", volume()),
        wanted("GROW_VOLUME", volume(), source=more),
        wanted("SHRINK_VOLUME", volume(612), subtract=100_000),
        wanted("DESTROY", volume()),
        wanted("UNRESERVE", WEB + more),
    ):
        assert ask(play, what) == (202, "")
    assert play.state.agents[AgentId("m-S0")].total == Resources.scalars(cpus=4, mem=4096, disk=1000)
    framework_id = play.subscribe()
    (offer,) = play.offers(framework_id)
    assert offer.resources == Resources.scalars(cpus=4, mem=4096, disk=1000)


def test_a_reservation_is_replaced_by_another() -> None:
    play = Playground()
    play.register(capabilities=AGENT, resource_version=VERSION)
    ask(play, wanted("RESERVE", WEB))
    other = WEB.pop_reservation().push_reservation(RESERVED[0].__class__("db", True, "ops"))
    assert ask(play, wanted("RESERVE", other, source=WEB)) == (202, "")
    assert play.state.agents[AgentId("m-S0")].total.reserved() == other


def test_offers_are_taken_back_until_there_is_enough() -> None:
    play = Playground()
    framework_id, _, _ = offered(play)
    done = play.feed(
        events.OperationRequested(
            request=RequestId(1), agent_id=AgentId("m-S0"), operation=wanted("RESERVE", WEB)
        )
    )
    assert len(told(done, STREAM, effects.Rescinded)) == 1
    (offer,) = play.offers(framework_id)
    assert offer.resources.reserved() == WEB


def test_what_is_in_use_is_a_conflict() -> None:
    play = Playground()
    framework_id, agent_id, offer = offered(play)
    play.launch(framework_id, offer, task("t1", agent_id, cpus=3.5))
    code, text = ask(play, wanted("RESERVE", WEB))
    assert (code, text) == (409, "cpus:0.5; mem:3968; disk:1000 does not contain cpus:1; disk:512")


@pytest.mark.parametrize(
    ("what", "code", "text"),
    [
        (wanted("RESERVE", PLAIN), 400, f"Invalid RESERVE operation{ON_AGENT}: Resource cpus:1 is not"),
        (
            wanted("RESERVE", Resources.EMPTY),
            400,
            f"Invalid RESERVE operation{ON_AGENT}: Invalid resources: The resources have multiple",
        ),
        (wanted("RESERVE", WEB, role="web"), 400, "with an allocated resource"),
        (wanted("RESERVE", WEB, source=Resources.scalars(cpus=9)), 400, "identical resource quantities"),
        (wanted("RESERVE", TOO_MUCH), 409, "cpus:4; mem:4096; disk:1000 does not contain cpus:100"),
        (wanted("UNRESERVE", PLAIN), 400, "Invalid UNRESERVE operation: Resource cpus:1 is not"),
        (wanted("DESTROY", volume()), 400, "Invalid DESTROY operation: Persistent volumes not found"),
        (wanted("RESERVE", WEB, fault="Empty resource name"), 400, "Empty resource name"),
    ],
)
def test_refusals(what: ResourceOperation, code: int, text: str) -> None:
    play = Playground()
    play.register(capabilities=AGENT, resource_version=VERSION)
    answer = ask(play, what)
    assert answer[0] == code
    assert text in answer[1]


def test_an_agent_that_is_not_there() -> None:
    assert ask(Playground(), wanted("RESERVE", WEB)) == (400, "No agent found with specified ID")


def test_an_operator_signs_with_its_own_name() -> None:
    play = Playground()
    play.register(capabilities=AGENT, resource_version=VERSION)
    code, text = ask(play, wanted("RESERVE", WEB), principal="somebody")
    assert code == 400
    assert "by authenticated principal 'somebody', which does not match" in text
