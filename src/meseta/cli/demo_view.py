"""How the demo looks: the live screen, its plain form for pipes, and the summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from meseta.cli.demo_watch import CPU_HEAVY, FAIR, FAIR_SHARE, MEM_HEAVY, SHAPES, AgentView, Sample, Watch
from meseta.cli.show import ago, megabytes, number

COLORS = {MEM_HEAVY: "cyan", CPU_HEAVY: "magenta"}
BAR_CELLS = 18
SHARE_CELLS = 24
CHART_CELLS = 66
CHART_STEPS = 6
CHART_LABELS = {6: "1", 4: "2/3", 2: "1/3", 0: "0"}
TASK_ROWS = 8
TASK_ROWS_MIN = 5
SCREEN_CELLS = 80
SCREEN_LINES = 34
SCREEN_LINES_WITHOUT_CHART = 25
EIGHTHS = " ▏▎▍▌▋▊▉█"


def story() -> RenderableType:
    """What is going to be seen."""
    text = Text.assemble(
        ("Meseta demo", "bold"),
        "\nTwo frameworks want all they can get of three agents with 9 CPUs and 18 GB in total.\n",
        (MEM_HEAVY, COLORS[MEM_HEAVY]),
        f" runs tasks of {_shape(MEM_HEAVY)}, ",
        (CPU_HEAVY, COLORS[CPU_HEAVY]),
        f" tasks of {_shape(CPU_HEAVY)}.\n",
        "Dominant resource fairness gives each 2/3 of what it needs most: 3 tasks and 2 tasks.\n",
    )
    return text


def screen(watch: Watch, lines: int) -> RenderableType:
    """The live screen; in a terminal of few lines the chart is left out."""
    sample = watch.samples[-1]
    parts = [_agents(sample), Text(), _standings(sample), Text()]
    if lines > SCREEN_LINES:
        parts += [_chart(watch), Text()]
    task_rows = TASK_ROWS if lines > SCREEN_LINES_WITHOUT_CHART else TASK_ROWS_MIN
    return Panel(
        Group(*parts, _tasks(sample, task_rows), _verdict(watch)),
        title=f"[bold]Meseta[/] [dim]master {watch.master} · {watch.elapsed_s:.0f} s[/]",
        title_align="left",
        box=box.ROUNDED,
        border_style="dim",
        padding=(1, 2),
        width=SCREEN_CELLS,
    )


def plain_line(watch: Watch) -> str:
    """One line of what the screen shows, for when there is none."""
    sample = watch.samples[-1]
    standings = ", ".join(
        f"{name} {standing.tasks} tasks {standing.share:.2f}" for name, standing in sample.standings.items()
    )
    agents = " ".join(
        f"{agent.id} {number(agent.used['cpus'])}/{number(agent.total['cpus'])} CPUs"
        for agent in sample.agents
    )
    return f"{sample.at_s:5.1f} s  {standings}  ({agents})"


def summary(watch: Watch, *, interrupted: bool) -> RenderableType:
    """What came out."""
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for title in ("FRAMEWORK", "TASK", "TASKS", "DOMINANT SHARE", "FAIR", "TASKS ENDED"):
        table.add_column(title, justify="left" if title in ("FRAMEWORK", "TASK") else "right")
    for name, fair in FAIR.items():
        standing = watch.samples[-1].standings[name] if watch.samples else None
        table.add_row(
            Text(name, style=COLORS[name]),
            _shape(name),
            f"{standing.tasks if standing else 0} of {fair}",
            f"{watch.mean_share(name):.2f}",
            f"{FAIR_SHARE:.2f}",
            str(standing.ended if standing else 0),
        )
    return Group(table, _conclusion(watch, interrupted=interrupted))


def summary_json(watch: Watch) -> dict[str, Any]:
    """The same for programs."""
    standings = watch.samples[-1].standings if watch.samples else {}
    return {
        "settled_after_s": None if watch.settled_s is None else round(watch.settled_s, 1),
        "frameworks": {
            name: {
                "tasks": standing.tasks,
                "tasks_ended": standing.ended,
                "dominant_resource": standing.resource,
                "dominant_share": round(watch.mean_share(name), 3),
                "fair_share": round(FAIR_SHARE, 3),
            }
            for name, standing in standings.items()
        },
    }


def _conclusion(watch: Watch, *, interrupted: bool) -> Text:
    if watch.settled_s is not None:
        return Text.assemble(
            ("✓ ", "green"),
            f"Both dominant shares settled at 2/3 within {watch.settled_s:.0f} s. Nothing is left running.",
        )
    if interrupted:
        return Text(f"Interrupted after {watch.elapsed_s:.0f} s. Nothing is left running.")
    return Text.assemble(
        ("✗ ", "red"),
        f"The shares had not settled at 2/3 after {watch.elapsed_s:.0f} s; if this machine is very busy, "
        "try --time-limit=300. Nothing is left running.",
    )


# ── parts of the screen ────────────────────────────────────────────────────────────────────────────────


def _agents(sample: Sample) -> RenderableType:
    table = _grid("AGENT", "CPUS", "", "MEMORY", "", "TASKS")
    for agent in sample.agents:
        table.add_row(
            agent.id,
            _use_bar(agent, "cpus"),
            f"{number(agent.used['cpus'])}/{number(agent.total['cpus'])}",
            _use_bar(agent, "mem"),
            f"{agent.used['mem'] / 1024:.0f}/{agent.total['mem'] / 1024:.0f} GB",
            Text(" ").join(Text("■", style=COLORS[task.framework]) for task in agent.tasks),
        )
    return table


def _standings(sample: Sample) -> RenderableType:
    table = _grid("FRAMEWORK", "EACH TASK", "TASKS", "DOMINANT SHARE", "", "")
    for name, standing in sample.standings.items():
        table.add_row(
            Text(name, style=COLORS[name]),
            _shape(name),
            str(standing.tasks),
            _share_bar(standing.share, COLORS[name]),
            f"{standing.share:.2f}",
            {"cpus": "of CPUs", "mem": "of memory"}.get(standing.resource, ""),
        )
    return table


def _chart(watch: Watch) -> RenderableType:
    """Both shares over time: a column per sample, the newest on the right."""
    samples = list(watch.samples)[-CHART_CELLS:]
    heights = {
        name: [round(sample.standings[name].share * CHART_STEPS) for sample in samples] for name in COLORS
    }
    rows = [Text("DOMINANT SHARES OVER TIME", style="dim")]
    for level in range(CHART_STEPS, -1, -1):
        row = Text(CHART_LABELS.get(level, "").rjust(4) + " ", style="dim")
        for column in range(CHART_CELLS):
            here = [name for name in COLORS if column < len(samples) and heights[name][column] == level]
            row.append(*_chart_cell(here, is_fair=level == round(FAIR_SHARE * CHART_STEPS)))
        rows.append(row)
    return Group(*rows)


def _chart_cell(here: Sequence[str], *, is_fair: bool) -> tuple[str, str]:
    """Return the character and the style of a cell in which these frameworks are."""
    if len(here) > 1:
        return "█", "bold white"
    if here:
        return "█", COLORS[here[0]]
    return ("┈", "bright_black") if is_fair else (" ", "")


def _tasks(sample: Sample, count: int) -> RenderableType:
    table = _grid("TASK", "AGENT", "STATE", "FOR")
    running = sorted((task for agent in sample.agents for task in agent.tasks), key=lambda task: task.since)
    tasks = (*running, *sample.recent)[:count]
    for task in tasks:
        color = COLORS[task.framework]
        is_over = task in sample.recent
        state = task.state.removeprefix("TASK_").lower()
        table.add_row(
            Text(task.id, style="dim" if is_over else color),
            Text(task.agent, style="dim" if is_over else ""),
            Text(state, style="dim" if is_over else ""),
            Text(ago(task.since), style="dim"),
        )
    for _ in range(count - len(tasks)):  # What is below stays where it is.
        table.add_row()
    return table


def _verdict(watch: Watch) -> RenderableType:
    if watch.settled_s is None:
        return Text("\nwaiting for both shares to settle at 2/3 …", style="dim")
    return Text.assemble("\n", ("✓ ", "green"), f"both shares settled at 2/3 within {watch.settled_s:.0f} s")


def bar(value: float, cells: int) -> str:
    """Return a bar of `cells` characters, filled from 0 to 1."""
    eighths = round(min(1.0, max(0.0, value)) * cells * 8)
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + (EIGHTHS[rest] if rest else "")).ljust(cells)


def _use_bar(agent: AgentView, name: str) -> Text:
    """A bar in which every framework has its colour."""
    text = Text()
    total = agent.total[name] or 1.0
    for framework, color in COLORS.items():
        count = sum(task.framework == framework for task in agent.tasks)
        text.append("█" * round(count * getattr(SHAPES[framework], name) / total * BAR_CELLS), style=color)
    text.append("░" * max(0, BAR_CELLS - len(text)), style="bright_black")
    return text


def _share_bar(share: float, color: str) -> Text:
    """A bar with a mark at the fair share."""
    text = Text(bar(share, SHARE_CELLS).replace(" ", "·"), style=color)
    mark = round(FAIR_SHARE * SHARE_CELLS)
    text.stylize("bright_black", len(bar(share, SHARE_CELLS).rstrip()))
    return Text.assemble(text[:mark], ("┃", "bold"), text[mark:])


def _grid(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for title in titles:
        table.add_column(title, no_wrap=True)
    return table


def _shape(name: str) -> str:
    shape = SHAPES[name]
    return f"{number(shape.cpus)} CPU{'s' if shape.cpus > 1 else ''}, {megabytes(shape.mem)}"
