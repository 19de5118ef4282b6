from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from eth_keys.datatypes import PrivateKey

from identity import did
from identity.did import EthrMethod, Resolver, Wanted
from identity.did.ethr import ZERO_ADDRESS, AttributeChanged, Change, DelegateChanged, OwnerChanged
from identity.errors import DidError

ADDRESS = "0xB9C5714089478a327F09197987f16f9E5d936E8a"
OTHER = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"
ME = did.of(ADDRESS, 31337)
NOW = 1_000_000


@dataclass
class Registry:
    """A registry whose block b was made at second 100 b."""

    events: list[Change] = field(default_factory=list)
    present: int = NOW

    def changes(self, address):
        return self.events

    def time_of(self, block):
        return 100 * block if 100 * block <= self.present else None

    def now(self):
        return self.present


def resolve(identity, changes, *, now, wanted=None):
    registry = Registry(list(changes), now)
    return Resolver({"ethr": EthrMethod({identity.chain_id: registry})}).resolve(
        str(identity), wanted=wanted
    )


def word(text):
    return text.encode().ljust(32, b"\0")


def test_an_identifier_is_read_and_written_back():
    text = f"did:ethr:0x7a69:{ADDRESS}"
    assert str(did.parse(text)) == text
    assert did.parse(text) == did.EthrDid(31337, ADDRESS)
    assert did.parse(text.lower()).address == ADDRESS


def test_an_identifier_without_a_network_is_on_the_main_chain():
    assert did.parse(f"did:ethr:{ADDRESS}").chain_id == 1
    assert str(did.parse(f"did:ethr:mainnet:{ADDRESS}")) == f"did:ethr:{ADDRESS}"
    assert did.parse(f"did:ethr:sepolia:{ADDRESS}").chain_id == 11155111


def test_an_identifier_may_carry_the_public_key():
    public_key = PrivateKey(b"\x11" * 32).public_key
    text = f"did:ethr:0x5:0x{public_key.to_compressed_bytes().hex()}"
    identity = did.parse(text)
    assert identity.address == public_key.to_checksum_address()
    assert str(identity) == text
    methods = resolve(identity, [], now=NOW).document["verificationMethod"]
    assert methods[1]["publicKeyHex"] == public_key.to_compressed_bytes().hex()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "did:web:example.com",
        f"did:ethr:nowhere:{ADDRESS}",
        f"did:ethr:0x0:{ADDRESS}",
        f"did:ethr:0x{'1' * 17}:{ADDRESS}",
        f"did:ethr:0x1:{ADDRESS}0",
        f"did:ethr:0x1:{ADDRESS[2:]}",
        "did:ethr:0x1:0x05" + "11" * 32,
        "did:ethr:0x1:0x02" + "ff" * 32,
        f"did:ethr:0x1:{ADDRESS}\n",
        f"did:ethr:0x1:0x{ADDRESS[2:].swapcase()}",
        f"did:ethr:0x1:0X{ADDRESS[2:]}",
        f"DID:ethr:0x1:{ADDRESS}",
        f"did:ETHR:0x1:{ADDRESS}",
    ],
)
def test_what_is_no_identifier_is_refused(text):
    with pytest.raises(DidError):
        did.parse(text)


def test_an_unchanged_identity_is_its_own_controller():
    resolution = resolve(ME, [], now=NOW)
    assert resolution.document == {
        "@context": [
            "https://www.w3.org/ns/did/v1",
            "https://w3id.org/security/suites/secp256k1recovery-2020/v2",
            "https://w3id.org/security/v3-unstable",
        ],
        "id": f"did:ethr:0x7a69:{ADDRESS}",
        "verificationMethod": [
            {
                "id": f"did:ethr:0x7a69:{ADDRESS}#controller",
                "type": "EcdsaSecp256k1RecoveryMethod2020",
                "controller": f"did:ethr:0x7a69:{ADDRESS}",
                "blockchainAccountId": f"eip155:31337:{ADDRESS}",
            }
        ],
        "authentication": [f"did:ethr:0x7a69:{ADDRESS}#controller"],
        "assertionMethod": [f"did:ethr:0x7a69:{ADDRESS}#controller"],
    }
    assert not resolution.deactivated
    assert resolution.metadata == {}


def test_a_new_owner_controls_the_identity():
    resolution = resolve(ME, [OwnerChanged(3, OTHER)], now=NOW)
    (method,) = resolution.document["verificationMethod"]
    assert method["blockchainAccountId"] == f"eip155:31337:{OTHER}"
    assert resolution.metadata == {"versionId": "3", "updated": "1970-01-01T00:05:00Z"}


def test_nothing_speaks_for_a_deactivated_identity_ever_again():
    resolution = resolve(
        ME,
        [
            DelegateChanged(1, word("sigAuth"), OTHER, NOW + 10),
            OwnerChanged(2, ZERO_ADDRESS),
            OwnerChanged(3, OTHER),
        ],
        now=NOW,
    )
    assert resolution.deactivated
    assert resolution.metadata["versionId"] == "2"
    assert resolution.document["verificationMethod"] == []
    assert resolution.document["authentication"] == []


def test_delegates_count_until_their_time_and_keep_their_numbers():
    changes = [
        DelegateChanged(1, word("veriKey"), OTHER, NOW),
        DelegateChanged(2, word("sigAuth"), OTHER, NOW + 1),
    ]
    document = resolve(ME, changes, now=NOW).document
    assert [m["id"].split("#")[1] for m in document["verificationMethod"]] == [
        "controller",
        "delegate-2",
    ]
    assert document["authentication"][-1].endswith("#delegate-2")
    later = resolve(ME, changes, now=NOW + 1).document
    assert len(later["verificationMethod"]) == 1


def test_a_revoked_delegate_no_longer_speaks():
    changes = [
        DelegateChanged(1, word("sigAuth"), OTHER, NOW + 100),
        DelegateChanged(2, word("sigAuth"), OTHER, NOW - 1),
    ]
    document = resolve(ME, changes, now=NOW).document
    assert len(document["verificationMethod"]) == 1
    assert len(document["authentication"]) == 1


def test_a_delegate_of_another_type_is_not_a_key():
    changes = [DelegateChanged(1, word("trading"), OTHER, NOW + 100)]
    assert len(resolve(ME, changes, now=NOW).document["verificationMethod"]) == 1


def test_attributes_add_keys_and_services():
    changes = [
        AttributeChanged(1, word("did/pub/Ed25519/veriKey/base64"), b"\1\2", NOW + 9),
        AttributeChanged(2, word("did/pub/X25519/enc/hex"), b"\3", NOW + 9),
        AttributeChanged(3, word("did/pub/Secp256k1/sigAuth/base58"), b"\0\1", NOW + 9),
        AttributeChanged(4, word("did/svc/Meter"), b"https://meter.example", NOW + 9),
        AttributeChanged(5, word("did/svc/Data"), b'{"uri":"x"}', NOW + 9),
        AttributeChanged(6, word("did/svc/Junk"), b"\xff", NOW + 9),
        AttributeChanged(7, word("colour"), b"green", NOW + 9),
        AttributeChanged(8, word("did/svc/Meter"), b"https://meter.example", 0),
    ]
    document = resolve(ME, changes, now=NOW).document
    methods = {m["id"].split("#")[1]: m for m in document["verificationMethod"]}
    assert methods["delegate-1"]["publicKeyBase64"] == "AQI="
    assert methods["delegate-1"]["type"] == "Ed25519VerificationKey2018"
    assert methods["delegate-2"]["publicKeyHex"] == "03"
    assert methods["delegate-3"]["publicKeyBase58"] == "12"
    assert [i.split("#")[1] for i in document["keyAgreement"]] == ["delegate-2"]
    assert [i.split("#")[1] for i in document["authentication"]] == ["controller", "delegate-3"]
    assert document["service"] == [
        {"id": f"{ME}#service-2", "type": "Data", "serviceEndpoint": {"uri": "x"}}
    ]


def test_a_document_of_the_past_is_what_the_registry_said_then():
    changes = [
        DelegateChanged(10, word("veriKey"), OTHER, 1_500),
        AttributeChanged(20, word("did/svc/Meter"), b"https://meter.example", 9_000),
        OwnerChanged(30, OTHER),
    ]
    then = resolve(ME, changes, now=NOW, wanted=Wanted(version_id="12"))
    assert [m["id"].split("#")[1] for m in then.document["verificationMethod"]] == [
        "controller",
        "delegate-1",
    ]
    assert then.metadata == {
        "versionId": "10",
        "updated": "1970-01-01T00:16:40Z",
        "nextVersionId": "20",
        "nextUpdate": "1970-01-01T00:33:20Z",
    }
    later = resolve(ME, changes, now=NOW, wanted=Wanted(version_time=2_000))
    assert later.metadata["versionId"] == "20"
    assert len(later.document["verificationMethod"]) == 1, "the delegate has expired"
    assert "service" in later.document
    assert (
        "service" not in resolve(ME, changes, now=NOW, wanted=Wanted(version_time=1_999)).document
    )


def test_a_deactivated_identity_keeps_its_past():
    changes = [OwnerChanged(10, OTHER), OwnerChanged(20, ZERO_ADDRESS)]
    before = resolve(ME, changes, now=NOW, wanted=Wanted(version_id="19"))
    assert not before.deactivated
    assert before.document["authentication"]
    assert resolve(ME, changes, now=NOW, wanted=Wanted(version_id="20")).deactivated


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(version_id="10001"),
        Wanted(version_id="-1"),
        Wanted(version_id="0x10"),
        Wanted(version_id="latest"),
        Wanted(version_id="\u0663"),
        Wanted(version_id=""),
        Wanted(version_id="9" * 19),
        Wanted(version_time=NOW + 1),
    ],
)
def test_a_version_that_does_not_exist_is_not_found(wanted):
    shown = resolve(ME, [OwnerChanged(3, OTHER)], now=NOW, wanted=wanted)
    assert shown.error == "notFound"
    assert shown.document is None


def test_an_identity_of_a_chain_without_a_registry_is_not_found():
    shown = Resolver({"ethr": EthrMethod({1: Registry()})}).resolve(str(ME))
    assert shown.error == "notFound"


def test_a_malformed_identifier_is_invalid_and_not_merely_unknown():
    shown = Resolver({"ethr": EthrMethod({31337: Registry()})}).resolve("did:ethr:0x7a69:0x12")
    assert shown.error == "invalidDid"


def test_a_renewed_delegate_keeps_its_place_and_takes_the_new_number():
    third = "0x" + "33" * 20
    changes = [
        DelegateChanged(1, word("veriKey"), OTHER, NOW + 5),
        DelegateChanged(2, word("veriKey"), third, NOW + 5),
        DelegateChanged(3, word("veriKey"), OTHER, NOW + 9),
    ]
    document = resolve(ME, changes, now=NOW).document
    assert [m["id"].split("#")[1] for m in document["verificationMethod"]] == [
        "controller",
        "delegate-3",
        "delegate-2",
    ]


def test_what_is_no_text_names_nothing_and_counts_for_nothing():
    changes = [
        DelegateChanged(1, b"\xff" * 32, OTHER, NOW + 9),
        AttributeChanged(2, b"\xff" * 32, b"x", NOW + 9),
        AttributeChanged(3, word("did/pub/RSA/veriKey/pem"), b"\xff", NOW + 9),
        AttributeChanged(4, word("did/pub/Secp256k1/veriKey/odd"), b"\x01", NOW + 9),
    ]
    document = resolve(ME, changes, now=NOW).document
    assert [m["id"].split("#")[1] for m in document["verificationMethod"]] == [
        "controller",
        "delegate-2",
    ]
    assert document["verificationMethod"][1]["value"] == "01"
