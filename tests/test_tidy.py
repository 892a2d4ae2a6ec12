"""The house rules that a machine can check. Exceptions need a reason in `ALLOWED_LONG`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "meseta"
MODULE_LINES_MAX = 800
FUNCTION_LINES_MAX = 70
PURE = [
    "ids.py",
    "errors.py",
    "machine.py",
    "roles.py",
    "resources",
    "resources.py",
    "attributes.py",
    "records",
    "updates.py",
    "allocator",
    "master",
    "agent",
    "election",
    "executors",
    "containers",
]
FORBIDDEN_IN_PURE = {"asyncio", "socket", "time", "random", "os", "subprocess", "threading", "google"}


def modules(*roots: Path) -> Iterator[Path]:
    """All Python files below `roots` that people write."""
    for root in roots:
        for path in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
            if "gen" not in path.relative_to(ROOT).parts and path.is_file():
                yield path


def pure_modules() -> Iterator[Path]:
    """The files of the pure core."""
    return modules(*(SOURCE / name for name in PURE if (SOURCE / name).exists()))


def imported(tree: ast.AST) -> Iterator[str]:
    """Top-level names of everything that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("path", [*modules(SOURCE, ROOT / "benchmarks", ROOT / "examples")], ids=str)
def test_modules_and_functions_stay_short(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= MODULE_LINES_MAX, f"{path} is longer than {MODULE_LINES_MAX} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            assert lines <= FUNCTION_LINES_MAX, f"{path}:{node.lineno} {node.name} has {lines} lines"


@pytest.mark.parametrize("path", [*pure_modules()], ids=str)
def test_the_pure_core_is_pure(path: Path) -> None:
    bad = set(imported(ast.parse(path.read_text()))) & FORBIDDEN_IN_PURE
    assert not bad, f"{path} imports {sorted(bad)}: time, chance and I/O are arguments and effects"


@pytest.mark.parametrize("path", [*pure_modules()], ids=str)
def test_the_pure_core_does_not_iterate_over_set_literals(path: Path) -> None:
    """Iteration order of a set differs between processes, and runs must be reproducible."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.For):
            is_set = isinstance(node.iter, ast.Set | ast.SetComp) or (
                isinstance(node.iter, ast.Call)
                and isinstance(node.iter.func, ast.Name)
                and node.iter.func.id in ("set", "frozenset")
            )
            assert not is_set, f"{path}:{node.lineno} iterates over a set: sort it, or use a dict"


def test_protobuf_stays_at_the_edge() -> None:
    allowed = {"wire", "api", "sdk", "daemon", "sim", "cli", "frameworks", "testing"}
    for path in modules(SOURCE):
        room = path.relative_to(SOURCE).parts[0]
        if room not in allowed:
            assert "_pb2" not in path.read_text(), f"{path} uses protobuf messages outside the edge"


def test_nothing_is_left_to_do() -> None:
    for path in modules(SOURCE, ROOT / "tools", ROOT / "benchmarks", ROOT / "examples"):
        marks = re.findall(r"\b(TODO|FIXME|XXX|HACK)\b", path.read_text())
        assert not marks, f"{path} has {marks}"


def test_say_agent_not_slave() -> None:
    """Python names say agent; strings may speak the wire's language."""
    for path in modules(SOURCE):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                said = "slave" in node.name.lower() and node.name != "slaveLost"  # a name of the classic API
                assert not said, f"{path}:{node.lineno} {node.name}"


def test_every_package_and_module_says_what_it_is_for() -> None:
    for path in modules(SOURCE):
        text = path.read_text()
        if text.strip():
            assert ast.get_docstring(ast.parse(text)), f"{path} has no module docstring"
