"""`meseta local`."""

from __future__ import annotations

import asyncio
import signal
from typing import Annotated, Any

import typer

from meseta.cli.endpoint import Cluster
from meseta.cli.options import Json
from meseta.cli.show import megabytes, number, print_json
from meseta.daemon.local import AGENTS_MAX, AgentShape, LocalCluster
from meseta.runtime import loop

app = typer.Typer(add_completion=False)

CHECK_INTERVAL_S = 1.0


@app.command()
def local(
    agents: Annotated[
        int, typer.Option("--agents", "-n", min=1, max=AGENTS_MAX, help="How many agents.")
    ] = 3,
    cpus: Annotated[float, typer.Option(min=0.1, help="What each agent claims to have.")] = 3.0,
    mem: Annotated[float, typer.Option(min=32, help="The same in MB.")] = 6144.0,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the master; 0 picks a free one.")
    ] = 5050,
    work_dir: Annotated[
        str,
        typer.Option("--work_dir", "--work-dir", help="Keep everything here; by default it goes at the end."),
    ] = "",
    as_json: Json = False,
) -> None:
    """Run a master and some agents on this machine until Ctrl-C."""
    shapes = [AgentShape(cpus, mem)] * agents
    loop.run(_serve(LocalCluster(shapes, port=port, work_dir=work_dir or None), as_json=as_json))


async def _serve(cluster: LocalCluster, *, as_json: bool) -> None:
    stopped = asyncio.Event()
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(signum, stopped.set)
    starting = asyncio.ensure_future(cluster.start())
    try:
        if await _first_of(starting, stopped):
            await _tell(cluster, as_json=as_json)
            while not stopped.is_set():
                cluster.check()
                await _pause(stopped)
    finally:
        if not as_json:
            print("\nStopping …", flush=True)
        await cluster.stop()


async def _first_of(starting: asyncio.Future[None], stopped: asyncio.Event) -> bool:
    """Return whether the cluster has started before it was to stop."""
    waiting = asyncio.ensure_future(stopped.wait())
    both: list[asyncio.Future[Any]] = [starting, waiting]
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if starting.done():
        starting.result()
        return True
    starting.cancel()
    await asyncio.wait([starting])
    return False


async def _pause(stopped: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(CHECK_INTERVAL_S):
            await stopped.wait()
    except TimeoutError:
        pass


async def _tell(local_cluster: LocalCluster, *, as_json: bool) -> None:
    master = local_cluster.master
    async with Cluster(master) as cluster:
        agents = (await cluster.get("/slaves"))["slaves"]
    addresses = sorted(agent["pid"].rpartition("@")[2] for agent in agents)
    if as_json:
        print_json({"master": master, "agents": addresses, "work_dir": str(local_cluster.dir)})
    else:
        print(_greeting(master, agents, local_cluster), flush=True)


def _greeting(master: str, agents: list[dict[str, object]], local_cluster: LocalCluster) -> str:
    lines = [f"master   http://{master}"]
    for agent in sorted(agents, key=lambda agent: str(agent["pid"])):
        resources = agent["resources"]
        assert isinstance(resources, dict)
        address = str(agent["pid"]).rpartition("@")[2]
        lines.append(
            f"agent    http://{address}   {number(resources['cpus'])} CPUs, {megabytes(resources['mem'])}"
        )
    option = "" if master.endswith(":5050") else f" --master={master}"
    lines += [
        f"files    {local_cluster.dir}",
        "",
        f"Try:     meseta run{option} --instances 3 -- echo hello",
        f"         meseta agents{option}",
        "Ctrl-C stops all of it.",
    ]
    return "\n".join(lines)
