"""How masters describe themselves where others find them: what their entries in ZooKeeper and etcd say."""

from __future__ import annotations

import re

from meseta.errors import WireError
from meseta.wire import json
from meseta.wire.gen.mesos_pb2 import MasterInfo
from meseta.wire.parsing import parse

__all__ = [
    "MasterInfo",
    "address_of_info",
    "info_of_address",
    "info_of_json",
    "info_of_pid",
    "info_of_protobuf",
    "json_of_info",
]

_PID = re.compile(r"[^@\s]+@([^@\s:]+):(\d{1,5})", re.ASCII)


def json_of_info(info: MasterInfo) -> bytes:
    """Return what masters write."""
    return json.to_json(info)


def address_of_info(info: MasterInfo) -> str:
    """Return `host:port`, at which the master can be reached."""
    return info.pid.rpartition("@")[2]


def info_of_json(data: bytes) -> MasterInfo:
    """Read what masters write. Raises WireError."""
    return json.from_json(MasterInfo, data)


def info_of_protobuf(data: bytes) -> MasterInfo:
    """Read what masters wrote before. Raises WireError."""
    info: MasterInfo = parse(MasterInfo, data)
    return info


def info_of_pid(data: bytes) -> MasterInfo:
    """Read what masters wrote at first: `master@host:port`. Raises WireError."""
    match = _PID.fullmatch(data.decode(errors="replace").strip())
    if match is None:
        raise WireError("no pid of a master")
    return info_of_address(match[1], match[1], int(match[2]))


def info_of_address(hostname: str, ip: str, port: int) -> MasterInfo:
    """Return the little that is known of a master whose address is given."""
    return MasterInfo(pid=f"master@{ip}:{port}", hostname=hostname, port=port)
