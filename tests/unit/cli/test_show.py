"""How amounts, times, ids and tables are shown."""

from __future__ import annotations

import pytest

from meseta.cli import show

MASTER = "63058143-67e5-4714-8ba7-527949192760"


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (0.1, "0.1"), (0.001, "0.001"), (3.0, "3"), (10.0, "10"), (100.0, "100")]
)
def test_numbers(value: float, text: str) -> None:
    assert show.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 MB"),
        (64.0, "64 MB"),
        (1023.0, "1023 MB"),
        (1024.0, "1 GB"),
        (1536.0, "1.5 GB"),
        (2**21, "2 TB"),
    ],
)
def test_megabytes(value: float, text: str) -> None:
    assert show.megabytes(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (-5, "0s"), (119, "119s"), (120, "2m"), (7199, "119m"), (7200, "2h"), (172_800, "2d")],
)
def test_ages(seconds: int, text: str) -> None:
    assert show.ago(1_000_000 - seconds, now=1_000_000) == text


def test_no_time_is_no_age() -> None:
    assert show.ago(0.0) == "-"


@pytest.mark.parametrize(
    ("is_terminal", "ids", "shown"),
    [
        (True, [f"{MASTER}-S0", f"{MASTER}-O12", f"{MASTER}-0003"], ["S0", "O12", "0003"]),
        (True, [f"{MASTER}-S0", f"{MASTER[:-1]}9-S0"], None),
        (True, [f"{MASTER}-S0", "my-own"], None),
        (False, [f"{MASTER}-S0"], None),
        (True, [], []),
    ],
)
def test_ids_are_short_where_that_is_unambiguous(
    is_terminal: bool, ids: list[str], shown: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal)
    assert list(show.short_ids(ids).values()) == (ids if shown is None else shown)


def test_pipes_get_plain_columns_of_any_width(capsys: pytest.CaptureFixture[str]) -> None:
    wide = "x" * 300
    show.print_table([show.Column("A"), show.Column("B", right=True)], [[wide, "1"], ["y", "2"]], "nothing")
    assert capsys.readouterr().out.splitlines() == [f"A{' ' * 299}  B", f"{wide}  1", f"y{' ' * 299}  2"]


def test_pipes_get_the_titles_alone_when_there_is_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    show.print_table([show.Column("A")], [], "nothing")
    assert capsys.readouterr().out == "A\n"
