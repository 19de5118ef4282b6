"""Fetching the document of a ``did:web`` from whatever host its name says.

The address comes from a stranger, so: https alone, the host's certificate checked; the name is
resolved here, every address it has must be a public one, and the connection goes to such an address
and nowhere else, so that a name cannot answer differently a moment later; redirects stay on the
host; size and time are bounded, however slowly bytes drip in; no proxy, no cookies, no compression.
"""

from __future__ import annotations

import asyncio
import ssl
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

import httpx

from identity.did.web import LARGEST_BYTES
from identity.errors import DidError

_REDIRECTS: Final = 3
_HTTPS_PORT: Final = 443
_HEADERS: Final = {
    "Accept": "application/did+json, application/did+ld+json, application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "wattproof",
}
# IPv6 addresses that stand for the IPv4 address in their last 32 bits (RFC 6052).
_NAT64: Final = 0x64FF9B << 96
_IPV4_BITS: Final = 32


class HttpsFetcher:
    """A `Fetch` of `WebMethod`. Not to be called where an event loop runs."""

    def __init__(
        self,
        *,
        timeout_s: float = 10.0,
        trust: ssl.SSLContext | None = None,
        lets_private_addresses: bool = False,
    ) -> None:
        """
        Args:
            timeout_s: for everything together.
            trust: certificate authorities; the system's if left out.
            lets_private_addresses: for tests with a server on this machine, and nothing else.
        """
        self._timeout_s = timeout_s
        self._trust = trust
        self._lets_private = lets_private_addresses

    def __call__(self, address: str) -> bytes | None:
        """The body; None where there is nothing. Raises DidError."""
        return asyncio.run(self._in_time(address))

    async def _in_time(self, address: str) -> bytes | None:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._followed(address)
        except TimeoutError as error:
            raise DidError(f"no answer within {self._timeout_s:.0f} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            if isinstance(error, DidError):
                raise
            raise DidError(str(error) or type(error).__name__) from error

    async def _followed(self, address: str) -> bytes | None:
        first = current = urlsplit(address)
        trust = self._trust or ssl.create_default_context()
        async with httpx.AsyncClient(verify=trust, trust_env=False, timeout=None) as client:
            for _ in range(1 + _REDIRECTS):
                if (current.scheme, current.netloc) != ("https", first.netloc):
                    raise DidError(f"it redirects to {current.scheme}://{current.netloc}")
                answer = await self._asked(client, current)
                if not isinstance(answer, str):
                    return answer
                current = urlsplit(urljoin(current.geturl(), answer))
        raise DidError(f"more than {_REDIRECTS} redirects")

    async def _asked(self, client: httpx.AsyncClient, address: SplitResult) -> bytes | str | None:
        """A body, where to look instead, or None."""
        answer = await self._connected(client, address)
        try:
            if answer.status_code in (404, 410):
                return None
            if answer.is_redirect:
                return str(answer.headers.get("location", ""))
            if answer.status_code != httpx.codes.OK:
                raise DidError(f"it answers with status {answer.status_code}")
            return await _body(answer)
        finally:
            await answer.aclose()

    async def _connected(self, client: httpx.AsyncClient, address: SplitResult) -> httpx.Response:
        host, port = address.hostname or "", address.port or _HTTPS_PORT
        failed: httpx.ConnectError | None = None
        for where in await self._public_addresses(host, port):
            literal = f"[{where}]" if isinstance(where, IPv6Address) else str(where)
            request = client.build_request(
                "GET",
                f"https://{literal}:{port}{address.path}",
                headers=_HEADERS | {"Host": address.netloc},
                extensions={"sni_hostname": host},
            )
            try:
                return await client.send(request, stream=True)
            except httpx.ConnectError as error:
                failed = error
        raise failed or DidError(f"{host} has no address")

    async def _public_addresses(self, host: str, port: int) -> list[IPv4Address | IPv6Address]:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=1)
        addresses = [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
        for address in addresses:
            if not self._lets_private and not is_public(address):
                raise DidError(f"{host} is at {address}, which is not an address of the internet")
        return addresses


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether it is a host of the internet: not this machine, not a network around it."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address.teredo is not None:
            inner = address.teredo[1]
        if inner is None and int(address) >> _IPV4_BITS == _NAT64 >> _IPV4_BITS:
            inner = IPv4Address(int(address) & (1 << _IPV4_BITS) - 1)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved


async def _body(answer: httpx.Response) -> bytes:
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise DidError("it answers compressed, which was not asked for")
    body = bytearray()
    async for part in answer.aiter_raw():
        body += part
        if len(body) > LARGEST_BYTES:
            raise DidError(f"more than {LARGEST_BYTES} bytes")
    return bytes(body)
