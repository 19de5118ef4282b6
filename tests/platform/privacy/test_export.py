"""An export has all that is held about somebody, and nothing about anybody else."""

from __future__ import annotations

import json

import pytest

from tests.platform.privacy.people import ADA, BOB, SOMEBODY, fill, installation
from wattproof.api.routes.privacy import Export
from wattproof.certificates.models import HoldingRow
from wattproof.indexer.models import EventRow
from wattproof.privacy import export as exporting
from wattproof.privacy.export import export
from wattproof.privacy.held import Held
from wattproof.privacy.inventory import TABLES
from wattproof.store.engine import transaction

HELD = {name: held for name, held in sorted(TABLES.items()) if isinstance(held, Held)}


@pytest.fixture
def rows(engine):
    return fill(engine)


def exported(engine, address=ADA):
    return json.loads("".join(export(installation(engine), address)))


def test_every_table_that_holds_something_about_a_person_is_in_it(engine, rows):
    made = exported(engine)
    assert sorted(made["tables"]) == list(HELD)
    for name in HELD:
        (row,) = made["tables"][name]["rows"]
        hidden = HELD[name].hidden
        wanted = {key: value for key, value in rows[name][ADA].items() if key not in hidden}
        assert row == wanted, name


def test_nothing_about_anybody_else_is_in_it(engine, rows):
    made = exported(engine)
    assert BOB.lower() not in json.dumps(made).lower()
    assert exported(engine, SOMEBODY)["tables"]["participant"]["rows"] == []


def test_no_secret_is_in_it(engine, rows):
    written = json.dumps(exported(engine))
    for name, held in HELD.items():
        for column in held.hidden:
            assert rows[name][ADA][column] not in written, (name, column)


def test_it_has_the_documented_shape(engine, rows):
    made = Export.model_validate(exported(engine))
    assert made.address == ADA
    assert made.tables["participant"].rows[0]["address"] == ADA


def test_somebody_of_whom_nothing_is_known_gets_a_document_without_rows(engine):
    made = exported(engine, SOMEBODY)
    assert all(table["rows"] == [] for table in made["tables"].values())


def test_more_rows_than_a_page_holds_are_all_in_it_once(engine, rows, monkeypatch):
    monkeypatch.setattr(exporting, "_PAGE", 2)
    monkeypatch.setattr(exporting, "_SEARCHED", 2)
    batches = {2**70 + place: place for place in range(5)}
    with transaction(engine) as session:
        for batch, slot in batches.items():
            row = rows["certificate_holding"][ADA] | {"batch": batch, "held_wh": slot}
            session.add(HoldingRow(**row))
            session.add(
                EventRow(**rows["chain_event"][ADA] | {"id": 10 + slot, "log_index": 10 + slot})
            )
            session.add(
                EventRow(**rows["chain_event"][BOB] | {"id": 20 + slot, "log_index": 20 + slot})
            )
    made = exported(engine)["tables"]
    held = {int(row["batch"]): row["held_wh"] for row in made["certificate_holding"]["rows"]}
    assert held == batches | {rows["certificate_holding"][ADA]["batch"]: 1}
    assert [row["id"] for row in made["chain_event"]["rows"]] == [1, *range(10, 15)]


def test_integers_that_json_readers_round_are_text():
    assert exporting.plain({"a": [2**53, 2**53 + 1, True, None, 1.5, "x"]}) == {
        "a": [2**53, str(2**53 + 1), True, None, 1.5, "x"]
    }
