from __future__ import annotations

import contextlib
import subprocess
import sys

import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from identity.signature import CURVE_ORDER, compact, recover, sign_digest

KEY = b"\x11" * 32
ADDRESS = Account.from_key(KEY).address
DIGEST = b"\x07" * 32


def test_both_forms_of_a_signature_name_the_signer():
    whole = bytes(Account.unsafe_sign_hash(DIGEST, KEY).signature)
    assert recover(DIGEST, whole) == ADDRESS
    assert recover(DIGEST, compact(whole)) == ADDRESS
    assert sign_digest(DIGEST, KEY) == compact(whole)


def test_a_malleated_signature_is_refused():
    whole = bytes(Account.unsafe_sign_hash(DIGEST, KEY).signature)
    s = CURVE_ORDER - int.from_bytes(whole[32:64], "big")
    malleated = whole[:32] + s.to_bytes(32, "big") + bytes([55 - whole[64]])
    with pytest.raises(ValueError, match="above half"):
        recover(DIGEST, malleated)
    packed = whole[:32] + (CURVE_ORDER // 2 + 1).to_bytes(32, "big")
    with pytest.raises(ValueError, match="above half"):
        recover(DIGEST, packed)


@pytest.mark.parametrize("length", [0, 1, 63, 66, 130])
def test_a_signature_of_another_length_is_refused(length):
    with pytest.raises(ValueError, match="65 bytes"):
        recover(DIGEST, b"\1" * length)


def test_a_recovery_byte_that_is_none_is_refused():
    whole = bytes(Account.unsafe_sign_hash(DIGEST, KEY).signature)
    with pytest.raises(ValueError, match="last byte"):
        compact(whole[:64] + b"\x1d")


@pytest.mark.parametrize("form", [b"\0" * 64, b"\xff" * 64, b"\0" * 64 + b"\x1b"])
def test_numbers_that_are_no_signature_are_refused(form):
    with pytest.raises(ValueError):
        recover(DIGEST, form)


@settings(deadline=None, max_examples=50)
@given(st.binary(min_size=32, max_size=32), st.binary(min_size=64, max_size=64))
def test_random_bytes_are_either_refused_or_name_a_stranger(digest, signature):
    with contextlib.suppress(ValueError):
        assert recover(digest, signature) != ADDRESS


def test_importing_signatures_leaves_deep_recursion_refused():
    code = (
        "import json, identity.signature\n"
        "try:\n"
        "    json.loads('[' * 1_000_000)\n"
        "except RecursionError:\n"
        "    print('refused')\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "refused"
