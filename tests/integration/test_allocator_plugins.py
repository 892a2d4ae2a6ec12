"""Allocation modules of third parties in a real master: found by entry point, contained when they fail."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from meseta.sdk import Scheduler
from tests.integration.cluster import PlayedAgent

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "examples" / "asset_fairness"
LIMIT_S = 120.0

FAULTY = '''
"""Each does something wrong the first few times that it is asked, and then what is right."""
import msgspec
from meseta.allocator.hierarchical import HierarchicalAllocator

def first_times(count, wrong, right):
    def decide(*arguments):
        nonlocal count
        count -= 1
        return (wrong if count >= 0 else right)(*arguments)
    return decide

def raises(allocated, totals, weight):
    raise LookupError("no idea")

def small(allocated, totals, weight):
    return 0.5

def raising_policy(allocated, totals, weight, decide=first_times(4, raises, small)):
    return decide(allocated, totals, weight)

def nonsense_policy(allocated, totals, weight, decide=first_times(4, lambda *_: "much", small)):
    return decide(allocated, totals, weight)

def with_policy(policy):
    return lambda entropy, options: HierarchicalAllocator(entropy, options, share=policy)

raising, nonsense = with_policy(raising_policy), with_policy(nonsense_policy)

class Inventive(HierarchicalAllocator):
    """Offers twice of what there is."""
    times = 1
    def allocate(self, now, agents_max):
        decided = super().allocate(now, agents_max)
        if not decided or not self.times:
            return decided
        self.times -= 1
        return [msgspec.structs.replace(one, resources=one.resources + one.resources) for one in decided]
    def recover(self, framework_id, agent_id, role, resources, filters, now, **more):
        agent = self.ledger.agents[agent_id]
        there = next(held for client, held in agent.held.items() if client.framework_id == framework_id)
        super().recover(framework_id, agent_id, role, there, None, now, **more)

class Confused(HierarchicalAllocator):
    """Decides what is no decision, and forgets what it has given away."""
    times = 1
    def allocate(self, now, agents_max):
        if self.times and self.ledger.agents and self.ledger.frameworks:
            self.times -= 1
            return ["lunch"]
        return super().allocate(now, agents_max)
'''


def install(site: Path, name: str, points: dict[str, str]) -> None:
    """Leave what pip leaves of a package: the description of it in the directory beside the module."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"{point} = {value}" for point, value in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[meseta.allocators]", *lines, ""]))


class MasterProcess:
    """`meseta master` with packages of its own."""

    def __init__(self, site: Path, directory: Path, *arguments: str) -> None:
        self.log = directory / f"{arguments[0].partition('=')[2]}.log"
        command = [sys.executable, "-m", "meseta.cli", "master", "--ip=127.0.0.1", "--port=0", *arguments]
        with self.log.open("wb") as log:
            environment = {**os.environ, "PYTHONPATH": str(site)}
            self.process = subprocess.Popen(command, stderr=log, env=environment, cwd=ROOT)

    async def address(self) -> str:
        """Wait until it listens."""
        while not (found := re.search(r"listens at (\S+)", self.log.read_text())):
            assert self.process.poll() is None, self.log.read_text()
            await asyncio.sleep(0.05)
        return found[1]

    async def metric(self, name: str) -> float:
        """Return a metric."""
        url = f"http://{await self.address()}/metrics/snapshot"
        return float(json.loads(await asyncio.to_thread(lambda: urllib.request.urlopen(url).read()))[name])


@asynccontextmanager
async def master_with(site: Path, directory: Path, allocator: str) -> AsyncIterator[MasterProcess]:
    master = MasterProcess(site, directory, f"--allocator={allocator}")
    try:
        yield master
    finally:
        master.process.terminate()
        await asyncio.to_thread(master.process.wait, LIMIT_S)


async def first_offer(master: MasterProcess) -> tuple[float, float]:
    """Let an agent and a framework come; return the CPUs offered, and the share of the role meanwhile."""
    address = await master.address()
    async with (
        asyncio.timeout(LIMIT_S),
        PlayedAgent(f"master@{address}"),
        Scheduler(address, name="f", roles=["eng"]) as scheduler,
    ):
        offer = await anext(scheduler.offers())
        return offer.cpus, await master.metric("allocator/mesos/roles/eng/shares/dominant")


def test_the_example_is_found_by_its_entry_point(tmp_path: Path) -> None:
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    site = tmp_path / "site"
    install(site, project["name"].replace("-", "_"), project["entry-points"]["meseta.allocators"])
    shutil.copy(EXAMPLE / "asset_fairness.py", site)

    async def body() -> None:
        async with master_with(site, tmp_path, "asset-fairness") as master:
            assert await first_offer(master) == (4.0, 2.0)  # All CPUs and all memory: 1 + 1.
            assert await master.metric("master/allocator_faults") == 0

    asyncio.run(body())


def test_modules_that_fail_do_no_harm(tmp_path: Path) -> None:
    """Four masters, each with a module that fails first: all blame it by its name and go on."""
    site = tmp_path / "site"
    points = {name.lower(): f"faulty:{name}" for name in ("raising", "nonsense", "Inventive", "Confused")}
    install(site, "faulty", points)
    (site / "faulty.py").write_text(FAULTY)
    blamed = {
        "raising": "policy faulty.raising_policy raised LookupError('no idea')",
        "nonsense": "policy faulty.nonsense_policy gave 'much', which is no share",
        "inventive": "Allocation module faulty.Inventive wanted to offer",
        "confused": "Allocation module faulty.Confused wanted to offer 'lunch', which is no Allocation",
    }

    async def body(name: str, words: str) -> None:
        async with master_with(site, tmp_path, name) as master:
            cpus, _ = await first_offer(master)
            assert cpus == 4.0
            assert await master.metric("master/allocator_faults") >= 1
            assert words in master.log.read_text()

    async def all_of_them() -> None:
        await asyncio.gather(*(body(name, words) for name, words in blamed.items()))

    asyncio.run(all_of_them())


def test_an_unknown_module_is_refused(tmp_path: Path) -> None:
    master = MasterProcess(tmp_path, tmp_path, "--allocator=nobody")
    assert master.process.wait(LIMIT_S) != 0
    assert "there is no plugin 'nobody'" in master.log.read_text()


def test_priorities_need_an_allocator_that_has_them(tmp_path: Path) -> None:
    master = MasterProcess(tmp_path, tmp_path, "--allocator=HierarchicalDRF", "--role_priorities=prod=10")
    assert master.process.wait(LIMIT_S) != 0
    assert "set --allocator=priority" in master.log.read_text()
