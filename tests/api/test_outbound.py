"""The service posts to public addresses only, and to the very address that it looked at."""

import socket
from ipaddress import ip_address, ip_network

import pytest

from api import outbound
from tests.fixtures.receivers import receiving

LOOPBACK = [ip_network("127.0.0.0/8")]
FORBIDDEN = (
    "https://127.0.0.1/", "https://127.1.2.3/", "https://[::1]/", "https://0.0.0.0/", "https://[::]/", "https://10.0.0.1/",
    "https://172.16.3.4/", "https://192.168.1.1/", "https://169.254.169.254/latest/meta-data", "https://[fe80::1]/",
    "https://[fd00::1]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:10.0.0.1]/", "https://[2002:7f00:1::]/",
    "https://[64:ff9b::7f00:1]/", "https://100.64.0.1/", "https://192.0.2.1/", "https://224.0.0.1/", "https://240.0.0.1/",
    "https://255.255.255.255/", "https://localhost/", "https://a.localhost/", "https://metadata.google.internal/",
    "http://example.com/", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "https://", "example",
    "https://user:secret@example.com/", "https://example.com/#there", "", "https://exa mple.com/", "\nhttps://example.com",
)  # fmt: skip


@pytest.mark.parametrize("url", FORBIDDEN)
def test_a_url_that_leads_nowhere_public_is_refused(url: str):
    with pytest.raises(outbound.Refused):
        outbound.check_url(url)


@pytest.mark.parametrize(
    "url", ["https://example.com/hook", "https://8.8.8.8:8443/", "https://[2606:4700::1111]/x?y=1"]
)
def test_a_public_url_is_taken(url: str):
    assert str(outbound.check_url(url)) == url


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8.8.8.8", True),
        ("127.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::808:808", True),
        ("2002:a00:1::", False),
    ],
)
def test_an_address_inside_an_address_is_what_counts(text: str, *, expected: bool):
    assert outbound.is_public(ip_address(text)) is expected


def test_an_allowed_network_opens_that_network_and_no_other():
    assert outbound.is_public(ip_address("127.0.0.9"), allowed=LOOPBACK)
    assert not outbound.is_public(ip_address("10.0.0.9"), allowed=LOOPBACK)


def _names(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """A name server that answers differently each time, and the names that it was asked for."""
    asked: list[str] = []
    left = list(answers)

    def lookup(host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        asked.append(host)
        if host.startswith("127."):  # the connection to a literal address comes by here as well
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]
        addresses = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(outbound.socket, "getaddrinfo", lookup)
    return asked


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["169.254.169.254"]])
def test_a_name_with_a_private_address_is_refused_when_it_is_used(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str]
):
    _names(monkeypatch, addresses)
    with pytest.raises(outbound.Refused, match="not a public address"):
        outbound.post("https://innocent.example/", content=b"{}", headers={})


def test_a_name_server_that_changes_its_mind_is_not_asked_again(monkeypatch: pytest.MonkeyPatch):
    with receiving() as receiver:
        asked = _names(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
        url = f"http://rebinding.example:{receiver.port}/hook"
        assert outbound.post(url, content=b"{}", headers={}, allowed=LOOPBACK).status == 204
    assert asked == ["rebinding.example", "127.0.0.1"]
    assert receiver.requests[0].headers["host"] == f"rebinding.example:{receiver.port}"


def test_a_redirect_is_an_answer_and_is_not_followed():
    with receiving() as receiver:
        receiver.answer = lambda _: (302, {"Location": f"http://127.0.0.1:{receiver.port}/elsewhere"})
        assert outbound.post(receiver.url, content=b"{}", headers={}, allowed=LOOPBACK).status == 302
    assert [request.path for request in receiver.requests] == ["/hook"]


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with receiving() as receiver:
        assert outbound.post(receiver.url, content=b"{}", headers={}, allowed=LOOPBACK).status == 204


def test_plain_http_goes_to_allowed_networks_only(monkeypatch: pytest.MonkeyPatch):
    _names(monkeypatch, ["8.8.8.8"])
    with pytest.raises(outbound.Refused, match="not encrypted"):
        outbound.post("http://public.example/", content=b"{}", headers={}, allowed=LOOPBACK)


def test_what_does_not_answer_is_unreachable(monkeypatch: pytest.MonkeyPatch):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    with pytest.raises(outbound.Unreachable):
        outbound.post(f"http://127.0.0.1:{port}/", content=b"{}", headers={}, allowed=LOOPBACK)


def test_a_name_that_nobody_knows_is_unreachable(monkeypatch: pytest.MonkeyPatch):
    def lookup(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(outbound.socket, "getaddrinfo", lookup)
    with pytest.raises(outbound.Unreachable, match="cannot be resolved"):
        outbound.post("https://nowhere.example/", content=b"{}", headers={})


@pytest.mark.parametrize(
    ("header", "seconds"), [(None, 0.0), ("17", 17.0), ("soon", 0.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0)]
)
def test_retry_after_is_read_as_a_number_or_a_date(header: str | None, seconds: float):
    with receiving() as receiver:
        receiver.answer = lambda _: (503, {} if header is None else {"Retry-After": header})
        answer = outbound.post(receiver.url, content=b"{}", headers={}, allowed=LOOPBACK)
    assert answer == outbound.Answer(503, seconds)
