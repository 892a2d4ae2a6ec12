"""Every effect of a machine has a performer: in the daemon, and in the simulator."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any, get_args

import pytest

from meseta.agent.effects import AgentEffect
from meseta.master.effects import MasterEffect

SOURCE = Path(__file__).parent.parent.parent / "src" / "meseta"
NEVER_ASKED_FOR = {"Authenticate"}
"""By our daemon, which has no credentials yet."""


def performed(*modules: str) -> set[str]:
    """The names of the effects in the tables that functions named `…performers` of these modules return."""
    return {
        key.attr if isinstance(key, ast.Attribute) else key.id
        for module in modules
        for function in ast.walk(ast.parse((SOURCE / module).read_text()))
        if isinstance(function, ast.FunctionDef) and function.name.endswith("performers")
        for table in ast.walk(function)
        if isinstance(table, ast.Dict)
        for key in table.keys
        if isinstance(key, ast.Attribute | ast.Name)
    }


def names(effects: Any) -> set[str]:
    """The names of the effects in a union."""
    return {effect.__name__ for effect in get_args(effects)}


@pytest.mark.parametrize("module", ["daemon/master.py", "sim/master_node.py"])
def test_every_effect_of_the_master_is_performed(module: str) -> None:
    assert performed(module) == names(MasterEffect)


def test_every_effect_of_the_agent_is_performed() -> None:
    daemon = performed("daemon/agent.py", "runtime/container_host.py")
    assert daemon == names(AgentEffect) - NEVER_ASKED_FOR
    assert performed("sim/agent_node.py") == names(AgentEffect)
