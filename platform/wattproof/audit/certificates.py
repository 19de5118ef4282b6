"""Green certificates: devices, every issue derived again from final readings, holdings, claims."""

from __future__ import annotations

from collections.abc import Mapping

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from wattproof.audit import certificate_sales, quotas
from wattproof.audit.certificate_sales import Certificates
from wattproof.audit.certificate_stores import ISSUED
from wattproof.audit.certificates_state import CONTRACT, Batch, BatchId, CertifiedDevice, Store
from wattproof.audit.history import Entry, History
from wattproof.audit.metering import final_values
from wattproof.audit.money import Handler
from wattproof.audit.state import State

_NOBODY = "0x" + "00" * 20


def producer_registered(state: State, entry: Entry) -> None:
    args = entry.event.args
    _register(
        state,
        entry,
        CertifiedDevice(args["market"], args["zone"], args["technology"], args["fromPeriod"]),
    )


def store_registered(state: State, entry: Entry) -> None:
    args = entry.event.args
    device = CertifiedDevice(
        args["market"], args["zone"], 0, args["fromPeriod"], args["efficiencyBp"]
    )
    _register(state, entry, device)
    state.certificates.stores[args["device"]] = Store(
        args["capacityWh"], args["efficiencyBp"], args["capacityWh"], args["fromPeriod"]
    )


def device_corrected(state: State, entry: Entry) -> None:
    args = entry.event.args
    device = state.certificates.devices[args["device"]]
    if device.issued:
        raise entry.mismatch(f"device {args['device']}", "was corrected after certificates of it")
    device.technology, device.zone = args["technology"], args["zone"]


def device_withdrawn(state: State, entry: Entry) -> None:
    args = entry.event.args
    device = state.certificates.devices[args["device"]]
    _require_ahead(state, entry, device.market, args["untilPeriod"])
    device.until_period = args["untilPeriod"]


def batch_issued(state: State, entry: Entry) -> None:
    args, book = entry.event.args, state.certificates
    said, amount = BatchId.of(args["id"]), args["amount"]
    device, owner = book.devices[said.device], state.devices[said.device].account
    if args["id"] in book.batches:
        raise entry.mismatch(str(said), "was issued before")
    batch = Batch(_starts_at(state, said), device.zone, amount, entry.event.transaction_hash)
    book.batches[args["id"]] = batch
    state.entries.announce(entry, CONTRACT, f"id {said} of {args['to']}", "brought in", amount)
    if args["to"] != owner:
        raise entry.mismatch(str(said), f"was issued to {args['to']}, the meter is of {owner}")
    if said.device in book.stores:
        # What a store gives follows from the whole period; `StoreAccounted` has derived it.
        state.entries.announce(entry, ISSUED, f"id {said}", "issued", amount)
        return
    device.issued = True
    if said.technology != device.technology or not device.counts(said.period):
        raise entry.mismatch(str(said), "is not what the device is certified for")
    if entry.time >= batch.expires_at:
        raise entry.mismatch(str(said), f"was issued after it expired at {batch.expires_at}")
    derived = -final_values(state, entry, said.device, said.period)[said.slot]
    if amount != derived:
        raise entry.mismatch(str(said), f"{amount} Wh were issued, the meter shows {derived}")


def claimed(state: State, entry: Entry) -> None:
    """Retired by a holder, for somebody."""
    args, book = entry.event.args, state.certificates
    batch, said = book.batches[args["id"]], BatchId.of(args["id"])
    batch.retired_wh += args["value"]
    book.claimed[args["claimSubject"], args["id"]] += args["value"]
    key = f"id {said} of {args['claimIssuer']}"
    state.entries.announce(entry, CONTRACT, key, "taken out", args["value"])
    purpose = _purpose(entry)
    quotas.claimed(state, entry, f"{purpose} of {args['claimSubject']}, id {said}", args["value"])
    if args["topic"] != said.technology:
        raise entry.mismatch(str(said), f"was claimed as technology {args['topic']}")
    if entry.time >= batch.expires_at:
        raise entry.mismatch(str(said), f"expired at {batch.expires_at}")


def _purpose(entry: Entry) -> str:
    """What certificates were retired for; nobody checks that it is text. Raises Mismatch."""
    try:
        (purpose,) = decode(["bytes"], entry.event.args["claimData"])
    except DecodingError as error:
        raise entry.mismatch("claim data", f"is no text: {error}") from error
    return bytes(purpose).decode(errors="replace")


def expired(state: State, entry: Entry) -> None:
    args = entry.event.args
    batch, said = state.certificates.batches[args["id"]], BatchId.of(args["id"])
    batch.expired_wh += args["amount"]
    key = f"id {said} of {args['holder']}"
    state.entries.announce(entry, CONTRACT, key, "taken out", args["amount"])
    if entry.time < batch.expires_at:
        raise entry.mismatch(str(said), f"does not expire before {batch.expires_at}")


def approval_for_all(state: State, entry: Entry) -> None:
    args = entry.event.args
    state.certificates.approvals[args["account"], args["operator"]] = args["approved"]


class Transfers:
    """The token's own events; what leaves a sale pool needs the call."""

    def __init__(self, history: History) -> None:
        self._history = history

    @property
    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        return {
            (CONTRACT, "TransferSingle"): self.single,
            (CONTRACT, "TransferBatch"): self.batch,
        }

    def single(self, state: State, entry: Entry) -> None:
        args = entry.event.args
        self._move(state, entry, [(args["id"], args["value"])])

    def batch(self, state: State, entry: Entry) -> None:
        args = entry.event.args
        self._move(state, entry, list(zip(args["ids"], args["values"], strict=True)))

    def _move(self, state: State, entry: Entry, moved: Certificates) -> None:
        book, args = state.certificates, entry.event.args
        sender, receiver = args["from"], args["to"]
        for identity, amount in moved:
            _move_one(state, entry, identity, amount)
        if sender == book.address:
            certificate_sales.collected(state, entry, self._history, receiver, moved)
            return
        if receiver == book.address:
            certificate_sales.moved_into_sale(state, entry, sender, moved)
        if sender == _NOBODY:
            return
        now_expired = [_expires_at(state, identity) <= entry.time for identity, _ in moved]
        if receiver != _NOBODY and any(now_expired):
            raise entry.mismatch("transfer", f"of expired certificates by {sender}")
        # Anybody may take what has expired out of circulation; nothing else leaves unasked.
        if not (receiver == _NOBODY and all(now_expired)):
            _require_approved(state, entry)


def _move_one(state: State, entry: Entry, identity: int, amount: int) -> None:
    held, args, said = state.certificates.held, entry.event.args, BatchId.of(identity)
    sender, receiver = args["from"], args["to"]
    if sender == _NOBODY:
        key = f"id {said} of {receiver}"
        state.entries.prove(entry, CONTRACT, key, "brought in", amount)
    elif held[sender, identity] < amount:
        raise entry.mismatch(str(said), f"{amount} left {sender}, who had {held[sender, identity]}")
    else:
        held[sender, identity] -= amount
    if receiver == _NOBODY:
        key = f"id {said} of {sender}"
        state.entries.prove(entry, CONTRACT, key, "taken out", amount)
        if args["operator"] == state.quotas.address:
            quotas.retired(state, entry, sender, identity, amount)
    else:
        held[receiver, identity] += amount


def _require_approved(state: State, entry: Entry) -> None:
    args = entry.event.args
    pair = args["from"], args["operator"]
    if args["operator"] != args["from"] and not state.certificates.approvals.get(pair):
        raise entry.mismatch("operator", f"{pair[1]} was never approved by {pair[0]}")


def _expires_at(state: State, identity: int) -> int:
    """Also of an id that was never issued: a transfer of nothing may name it."""
    return Batch(_starts_at(state, BatchId.of(identity)), 0).expires_at


def _starts_at(state: State, said: BatchId) -> int:
    """First second of an interval."""
    params = state.markets[state.certificates.devices[said.device].market]
    return (said.period * params.period_slots + said.slot) * params.slot_seconds


def _register(state: State, entry: Entry, certified: CertifiedDevice) -> None:
    device = entry.event.args["device"]
    if device in state.certificates.devices:
        raise entry.mismatch(f"device {device}", "was registered before")
    state.certificates.devices[device] = certified
    if state.devices[device].market != certified.market:
        raise entry.mismatch(f"device {device}", "is a meter of another market")
    _require_ahead(state, entry, certified.market, certified.from_period)


def _require_ahead(state: State, entry: Entry, market: int, period: int) -> None:
    params = state.markets[market]
    starts_at = period * params.period_slots * params.slot_seconds
    if entry.time >= starts_at:
        raise entry.mismatch(f"period {period}", f"had begun at {starts_at}")


HANDLERS: Mapping[tuple[str, str], Handler] = {
    (CONTRACT, "ProducerRegistered"): producer_registered,
    (CONTRACT, "StoreRegistered"): store_registered,
    (CONTRACT, "DeviceCorrected"): device_corrected,
    (CONTRACT, "DeviceWithdrawn"): device_withdrawn,
    (CONTRACT, "BatchIssued"): batch_issued,
    (CONTRACT, "ClaimSingle"): claimed,
    (CONTRACT, "Expired"): expired,
    (CONTRACT, "ApprovalForAll"): approval_for_all,
}
