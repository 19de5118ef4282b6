"""Commands that talk to a running installation as its users do: over REST, with an own key."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
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

    from identity.signer import Signer

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

    def text(self, path: str) -> str:
        """The answer as it is, for what is no JSON. Raises WattproofError as `get`."""
        return str(self._answer("GET", path, as_text=True))

    def _answer(self, method: str, path: str, **options: Any) -> Any:
        return answer_of(self._client, method, path, **options)


class RestClient(RestReader):
    """A signed-in caller."""

    def __init__(self, client: httpx.Client, signer: Signer, tokens: Mapping[str, Any]) -> None:
        super().__init__(client)
        self.signer = signer
        self._take(tokens)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """As `get`; sent under a key of its own, so a repeated try changes nothing twice."""
        return self._write("POST", path, body)

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        """As `post`."""
        return self._write("PUT", path, body)

    def delete(self, path: str, **query: Any) -> Any:
        """As `get`."""
        return self._answer("DELETE", path, params=query)

    def sign_out(self) -> None:
        """End the session; leaves it to its time where the platform does not answer."""
        import httpx

        with suppress(httpx.HTTPError):
            self._client.delete("/auth/session")

    def _write(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        return self._answer(method, path, json=body, headers=headers)

    def _answer(self, method: str, path: str, **options: Any) -> Any:
        try:
            return super()._answer(method, path, **options)
        except RefusedError as error:
            if error.code != "unauthenticated" or self._refresh_token is None:
                raise
        # The command ran for longer than its token.
        given = {"refresh_token": self._refresh_token}
        self._take(answer_of(self._client, "POST", "/auth/sessions/refresh", json=given))
        return super()._answer(method, path, **options)

    def _take(self, tokens: Mapping[str, Any]) -> None:
        self._client.headers["Authorization"] = f"Bearer {tokens['token']}"
        self._refresh_token = tokens["refresh_token"]


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
    from identity.signer import LocalSigner
    from wattproof.cli.keys import ask_passphrase

    signer = LocalSigner.open(key, ask_passphrase(passphrase_file, confirm=False))
    with signed_in_by(url, data_dir, signer, scopes) as client:
        yield client


@contextmanager
def signed_in_by(
    url: str | None, data_dir: Path | None, signer: Signer, scopes: Sequence[str]
) -> Iterator[RestClient]:
    """Sign in with a key that is open already. Raises as `signed_in`."""
    import httpx

    with httpx.Client(base_url=url or _served(data_dir), timeout=_TIMEOUT_S) as client:
        asked = answer_of(client, "POST", "/auth/nonce", json={"address": signer.address})
        message = str(asked["message"])
        tokens = answer_of(
            client,
            "POST",
            "/auth/sessions",
            json={
                "message": message,
                "signature": "0x" + signer.sign_text(message).hex(),
                "scopes": list(scopes),
            },
        )
        signed_in_client = RestClient(client, signer, tokens)
        try:
            yield signed_in_client
        finally:
            signed_in_client.sign_out()


def answer_of(
    client: httpx.Client, method: str, path: str, *, as_text: bool = False, **options: Any
) -> Any:
    """The JSON of an answer, or its text; a problem becomes the error it stands for."""
    import httpx

    try:
        answer = client.request(method, path, **options)
    except httpx.HTTPError as error:
        raise UnavailableError(
            f"{client.base_url} does not answer ({error}); start it with `wattproof up`, or name "
            "another with --url"
        ) from error
    if as_text and answer.is_success:
        return answer.text
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
