"""Resolving any DID: did:ethr by the installation, did:key and did:web on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from identity.did import (
    Dereferenced,
    DidUrl,
    KeyMethod,
    Method,
    Resolution,
    ResolutionCode,
    Resolver,
    WebMethod,
    parse_url,
)
from identity.errors import DidError
from wattproof.cli.caller import Caller
from wattproof.errors import InvalidError, NotFoundError, WattproofError
from wattproof.identities.web_fetch import HttpsFetcher

_CODES: Final = {
    ResolutionCode.INVALID_DID: "invalid_did",
    ResolutionCode.INVALID_DID_URL: "invalid_did_url",
    ResolutionCode.INVALID_DID_DOCUMENT: "invalid_did_document",
    ResolutionCode.METHOD_NOT_SUPPORTED: "method_not_supported",
}


def resolve(
    caller: Caller, text: str, version_id: str | None, version_time: str | None
) -> dict[str, Any]:
    """The resolution of a DID, or what a DID URL points at, as the W3C's JSON.

    Raises:
        InvalidError: not a DID or DID URL, or of a method that is not read.
        NotFoundError: no such document, version or part.
    """
    url = _with_version(text, version_id, version_time)
    if url.method == "ethr":
        with caller.visit() as reader:
            found: dict[str, Any] = reader.get(f"/identifiers/{quote(_text(url), safe=':')}")
        return found
    methods: dict[str, Method] = {"key": KeyMethod(), "web": WebMethod(HttpsFetcher())}
    if url.method not in methods:
        known = ", ".join(["ethr", *methods])
        raise InvalidError(
            f"did:{url.method} is not resolved; these are: {known}", code="method_not_supported"
        )
    resolver = Resolver(methods)
    whole = _text(url)
    result: Resolution | Dereferenced = (
        resolver.resolve(whole) if url.fragment is None else resolver.dereference(whole)
    )
    if result.error is not None:
        raise _refused(result)
    return result.as_json()


def _with_version(text: str, version_id: str | None, version_time: str | None) -> DidUrl:
    try:
        url = parse_url(text)
    except DidError as error:
        raise InvalidError(str(error), code="invalid_did") from error
    wanted: Mapping[str, str | None] = {"versionId": version_id, "versionTime": version_time}
    given = {name: value for name, value in wanted.items() if value is not None}
    twice = given.keys() & url.query.keys()
    if twice:
        raise InvalidError(f"{', '.join(sorted(twice))} is said twice", code="invalid_did_url")
    return DidUrl(
        url.did, url.method, url.identifier, url.path, {**url.query, **given}, url.fragment
    )


def _text(url: DidUrl) -> str:
    query = "&".join(f"{name}={quote(value, safe=':')}" for name, value in url.query.items())
    fragment = "" if url.fragment is None else f"#{url.fragment}"
    return f"{url.did}{url.path}{'?' + query if query else ''}{fragment}"


def _refused(result: Resolution | Dereferenced) -> WattproofError:
    if result.error is None or result.error is ResolutionCode.NOT_FOUND:
        return NotFoundError(result.message)
    return InvalidError(result.message, code=_CODES.get(result.error, "invalid"))
