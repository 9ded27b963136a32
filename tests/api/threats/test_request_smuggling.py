"""Request smuggling and header injection: bytes that two programs could read in two ways are read in none."""

import socket
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from tests.api.conftest import Server
from tests.api.steps import submit

HOST = b"Host: localhost\r\n"


def _answers(server: Server, request: bytes, *, is_all: bool = True) -> bytes:
    """Everything that comes back until the service closes; `is_all` tells it that nothing more will come."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(request)
        if is_all:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        b"Content-Length: 4\r\nContent-Length: 5\r\n",
        b"Content-Length: 4, 5\r\n",
        b"Content-Length: +4\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 0x4\r\n",
        b"Content-Length: 99999999999999999999\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding:\x0bchunked\r\n",
        b"X: a\rTransfer-Encoding: chunked\r\n",
        b"X: a\x00b\r\n",
        b" X: folded\r\n",
        b"X\r\n",
        b": nameless\r\n",
    ],
)
def test_smuggling_a_request_with_two_lengths_or_a_crooked_field_is_refused(server: Server, head: bytes):
    inner = b"GET /version HTTP/1.1\r\n" + HOST + b"\r\n"
    answer = _answers(server, b"POST /v1/jobs HTTP/1.1\r\n" + HOST + head + b"\r\n0\r\n\r\n" + inner)
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert b"application/problem+json" in answer
    assert answer.count(b"HTTP/1.1 ") == 1, "what was smuggled was answered"


@pytest.mark.parametrize("chunk", [b"0x1\r\nx\r\n", b"-1\r\n", b"1;\n\nx", b"1\r\nxGET", b"ffffffffffffffffff\r\nx"])
def test_smuggling_a_crooked_chunk_ends_the_connection(server: Server, chunk: bytes):
    head = f"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.key}\r\n".encode()
    inner = b"GET /version HTTP/1.1\r\n" + HOST + b"\r\n"
    answer = _answers(
        server, head + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + b"\r\n" + inner
    )
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert b'"name":"trainyard"' not in answer


@pytest.mark.parametrize("line", [b"GET /healthz HTTP/9.9", b"GET /heal thz HTTP/1.1", b"get", b"\x16\x03\x01\x02"])
def test_a_crooked_request_line_is_refused(server: Server, line: bytes):
    assert _answers(server, line + b"\r\n" + HOST + b"\r\n").startswith(b"HTTP/1.1 400 ")


def test_requests_behind_each_other_are_answered_one_each_and_in_order(server: Server):
    one = b"GET /%s HTTP/1.1\r\n" + HOST + b"%s\r\n"
    requests = one % (b"version", b"") + one % (b"healthz", b"") + one % (b"version", b"Connection: close\r\n")
    answer = _answers(server, requests, is_all=False)
    assert answer.count(b"HTTP/1.1 200 ") == 3
    assert answer.index(b"trainyard") < answer.index(b'"status":"ok"') < answer.rindex(b"trainyard")


def test_fields_behind_a_body_are_dropped(server: Server):
    head = f"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.key}\r\nConnection: close\r\n"
    body = b'{"data": {"dataset": "iris"}}'
    chunks = b"%x\r\n%s\r\n0\r\nIdempotency-Key: smuggled\r\nX-Request-ID: smuggled\r\n\r\n" % (len(body), body)
    fields = b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    answers = [_answers(server, head.encode() + fields + chunks, is_all=False) for _ in range(2)]
    assert all(answer.startswith(b"HTTP/1.1 201 ") for answer in answers), answers
    assert not any(b"smuggled" in answer.lower() or b"replayed" in answer.lower() for answer in answers)


INJECTED = ["x\r\nSet-Cookie: stolen=1", "x\nX-Injected: 1", "x%0d%0aX-Injected: 1", "x\r\n\r\n<script>"]


@pytest.mark.parametrize("text", INJECTED)
def test_header_injection_no_text_of_a_client_becomes_a_field(client: TestClient, text: str):
    job_id = submit(client)["id"]
    answers = [
        client.patch(f"/v1/jobs/{job_id}", json={"name": text}),
        client.post("/v1/datasets", json={"name": text, "format": "csv", "bytes": 1}),
        client.get("/v1/jobs", params={"name": text, "limit": 1}),
        client.get(f"/v1/jobs/{job_id}/tensorboard"),
        client.get(f"/v1/jobs/{quote(text)}"),
        client.get(f"/v1/jobs/{job_id}/checkpoints/best/files/{quote(text)}"),
        client.get("/healthz", headers={"X-Request-ID": text.encode().replace(b"\r", b"").replace(b"\n", b"")}),
    ]
    for answer in answers:
        names = {name.lower() for name in answer.headers}
        assert not names & {"set-cookie", "x-injected"}, answer.headers
        assert not any("\n" in value or "\r" in value for value in answer.headers.values())
