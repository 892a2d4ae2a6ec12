"""Quotas and weights over both APIs, as far as the golden exchanges do not show it."""

from __future__ import annotations

import pytest

from tests.unit.api.api_kit import MasterSite
from tests.unit.master.master_kit import Playground


@pytest.fixture
def site() -> MasterSite:
    play = Playground()
    play.register()
    return MasterSite(play)


def test_a_role_is_shown_with_its_bounds(site: MasterSite) -> None:
    bounds = {"guarantees": {"cpus": {"value": 1}}, "limits": {"cpus": {"value": 2.5}}}
    asked = {"quota_configs": [{"role": "web", **bounds}]}
    assert site.call("UPDATE_QUOTA", update_quota=asked).code == 200
    (role,) = site.get("/roles").json["roles"]
    assert role["quota"] == {
        "role": "web",
        "guarantee": {"cpus": 1.0},
        "limit": {"cpus": 2.5},
        "consumed": {},
    }
    (shown,) = site.call("GET_ROLES").json["get_roles"]["roles"]
    assert shown["name"] == "web"


def test_a_removal_names_its_role_in_the_path(site: MasterSite) -> None:
    for target in ("/quota/eng%2Fweb", "/master/quota/eng/web/"):
        refused = site.ask("DELETE", target)
        assert (refused.code, refused.text) == (
            400,
            "Failed to remove quota for path '/master/quota/eng/web': Role 'eng/web' has no quota set",
        )


@pytest.mark.parametrize(
    ("method", "target", "body", "text"),
    [
        ("POST", "/quota", b"[]", "Failed to parse set quota request JSON '[]': Unexpected JSON type parsed"),
        (
            "POST",
            "/quota",
            b'{"guarantee":[{}]}',
            "Failed to validate set quota request JSON '{\"guarantee\":[{}]}': Missing required fields:"
            " guarantee[0].name, guarantee[0].type",
        ),
        (
            "PUT",
            "/weights",
            b'[{"role":"x"}]',
            'Failed to convert weights JSON array to protobuf \'[{"role":"x"}]\': Missing required fields:'
            " weight",
        ),
        ("PUT", "/weights", b"[" * 100_000, "Failed to parse update weights request JSON '"),
        ("PUT", "/weights", b"\xff", "Failed to parse update weights request JSON '\ufffd'"),
    ],
)
def test_a_bad_body_is_refused(site: MasterSite, method: str, target: str, body: bytes, text: str) -> None:
    refused = site.ask(method, target, body)
    assert refused.code == 400
    assert refused.text.startswith(text)
    assert len(refused.text) < 11_000
