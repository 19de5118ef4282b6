"""Issuing and revoking on the issuer's own machine, step by step.

Every step may be the last before a crash. So a credential is recorded before it leaves the machine,
a revocation is recorded before a list is signed, and each step can be made again: records know what
is revoked, and the chain refuses to grant the same credential twice.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from identity import did
from identity.errors import CredentialError, DidError
from identity.issuer_records import IssuerRecords, Record
from identity.roles import role_id
from identity.verifiable import jose, jws
from identity.verifiable.keys import EthereumKey, SigningKey, VerificationKey
from identity.verifiable.model import date_time, read_credential
from identity.verifiable.status_list import (
    LEAST_BITS,
    REVOCATION,
    StatusEntry,
    StatusList,
    list_credential,
)
from wattproof.cli.credential_checks import public_address
from wattproof.cli.rest import RestClient
from wattproof.cli.transacting import Call, send, send_as_role
from wattproof.errors import ConflictError, InvalidError, NotFoundError

LIST_DAYS: Final = 7
_DAY_S: Final = 86_400
_CONTRACT: Final = "CredentialRegistry"


@dataclass(frozen=True, slots=True)
class Desk:
    """An issuer with an account, at an installation.

    Attributes:
        issuer: did:ethr of the account.
    """

    client: RestClient
    records: IssuerRecords
    issuer: str

    @property
    def key(self) -> SigningKey:
        """The account's own."""
        return EthereumKey(self.client.signer, f"{self.issuer}#controller")

    def entry(self, role: str) -> StatusEntry:
        """A place in the issuer's list of revocations.

        Raises:
            RefusedError: not accredited for the role.
            InvalidError: the answer is no place in a list of this issuer's.
        """
        answer = self.client.post("/status-lists/entries", {"role": role, "purpose": REVOCATION})
        entry = StatusEntry(str(answer["status_list"]), answer["index"])
        self._path(entry.list_url)
        if type(entry.index) is not int or not 0 <= entry.index < LEAST_BITS:
            raise InvalidError(f"the API gives {entry.index!r} as one of {LEAST_BITS} places")
        if entry.index in self.records.places(self.issuer, entry.list_url):
            raise InvalidError(
                f"the API gives place {entry.index} away a second time; whoever has it would be "
                "revoked with the other",
                code="place_taken",
            )
        return entry

    def publish(self, url: str, *, days: int = LIST_DAYS) -> dict[str, Any]:
        """Sign a list anew and publish it, with every bit that was ever set.

        Raises:
            InvalidError: the list is none of this issuer's.
            ConflictError: what is published under its name was not signed by this key.
        """
        path, begins = self._path(url), int(time.time())
        bits = StatusList()
        bits.set(self.records.lists(self.issuer).get(url, ()))
        published = self._published(path, url)
        if published is not None:
            before, valid_from = published
            bits.set(index for index in range(len(before)) if before[index])
            begins = max(begins, valid_from + 1)
        document = list_credential(
            url,
            self.issuer,
            bits,
            purpose=REVOCATION,
            valid_from=date_time(begins),
            valid_until=date_time(begins + days * _DAY_S),
        )
        answer: dict[str, Any] = self.client.put(path, {"token": jose.secure(document, self.key)})
        return answer

    def publish_first(self, url: str) -> None:
        """Publish a list that is not published yet: without it nobody takes what it is about."""
        try:
            self.client.text(self._path(url))
        except NotFoundError:
            self.publish(url)

    def grant(self, record: Record) -> list[dict[str, Any]]:
        """Grant the role of a credential on the chain, by the issuer's own transaction.

        Raises:
            CredentialError: the subject has no account on this chain.
            RefusedError: the contract would refuse it, or did.
        """
        subject, digest = self._account(record.subject), bytes.fromhex(record.name)
        call = Call(_CONTRACT, "grant", (digest, subject, role_id(record.role), record.expires_at))
        body = {
            "credential_hash": f"0x{record.name}",
            "subject": subject,
            "role": record.role,
            "expires_at": record.expires_at,
        }
        return send(self.client, "/issuers/grants", body, call)

    def revoke_on_chain(self, record: Record) -> list[dict[str, Any]]:
        """End the grant that rests on a credential. Raises RefusedError."""
        call = Call(_CONTRACT, "revoke", (bytes.fromhex(record.name),))
        body = {"credential_hash": f"0x{record.name}"}
        made, _ = send_as_role(self.client, "/issuers/revocations", body, call)
        return made

    def is_granted(self, record: Record) -> bool:
        """Whether the chain has a grant that rests on a credential and is not revoked."""
        try:
            found = self.client.get(f"/issuers/grants/0x{record.name}")
        except NotFoundError:
            return False
        return found["issuer"] is not None and found["revoked_at"] is None

    def _account(self, name: str) -> str:
        try:
            subject = did.parse(name)
        except DidError as error:
            raise CredentialError(
                f"the chain grants roles to its own accounts; {name} is none"
            ) from error
        if subject.chain_id != did.parse(self.issuer).chain_id:
            raise CredentialError(
                f"{name} is an account of another chain; nothing is granted to it"
            )
        return subject.address

    def _path(self, url: str) -> str:
        """Where the API has a list of this issuer's. Raises InvalidError for any other list."""
        base = public_address(self.client)
        mine = f"/status-lists/{self.client.signer.address}/{REVOCATION}/"
        number = url.removeprefix(f"{base}{mine}")
        if not url.startswith(f"{base}{mine}") or not (number.isascii() and number.isdigit()):
            raise InvalidError(
                f"{url} is no list of revocations of {self.client.signer.address} at {base}",
                code="other_list",
            )
        return f"{mine}{number}"

    def _published(self, path: str, url: str) -> tuple[StatusList, int] | None:
        """The bits that are published and since when they hold; None where there are none."""
        try:
            token = jws.parse(self.client.text(path))
        except NotFoundError:
            return None
        try:
            token.check(VerificationKey(address=self.client.signer.address), jose.CREDENTIAL_TYPE)
            listed = read_credential(jose.document_of(token))
            if listed.document.get("id") != url or listed.issuer != self.issuer:
                raise CredentialError("it is another list")
            bits = StatusList.decoded(str(listed.claims.get("encodedList")))
        except CredentialError as error:
            raise ConflictError(
                f"what is published as {url} was not signed by this key ({error}); nothing was "
                "published in its place",
                code="other_list",
            ) from error
        return bits, listed.valid_from or 0


def accredit(client: RestClient, issuer: str, role: str, *, remove: bool) -> Mapping[str, Any]:
    """Accredit an issuer for a role, or end that, with the registrar's key.

    Raises:
        RefusedError: the key is no registrar's, or the contract refuses.
    """
    function = "removeAccreditation" if remove else "accredit"
    path = "/issuers/accreditations/removals" if remove else "/issuers/accreditations"
    call = Call(_CONTRACT, function, (issuer, role_id(role)))
    made, callable_at = send_as_role(client, path, {"issuer": issuer, "role": role}, call)
    return {"issuer": issuer, "role": role, "transactions": made, "callable_at": callable_at}
