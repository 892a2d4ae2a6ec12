"""What is shown of runs: one seed, many seeds, or the use of a cluster without faults."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from meseta.sim.plan import Plan, shown
from meseta.sim.simulation import Outcome
from meseta.sim.statistics import Usage

SHARES_SHOWN_MAX = 25
PASSED = 0


class Verdict(NamedTuple):
    """An outcome, small enough to be sent from process to process."""

    seed: int
    exit_status: int
    sort: str
    text: str
    at_s: float
    deliveries: int
    tasks: int
    marks: dict[str, int]
    faults: dict[str, int]
    digest: str


def verdict_of(outcome: Outcome) -> Verdict:
    """Return what a report needs of an outcome."""
    failure = outcome.failure
    return Verdict(
        seed=outcome.plan.seed,
        exit_status=PASSED if failure is None else failure.exit_status,
        sort="passed" if failure is None else failure.sort,
        text="" if failure is None else str(failure),
        at_s=outcome.at_s,
        deliveries=outcome.deliveries,
        tasks=outcome.tasks,
        marks=outcome.marks,
        faults=outcome.faults,
        digest=outcome.digest,
    )


def one_seed(plan: Plan, verdict: Verdict) -> Iterator[str]:
    """Yield the report of one run."""
    yield ""
    yield from shown(plan)
    yield f"  happened: {_counts(verdict.faults)}"
    yield f"  reached: {_counts(verdict.marks)}"
    yield f"  trace: {verdict.digest}"
    yield verdict_line(verdict)


def verdict_line(verdict: Verdict) -> str:
    """Say in one line what a run came to."""
    work = f"{verdict.tasks} tasks, {verdict.deliveries} deliveries in {verdict.at_s:.0f} s"
    if not verdict.exit_status:
        return f"seed {verdict.seed} passed: {work}"
    return f"seed {verdict.seed} failed ({verdict.sort}) after {work}: {verdict.text}"


class Tally:
    """Sums over many seeds."""

    def __init__(self) -> None:
        self.seeds = 0
        self.failed: list[Verdict] = []
        self._tasks = 0
        self._deliveries = 0
        self._virtual_s = 0.0
        self._marks: dict[str, int] = {}
        self._faults: dict[str, int] = {}

    def add(self, verdict: Verdict) -> None:
        """Count one run."""
        self.seeds += 1
        if verdict.exit_status:
            self.failed.append(verdict)
        self._tasks += verdict.tasks
        self._deliveries += verdict.deliveries
        self._virtual_s += verdict.at_s
        for sums, counts in ((self._marks, verdict.marks), (self._faults, verdict.faults)):
            for name, count in counts.items():
                sums[name] = sums.get(name, 0) + count

    def lines(self) -> Iterator[str]:
        """Yield the report."""
        yield f"faults: {_counts(self._faults)}"
        yield "corners reached:"
        for name, count in sorted(self._marks.items(), key=lambda item: -item[1]):
            yield f"  {count:>9}  {name}"
        yield (
            f"{self.seeds} seeds, {self._virtual_s / 3600:.1f} virtual hours, {self._tasks} tasks,"
            f" {self._deliveries} deliveries: {len(self.failed)} failed"
        )


def usage_lines(plan: Plan, usage: Usage, elapsed_s: float) -> Iterator[str]:
    """Yield how a cluster without faults was used."""
    minutes = plan.duration_s / 60
    yield f"{len(plan.agents)} agents, {len(plan.frameworks)} frameworks, {minutes:g} minutes"
    yield f"simulated in {elapsed_s:.1f} s; {usage.launched} tasks launched, {usage.ended} ended"
    used = ", ".join(f"{name} {part:.0%}" for name, part in usage.utilisation.items())
    yield f"average use: {used}"
    yield ""
    yield f"{'framework':<16}{'role':<12}{'one task':<20}{'running':>9}{'wanted':>8}{'share':>8}{'ended':>9}"
    for share in usage.shares[:SHARES_SHOWN_MAX]:
        yield (
            f"{share.name:<16}{share.role:<12}{share.task:<20}{share.running:>9.1f}{share.wanted:>8}"
            f"{share.dominant:>8.2%}{share.ended:>9}"
        )
    if len(usage.shares) > SHARES_SHOWN_MAX:
        yield f"… and {len(usage.shares) - SHARES_SHOWN_MAX} more with smaller shares"


def _counts(counts: dict[str, int]) -> str:
    """Return what has happened at all, in words."""
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count) or "nothing"
