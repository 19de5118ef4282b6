"""`wattproof did` with key files, against a served platform on a real chain."""

from __future__ import annotations

import json
import time
import uuid

import httpx
import pytest
from eth_account import Account
from typer.testing import CliRunner

from devnet import AnvilNode, NodeOptions
from identity.did.key import ED25519, did_of
from identity.errors import DidError, KeystoreError
from identity.signer import LocalSigner
from tests.platform.identities.web_server import body, tls_server
from tests.platform.noon import NOON
from tests.platform.serving import served
from wattproof.accounts import service as accounts
from wattproof.cli import did_resolving, rest
from wattproof.cli.main import app
from wattproof.errors import ConflictError, InvalidError, NotFoundError, RefusedError
from wattproof.gateway.keys import Role
from wattproof.identities import web_fetch
from wattproof.profiles import open_platform
from wattproof.settings import Settings
from wattproof.tasks.flow import run_until_idle
from wattproof.tasks.local import LocalRunner

ED25519_KEY = "5b" * 32
FRIEND = str(Account.from_key(b"\x0f" * 32).address)
PASSPHRASE = "correct horse battery staple"


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    with AnvilNode(NodeOptions(chain_id=31_380, genesis_timestamp=NOON)) as node:
        settings = Settings(data_dir=tmp_path_factory.mktemp("data"), rpc_url=node.url)
        with open_platform(settings) as opened:
            with opened.transaction() as session:
                accounts.bootstrap(opened, session)
            run_until_idle(opened)
            yield opened


@pytest.fixture(scope="module")
def url(platform):
    with served(platform) as address, LocalRunner(platform):
        yield address


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "passphrase"
    path.write_text(PASSPHRASE)
    path.chmod(0o600)
    return path


@pytest.fixture
def key(tmp_path, secret):
    """Makes a key file; gives its path and signer."""

    def make(name="me", signer=None):
        signer = signer or LocalSigner.generate()
        path = tmp_path / f"{name}.json"
        signer.save(path, PASSPHRASE, work_factor=2)
        return path, signer

    return make


@pytest.fixture
def command(url, secret):
    """Runs `wattproof did` with a key file; the answer's JSON, or its text."""

    def run(*arguments, path=None, as_json=True):
        mine = ["--key", str(path)] if path else []
        given = ["did", "--url", url, "--passphrase-file", str(secret), *mine]
        done = CliRunner().invoke(
            app, [*given, *map(str, arguments), *(["--json"] if as_json else [])]
        )
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout) if as_json else done.output

    return run


@pytest.fixture
def relay(command):
    """Runs a change that the operator sends; the tests' chain is years ahead."""
    return lambda *arguments, **options: command(*arguments, "--relay", "--chain-time", **options)


def fund(url, signer):
    """What transactions cost, out of the test chain's faucet."""
    with httpx.Client(base_url=url) as client:
        message = client.post("/auth/nonce", json={"address": signer.address}).json()["message"]
        signed = "0x" + signer.sign_text(message).hex()
        body = {"message": message, "signature": signed, "scopes": ["participant"]}
        token = client.post("/auth/sessions", json=body).json()["token"]
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid.uuid4())}
        sent = client.post("/accounts/faucet", json={"amount_micro": 1}, headers=headers)
        assert sent.status_code == 202
        give_up = time.monotonic() + 60
        while client.get("/accounts/me", headers=headers).json()["wallet_wei"] == "0":
            assert time.monotonic() < give_up, "the faucet gave nothing for a minute"
            time.sleep(0.05)


def balance(platform, address):
    return int(platform.chain.request("eth_getBalance", address, "latest"), 16)


def name_of(platform, address):
    return f"did:ethr:{hex(platform.deployment.chain_id)}:{address}"


def test_a_did_is_made_with_an_encrypted_key_and_resolves_to_the_document_shown(
    platform, command, tmp_path, secret, monkeypatch
):
    path = tmp_path / "made.json"
    made = command("create", path)
    assert made["did"] == name_of(platform, made["address"])
    assert path.stat().st_mode & 0o777 == 0o600
    assert LocalSigner.open(path, PASSPHRASE).address == made["address"]
    assert command("resolve", made["did"])["didDocument"] == made["document"]
    with pytest.raises(KeystoreError, match="exists already"):
        command("create", path)
    offline = command("create", tmp_path / "other.json", "--chain-id", 1)
    assert offline["did"] == f"did:ethr:{offline['address']}"


def test_a_key_service_and_delegate_come_and_go_at_the_operators_cost(
    platform, command, relay, key
):
    path, signer = key()
    name = name_of(platform, signer.address)
    parts = [
        ("key", ("Ed25519", "veriKey", ED25519_KEY)),
        ("key", ("X25519", "enc", "0x" + ED25519_KEY, "--encoding", "base58")),
        ("service", ("Readings", "https://meter.example/readings")),
        ("delegate", ("sigAuth", FRIEND)),
    ]
    for kind, arguments in parts:
        done = relay(kind, "add", *arguments, "--days", 30, path=path)
        assert (done["relayed"], done["did"]) == (True, name)
    document = command("resolve", name)["didDocument"]
    assert len(document["verificationMethod"]) == 4
    assert len(document["keyAgreement"]) == len(document["service"]) == 1
    for kind, arguments in parts:
        relay(kind, "revoke", *arguments, path=path)
    document = command("resolve", name)["didDocument"]
    assert len(document["verificationMethod"]) == 1
    assert "service" not in document
    assert balance(platform, signer.address) == 0
    told = command("history", name)
    assert [each["what"] for each in told["items"]] == ["key", "key", "service", "delegate"] * 2
    assert [each["revokes"] for each in told["items"]] == [False] * 4 + [True] * 4
    said = command("history", path=path, as_json=False)
    assert "revoked service" in said
    assert signer.address in said.replace("\n", "")


def test_a_change_in_ones_own_transaction_is_paid_by_oneself(platform, url, command, key):
    path, signer = key()
    with pytest.raises(ConflictError, match="you have 0"):
        command("service", "add", "Readings", "https://meter.example", path=path)
    fund(url, signer)
    done = command("service", "add", "Readings", "https://meter.example", path=path)
    assert done["relayed"] is False
    receipt = platform.chain.request("eth_getTransactionReceipt", done["hash"])
    assert receipt["from"].lower() == signer.address.lower()
    shown = command("resolve", done["did"], as_json=False)
    assert "https://meter.example" in shown
    assert "#service-1" in shown


def test_rotating_hands_the_did_to_a_new_key_and_says_what_it_does_not_hand_over(
    platform, command, relay, key, tmp_path
):
    path, signer = key()
    name = name_of(platform, signer.address)
    new = tmp_path / "new.json"
    done = relay("rotate", "--new", new, path=path)
    heir = LocalSigner.open(new, PASSPHRASE)
    assert (done["did"], done["controller"]) == (name, heir.address)
    document = command("resolve", name)["didDocument"]
    assert document["verificationMethod"][0]["blockchainAccountId"].endswith(heir.address)
    said = " ".join(done["notes"])
    assert "trading is not handed over" in said
    assert "METER_REGISTRAR" in said
    with pytest.raises(RefusedError, match="is controlled by") as refused:
        relay("service", "add", "Readings", "https://meter.example", path=path)
    assert refused.value.code == "not_controller"
    relay("service", "add", "Readings", "https://m.example", "--did", name, path=new)
    back = relay("rotate", "--new", path, "--did", name, path=new)
    assert back["controller"] == signer.address
    with pytest.raises(InvalidError, match="controls it now"):
        relay("rotate", "--new", path, path=path)


def test_a_did_is_handed_to_somebody_after_a_yes(platform, command, relay, key):
    path, signer = key()
    friend_path, friend = key("friend")
    with pytest.raises(RefusedError, match="say --yes"):
        relay("transfer", friend.address, path=path)
    done = relay("transfer", friend.address, "--yes", path=path)
    assert done["controller"] == friend.address
    name = name_of(platform, signer.address)
    relay("key", "add", "Ed25519", "veriKey", ED25519_KEY, "--did", name, path=friend_path)
    for nobody in ("0x" + "00" * 20, FRIEND[:2] + FRIEND[2:].swapcase(), "me"):
        bad = CliRunner().invoke(app, ["did", "--key", str(path), "transfer", nobody, "--yes"])
        assert bad.exit_code == 2


def test_deactivation_shows_what_ends_and_is_final(platform, command, relay, key):
    path, signer = key()
    relay("service", "add", "Readings", "https://meter.example", path=path)
    with pytest.raises(RefusedError, match="say --yes") as refused:
        relay("deactivate", path=path)
    assert refused.value.code == "not_confirmed"
    said = relay("deactivate", "--yes", path=path, as_json=False)
    assert "#service-1 ends" in said
    assert "nobody can undo it" in said.replace("\n", " ")
    name = name_of(platform, signer.address)
    resolved = command("resolve", name)
    assert resolved["didDocumentMetadata"]["deactivated"] is True
    assert "was deactivated" in command("resolve", name, as_json=False)
    assert command("history", name)["controller"] is None
    for again in (("deactivate", "--yes"), ("key", "add", "Ed25519", "veriKey", ED25519_KEY)):
        for how in (relay, command):
            with pytest.raises(ConflictError, match="deactivated") as ended:
                how(*again, path=path)
            assert ended.value.code == "did_deactivated"


def test_the_past_and_parts_of_a_did_are_resolved(platform, command, relay, key):
    path, signer = key()
    name = name_of(platform, signer.address)
    before = platform.chain.head().number
    added = relay("key", "add", "Ed25519", "veriKey", ED25519_KEY, path=path)
    old = command("resolve", name, "--version-id", before)
    assert len(old["didDocument"]["verificationMethod"]) == 1
    assert old["didDocumentMetadata"]["nextVersionId"] == str(added["block_number"])
    by_time = command("resolve", name, "--version-time", "2020-01-01T00:00:00Z")
    assert by_time["didDocument"] == old["didDocument"]
    part = command("resolve", f"{name}#delegate-1")
    assert part["content"]["publicKeyHex"] == ED25519_KEY
    assert ED25519_KEY in command("resolve", f"{name}#delegate-1", as_json=False)
    with pytest.raises(NotFoundError, match="no part"):
        command("resolve", f"{name}#delegate-1", "--version-id", before)
    with pytest.raises(NotFoundError, match="no version"):
        command("resolve", name, "--version-id", 10**9)
    with pytest.raises(NotFoundError, match="not come yet"):
        command("resolve", name, "--version-time", "2999-01-01T00:00:00Z")
    with pytest.raises(InvalidError, match="said twice"):
        command("resolve", f"{name}?versionId=1", "--version-id", 1)


def test_a_did_key_needs_nobody(command):
    name = did_of(ED25519, bytes(range(32)))
    found = json.loads(CliRunner().invoke(app, ["did", "resolve", name, "--json"]).stdout)
    assert found["didDocument"]["id"] == name
    part = command("resolve", f"{name}#{name[8:]}")
    assert part["content"]["publicKeyMultibase"] == name[8:]
    with pytest.raises(NotFoundError):
        command("resolve", name, "--version-id", 1)


def test_a_did_web_is_fetched_from_the_internet_and_never_from_around_here(
    command, tmp_path, monkeypatch
):
    with tls_server(tmp_path) as server:
        name = f"did:web:{server.host}"
        document = {"id": name, "verificationMethod": []}
        server.answers["/.well-known/did.json"] = body(json.dumps(document).encode())
        with pytest.raises(NotFoundError, match="not an address of the internet"):
            command("resolve", name)
        assert server.asked == []
        opened = web_fetch.HttpsFetcher(trust=server.trust, lets_private_addresses=True)
        monkeypatch.setattr(did_resolving, "HttpsFetcher", lambda: opened)
        assert command("resolve", name)["didDocument"] == document
    with pytest.raises(InvalidError, match="does not name a host"):
        command("resolve", "did:web:127.0.0.1")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("no did", "invalid_did"),
        ("did:ethr:0x12", "invalid_did"),
        (f"did:ethr:{FRIEND[:2] + FRIEND[2:].swapcase()}", "invalid_did"),
        ("DID:ethr:" + FRIEND, "invalid_did"),
        ("did:btcr:xyv2-xzpq-q9wa-p7t", "method_not_supported"),
        ("did:key:z6Mk", "invalid_did"),
        ("did:web:a..b", "invalid_did"),
    ],
)
def test_what_is_no_did_is_told_from_what_is_not_there(command, text, code):
    with pytest.raises(InvalidError) as refused:
        command("resolve", text)
    assert refused.value.code == code


def test_a_did_of_another_chain_is_neither_found_nor_changed(command, relay, key):
    path, signer = key()
    elsewhere = f"did:ethr:0x1:{signer.address}"
    with pytest.raises(NotFoundError, match="no registry of chain 1"):
        command("resolve", elsewhere)
    for arguments in (
        ("history", elsewhere),
        ("key", "add", "Ed25519", "veriKey", ED25519_KEY, "--did", elsewhere),
        ("deactivate", "--yes", "--did", elsewhere),
    ):
        with pytest.raises(InvalidError, match="is of chain 1") as refused:
            command(*arguments, path=path)
        assert refused.value.code == "wrong_chain"


def test_what_cannot_be_is_refused_before_anybody_is_asked(key):
    path, _ = key()
    for arguments, said in [
        (("key", "add", "Ed25519", "enc", ED25519_KEY), "is for veriKey or sigAuth"),
        (("key", "add", "Ed25519", "veriKey", "5b"), "32 bytes"),
        (("service", "add", "Readings", "https://m.example/\x1b[31m"), "no address of a service"),
        (("service", "add", "R" * 25, "https://m.example"), "not a name"),
        (("delegate", "add", "enc", FRIEND), "X25519"),
    ]:
        done = CliRunner().invoke(
            app, ["did", "--url", "http://127.0.0.1:9", "--key", str(path), *arguments]
        )
        assert isinstance(done.exception, DidError)
        assert said in str(done.exception)
    no_key = CliRunner().invoke(app, ["did", "deactivate", "--yes"], env={"WATTPROOF_KEY": ""})
    assert no_key.exit_code == 2
    assert "--key" in no_key.output


@pytest.mark.parametrize(
    "lie",
    [
        {"message": {"validity": 10**9}},
        {"message": {"identity": FRIEND}},
        {"domain": {"verifyingContract": FRIEND}},
        {"domain": {"chainId": 1}},
        {"primaryType": "ChangeOwner"},
    ],
)
def test_an_installation_that_asks_to_sign_something_else_gets_no_signature(
    platform, relay, key, monkeypatch, lie
):
    path, _ = key()
    real = rest.answer_of

    def lying(client, method, asked, **options):
        content = real(client, method, asked, **options)
        if asked.endswith("/changes/template"):
            typed = content["typed_data"]
            for name, value in lie.items():
                typed[name] = {**typed[name], **value} if isinstance(value, dict) else value
        assert not (method == "POST" and asked.endswith("/changes")), "it was signed"
        return content

    monkeypatch.setattr(rest, "answer_of", lying)
    with pytest.raises(InvalidError, match="do not sign") as refused:
        relay("service", "add", "Readings", "https://meter.example", path=path)
    assert refused.value.code == "other_change"


def test_a_signature_is_not_good_for_longer_than_asked(command, key):
    """The tests' chain is years ahead of this machine: as a lying installation would say."""
    path, _ = key()
    with pytest.raises(InvalidError, match="do not sign") as refused:
        command("service", "add", "Readings", "https://m.example", "--relay", path=path)
    assert refused.value.code == "other_deadline"


def test_another_transaction_than_asked_for_is_not_signed(platform, url, command, key, monkeypatch):
    path, signer = key()
    real = rest.answer_of

    def lying(client, method, asked, **options):
        content = real(client, method, asked, **options)
        if asked.endswith("/changes/transactions"):
            data = platform.chain.encode("DidRegistry", "changeOwner", signer.address, FRIEND)
            content["transactions"][0]["transaction"]["data"] = data
        assert asked != "/transactions", "it was signed"
        return content

    monkeypatch.setattr(rest, "answer_of", lying)
    with pytest.raises(InvalidError, match="do not sign"):
        command("service", "add", "Readings", "https://m.example", path=path)


def test_a_sponsor_hands_in_what_a_meter_signed(platform, command, relay, key, tmp_path):
    """A meter's DID is that of its device key; its owner pays nothing and shows who it is."""
    device_path = tmp_path / "device.json"
    made = command("create", device_path)
    owner_path, _ = key("owner")
    done = relay(
        *("service", "add", "Readings", "https://meter.example", "--sponsor", owner_path),
        path=device_path,
    )
    assert done["did"] == made["did"]
    receipt = platform.chain.request("eth_getTransactionReceipt", done["hash"])
    assert receipt["from"].lower() == platform.keys.address(Role.OPERATOR).lower()
    new = tmp_path / "device-2.json"
    rotated = relay("rotate", "--new", new, "--sponsor", owner_path, path=device_path)
    document = command("resolve", made["did"])["didDocument"]
    assert document["verificationMethod"][0]["blockchainAccountId"].endswith(rotated["controller"])
    assert LocalSigner.open(new, PASSPHRASE).address == rotated["controller"]
    unrelayed = ["did", "--key", str(new), "key", "add", "Ed25519", "veriKey", ED25519_KEY]
    refused = CliRunner().invoke(app, [*unrelayed, "--sponsor", str(owner_path)])
    assert refused.exit_code == 2
    assert "add --relay" in " ".join(refused.output.split())
