"""Figures that standards and others have published; tests/vectors/identity says which and whose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from eth_account.messages import _hash_eip191_message, encode_defunct, encode_typed_data
from eth_utils.address import is_checksum_address, to_checksum_address
from eth_utils.crypto import keccak

from identity import did, siwe
from identity.canonical import canonical_json
from identity.did import EthrMethod, KeyMethod, Resolver
from identity.did.ethr import AttributeChanged
from identity.did.key import P256, SECP256K1, did_of
from identity.errors import CredentialError, IdentityError, SignInError
from identity.signature import compact, recover, recover_compact, sign_digest
from identity.signer import LocalSigner
from identity.siwe import SignInMessage
from identity.verifiable import data_integrity, jws, sd_jwt
from identity.verifiable.keys import Ed25519Key, VerificationKey, key_of
from identity.verifiable.status_list import LEAST_BITS, StatusList
from market.signature import Domain, address_word, message_digest, typed_message
from tests.identity.verifiable.world import Registry

FOLDER = Path(__file__).parents[1] / "vectors" / "identity"


def vectors(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


MAIL = vectors("eip712")
ETHEREUM = vectors("ethereum")
DIDS = vectors("did")
CREDENTIALS = vectors("credentials")
SIGNATURES = vectors("signatures")
SIWE = vectors("siwe")


def test_every_file_of_vectors_says_whose_they_are():
    for path in FOLDER.iterdir():
        value = json.loads(path.read_text(encoding="utf-8"))
        parts = [value] if "source" in value else value.values()
        assert all(part["source"] for part in parts), path


# -- EIP-712 -----------------------------------------------------------------------------------


def person(name: str) -> bytes:
    who = MAIL["message"][name]
    kind = keccak(text="Person(string name,address wallet)")
    return keccak(kind + keccak(text=who["name"]) + address_word(who["wallet"]))


def mail_hash() -> bytes:
    return keccak(
        keccak(text=MAIL["encoded_type"])
        + person("from")
        + person("to")
        + keccak(text=MAIL["message"]["contents"])
    )


def test_the_mail_of_eip_712_has_the_published_hashes():
    assert keccak(text=MAIL["encoded_type"]).hex() == MAIL["type_hash"]
    assert mail_hash().hex() == MAIL["struct_hash"]
    encoded = encode_typed_data(
        MAIL["domain"],
        {
            name: [{"name": field, "type": kind} for field, kind in fields]
            for name, fields in MAIL["types"].items()
            if name != "EIP712Domain"
        },
        MAIL["message"],
    )
    assert encoded.header.hex() == MAIL["domain_separator"]
    assert encoded.body.hex() == MAIL["struct_hash"]
    assert bytes(_hash_eip191_message(encoded)).hex() == MAIL["digest"]


def test_the_mail_of_eip_712_is_signed_and_recovered_as_published():
    key, digest = keccak(text=MAIL["private_key_of"]), bytes.fromhex(MAIL["digest"])
    published = bytes.fromhex(MAIL["r"] + MAIL["s"]) + bytes([MAIL["v"]])
    assert sign_digest(digest, key) == compact(published)
    assert recover(digest, published) == MAIL["address"] == LocalSigner(key).address
    for bit in range(256):
        changed = (int.from_bytes(digest, "big") ^ 1 << bit).to_bytes(32, "big")
        assert recover(changed, published) != MAIL["address"]


def test_our_typed_data_gives_the_mail_the_digest_that_our_contracts_would():
    """The domain of the protocol, the types of the standard: both ways to the digest agree."""
    domain = Domain(1, MAIL["domain"]["verifyingContract"])
    types = {name: MAIL["types"][name] for name in ("Mail", "Person")}
    message = encode_typed_data(full_message=typed_message(domain, "Mail", types, MAIL["message"]))
    assert bytes(_hash_eip191_message(message)) == message_digest(domain, mail_hash())
    assert message_digest(domain, mail_hash()).hex() != MAIL["digest"]


# -- Ethereum's small standards ----------------------------------------------------------------


@pytest.mark.parametrize("case", ETHEREUM["eip2098"]["cases"], ids=lambda case: case["message"])
def test_a_published_compact_signature_is_made_and_recovered(case):
    key = bytes.fromhex(ETHEREUM["eip2098"]["private_key"])
    digest = bytes(_hash_eip191_message(encode_defunct(text=case["message"])))
    long = bytes.fromhex(case["r"] + case["s"]) + bytes([case["v"]])
    assert compact(long).hex() == case["compact"]
    assert recover_compact(digest, compact(long)) == LocalSigner(key).address
    assert LocalSigner(key).sign_text(case["message"]) == long
    other = bytearray(compact(long))
    other[32] ^= 0x80  # the other recovery bit
    assert recover_compact(digest, bytes(other)) != LocalSigner(key).address


@pytest.mark.parametrize("address", ETHEREUM["eip55"]["addresses"])
def test_a_published_address_is_in_its_checksum_form_and_no_other_is(address):
    assert is_checksum_address(address)
    assert did.parse(f"did:ethr:{address.lower()}").address == address
    for at in range(2, 42):
        other = address[:at] + address[at].swapcase() + address[at + 1 :]
        assert other == address or not is_checksum_address(other)


def test_contract_wallets_are_asked_with_the_published_selector():
    from wattproof.auth import wallets

    selectors = ETHEREUM["selectors"]
    assert keccak(text=selectors["isValidSignature"])[:4].hex() == selectors["erc1271"]
    assert selectors["erc1271"] == wallets.IS_VALID_SIGNATURE.hex()
    assert selectors["erc6492_suffix"] == wallets.WRAPPER_SUFFIX.hex()
    assert len(wallets.WRAPPER_SUFFIX) == 32


@pytest.mark.parametrize("account", ETHEREUM["caip"]["accounts"])
def test_a_published_account_of_eip155_is_a_key(account):
    key = key_of({"id": "#1", "type": "x", "blockchainAccountId": account})
    assert account.endswith(str(key.address))


@pytest.mark.parametrize("account", ETHEREUM["caip"]["refused"])
def test_accounts_of_other_chains_and_forms_are_no_key(account):
    with pytest.raises(CredentialError):
        key_of({"id": "#1", "type": "x", "blockchainAccountId": account})


@pytest.mark.parametrize("kind", ["scrypt", "pbkdf2"])
def test_a_published_key_file_opens_and_no_changed_one_does(kind, tmp_path):
    stores = ETHEREUM["keystores"]
    path = tmp_path / "key.json"

    def opened(stored: Any, passphrase: str = stores["password"]) -> LocalSigner:
        path.write_text(json.dumps(stored))
        path.chmod(0o600)
        return LocalSigner.open(path, passphrase)

    signer = opened(stores[kind])
    secret = LocalSigner(bytes.fromhex(stores["secret"]))
    assert signer.address == stores["address"] == secret.address
    assert opened(stores[kind] | {"address": stores["address"]}).address == signer.address
    with pytest.raises(IdentityError, match="passphrase is wrong"):
        opened(stores[kind], stores["password"] + " ")
    for name in ("mac", "ciphertext"):
        text = stores[kind]["crypto"][name]
        changed = f"{text[:-1]}{int(text[-1], 16) ^ 1:x}"
        with pytest.raises(IdentityError):
            opened(stores[kind] | {"crypto": stores[kind]["crypto"] | {name: changed}})


# -- identifiers -------------------------------------------------------------------------------

RESOLVER = Resolver({"key": KeyMethod(), "ethr": EthrMethod({1: Registry()})})


def test_the_published_seeds_make_the_published_did_keys():
    published = DIDS["did_key"]
    for seed, name in published["ed25519"].items():
        assert Ed25519Key(bytes.fromhex(seed)).verification_method == f"{name}#{name[8:]}"
    for seed, name in published["secp256k1"].items():
        point = LocalSigner(bytes.fromhex(seed)).public_key
        assert did_of(SECP256K1, bytes([2 + point[64] % 2]) + point[1:33]) == name
    for name, (x, y) in published["p256"].items():
        assert did_of(P256, bytes([2 + jws.decode(y)[31] % 2]) + jws.decode(x)) == name


@pytest.mark.parametrize(
    "name",
    [
        *DIDS["did_key"]["ed25519"].values(),
        *DIDS["did_key"]["secp256k1"].values(),
        *DIDS["did_key"]["p256"],
    ],
)
def test_a_published_did_key_resolves_and_a_changed_one_is_another_or_none(name):
    document = RESOLVER.resolve(name).document
    assert document is not None
    assert document["assertionMethod"] == [f"{name}#{name[8:]}"]
    for at in range(9, len(name)):
        other = name[:at] + ("2" if name[at] != "2" else "3") + name[at + 1 :]
        shown = RESOLVER.resolve(other).document
        assert shown is None or shown["verificationMethod"] != document["verificationMethod"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind, names in DIDS["did_key"]["refused"].items() for name in names],
)
def test_a_published_did_key_of_a_kind_that_signs_nothing_here_is_refused(kind, name):
    shown = RESOLVER.resolve(name)
    assert shown.error == "invalidDid", kind
    assert shown.document is None


def test_the_published_attributes_of_did_ethr_make_the_published_methods():
    published = DIDS["did_ethr"]
    registry = Registry()
    name = published["did"]
    far = 2**40
    registry.events[did.parse(name).address] = [
        AttributeChanged(
            block,
            each["name"].encode().ljust(32, b"\0"),
            bytes.fromhex(each["value"]),
            far,
        )
        for block, each in enumerate([*published["attributes"], published["service"]], 1)
    ]
    resolver = Resolver({"ethr": EthrMethod({1: registry})})
    document = resolver.resolve(name).document
    assert document is not None
    _, *methods = document["verificationMethod"]
    for number, (method, each) in enumerate(zip(methods, published["attributes"], strict=True), 1):
        assert method == {
            "id": f"{name}#delegate-{number}",
            "controller": name,
            **each["makes"],
        }
    assert document["service"] == [{"id": f"{name}#service-1", **published["service"]["makes"]}]
    assert document["keyAgreement"] == [f"{name}#delegate-3"]
    assert f"{name}#delegate-3" not in document["assertionMethod"]


# -- credentials -------------------------------------------------------------------------------


def test_the_published_proof_of_eddsa_jcs_2022_holds_and_is_over_the_published_bytes():
    vector = CREDENTIALS["eddsa_jcs_2022"]
    document = vector["document"]
    proof = data_integrity.proof_of(document, data_integrity.ASSERTION)
    assert data_integrity.signed_bytes(document, proof).hex() == vector["signed_bytes"]
    key = key_of({"id": "#1", "type": "Multikey", "publicKeyMultibase": vector["multikey"]})
    data_integrity.check_proof(document, proof, key)
    for name in document:
        if name == "proof":
            continue
        less = {member: value for member, value in document.items() if member != name}
        with pytest.raises(CredentialError):
            data_integrity.check_proof(less, proof, key)
    for name in proof:
        if name == "@context":
            continue
        less = {member: value for member, value in proof.items() if member != name}
        with pytest.raises(CredentialError):
            data_integrity.check_proof(document, less, key)


@pytest.mark.parametrize("case", CREDENTIALS["jcs"]["cases"], ids=range(2))
def test_published_json_has_the_published_canonical_form(case):
    assert canonical_json(json.loads(case["input"])).decode() == case["output"]
    assert canonical_json(json.loads(case["output"])).decode() == case["output"]


@pytest.mark.parametrize("name", ["flat", "recursive"])
def test_the_published_disclosures_make_the_published_claims(name):
    vector = CREDENTIALS["sd_jwt"][name]
    text = "".join(f"{disclosure}~" for disclosure in vector["disclosures"])
    disclosures = sd_jwt.parse(f"a.b.c~{text}").disclosures
    assert sd_jwt.reveal(vector["payload"], disclosures) == vector["claims"]
    for left_out in range(len(disclosures)):
        some = disclosures[:left_out] + disclosures[left_out + 1 :]
        if name == "recursive" and left_out == 0:
            with pytest.raises(CredentialError, match="belongs to no digest"):
                sd_jwt.reveal(vector["payload"], some)
        else:
            assert sd_jwt.reveal(vector["payload"], some) != vector["claims"]


def test_the_published_disclosures_have_the_published_digests():
    for text, digest in CREDENTIALS["sd_jwt"]["disclosures_of_lists_and_objects"].items():
        (disclosure,) = sd_jwt.parse(f"a.b.c~{text}~").disclosures
        assert disclosure.digest == digest


def test_the_published_status_list_is_read():
    bits = StatusList.decoded(CREDENTIALS["status_list"]["encoded"])
    assert len(bits) == LEAST_BITS
    assert not any(bits[index] for index in range(0, LEAST_BITS, 509))


def test_the_published_token_of_ed25519_holds():
    vector = CREDENTIALS["ed25519_jws"]
    key = Ed25519Key(jws.decode(vector["d"]), "did:example:1#1")
    assert key.public_key == jws.decode(vector["x"])
    signing_input, _, signature = vector["jws"].rpartition(".")
    assert jws.encode(key.sign(signing_input.encode())) == signature
    public = key_of(
        {"id": "#1", "publicKeyJwk": {"kty": "OKP", "crv": "Ed25519", "x": vector["x"]}}
    )
    public.check(signing_input.encode(), jws.decode(signature))
    with pytest.raises(CredentialError, match="not JSON"):
        jws.parse(vector["jws"])  # its payload is a sentence, which is no credential


# -- signatures with edge cases ----------------------------------------------------------------


def secp256k1_keys() -> tuple[VerificationKey, VerificationKey]:
    raw = bytes.fromhex(SIGNATURES["secp256k1"]["public_key"])
    point = VerificationKey(secp256k1=bytes([2 + raw[64] % 2]) + raw[1:33])
    return point, VerificationKey(address=to_checksum_address(keccak(raw[1:])[12:]))


@pytest.mark.parametrize("number", SIGNATURES["secp256k1"]["refused"])
def test_a_secp256k1_signature_of_wycheproof_that_is_invalid_or_high_is_refused(number):
    vector = SIGNATURES["secp256k1"]
    message = bytes.fromhex(vector["message"])
    for key in secp256k1_keys():
        for valid in vector["valid"]:
            key.check(message, bytes.fromhex(valid))
        with pytest.raises(CredentialError):
            key.check(message, bytes.fromhex(vector["refused"][number]))


@pytest.mark.parametrize("number", range(5))
def test_an_ed25519_signature_of_wycheproof_that_is_valid_holds(number):
    vector = SIGNATURES["ed25519"]
    message, signature = (bytes.fromhex(part) for part in vector["valid"][number])
    key = VerificationKey(ed25519=bytes.fromhex(vector["public_key"]))
    key.check(message, signature)
    with pytest.raises(CredentialError):
        key.check(message + b"\0", signature)


@pytest.mark.parametrize("number", range(20))
def test_an_ed25519_signature_of_wycheproof_that_is_invalid_is_refused(number):
    vector = SIGNATURES["ed25519"]
    key = VerificationKey(ed25519=bytes.fromhex(vector["public_key"]))
    message, signature = vector["refused_message"], vector["refused"][number]
    with pytest.raises(CredentialError):
        key.check(bytes.fromhex(message), bytes.fromhex(signature))


# -- sign-in with Ethereum ---------------------------------------------------------------------


def test_the_message_that_the_negative_ones_are_made_from_is_read():
    assert siwe.parse(SIWE["base"]).text() == SIWE["base"]


@pytest.mark.parametrize("name", SIWE["parsing_negative"])
def test_a_published_message_outside_the_grammar_is_refused(name):
    old, new = SIWE["parsing_negative"][name]
    assert old in SIWE["base"]
    with pytest.raises(SignInError):
        siwe.parse(SIWE["base"].replace(old, new, 1))


@pytest.mark.parametrize("name", SIWE["parsing_positive"])
def test_a_published_message_is_read_and_written_back(name):
    assert siwe.parse(SIWE["parsing_positive"][name]).text() == SIWE["parsing_positive"][name]


@pytest.mark.parametrize(
    ("name", "time"),
    [(name, time) for name, (_, _, times) in SIWE["verification"].items() for time in times],
)
def test_a_published_message_holds_at_its_time_alone(name, time):
    fields, signature, times = SIWE["verification"][name]
    message = SignInMessage(**fields)

    def verify() -> str:
        return siwe.verify(
            message,
            bytes.fromhex(signature),
            now=siwe.parse_time(time),
            domain=message.domain,
            nonce=message.nonce,
            chain_id=message.chain_id,
        )

    if times[time]:
        assert verify() == message.address
        with pytest.raises(SignInError):
            siwe.verify(
                message,
                bytes.fromhex(signature),
                now=siwe.parse_time(time),
                domain="example.com",
                nonce=message.nonce,
                chain_id=message.chain_id,
            )
    else:
        with pytest.raises(ValueError):
            verify()
