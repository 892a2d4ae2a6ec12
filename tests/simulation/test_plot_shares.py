"""The plot of two frameworks' shares, and what docs/explanation/allocation.md says of it."""

from __future__ import annotations

import re
import runpy
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "docs" / "explanation" / "allocation.md").read_text()
NAMESPACE = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def plot() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "tools" / "plot_shares.py"))


@pytest.fixture(scope="module")
def samples(plot: dict[str, Any]) -> list[Any]:
    found: list[Any] = plot["simulate"]()
    return found


def percent(plot: dict[str, Any], samples: list[Any], phase: int) -> list[float]:
    settled = plot["settled"](samples, phase)
    return [100 * plot["mean_dominant"](settled, job) for job in (0, 1)]


def told(minutes: str) -> list[int]:
    """The percentages in the text's paragraph about two minutes."""
    match = re.search(rf"\*\*{minutes}\.\*\*(.*?)(?=\n- |\n\n)", TEXT, re.DOTALL)
    assert match is not None
    return [int(number) for number in re.findall(r"(\d+) %", match[1])]


@pytest.mark.parametrize(
    ("phase", "minutes"), [(0, "Minutes 1 and 2"), (1, "Minutes 3 and 4"), (2, "Minutes 5 and 6")]
)
def test_the_figures_in_the_text_hold(
    plot: dict[str, Any], samples: list[Any], phase: int, minutes: str
) -> None:
    figures = told(minutes) * (2 if phase == 2 else 1)
    assert percent(plot, samples, phase) == pytest.approx(figures, abs=3)


def test_the_first_two_minutes_are_those_of_the_paper(plot: dict[str, Any], samples: list[Any]) -> None:
    """About 70 % of the memory and 75 % of the CPUs."""
    settled = plot["settled"](samples, 0)
    mem = sum(sample.shares[0]["mem"] for sample in settled) / len(settled)
    cpus = sum(sample.shares[1]["cpus"] for sample in settled) / len(settled)
    assert (mem, cpus) == (pytest.approx(0.70, abs=0.03), pytest.approx(0.75, abs=0.03))


def test_nobody_ever_holds_more_than_there_is(samples: list[Any]) -> None:
    for sample in samples:
        assert all(sum(shares[name] for shares in sample.shares) <= 1.0 for name in ("cpus", "mem"))


def test_the_picture_is_one(plot: dict[str, Any], samples: list[Any]) -> None:
    for source in (plot["picture"](samples), plot["PICTURE"].read_text()):
        lines = ET.fromstring(source).findall(f"{NAMESPACE}polyline")
        assert [len(line.attrib["points"].split()) for line in lines] == [360, 360]
