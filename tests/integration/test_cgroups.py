"""Control groups of the kernel that the tests run on, below the group that they run in."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from meseta.runtime.linux import cgroups
from meseta.runtime.linux.cgroups import Cgroups
from meseta.runtime.linux.spawn import spawn_process
from meseta.runtime.linux.supervision import Spawn
from meseta.runtime.linux.usage import cgroup_statistics

DEADLINE_S = 60.0
CONTAINER = "c1"


@pytest.fixture
def found() -> Iterator[Cgroups]:
    found = cgroups.detect(f"meseta-test-{uuid.uuid4()}", below_own=True)
    yield found
    asyncio.run(found.destroy(CONTAINER, timeout_s=DEADLINE_S))
    for path in set(found.directories.values()):
        os.rmdir(path)


def need(found: Cgroups, *controllers: str) -> None:
    for controller in controllers:
        if not found.has(controller):
            pytest.skip(f"no cgroup controller {controller}: {found.refused[controller]}")


def start(found: Cgroups, tmp_path: Path, *argv: str) -> subprocess.Popen[bytes]:
    request = Spawn(
        CONTAINER,
        argv,
        dict(os.environ),
        str(tmp_path),
        stdout=str(tmp_path / "out"),
        cgroups=found.create(CONTAINER),
    )
    return spawn_process(request)


def wait_until_gone(found: Cgroups) -> None:
    asyncio.run(found.destroy(CONTAINER, timeout_s=DEADLINE_S))
    assert found.containers() == set()


def test_a_process_and_its_children_are_in_the_groups_from_the_first_moment(
    found: Cgroups, tmp_path: Path
) -> None:
    need(found, "memory")
    script = "sleep 100 & cat /proc/self/cgroup; echo ready; wait"
    leader = start(found, tmp_path, "/bin/sh", "-c", script)
    deadline = time.monotonic() + DEADLINE_S
    while "ready" not in (tmp_path / "out").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert (tmp_path / "out").read_text().count(f"{found.root}/{CONTAINER}") >= len(
        set(found.directories.values())
    )
    pids = found.pids(CONTAINER)
    assert leader.pid in pids
    assert len(pids) == 2
    assert found.containers() == {CONTAINER}
    assert not found.remove(CONTAINER)
    wait_until_gone(found)
    assert leader.wait(DEADLINE_S) == -9


def test_limits_hold_and_usage_is_counted(found: Cgroups, tmp_path: Path) -> None:
    need(found, "cpu", "memory")
    found.create(CONTAINER)
    found.set_cpu(CONTAINER, 1.0, limit=0.5)
    found.set_memory(CONTAINER, 32 << 20, limit_bytes=64 << 20)
    code = "x = bytearray(16 << 20)\nfor _ in range(10**6): pass\ninput()"
    leader = start(found, tmp_path, sys.executable, "-S", "-c", code)
    assert leader.wait(DEADLINE_S) == 1  # no input: it ended, after it had used something
    statistics = cgroup_statistics(found, CONTAINER, 7.0)
    assert statistics["timestamp"] == 7.0
    assert statistics["cpus_user_time_secs"] + statistics["cpus_system_time_secs"] > 0
    assert statistics["mem_total_bytes"] >= 0
    assert found.oom_kills(CONTAINER) == 0


def test_what_needs_more_memory_than_its_limit_is_killed_and_counted(found: Cgroups, tmp_path: Path) -> None:
    need(found, "memory")
    found.create(CONTAINER)
    found.set_memory(CONTAINER, 32 << 20, limit_bytes=32 << 20)
    code = "x = bytearray(200 << 20)\nprint(len(x))"
    leader = start(found, tmp_path, sys.executable, "-S", "-c", code)
    assert leader.wait(DEADLINE_S) == -9
    assert found.oom_kills(CONTAINER) == 1


def test_what_keeps_forking_does_not_escape(found: Cgroups, tmp_path: Path) -> None:
    need(found, "memory", "pids")
    found.create(CONTAINER)
    Path(found.directories["pids"], CONTAINER, "pids.max").write_text("60")
    script = "f() { while :; do (sleep 0.05 &); done; }; f & f & echo ready; wait"
    leader = start(found, tmp_path, "/bin/sh", "-c", script)
    deadline = time.monotonic() + DEADLINE_S
    while "ready" not in (tmp_path / "out").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    wait_until_gone(found)
    assert leader.wait(DEADLINE_S) == -9


def test_version_2_kills_as_a_whole(tmp_path: Path) -> None:
    mount = next((mount for mount in cgroups.read_mounts("/proc/self/mountinfo") if mount.version == 2), None)
    if mount is None:
        pytest.skip("no cgroup hierarchy of version 2 is mounted")
    path = Path(mount.path, cgroups.own_group().strip("/"), f"meseta-test-{uuid.uuid4()}")
    try:
        path.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup can be made in {path.parent}: {error.strerror}")
    # No controller may be free for version 2 on a hybrid machine; groups and killing need none.
    found = Cgroups(2, path.name, {"none": str(path)}, {})
    (path / CONTAINER / "leaf").mkdir(parents=True)
    request = Spawn(
        CONTAINER,
        ("/bin/sh", "-c", "sleep 100 & wait"),
        dict(os.environ),
        str(tmp_path),
        cgroups=(str(path / CONTAINER / "leaf"),),
    )
    leader = spawn_process(request)
    assert leader.pid in found.pids(CONTAINER)
    wait_until_gone(found)
    assert leader.wait(DEADLINE_S) == -9
    path.rmdir()
