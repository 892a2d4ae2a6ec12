"""Which checkpoints an agent takes up: those of Mesos and of its own version or before."""

from __future__ import annotations

from pathlib import Path

import pytest

from meseta.errors import ConfigError
from meseta.runtime.checkpoint_format import FORMAT, check_format


@pytest.mark.parametrize("before", [None, "", "1", "1\n"])
def test_older_checkpoints_are_taken_up_and_marked(tmp_path: Path, before: str | None) -> None:
    mark = tmp_path / "meta" / "format"
    if before is not None:
        mark.parent.mkdir()
        mark.write_text(before)
    check_format(str(tmp_path))
    assert mark.read_text() == str(FORMAT)


@pytest.mark.parametrize(
    ("before", "sentence"),
    [
        (str(FORMAT + 1), f"a newer Meseta has written the checkpoints in .*: they have format {FORMAT + 1}"),
        ("0", "no format of checkpoints"),
        ("-1", "no format of checkpoints"),
        ("²", "no format of checkpoints"),
        ("x" * 1000, "says 'x{40}', which is no format"),
    ],
)
def test_others_are_refused_and_left_alone(tmp_path: Path, before: str, sentence: str) -> None:
    mark = tmp_path / "meta" / "format"
    mark.parent.mkdir()
    mark.write_text(before)
    with pytest.raises(ConfigError, match=sentence):
        check_format(str(tmp_path))
    assert mark.read_text() == before
