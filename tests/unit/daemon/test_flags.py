"""Flags: forms, sources, kinds, and what is said about those that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from meseta.daemon.config import AGENT_FLAGS, MASTER_FLAGS
from meseta.daemon.flags import Flags, parse_duration_s, parse_flags, parse_size
from meseta.daemon.foreign_flags import FOREIGN_AGENT_FLAGS, FOREIGN_MASTER_FLAGS
from meseta.errors import ConfigError


def master(*arguments: str, **environment: str) -> tuple[Flags, list[str]]:
    return parse_flags(arguments, environment, MASTER_FLAGS, FOREIGN_MASTER_FLAGS)


@pytest.mark.parametrize(
    "argument", [["--work_dir=/x"], ["--work-dir=/x"], ["--work_dir", "/x"], ["--work-dir", "/x"]]
)
def test_every_form_of_a_flag_is_understood(argument: list[str]) -> None:
    assert master(*argument)[0]["work_dir"] == "/x"


@pytest.mark.parametrize(
    ("argument", "value"),
    [("--root_submissions", True), ("--no-root_submissions", False), ("--no-root-submissions", False)],
)
def test_a_switch_can_be_turned_off(argument: str, value: bool) -> None:
    assert master(argument)[0]["root_submissions"] is value


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "meseta.toml"
    file.write_text('port = 1\ncluster = "file"\nhostname = "file"\nquiet = true\n')
    flags, _ = master(f"--config={file}", "--port=4", MESETA_PORT="3", MESOS_PORT="2", MESOS_CLUSTER="mesos")
    assert (flags["port"], flags["cluster"], flags["hostname"], flags["quiet"]) == (4, "mesos", "file", True)


def test_a_value_can_be_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "name").write_text("blue\n")
    assert master(f"--cluster=file://{tmp_path}/name")[0]["cluster"] == "blue"


@pytest.mark.parametrize("flag", ["config", "cluster"])
def test_a_file_that_is_no_text_is_refused(flag: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\xff\xfe")
    prefix = "" if flag == "config" else "file://"
    with pytest.raises(ConfigError, match=f"--{flag}=.* cannot be read: it is no UTF-8 text"):
        master(f"--{flag}={prefix}{tmp_path}/file")


def test_a_flag_of_mesos_without_meaning_is_accepted_with_a_warning() -> None:
    flags, warnings = master("--log_auto_initialize", "--quorum=2", "--port=1")
    assert flags["port"] == 1
    assert warnings == [
        "--log_auto_initialize is a flag of Mesos that has no meaning here: ignored",
        "--quorum is a flag of Mesos that has no meaning here: ignored",
    ]


def test_an_unknown_flag_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match=r"--wrok_dir is not a flag .*did you mean --work_dir"):
        master("--wrok_dir=/x")


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("--port=many", "--port=many is not usable: expected a whole number"),
        ("--agent_ping_timeout=15", "--agent_ping_timeout=15 is not usable: expected a number and one of ns"),
        ("--quiet=perhaps", "expected true or false"),
        ("stray", "'stray' is no flag"),
        ("--port=65536", "--port=65536 is not usable: expected at least 0 and at most 65535"),
        ("--max_completed_frameworks=-1", "expected at least 0"),
        ("--max_agent_ping_timeouts=0", "expected at least 1"),
        ("--allocation_interval=0secs", "expected at least 0.001secs"),
    ],
)
def test_an_unusable_value_is_refused_in_words(argument: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        master(argument)


def test_durations_and_sizes() -> None:
    assert [parse_duration_s(t) for t in ("15secs", "1.5mins", "250ms", "1weeks")] == [15, 90, 0.25, 604800]
    assert parse_size("2GB") == 2 * 2**30


def test_the_defaults_are_usable() -> None:
    for flags, foreign in ((MASTER_FLAGS, FOREIGN_MASTER_FLAGS), (AGENT_FLAGS, FOREIGN_AGENT_FLAGS)):
        parsed, warnings = parse_flags([], {}, flags, foreign)
        assert parsed["ip"] is None
        assert warnings == []


def test_passwords_in_addresses_are_not_shown() -> None:
    flags, _ = master("--zk=zk://jake:s3cret@10.0.0.1:2181/mesos", "--cluster=a@b:c")
    assert flags["zk"] == "zk://jake:s3cret@10.0.0.1:2181/mesos"
    assert flags.texts["zk"] == "zk://jake:…@10.0.0.1:2181/mesos"
    assert flags.texts["cluster"] == "a@b:c"
