"""Plans and isolators as data."""

from __future__ import annotations

from meseta.containers.isolators import ordered, unknown
from meseta.containers.plan import file_and_argv
from meseta.records import CommandInfo


def test_a_line_goes_to_the_shell() -> None:
    assert file_and_argv(CommandInfo(value="a | b")) == ("/bin/sh", ("sh", "-c", "a | b"))


def test_without_a_shell_the_arguments_are_the_whole_argv() -> None:
    command = CommandInfo(value="/bin/cat", shell=False, arguments=("cat", "x"))
    assert file_and_argv(command) == ("/bin/cat", ("cat", "x"))
    assert file_and_argv(CommandInfo(value="true", shell=False)) == ("true", ("true",))


def test_isolators_prepare_in_the_order_of_the_table() -> None:
    names = ("cgroups/mem", "posix/cpu", "nonsense")
    assert ordered(names) == ("posix/cpu", "cgroups/mem")
    assert unknown(names) == ["nonsense"]
