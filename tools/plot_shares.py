"""Simulate two frameworks whose needs change, and draw their dominant shares as docs/images/shares.svg.

    python tools/plot_shares.py

The setting is that of figure 8 of the paper on dominant resource fairness (Ghodsi and others, NSDI 2011): 48
nodes with 4 CPUs and 14 GB, and two jobs whose tasks change every two minutes. Here tasks take 15 seconds on
average, and master, agents and schedulers are those of the simulator.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from meseta.master import views
from meseta.resources import Resources
from meseta.sim.cluster import Cluster
from meseta.sim.plan import Plan
from meseta.sim.temper import Temper
from meseta.sim.trace import Trace
from meseta.sim.world import World

PICTURE = Path(__file__).parent.parent / "docs" / "images" / "shares.svg"
NODES = 48
NODE = Resources.scalars(cpus=4, mem=14 * 1024, disk=1000)
TOTALS = {"cpus": 4.0 * NODES, "mem": 14.0 * 1024 * NODES}
NAMES = ("job 1", "job 2")
PHASES = (((1, 10), (1, 1)), ((2, 4), (1, 3)), ((1, 7), (1, 4)))
"""In each phase the CPUs and GB of a task of either job."""
PHASE_S = 120.0
SAMPLE_S = 1.0
TASK_S = 15.0
SEED = 1


class Sample(NamedTuple):
    """What both jobs have at one time: their shares of each resource, from 0 to 1."""

    at_s: float
    shares: tuple[dict[str, float], ...]

    def dominant(self, job: int) -> float:
        """Return the dominant share of a job."""
        return max(self.shares[job].values())


def simulate(seed: int = SEED) -> list[Sample]:
    """Run the three phases; return a sample for every second."""
    tempers = tuple(
        Temper(role=name.replace(" ", "-"), task_s=TASK_S, alive_max=4 * NODES, refuse_s=1.0)
        for name in NAMES
    )
    duration_s = PHASE_S * len(PHASES)
    plan = Plan(seed=seed, duration_s=duration_s, agents=(NODE,) * NODES, frameworks=tempers)
    world = World(plan.seed, Trace(on=False))
    cluster = Cluster(plan, world, [])
    for number, demands in enumerate(PHASES):
        world.after(number * PHASE_S, partial(demand, cluster, demands))
    samples: list[Sample] = []
    cluster.start()
    for second in range(int(duration_s / SAMPLE_S)):
        world.run((second + 1) * SAMPLE_S)
        samples.append(Sample(world.now, tuple(shares(cluster))))
    return samples


def demand(cluster: Cluster, demands: Sequence[tuple[int, int]]) -> None:
    """Let both jobs want other tasks from now on."""
    for framework, (cpus, gigabytes) in zip(cluster.frameworks, demands, strict=True):
        framework.temper = msgspec.structs.replace(framework.temper, cpus=cpus, mem=gigabytes * 1024)


def shares(cluster: Cluster) -> Iterator[dict[str, float]]:
    """Yield what each job's tasks hold of each resource."""
    leader = cluster.leader
    assert leader is not None
    assert leader.machine is not None
    known = {state.info.name: state for state in leader.machine.state.frameworks.values()}
    for framework in cluster.frameworks:
        state = known.get(framework.name)
        used = Resources.EMPTY if state is None else views.used_by_framework(state)
        yield {name: used.scalar(name) / 1000 / total for name, total in TOTALS.items()}


def settled(samples: Iterable[Sample], phase: int) -> list[Sample]:
    """Return the second minute of a phase, when the tasks of the one before are over."""
    begin, end = (phase + 0.5) * PHASE_S, (phase + 1) * PHASE_S
    return [sample for sample in samples if begin < sample.at_s <= end]


def mean_dominant(samples: Sequence[Sample], job: int) -> float:
    """Return the mean of a job's dominant share."""
    return sum(sample.dominant(job) for sample in samples) / len(samples)


# The picture ------------------------------------------------------------------------------------------

WIDTH, HEIGHT = 720, 330
LEFT, RIGHT, TOP, BOTTOM = 48, 16, 34, 52
COLOURS = ("#d9480f", "#1971c2")
STYLE = """
text { font: 12px sans-serif; fill: #495057 }
.grid { stroke: #dee2e6 } .phase { stroke: #868e96; stroke-dasharray: 4 3 }
.line { fill: none; stroke-width: 1.8 }
"""


def across(at_s: float) -> float:
    """Return where a time is."""
    return LEFT + at_s / (PHASE_S * len(PHASES)) * (WIDTH - LEFT - RIGHT)


def up(share: float) -> float:
    """Return where a share is."""
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def text(x: float, y: float, words: str, anchor: str = "middle", **style: str) -> str:
    """Return a line of text."""
    more = "".join(f' {name}="{value}"' for name, value in style.items())
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{words}</text>'


def grid() -> Iterator[str]:
    """Yield the axes: shares upwards, minutes to the right."""
    for percent in range(0, 101, 25):
        y = up(percent / 100)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield text(LEFT - 6, y + 4, f"{percent} %", "end")
    for minute in range(int(PHASE_S * len(PHASES) / 60) + 1):
        yield text(across(minute * 60), HEIGHT - BOTTOM + 18, f"{minute} min")


def phases() -> Iterator[str]:
    """Yield what the jobs want when."""
    for number, demands in enumerate(PHASES):
        x = across(number * PHASE_S)
        if number:
            yield f'<line class="phase" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
        for job, (cpus, gigabytes) in enumerate(demands):
            words = f"{NAMES[job]}: {cpus} CPU, {gigabytes} GB"
            place = across((number + 0.5) * PHASE_S)
            yield text(place, HEIGHT - BOTTOM + 34 + 14 * job, words, style=f"fill:{COLOURS[job]}")


def picture(samples: Sequence[Sample]) -> str:
    """Return the SVG."""
    lines = [text(LEFT, 18, "Dominant shares of two jobs whose tasks change every two minutes", "start")]
    lines += [*grid(), *phases()]
    for job, colour in enumerate(COLOURS):
        points = " ".join(f"{across(one.at_s):.1f},{up(one.dominant(job)):.1f}" for one in samples)
        lines.append(f'<polyline class="line" stroke="{colour}" points="{points}"/>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}">'
    back = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    return "\n".join([head, f"<style>{STYLE}</style>", back, *lines, "</svg>", ""])


def main() -> None:
    """Draw it, and say what it shows."""
    samples = simulate()
    PICTURE.write_text(picture(samples))
    for phase in range(len(PHASES)):
        means = [mean_dominant(settled(samples, phase), job) for job in range(len(NAMES))]
        shown = ", ".join(f"{name} {mean:.0%}" for name, mean in zip(NAMES, means, strict=True))
        print(f"minutes {2 * phase + 1} to {2 * phase + 2}: {shown}")


if __name__ == "__main__":
    main()
