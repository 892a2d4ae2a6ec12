"""Run the demo's cluster and draw its screen, once the shares have settled, as docs/images/demo.svg.

python tools/make_picture.py
"""

from __future__ import annotations

import asyncio
import io
import random
import re
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from meseta.cli.demo import AGENTS, SAMPLE_INTERVAL_S, SECOND_JOINS_S, TASK_S
from meseta.cli.demo_view import SCREEN_CELLS, SCREEN_LINES, screen
from meseta.cli.demo_watch import CPU_HEAVY, MEM_HEAVY, SHAPES, Watch
from meseta.cli.endpoint import Cluster
from meseta.daemon.local import LocalCluster
from meseta.frameworks.contender import Contender
from meseta.runtime import loop

PICTURE = Path(__file__).parent.parent / "docs" / "images" / "demo.svg"
SHOWN_S_MIN = 20.0
NO_WEB_FONTS = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


async def compete(master: str, name: str, joins_s: float) -> None:
    """Take part from then on."""
    await asyncio.sleep(joins_s)
    contender = Contender(master, name=name, shape=SHAPES[name], duration_s=lambda: random.uniform(*TASK_S))
    await contender.run()


async def watch_demo() -> Watch:
    """Return what is seen until both shares have settled."""
    watch = Watch()
    async with LocalCluster(AGENTS) as local, Cluster(local.master) as cluster:
        watch.start(local.master)
        frameworks = [
            asyncio.ensure_future(compete(local.master, MEM_HEAVY, 0.0)),
            asyncio.ensure_future(compete(local.master, CPU_HEAVY, SECOND_JOINS_S)),
        ]
        while watch.settled_s is None or watch.elapsed_s < SHOWN_S_MIN:
            watch.sample(await cluster.get("/state"))
            await asyncio.sleep(SAMPLE_INTERVAL_S)
        for framework in frameworks:
            framework.cancel()
        await asyncio.gather(*frameworks, return_exceptions=True)
    return watch


def main() -> None:
    """Draw it."""
    watch = loop.run(watch_demo())
    console = Console(record=True, width=SCREEN_CELLS, file=io.StringIO(), force_terminal=True)
    console.print(screen(watch, SCREEN_LINES + 1))
    console.save_svg(str(PICTURE), title="make demo", code_format=NO_WEB_FONTS, unique_id="demo")


if __name__ == "__main__":
    main()
