from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from meseta.runtime.linux import hostinfo
from meseta.runtime.linux.hostinfo import GB


@pytest.mark.parametrize(
    ("total", "memory", "disk"),
    [(64 * GB, 63 * GB, 59 * GB), (10 * GB, 9 * GB, 5 * GB), (2 * GB, GB, GB), (GB, GB // 2, GB // 2)],
)
def test_something_is_kept_back_for_the_machine(total: int, memory: int, disk: int) -> None:
    assert hostinfo.offered_memory(total) == memory
    assert hostinfo.offered_disk(total) == disk


def test_this_machine_offers_something(tmp_path: Path) -> None:
    found = hostinfo.detect(str(tmp_path))
    assert 1 <= found.cpus <= (os.cpu_count() or 1)
    assert 0 < found.mem_mb < hostinfo.total_memory() >> 20
    assert 0 < found.disk_mb < hostinfo.total_disk(str(tmp_path)) >> 20
    assert found.ports == (31000, 32000)
    assert len(found.boot_id) == 36


def test_a_memory_limit_above_counts(tmp_path: Path) -> None:
    group = tmp_path / "docker" / "abc"
    group.mkdir(parents=True)
    (tmp_path / "mountinfo").write_text(f"30 25 0:26 / {tmp_path} rw - cgroup2 cgroup2 rw\n")
    (tmp_path / "own").write_text("0::/docker/abc\n")
    (group / "memory.max").write_text("max\n")
    (tmp_path / "docker" / "memory.max").write_text(f"{4 * GB}\n")
    files = {"mountinfo": str(tmp_path / "mountinfo"), "table": str(tmp_path / "own")}
    assert hostinfo.memory_limit(**files) == 4 * GB
    (group / "memory.max").write_text(f"{3 * GB}\n")
    assert hostinfo.memory_limit(**files) == 3 * GB


def test_a_loopback_address_is_no_way_to_reach_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: object) -> list[object]:
        return [(socket.AF_INET, 0, 0, "", (address, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(hostinfo, "_route_source", lambda: "192.0.2.7")
    address = "127.0.1.1"
    assert hostinfo.local_ip() == "192.0.2.7"
    address = "192.0.2.8"
    assert hostinfo.local_ip() == "192.0.2.8"


def test_an_address_without_a_name_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(ip: str) -> None:
        raise OSError(ip)

    monkeypatch.setattr(socket, "gethostbyaddr", fail)
    assert hostinfo.host_name("192.0.2.7") == "192.0.2.7"
