"""What is done to the cluster: one program at a time is killed, stopped for a while, or cut off.

Servers of the coordinator are programs as others are, but for one thing: they are left in peace until the one
that was struck last is long back, so that most of them work most of the time.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from tests.chaos.net import Cuts, Way
from tests.chaos.programs import Program

DOWN_S = (0.1, 1.5)
STOPS = 0.2
"""Likelihood that a program is stopped for a while, instead of killed."""
STOPPED_S = (0.2, 6.0)
CUTS = 0.25
"""Likelihood that one is cut off instead, where that is possible."""
CUT_S = (0.5, 8.0)
SERVERS_REST_S = 15.0
"""How long after a server was struck and is back none is struck."""

SPEAKS_WITH = {
    "master": ("agent", "framework", "server"),
    "agent": ("master", "server"),
    "framework": ("master",),
    "server": ("server", "master"),
}
"""By kind: those whom one may be cut off from, instead of all others."""
NOT_CUT = "cut off                nobody: network namespaces are not used, or not permitted here"
HEARS_NOTHING, IS_NOT_HEARD, BOTH = "heard nothing", "were not heard", "both"


class Strikes:
    """Chooses, does and counts."""

    def __init__(self, programs: Sequence[Program], chance: random.Random, cuts: Cuts | None) -> None:
        """`cuts`: None where nothing can be cut."""
        self.programs = programs
        self.stops = 0
        self.cut_kinds: Counter[str] = Counter()
        self.cut_sides: Counter[str] = Counter()
        self._chance = chance
        self._cuts = cuts
        self._servers_rest_until = 0.0

    def strike(self, now: float) -> None:
        """Do something to somebody, if there is one who runs."""
        victims = [
            program
            for program in self.programs
            if program.runs
            and not program.is_stopped
            and (program.kind != "server" or now >= self._servers_rest_until)
        ]
        if not victims:
            return
        victim, chance = self._chance.choice(victims), self._chance
        if self._cuts is not None and chance.random() < CUTS:
            until = now + chance.uniform(*CUT_S)
            self._cut(victim, self._cuts, until)
        elif chance.random() < STOPS:
            until = now + chance.uniform(*STOPPED_S)
            self.stops += 1
            victim.stop(until)
        else:
            until = now + chance.uniform(*DOWN_S)
            victim.kill(until)
        if victim.kind == "server":
            self._servers_rest_until = until + SERVERS_REST_S

    def lines(self) -> list[str]:
        """Return what was done, for the report."""
        kills: Counter[str] = Counter()
        for program in self.programs:
            kills[program.kind] += program.kills
        lines = [f"killed                 {_of_kinds(kills)}; {self.stops} stopped for a while"]
        if self._cuts is None:
            return [
                *lines,
                "cut off                nobody: network namespaces are not used, or not permitted here",
            ]
        sides = ", ".join(f"{count} {side}" for side, count in sorted(self.cut_sides.items()))
        return [*lines, f"cut off                {_of_kinds(self.cut_kinds)}; {sides}"]

    def _cut(self, victim: Program, cuts: Cuts, until: float) -> None:
        kinds = {program.kind for program in self.programs}
        chosen = self._chance.choice([None, *(kind for kind in SPEAKS_WITH[victim.kind] if kind in kinds)])
        others = [
            program.ip
            for program in self.programs
            if program is not victim and chosen in (None, program.kind)
        ]
        side = self._chance.choice([HEARS_NOTHING, IS_NOT_HEARD, BOTH])
        ways = [
            *(Way(other, victim.ip) for other in others if side != IS_NOT_HEARD),
            *(Way(victim.ip, other) for other in others if side != HEARS_NOTHING),
        ]
        self.cut_kinds[victim.kind] += 1
        self.cut_sides[side] += 1
        cuts.cut(ways, until)


def _of_kinds(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[kind]} of {kind}s" for kind in SPEAKS_WITH if kind in counts)
