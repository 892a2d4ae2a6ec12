"""The table of failures names a test for each of them, and those tests are there."""

from __future__ import annotations

import ast
import re

import pytest

from tests.docs_kit import DOCS, ROOT

PAGE = DOCS / "explanation" / "failures.md"
SHOWN_BY = re.compile(r"`([\w/]+\.py)::(\w+)`")


def failures() -> list[list[str]]:
    """The rows of the table, without its head."""
    table = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table[1:]]


def test_there_is_a_table() -> None:
    assert len(failures()) >= 20
    assert all(len(row) == 4 for row in failures())


@pytest.mark.parametrize("row", failures(), ids=lambda row: row[0])
def test_each_failure_is_shown_by_a_test(row: list[str]) -> None:
    named = SHOWN_BY.findall(row[3])
    assert named, "no test is named"
    for path, name in named:
        tree = ast.parse((ROOT / "tests" / path).read_text())
        tests = [n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
        assert name in tests, f"{path} has no {name}"
