"""What an agent has: as its flag says, and what that leaves open as the machine has it."""

from __future__ import annotations

import pytest

from meseta.daemon.agent_setup import agent_resources
from meseta.daemon.config import AGENT_FLAGS
from meseta.daemon.flags import parse_flags
from meseta.runtime.linux.hostinfo import HostInfo

HOST = HostInfo(cpus=8, mem_mb=1024, disk_mb=2048, ports=(31000, 32000), boot_id="boot")


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        ("", "cpus:8; mem:1024; disk:2048; ports:[31000-32000]"),
        ("cpus:2;ports:[1-3]", "cpus:2; ports:[1-3]; mem:1024; disk:2048"),
        ("mem:0; disk:0", "cpus:8; ports:[31000-32000]"),
        ('[{"name": "cpus", "type": "SCALAR", "scalar": {"value": 3}}]', "cpus:3; mem:1024; disk:2048"),
        ("cpus(mem):4", "mem:1024; disk:2048"),
    ],
)
def test_what_the_flag_does_not_name_is_detected(flag: str, expected: str) -> None:
    values, _ = parse_flags([f"--resources={flag}"], {}, AGENT_FLAGS, ())
    assert expected in str(agent_resources(values, HOST))
