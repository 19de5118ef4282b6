"""The rebuilt state against the contracts' own views, at the block the replay reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wattproof.audit import (
    certificate_views,
    claims,
    credits,
    delegations,
    demand_response,
    quotas,
    tokenised,
)
from wattproof.audit.findings import Report
from wattproof.audit.state import RoundState, State
from wattproof.gateway.chain import Block, Call, CallFailedError, Chain

_STATUSES = ("None", "Open", "Gated", "Verified", "Settled", "Void")


def compare(state: State, chain: Chain, at: Block, report: Report) -> None:
    """Every balance, word, role, round and reading; differences go into the report."""
    calls: list[Call] = []
    expected: list[tuple[str, str, Any]] = []

    def expect(contract: str, function: str, args: tuple[Any, ...], value: Any) -> None:
        calls.append((contract, function, args))
        expected.append((f"{contract}.{function}", ", ".join(_text(arg) for arg in args), value))

    for (asset, account), amount in state.free.items():
        expect("Ledger", "free", (asset, account), amount)
    for key, word in state.words.items():
        expect("Ledger", "word", key, word.to_word())
    for key, amount in state.bonds.items():
        expect("Ledger", "bondOf", key, amount)
    for key, pending in state.exits.items():
        expect("Ledger", "exitOf", key, (pending.amount, pending.requested_at))
    token = chain.address("SettlementToken")
    expect("Ledger", "dust", (token,), state.dust[token])
    expect("Ledger", "totalDeposited", (token,), state.deposited[token])
    expect("SettlementToken", "totalSupply", (), state.supply[token])
    for (asset, account), amount in state.tokens.items():
        if asset == token:
            expect("SettlementToken", "balanceOf", (account,), amount)
    for key, member in state.authority.items():
        expect("Authority", "hasRole", key, member.standing(at.timestamp))
        expect("Authority", "getAccess", key, member.access(at.timestamp))
    for selector, number in state.restricted.items():
        expect("Authority", "getTargetFunctionRole", selector, number)
    for (subject, role), grant in state.grants.items():
        expect(
            "CredentialRegistry",
            "standing",
            (subject, role, at.timestamp),
            state.standing(subject, role, at.timestamp),
        )
        expect("CredentialRegistry", "credentialOf", (grant.credential_hash,), (subject, role))
    for identity, time in state.deactivated.items():
        expect("DidRegistry", "deactivatedAt", (identity,), time)
    for device, meter in state.devices.items():
        expect("MeterRegistry", "keyOf", (device,), meter.key)
    for (device, period), reading in state.readings.items():
        expect(
            "MeterRegistry",
            "reading",
            (device, period),
            (reading.values_hash, reading.posted_at, int(reading.status), reading.disputed_at),
        )
    for (market, period), bits in state.coverage.items():
        expect("MeterRegistry", "covered", (market, period), bits)
    for market, period, account in state.closures:
        expect("Imbalance", "closed", (market, account, period), True)

    for function, args, value in credits.expectations(state):
        expect("EnergyCredits", function, args, value)
    for contract, args, parts in tokenised.expectations(state):
        expect(contract, "offerOf", args, parts)
    for function, args, value in certificate_views.expectations(state):
        expect("GreenCertificates", function, args, value)
    for function, args, value in quotas.expectations(state):
        expect("QuotaRegistry", function, args, value)
    for function, args, value in delegations.expectations(state):
        expect(delegations.CONTRACT, function, args, value)
    for function, args, parts in demand_response.expectations(state):
        expect("DemandResponse", function, args, parts)
    for meter_day, slots in state.deviations.taken.items():
        expect("Deviations", "taken", meter_day, slots)
    for number, view in claims.reservations(state):
        expect("Deviations", "reservationOf", (number,), view)

    for answer, (place, what, value) in zip(_answers(chain, calls, at), expected, strict=True):
        if isinstance(value, Mapping) and isinstance(answer, Mapping):
            for field, wanted in value.items():
                report.compare(place, what, field, answer[field], wanted)
        else:
            report.compare(place, what, "view", answer, value)
    _compare_rounds(state, chain, at, report)
    report.compare(
        "Ledger", "tokens held", "sum of all balances and gifts",
        state.held(token) + report.given["Ledger"], state.tokens[token, state.ledger],
    )  # fmt: skip
    escrows = {
        "EnergyCredits": sum(s.escrow for s in state.credits.series.values() if s.asset == token),
        "DemandResponse": demand_response.held(state, token),
        "QuotaRegistry": quotas.held(state, token),
    }
    for contract, amount in escrows.items():
        if contract not in chain.deployment.addresses:
            continue
        report.compare(
            contract,
            "tokens held",
            "sum of all escrows and gifts",
            amount + report.given[contract],
            state.tokens[token, chain.address(contract)],
        )


def _answers(chain: Chain, calls: Sequence[Call], at: Block) -> Iterator[Any]:
    """What the views say, or the contract's refusal in its own words.

    Raises:
        CallFailedError: the node, not the contract, gave no answer.
    """
    block = {"blockHash": at.hash}
    sent = [
        ("eth_call", ({"to": chain.address(name), "data": chain.encode(name, view, *args)}, block))
        for name, view, args in calls
    ]
    for (name, view, _), answer in zip(calls, chain.try_batch(sent), strict=True):
        if "error" not in answer:
            data = bytes.fromhex(answer["result"][2:])
            yield chain.interfaces[name].decode_result(view, data)
            continue
        reason = chain.reason(answer["error"])
        if reason is None:
            raise CallFailedError(f"{name}.{view}: {answer['error'].get('message')}")
        yield f"refused: {reason}"


def _compare_rounds(state: State, chain: Chain, at: Block, report: Report) -> None:
    keys = list(state.rounds)
    views = chain.call_many(
        [("Exchange", "roundOf", key) for key in keys], block={"blockHash": at.hash}
    )
    for key, view in zip(keys, views, strict=True):
        record = state.rounds[key]
        name = f"{key[0]}, {key[1]}"
        wanted = {
            "gateAt": record.gate_at,
            "firstSlot": record.first_slot,
            "slots": record.slots,
            "forcedCount": len(record.forced),
            "bookRoot": record.book_root,
            "count": record.count,
        }
        if record.status == "Settled" and record.proof is not None:
            wanted |= {
                "positionsRoot": record.proof.settlement.positions_root,
                "positionsCount": len(record.proof.settlement.positions),
                "pricesHash": record.proof.settlement.prices_hash,
            }
        for field, value in wanted.items():
            report.compare("Exchange.roundOf", name, field, view[field], value)
        report.compare(
            "Exchange.roundOf",
            name,
            "status",
            _STATUSES[view["status"]],
            status_at(state, key[0], record, at.timestamp),
        )


def status_at(state: State, market: int, record: RoundState, now: int) -> str:
    """A round's status; an overdue one is void without anybody saying so."""
    params = state.markets[market]
    overdue = (record.status == "Open" and now > record.gate_at + params.gate_grace) or (
        record.status == "Gated" and now >= record.gate_at + params.settle_window
    )
    return "Void" if overdue else record.status


def _text(value: Any) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
