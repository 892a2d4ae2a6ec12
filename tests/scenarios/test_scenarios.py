"""Runs every scenario file; see `runner`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.scenarios.runner import run

FILES = sorted(Path(__file__).parent.glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_scenario(path: Path) -> None:
    expected = path.read_text()
    actual = run(expected)
    if os.environ.get("MESETA_REWRITE_SCENARIOS"):
        path.write_text(actual)
        return
    assert actual.splitlines() == expected.splitlines()
