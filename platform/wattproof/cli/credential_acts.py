"""What the commands about credentials do."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import typer

from identity import did, private_files
from identity.errors import CredentialError, DidError
from identity.issuer_records import IssuerRecords
from identity.verifiable import jws
from identity.verifiable.answering import Request, plan, presentation
from identity.verifiable.checking import Check, Expected, holds
from identity.verifiable.issuing import Draft, as_document, as_jwt, as_token, own_method
from identity.verifiable.keys import SigningKey
from identity.verifiable.kinds import KINDS, Kind, kind_named
from identity.verifiable.received import Form, Received, read
from identity.verifiable.status_list import StatusEntry
from identity.wallet import Wallet
from wattproof.cli.caller import Caller
from wattproof.cli.credential_arguments import read_claims, read_text
from wattproof.cli.credential_checks import Grounds, public_address
from wattproof.cli.credential_issuing import Desk
from wattproof.cli.credential_keys import OpenKey, open_key
from wattproof.cli.rest import RestClient, RestReader, signed_in_by
from wattproof.errors import WattproofError

_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Wish:
    """A credential as the command line asks for it."""

    kind: str
    subject: str
    claims: tuple[str, ...]
    claims_file: Path | None
    form: str
    valid_days: int
    issuer: str | None
    holder_key: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request is to be answered."""

    allowed: tuple[str, ...]
    nonce: str | None
    request: Path | None
    kind: str | None
    credential: str | None
    audience: str | None
    holder_key: Path | None
    whole: bool


# -- issuing ---------------------------------------------------------------------------------------


def issue_credential(
    caller: Caller,
    wish: Wish,
    out: Path,
    records: Path,
    *,
    has_status: bool,
    grant: bool,
) -> dict[str, Any]:
    """Issue, record, write, and where asked publish and grant.

    Raises:
        CredentialError: what was asked for cannot be said, or not with this key.
        WattproofError: the issuer is not accredited; or the grant was refused, and the credential
            is written all the same.
    """
    kind, form = kind_named(wish.kind), _form(wish.form)
    claims = read_claims(kind, wish.claims_file, wish.claims)
    if out.exists():
        raise typer.BadParameter(f"{out} exists already; choose another name", param_hint="--out")
    key = _opened(caller)
    if not has_status and not grant:
        with _offline_or_visiting(caller, wish.issuer, key) as (issuer, signing):
            draft = _draft(kind, wish, issuer, claims, ())
            return _write_out(draft, form, wish, signing, out, IssuerRecords(records))
    with _at_desk(caller, key, records) as desk:
        if wish.issuer not in (None, desk.issuer):
            raise CredentialError(
                f"status lists and grants are those of the account that signs, {desk.issuer}; "
                f"with --no-status you issue for {wish.issuer}"
            )
        # What would be refused is refused before a place in the list is used up.
        _draft(kind, wish, desk.issuer, claims, ())
        entries = (desk.entry(str(claims["role"])),) if has_status else ()
        draft = _draft(kind, wish, desk.issuer, claims, entries)
        done = _write_out(draft, form, wish, desk.key, out, desk.records)
        for entry in entries:
            desk.publish_first(entry.list_url)
        if grant:
            done["transactions"] = _granted(desk, done["hash"], out)
        return done


@contextmanager
def at_desk(caller: Caller, records: Path) -> Iterator[Desk]:
    """Sign in as an issuer. Raises CredentialError for a key that is no account's."""
    with _at_desk(caller, _opened(caller), records) as desk:
        yield desk


def account_of(client: RestReader, name: str) -> str:
    """The account of an address or a did:ethr of the installation's chain. Raises BadParameter."""
    from wattproof.cli.certificate_arguments import read_address

    if not name.startswith("did:"):
        return read_address(name)
    try:
        parsed = did.parse(name)
    except DidError as error:
        raise typer.BadParameter(f"{name} has no account: {error}") from error
    if parsed.chain_id != client.get("/")["chain_id"]:
        raise typer.BadParameter(f"{name} is of another chain than the installation's")
    return parsed.address


@contextmanager
def _at_desk(caller: Caller, key: OpenKey, records: Path) -> Iterator[Desk]:
    if key.signer is None:
        raise CredentialError(
            "status lists and grants are those of accounts; an Ed25519 key has none. Issue with "
            "--no-status and without --grant, or with an account's key"
        )
    kept = IssuerRecords(records)
    with signed_in_by(caller.url, caller.data_dir, key.signer, ["participant"]) as client:
        yield Desk(client, kept, key.own_did(client.get("/")["chain_id"]))


@contextmanager
def _offline_or_visiting(
    caller: Caller, issuer: str | None, key: OpenKey
) -> Iterator[tuple[str, SigningKey]]:
    """The DID that is issued for and the key for it, asked of an installation where needed."""
    name = issuer or (key.own_did(None) if key.ed25519 is not None else None)
    if name is not None and key.is_own(name):
        yield name, key.own(name)
        return
    with caller.visit() as client:
        name = name or key.own_did(client.get("/")["chain_id"])
        signing = key.speaking_for(name, Grounds(client).resolver())
        yield name, signing


def _draft(
    kind: Kind,
    wish: Wish,
    issuer: str,
    claims: Mapping[str, Any],
    entries: tuple[StatusEntry, ...],
) -> Draft:
    now = int(time.time())
    return Draft(kind, issuer, wish.subject, claims, now, now + wish.valid_days * _DAY_S, entries)


def _write_out(
    draft: Draft, form: Form, wish: Wish, key: SigningKey, out: Path, records: IssuerRecords
) -> dict[str, Any]:
    credential = read(_secured(draft, form, key, wish.holder_key))
    record = records.note(credential, draft.subject, now=draft.valid_from)
    private_files.create(out, credential.text() + "\n")
    return {
        "hash": f"0x{record.name}",
        "kind": record.kind,
        "role": record.role,
        "issuer": record.issuer,
        "subject": record.subject,
        "valid_until": _moment(record.expires_at),
        "status_list": record.list_url,
        "file": str(out),
        "transactions": [],
    }


def _secured(draft: Draft, form: Form, key: SigningKey, holder_key: str | None) -> str:
    if form is not Form.TOKEN and holder_key is not None:
        raise typer.BadParameter("--holder-key is for the format sd-jwt")
    if form is Form.JWT:
        return as_jwt(draft, key)
    if form is Form.DOCUMENT:
        return json.dumps(as_document(draft, key), ensure_ascii=False)
    return str(as_token(draft, key, holder_key=holder_key))


def _granted(desk: Desk, name: str, out: Path) -> list[dict[str, Any]]:
    try:
        return desk.grant(desk.records.get(name))
    except WattproofError as error:
        raise type(error)(
            f"{error.message}; the credential is in {out}, and `wattproof credential grant "
            f"{name[:14]}` tries again",
            code=error.code,
        ) from error


# -- holding and showing ---------------------------------------------------------------------------


def accept_credential(grounds: Grounds, source: str, wallet: Path) -> dict[str, Any]:
    """Check a credential as its issuer handed it over; keep it where it holds."""
    received = read(read_text(source))
    checks = grounds.check(received, whole=True)
    is_kept = holds(checks)
    if is_kept:
        Wallet(wallet).accept(received, now=int(time.time()))
    return {**_checked(received, checks), "kept": is_kept}


def shown(credential: Received) -> dict[str, Any]:
    """A credential as its holder sees it."""
    return {
        "hash": f"0x{credential.hash.hex()}",
        "kind": credential.kind.name,
        "form": credential.form.value,
        "issuer": credential.issuer,
        "subject": credential.subject,
        "holder": credential.holder,
        "valid_from": _moment(credential.valid_from),
        "valid_until": _moment(credential.valid_until),
        "status_lists": [entry.list_url for entry in credential.statuses],
        "claims": dict(credential.claims),
        "can_hide": sorted(credential.can_hide - {"sub"}),
    }


def answer_request(
    caller: Caller, answer: Answer, wallet: Path, confirm: Callable[[dict[str, Any]], bool]
) -> dict[str, Any] | None:
    """Show a credential to whoever asked, after its holder saw what will be seen.

    Args:
        confirm: gets what will be seen; False shows nothing.

    Returns:
        What the verifier says that it learnt; None where nothing was shown.

    Raises:
        CredentialError: no credential answers, more is asked for than is allowed, or the request is
            for somebody else.
    """
    key = _opened(caller)
    if key.signer is None:
        raise CredentialError(
            "signing in needs an account's key (--key); name the one that shows it with "
            "--holder-key"
        )
    held = Wallet(wallet)
    with signed_in_by(caller.url, caller.data_dir, key.signer, ["participant"]) as client:
        request = _request(client, answer)
        credential = _chosen(held, request, answer)
        showing = plan(request, credential, answer.allowed, whole=answer.whole)
        seen = {
            "audience": request.audience,
            "credential": f"0x{credential.hash.hex()}",
            "holder": credential.holder,
            "shown": dict(showing.claims),
            "kept_back": sorted(showing.kept_back),
        }
        if not confirm(seen):
            return None
        shows = key
        if answer.holder_key is not None:
            shows = open_key(answer.holder_key, caller.passphrase_file)
        method = credential.holder_key or own_method(credential.subject or "")
        signing = shows.named(method, Grounds(client).resolver())
        text = presentation(showing, request, signing, now=int(time.time()))
        learnt: dict[str, Any] = client.post("/presentations", {"presentation": text})
        return {**seen, "learnt": learnt["learnt"]}


def _request(client: RestClient, answer: Answer) -> Request:
    given = [answer.nonce is not None, answer.request is not None, answer.kind is not None]
    if sum(given) != 1:
        raise typer.BadParameter("name the request with --nonce or --request, or a --kind to show")
    if answer.nonce is not None:
        body = client.get(f"/presentations/requests/{answer.nonce}")
    elif answer.request is not None:
        body = jws.read_object(read_text(str(answer.request)).encode(), str(answer.request))
    else:
        kind = kind_named(str(answer.kind))
        claims = sorted(set(answer.allowed) | {"role"})
        asked = {"kinds": [kind.name], "claims": claims, "to": "market"}
        body = client.post("/presentations/requests", asked)
    request = _read_request(body)
    wanted = answer.audience or public_address(client)
    if request.audience != wanted:
        raise CredentialError(
            f"the request is for {request.audience}, not for {wanted}; if that is whom you mean to "
            f"show it to, say so: --audience {request.audience}"
        )
    return request


def _read_request(body: Mapping[str, Any]) -> Request:
    try:
        expires = datetime.fromisoformat(body["expires_at"])
        if expires.tzinfo is None:
            raise ValueError("expires_at has no time zone")
        return Request(
            audience=_text(body["audience"]),
            nonce=_text(body["nonce"]),
            kinds=tuple(_text(kind) for kind in body["kinds"]),
            claims=frozenset(_text(claim) for claim in body["claims"]),
            expires_at=int(expires.timestamp()),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CredentialError(f"this is no request for a presentation: {error!r}") from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _chosen(held: Wallet, request: Request, answer: Answer) -> Received:
    if answer.credential is not None:
        return held.get(answer.credential).credential
    kinds = [KINDS[name] for name in request.kinds if name in KINDS]
    fitting = [
        kept.credential
        for kept in held.fitting(kinds, request.claims)
        if kept.credential.form is not Form.DOCUMENT
    ]
    # One that can keep something back, rather than one that shows everything.
    fitting.sort(key=lambda each: each.form is not Form.TOKEN)
    if not fitting:
        raise CredentialError(
            f"no credential in the wallet answers: asked for is {' or '.join(request.kinds)} with "
            f"{', '.join(sorted(request.claims)) or 'no claims'}"
        )
    return fitting[0]


# -- verifying -------------------------------------------------------------------------------------


def verify_credential(
    grounds: Grounds, source: str, audience: str | None, nonce: str | None
) -> dict[str, Any]:
    """Every check of a credential, or of a token that its holder showed."""
    received = read(read_text(source))
    expected = None if audience is None and nonce is None else Expected(audience, nonce)
    return _checked(received, grounds.check(received, expected=expected))


def _checked(received: Received, checks: list[Check]) -> dict[str, Any]:
    return {
        "hash": f"0x{received.hash.hex()}",
        "kind": received.kind.name,
        "issuer": received.issuer,
        "holder": received.holder,
        "holds": holds(checks),
        "checks": [
            {"check": each.name, "passed": each.passed, "detail": each.detail} for each in checks
        ],
    }


# -- parts -----------------------------------------------------------------------------------------


def _opened(caller: Caller) -> OpenKey:
    if caller.key is None:
        raise typer.BadParameter(
            "name your key file: wattproof credential --key FILE ..., or set WATTPROOF_KEY",
            param_hint="--key",
        )
    return open_key(caller.key, caller.passphrase_file)


def _form(name: str) -> Form:
    try:
        return Form(name)
    except ValueError:
        raise typer.BadParameter(
            f"there is no format {name}; there are {', '.join(Form)}", param_hint="--format"
        ) from None


def _moment(seconds: int | None) -> str | None:
    from identity.verifiable.model import date_time

    return None if seconds is None else date_time(seconds)
