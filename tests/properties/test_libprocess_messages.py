"""Messages survive encoding, any cutting, and company on the same connection; odd ones do no harm."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from meseta.runtime.http1 import Response, decode_path
from meseta.runtime.libprocess import Pid, encode_head, encode_message, parse_pid
from meseta.runtime.server import HttpServer
from tests.properties.http_fakes import FakeTransport, feed, run

Delivered = list[tuple[str, str, str, bytes]]

ids = st.from_regex(r"[a-z][a-z0-9().-]{0,12}", fullmatch=True)
pids = st.builds(Pid, ids, st.sampled_from(["10.1.2.3", "agent-7.example.org"]), st.integers(1, 65535))
names = st.from_regex(r"[a-z]{1,6}(\.[A-Za-z]{1,10}){0,3}", fullmatch=True)
messages = st.tuples(pids, pids, names, st.binary(max_size=200))


@given(pids)
def test_pids_survive_printing(pid: Pid) -> None:
    assert parse_pid(str(pid)) == pid


@given(st.text(max_size=40))
def test_no_text_that_passes_as_a_pid_can_break_a_request_line(text: str) -> None:
    pid = parse_pid(text)
    if pid is not None:
        assert str(pid).rpartition(":")[0] == text.rpartition(":")[0]
        assert text.isascii()
        assert not any(character.isspace() or character in "/?#%" for character in text)


@settings(max_examples=100)
@given(st.data(), st.lists(messages, min_size=1, max_size=6), st.integers(0, 3))
def test_messages_arrive_as_sent_however_they_are_cut(
    data: st.DataObject, sent: list[tuple[Pid, Pid, str, bytes]], calls: int
) -> None:
    raws = [encode_message(encode_head(to, str(sender), name), body) for to, sender, name, body in sent]
    for _ in range(calls):
        raws.insert(
            data.draw(st.integers(0, len(raws))), b"POST /call HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"
        )
    stream = b"".join(raws)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    server, delivered, transport = receive(pieces)
    assert delivered == [(to.id, str(sender), name, body) for to, sender, name, body in sent]
    assert transport.written.count(b"HTTP/1.1 202 Accepted\r\n") == len(sent)
    assert transport.written.count(b"HTTP/1.1 200 OK\r\n") == calls
    assert server.counters["messages_received"] == len(sent)
    assert server.counters["http_requests"] == calls


@settings(max_examples=100)
@given(
    st.from_regex(r"/?[!-~]{0,30}", fullmatch=True),
    st.sampled_from(["Libprocess-From: ", "User-Agent: libprocess/", "libprocess-from:"]),
    st.from_regex(r"[ -~]{0,30}", fullmatch=True),
    st.binary(max_size=50),
)
def test_odd_messages_are_delivered_or_refused(target: str, header: str, sender: str, body: bytes) -> None:
    head = f"POST {target} HTTP/1.1\r\n{header}{sender}\r\nContent-Length: {len(body)}\r\n\r\n"
    server, delivered, transport = receive([head.encode() + body])
    assert server.counters["http_bugs"] == 0
    if delivered:
        receiver, by, name, received = delivered[0]
        path = target.partition("#")[0].partition("?")[0]
        if "://" not in path:
            assert receiver == decode_path(path.split("/")[1])
            assert name == path[1:].partition("/")[2]
        assert by == sender.strip()
        assert received == body
        assert transport.written.startswith(b"HTTP/1.1 202 ")
    else:
        refused = server.counters["messages_malformed"] + server.counters["http_bad_requests"]
        assert refused == 1


def receive(pieces: list[bytes]) -> tuple[HttpServer, Delivered, FakeTransport]:
    delivered: Delivered = []

    def on_message(receiver: str, sender: str, name: str, body: bytes) -> bool:
        delivered.append((receiver, sender, name, body))
        return True

    call_answer = Response(200)
    server = HttpServer(lambda request, responder: responder.send(call_answer), on_message=on_message)
    transport = run(lambda: feed(server, pieces))
    return server, delivered, transport
