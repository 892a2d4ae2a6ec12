"""The reference documents name what there is, and nothing that there is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from meseta.daemon.config import AGENT_FLAGS, MASTER_FLAGS
from meseta.daemon.flags import Flag
from meseta.daemon.foreign_flags import FOREIGN_AGENT_FLAGS, FOREIGN_MASTER_FLAGS

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"


def rows(document: str) -> dict[str, list[str]]:
    """The rows of a document's tables, by the code in their first column."""
    found = {}
    for line in (REFERENCE / document).read_text().splitlines():
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and cells[0].startswith("`"):
            found[cells[0].strip("`")] = cells[1:]
    return found


@pytest.mark.parametrize(
    "flag", list({f.name: f for f in (*MASTER_FLAGS, *AGENT_FLAGS)}.values()), ids=lambda f: f.name
)
def test_every_flag_is_documented_with_its_default(flag: Flag) -> None:
    documented = rows("flags.md")
    assert f"--{flag.name}" in documented
    kind, default, text = documented[f"--{flag.name}"]
    assert kind == flag.kind
    assert flag.default is None or flag.default in default
    assert text == flag.help


def test_no_flag_is_documented_that_there_is_not() -> None:
    names = {f"--{flag.name}" for flag in (*MASTER_FLAGS, *AGENT_FLAGS)}
    assert set(rows("flags.md")) <= names


def test_ignored_flags_are_named() -> None:
    text = (REFERENCE / "flags.md").read_text()
    assert not [name for name in (*FOREIGN_MASTER_FLAGS, *FOREIGN_AGENT_FLAGS) if f"`{name}`" not in text]


@pytest.mark.parametrize(
    "document",
    sorted(path.relative_to(ROOT) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]),
    ids=str,
)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (ROOT / document).read_text()):
        assert ((ROOT / document).parent / target).exists(), f"{document} links to {target}"
