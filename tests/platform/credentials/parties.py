"""Somebody with a key of her own: issues, publishes lists, holds, shows."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from identity import did
from identity.signer import LocalSigner
from identity.verifiable import jose, sd_jwt
from identity.verifiable.issuing import Draft, as_jwt, as_token
from identity.verifiable.keys import EthereumKey
from identity.verifiable.kinds import KINDS
from identity.verifiable.model import date_time
from identity.verifiable.status_list import LEAST_BITS, StatusEntry, StatusList, list_credential
from tests.platform.api.conftest import Wallet
from tests.platform.settling import settle
from wattproof.gateway import outbox
from wattproof.runtime import Platform
from wattproof.store import metadata

YEAR = 365 * 86_400
ZONE = "10YDE-VE-------2"
CLAIMS = {
    "role": "prosumer",
    "zone": ZONE,
    "jurisdiction": "DE",
    "legal_name": "Ada's Bakery",
    "connection_capacity_w": 30_000,
}


def by_key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


@dataclass
class Party:
    """A wallet on a platform, as issuer or holder."""

    platform: Platform
    wallet: Wallet

    @property
    def address(self) -> str:
        return self.wallet.address

    @property
    def did(self) -> str:
        return str(did.of(self.address, self.platform.deployment.chain_id))

    @property
    def key(self) -> EthereumKey:
        """Speaks for her DID as long as she controls it."""
        signer = LocalSigner(bytes(self.wallet.account.key))
        return EthereumKey(signer, f"{self.did}#controller")

    @property
    def now(self) -> int:
        return self.platform.clock.now()

    # -- on the chain --------------------------------------------------------------------------

    @staticmethod
    def send_as(
        platform: Platform, signer: str, contract: str, function: str, *arguments: Any
    ) -> None:
        """A transaction of somebody's, mined."""
        name = f"test:{uuid.uuid4()}"
        settle(platform)
        with platform.transaction() as session:
            outbox.call(
                session,
                platform.chain,
                contract,
                function,
                *arguments,
                key=name,
                signer=signer,
                gas_limit=400_000,
            )
        settle(platform)
        with platform.transaction() as session:
            row = outbox.find(session, name)
            assert row is not None
            assert row.status == outbox.MINED, (function, row.error)

    def send(self, contract: str, function: str, *arguments: Any) -> None:
        self.send_as(self.platform, self.address, contract, function, *arguments)

    # -- issuing -------------------------------------------------------------------------------

    def entry(self, role: str = "prosumer", purpose: str = "revocation") -> StatusEntry:
        """A place in a status list, as the platform gives it out."""
        body = {"role": role, "purpose": purpose}
        answer = self.wallet.post("/status-lists/entries", json=body)
        assert answer.status_code == 201, answer.text
        made = answer.json()
        return StatusEntry(made["status_list"], made["index"], purpose)

    def draft(self, subject: Party, *entries: StatusEntry, **changes: Any) -> Draft:
        """A participant's credential that holds for a year."""
        said: dict[str, Any] = {
            "kind": KINDS["participant"],
            "issuer": self.did,
            "subject": subject.did,
            "claims": CLAIMS,
            "valid_from": self.now - 10,
            "valid_until": self.now + YEAR,
            "statuses": entries,
        }
        return Draft(**(said | changes))

    def jwt(self, draft: Draft) -> str:
        return as_jwt(draft, self.key, now=self.now)

    def token(self, draft: Draft) -> str:
        return str(as_token(draft, self.key, now=self.now))

    def signed_list(self, url: str, revoked: Sequence[int] = (), **changes: Any) -> str:
        """A status list, signed."""
        bits = StatusList(changes.pop("size", LEAST_BITS))
        bits.set(revoked)
        said: dict[str, Any] = {
            "issuer": self.did,
            "purpose": "revocation",
            "valid_from": date_time(self.now),
            "valid_until": date_time(self.now + 86_400),
        }
        key = changes.pop("key", self.key)
        return jose.secure(list_credential(url, bits=bits, **(said | changes)), key)

    def publish(self, url: str, revoked: Sequence[int] = (), **changes: Any) -> Any:
        """Hand a list in at its address; what was answered."""
        path = url.removeprefix(self.platform.settings.public_address)
        token = self.signed_list(url, revoked, **changes)
        return self.wallet.request("PUT", path, json={"token": token})

    # -- showing -------------------------------------------------------------------------------

    def asked(self, *claims: str, **changes: Any) -> dict[str, Any]:
        """A request, as the platform gives it out."""
        body = {"kinds": ["participant"], "claims": list(claims)} | changes
        answer = self.wallet.post("/presentations/requests", json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def shown(self, token: str, request: dict[str, Any], *claims: str, **changes: Any) -> str:
        """A token with those claims disclosed, bound to the request."""
        whole = sd_jwt.parse(token)
        said: dict[str, Any] = {
            "audience": request["audience"],
            "nonce": request["nonce"],
            "issued_at": self.now,
        }
        key = changes.pop("key", self.key)
        return str(sd_jwt.bind(sd_jwt.select(whole, claims), key, **(said | changes)))

    def presented(self, jwts: Sequence[str], request: dict[str, Any], **changes: Any) -> str:
        """A vp+jwt of whole credentials."""
        said: dict[str, Any] = {
            "audience": request["audience"],
            "nonce": request["nonce"],
            "issued_at": self.now,
        }
        holder, key = changes.pop("holder", self.did), changes.pop("key", self.key)
        return jose.present(jwts, holder, key, **(said | changes))

    def show(self, presentation: str) -> Any:
        """Hand a presentation in; what was answered."""
        body = {"presentation": presentation}
        return self.wallet.post("/presentations", json=body, headers=by_key())


def verified(client: Any, credential: Any) -> dict[str, Any]:
    """What the platform says of a credential."""
    answer = client.post("/credentials/verify", json={"credential": credential})
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


def failing(client: Any, credential: Any) -> set[str]:
    """Names of the checks that fail."""
    said = verified(client, credential)
    found = {each["check"] for each in said["checks"] if each["outcome"] == "fails"}
    assert said["holds"] is not bool(found)
    return found


def everything(platform: Platform) -> str:
    """Every row of every table, as text."""
    with platform.engine.connect() as connection:
        return "\n".join(
            f"{table.name}: {sorted(map(str, connection.execute(select(table))))}"
            for table in metadata.load().sorted_tables
        )
