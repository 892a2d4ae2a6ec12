"""Finds what earlier lives of an agent have left below its work directory, and nobody will use again.

    slaves/<another agent>                       the agent has registered anew since
    …/frameworks/<framework>                     it did not checkpoint, so its tasks ended with the agent
    …/executors/<executor>/runs/<container>      all but the last run, which is the recovery's to deal with

Each in the tree of sandboxes and in that of checkpoints.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from meseta.agent import paths
from meseta.ids import AgentId
from meseta.runtime.sandbox import EXECUTOR_INFO, FRAMEWORK_INFO, LATEST, directories

ROOTS = ("", f"{paths.META}/")


def leftovers(work_dir: str, agent: AgentId | None) -> list[str]:
    """Return the paths, relative to `work_dir`. `agent` is who this agent still is; None: a new one."""
    return [
        path.removeprefix(f"{work_dir}/")
        for root in ROOTS
        for path in _of_agents(f"{work_dir}/{root}{paths.AGENTS}", f"{work_dir}/{paths.META}", agent)
    ]


def _of_agents(directory: str, meta: str, agent: AgentId | None) -> Iterator[str]:
    for path in directories(directory):
        if os.path.basename(path) != agent:
            yield path
            continue
        known = f"{meta}/{paths.agent_dir(agent)}/frameworks"
        for framework in directories(f"{path}/frameworks"):
            yield from _of_framework(framework, f"{known}/{os.path.basename(framework)}")


def _of_framework(directory: str, known: str) -> Iterator[str]:
    if not os.path.exists(f"{known}/{FRAMEWORK_INFO}"):
        yield directory
        return
    for executor in directories(f"{directory}/executors"):
        name = os.path.basename(executor)
        if not os.path.exists(f"{known}/executors/{name}/{EXECUTOR_INFO}"):
            yield executor
            continue
        last = os.path.basename(os.path.realpath(f"{known}/executors/{name}/runs/{LATEST}"))
        for run in directories(f"{executor}/runs"):
            if os.path.basename(run) != last:
                yield run
