"""The parts of etcd's calls."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from meseta.runtime.etcd import (
    Entry,
    Etcd,
    EtcdUnreachable,
    Range,
    after_prefix,
    decoder_of,
    key_range,
)
from meseta.runtime.service_address import parse_address


def test_a_range_holds_what_begins_with_its_prefix() -> None:
    assert b"/m/" <= b"/m/\xff\xff" < after_prefix(b"/m/") <= b"/m0"
    assert key_range(b"a") == {"key": b"a"}
    assert key_range(b"a", b"b") == {"key": b"a", "range_end": b"b"}


def test_an_empty_value_is_left_out_by_etcd() -> None:
    text = b'{"header":{"revision":"4"},"kvs":[{"key":"YQ==","create_revision":"2","mod_revision":"3"}]}'
    answer = decoder_of(Range)(text)
    assert answer.kvs == (Entry(b"a", 2, 3, b""),)
    assert answer.header.revision == 4


class Stranger(BaseHTTPRequestHandler):
    """Says something else than etcd would, and status 200."""

    text = b""

    def do_POST(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.text)))
        self.end_headers()
        self.wfile.write(self.text)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.parametrize("text", [b"{}", b"[]", b'{"header":{}}', b'{"header":{"revision":"x"}}', b"<html>"])
def test_whoever_answers_in_the_place_of_etcd_counts_as_out_of_reach(text: bytes) -> None:
    """Such a proxy must not end the threads that wait for etcd to be back."""
    handler = type("Handler", (Stranger,), {"text": text})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        client = Etcd(parse_address(f"etcd://127.0.0.1:{server.server_port}/m"), 5.0)
        try:
            for work in (
                lambda: client.read(b"a"),
                lambda: client.transact([], [], []),
                lambda: client.grant(2),
            ):
                with pytest.raises(EtcdUnreachable, match="cannot be reached"):
                    work()
        finally:
            client.close()
            server.shutdown()
            thread.join()
