"""Schemas of credentials: what each kind may claim, and what is refused."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

import jsonschema_rs
import pytest

from identity.errors import CredentialError
from identity.roles import ROLES
from identity.verifiable.kinds import KINDS, kind_named, kind_of
from identity.verifiable.schema import check_claims, check_document, reference, schema_of

ZONE = "10Y1001A1001A82H"
DEVICE = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"
SUBJECT = "did:ethr:0x7a69:0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"
CLAIMS: dict[str, dict[str, Any]] = {
    "participant": {"role": "supplier", "zone": ZONE, "legal_name": "Sun & Söhne GmbH"},
    "ev_owner": {"role": "ev_owner", "zone": ZONE, "discharging_power_w": 0},
    "meter": {
        "role": "meter",
        "device": DEVICE,
        "carrier": 0,
        "capacity_w": 11_000,
        "zone": ZONE,
        "accuracy_class": "0.5S",
        "verified_until": "2034-12-31",
    },
    "renewable_device": {
        "role": "renewable_device",
        "device": DEVICE,
        "technology": 3,
        "capacity_w": 9_000,
        "zone": "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
        "commissioned_on": "2025-02-28",
    },
    "producer": {
        "role": "producer",
        "licence_number": "EE-2026/17",
        "jurisdiction": "DE-BY",
        "zone": ZONE,
        "technologies": [1, 3],
    },
    "dispatcher": {"role": "dispatcher", "zone": ZONE, "employer": "Netz Mitte"},
    "analyst": {"role": "analyst", "employer": "Institut Mitte", "jurisdiction": "DE"},
    "regulator": {"role": "regulator", "jurisdiction": "DE", "authority": "Bundesnetzagentur"},
}


def document(name, **changes):
    kind = KINDS[name]
    whole = {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "type": ["VerifiableCredential", kind.type],
        "issuer": SUBJECT,
        "validFrom": "2026-11-01T00:00:00Z",
        "validUntil": "2027-11-01T00:00:00Z",
        "credentialSchema": reference(kind),
        "credentialSubject": {"id": SUBJECT, **CLAIMS[name]},
    }
    return whole | changes


@pytest.mark.parametrize("name", KINDS)
def test_a_credential_of_every_kind_is_taken(name):
    check_document(KINDS[name], document(name))
    check_claims(KINDS[name], CLAIMS[name])


@pytest.mark.parametrize("name", KINDS)
def test_every_schema_is_one_of_draft_2020_12_and_claims_what_its_kind_says(name):
    schema = schema_of(KINDS[name])
    jsonschema_rs.meta.validate(schema)
    assert schema["$id"] == KINDS[name].schema_id
    subject = schema["properties"]["credentialSubject"]
    assert set(subject["properties"]) - {"id"} == KINDS[name].claims
    assert set(subject["required"]) >= {"id", "role"}
    assert subject["additionalProperties"] is False
    role = subject["properties"]["role"]
    assert tuple(role.get("enum", [role.get("const")])) == KINDS[name].roles
    assert set(KINDS[name].roles) <= set(ROLES)


def test_a_schema_ships_for_every_kind_and_for_nothing_else():
    shipped = {path.name for path in (files("identity.verifiable") / "schemas").iterdir()}
    assert shipped == {f"{name}.json" for name in KINDS}


def test_a_claim_of_one_name_means_the_same_in_every_kind():
    meaning: dict[str, dict] = {}
    for kind in KINDS.values():
        claims = schema_of(kind)["properties"]["credentialSubject"]["properties"]
        for name, said in claims.items():
            if name == "role":
                continue
            rule = {word: value for word, value in said.items() if word != "description"}
            assert meaning.setdefault(name, rule) == rule


def test_what_is_measured_names_its_unit():
    for kind in KINDS.values():
        for name, said in schema_of(kind)["properties"]["credentialSubject"]["properties"].items():
            if said.get("type") == "integer" and name not in ("carrier", "technology"):
                assert name.endswith(("_w", "_wh"))


def test_nothing_personal_is_always_shown():
    for kind in KINDS.values():
        assert kind.shown <= {"role", "jurisdiction", "authority"}


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("ev_owner", {"vin": "WVWZZZ1JZXW000001"}, "vin: no claim of this kind; leave it out"),
        ("ev_owner", {"battery_capacity_wh": -58_000}, "battery_capacity_wh: .* at least 1"),
        ("ev_owner", {"battery_capacity_wh": "58 kWh"}, "battery_capacity_wh: .* whole number"),
        ("ev_owner", {"charging_power_w": 11.5}, "charging_power_w: .* whole number"),
        ("ev_owner", {"charging_power_w": True}, "charging_power_w: .* whole number"),
        ("ev_owner", {"charging_power_w": 2**48}, "charging_power_w: .* at most"),
        ("ev_owner", {"role": "supplier"}, "role: "),
        ("participant", {"role": "operator"}, "role: "),
        ("participant", {"zone": "10Y1001A1001A82I"}, "zone: .* check character"),
        ("participant", {"zone": "10X1001A1001A82H"}, "zone: "),
        ("participant", {"zone": "DE-LU"}, "zone: "),
        ("participant", {"zone": "10Y1001A1001A82H\n"}, "zone: "),
        ("participant", {"jurisdiction": "Germany"}, "jurisdiction: "),
        ("participant", {"legal_name": "a\u0000b"}, "legal_name: "),
        ("participant", {"legal_name": "x" * 121}, "legal_name: "),
        ("meter", {"device": DEVICE.replace("a", "A")}, "device: .* checksum"),
        ("meter", {"carrier": -1}, "carrier: "),
        ("meter", {"verified_until": "31.12.2034"}, "verified_until: .* such as 2026-11-30"),
        ("meter", {"verified_until": "2034-02-30"}, "verified_until: "),
        ("meter", {"accuracy_class": "D"}, "accuracy_class: "),
        ("renewable_device", {"technology": 8}, "technology: .* at most 7"),
        ("renewable_device", {"technology": "T010000"}, "technology: .* whole number"),
        ("producer", {"technologies": [1, 1]}, "technologies: "),
        ("producer", {"technologies": []}, "technologies: "),
        ("producer", {"technologies": [0]}, r"technologies\.0: "),
        ("producer", {"licence_number": "../17"}, "licence_number: "),
        ("dispatcher", {"role": "operator"}, "role: "),
        ("analyst", {"role": "regulator"}, "role: "),
        ("analyst", {"zone": ZONE}, "zone: no claim of this kind"),
        ("regulator", {"zone": ZONE}, "zone: no claim of this kind"),
        ("regulator", {"authority": ""}, "authority: "),
    ],
)
def test_claims_that_do_not_fit_are_named_with_what_to_do(name, changes, said):
    with pytest.raises(CredentialError, match=said):
        check_claims(KINDS[name], CLAIMS[name] | changes)
    subject = {"id": SUBJECT, **CLAIMS[name], **changes}
    with pytest.raises(CredentialError, match=f"credentialSubject.{said}|{said}"):
        check_document(KINDS[name], document(name, credentialSubject=subject))


def test_everything_that_is_wrong_is_said_at_once():
    with pytest.raises(CredentialError) as caught:
        check_claims(KINDS["ev_owner"], {"vin": "x", "charging_power_w": 0})
    for part in ("vin", "charging_power_w", "role is missing", "zone is missing"):
        assert part in str(caught.value)


def test_what_a_holder_keeps_to_herself_is_not_missed():
    check_claims(KINDS["meter"], {"role": "meter"}, complete=False)
    with pytest.raises(CredentialError, match="device is missing; add it"):
        check_claims(KINDS["meter"], {"role": "meter"})
    with pytest.raises(CredentialError, match="vin"):
        check_claims(KINDS["meter"], {"vin": 1}, complete=False)


@pytest.mark.parametrize(
    "subject", ["Ada", "did:key", f"{SUBJECT}#controller", "https://ada.example"]
)
def test_a_subject_that_is_no_did_is_refused(subject):
    wrong = {"id": subject, **CLAIMS["ev_owner"]}
    with pytest.raises(CredentialError, match=r"credentialSubject\.id: .* give a DID alone"):
        check_document(KINDS["ev_owner"], document("ev_owner", credentialSubject=wrong))


@pytest.mark.parametrize("missing", ["issuer", "validFrom", "validUntil", "credentialSubject"])
def test_a_document_says_who_until_when_and_of_whom(missing):
    whole = document("ev_owner")
    del whole[missing]
    with pytest.raises(CredentialError, match=f"{missing} is missing"):
        check_document(KINDS["ev_owner"], whole)


def test_a_credential_of_another_kind_is_refused():
    with pytest.raises(CredentialError, match="type: "):
        check_document(
            KINDS["ev_owner"],
            document("ev_owner", type=["VerifiableCredential", "MeterCredential"]),
        )


def test_a_schema_of_somebody_elses_is_not_read():
    elsewhere = {"id": "https://evil.example/schema.json", "type": "JsonSchema"}
    with pytest.raises(CredentialError, match="credentialSchema: "):
        check_document(KINDS["ev_owner"], document("ev_owner", credentialSchema=elsewhere))


def test_no_schema_refers_to_anything_outside_itself():
    for path in (files("identity.verifiable") / "schemas").iterdir():
        text = path.read_text(encoding="utf-8")
        assert "$ref" not in text
        assert set(re.findall(r"https?://[^\"]+", text)) == {json.loads(text)["$schema"]}


def test_values_that_are_no_json_are_refused():
    with pytest.raises(CredentialError, match="no JSON"):
        check_claims(KINDS["ev_owner"], CLAIMS["ev_owner"] | {"zone": b"bytes"})


def test_kinds_are_found_by_name_type_and_vct():
    for name, kind in KINDS.items():
        assert kind_named(name) is kind
        assert kind_of(frozenset({"VerifiableCredential", kind.type})) is kind
        assert kind_of(frozenset({kind.vct})) is kind
        assert kind.vct == f"urn:wattproof:credential:{name}"


def test_a_kind_that_is_none_or_two_is_refused():
    with pytest.raises(CredentialError, match="there is no kind 'plumber'; there are participant"):
        kind_named("plumber")
    with pytest.raises(CredentialError, match="one kind"):
        kind_of(frozenset({"VerifiableCredential"}))
    with pytest.raises(CredentialError, match="one kind"):
        kind_of(frozenset({"MeterCredential", "EvOwnerCredential"}))
