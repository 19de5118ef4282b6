"""Certificates and quotas are derived again from the chain; what is forged is named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from sqlalchemy import text

from tests.platform.audit.forgeries import (
    changed,
    last_indexed,
    one_argument_changed,
    one_event_hidden,
    other,
)
from tests.platform.audit.green_season import (
    BOND,
    CERTIFICATES,
    QUOTA,
    GreenSeason,
    open_season,
)
from wattproof import audit
from wattproof.audit import against_chain, against_store
from wattproof.audit.bundle import _digest
from wattproof.audit.certificates_state import BatchId
from wattproof.audit.findings import Finding, Report
from wattproof.audit.history import Entry, History
from wattproof.audit.replay import rebuild
from wattproof.store.engine import transaction

NO_TEXT = encode(["bytes"], [b"\xff\xfe"])
CONTRACTS = ("GreenCertificates", "QuotaRegistry")
# Who called: no balance or right depends on it.
INFORMATIVE = {
    *(f"{contract}.AuthorityUpdated.authority" for contract in CONTRACTS),
    "GreenCertificates.TransferSingle.operator",
    "GreenCertificates.TransferBatch.operator",
}


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GreenSeason]:
    yield from open_season(tmp_path_factory.mktemp("green") / "data", 31_361)


@pytest.fixture(scope="module")
def history(season: GreenSeason) -> History:
    return _history(season)


def _history(season: GreenSeason, until: int | None = None) -> History:
    platform = season.town.platform
    return History(platform.chain.rpc_url, platform.deployment, until=until)


def _report(season: GreenSeason, forged: list[Entry]) -> Report:
    """What a replay says, with some entries of the history forged."""
    history = _history(season)
    history._read = forged
    state, report = rebuild(history)
    against_chain.compare(state, history.chain, history.head, report)
    return report


def _findings(season: GreenSeason, forged: list[Entry]) -> list[Finding]:
    return _report(season, forged).findings


def test_a_season_of_certificates_and_quotas_replays_equal(
    season: GreenSeason, history: History
) -> None:
    platform = season.town.platform
    report = audit.replay(platform.chain.rpc_url, platform.deployment, database=platform.engine)
    assert report.findings == []
    assert report.overdue == []
    assert report.checked["GreenCertificates conservation"] > 8
    happened = {(e.event.contract, e.event.name) for e in history.entries()}
    assert happened >= {
        ("GreenCertificates", "DeviceCorrected"),
        ("GreenCertificates", "DeviceWithdrawn"),
        ("GreenCertificates", "Stored"),
        ("GreenCertificates", "StoreAccounted"),
        ("GreenCertificates", "Assigned"),
        ("GreenCertificates", "RecallCompleted"),
        ("GreenCertificates", "Expired"),
        ("Exchange", "ChunkApplied"),
        ("QuotaRegistry", "ComplianceSettled"),
    }


def test_the_season_ends_as_its_meters_say(season: GreenSeason, history: History) -> None:
    """The derived state itself, against figures worked out by hand."""
    state, _ = rebuild(history)
    town, book = season.town, state.certificates
    wind, shop = town.address("wind"), town.address("shop")
    obligation = state.quotas.obligations[QUOTA, shop]
    # A day of 4,001 Wh, and one that was hidden: 24 slots of 5,000 Wh; half of it is owed.
    assert obligation.energy_wh == 4_001 + 120_000
    assert (obligation.surrendered_wh, obligation.banked_wh) == (1_200, 700)
    assert obligation.shortfall_wh == 62_001 - 1_200
    assert obligation.penalty_paid == BOND  # of 9,120,150 that were due
    met = state.quotas.obligations[QUOTA, wind]
    assert (met.shortfall_wh, met.penalty_paid) == (0, 0)
    assert book.batches[town.batch("wind", season.first, 4)].expired_wh == 2_000
    # 10,000 Wh without anything green take up 1,440 Wh of 1,600, of which 1,350 are green, then
    # 900 of 1,000, all green; what does not fit was a mixture. 1,500 Wh of it leave.
    first = 1_350 * 10_000 // 11_440
    second = (first + 900) * 10_000 // 10_900
    given = book.batches[BatchId(town.meter("store"), season.first, 20, 1).number]
    assert given.issued_wh == second * 1_500 // 10_000


# -- the database ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("BatchIssued", "amount"),
        ("StoreAccounted", "greenWh"),
        ("Stored", "slot"),
        ("ClaimSingle", "claimSubject"),
        ("Expired", "holder"),
        ("Pooled", "start"),
        ("Assigned", "length"),
        ("Delivered", "effectsHash"),
        ("TransferBatch", "values"),
        ("EnergyReported", "energyWh"),
        ("Surrendered", "banked"),
        ("ComplianceSettled", "penaltyPaid"),
    ],
)
def test_an_altered_event_in_the_database_is_named(
    season: GreenSeason, history: History, name: str, argument: str
) -> None:
    state, report = rebuild(history)
    with transaction(season.town.platform.engine) as session:
        row = last_indexed(session, CONTRACTS, name)
        place = f"{row.block_number}, {row.log_index}"
        row.args = {**row.args, argument: other(row.args[argument])}
        session.flush()
        against_store.compare(state, history, session, report)
        session.rollback()
    assert [(f.place, f.key, f.what) for f in report.findings] == [("chain_event", place, "args")]


# Every stored column that the chain decides.
COLUMNS = {
    "certified_device": "market zone technology efficiency_bp from_period until_period "
    "slot_seconds period_slots",
    "certificate_batch": "batch device period slot technology zone vintage starts_at ends_at "
    "issued_wh retired_wh expired_wh issued_to issued_in",
    "certificate_holding": "account batch held_wh",
    "certificate_place": "market slot account offered_wh recalled_wh recall_round uncollected_wh "
    "next_position",
    "certificate_pool": "market slot head tail",
    "quota_obligation": "quota account device basis ratio reported_periods settled energy_wh "
    "owed_wh surrendered_wh banked_wh shortfall_wh bond_micro penalty_paid_micro",
    "quota_report": "quota account period energy_wh",
}


def _altered(value: Any) -> Any:
    """The stored value with its last byte changed, to one that no other row has."""
    if isinstance(value, int):
        return value ^ (1 if value < 2 else 64)
    return value[:-1] + ("1" if value[-1] != "1" else "0")


@pytest.mark.parametrize("table", COLUMNS)
def test_one_altered_byte_of_certificates_and_quotas_is_named(
    season: GreenSeason, history: History, table: str
) -> None:
    missed = []
    for column in COLUMNS[table].split():
        state, report = rebuild(history)
        with transaction(season.town.platform.engine) as session:
            found = text(f"SELECT rowid, {column} FROM {table} ORDER BY rowid LIMIT 1")
            row, value = session.execute(found).one()
            session.execute(
                text(f"UPDATE {table} SET {column} = :value WHERE rowid = :row"),
                {"value": _altered(value), "row": row},
            )
            against_store.compare(state, history, session, report)
            session.rollback()
        if {finding.place for finding in report.findings} != {table}:
            missed.append((column, [str(finding) for finding in report.findings]))
    assert missed == []


@pytest.mark.parametrize("table", COLUMNS)
def test_a_deleted_row_of_certificates_and_quotas_is_named(
    season: GreenSeason, history: History, table: str
) -> None:
    state, report = rebuild(history)
    with transaction(season.town.platform.engine) as session:
        session.execute(text(f"DELETE FROM {table} WHERE rowid = (SELECT min(rowid) FROM {table})"))
        against_store.compare(state, history, session, report)
        session.rollback()
    assert [(f.place, f.what) for f in report.findings] == [(table, "row")]


# -- the chain's account of it ---------------------------------------------------------------------


def test_no_argument_of_any_event_can_be_changed_unnoticed(
    season: GreenSeason, history: History
) -> None:
    forgeries = one_argument_changed(history, CONTRACTS)
    missed = {what for what, forged in forgeries if not _findings(season, forged)}
    assert missed == INFORMATIVE


def test_no_event_can_be_hidden(season: GreenSeason, history: History) -> None:
    hidden = one_event_hidden(history, CONTRACTS)
    missed = {what for what, forged in hidden if not _findings(season, forged)}
    assert missed == {f"{contract}.AuthorityUpdated" for contract in CONTRACTS}


def test_certificates_that_the_meter_does_not_show_are_named(
    season: GreenSeason, history: History
) -> None:
    forged = changed(history, "BatchIssued", amount=4_001)
    (finding, *_) = _findings(season, forged)
    assert finding.place == "GreenCertificates.BatchIssued"
    assert finding.what == str(BatchId.of(season.town.batch("wind", season.compliance, 7)))
    assert "the meter shows 1001" in finding.detail


def test_an_altered_claim_is_named_with_its_id_and_its_transaction(
    season: GreenSeason, history: History
) -> None:
    last = [e for e in history.entries() if e.event.name == "ClaimSingle"][-1].event
    findings = _findings(season, changed(history, "ClaimSingle", value=last.args["value"] + 1))
    named = str(BatchId.of(last.args["id"]))
    transaction_hash = last.transaction_hash
    assert any(named in f.key and transaction_hash in f.what for f in findings)
    assert any(f.place == "GreenCertificates conservation" and named in f.key for f in findings)
    claimed = f"{last.args['claimSubject']}, {last.args['id']}"
    assert ("GreenCertificates.claimedBalanceOf", claimed) in {(f.place, f.key) for f in findings}


def test_a_purpose_that_is_no_text_is_no_fault(season: GreenSeason, history: History) -> None:
    """The contract takes any bytes for words, so nobody may upset an audit with them."""
    lunch = encode(["string"], ["a lunch"])
    forged = [
        replace(e, event=replace(e.event, args={**e.event.args, "claimData": NO_TEXT}))
        if e.event.name == "ClaimSingle" and e.event.args["claimData"] == lunch
        else e
        for e in history.entries()
    ]
    assert forged != list(history.entries())
    assert _findings(season, forged) == []


def test_a_balance_forged_on_the_chain_is_named(season: GreenSeason) -> None:
    """The node itself is made to lie: a holding is written into the contract's storage."""
    chain, town = season.town.platform.chain, season.town
    identity, holder = town.batch("wind", season.compliance, 7), town.address("wind")
    address = chain.address("GreenCertificates")
    held = int(chain.call("GreenCertificates", "balanceOf", holder, identity))
    place = _storage_of(season, address, identity, holder, held)
    chain.request("anvil_setStorageAt", address, place, _word(held + 5))
    chain.request("evm_mine")
    findings = audit.replay(chain.rpc_url, town.platform.deployment).findings
    chain.request("anvil_setStorageAt", address, place, _word(held))
    chain.request("evm_mine")
    assert [(f.place, f.key) for f in findings] == [
        ("GreenCertificates.balanceOf", f"{holder}, {identity}")
    ]
    assert findings[0].detail == f"is {held + 5}, must be {held}"


def _word(value: int) -> str:
    return "0x" + value.to_bytes(32, "big").hex()


def _storage_of(season: GreenSeason, address: str, identity: int, holder: str, held: int) -> str:
    """Where the token keeps a holding: a mapping of ids to mappings of holders."""
    chain = season.town.platform.chain
    for number in range(16):
        inner = keccak(encode(["uint256", "uint256"], [identity, number]))
        place = "0x" + keccak(encode(["address", "bytes32"], [holder, inner])).hex()
        if int(chain.request("eth_getStorageAt", address, place, "latest"), 16) == held:
            return place
    raise AssertionError("the holding is not where ERC-1155 keeps it")


# -- quotas ----------------------------------------------------------------------------------------


def test_an_obligation_that_is_not_settled_is_named(season: GreenSeason, history: History) -> None:
    entries = list(history.entries())
    shop = season.town.address("shop")
    hidden = [
        entry
        for entry in entries
        if entry.event.name != "ComplianceSettled" or entry.event.args["account"] != shop
    ]
    assert len(hidden) == len(entries) - 1
    report = _report(season, hidden)
    named = {(f.place, f.key, f.what) for f in report.findings}
    assert ("QuotaRegistry.obligationOf", f"{QUOTA}, {shop}", "settled") in named
    assert [each.key for each in report.overdue] == [f"quota {QUOTA} of {shop}"]


def test_an_obligation_that_nobody_has_settled_yet_is_overdue_and_no_fault(
    season: GreenSeason, history: History
) -> None:
    settled = [e.event for e in history.entries() if e.event.name == "ComplianceSettled"]
    before = _history(season, until=settled[0].block_number - 1)
    state, report = rebuild(before)
    against_chain.compare(state, before.chain, before.head, report)
    assert report.findings == []
    assert sorted(each.key for each in report.overdue) == sorted(
        f"quota {QUOTA} of {season.town.address(name)}" for name in ("wind", "shop")
    )


def test_a_surrender_counted_as_fresh_that_was_banked_is_named(
    season: GreenSeason, history: History
) -> None:
    findings = _findings(season, changed(history, "Surrendered", banked=True))
    assert findings[0].place == "QuotaRegistry.Surrendered"
    assert f"quota {QUOTA} of {season.town.address('shop')}" in findings[0].what


def test_a_penalty_that_the_shortfall_does_not_cost_is_named(
    season: GreenSeason, history: History
) -> None:
    findings = _findings(season, changed(history, "ComplianceSettled", penalty=5))
    assert (findings[0].place, findings[0].detail) == (
        "QuotaRegistry.ComplianceSettled",
        "is 5, derived is 9120150",
    )


# -- bundles ---------------------------------------------------------------------------------------


@pytest.fixture
def bundle(season: GreenSeason) -> dict[str, Any]:
    """The round in which two bought from several batches."""
    platform = season.town.platform
    return audit.export_round(platform.chain.rpc_url, platform.deployment, (CERTIFICATES, 1))


def _verified(season: GreenSeason, bundle: dict[str, Any]) -> Report:
    return audit.verify_bundle(bundle, season.town.platform.chain.rpc_url)


def test_a_bundle_of_a_certificate_round_says_what_was_delivered_to_whom(
    season: GreenSeason, bundle: dict[str, Any]
) -> None:
    town = season.town
    assert _verified(season, bundle).findings == []
    bought = {parcel["to"]: int(parcel["length"]) for parcel in bundle["certificates"]}
    assert bought == {town.address("store"): 1_500, town.address("shop"): 2_500}
    batches = [batch for parcel in bundle["certificates"] for batch in parcel["batches"]]
    delivered: Counter[str] = Counter()
    for batch in batches:
        delivered[batch["id"]] += int(batch["amountWh"])
    third, fifth = (town.batch("wind", season.first, slot) for slot in (3, 5))
    tenth = town.batch("wind", season.first + 1, 10)
    assert delivered == {hex(third): 900, hex(fifth): 3_000, hex(tenth): 100}
    assert batches[0]["startsAt"] == season.first * 86_400 + 3 * 3_600


def _to_another(bundle: dict[str, Any]) -> None:
    first, second = bundle["certificates"]
    first["to"], second["to"] = second["to"], first["to"]


def _from_another_interval(bundle: dict[str, Any]) -> None:
    bundle["certificates"][0]["batches"][0]["slot"] += 1


def _less_of_a_batch(bundle: dict[str, Any]) -> None:
    bundle["certificates"][0]["batches"][0]["amountWh"] = "1"


def _without_a_parcel(bundle: dict[str, Any]) -> None:
    bundle["certificates"].pop()


@pytest.mark.parametrize(
    "forge", [_to_another, _from_another_interval, _less_of_a_batch, _without_a_parcel]
)
def test_a_bundle_that_says_something_else_of_the_certificates_is_refused_by_itself(
    season: GreenSeason, bundle: dict[str, Any], forge: Callable[[dict[str, Any]], None]
) -> None:
    forge(bundle)
    bundle["digest"] = _digest(bundle)
    findings = _verified(season, bundle).findings
    assert {(finding.place, finding.key) for finding in findings} == {("bundle", "certificates")}


def test_a_bundle_with_positions_that_the_chain_gave_to_another_is_refused(
    season: GreenSeason, bundle: dict[str, Any]
) -> None:
    """What no bundle shows by itself: the order in which the pool was sold."""
    start = int(bundle["certificates"][0]["start"])
    bundle["certificates"][0]["start"] = str(start + 1)
    bundle["digest"] = _digest(bundle)
    findings = _verified(season, bundle).findings
    assert [(f.place, f.key) for f in findings] == [("bundle", "certificates[0].start")]
