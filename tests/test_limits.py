"""The document of limits says what the code has."""

from __future__ import annotations

import importlib
import re
from typing import Any, NamedTuple

import pytest

from tests.docs_kit import DOCS, rows

LINES = (DOCS / "explanation" / "limits.md").read_text().splitlines()
UNITS = {"KiB": 1 << 10, "MiB": 1 << 20}


class Limit(NamedTuple):
    """A row of the tables."""

    text: str
    place: str
    metrics: tuple[str, ...]


def limits() -> list[Limit]:
    found = []
    for line in LINES:
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 4 and cells[1].startswith("`"):
            found.append(Limit(cells[0], cells[1].strip("`"), tuple(re.findall(r"`([^`]+)`", cells[3]))))
    return found


def value_of(place: str) -> Any:
    """The value of `module.CONSTANT`, or the default of `module.Class.field`."""
    *path, name = place.split(".")
    owner = path.pop() if path[-1][0].isupper() else None
    module = importlib.import_module(".".join(["meseta", *path]))
    if owner is None:
        return getattr(module, name)
    of = getattr(module, owner)
    fields = getattr(of, "__dataclass_fields__", None)
    if fields is not None:
        return fields[name].default
    return dict(
        zip(of.__struct_fields__[-len(of.__struct_defaults__) :], of.__struct_defaults__, strict=True)
    )[name]


@pytest.mark.parametrize("limit", limits(), ids=lambda limit: limit.place)
def test_the_amount_is_that_of_the_code(limit: Limit) -> None:
    number, unit = re.match(r"([\d.,]+) ?(\w*)", limit.text).groups()  # type: ignore[union-attr]
    assert float(number.replace(",", "")) * UNITS.get(unit, 1) == value_of(limit.place)


@pytest.mark.parametrize("metric", sorted({metric for limit in limits() for metric in limit.metrics}))
def test_the_metric_is_there(metric: str) -> None:
    assert metric in rows("metrics.md")
