"""Control groups against directories that look like those of the kernel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from meseta.runtime.linux import cgroups
from meseta.runtime.linux.cgroups import CgroupError, Cgroups, Mount, Usage, detect, own_group, read_mounts

HYBRID = """\
24 29 0:22 / /sys rw,nosuid shared:7 - sysfs sysfs rw
30 25 0:26 / {0}/unified rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate
33 25 0:29 / {0}/cpu,cpuacct rw,nosuid shared:11 - cgroup cgroup rw,cpu,cpuacct
34 25 0:30 / {0}/memory rw shared:12 - cgroup cgroup rw,memory
"""
UNIFIED = "30 25 0:26 / {0} rw,nosuid - cgroup2 cgroup2 rw\n"
OWN = "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/system.slice/agent.service\n"


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root for hierarchies; new groups get the file that says which controllers are on below."""
    make = cgroups._make

    def make_like_kernel(path: str) -> None:
        make(path)
        Path(path, "cgroup.subtree_control").touch()

    monkeypatch.setattr(cgroups, "_make", make_like_kernel)
    (tmp_path / "own").write_text(OWN)
    return tmp_path


def hybrid(kernel: Path, **options: bool) -> Cgroups:
    for name in ("unified", "cpu,cpuacct", "memory"):
        (kernel / name).mkdir()
    (kernel / "unified" / "cgroup.controllers").write_text("hugetlb\n")
    (kernel / "mountinfo").write_text(HYBRID.format(kernel))
    return detect(mountinfo=str(kernel / "mountinfo"), table=str(kernel / "own"), **options)


def unified(kernel: Path) -> Cgroups:
    (kernel / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    (kernel / "cgroup.subtree_control").touch()
    (kernel / "mountinfo").write_text(UNIFIED.format(kernel))
    return detect(mountinfo=str(kernel / "mountinfo"))


def test_mounts_and_own_groups_are_read(kernel: Path) -> None:
    (kernel / "mountinfo").write_text(HYBRID.format("/c"))
    mounts = read_mounts(str(kernel / "mountinfo"))
    assert mounts[0] == Mount("/c/unified", 2, frozenset())
    assert mounts[1].controllers >= {"cpu", "cpuacct"}
    assert own_group("cpuacct", table=str(kernel / "own")) == "/docker/abc"
    assert own_group(table=str(kernel / "own")) == "/system.slice/agent.service"
    assert own_group("pids", table=str(kernel / "own")) == "/"


def test_hybrid_means_version_1(kernel: Path) -> None:
    found = hybrid(kernel)
    shared = str(kernel / "cpu,cpuacct" / "mesos")
    assert found.version == 1
    assert found.directories == {"cpu": shared, "cpuacct": shared, "memory": str(kernel / "memory" / "mesos")}
    assert found.describe() == (
        "Containers are isolated by cgroups v1 below 'mesos': cpu, cpuacct, memory. "
        "Without freezer, pids: it is not mounted."
    )


def test_groups_may_be_made_below_the_agents_own(kernel: Path) -> None:
    found = hybrid(kernel, below_own=True)
    assert found.directories["memory"] == str(kernel / "memory" / "docker" / "abc" / "mesos")


def test_limits_of_version_1(kernel: Path) -> None:
    found = hybrid(kernel)
    cpu, memory = found.create("c1")
    Path(cpu, "cpu.cfs_quota_us").touch()
    found.set_cpu("c1", 0.5, limit=1.5)
    found.set_memory("c1", 64 << 20, limit_bytes=1)
    assert Path(cpu, "cpu.shares").read_text() == "512"
    assert Path(cpu, "cpu.cfs_period_us").read_text() == "100000"
    assert Path(cpu, "cpu.cfs_quota_us").read_text() == "150000"
    assert Path(memory, "memory.soft_limit_in_bytes").read_text() == str(64 << 20)
    assert Path(memory, "memory.limit_in_bytes").read_text() == str(32 << 20)
    found.set_cpu("c1", 0.0001)
    found.set_memory("c1", 0, limit_bytes=None)
    assert Path(cpu, "cpu.shares").read_text() == "2"
    assert Path(cpu, "cpu.cfs_quota_us").read_text() == "-1"
    assert Path(memory, "memory.limit_in_bytes").read_text() == "-1"


def test_a_kernel_without_quota_says_so_only_when_it_matters(kernel: Path) -> None:
    found = hybrid(kernel)
    found.create("c1")
    found.set_cpu("c1", 1)
    with pytest.raises(CgroupError, match="cannot limit cpus"):
        found.set_cpu("c1", 1, limit=1)


def test_limits_of_version_2(kernel: Path) -> None:
    found = unified(kernel)
    assert found.version == 2
    assert sorted(found.directories) == ["cpu", "memory", "pids"]
    (leaf,) = found.create("c1")
    group = Path(leaf).parent
    assert (Path(leaf).name, group) == ("leaf", kernel / "mesos" / "c1")
    assert (group / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
    found.set_cpu("c1", 2.5, limit=0.001)
    found.set_memory("c1", 64 << 20, limit_bytes=128 << 20)
    assert (group / "cpu.weight").read_text() == "250"
    assert (group / "cpu.max").read_text() == "1000 100000"
    assert (group / "memory.low").read_text() == str(64 << 20)
    assert (group / "memory.max").read_text() == str(128 << 20)
    found.set_cpu("c1", 500)
    found.set_memory("c1", 0, limit_bytes=None)
    assert (group / "cpu.weight").read_text() == "10000"
    assert (group / "cpu.max").read_text() == "max 100000"
    assert (group / "memory.max").read_text() == "max"


def test_usage_of_version_1(kernel: Path) -> None:
    found = hybrid(kernel)
    cpu, memory = map(Path, found.create("c1"))
    (cpu / "cpuacct.stat").write_text("user 250\nsystem 50\n")
    (cpu / "cpu.stat").write_text("nr_periods 4\nnr_throttled 2\nthrottled_time 500000000\n")
    (memory / "memory.usage_in_bytes").write_text("70\n")
    (memory / "memory.stat").write_text(
        "cache 1\ntotal_cache 20\ntotal_rss 40\ntotal_mapped_file 5\ntotal_unevictable 6\n"
    )
    (memory / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")
    assert found.usage("c1") == Usage(2.5, 0.5, 4, 2, 0.5, 70, 40, 20, 5, 6)
    assert found.oom_kills("c1") == 3


def test_usage_of_version_2(kernel: Path) -> None:
    found = unified(kernel)
    group = Path(found.create("c1")[0]).parent
    (group / "cpu.stat").write_text("usage_usec 3000000\nuser_usec 2500000\nsystem_usec 500000\n")
    (group / "memory.current").write_text("70\n")
    (group / "memory.stat").write_text("anon 40\nfile 20\nfile_mapped 5\nunevictable 6\n")
    (group / "memory.events").write_text("low 0\noom 2\noom_kill 1\n")
    assert found.usage("c1") == Usage(2.5, 0.5, None, None, 0.0, 70, 40, 20, 5, 6)
    assert found.oom_kills("c1") == 1


def test_processes_of_nested_containers_count(kernel: Path) -> None:
    found = unified(kernel)
    Path(found.create("c1")[0], "cgroup.procs").write_text("10\n11\n")
    Path(found.create("c1/c2")[0], "cgroup.procs").write_text("12\n")
    assert found.pids("c1") == {10, 11, 12}
    assert found.pids("gone") == set()
    assert found.containers() == {"c1"}


def test_nothing_permitted_is_no_error_but_a_sentence(kernel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise CgroupError(f"creating {path} failed: Permission denied")

    monkeypatch.setattr(cgroups, "_make", refuse)
    found = unified(kernel)
    assert found.describe() == (
        "Containers are not isolated from each other: no cgroup controller can be used. "
        f"Without cpu, memory, pids: creating {kernel}/mesos failed: Permission denied."
    )
    assert found.create("c1") == ()
    assert found.usage("c1") == Usage()
    assert found.remove("c1")
    found.kill("c1")
    with pytest.raises(CgroupError, match="'cpu' cannot be used: creating"):
        found.set_cpu("c1", 1)


@pytest.mark.parametrize("make", [hybrid, unified])
def test_the_root_group_of_another_user_is_not_used(
    kernel: Path, make: Callable[[Path], Cgroups], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: not str(path).endswith("/mesos"))
    found = make(kernel)
    assert found.directories == {}
    assert "mesos belongs to another user, and this one may not make groups in it" in found.describe()
