"""Addresses of etcd, and the parts of its calls."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from meseta.errors import ConfigError
from meseta.runtime.etcd import (
    Address,
    Entry,
    Etcd,
    EtcdUnreachable,
    Range,
    after_prefix,
    decoder_of,
    key_range,
    parse_address,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("etcd://h/m", Address((("h", 2379),), "/m")),
        ("etcd://a:1,b:2/m/n/", Address((("a", 1), ("b", 2)), "/m/n")),
        ("etcd://u:p:q@a:1/m", Address((("a", 1),), "/m", ("u", "p:q"))),
        ("etcd://u:p@q@a:1/m", Address((("a", 1),), "/m", ("u", "p@q"))),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert parse_address(str(address)) == address._replace(credential=None)


@pytest.mark.parametrize(
    "text", ["etcd://h", "etcd://h/", "etcd:///m", "etcd://a:b/m", "etcd://a:0/m", "etcd://a,,b/m"]
)
def test_unusable_addresses_are_named(text: str) -> None:
    with pytest.raises(ConfigError, match=f"{text} is not usable: .* write etcd://"):
        parse_address(text)


@pytest.mark.parametrize("user", ["", "secret", ":secret"])
def test_a_password_without_a_user_is_refused_and_not_shown(user: str) -> None:
    with pytest.raises(ConfigError, match="write user:password before the @") as refusal:
        parse_address(f"etcd://{user}@h/m")
    assert "secret" not in str(refusal.value)


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
