"""Requests that the service makes to addresses its users name: only to public ones, and only to the very address that
was looked at.

A name is resolved once; every address it has must be public (or in a network that the operator allows), and the
connection goes to that address, not to the name again, so a name server that changes its answer in between gains
nothing. Redirects are not followed, proxies of the environment are not used, and of an answer only the head is read.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # it is loaded when somebody names the first address: the service is up before
    import httpx2

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAT64: Final = IPv6Network("64:ff9b::/96")
_TIMEOUT_SECONDS: Final = 15.0


class Refused(Exception):
    """The address may not be reached, or the URL is none that could be."""


class Unreachable(Exception):
    """The endpoint did not answer: no such name, no connection, no answer in time."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, and how long the endpoint asks to be left alone."""

    status: int
    retry_after_seconds: float


def is_public(address: Address, *, allowed: Sequence[Network] = ()) -> bool:
    """Whether an address may be reached. Those that carry an IPv4 address inside are judged by that one."""
    inner = _inner(address)
    if any(inner in network for network in allowed if network.version == inner.version):
        return True
    return inner.is_global and not inner.is_multicast and not inner.is_reserved and not inner.is_unspecified


def check_url(url: str, *, allowed: Sequence[Network] = ()) -> httpx2.URL:
    """A URL that may be posted to, as far as it can be said without asking a name server. Raises Refused.

    https, or http where networks are allowed: then the address decides at the time of sending.
    """
    import httpx2

    if not url.isascii() or any(character <= " " or character == "\x7f" for character in url):
        raise Refused("must be written in visible ASCII characters")
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError) as error:
        raise Refused("is no URL") from error
    if parsed.scheme not in (("https", "http") if allowed else ("https",)):
        raise Refused("must begin with https://")
    if not parsed.host:
        raise Refused("names no host")
    if parsed.userinfo:
        raise Refused("must not carry a user name or password")
    if parsed.fragment:
        raise Refused("must not carry a fragment")
    literal = _literal(parsed.host)
    if literal is not None and not is_public(literal, allowed=allowed):
        raise Refused(f"leads to {literal}, which is not a public address")
    if literal is None and not allowed and parsed.host.rstrip(".").rpartition(".")[2] in {"localhost", "internal"}:
        raise Refused(f"names {parsed.host}, which is not a public host")
    return parsed


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request really goes: a URL with the checked address in place of the name, and what keeps the name."""

    url: httpx2.URL
    headers: dict[str, str]
    extensions: dict[str, str] = field(default_factory=dict)


def pin(url: str, *, allowed: Sequence[Network] = (), port: int | None = None, with_public: bool = True) -> Target:
    """Look the host of a URL up, once, and hold to the address that was found. Raises Refused and Unreachable.

    `port` is the URL's own; without `with_public` the allowed networks are all that may be reached.
    """
    parsed = check_url(url, allowed=allowed)
    port = port or parsed.port or {"https": 443, "http": 80}[parsed.scheme]
    address = resolve(parsed.host, port, allowed=allowed)
    is_allowed = any(address in network for network in allowed)
    if parsed.scheme == "http" and not is_allowed:
        raise Refused(f"is not encrypted, and {address} is not in an allowed network")
    if not with_public and not is_allowed:
        raise Refused(f"leads to {address}, which is not in an allowed network")
    host = {"Host": parsed.netloc.decode("ascii")}
    return Target(parsed.copy_with(host=str(address)), host, {"sni_hostname": parsed.host})


@contextmanager
def get(target: Target, *, headers: Mapping[str, str]) -> Iterator[httpx2.Response]:
    """GET from a pinned target, the body not read yet. Raises Unreachable, also for what goes wrong in the block."""
    import httpx2

    try:
        with (
            httpx2.Client(trust_env=False, follow_redirects=False, timeout=_TIMEOUT_SECONDS) as client,
            client.stream(
                "GET", target.url, headers={**headers, **target.headers}, extensions=target.extensions
            ) as response,
        ):
            yield response
    except httpx2.HTTPError as error:
        raise Unreachable(f"{type(error).__name__}: {error}"[:300]) from error


def post(
    url: str, *, content: bytes, headers: Mapping[str, str], allowed: Sequence[Network] = (), port: int | None = None
) -> Answer:
    """POST to the checked address of a URL's host. Raises Refused and Unreachable. `port` is the URL's own."""
    import httpx2

    target = pin(url, allowed=allowed, port=port)
    try:
        with (
            httpx2.Client(trust_env=False, follow_redirects=False, timeout=_TIMEOUT_SECONDS) as client,
            client.stream(
                "POST",
                target.url,
                content=content,
                headers={**headers, **target.headers},
                extensions=target.extensions,
            ) as response,
        ):
            return Answer(response.status_code, _retry_after(response.headers.get("retry-after")))
    except httpx2.HTTPError as error:
        raise Unreachable(f"{type(error).__name__}: {error}"[:300]) from error


def resolve(host: str, port: int, *, allowed: Sequence[Network] = ()) -> Address:
    """The address to connect to. Raises Unreachable for an unknown name, Refused where any of its addresses may not be
    reached.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"{host} cannot be resolved") from error
    addresses = [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    for address in addresses:
        if not is_public(address, allowed=allowed):
            raise Refused(f"{host} leads to {address}, which is not a public address")
    return addresses[0]


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host.strip("[]"))
    except ValueError:
        return None


def _inner(address: Address) -> Address:
    """The IPv4 address that a mapped, 6to4 or NAT64 address stands for; else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _retry_after(header: str | None) -> float:
    """Seconds that the endpoint asks for, as a number or a date (RFC 9110); 0 where it says nothing readable."""
    if header is None:
        return 0.0
    if header.strip().isdigit():
        return float(header)
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return 0.0
