"""What is read from ZooKeeper's nodes, and who may write them, without a ZooKeeper."""

from __future__ import annotations

import pytest

from meseta.errors import WireError
from meseta.runtime.detectors.zookeeper import Entry, candidates, read_entry
from meseta.runtime.service_address import parse_address
from meseta.runtime.zookeeper import acl_of, auth_of
from meseta.wire.master_info import info_of_json, json_of_info

# Of a live Mesos 1.12.
NODE = (
    b'{"address":{"hostname":"127.0.0.1","ip":"127.0.0.1","port":17181},"capabilities":[{"type":"AGENT_UPDATE"},'
    b'{"type":"AGENT_DRAINING"},{"type":"QUOTA_V2"}],"hostname":"127.0.0.1","id":"002c5b25-9a86-45f5-9bee-'
    b'ab1c690c7054","ip":16777343,"pid":"master@127.0.0.1:17181","port":17181,"version":"1.12.0"}'
)


def test_all_may_read_and_with_a_password_nobody_else_may_write() -> None:
    open_acl = acl_of(parse_address("zk://10.0.0.1:2181/mesos"))
    assert [acl.id.scheme for acl in open_acl] == ["world"]
    guarded = parse_address("zk://jake:s3cret%@10.0.0.1:2181/a/b")
    assert auth_of(guarded) == [("digest", "jake:s3cret%")]
    assert [(acl.id.scheme, acl.perms) for acl in acl_of(guarded)] == [("auth", 31), ("world", 1)]


def test_the_lowest_number_leads_whatever_the_label() -> None:
    names = [
        "json.info_0000000010",
        "log_replicas",
        "info_0000000009",
        "0000000011",
        "json.info_x",
        "registry",
    ]
    assert [entry.number for entry in candidates(names)] == [9, 10, 11]
    assert [entry.label for entry in candidates(names)] == ["info", "json.info", ""]


def test_nodes_of_all_labels_are_read() -> None:
    info = read_entry(Entry(1, "json.info_0000000001"), NODE)
    assert info.pid == "master@127.0.0.1:17181"
    assert info.ip == 16777343
    assert read_entry(Entry(1, "info_0000000001"), info.SerializeToString()) == info
    assert read_entry(Entry(1, "0000000001"), b"master@10.0.0.7:5050").port == 5050


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("json.info_1", b"{}"),
        ("json.info_1", b"\xff"),
        ("info_1", b"\xff"),
        ("1", b"nobody"),
        ("other_1", b"master@10.0.0.7:5050"),
    ],
)
def test_nodes_that_say_nothing_are_refused(name: str, data: bytes) -> None:
    with pytest.raises(WireError):
        read_entry(Entry(1, name), data)


def test_a_node_is_written_as_it_is_read() -> None:
    info = info_of_json(NODE)
    assert read_entry(Entry(1, "json.info_1"), json_of_info(info)) == info
