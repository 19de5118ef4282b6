"""Sign-in of contract wallets (ERC-1271), of those not deployed yet (ERC-6492), of EIP-7702."""

from __future__ import annotations

import threading

import pytest
from eth_account import Account
from eth_utils.address import to_checksum_address

from tests.platform.api.wallets import TestChain, call, malleated, signed
from wattproof.auth.service import sign_in
from wattproof.auth.sessions import UnauthenticatedError
from wattproof.auth.wallets import Proof, prove, wrap

OWNED = "test/OwnedWallet"
HOSTILE = "test/HostileWallet"
FACTORY = "test/OwnedWalletFactory"
ANSWERS = (
    "yes",
    "revert",
    "revert with yes",
    "burn gas",
    "nothing",
    "short",
    "long",
    "dirty",
    "true",
    "endless",
)
REVERTS = "0x" + ANSWERS.index("revert").to_bytes(32, "big").hex()
SALT = b"\x07" * 32
MAKE = "make(address,bytes32)"


@pytest.fixture(scope="module")
def chain(platform):
    return TestChain(platform)


@pytest.fixture(scope="module")
def factory(chain):
    return chain.deploy(FACTORY)


@pytest.fixture
def owner():
    return Account.create()


@pytest.fixture
def wallet(chain, owner):
    """A contract wallet that stands and is ready."""
    return chain.deploy(OWNED, ("address", "bool"), owner.address, True)


@pytest.fixture
def unready(chain, owner):
    """A contract wallet that refuses everything until somebody prepares it."""
    return chain.deploy(OWNED, ("address", "bool"), owner.address, False)


@pytest.fixture
def future(chain, factory, owner):
    """Address of a wallet that nobody has deployed yet."""
    return planned(chain, factory, owner)


def planned(chain, factory, owner):
    word = chain.ask(factory, "addressOf(address,bytes32)", owner.address, SALT)
    return to_checksum_address(word[-20:])


def made_by(factory, owner, signature):
    return wrap(factory, call(MAKE, owner.address, SALT), signature)


def ask(client, address):
    return client.post("/auth/nonce", json={"address": address}).json()["message"]


def post(client, message, signature):
    return client.post(
        "/auth/sessions", json={"message": message, "signature": "0x" + signature.hex()}
    )


def refused(answer):
    return answer.status_code == 401 and answer.json()["code"] == "sign_in_refused"


def test_a_contract_wallet_signs_in_and_speaks_for_its_own_address(client, wallet, owner):
    message = ask(client, wallet)
    answer = post(client, message, signed(owner, message))
    assert answer.status_code == 201
    assert answer.json()["address"] == wallet
    headers = {"Authorization": f"Bearer {answer.json()['token']}"}
    assert client.get("/auth/session", headers=headers).json()["address"] == wallet


def test_another_owner_is_refused(client, wallet):
    message = ask(client, wallet)
    assert refused(post(client, message, signed(Account.create(), message)))


def test_an_owner_cannot_sign_in_as_another_wallet(client, chain, wallet, owner):
    other = chain.deploy(OWNED, ("address", "bool"), Account.create().address, True)
    message = ask(client, other)
    assert refused(post(client, message, signed(owner, message)))


def test_a_signature_of_another_message_is_refused(client, wallet, owner):
    message, other = ask(client, wallet), ask(client, wallet)
    assert refused(post(client, message, signed(owner, other)))


def test_a_contract_wallets_nonce_is_good_once(client, wallet, owner):
    message = ask(client, wallet)
    signature = signed(owner, message)
    assert post(client, message, signature).status_code == 201
    assert refused(post(client, message, signature))


def test_a_malleated_signature_is_refused(client, wallet, owner):
    message = ask(client, wallet)
    assert refused(post(client, message, malleated(signed(owner, message))))


@pytest.mark.parametrize("answer", ANSWERS[1:])
def test_what_is_not_exactly_yes_is_no(client, chain, owner, answer):
    odd = chain.deploy(HOSTILE, ("uint8",), ANSWERS.index(answer))
    message = ask(client, odd)
    assert refused(post(client, message, signed(owner, message)))
    assert refused(post(client, message, made_by(odd, owner, b"")))


def test_a_contract_that_says_yes_to_everything_still_needs_this_chains_message(client, chain):
    easy = chain.deploy(HOSTILE, ("uint8",), ANSWERS.index("yes"))
    message = ask(client, easy)
    chain_id = f"Chain ID: {chain.platform.deployment.chain_id}"
    elsewhere = message.replace(chain_id, "Chain ID: 1")
    assert elsewhere != message
    assert refused(post(client, elsewhere, b""))
    assert refused(post(client, message.replace("testserver wants", "evil.example wants"), b""))
    assert post(client, message, b"").status_code == 201


def test_a_key_alone_does_not_speak_for_an_address_with_code(client, chain, owner):
    message = ask(client, owner.address)
    refusing = chain.code(chain.deploy(HOSTILE, ("uint8",), ANSWERS.index("revert")))
    chain.request("anvil_setCode", owner.address, refusing)
    chain.request("anvil_setStorageAt", owner.address, "0x0", REVERTS)
    assert refused(post(client, message, signed(owner, message)))


def test_the_key_of_an_account_that_delegates_to_code_signs_as_before(client, chain, owner):
    chain.delegate(owner.address, chain.deploy(HOSTILE, ("uint8",), ANSWERS.index("revert")))
    chain.request("anvil_setStorageAt", owner.address, "0x0", REVERTS)
    message = ask(client, owner.address)
    assert refused(post(client, message, signed(Account.create(), message)))
    assert refused(post(client, message, b"\x01" * 65))
    assert post(client, message, signed(owner, message)).status_code == 201


def test_the_code_an_account_delegates_to_may_answer_for_it(client, chain, wallet, owner):
    account = Account.create()
    chain.delegate(account.address, wallet)
    chain.request("anvil_setStorageAt", account.address, "0x0", word(owner.address, ready=True))
    message = ask(client, account.address)
    assert refused(post(client, message, signed(Account.create(), message)))
    assert post(client, message, signed(owner, message)).status_code == 201


def word(owner, *, ready):
    """The wallet's one word of storage: the owner, then whether it is ready."""
    return "0x" + (int(ready) << 160 | int(owner, 16)).to_bytes(32, "big").hex()


def test_a_wallet_signs_in_before_it_is_deployed_and_nothing_is_deployed(
    client, chain, factory, future, owner
):
    before = chain.request("eth_blockNumber")
    message = ask(client, future)
    answer = post(client, message, made_by(factory, owner, signed(owner, message)))
    assert answer.status_code == 201
    assert answer.json()["address"] == future
    assert chain.code(future) == "0x"
    assert chain.request("eth_blockNumber") == before


def test_a_wallet_that_is_not_deployed_gets_a_short_session_and_nothing_longer(
    client, factory, future, owner
):
    message = ask(client, future)
    session = post(client, message, made_by(factory, owner, signed(owner, message))).json()
    assert session["refresh_token"] is None
    headers = {"Authorization": f"Bearer {session['token']}"}
    body = {"name": "charger 17", "scopes": ["participant"]}
    answer = client.post("/auth/keys", json=body, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["code"] == "session_needed"
    assert client.delete("/auth/session", headers=headers).status_code == 204
    assert client.get("/auth/session", headers=headers).status_code == 401


def test_a_wrapped_signature_counts_after_the_deployment_too(client, chain, factory, future, owner):
    chain.send(factory, MAKE, owner.address, SALT)
    message = ask(client, future)
    assert post(client, message, made_by(factory, owner, signed(owner, message))).status_code == 201


def test_a_wallet_that_must_be_prepared_is_prepared_for_the_question_alone(
    client, chain, unready, owner
):
    message = ask(client, unready)
    signature = signed(owner, message)
    assert refused(post(client, message, signature))
    assert refused(post(client, message, wrap(unready, call("owner()"), signature)))
    assert post(client, message, wrap(unready, call("prepare()"), signature)).status_code == 201
    assert chain.ask(unready, "ready()") == bytes(32)


def test_a_bare_signature_of_an_undeployed_wallets_owner_is_refused(client, future, owner):
    message = ask(client, future)
    assert refused(post(client, message, signed(owner, message)))


def test_an_undeployed_wallet_of_another_owner_is_refused(client, factory, future, owner):
    thief = Account.create()
    message = ask(client, future)
    assert refused(post(client, message, made_by(factory, owner, signed(thief, message))))
    assert refused(post(client, message, made_by(factory, thief, signed(thief, message))))


def test_an_undeployed_wallets_malleated_signature_is_refused(client, factory, future, owner):
    message = ask(client, future)
    assert refused(
        post(client, message, made_by(factory, owner, malleated(signed(owner, message))))
    )


def test_an_undeployed_wallets_nonce_is_good_once(client, factory, future, owner):
    message = ask(client, future)
    signature = made_by(factory, owner, signed(owner, message))
    assert post(client, message, signature).status_code == 201
    assert refused(post(client, message, signature))


@pytest.mark.parametrize("answer", ["revert", "burn gas", "endless", "yes"])
def test_a_factory_that_deploys_nothing_is_refused(client, chain, future, owner, answer):
    broken = chain.deploy(HOSTILE, ("uint8",), ANSWERS.index(answer))
    message = ask(client, future)
    call_data = call("isValidSignature(bytes32,bytes)", SALT, b"")
    signature = wrap(broken, call_data, signed(owner, message))
    assert refused(post(client, message, signature))


def test_a_plain_keys_address_is_not_taken_over_by_wrapping(client, factory, owner):
    victim = Account.create().address
    message = ask(client, victim)
    assert refused(post(client, message, made_by(factory, owner, signed(owner, message))))


def test_a_wrapper_without_sense_is_refused(client, future):
    message = ask(client, future)
    suffix = bytes.fromhex("6492" * 16)
    for inside in (b"", b"\x01" * 31, b"\xff" * 96, b"\x00" * 32):
        assert refused(post(client, message, inside + suffix))


@pytest.mark.parametrize("signature", ["0x1", "11", "0xzz", "0x" + "00" * 32_769])
def test_a_signature_that_is_no_hex_or_too_long_is_refused(client, wallet, signature):
    body = {"message": ask(client, wallet), "signature": signature}
    assert client.post("/auth/sessions", json=body).status_code == 422


def test_of_two_sign_ins_with_one_message_one_is_let_in(client, platform, wallet, owner):
    message = ask(client, wallet)
    signature = signed(owner, message)
    together = threading.Barrier(2)
    outcomes = []

    def enter():
        together.wait()
        try:
            sign_in(platform, message=message, signature=signature)
            outcomes.append("in")
        except UnauthenticatedError:
            outcomes.append("refused")

    threads = [threading.Thread(target=enter) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["in", "refused"]


def test_what_stands_behind_a_signature_is_told(platform, chain, factory, future, wallet, owner):
    digest = b"\x11" * 32
    signature = bytes(Account.unsafe_sign_hash(digest, owner.key).signature)
    wrapped = made_by(factory, owner, signature)
    assert prove(platform.chain, owner.address, digest, signature) is Proof.KEY
    assert prove(platform.chain, wallet, digest, signature) is Proof.CONTRACT
    assert prove(platform.chain, future, digest, wrapped) is Proof.UNDEPLOYED
    chain.send(factory, MAKE, owner.address, SALT)
    assert prove(platform.chain, future, digest, wrapped) is Proof.CONTRACT
