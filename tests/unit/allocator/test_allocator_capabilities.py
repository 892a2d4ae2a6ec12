"""Which resources and agents fit which frameworks: capabilities, reservations, regions."""

from __future__ import annotations

from meseta.ids import AgentId, FrameworkId
from meseta.records import AttributeConstraint, FrameworkCapability, OfferConstraints
from meseta.resources import Disk, Kind, Reservation, Resources
from tests.unit.allocator.allocator_kit import Cluster, framework_info

BIG = Resources.scalars(cpus=4, mem=1024)
SMALL = Resources.scalars(cpus=1, mem=128)
MULTI_ROLE = FrameworkCapability.MULTI_ROLE


def reserved(cpus: int, *roles: str) -> Resources:
    """Return cpus with these reservations on top of each other."""
    stack = tuple(Reservation(role, False) for role in roles)
    return Resources.of({Kind("cpus", reservations=stack): cpus * 1000})


def offered(cluster: Cluster) -> dict[str, Resources]:
    """Allocate, and return what each framework is offered."""
    return {str(one.framework_id): one.resources for one in cluster.allocate()}


def test_gpus_are_for_those_who_ask() -> None:
    cluster = Cluster()
    cluster.framework("plain")
    cluster.agent("a", BIG + Resources.scalars(gpus=1))
    assert offered(cluster) == {}
    cluster.framework("gpu", has=[FrameworkCapability.GPU_RESOURCES])
    assert offered(cluster) == {"gpu": BIG + Resources.scalars(gpus=1)}


def test_gpus_are_for_all_if_the_operator_says_so() -> None:
    cluster = Cluster(filter_gpu_resources=False)
    cluster.framework("plain")
    cluster.agent("a", BIG + Resources.scalars(gpus=1))
    assert list(offered(cluster)) == ["plain"]


def test_remote_agents_are_for_the_region_aware() -> None:
    cluster = Cluster(region="here")
    cluster.framework("plain")
    cluster.agent("near", BIG, region="here")
    cluster.agent("nowhere", BIG)
    cluster.agent("far", BIG, region="there")
    assert {agent for _, _, agent in cluster.turns()} == {"near", "nowhere"}
    cluster.framework("aware", has=[FrameworkCapability.REGION_AWARE])
    assert cluster.turns() == [("aware", "*", "far")]


def test_agents_without_multi_role_are_for_frameworks_without() -> None:
    cluster = Cluster()
    cluster.framework("many", "r", has=[MULTI_ROLE])
    cluster.agent("a", BIG, capabilities=())
    assert offered(cluster) == {}
    cluster.framework("one", "r")
    assert list(offered(cluster)) == ["one"]


def test_hierarchical_roles_need_capable_agents() -> None:
    cluster = Cluster()
    cluster.framework("f", "eng/web")
    agent = cluster.agent("a", BIG, capabilities=["MULTI_ROLE"])
    assert offered(cluster) == {}
    cluster.allocator.update_agent(agent, capabilities=["MULTI_ROLE", "HIERARCHICAL_ROLE"])
    assert list(offered(cluster)) == ["f"]


def test_reservations_are_for_the_role_and_those_below() -> None:
    cluster = Cluster()
    cluster.framework("above", "eng")
    cluster.framework("beside", "eng/db")
    cluster.agent("a", reserved(2, "eng/web"))
    assert offered(cluster) == {}
    cluster.framework("below", "eng/web/ui")
    assert offered(cluster) == {"below": reserved(2, "eng/web")}


def test_what_one_role_may_not_use_is_offered_to_another() -> None:
    cluster = Cluster()
    cluster.framework("f", "a")
    cluster.framework("g", "b")
    cluster.agent("agent", SMALL + reserved(1, "b"))
    assert offered(cluster) == {"f": SMALL, "g": reserved(1, "b")}


def test_refined_reservations_are_for_the_capable() -> None:
    cluster = Cluster()
    cluster.framework("plain", "eng/web")
    cluster.agent("a", SMALL + reserved(1, "eng", "eng/web"))
    assert offered(cluster) == {"plain": SMALL}
    cluster.framework("capable", "eng/web", has=[FrameworkCapability.RESERVATION_REFINEMENT])
    assert offered(cluster) == {"capable": reserved(1, "eng", "eng/web")}


def test_revocable_resources_are_for_the_capable() -> None:
    revocable = Resources.of({Kind("cpus", revocable=True): 2000})
    cluster = Cluster()
    cluster.framework("plain")
    cluster.agent("a", SMALL + revocable)
    assert offered(cluster) == {"plain": SMALL}
    cluster.framework("capable", has=[FrameworkCapability.REVOCABLE_RESOURCES])
    assert offered(cluster) == {"capable": revocable}


def shared_volume() -> Resources:
    kind = Kind("disk", reservations=(Reservation("r", True),), disk=Disk(persistence_id="v"), shared=True)
    return Resources.of({kind: 100_000})


def test_shared_volumes_are_for_the_capable_and_stay_available() -> None:
    cluster = Cluster()
    sharing = [FrameworkCapability.SHARED_RESOURCES]
    cluster.framework("plain", "r")
    cluster.framework("first", "r", has=sharing, offer_filters={"r": ({"disk": 1},)})
    cluster.framework("second", "r", has=sharing, offer_filters={"r": ({"disk": 1},)})
    cluster.agent("a", SMALL + shared_volume())
    offers = cluster.allocate()
    assert sum((one.resources for one in offers), Resources.EMPTY) == SMALL + shared_volume()
    (again,) = cluster.allocate(after_s=1.0)
    assert again.resources == shared_volume()
    volume_holders = {again.framework_id} | {one.framework_id for one in offers if one.resources.shared()}
    assert volume_holders <= {"first", "second"}


def test_a_shared_volume_counts_once_at_each_level() -> None:
    cluster = Cluster()
    cluster.agent("a", SMALL + shared_volume(), {"f": {"r": shared_volume()}, "g": {"r": shared_volume()}})
    tree = cluster.allocator.ledger.tree
    role = tree.node("r")
    assert role is not None
    assert role.allocated["disk"] == 100_000
    cluster.allocator.recover(FrameworkId("f"), AgentId("a"), "r", shared_volume(), None, 0.0, accepted=True)
    assert role.allocated["disk"] == 100_000
    cluster.allocator.recover(FrameworkId("g"), AgentId("a"), "r", shared_volume(), None, 0.0, accepted=True)
    assert tree.node("r") is None


def test_constraints_choose_agents_per_role() -> None:
    wanted = AttributeConstraint(("pseudo", "HOSTNAME"), "text_equals", "b.example.org")
    cluster = Cluster()
    framework = cluster.framework("f", "r", constraints=OfferConstraints({"r": ((wanted,),)}))
    cluster.agent("a", BIG)
    cluster.agent("b", BIG)
    assert cluster.turns() == [("f", "r", "b")]
    assert ("a", "r", "the framework's offer constraints exclude the agent") in cluster.reasons(framework)
    cluster.allocator.update_framework(framework, framework_info("f", "r"))
    assert cluster.turns() == [("f", "r", "a")]


def test_new_capabilities_open_what_was_closed() -> None:
    cluster = Cluster()
    framework = cluster.framework("f")
    cluster.agent("a", Resources.scalars(cpus=1, gpus=1))
    assert offered(cluster) == {}
    capable = framework_info("f", has=[FrameworkCapability.GPU_RESOURCES])
    cluster.allocator.update_framework(framework, capable)
    assert list(offered(cluster)) == ["f"]


def test_reserving_what_is_held_changes_total_and_holding_alike() -> None:
    cluster = Cluster()
    framework = cluster.framework("f", "r")
    agent = cluster.agent("a", BIG)
    (offer,) = cluster.allocate()
    dynamic = Resources.of({Kind("cpus", reservations=(Reservation("r", True),)): 4000})
    cpus = Resources.scalars(cpus=4)
    cluster.accept(offer)
    cluster.allocator.update_allocation(framework, agent, "r", cpus, dynamic)
    cluster.give_back(offer, dynamic, accepted=True)
    assert offered(cluster) == {"f": dynamic}
    assert cluster.allocator.ledger.agents[agent].total == BIG - cpus + dynamic


def test_an_operator_can_convert_what_is_free_only() -> None:
    cluster = Cluster()
    cluster.framework("f", "r")
    agent = cluster.agent("a", BIG, {"f": {"r": SMALL}})
    dynamic = Resources.of({Kind("cpus", reservations=(Reservation("s", True),)): 3000})
    assert not cluster.allocator.update_available(agent, Resources.scalars(cpus=4), dynamic)
    assert cluster.allocator.update_available(agent, Resources.scalars(cpus=3), dynamic)
    assert offered(cluster) == {"f": Resources.scalars(mem=896)}
