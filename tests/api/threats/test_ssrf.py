"""SSRF: webhooks and imports reach public addresses alone, however written and whatever a name server says."""

import json
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from api import outbound
from launcher.service import ROOT
from models.settings import Settings
from tests.api.threats import rebinding
from tests.fixtures.receivers import receiving
from tests.fixtures.services import clean_environment
from tests.fixtures.sources import serving_content

LOOPBACK = Settings(dataset_urls="127.0.0.0/8").import_networks
WRITTEN_ODDLY = (
    "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "127.1", "127.0.1", "0", "localhost.",
    "169.254.169.254",
    "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:a9fe:a9fe]", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]",
    "[fe80::1%25lo]", "[::]", "[::1]", "100.100.100.200", "192.168.0.1", "172.31.255.255", "198.18.0.1",
    "255.255.255.255", "[fd00:ec2::254]", "[ff02::1]",
)  # fmt: skip


@pytest.mark.parametrize("host", WRITTEN_ODDLY)
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_ssrf_by_an_address_however_it_is_written(host: str, scheme: str):
    with pytest.raises((outbound.Refused, outbound.Unreachable)) as caught:
        outbound.pin(f"{scheme}://{host}:9/latest/meta-data")
    # What this machine's resolver takes for no address at all is reached by nobody.
    assert caught.type is outbound.Refused or "cannot be resolved" in str(caught.value)


@pytest.fixture
def name_server(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """A resolver that gives one answer after the other for a name; literal addresses are themselves."""
    real = socket.getaddrinfo

    def answering(*answers: str) -> list[str]:
        asked: list[str] = []
        left = list(answers)

        def lookup(host: str, port: int, *words: object, **named: object) -> list[tuple[object, ...]]:
            if not str(host).endswith(".example"):
                return real(host, port, *words, **named)  # type: ignore[arg-type,return-value]
            asked.append(str(host))
            address = left.pop(0) if len(left) > 1 else left[0]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

        monkeypatch.setattr(socket, "getaddrinfo", lookup)
        return asked

    return answering


def test_ssrf_by_a_name_server_that_answers_public_first_and_private_then(name_server):
    """The check sees a public address; a second look-up would lead to loopback. There is none."""
    with receiving() as receiver:
        asked = name_server("192.0.2.1", "127.0.0.1")  # not reachable: where the pinned address leads
        with pytest.raises(outbound.Refused):  # and not public either, so that no test asks the world
            outbound.post(f"http://rebinding.example:{receiver.port}/", content=b"{}", headers={}, allowed=LOOPBACK)
        assert receiver.requests == []
    assert asked == ["rebinding.example"]


def test_ssrf_by_a_real_name_server_that_answers_public_first_and_private_then(tmp_path: Path):
    """The system's own resolver asks it, and both addresses answer: the connection goes to the one that was checked."""
    run = subprocess.run(
        rebinding.command(tmp_path), cwd=ROOT, env=clean_environment(), capture_output=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr.decode()
    told = json.loads(run.stdout)
    assert told["outcomes"][0].startswith("Unreachable: "), told  # it was reached, and did not answer
    assert told["outcomes"][1] == f"Refused: {rebinding.NAME} leads to 127.0.0.1, which is not a public address"
    assert told["asked"] == [rebinding.NAME] * 2  # once for each attempt
    assert (told["first"], told["private"]) == (["the name"], [])


def test_ssrf_by_rebinding_an_import_stays_at_the_address_that_was_looked_at(name_server):
    with serving_content(b"a,b\n1,2\n") as source:
        asked = name_server("127.0.0.1", "127.0.0.2", "169.254.169.254")
        target = outbound.pin(source.url(host="rebinding.example"), allowed=LOOPBACK, with_public=False)
        for _ in range(2):
            with outbound.get(target, headers={}) as response:
                assert response.read() == b"a,b\n1,2\n"
    assert asked == ["rebinding.example"]
    assert {one["host"] for one in source.asked} == {f"rebinding.example:{source.port}"}


def test_ssrf_by_rebinding_the_next_attempt_is_looked_at_again(name_server):
    name_server("127.0.0.1", "10.0.0.1")
    assert outbound.pin("http://rebinding.example/", allowed=LOOPBACK).url.host == "127.0.0.1"
    with pytest.raises(outbound.Refused, match=r"10\.0\.0\.1"):
        outbound.pin("http://rebinding.example/", allowed=LOOPBACK)


def test_ssrf_by_one_private_address_among_public_ones(monkeypatch: pytest.MonkeyPatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ("8.8.8.8", "169.254.169.254")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(outbound.Refused, match=r"169\.254\.169\.254"):
        outbound.pin("https://mixed.example/")


def test_ssrf_by_a_redirect_of_an_import_is_not_followed():
    with serving_content(b"secret") as inner, serving_content(b"") as outer:

        def redirect(source, to):
            to.send_response(302)
            to.send_header("Location", inner.url())
            to.send_header("Content-Length", "0")
            to.end_headers()

        outer.behave = redirect
        with outbound.get(outbound.pin(outer.url(), allowed=LOOPBACK), headers={}) as response:
            assert (response.status_code, response.read()) == (302, b"")
        assert inner.asked == []


def test_ssrf_by_a_proxy_of_the_environment_is_not_used_by_imports(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with (
        serving_content(b"here") as source,
        outbound.get(outbound.pin(source.url(), allowed=LOOPBACK), headers={}) as response,
    ):
        assert response.read() == b"here"
