"""Asking masters and agents: where they are, which master leads, and what their answers mean."""

from __future__ import annotations

import random
from typing import Any
from urllib.parse import urlencode

import msgspec

from meseta.cli.faults import AnswerError, FailedError, NotFoundError, RefusedError
from meseta.errors import UnreachableError, WireError
from meseta.runtime import loop
from meseta.runtime.client import ClientResponse, HttpClient
from meseta.runtime.detectors.find import detect_leader
from meseta.sdk.detect import find_masters, leader_of, url_of
from meseta.wire.gen import agent_pb2

REDIRECTS_MAX = 3
DETECT_TIMEOUT_S = 10.0
"""How long a service that knows the leading master may take to tell."""
PROTOBUF = "application/x-protobuf"


class Cluster:
    """The HTTP side of a cluster: its leading master, and its agents by id. Use within `async with`."""

    def __init__(self, masters: str) -> None:
        """Raises ConfigError if `masters` names none."""
        self._found = find_masters(masters)
        self._urls = list(self._found.urls)
        self._http = HttpClient()
        self._agents: dict[str, str] = {}

    async def __aenter__(self) -> Cluster:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._http.aclose()

    @property
    def master(self) -> str:
        """Base URL of the master that was last found to lead."""
        return self._urls[0]

    async def get(self, path: str, **query: str) -> Any:
        """Return the JSON that the leading master gives for a path.

        Raises UnreachableError if none of the masters can be asked, RefusedError or AnswerError otherwise.
        """
        answer = await self._ask(path + (f"?{urlencode(query)}" if query else ""))
        return _json(answer, f"the master at {self.master} answered {path}")

    async def call(self, call: dict[str, Any]) -> None:
        """Make an operator call that changes something.

        Raises FailedError with the master's reason if it does not do it; else as `get`.
        """
        answer = await self._ask("/api/v1", msgspec.json.encode(call))
        if answer.status in (400, 404, 409, 503):
            raise FailedError(f"the master refuses: {answer.body.decode(errors='replace').strip()}")
        _check(answer, f"the master at {self.master} answered {call['type']}")

    async def agent_url(self, agent_id: str) -> str:
        """Return the base URL of an agent. Raises NotFoundError if the master does not know it."""
        if agent_id not in self._agents:
            found = (await self.get("/slaves", slave_id=agent_id)).get("slaves", ())
            urls = {agent["id"]: agent_base_url(agent) for agent in found}
            if agent_id not in urls:
                raise NotFoundError(f"agent {agent_id} is not there any more; see 'meseta agents'")
            self._agents.update(urls)
        return self._agents[agent_id]

    async def call_agent(self, url: str, call: agent_pb2.Call) -> agent_pb2.Response | None:
        """Make an operator call to an agent; return its answer, None if there is no such thing."""
        headers = {"Content-Type": PROTOBUF, "Accept": PROTOBUF}
        try:
            answer = await self._http.request("POST", f"{url}/api/v1", headers, call.SerializeToString())
        except UnreachableError as error:
            raise UnreachableError(f"the agent at {url} does not answer ({error}); is it running?") from None
        if answer.status == 404:
            return None
        _check(answer, f"the agent at {url} answered {agent_pb2.Call.Type.Name(call.type)}")
        try:
            return agent_pb2.Response.FromString(answer.body)
        except Exception as error:
            raise WireError(f"the agent at {url} sent what is no answer: {error}") from None

    async def _ask(self, target: str, body: bytes | None = None) -> ClientResponse:
        reasons = []
        for url in self._urls or [await self._detect()]:
            try:
                leader, answer = await self._follow(url, target, body)
            except UnreachableError as error:
                reasons.append(str(error))
                continue
            self._urls = [leader, *(other for other in self._urls if other != leader)]
            return answer
        if self._found.service is not None:
            self._urls.clear()  # Next time another one may lead.
        raise UnreachableError(
            f"no master answers: {'; '.join(reasons)}. Start one with 'meseta local', "
            "or name yours with --master or MESETA_MASTER"
        )

    async def _detect(self) -> str:
        service = self._found.service
        assert service is not None, "either masters are given, or who knows them"
        return url_of(await detect_leader(service, random.SystemRandom(), DETECT_TIMEOUT_S))

    async def _follow(self, url: str, target: str, body: bytes | None) -> tuple[str, ClientResponse]:
        headers = {"Accept": "application/json"}
        for _ in range(REDIRECTS_MAX):
            if body is None:
                answer = await self._http.request("GET", url + target, headers)
            else:
                typed = headers | {"Content-Type": "application/json"}
                answer = await self._http.request("POST", url + target, typed, body)
            if answer.status != 307:
                return url, answer
            leader = leader_of(answer.headers.get("location"))
            if leader is None:
                raise UnreachableError(f"{url} knows no leading master")
            url = leader
        raise UnreachableError(f"{url} redirects without an end")


def fetch(masters: str, path: str, **query: str) -> Any:
    """Ask the leading master for one JSON document: all that most commands need."""

    async def ask() -> Any:
        async with Cluster(masters) as cluster:
            return await cluster.get(path, **query)

    return loop.run(ask())


def change(masters: str, call: dict[str, Any]) -> None:
    """Make one operator call that changes something; errors as `Cluster.call`."""

    async def ask() -> None:
        async with Cluster(masters) as cluster:
            await cluster.call(call)

    loop.run(ask())


def agent_base_url(agent: dict[str, Any]) -> str:
    """Return the base URL of an agent as `/slaves` shows it: the address of its pid `slave(1)@ip:port`."""
    return f"http://{agent['pid'].rpartition('@')[2]}"


def _json(answer: ClientResponse, what: str) -> Any:
    _check(answer, what)
    try:
        return msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        raise AnswerError(f"{what} with something else than JSON; is that really a master?") from None


def _check(answer: ClientResponse, what: str) -> None:
    if answer.status in (401, 403):
        raise RefusedError(f"{what} with {answer.status}: it does not let you; ask its operator")
    if answer.status >= 300:
        text = answer.body.decode(errors="replace").strip()
        raise AnswerError(f"{what} with {answer.status}" + (f": {text}" if text else ""))
