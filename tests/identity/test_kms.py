"""Signers behind a key service: as clouds answer, and over the socket of a key agent."""

from __future__ import annotations

import json
import os
import secrets
import socket
import stat
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from coincurve import PrivateKey, PublicKey
from Crypto.PublicKey import ECC
from Crypto.Util.asn1 import DerSequence
from hypothesis import given
from hypothesis import strategies as st

from identity.errors import KeystoreError
from identity.key_agent import AgentKeyService, KeyAgent
from identity.kms import KmsSigner, read_public_key, read_signature
from identity.signature import CURVE_ORDER, HALF_ORDER
from identity.signer import LocalSigner
from tests.identity.signers import ADDRESS, KEY, TRANSACTION, SignerContract

SPKI = bytes.fromhex("3056301006072a8648ce3d020106052b8104000a034200")


class CloudKey:
    """Answers as the key services of clouds do: any nonce, and a high `s` as often as a low one."""

    def __init__(self, key: bytes = KEY) -> None:
        self.key = PrivateKey(key)
        self.asked: list[bytes] = []

    def public_key(self) -> bytes:
        return SPKI + self.key.public_key.format(compressed=False)

    def sign(self, digest: bytes) -> bytes:
        self.asked.append(digest)
        nonce = 1 + secrets.randbelow(CURVE_ORDER - 1)
        x, _ = PublicKey.from_secret(nonce.to_bytes(32, "big")).point()
        r = x % CURVE_ORDER
        z, d = int.from_bytes(digest, "big"), int.from_bytes(self.key.secret, "big")
        s = pow(nonce, -1, CURVE_ORDER) * (z + r * d) % CURVE_ORDER
        return der(r, s if len(self.asked) % 2 else CURVE_ORDER - s)


def der(r: int, s: int) -> bytes:
    return DerSequence([r, s]).encode()


def numbers(signature: bytes) -> tuple[int, int]:
    read: Any = DerSequence().decode(signature)
    return int(read[0]), int(read[1])


@contextmanager
def agent(path: Path):
    with KeyAgent(path, LocalSigner(KEY)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def place(tmp_path):
    """A short path: the kernel takes 107 bytes."""
    folder = Path(os.environ.get("TMPDIR", "/tmp")) / f"wp-{secrets.token_hex(4)}"
    folder.mkdir(mode=0o700)
    yield folder / "operator.sock"
    for left in folder.iterdir():
        left.unlink()
    folder.rmdir()


class TestInMemory(SignerContract):
    @pytest.fixture
    def signer(self):
        return LocalSigner(KEY)


class TestAsCloudsAnswer(SignerContract):
    @pytest.fixture
    def signer(self):
        return KmsSigner(CloudKey())


class TestOverASocket(SignerContract):
    @pytest.fixture
    def signer(self, place):
        with agent(place):
            yield KmsSigner(AgentKeyService(place))


def test_a_high_s_of_the_service_never_gets_out():
    service = CloudKey()
    signer = KmsSigner(service)
    highs = 0
    for number in range(64):
        digest = number.to_bytes(32, "big")
        raw = service.sign(digest)
        highs += numbers(raw)[1] > HALF_ORDER
        _, s = read_signature(raw)
        assert s <= HALF_ORDER
        signer.sign_digest(digest)
    assert 10 < highs < 54


@given(st.binary(min_size=32, max_size=32), st.integers(1, CURVE_ORDER - 1))
def test_every_key_and_digest_finds_its_recovery_bit(digest, secret):
    key = secret.to_bytes(32, "big")
    signer = KmsSigner(CloudKey(key))
    assert signer.address == LocalSigner(key).address
    signer.sign_digest(digest)


def test_a_service_that_signs_with_another_key_is_found_out():
    service = CloudKey()
    signer = KmsSigner(service)
    service.key = PrivateKey(b"\x12" * 32)  # rotated under the same name
    with pytest.raises(KeystoreError, match="another key"):
        signer.sign_digest(b"\x01" * 32)
    with pytest.raises(KeystoreError, match="another key"):
        signer.sign_transaction(TRANSACTION)


def test_a_service_that_signs_something_else_is_found_out():
    service = CloudKey()
    signer = KmsSigner(service)
    sign = service.sign
    # What happens where a service hashes once more what it is given.
    service.sign = lambda digest: sign(bytes(reversed(digest)))  # type: ignore[method-assign]
    with pytest.raises(KeystoreError, match="another key"):
        signer.sign_digest(bytes(range(32)))


R, S = 3**160, CURVE_ORDER - 5**100
GOOD = der(R, S)


def test_a_strict_der_signature_is_read_with_its_low_s():
    assert read_signature(GOOD) == (R, 5**100)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        GOOD[:-1],
        GOOD + b"\x00",
        R.to_bytes(32, "big") + S.to_bytes(32, "big"),  # raw, as some services answer
        der(0, S),
        der(R, 0),
        der(-R, S),
        der(CURVE_ORDER, S),
        der(R, CURVE_ORDER),
        DerSequence([R]).encode(),
        DerSequence([R, S, 1]).encode(),
        b"\x30\x81" + GOOD[1:2] + GOOD[2:],  # a length that is not written in its shortest form
        b"\x30\x80" + GOOD[2:] + b"\x00\x00",  # BER, indefinite length
        b"\x31" + GOOD[1:],
    ],
    ids=range(14),
)
def test_what_is_no_strict_der_signature_is_refused(answer):
    with pytest.raises(KeystoreError):
        read_signature(answer)


def test_an_integer_with_needless_zeros_is_refused():
    padded = b"\x02\x22\x00\x00" + (1 << 255).to_bytes(32, "big")
    small = b"\x02\x01\x01"
    with pytest.raises(KeystoreError):
        read_signature(b"\x30" + bytes([len(padded + small)]) + padded + small)


def test_a_key_of_another_curve_is_refused():
    other = ECC.generate(curve="P-256").public_key().export_key(format="DER")
    for answer in (other, b"", SPKI, SPKI + b"\x04" + b"\xff" * 64, CloudKey().public_key() + b"0"):
        with pytest.raises(KeystoreError, match="secp256k1"):
            read_public_key(answer)


def test_a_compressed_key_is_the_same_key():
    prefix = bytes.fromhex("3036301006072a8648ce3d020106052b8104000a032200")
    point = PrivateKey(KEY).public_key
    assert read_public_key(prefix + point.format()) == point


def test_an_old_kind_of_transaction_is_not_signed():
    old = {"to": ADDRESS, "value": 1, "gas": 21_000, "gasPrice": 1, "nonce": 0, "chainId": 1}
    with pytest.raises(KeystoreError, match="typed"):
        KmsSigner(CloudKey()).sign_transaction(old)


def test_an_agents_socket_is_for_its_owner_alone_and_goes_with_it(place):
    with agent(place):
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
        with pytest.raises(KeystoreError, match="listen"):
            KeyAgent(place, LocalSigner(KEY))
        place.chmod(0o666)
        with pytest.raises(KeystoreError, match="chmod 600"):
            AgentKeyService(place)
    assert not place.exists()
    with pytest.raises(KeystoreError, match="cannot reach"):
        AgentKeyService(place)


def test_what_is_no_socket_is_no_agent(place):
    place.write_text("")
    place.chmod(0o600)
    with pytest.raises(KeystoreError, match="no socket"):
        AgentKeyService(place)


def test_an_agent_that_goes_away_is_named(place):
    with agent(place):
        signer = KmsSigner(AgentKeyService(place))
    with pytest.raises(KeystoreError, match="cannot reach the key agent"):
        signer.sign_digest(b"\x01" * 32)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"nonsense",
        b"[]",
        b"1",
        b"{}",
        b'{"ask": "private_key"}',
        b'{"ask": "sign"}',
        b'{"ask": "sign", "digest": 1}',
        b'{"ask": "sign", "digest": "00"}',
        b'{"ask": "sign", "digest": "' + b"0" * 66 + b'"}',
        b'{"ask": "sign", "digest": "' + b"G" * 64 + b'"}',
        b'{"ask": "sign", "digest": "' + b"A" * 64 + b'"}',
        b"[" * 900,
        b"\xff\xfe",
    ],
)
def test_an_agent_refuses_everything_but_a_digest_and_goes_on(place, line):
    with agent(place) as server:
        assert list(server.answer(line)) == ["error"]
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(str(place))
            connection.sendall(line + b"\n" + b'{"ask": "public_key"}\n')
            answers = connection.makefile("rb")
            assert "error" in json.loads(answers.readline())
            assert "der" in json.loads(answers.readline())


def test_an_endless_line_does_not_fill_an_agents_memory(place):
    with agent(place), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(place))
        connection.sendall(b"0" * 5_000 + b"\n")
        assert "error" in json.loads(connection.makefile("rb").readline())


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b'{"der": 1}', b'{"der": "0g"}', b"\xff"])
def test_an_agent_that_answers_with_nonsense_is_named(place, answer):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with listener:
        listener.bind(str(place))
        place.chmod(0o600)
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1_024)
                connection.sendall(answer + b"\n")

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(KeystoreError, match="nonsense"):
            AgentKeyService(place).public_key()
        thread.join()


def test_an_agents_refusal_is_passed_on(place):
    with agent(place), pytest.raises(KeystoreError, match="64 hexadecimal"):
        AgentKeyService(place).sign(b"\x01")
