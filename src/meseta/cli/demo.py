"""`meseta demo`: two frameworks compete for a small cluster until each has its fair share, live."""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from meseta.cli.demo_view import plain_line, screen, story, summary, summary_json
from meseta.cli.demo_watch import CPU_HEAVY, MEM_HEAVY, SHAPES, Watch
from meseta.cli.endpoint import Cluster
from meseta.cli.faults import EXIT_FAILED, EXIT_INTERRUPTED
from meseta.cli.options import Json
from meseta.cli.show import print_json
from meseta.daemon.local import AgentShape, LocalCluster
from meseta.frameworks.contender import Contender
from meseta.runtime import loop

app = typer.Typer(add_completion=False)

GB = 1024.0
AGENTS = (AgentShape(3, 12 * GB), AgentShape(3, 4 * GB), AgentShape(3, 2 * GB))
"""9 CPUs and 18 GB. On equal agents the fair shares would not fit: beside two tasks of 3 CPUs there would be
room for one of 4 GB only. On these they fit, and so does all that is unfair: four tasks of the one framework,
or three of the other."""

SECOND_JOINS_S = 4.0
"""So that one can see what the first takes as long as it is alone."""
TASK_S = (4.0, 7.0)
"""How long tasks sleep: resources change hands only when tasks end."""
SAMPLE_INTERVAL_S = 0.25
PLAIN_INTERVAL_S = 1.0
SHOWN_S_MIN = 15.0


@app.command()
def demo(
    time_limit: Annotated[
        float,
        typer.Option(
            "--time-limit", min=1, help="Give up when the shares have not settled by then (seconds)."
        ),
    ] = 90.0,
    as_json: Json = False,
) -> int:
    """Show a master, three agents and two competing frameworks at work on this machine."""
    return loop.run(_demo(time_limit, as_json=as_json))


async def _demo(time_limit_s: float, *, as_json: bool) -> int:
    console = Console(quiet=as_json)
    console.print(story())
    interrupted = asyncio.Event()
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(signum, interrupted.set)
    logging.getLogger("meseta").setLevel(logging.CRITICAL)  # The screen is for the frameworks.
    watch = Watch()
    console.print("Starting the master and three agents …", style="dim")
    async with LocalCluster(AGENTS) as local, Cluster(local.master) as cluster:
        watch.start(local.master)
        async with _contenders(local.master) as contenders:
            await _watch(watch, local, cluster, contenders, console, interrupted, time_limit_s)
        console.print("Stopping …", style="dim")
    if as_json:
        print_json(summary_json(watch))
    else:
        console.print(summary(watch, interrupted=interrupted.is_set()))
    if interrupted.is_set():
        return EXIT_INTERRUPTED
    return 0 if watch.settled_s is not None else EXIT_FAILED


@asynccontextmanager
async def _contenders(master: str) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Let both frameworks compete, the second one a little later; remove them in the end."""
    contenders = [
        Contender(master, name=name, shape=SHAPES[name], duration_s=lambda: random.uniform(*TASK_S))
        for name in (MEM_HEAVY, CPU_HEAVY)
    ]
    tasks = [
        asyncio.ensure_future(_later(delay_s, contender))
        for delay_s, contender in zip((0.0, SECOND_JOINS_S), contenders, strict=True)
    ]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _later(delay_s: float, contender: Contender) -> None:
    await asyncio.sleep(delay_s)
    await contender.run()


async def _watch(
    watch: Watch,
    local: LocalCluster,
    cluster: Cluster,
    contenders: list[asyncio.Task[None]],
    console: Console,
    interrupted: asyncio.Event,
    time_limit_s: float,
) -> None:
    """Sample and show until the shares have settled, and not too short for anybody to read it."""
    plain_at = 0.0
    with Live(console=console, auto_refresh=False) if console.is_terminal else nullcontext() as live:
        while not interrupted.is_set() and watch.elapsed_s < time_limit_s:
            local.check()
            for contender in contenders:
                if contender.done():
                    contender.result()
            watch.sample(await cluster.get("/state"))
            if live is not None:
                live.update(screen(watch, console.height), refresh=True)
            elif time.monotonic() >= plain_at:
                console.print(plain_line(watch), soft_wrap=True)
                plain_at = time.monotonic() + PLAIN_INTERVAL_S
            if watch.settled_s is not None and watch.elapsed_s >= SHOWN_S_MIN:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(SAMPLE_INTERVAL_S):
                    await interrupted.wait()
