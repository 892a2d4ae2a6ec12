"""What the allocator's endpoint says of offer constraints."""

from __future__ import annotations

from meseta.master import events
from meseta.records import AttributeConstraint, OfferConstraints
from tests.unit.api.api_kit import MasterSite
from tests.unit.master.master_kit import STREAM, Playground, replaced, subscribe


def test_excluded_agents_are_named_role_by_role() -> None:
    play = Playground()
    first, second = play.register("a1"), play.register("a2")
    wanted = AttributeConstraint(("pseudo", "HOSTNAME"), "text_equals", "a2")
    asked = subscribe(STREAM, roles=("web", "db"), suppressed=("db",))
    play.feed(replaced(asked, constraints=OfferConstraints({"web": ((wanted,),)})))
    (framework_id,) = play.state.frameworks
    for process in ("hierarchical-allocator(1)", "hierarchical-allocator%281%29"):
        assert MasterSite(play).get(f"/{process}/offer_constraints_debug").json == {
            "frameworks": {
                framework_id: {
                    "suppressed_roles": ["db"],
                    "excluded_by_attribute_constraints": {"web": [first], "db": []},
                }
            }
        }
    play.call(events.TeardownRequested, framework_id)
    assert MasterSite(play).get("/hierarchical-allocator(1)/offer_constraints_debug").json == {
        "frameworks": {}
    }
    assert second != first
