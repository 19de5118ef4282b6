"""Commands that talk to a running installation as its users do: over REST, with an own key."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattproof.errors import (
    ConflictError,
    InvalidError,
    MisconfiguredError,
    NotFoundError,
    RefusedError,
    UnavailableError,
    WattproofError,
)

if TYPE_CHECKING:
    import httpx

    from identity.signer import LocalSigner

_TIMEOUT_S = 300.0
_PAGE = 200
_KINDS: Mapping[int, type[WattproofError]] = {
    401: RefusedError,
    403: RefusedError,
    404: NotFoundError,
    409: ConflictError,
    422: InvalidError,
    503: UnavailableError,
}


class RestReader:
    """A caller who reads, signed in or not."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def get(self, path: str, **query: Any) -> Any:
        """The answer's JSON. Raises WattproofError for a problem, saying what to do."""
        wanted = {name: value for name, value in query.items() if value is not None}
        return self._answer("GET", path, params=wanted)

    def get_all(self, path: str, **query: Any) -> Any:
        """The first page's JSON with the items of all pages."""
        whole = page = self.get(path, limit=_PAGE, **query)
        while page["next_cursor"] is not None:
            page = self.get(path, limit=_PAGE, cursor=page["next_cursor"], **query)
            whole["items"] += page["items"]
        whole["next_cursor"] = None
        return whole

    def _answer(self, method: str, path: str, **options: Any) -> Any:
        return answer_of(self._client, method, path, **options)


class RestClient(RestReader):
    """A signed-in caller."""

    def __init__(self, client: httpx.Client, signer: LocalSigner) -> None:
        super().__init__(client)
        self.signer = signer

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """As `get`; sent under a key of its own, so a repeated try changes nothing twice."""
        return self._answer("POST", path, json=body, headers={"Idempotency-Key": str(uuid.uuid4())})


@contextmanager
def anonymous(url: str | None, data_dir: Path | None) -> Iterator[RestReader]:
    """For what anybody may read. Raises MisconfiguredError where nothing is served."""
    import httpx

    with httpx.Client(base_url=url or _served(data_dir), timeout=_TIMEOUT_S) as client:
        yield RestReader(client)


@contextmanager
def signed_in(
    url: str | None,
    data_dir: Path | None,
    key: Path,
    passphrase_file: Path | None,
    scopes: Sequence[str],
) -> Iterator[RestClient]:
    """Open a key file and sign in with it (EIP-4361) for these scopes.

    Raises:
        UnavailableError: nothing answers at the address.
        RefusedError: the key has no right to a scope.
    """
    import httpx

    from identity.signer import LocalSigner
    from wattproof.cli.keys import ask_passphrase

    address = url or _served(data_dir)
    signer = LocalSigner.open(key, ask_passphrase(passphrase_file, confirm=False))
    with httpx.Client(base_url=address, timeout=_TIMEOUT_S) as client:
        asked = answer_of(client, "POST", "/auth/nonce", json={"address": signer.address})
        message = str(asked["message"])
        token = answer_of(
            client,
            "POST",
            "/auth/sessions",
            json={
                "message": message,
                "signature": "0x" + signer.sign_text(message).hex(),
                "scopes": list(scopes),
            },
        )["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield RestClient(client, signer)


def answer_of(client: httpx.Client, method: str, path: str, **options: Any) -> Any:
    """The JSON of an answer; a problem becomes the error it stands for."""
    import httpx

    try:
        answer = client.request(method, path, **options)
    except httpx.HTTPError as error:
        raise UnavailableError(
            f"{client.base_url} does not answer ({error}); start it with `wattproof up`, or name "
            "another with --url"
        ) from error
    try:
        content = answer.json()
    except ValueError as error:
        raise UnavailableError(
            f"{client.base_url} answers no JSON (status {answer.status_code}); is --url right?"
        ) from error
    if answer.is_success:
        return content
    lines = [str(content.get("detail", answer.text))]
    lines += [f"  {each['field']}: {each['message']}" for each in content.get("errors") or []]
    kind = _KINDS.get(answer.status_code, WattproofError)
    raise kind("\n".join(lines), code=str(content.get("code", "error")))


def _served(data_dir: Path | None) -> str:
    """The address of a running `wattproof up`."""
    from wattproof.cli.installation import read_settings

    settings = read_settings(data_dir)
    path = settings.data_dir / "running.json"
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["url"])
    except (OSError, ValueError, KeyError):
        if settings.public_url:
            return settings.public_address
        raise MisconfiguredError(
            f"nothing is served from {settings.data_dir}; start it with `wattproof up`, or name "
            "an address with --url"
        ) from None
