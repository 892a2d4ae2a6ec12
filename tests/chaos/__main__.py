"""`python -m tests.chaos`: a cluster of real processes, of which one is killed every second.

At the end everything is left in peace, frameworks wait for their last tasks, and what they know is compared
with what has happened. Exit status: 0 if nothing was lost, 1 if something was, 2 for a wrong command line.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.chaos.cluster import COORDINATORS, Cluster, agent_ip, coordinator, installed
from tests.chaos.net import Cuts, can_cut, enter
from tests.chaos.probe import Probe, leads
from tests.chaos.programs import Program
from tests.chaos.tally import Tally, tally

NOT_CUT = "nobody: network namespaces are not used, or not permitted here"
START_TIMEOUT_S = 120.0
END_TIMEOUT_S = 240.0
TICK_S = 0.05
DOWN_S = (0.1, 1.5)
RESTART_S = 0.5
"""After how long one is started again that has ended by itself."""
STOPS = 0.2
"""Likelihood that a process is stopped for a while, instead of killed."""
STOPPED_S = (0.2, 6.0)
CUTS = 0.15
"""Likelihood that an agent is cut off instead, where that is possible."""
CUT_S = (0.5, 8.0)


class Chaos:
    """One run."""

    def __init__(self, cluster: Cluster, chance: random.Random, kill_every_s: float) -> None:
        self.cluster = cluster
        self.probe = Probe(cluster.masters)
        self.stops = 0
        self.cuts = Cuts()
        self._chance = chance
        self._kill_every_s = kill_every_s

    def run(self, duration_s: float) -> bool:
        """Start all, let it suffer for so long, and wait for the end; tell whether it came."""
        cluster = self.cluster
        for program in cluster.programs:
            program.start()
        if not self._wait(lambda: any(map(leads, cluster.masters)), START_TIMEOUT_S):
            return False
        if not self._wait(lambda: (cluster.directory / "ends").exists(), START_TIMEOUT_S):
            return False
        self.probe.start()
        self._suffer(duration_s)
        for program in cluster.programs:
            program.resume()
        self.cuts.look(float("inf"))
        (cluster.directory / "quiet").touch()
        is_over = self._wait(lambda: not any(f.runs for f in cluster.of_kind("framework")), END_TIMEOUT_S)
        self.probe.stop()
        return is_over

    def _suffer(self, duration_s: float) -> None:
        now = time.monotonic()
        end, strike_at = now + duration_s, now
        while now < end:
            if now >= strike_at:
                strike_at += self._kill_every_s
                self._strike(now)
            self._look(now)
            time.sleep(TICK_S)
            now = time.monotonic()

    def _strike(self, now: float) -> None:
        if can_cut() and self._chance.random() < CUTS:
            agent = self._chance.randint(1, len(self.cluster.of_kind("agent")))
            self.cuts.cut(agent_ip(agent), now + self._chance.uniform(*CUT_S))
            return
        running = [p for p in self.cluster.programs if p.runs and not p.is_stopped]
        if not running:
            return
        victim: Program = self._chance.choice(running)
        if self._chance.random() < STOPS:
            self.stops += 1
            victim.stop(now + self._chance.uniform(*STOPPED_S))
        else:
            victim.kill(now + self._chance.uniform(*DOWN_S))

    def _look(self, now: float) -> None:
        self.cuts.look(now)
        for program in self.cluster.programs:
            program.look(now, RESTART_S)

    def _wait(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        while not condition():
            now = time.monotonic()
            if now > deadline:
                return False
            self._look(now)
            time.sleep(TICK_S)
        return True


def run(
    directory: Path,
    *,
    kind: str,
    agents: int,
    frameworks: int,
    duration_s: float,
    seed: int,
    kill_every_s: float,
) -> Tally:
    """Run once below `directory`, and print what came of it."""
    with coordinator(kind, directory) as address:
        cluster = Cluster(directory, agents=agents, frameworks=frameworks, coordinator=address)
        chaos = Chaos(cluster, random.Random(seed), kill_every_s)
        try:
            is_over = chaos.run(duration_s)
        finally:
            cluster.end()
    kills = ", ".join(
        f"{sum(p.kills for p in cluster.of_kind(kind))} of {kind}s"
        for kind in ("master", "agent", "framework")
    )
    print(f"killed                 {kills}; {chaos.stops} stopped for a while")
    print(f"cut off                {chaos.cuts.count if can_cut() else NOT_CUT}")
    found = tally(directory, cluster.programs)
    for line in found.lines():
        print(line)
    print(f"longest without leader {chaos.probe.longest_s:.1f} s")
    if not is_over:
        print("it did not come to an end in time")
    return found


def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--duration_s", type=float, default=300.0, help="how long processes are killed (300)")
    parser.add_argument("--every_s", type=float, default=1.0, help="time between two kills (1)")
    parser.add_argument(
        "--coordinator",
        choices=COORDINATORS,
        help="where three masters elect; none: there is one (each that is installed, in turn)",
    )
    parser.add_argument("--agents", type=int, default=5, help="how many (5)")
    parser.add_argument("--frameworks", type=int, default=3, help="how many (3)")
    parser.add_argument("--seed", type=int, default=1, help="what chooses who is killed (1)")
    options = parser.parse_args(argv)
    enter(argv)
    kinds = installed() if options.coordinator is None else [options.coordinator]
    return max(_once(kind, options) for kind in kinds)


def _once(kind: str, options: argparse.Namespace) -> int:
    """Run with one kind of coordinator; return the exit status."""
    print(f"coordinator            {kind}")
    directory = Path(tempfile.mkdtemp(prefix="meseta-chaos-"))
    found = run(
        directory,
        kind=kind,
        agents=options.agents,
        frameworks=options.frameworks,
        duration_s=options.duration_s,
        seed=options.seed,
        kill_every_s=options.every_s,
    )
    if found.is_clean:
        shutil.rmtree(directory)
        return 0
    print(f"logs and journals are in {directory}")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
