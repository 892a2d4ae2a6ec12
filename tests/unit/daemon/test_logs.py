"""What peers cause to be logged stays on its line, and within bounds."""

from __future__ import annotations

import pytest
import structlog

from meseta.daemon.logs import LINE_CHARS_MAX, LINES_PER_S_MAX, LineLimit, log_counters, one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("naïve \U0001f600", "naïve \U0001f600"),
        ("a\nb\rc\x1b[31m", r"a\nb\rc\x1b[31m"),
        ("\x7f\x85\u2028\udcff", r"\x7f\x85\u2028\udcff"),
        ("\u200bé\n", "\u200bé\\n"),
    ],
)
def test_a_line_is_one_line(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_a_line_has_a_bound() -> None:
    shown = one_line("x" * 10_000_000)
    assert len(shown) < LINE_CHARS_MAX + 30
    assert shown.endswith(f"({10_000_000 - LINE_CHARS_MAX} more)")


def test_the_lines_of_a_second_have_a_bound() -> None:
    now = 1.0
    limit = LineLimit(lambda: now)
    before = log_counters["log_lines_dropped"]
    for _ in range(LINES_PER_S_MAX):
        assert limit(None, "info", {"event": "x"}) == {"event": "x"}
    for _ in range(7):
        with pytest.raises(structlog.DropEvent):
            limit(None, "warning", {"event": "x"})
    assert limit(None, "error", {"event": "x"}) == {"event": "x"}
    now = 2.0
    assert limit(None, "info", {"event": "x"}) == {"event": "(7 lines were dropped) x"}
    assert limit(None, "info", {"event": "y"}) == {"event": "y"}
    assert log_counters["log_lines_dropped"] == before + 7
