"""`meseta simulate`: one seed with its trace, many seeds, or a look at how a cluster would be used.

Exit status: 0 if all is well, 2 for a wrong command line, 10 if a machine crashed, 11 if something happened
that must never happen, 12 if something did not happen that must.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from meseta.errors import ConfigError
from meseta.sim import report
from meseta.sim.plan import FAULTS, Plan, calm_plan, swarm_plan
from meseta.sim.report import Tally, Verdict, verdict_of
from meseta.sim.simulation import Simulation, run_calm
from meseta.sim.trace import HEADER, Trace

EXIT_USAGE = 2
CHECK_EVERY = 10
"""With many seeds, after how many of its steps a machine's invariants are checked."""
CHUNK = 10
"""Seeds that a process is handed at a time."""
SEEDS_MAX = 10_000_000


def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    parser = _parser()
    try:
        options = parser.parse_args(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else EXIT_USAGE
    try:
        if options.seed is not None:
            return _one(
                _swarm(options, options.seed), quiet=options.quiet, check_every=options.check_every or 1
            )
        if options.seeds is not None:
            return _many(options, _seeds(options.seeds))
        return _calm(options)
    except ConfigError as fault:
        print(f"meseta simulate: {fault}", file=sys.stderr)
        return EXIT_USAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="meseta simulate",
        description="Run the production code of Meseta on a virtual cluster. Without --seed or --seeds"
        " nothing goes wrong, and the use of the cluster and the frameworks' shares are shown.",
        epilog="exit status: 0 passed, 2 wrong command line, 10 crash, 11 safety, 12 liveness",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="run one seed with faults, and show its trace")
    parser.add_argument("--seeds", metavar="A-B", help="run many seeds with faults; N is 1-N")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes for many seeds (1)")
    parser.add_argument("--agents", type=int, metavar="N", help="how many agents (drawn; without faults 100)")
    parser.add_argument("--frameworks", type=int, metavar="N", help="how many frameworks (drawn; 10)")
    parser.add_argument("--masters", type=int, choices=(1, 2, 3), help="how many masters (drawn; 1)")
    parser.add_argument("--minutes", type=float, metavar="M", help="virtual time of the load (drawn; 10)")
    parser.add_argument(
        "--faults", metavar="A,B", help=f"which faults may come, or 'none' (drawn of {', '.join(FAULTS)})"
    )
    parser.add_argument("--check-every", type=int, metavar="N", help="steps between checks of invariants")
    parser.add_argument("--quiet", action="store_true", help="show no trace")
    return parser


# ── seeds ─────────────────────────────────────────────────────────────────────────────────────────────


def _swarm(options: argparse.Namespace, seed: int) -> Plan:
    only = None
    if options.faults is not None:
        only = [name for name in options.faults.split(",") if name and name != "none"]
        unknown = [name for name in only if name not in FAULTS]
        if unknown:
            raise ConfigError(f"--faults: '{unknown[0]}' is none; there are {', '.join(FAULTS)}")
    return swarm_plan(
        seed,
        agents=_positive(options.agents, "agents"),
        frameworks=_positive(options.frameworks, "frameworks"),
        duration_s=None if options.minutes is None else options.minutes * 60,
        masters=options.masters,
        only=only,
    )


def _one(plan: Plan, *, quiet: bool, check_every: int) -> int:
    if not quiet:
        print(HEADER)
    trace = Trace(None if quiet else print)
    verdict = verdict_of(Simulation(plan, trace, check_every=check_every).run())
    _print(report.one_seed(plan, verdict))
    return verdict.exit_status


def _many(options: argparse.Namespace, seeds: range) -> int:
    tally = Tally()
    run = partial(run_seed, options)
    for verdict in _verdicts(run, seeds, _positive(options.jobs, "jobs") or 1):
        tally.add(verdict)
        if verdict.exit_status:
            print(report.verdict_line(verdict), flush=True)
    _print(tally.lines())
    if not tally.failed:
        return report.PASSED
    print(f"replay with: meseta simulate --seed {tally.failed[0].seed}")
    return tally.failed[0].exit_status


def run_seed(options: argparse.Namespace, seed: int) -> Verdict:
    """Run one of many seeds, without a trace."""
    check_every = options.check_every or CHECK_EVERY
    return verdict_of(Simulation(_swarm(options, seed), Trace(on=False), check_every=check_every).run())


def _verdicts(run: partial[Verdict], seeds: range, jobs: int) -> Iterator[Verdict]:
    """Yield verdicts in the order of the seeds."""
    if jobs == 1:
        yield from map(run, seeds)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(run, seeds, chunksize=CHUNK)


def _seeds(text: str) -> range:
    first, dash, last = text.partition("-")
    try:
        seeds = range(int(first), int(last) + 1) if dash else range(1, int(first) + 1)
    except ValueError:
        seeds = range(0)
    if not 0 < len(seeds) <= SEEDS_MAX:
        raise ConfigError(f"--seeds: '{text}' is not usable: expected a range such as 1-200, or a number")
    return seeds


# ── without faults ────────────────────────────────────────────────────────────────────────────────────


def _calm(options: argparse.Namespace) -> int:
    minutes = 10.0 if options.minutes is None else options.minutes
    if minutes <= 0:
        raise ConfigError(f"--minutes: {minutes:g} is not above 0")
    agents = _positive(options.agents, "agents") or 100
    frameworks = _positive(options.frameworks, "frameworks") or 10
    plan = calm_plan(1, agents, frameworks, minutes * 60)
    started = time.perf_counter()
    usage = run_calm(plan)
    _print(report.usage_lines(plan, usage, time.perf_counter() - started))
    return report.PASSED


def _positive(value: int | None, name: str) -> int | None:
    if value is not None and value < 1:
        raise ConfigError(f"--{name}: {value} is not above 0")
    return value


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)
