"""What an event touches.

Events only say *which* rows are stale; the rows themselves are read from the contracts' views at
the block the index has reached. So a reorganisation needs no inverse of anything: what the lost
events touched is stale too, and is read again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wattproof.certificates.ids import BatchId

_NOBODY = "0x" + "00" * 20


@dataclass(slots=True)
class Stale:
    """Rows to read again."""

    markets: set[int] = field(default_factory=set)
    rounds: set[tuple[int, int]] = field(default_factory=set)
    accounts: set[tuple[int, str]] = field(default_factory=set)
    free: set[tuple[str, str]] = field(default_factory=set)
    assets: set[str] = field(default_factory=set)
    settled_markets: set[int] = field(default_factory=set)
    credentials: set[tuple[str, bytes]] = field(default_factory=set)
    revoked: set[bytes] = field(default_factory=set)
    forced: set[str] = field(default_factory=set)
    devices: set[str] = field(default_factory=set)
    periods: set[tuple[str, int]] = field(default_factory=set)
    closures: set[tuple[int, int, str]] = field(default_factory=set)
    certified: set[str] = field(default_factory=set)
    issues: set[tuple[str, int]] = field(default_factory=set)
    batches: set[int] = field(default_factory=set)
    holdings: set[tuple[str, int]] = field(default_factory=set)
    places: set[tuple[int, int, str]] = field(default_factory=set)
    pools: set[tuple[int, int]] = field(default_factory=set)
    collectors: set[str] = field(default_factory=set)
    obligations: set[tuple[int, str]] = field(default_factory=set)
    reports: set[tuple[int, str, int]] = field(default_factory=set)
    sessions: set[tuple[int, str]] = field(default_factory=set)
    named: set[tuple[int, str, str]] = field(default_factory=set)

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in self.__slots__)

    def touch(self, contract: str, name: str, args: Mapping[str, Any]) -> None:
        """Mark what one event makes stale."""
        if contract == "Exchange":
            self._exchange(name, args)
        elif contract == "Ledger":
            self._ledger(args)
        elif contract == "CredentialRegistry":
            if name == "Granted":
                self.credentials.add((args["subject"], _bytes(args["role"])))
            elif name == "Revoked":
                self.revoked.add(_bytes(args["credentialHash"]))
        elif contract == "MeterRegistry":
            self._meters(args)
        elif contract == "Imbalance" and "account" in args:
            self.closures.add((int(args["market"]), int(args["period"]), args["account"]))
        elif contract == "GreenCertificates":
            self._certificates(name, args)
        elif contract == "Delegations" and "principal" in args:
            account = int(args["market"]), args["principal"]
            self.sessions.add(account)
            if "delegate" in args:
                self.named.add((*account, args["delegate"]))
        elif contract == "QuotaRegistry" and "account" in args:
            self.obligations.add((int(args["quota"]), args["account"]))
            if name == "EnergyReported":
                self.reports.add((int(args["quota"]), args["account"], int(args["period"])))

    def _exchange(self, name: str, args: Mapping[str, Any]) -> None:
        if "market" not in args:
            return
        market = int(args["market"])
        if name == "MarketCreated":
            self.markets.add(market)
        elif "round" in args:
            self.rounds.add((market, int(args["round"])))
        if name == "OrderForced":
            self.forced.add(_hex(args["orderHash"]))

    def _ledger(self, args: Mapping[str, Any]) -> None:
        who = [args[key] for key in ("account", "from", "to") if key in args]
        if "asset" in args:
            self.assets.add(args["asset"])
            self.free |= {(args["asset"], account) for account in who}
        else:
            # The market's asset is filled in when the rows are read.
            market = int(args["market"])
            self.accounts |= {(market, account) for account in who}
            self.settled_markets.add(market)

    def _meters(self, args: Mapping[str, Any]) -> None:
        if "device" not in args:
            return
        self.devices.add(args["device"])
        if "period" in args:
            self.periods.add((args["device"], int(args["period"])))

    def _certificates(self, name: str, args: Mapping[str, Any]) -> None:
        if name in ("TransferSingle", "TransferBatch"):
            single = name == "TransferSingle"
            moved = {int(each) for each in ([args["id"]] if single else args["ids"])}
            parties = {args["from"], args["to"]}
            self.holdings |= {(p, batch) for p in parties - {_NOBODY} for batch in moved}
            self.collectors.add(args["to"])
            if _NOBODY in parties:
                self.batches |= moved
        elif name == "BatchIssued":
            batch = BatchId.of(int(args["id"]))
            self.issues.add((batch.device, batch.period))
            self.batches.add(batch.number)
        elif "slot" in args and "market" in args:
            place = int(args["market"]), int(args["slot"])
            self.pools.add(place)
            account = args.get("account") or args.get("to")
            if account:
                self.places.add((*place, account))
        elif "device" in args:
            self.certified.add(args["device"])


def to_json(value: Any) -> Any:
    """An event's argument as it is stored: bytes as 0x-hex, big integers as text."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else str(value)
    if isinstance(value, Mapping):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    return value


def _hex(value: Any) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else bytes.fromhex(str(value)[2:])
