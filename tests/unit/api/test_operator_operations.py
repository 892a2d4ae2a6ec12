"""Operations on resources over HTTP: v1 calls, and forms of the v0 endpoints."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.unit.api.api_kit import FakeResponder, MasterSite
from tests.unit.master.master_kit import Playground
from tests.unit.master.test_operations import AGENT, VERSION

RESERVATION = {"type": "DYNAMIC", "role": "web", "principal": "ops"}
CPU = {"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}, "reservations": [RESERVATION]}
DISK = {"name": "disk", "type": "SCALAR", "scalar": {"value": 512}, "reservations": [RESERVATION]}
VOLUME = DISK | {
    "disk": {
        "persistence": {"id": "v1", "principal": "ops"},
        "volume": {"container_path": "data", "mode": "RW"},
    }
}
OLD = {
    "name": "disk",
    "type": "SCALAR",
    "scalar": {"value": 512},
    "role": "web",
    "reservation": {"principal": "ops"},
}
FREE = {"cpus": 4.0, "disk": 1000.0, "mem": 4096.0}


@pytest.fixture
def site() -> MasterSite:
    play = Playground()
    play.register(capabilities=AGENT, resource_version=VERSION)
    return MasterSite(play)


def call(site: MasterSite, type: str, **fields: Any) -> FakeResponder:
    """Make a v1 call on the agent."""
    return site.call(type, **{type.lower(): {"agent_id": {"value": "m-S0"}, **fields}})


def post(site: MasterSite, path: str, **fields: Any) -> FakeResponder:
    """Send a form."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
    return site.ask("POST", path, urlencode(texts).encode())


def reserved(site: MasterSite) -> dict[str, Any]:
    """What /slaves shows as reserved, by role."""
    (agent,) = site.get("/slaves").json["slaves"]
    return {
        role: {name: amount for name, amount in amounts.items() if amount and name in FREE}
        for role, amounts in agent["reserved_resources"].items()
    }


def test_calls(site: MasterSite) -> None:
    for got in (
        call(site, "RESERVE_RESOURCES", resources=[CPU, DISK]),
        call(site, "CREATE_VOLUMES", volumes=[VOLUME]),
        call(site, "SHRINK_VOLUME", volume=VOLUME, subtract={"value": 12}),
    ):
        assert (got.code, got.text) == (202, "")
    assert reserved(site) == {"web": {"cpus": 1.0, "disk": 512.0}}
    smaller = VOLUME | {"scalar": {"value": 500}}
    grown = call(site, "GROW_VOLUME", volume=smaller, addition=DISK | {"scalar": {"value": 12}})
    assert grown.code == 202
    assert call(site, "DESTROY_VOLUMES", volumes=[VOLUME]).code == 202
    assert call(site, "UNRESERVE_RESOURCES", resources=[CPU, DISK]).code == 202
    assert reserved(site) == {}
    operations = site.call("GET_OPERATIONS").json["get_operations"]["operations"]
    assert [operation["info"]["type"] for operation in operations] == [
        "RESERVE",
        "CREATE",
        "SHRINK_VOLUME",
        "GROW_VOLUME",
        "DESTROY",
        "UNRESERVE",
    ]
    assert operations[0]["latest_status"]["state"] == "OPERATION_PENDING"
    assert operations[0]["agent_id"] == {"value": "m-S0"}


def test_forms(site: MasterSite) -> None:
    assert post(site, "/reserve", slaveId="m-S0", resources=[CPU, OLD]).code == 202
    assert post(site, "/create-volumes", slaveId="m-S0", volumes=[VOLUME]).code == 202
    assert reserved(site) == {"web": {"cpus": 1.0, "disk": 512.0}}
    assert post(site, "/destroy-volumes", slaveId="m-S0", volumes=[VOLUME]).code == 202
    other = CPU | {"reservations": [RESERVATION | {"role": "db"}]}
    assert post(site, "/reserve", slaveId="m-S0", resources=[other], source=[CPU]).code == 202
    assert post(site, "/unreserve", slaveId="m-S0", resources=[DISK, other]).code == 202
    assert reserved(site) == {}


@pytest.mark.parametrize(
    ("path", "fields", "text"),
    [
        ("/reserve", {"resources": []}, "Missing 'slaveId' query parameter in the request body"),
        ("/reserve", {"slaveId": "m-S0"}, "Missing 'resources' query parameter in the request body"),
        ("/create-volumes", {"slaveId": "x"}, "Missing 'volumes' query parameter in the request body"),
        ("/destroy-volumes", {"slaveId": "x"}, "Missing 'volumes' query parameter in the request body"),
        (
            "/reserve",
            {"slaveId": "x", "resources": "{}"},
            "Error parsing 'resources' query parameter in the request body: not a JSON array",
        ),
        (
            "/unreserve",
            {"slaveId": "x", "resources": [{}]},
            "Error in parsing 'resources' query parameter in the request body: Missing required fields:"
            " name, type",
        ),
        ("/reserve", {"slaveId": "x", "resources": [CPU]}, "No agent found with specified ID"),
        (
            "/reserve",
            {"slaveId": "m-S0", "resources": [CPU | {"scalar": {"value": -1}}]},
            "Resource 'cpus(reservations: [(DYNAMIC,web,ops)]):-1' is invalid:"
            " Invalid scalar resource: value <= 0",
        ),
    ],
)
def test_forms_that_are_wrong(site: MasterSite, path: str, fields: dict[str, Any], text: str) -> None:
    got = post(site, path, **fields)
    assert (got.code, got.text) == (400, text)


@pytest.mark.parametrize("body", [b"resources=%zz", b"\xff"])
def test_what_is_no_form(site: MasterSite, body: bytes) -> None:
    assert site.ask("POST", "/reserve", body).code == 400


def test_what_is_in_use_is_a_conflict(site: MasterSite) -> None:
    got = call(site, "RESERVE_RESOURCES", resources=[CPU | {"scalar": {"value": 500}}])
    assert got.code == 409
    assert got.text == "cpus:4; mem:4096; disk:1000 does not contain cpus:500"


def test_only_posts_change_anything(site: MasterSite) -> None:
    assert site.ask("GET", "/reserve").code == 405
