"""Naming and dismissing a delegate with the owner's key; what is signed is made here and compared.

The installation says nonce and deadline; everything else follows from the command.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, Final

from market.delegation import Authorisation, Revocation, Session
from market.order import Domain
from wattproof.cli.rest import RestClient
from wattproof.cli.transacting import Call, send, until_mined
from wattproof.errors import InvalidError

CONTRACT: Final = "Delegations"
VALID_FOR_S: Final = 3_600
_SKEW_S: Final = 300


def authorise(
    client: RestClient, market: int, session: Session, *, relay: bool, chain_time: bool
) -> dict[str, Any]:
    """Name a delegate and wait until the chain has it; what was done.

    Raises:
        InvalidError: the installation asks to sign something else.
        RefusedError: the contract, or the operator, refuses.
    """
    body = {"market": market, **request(session)}
    if not relay:
        call = Call(CONTRACT, "authorise", (market, session.to_chain()))
        (done,) = send(client, "/delegations/authorisations/transactions", body, call)
        return {"relayed": False} | done

    def made(nonce: int, deadline: int) -> Authorisation:
        return Authorisation(client.signer.address, market, session, nonce, deadline)

    return _relay(client, "authorisations", body, made, chain_time=chain_time)


def revoke(client: RestClient, market: int, *, relay: bool, chain_time: bool) -> dict[str, Any]:
    """Dismiss the delegate and wait until the chain has it; raises as ``authorise``."""
    body = {"market": market}
    if not relay:
        call = Call(CONTRACT, "revoke", (market,))
        (done,) = send(client, "/delegations/revocations/transactions", body, call)
        return {"relayed": False} | done

    def made(nonce: int, deadline: int) -> Revocation:
        return Revocation(client.signer.address, market, nonce, deadline)

    return _relay(client, "revocations", body, made, chain_time=chain_time)


def request(session: Session) -> dict[str, Any]:
    """A session as the API takes it."""
    return {
        "delegate": session.delegate,
        "until": datetime.fromtimestamp(session.until, UTC).isoformat(),
        "buy_wh": session.buy_wh,
        "sell_wh": session.sell_wh,
        "max_price_nano_per_kwh": session.max_price,
        "min_price_nano_per_kwh": session.min_price,
    }


def _relay(
    client: RestClient, kind: str, body: dict[str, Any], made: Any, *, chain_time: bool
) -> dict[str, Any]:
    installation = client.get("/")
    domain = Domain(int(installation["chain_id"]), str(installation["contracts"][CONTRACT]))
    asked = client.post(f"/delegations/{kind}/template", body)
    deadline = int(datetime.fromisoformat(asked["deadline"]).timestamp())
    change = made(int(asked["nonce"]), deadline)
    if change.typed_data(domain) != asked["typed_data"]:
        raise InvalidError(
            "the installation asks for a signature over something else than was asked for; do not "
            "sign",
            code="other_change",
        )
    ahead = deadline - int(time.time())
    if ahead > VALID_FOR_S + _SKEW_S and not chain_time:
        raise InvalidError(
            f"the signature would be good for {ahead} s by this machine's clock instead of "
            f"{VALID_FOR_S}; do not sign, or say --chain-time if this is a test chain ahead of us",
            code="other_deadline",
        )
    digest = change.digest(domain)
    signed = {
        **body,
        "nonce": change.nonce,
        "deadline": asked["deadline"],
        "signature": "0x" + client.signer.sign_digest(digest).hex(),
    }
    handed_in = client.post(f"/delegations/{kind}", signed)
    if handed_in["digest"] != "0x" + digest.hex():
        raise InvalidError("the installation took another change than was signed")
    title = "name the delegate" if kind == "authorisations" else "dismiss the delegate"
    done = until_mined(client, handed_in["digest"], title)
    return {"relayed": True} | done
