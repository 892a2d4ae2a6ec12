"""What the demo makes of the master's state, and what it shows of that."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from meseta.cli import demo_view
from meseta.cli.demo import AGENTS
from meseta.cli.demo_watch import CPU_HEAVY, FAIR, MEM_HEAVY, SETTLED_S, SHAPES, Watch, read_state

LABELS = ("S0", "S1", "S2")


class Clock:
    """A clock that is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def state(placement: dict[str, list[str]], completed: int = 0) -> dict[str, Any]:
    """A master's `/state` in which frameworks have tasks on agents."""
    agents = [
        {
            "id": f"m-{label}",
            "pid": f"slave(1)@127.0.0.1:{number}",
            "resources": {"cpus": shape.cpus, "mem": shape.mem},
            "used_resources": used(
                [(name, at) for name, ats in placement.items() for at in ats if at == label]
            ),
        }
        for number, (label, shape) in enumerate(zip(LABELS, AGENTS, strict=True))
    ]
    frameworks = [
        {
            "name": name,
            "used_resources": used([(name, label) for label in labels]),
            "tasks": [task(f"{name}-{index}", label, "TASK_RUNNING") for index, label in enumerate(labels)],
            "completed_tasks": [
                task(f"{name}-x{index}", "S0", "TASK_FINISHED") for index in range(completed)
            ],
        }
        for name, labels in placement.items()
    ]
    return {"slaves": agents, "frameworks": frameworks}


def used(tasks: list[tuple[str, str]]) -> dict[str, float]:
    return {
        "cpus": sum(SHAPES[name].cpus for name, _ in tasks),
        "mem": sum(SHAPES[name].mem for name, _ in tasks),
    }


def task(task_id: str, label: str, task_state: str) -> dict[str, Any]:
    return {"id": task_id, "slave_id": f"m-{label}", "state": task_state, "statuses": [{"timestamp": 5.0}]}


FAIR_PLACEMENT = {MEM_HEAVY: ["S0", "S0", "S0"], CPU_HEAVY: ["S1", "S2"]}
UNFAIR_PLACEMENT = {MEM_HEAVY: ["S0", "S0", "S0", "S1"], CPU_HEAVY: ["S2"]}


def test_the_agents_have_nine_cpus_and_eighteen_gigabytes() -> None:
    assert sum(agent.cpus for agent in AGENTS) == 9
    assert sum(agent.mem for agent in AGENTS) == 18 * 1024


def test_the_fair_placement_fits_and_so_do_unfair_ones() -> None:
    for placement in (FAIR_PLACEMENT, UNFAIR_PLACEMENT, {CPU_HEAVY: list(LABELS)}):
        for agent in read_state(state(placement), 0.0).agents:
            assert agent.used["cpus"] <= agent.total["cpus"]
            assert agent.used["mem"] <= agent.total["mem"]


def test_standings() -> None:
    sample = read_state(state(UNFAIR_PLACEMENT), 1.0)
    mem, cpu = sample.standings[MEM_HEAVY], sample.standings[CPU_HEAVY]
    assert (mem.tasks, mem.resource, round(mem.share, 3)) == (4, "mem", round(16 / 18, 3))
    assert (cpu.tasks, cpu.resource, round(cpu.share, 3)) == (1, "cpus", round(3 / 9, 3))
    assert [[each.id for each in agent.tasks] for agent in sample.agents][1] == [f"{MEM_HEAVY}-3"]


def test_a_framework_that_has_not_come_yet_has_nothing() -> None:
    standing = read_state(state({}), 0.0).standings[CPU_HEAVY]
    assert (standing.tasks, standing.share) == (0, 0.0)


def observe(watch: Watch, clock: Clock, placement: dict[str, list[str]], seconds: float) -> None:
    """Sample four times a second."""
    for _ in range(int(seconds * 4)):
        clock.now += 0.25
        watch.sample(state(placement))


def test_shares_are_settled_when_they_have_stayed() -> None:
    clock = Clock()
    watch = Watch(clock)
    observe(watch, clock, UNFAIR_PLACEMENT, 8)
    assert watch.settled_s is None
    observe(watch, clock, FAIR_PLACEMENT, SETTLED_S / 2)
    assert watch.settled_s is None
    observe(watch, clock, FAIR_PLACEMENT, SETTLED_S / 2)
    assert watch.settled_s is not None
    assert all(watch.mean_share(name) == pytest.approx(2 / 3, abs=0.08) for name in FAIR)


def test_gaps_between_tasks_do_not_matter() -> None:
    clock = Clock()
    watch = Watch(clock)
    gap = {MEM_HEAVY: ["S0", "S0"], CPU_HEAVY: ["S1", "S2"]}
    for _ in range(10):
        observe(watch, clock, FAIR_PLACEMENT, 1)
        observe(watch, clock, gap, 0.25)
    assert watch.settled_s is not None


def test_another_division_never_settles() -> None:
    clock = Clock()
    watch = Watch(clock)
    observe(watch, clock, UNFAIR_PLACEMENT, 60)
    assert watch.settled_s is None


@pytest.mark.parametrize("lines", [24, 30, 60])
@pytest.mark.parametrize("placement", [{}, UNFAIR_PLACEMENT, FAIR_PLACEMENT])
def test_the_screen_fits_into_the_terminal(lines: int, placement: dict[str, list[str]]) -> None:
    clock = Clock()
    watch = Watch(clock)
    observe(watch, clock, placement, 20)
    console = Console(width=80, height=lines, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(demo_view.screen(watch, lines))
    shown = capture.get().splitlines()
    assert len(shown) <= lines
    assert max(len(line) for line in shown) == 80
    assert "…" not in "".join(shown[:-3])


def test_the_screen_does_not_change_its_height_with_the_tasks() -> None:
    heights = set()
    for placement in ({}, UNFAIR_PLACEMENT, FAIR_PLACEMENT):
        clock = Clock()
        watch = Watch(clock)
        observe(watch, clock, placement, 1)
        console = Console(width=80, color_system=None)
        heights.add(len(console.render_lines(demo_view.screen(watch, 60))))
    assert len(heights) == 1


def test_the_summary_says_how_it_went() -> None:
    clock = Clock()
    watch = Watch(clock)
    observe(watch, clock, FAIR_PLACEMENT, 10)
    console = Console(width=100, color_system=None)
    with console.capture() as capture:
        console.print(demo_view.summary(watch, interrupted=False))
    assert "Both dominant shares settled at 2/3" in capture.get()
    assert demo_view.summary_json(watch)["frameworks"][CPU_HEAVY]["tasks"] == 2


def test_bars() -> None:
    assert demo_view.bar(0.0, 4) == "    "
    assert demo_view.bar(0.5, 4) == "██  "
    assert demo_view.bar(2.0, 4) == "████"
    assert demo_view.bar(1 / 32, 4) == "▏   "
