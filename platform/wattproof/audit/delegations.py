"""Session delegates, rebuilt from events, and every signed change checked again.

Events say who signs for whom from which round on; they do not say who handed a change in. Where the
transaction calls the contract directly, its call data does, and the account's signature is verified
with the nonce that it must have had: the number of its changes before. Of a change that came
through another contract nothing of the kind is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from market.delegation import Authorisation, DelegationError, Revocation, Session
from market.order import Domain, SignatureError
from wattproof.audit.delegations_state import Sessions
from wattproof.audit.history import Entry, History

if TYPE_CHECKING:
    from wattproof.audit.money import Handler
    from wattproof.audit.state import State

CONTRACT = "Delegations"
_NOBODY = {
    "delegate": "0x" + "00" * 20,
    "until": 0,
    "buyWh": 0,
    "sellWh": 0,
    "maxPrice": 0,
    "minPrice": 0,
}
_CALLS = ("authorise", "authoriseSigned", "revoke", "revokeSigned")


class Changes:
    """The handlers; they need call data."""

    def __init__(self, history: History) -> None:
        self._history = history

    @property
    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        return {
            (CONTRACT, "SessionAuthorised"): self.authorised,
            (CONTRACT, "SessionRevoked"): self.revoked,
        }

    def authorised(self, state: State, entry: Entry) -> None:
        args = entry.event.args
        market, account = args["market"], args["principal"]
        try:
            session = Session.of_chain(args["session"])
        except DelegationError as error:
            raise entry.mismatch("session", str(error)) from error
        if session is None or session.delegate != args["delegate"] or session.delegate == account:
            raise entry.mismatch("delegate", f"{args['delegate']} is nobody that can sign")
        if session.until <= entry.time:
            raise entry.mismatch("until", f"{session.until} had passed at {entry.time}")
        self._change(state, entry, session)
        state.delegations.named[market, account].add(session.delegate)

    def revoked(self, state: State, entry: Entry) -> None:
        key = entry.event.args["market"], entry.event.args["principal"]
        if state.delegations.sessions.get(key, Sessions()).current is None:
            raise entry.mismatch("session", "there was none to revoke")
        self._change(state, entry, None)

    def _change(self, state: State, entry: Entry, session: Session | None) -> None:
        args = entry.event.args
        market, account, from_round = args["market"], args["principal"], args["fromRound"]
        effective = state.effective_round(market, entry.time)
        if from_round != effective:
            raise entry.mismatch("fromRound", f"is {from_round}, changes acted from {effective} on")
        self._check_caller(state, entry, session)
        known = state.delegations.sessions.get((market, account), Sessions())
        state.delegations.sessions[market, account] = known.changed(from_round, session)

    def _check_caller(self, state: State, entry: Entry, session: Session | None) -> None:
        """That the account said so: by its transaction, or by its signature and next nonce."""
        sent, chain = entry.transaction, self._history.chain
        account, nonces = entry.event.args["principal"], state.delegations.nonces
        nonce = nonces[account]
        nonces[account] = nonce + 1
        if sent is None or sent.to != chain.address(CONTRACT):
            return
        name, args = entry.call(chain, CONTRACT, *_CALLS)
        if name in ("authorise", "revoke"):
            if sent.sender != account:
                raise entry.mismatch("principal", f"is {account}, the caller was {sent.sender}")
            return
        market, deadline = args["market"], args["deadline"]
        change = (
            Revocation(account, market, nonce, deadline)
            if session is None
            else Authorisation(account, market, session, nonce, deadline)
        )
        domain = Domain(self._history.deployment.chain_id, chain.address(CONTRACT))
        signer = _signer(change, domain, args["signature"])
        if signer != account or entry.time > deadline:
            raise entry.mismatch("signature", f"is not by {account}, of this change, and in time")


def _signer(change: Authorisation | Revocation, domain: Domain, signature: bytes) -> str:
    try:
        return change.signer(domain, signature)
    except (SignatureError, ValueError) as error:
        return str(error)


def expectations(state: State) -> Iterator[tuple[str, tuple[Any, ...], Any]]:
    """Views of the contract that must hold: function, arguments, value."""
    made = state.delegations
    for (market, account), found in made.sessions.items():
        yield "fromRoundOf", (market, account), found.from_round
        for number in {found.from_round, max(found.from_round - 1, 0)}:
            session = found.in_round(number)
            view = _NOBODY if session is None else session.to_chain()
            yield "sessionOf", (market, account, number), view
    for key, delegates in made.named.items():
        for delegate in delegates:
            yield "isNamed", (*key, delegate), True
    for account, nonce in made.nonces.items():
        yield "nonce", (account,), nonce
