"""Responses as Mesos orders them, and the small codecs."""

from __future__ import annotations

import gzip
import re

import pytest

from meseta.runtime.http1 import (
    ACCEPTED,
    NOT_FOUND,
    Request,
    Response,
    admits_gzip,
    decode_path,
    encode_chunk,
    gzip_compress,
    gzip_decompress,
    parse_query,
    split_target,
    text_response,
)


def names(data: bytes) -> list[str]:
    """The header names of a response, in order."""
    return re.findall(r"^([A-Za-z-]+):", data.decode().partition("\r\n\r\n")[0], re.MULTILINE)


JSON = (("Content-Type", "application/json"),)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (Response(200, JSON, b"{}", length_first=True).encode(), "Date Content-Length Content-Type"),
        (Response(200, JSON, b"{}").encode(), "Date Content-Type Content-Length"),
        (ACCEPTED.encode(), "Date Content-Length"),
        (NOT_FOUND.encode(), "Date Content-Type Content-Length"),
        (
            text_response(405, "no", (("Allow", "POST"),)).encode(),
            "Date Allow Content-Type Content-Length",
        ),
        (
            Response(200, (("Mesos-Stream-Id", "a"), *JSON)).encode_stream_head(),
            "Date Transfer-Encoding Mesos-Stream-Id Content-Type",
        ),
        (
            Response(200, JSON, length_first=True).encode_compressed(b"x"),
            "Content-Encoding Date Content-Length Content-Type",
        ),
    ],
    ids=["length first", "length last", "accepted", "not found", "other headers", "stream", "compressed"],
)
def test_headers_come_in_the_order_of_mesos(data: bytes, expected: str) -> None:
    assert names(data) == expected.split()


def test_a_response_to_head_tells_the_length_of_the_body_it_does_not_send() -> None:
    response = Response(200, JSON, b"12345")
    assert response.encode().endswith(b"Content-Length: 5\r\n\r\n12345")
    assert response.encode(without_body=True).endswith(b"Content-Length: 5\r\n\r\n")


def test_dates_are_in_gmt() -> None:
    assert re.search(
        rb"\r\nDate: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} GMT\r\n", ACCEPTED.encode()
    )


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\nb"])
def test_headers_cannot_be_smuggled_into_a_response(value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        Response(200, (("Location", value),))


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/a/b?c=d?e", "/a/b", "c=d?e"),
        ("/a#b?c", "/a", ""),
        ("http://host:5050/a?b", "/a", "b"),
        ("http://host:5050", "/", ""),
        ("*", "*", ""),
    ],
)
def test_targets_are_split(target: str, path: str, query: str) -> None:
    assert split_target(target) == (path, query)
    assert Request("GET", target, {}).path == path


@pytest.mark.parametrize(
    ("path", "decoded"),
    [
        ("/version", "/version"),
        ("/%76ersion", "/version"),
        ("/slave%281%29/x", "/slave(1)/x"),
        ("/a+b", "/a b"),
        ("/caf%C3%A9", "/café"),
        ("/%ff", "/\udcff"),
        ("/ver%zz", None),
        ("/ver%7", None),
        ("/%", None),
    ],
)
def test_paths_are_decoded_or_refused(path: str, decoded: str | None) -> None:
    assert decode_path(path) == decoded


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("", {}),
        ("a=1&b=2;c", {"a": "1", "b": "2", "c": ""}),
        ("a=1&a=2", {"a": "2"}),
        ("a=b=c&&", {"a": "b=c"}),
        ("path=%2Fvar+x", {"path": "/var x"}),
        ("a=%zz", None),
        ("%z=a", None),
    ],
)
def test_queries_are_decoded_or_refused(query: str, fields: dict[str, str] | None) -> None:
    assert parse_query(query) == fields


@pytest.mark.parametrize(
    ("accept_encoding", "admitted"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
        ("gzip;q=x", False),
        ("identity", False),
        ("", False),
    ],
)
def test_gzip_is_used_where_it_is_admitted(accept_encoding: str, admitted: bool) -> None:
    assert admits_gzip(accept_encoding) is admitted


def test_gzip_is_what_others_understand() -> None:
    body = b"state " * 1000
    assert gzip.decompress(gzip_compress(body)) == body
    assert gzip_decompress(gzip.compress(body), len(body)) == body
    assert gzip_decompress(gzip.compress(body), len(body) - 1) is None


@pytest.mark.parametrize("body", [b"nonsense", gzip.compress(b"cut off", mtime=0)[:-3]])
def test_what_is_not_gzip_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="not gzip"):
        gzip_decompress(body, 1000)


def test_a_chunk_is_never_empty() -> None:
    assert encode_chunk(b"3\nabc") == b"5\r\n3\nabc\r\n"
    with pytest.raises(AssertionError):
        encode_chunk(b"")
