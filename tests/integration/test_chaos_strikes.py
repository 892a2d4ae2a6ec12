"""Who is struck in a chaos run, and what a cut does to a network."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from tests.chaos.net import MARK, Cuts, Way, is_permitted
from tests.chaos.programs import Program
from tests.chaos.strikes import SERVERS_REST_S, Strikes
from tests.integration.places import Place

KINDS = ("master", "agent", "framework", "server")


class Fake(Program):
    """A program that notes what is done to it, and is back at once."""

    def __init__(self, kind: str, number: int) -> None:
        super().__init__(kind, f"{kind}{number}", [], Path(), Place(f"{kind}{number}"))
        self.struck: list[float] = []
        """Until when it was to be away."""

    @property
    def runs(self) -> bool:
        return True

    def kill(self, again_at: float) -> None:
        self.kills += 1
        self.struck.append(again_at)

    def stop(self, until: float) -> None:
        self.struck.append(until)


class FakeCuts(Cuts):
    """Ways that were to be cut."""

    def __init__(self) -> None:
        super().__init__()
        self.ways: list[list[Way]] = []

    def cut(self, ways: object, until: float) -> None:
        self.ways.append(list(ways))  # type: ignore[call-overload]


def strikes(cuts: Cuts | None) -> Strikes:
    programs = [Fake(kind, number) for kind in KINDS for number in (1, 2, 3)]
    return Strikes(programs, random.Random(1), cuts)


def test_everybody_is_struck_sooner_or_later() -> None:
    made = strikes(None)
    for now in range(1000):
        made.strike(float(now))
    assert all(program.kills for program in made.programs)
    assert made.stops
    assert not made.cut_kinds
    killed, cut = made.lines()
    assert killed.startswith("killed ")
    assert "of servers" in killed
    assert "not permitted" in cut


def test_servers_are_struck_one_at_a_time() -> None:
    made = strikes(None)
    for now in range(1000):
        made.strike(float(now))
    times = sorted(
        until
        for program in made.programs
        if program.kind == "server" and isinstance(program, Fake)
        for until in program.struck
    )
    assert len(times) > 20
    assert all(after - before > SERVERS_REST_S for before, after in pairwise(times))


def test_cuts_are_between_one_and_others_in_either_direction_or_both() -> None:
    cuts = FakeCuts()
    made = strikes(cuts)
    for now in range(1000):
        made.strike(float(now))
    assert set(made.cut_kinds) == set(KINDS)
    assert set(made.cut_sides) == {"heard nothing", "were not heard", "both"}
    for ways in cuts.ways:
        ends = [{*way} for way in ways]
        assert ways
        assert set.intersection(*ends)
        assert all(len(pair) == 2 for pair in ends)
    assert "of masters" in made.lines()[1]


LISTEN = (
    "import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('{ip}', 7)); print('', flush=True)\n"
)
LISTEN += "while True: print(s.recv(99).decode(), flush=True)"
SEND = "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'{text}', ('{ip}', 7))"
SCRIPT = f"""
import subprocess, sys
from tests.chaos.net import Cuts, Way, network

def python(place, code, **more):
    return subprocess.Popen([*place.inside, sys.executable, "-c", code], text=True, **more)

def say(text):
    for source, target in ((a, b), (b, a)):
        python(source, {SEND!r}.format(text=text, ip=target.ip)).wait()

with network() as net:
    a, b = net.add(), net.add()
    heard = [python(place, {LISTEN!r}.format(ip=place.ip), stdout=subprocess.PIPE) for place in (a, b)]
    for listener in heard:
        listener.stdout.readline()
    cuts = Cuts()
    say("before")
    cuts.cut([Way(a.ip, b.ip)], 1.0)
    cuts.cut([Way(a.ip, b.ip)], 2.0)
    say("during")
    cuts.look(1.0)
    say("still")
    cuts.look(2.0)
    say("after")
    for listener in heard:
        words = []
        while words[-1:] != ["after"]:
            words.append(listener.stdout.readline().strip())
        print(*words)
        listener.kill()
        listener.wait()
"""


@pytest.mark.skipif(not is_permitted(), reason="network namespaces are not permitted here")
def test_a_way_is_cut_in_one_direction() -> None:
    command = ["unshare", "--net", "--", sys.executable, "-c", SCRIPT]
    done = subprocess.run(
        command,
        cwd=Path(__file__).parents[2],
        env={**os.environ, MARK: "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.splitlines() == ["before during still after", "before after"], done.stderr
