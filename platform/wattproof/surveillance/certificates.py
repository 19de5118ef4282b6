"""Stocks of certificates and what quotas still ask for, from the events of the chain.

A transfer moves what is in wallets; what is offered, sold, recalled and collected between them is
told by the events of the sale pools and by the settled rounds. Which certificates stand behind a
pool's numbers does not matter here: one market trades one class.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from eth_utils.address import to_checksum_address

from market.reference.meters import MISSING, Device, decode_values
from market.surveillance import CertificateClass, NeedChange, Stock, StockChange
from market.units import SCALE, ceil_div
from wattproof.audit.history import Entry, History
from wattproof.audit.state import State

_CERTIFICATES, _QUOTAS = "GreenCertificates", "QuotaRegistry"
_NOBODY = "0x" + "00" * 20
_GENERATION = 0


def stock_of(history: History, state: State) -> Stock:
    """Everything up to the history's block; nothing where no certificates are deployed."""
    if _CERTIFICATES not in history.deployment.addresses:
        return Stock()
    vintage, lifetime = history.chain.call_many(
        [(_CERTIFICATES, "VINTAGE_SECONDS", ()), (_CERTIFICATES, "LIFETIME", ())],
        block=hex(history.head.number),
    )
    reader = _Reader(state, history.chain.address(_CERTIFICATES), vintage, lifetime // vintage)
    reader.read(history.entries())
    needs = _Needs(state)
    needs.read(history.entries())
    return Stock(
        tuple(reader.changes), tuple(needs.changes), reader.classes, vintage, lifetime // vintage
    )


@dataclass(slots=True)
class _Reader:
    state: State
    contract: str
    vintage_seconds: int
    lifetime_vintages: int
    zones: dict[str, int] = field(default_factory=dict)
    classes: dict[int, tuple[int, int]] = field(default_factory=dict)
    changes: list[StockChange] = field(default_factory=list)

    def read(self, entries: Iterable[Entry]) -> None:
        handlers: Mapping[tuple[str, str], Callable[[int, Mapping[str, Any]], None]] = {
            (_CERTIFICATES, "ProducerRegistered"): self._certified,
            (_CERTIFICATES, "StoreRegistered"): self._certified,
            (_CERTIFICATES, "DeviceCorrected"): self._certified,
            (_CERTIFICATES, "MarketBound"): self._bound,
            (_CERTIFICATES, "TransferSingle"): self._transfer,
            (_CERTIFICATES, "TransferBatch"): self._transfer,
            (_CERTIFICATES, "Offered"): self._offered,
            (_CERTIFICATES, "RecallCompleted"): self._recalled,
            (_CERTIFICATES, "Assigned"): self._assigned,
            ("Exchange", "RoundSettled"): self._settled,
        }
        for entry in entries:
            handler = handlers.get((entry.event.contract, entry.event.name))
            if handler is not None:
                handler(entry.time, entry.event.args)

    def _class_of(self, identity: int) -> CertificateClass | None:
        device = _address(identity >> 56)
        known = self.state.devices.get(device)
        if known is None or known.market not in self.state.markets:
            return None
        params = self.state.markets[known.market]
        period, slot = identity >> 24 & 0xFFFFFFFF, identity >> 8 & 0xFFFF
        begins = (period * params.period_slots + slot) * params.slot_seconds
        return CertificateClass(
            identity & 0xFF, begins // self.vintage_seconds, self.zones.get(device, 0)
        )

    def _add(self, time: int, account: str, kind: CertificateClass | None, **wh: int) -> None:
        if kind is not None and account not in (_NOBODY, self.contract):
            self.changes.append(StockChange(time, account, kind, **wh))

    def _traded(self, args: Mapping[str, Any]) -> CertificateClass | None:
        if args["market"] not in self.classes:
            return None
        technology, zone = self.classes[args["market"]]
        return CertificateClass(technology, args["slot"] - self.lifetime_vintages, zone)

    def _certified(self, time: int, args: Mapping[str, Any]) -> None:
        self.zones[args["device"]] = args["zone"]

    def _bound(self, time: int, args: Mapping[str, Any]) -> None:
        self.classes[args["market"]] = args["technology"], args["zone"]

    def _transfer(self, time: int, args: Mapping[str, Any]) -> None:
        single = "id" in args
        ids = [args["id"]] if single else args["ids"]
        amounts = [args["value"]] if single else args["values"]
        for identity, wh in zip(ids, amounts, strict=True):
            kind = self._class_of(identity)
            self._add(time, args["from"], kind, wallet_wh=-wh)
            # What leaves the contract was waiting to be collected.
            waited = wh if args["from"] == self.contract else 0
            self._add(time, args["to"], kind, wallet_wh=wh, uncollected_wh=-waited)

    def _offered(self, time: int, args: Mapping[str, Any]) -> None:
        self._add(time, args["account"], self._traded(args), offered_wh=args["amount"])

    def _recalled(self, time: int, args: Mapping[str, Any]) -> None:
        self._add(time, args["account"], self._traded(args), offered_wh=-args["amount"])

    def _assigned(self, time: int, args: Mapping[str, Any]) -> None:
        self._add(time, args["to"], self._traded(args), uncollected_wh=args["length"])

    def _settled(self, time: int, args: Mapping[str, Any]) -> None:
        """What was sold is not on offer any more; the buyers' part is told by `Assigned`."""
        record = self.state.rounds.get((args["market"], args["round"]))
        if args["market"] not in self.classes or record is None or record.proof is None:
            return
        kind = self._traded({"market": args["market"], "slot": record.first_slot})
        for effect in record.proof.settlement.effects:
            if effect.moved_wh < 0:
                self._add(time, effect.trader, kind, offered_wh=effect.moved_wh)


@dataclass(slots=True)
class _Obliged:
    device: str
    basis: int
    ratio: int
    energy_wh: dict[int, int] = field(default_factory=dict)
    surrendered_wh: int = 0


@dataclass(slots=True)
class _Needs:
    """What is due follows from readings as they are posted, before anybody reports them to the
    quota: whoever keeps certificates for it is not withholding them."""

    state: State
    terms: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    obliged: dict[tuple[int, str], _Obliged] = field(default_factory=dict)
    measured_by: defaultdict[str, set[tuple[int, str]]] = field(
        default_factory=lambda: defaultdict(set)
    )
    changes: list[NeedChange] = field(default_factory=list)

    def read(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            name, args = (entry.event.contract, entry.event.name), entry.event.args
            if name == (_QUOTAS, "QuotaOpened"):
                self.terms[args["quota"]] = args["terms"]
            elif name == (_QUOTAS, "Obliged"):
                key = args["quota"], args["account"]
                known = self.obliged.get(key)
                device = args["device"] if known is None else known.device
                self.obliged[key] = _Obliged(device, args["basis"], args["ratio"])
                self.measured_by[device].add(key)
            elif name == (_QUOTAS, "EnergyReported"):
                key = args["quota"], args["account"]
                self.obliged[key].energy_wh[args["period"]] = args["energyWh"]
                self._tell(entry.time, key)
            elif name == (_QUOTAS, "Surrendered"):
                key = args["quota"], args["account"]
                self.obliged[key].surrendered_wh += args["amount"]
                self._tell(entry.time, key)
            elif name == (_QUOTAS, "ComplianceSettled"):
                self._tell(entry.time, (args["quota"], args["account"]), settled=True)
            elif name == ("MeterRegistry", "ReadingsPosted"):
                self._posted(entry.time, args)

    def _posted(self, time: int, args: Mapping[str, Any]) -> None:
        for key in sorted(self.measured_by[args["device"]]):
            terms, known = self.terms[key[0]], self.obliged[key]
            first = terms["firstPeriod"]
            if first <= args["period"] < first + terms["periods"]:
                device = self.state.devices[args["device"]]
                known.energy_wh[args["period"]] = self._energy(known, device, args["values"])
                self._tell(time, key)

    def _energy(self, known: _Obliged, device: Device, values: bytes) -> int:
        reach = device.capacity_w * self.state.markets[device.market].slot_seconds // 3_600
        sign = -1 if known.basis == _GENERATION else 1
        return sum(reach if wh == MISSING else max(0, sign * wh) for wh in decode_values(values))

    def _tell(self, time: int, key: tuple[int, str], *, settled: bool = False) -> None:
        terms, known = self.terms[key[0]], self.obliged[key]
        params = self.state.markets[terms["market"]]
        period = params.period_slots * params.slot_seconds
        begins = terms["firstPeriod"] * period
        owed = ceil_div(known.ratio * sum(known.energy_wh.values()), SCALE)
        self.changes.append(
            NeedChange(
                time=time,
                quota=key[0],
                account=key[1],
                need_wh=0 if settled else max(0, owed - known.surrendered_wh),
                technologies=terms["technologies"],
                since=begins - terms["bankSeconds"],
                until=begins + terms["periods"] * period,
                surrender_by=terms["surrenderBy"],
            )
        )


def _address(number: int) -> str:
    return str(to_checksum_address(number.to_bytes(20, "big")))
