"""`python -m tests.chaos`: a cluster of real processes, of which one is struck every second.

At the end everything is left in peace, frameworks wait for their last tasks, and what they know is compared
with what has happened. Exit status: 0 if nothing was lost, 1 if something was, 2 for a wrong command line.
"""

from __future__ import annotations

import argparse
import logging
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.chaos.cluster import COORDINATORS, Cluster, coordinator, installed
from tests.chaos.net import Cuts, enter, network
from tests.chaos.probe import Probe, leads
from tests.chaos.strikes import Strikes
from tests.chaos.tally import Tally, tally

START_TIMEOUT_S = 120.0
END_TIMEOUT_S = 240.0
TICK_S = 0.05
RESTART_S = 0.5
"""After how long one is started again that has ended by itself."""


class Chaos:
    """One run."""

    def __init__(self, cluster: Cluster, strikes: Strikes, cuts: Cuts, strike_every_s: float) -> None:
        self.cluster = cluster
        self.probe = Probe(cluster.masters)
        self._strikes = strikes
        self._cuts = cuts
        self._strike_every_s = strike_every_s

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
        for program in cluster.everything:
            program.resume()
        self._cuts.look(float("inf"))
        (cluster.directory / "quiet").touch()
        is_over = self._wait(lambda: not any(f.runs for f in cluster.of_kind("framework")), END_TIMEOUT_S)
        self.probe.stop()
        return is_over

    def _suffer(self, duration_s: float) -> None:
        now = time.monotonic()
        end, strike_at = now + duration_s, now
        while now < end:
            if now >= strike_at:
                strike_at += self._strike_every_s
                self._strikes.strike(now)
            self._look(now)
            time.sleep(TICK_S)
            now = time.monotonic()

    def _look(self, now: float) -> None:
        self._cuts.look(now)
        for program in self.cluster.everything:
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
    strike_every_s: float,
) -> Tally:
    """Run once below `directory`, and print what came of it."""
    with network() as net, coordinator(kind, directory, net) as (address, servers):
        cluster = Cluster(
            directory,
            agents=agents,
            frameworks=frameworks,
            coordinator=address,
            servers=servers,
            network=net,
        )
        cuts = Cuts()
        strikes = Strikes(cluster.everything, random.Random(seed), None if net is None else cuts)
        chaos = Chaos(cluster, strikes, cuts, strike_every_s)
        try:
            is_over = chaos.run(duration_s)
        finally:
            cluster.end()
    for line in strikes.lines():
        print(line)
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
    parser.add_argument("--duration_s", type=float, default=300.0, help="how long it lasts (300)")
    parser.add_argument("--every_s", type=float, default=1.0, help="time between two strikes (1)")
    parser.add_argument(
        "--coordinator",
        choices=COORDINATORS,
        help="where three masters elect; none: there is one (each that is installed, in turn)",
    )
    parser.add_argument("--agents", type=int, default=5, help="how many (5)")
    parser.add_argument("--frameworks", type=int, default=3, help="how many (3)")
    parser.add_argument("--seed", type=int, default=1, help="what chooses who is struck (1)")
    options = parser.parse_args(argv)
    logging.getLogger("kazoo").setLevel(logging.CRITICAL)  # It tells of servers that are not there yet.
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
        strike_every_s=options.every_s,
    )
    if found.is_clean:
        shutil.rmtree(directory)
        return 0
    print(f"logs and journals are in {directory}")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
