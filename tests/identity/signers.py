"""What every `Signer` must do, wherever its key lies: subclass it and say how one is made."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes

from identity.signature import HALF_ORDER, recover
from identity.signer import LocalSigner, Signer

KEY = b"\x11" * 32
ADDRESS = LocalSigner(KEY).address
TRANSACTION: dict[str, Any] = {
    "type": 2,
    "to": "0x09616C3d61b3331fc4109a9E41a8BDB7d9776609",
    "value": 1,
    "data": "0x1234",
    "gas": 30_000,
    "maxFeePerGas": 2_000_000_000,
    "maxPriorityFeePerGas": 1,
    "nonce": 7,
    "chainId": 1_000_000_007,
}


class SignerContract:
    """Held by `LocalSigner`, by a key service as clouds answer, and by the key agent."""

    @pytest.fixture
    def signer(self) -> Signer:
        """A signer of `KEY`."""
        raise NotImplementedError

    def test_its_address_is_that_of_its_key(self, signer):
        assert signer.address == ADDRESS

    def test_its_digests_recover_to_it_in_the_compact_form_with_a_low_s(self, signer):
        for number in range(24):
            digest = number.to_bytes(32, "big")
            signature = signer.sign_digest(digest)
            assert len(signature) == 64
            assert recover(digest, signature) == ADDRESS
            packed = int.from_bytes(signature[32:], "big")
            assert packed & ((1 << 255) - 1) <= HALF_ORDER

    def test_its_texts_are_what_a_wallet_signs(self, signer):
        for text in ("", "hello", "héllo\nworld"):
            signature = signer.sign_text(text)
            assert len(signature) == 65
            assert signature[64] in (27, 28)
            assert Account.recover_message(encode_defunct(text=text), signature=signature) == (
                ADDRESS
            )

    def test_its_transactions_are_from_it_and_of_what_was_asked(self, signer):
        for nonce in range(8):
            raw = signer.sign_transaction(TRANSACTION | {"nonce": nonce})
            assert Account.recover_transaction(raw) == ADDRESS
            signed = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
            assert signed["nonce"] == nonce
            for name, value in TRANSACTION.items():
                if isinstance(value, int) and name != "nonce":
                    assert signed[name] == value
            assert signed["s"] <= HALF_ORDER

    def test_a_transaction_in_the_name_of_another_is_not_signed(self, signer):
        assert signer.sign_transaction(TRANSACTION | {"from": ADDRESS})
        with pytest.raises((ValueError, TypeError)):
            signer.sign_transaction(TRANSACTION | {"from": "0x" + "22" * 20})

    @pytest.mark.parametrize("length", [0, 31, 33, 64])
    def test_only_32_bytes_are_a_digest(self, signer, length):
        with pytest.raises(ValueError):
            signer.sign_digest(b"\x01" * length)

    def test_the_key_never_shows(self, signer):
        for shown in (repr(signer), str(signer)):
            assert KEY.hex() not in shown
            assert ADDRESS in shown
