from __future__ import annotations

import pytest
from eth_keys.datatypes import PrivateKey

from identity import did
from identity.did import AttributeChanged, DelegateChanged, OwnerChanged
from identity.errors import DidError

ADDRESS = "0xB9C5714089478a327F09197987f16f9E5d936E8a"
OTHER = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"
ME = did.of(ADDRESS, 31337)
NOW = 1_000_000


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
    methods = did.resolve(identity, [], now=NOW).document["verificationMethod"]
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
    ],
)
def test_what_is_no_identifier_is_refused(text):
    with pytest.raises(DidError):
        did.parse(text)


def test_an_unchanged_identity_is_its_own_controller():
    resolution = did.resolve(ME, [], now=NOW)
    assert resolution.document == {
        "@context": [
            "https://www.w3.org/ns/did/v1",
            "https://w3id.org/security/suites/secp256k1recovery-2020/v2",
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
    assert (resolution.deactivated, resolution.version) == (False, 0)


def test_a_new_owner_controls_the_identity():
    resolution = did.resolve(ME, [OwnerChanged(3, OTHER)], now=NOW)
    (method,) = resolution.document["verificationMethod"]
    assert method["blockchainAccountId"] == f"eip155:31337:{OTHER}"
    assert resolution.version == 3


def test_nothing_speaks_for_a_deactivated_identity_ever_again():
    resolution = did.resolve(
        ME,
        [
            DelegateChanged(1, word("sigAuth"), OTHER, NOW + 10),
            OwnerChanged(2, did.ZERO_ADDRESS),
            OwnerChanged(3, OTHER),
        ],
        now=NOW,
    )
    assert resolution.deactivated
    assert resolution.version == 2
    assert resolution.document["verificationMethod"] == []
    assert resolution.document["authentication"] == []


def test_delegates_count_until_their_time_and_keep_their_numbers():
    changes = [
        DelegateChanged(1, word("veriKey"), OTHER, NOW),
        DelegateChanged(2, word("sigAuth"), OTHER, NOW + 1),
    ]
    document = did.resolve(ME, changes, now=NOW).document
    assert [m["id"].split("#")[1] for m in document["verificationMethod"]] == [
        "controller",
        "delegate-2",
    ]
    assert document["authentication"][-1].endswith("#delegate-2")
    later = did.resolve(ME, changes, now=NOW + 1).document
    assert len(later["verificationMethod"]) == 1


def test_a_revoked_delegate_no_longer_speaks():
    changes = [
        DelegateChanged(1, word("sigAuth"), OTHER, NOW + 100),
        DelegateChanged(2, word("sigAuth"), OTHER, NOW - 1),
    ]
    document = did.resolve(ME, changes, now=NOW).document
    assert len(document["verificationMethod"]) == 1
    assert len(document["authentication"]) == 1


def test_a_delegate_of_another_type_is_not_a_key():
    changes = [DelegateChanged(1, word("trading"), OTHER, NOW + 100)]
    assert len(did.resolve(ME, changes, now=NOW).document["verificationMethod"]) == 1


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
    document = did.resolve(ME, changes, now=NOW).document
    methods = {m["id"].split("#")[1]: m for m in document["verificationMethod"]}
    assert methods["delegate-1"]["publicKeyBase64"] == "AQI="
    assert methods["delegate-1"]["type"] == "Ed25519VerificationKey2020"
    assert methods["delegate-2"]["publicKeyHex"] == "03"
    assert methods["delegate-3"]["publicKeyBase58"] == "12"
    assert [i.split("#")[1] for i in document["keyAgreement"]] == ["delegate-2"]
    assert [i.split("#")[1] for i in document["authentication"]] == ["controller", "delegate-3"]
    assert document["service"] == [
        {"id": f"{ME}#service-2", "type": "Data", "serviceEndpoint": {"uri": "x"}}
    ]
