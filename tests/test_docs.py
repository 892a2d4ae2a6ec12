"""The documents name what there is, and nothing that there is not; what they tell to type works."""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import meseta.sdk
from meseta.allocator.allocator import DEFAULT_OPTIONS
from meseta.allocator.hierarchical import HierarchicalAllocator
from meseta.allocator.verdict import Reason
from meseta.cli.main import COMMANDS, app
from meseta.daemon import process
from meseta.daemon.config import AGENT_FLAGS, MASTER_FLAGS
from meseta.daemon.flags import Flag
from meseta.daemon.foreign_flags import FOREIGN_AGENT_FLAGS, FOREIGN_MASTER_FLAGS
from meseta.wire.gen import agent_pb2, executor_pb2, master_pb2, mesos_pb2, scheduler_pb2
from tests.docs_kit import DOCS, REFERENCE, ROOT, Answers, ask_cluster, rows, running_cluster, sections

SOURCE = ROOT / "src" / "meseta"
DOCUMENTS = sorted(path.relative_to(ROOT) for path in [*ROOT.glob("*.md"), *DOCS.glob("**/*.md")])

pytestmark = pytest.mark.xdist_group("docs")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> tuple[Answers, Answers]:
    """What a master and an agent have answered."""
    return asyncio.run(ask_cluster(tmp_path_factory.mktemp("docs")))


# Flags, variables, statuses, reasons --------------------------------------------------------------------


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


def test_the_environment_of_executors_is_documented() -> None:
    text = (SOURCE / "agent" / "environment.py").read_text()
    given = set(re.findall(r'"((?:MESOS|LIBPROCESS)_[A-Z_]+|PATH)"', text))
    assert set(sections("environment.md")["Of executors and tasks"]) == given


def test_the_reasons_that_we_give_are_documented() -> None:
    text = "".join(
        path.read_text() for room in ("master", "agent", "executors") for path in (SOURCE / room).glob("*.py")
    )
    passed_on = {"REASON_TASK_CHECK_STATUS_UPDATED", "REASON_CONTAINER_LIMITATION"}
    passed_on.add("REASON_CONTAINER_LIMITATION_DISK")
    given = set(re.findall(r"TaskReason\.(REASON_\w+)", text)) - passed_on
    assert set(rows("errors.md")) == given
    assert all(reason in mesos_pb2.TaskStatus.Reason.keys() for reason in given)  # noqa: SIM118


def test_the_exit_statuses_of_daemons_are_documented() -> None:
    documented = set(re.findall(r"^\| (\d+) \|", (REFERENCE / "errors.md").read_text(), re.MULTILINE))
    statuses = (0, process.EXIT_CONFIG, process.EXIT_BUG, process.EXIT_STORE, process.EXIT_DEPOSED)
    assert documented == set(map(str, statuses))


# Endpoints and metrics -----------------------------------------------------------------------------------


def test_the_endpoints_are_documented(cluster: tuple[Answers, Answers]) -> None:
    documented = sections("endpoints.md")
    for answers, heading in zip(cluster, ("Master", "Agent"), strict=True):
        assert {*documented[heading], *documented["Both"]} == answers.routes


def test_the_endpoints_answer_as_documented(cluster: tuple[Answers, Answers]) -> None:
    documented = rows("endpoints.md")
    for answers in cluster:
        for (method, path), status in answers.pages.items():
            _, what, state = documented[path]
            is_off = state == "501" or (method != "GET" and "501" in what)
            assert (status == 501) == is_off, f"{method} {path}: {status}"
            assert status != 405, f"{method} {path}"


def test_the_metrics_are_documented(cluster: tuple[Answers, Answers]) -> None:
    patterns = {name: _metric_pattern(name) for name in rows("metrics.md")}
    shown = sorted(cluster[0].metrics | cluster[1].metrics)
    named = {row: {name for name in shown if pattern.fullmatch(name)} for row, pattern in patterns.items()}
    assert not set(shown).difference(*named.values())
    assert not [row for row, names in named.items() if not names]


def _metric_pattern(row: str) -> re.Pattern[str]:
    """The names that a row of the table stands for."""
    parts = {"<resource>": "(cpus|gpus|mem|disk)", "<validity>": "(in)?valid", "<role>": ".+"}
    pattern = re.sub("<[a-z]+>", lambda match: parts.get(match[0], "[^/]+"), row)
    return re.compile(pattern)


# Calls and events ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heading", "types"),
    [
        ("Scheduler calls", scheduler_pb2.Call.Type),
        ("Scheduler events", scheduler_pb2.Event.Type),
        ("Executor calls", executor_pb2.Call.Type),
        ("Executor events", executor_pb2.Event.Type),
        ("Operator calls of the master", master_pb2.Call.Type),
        ("Operator events", master_pb2.Event.Type),
        ("Operator calls of the agent", agent_pb2.Call.Type),
    ],
)
def test_the_calls_and_events_of_the_schema_are_documented(heading: str, types: Any) -> None:
    assert set(sections("calls.md")[heading]) == set(types.keys())


def test_operator_calls_are_answered_as_documented(cluster: tuple[Answers, Answers]) -> None:
    documented = sections("calls.md")
    for answers, who in zip(cluster, ("master", "agent"), strict=True):
        for call, (state, _) in documented[f"Operator calls of the {who}"].items():
            assert (answers.calls[call] == 501) == (state == "501"), f"{call} of {who}: {answers.calls[call]}"
            if state == "empty":
                assert answers.calls[call] == 200


# The command line ----------------------------------------------------------------------------------------


def _options(command: Any) -> Iterator[str]:
    for parameter in command.params:
        options = [*parameter.opts, *parameter.secondary_opts]
        yield from (option for option in options if option.startswith("--"))
    for child in getattr(command, "commands", {}).values():
        yield from _options(child)


def test_no_option_of_the_command_line_is_documented_that_there_is_not() -> None:
    group: Any = typer.main.get_command(app)
    known = {option for name in COMMANDS for option in _options(group.get_command(None, name))}
    known |= {"--help", *(f"--{flag.name}" for flag in (*MASTER_FLAGS, *AGENT_FLAGS))}
    assert set(re.findall(r"--[a-z][a-z_-]+", (REFERENCE / "cli.md").read_text())) <= known


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_commands_that_documents_name_exist(document: Path) -> None:
    text = (ROOT / document).read_text()
    code = [*re.findall(r"`([^`\n]+)`", text), *re.findall(r"^    (.+)$", text, re.MULTILINE)]
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for line in code:
        for word in re.findall(r"^(?:\$ )?meseta ([a-z]+)", line):
            assert word in COMMANDS, f"{document} names `meseta {word}`"
        for word in re.findall(r"^(?:\$ )?make ([a-z-]+)", line):
            assert word in targets, f"{document} names `make {word}`"


# Links and snippets --------------------------------------------------------------------------------------


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", (ROOT / document).read_text()):
        path = (ROOT / document).parent / target if target else ROOT / document
        assert path.exists(), f"{document} links to {target}"
        if anchor:
            assert anchor in _anchors(path.read_text()), f"{document} links to {target}#{anchor}"


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_document_is_on_the_map() -> None:
    linked = set(re.findall(r"\]\(([^)#:]+)\)", (DOCS / "README.md").read_text()))
    others = {str(path.relative_to(DOCS)) for path in DOCS.glob("**/*.md")} - {"README.md"}
    assert not others - linked, "docs/README.md is the map: name them there"


def snippets(document: str) -> list[str]:
    """The Python in a document."""
    return re.findall(r"^```python\n(.*?)^```", (ROOT / document).read_text(), re.DOTALL | re.MULTILINE)


async def execute(snippet: str, names: dict[str, Any]) -> None:
    """Run a piece of Python that may await at its top level."""
    result = eval(compile(snippet, "<snippet>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    if inspect.iscoroutine(result):
        await result


def test_the_programs_of_readme_and_tutorial_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    look, run_task, message, handlers, echo, launch = snippets("docs/tutorial/first-framework.md")
    (hello,) = snippets("README.md")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {**vars(meseta.sdk), "mesos_pb2": mesos_pb2, "sys": sys, "os": os}

    async def tutorial() -> None:
        async with running_cluster(tmp_path) as (master, _):
            address = f"127.0.0.1:{master.port}"
            assert "TASK_FINISHED" in await run_program(hello.replace("127.0.0.1:5050", address))
            assert "I am" in await run_program(look.replace("127.0.0.1:5050", address))
            async with meseta.sdk.Scheduler(address, name="tutorial") as names["scheduler"]:
                await execute(run_task, names)
                await execute(message, names)
                (tmp_path / "echo.py").write_text(echo)
                async for offer in names["scheduler"].offers():
                    await execute(launch, {**names, "offer": offer})
                    break
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await execute(handlers.replace("127.0.0.1:5050", address), names)

    asyncio.run(asyncio.wait_for(tutorial(), 60.0))
    printed = capsys.readouterr().out
    assert "TASK_RUNNING" in printed
    assert "TASK_FINISHED" in printed
    assert "b'HELLO'" in printed


async def run_program(text: str) -> str:
    """Run a program in a process of its own; return what it prints."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", text, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


def test_the_allocator_of_the_guide_can_be_made() -> None:
    (snippet,) = snippets("docs/howto/write-an-allocator.md")
    names: dict[str, Any] = {}
    asyncio.run(execute(snippet, names))
    assert isinstance(names["make"](random.Random(1), DEFAULT_OPTIONS), HierarchicalAllocator)
    assert names["cpu_share"]({"cpus": 3000, "mem": 9}, [("cpus", 9.0), ("mem", 1.0)], 1.0) == 1 / 3


def test_every_reason_of_an_explanation_is_told_what_to_do_about() -> None:
    text = (DOCS / "howto" / "find-out-why-no-offers.md").read_text()
    assert [reason.name for reason in Reason if f"`{reason.name}`" not in text] == []
