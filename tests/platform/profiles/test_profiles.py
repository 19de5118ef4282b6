from __future__ import annotations

import json
import socket
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import pytest
from eth_account import Account
from eth_utils.crypto import keccak
from pydantic import ValidationError

from devnet import AnvilNode, NodeOptions, accounts
from identity.key_agent import KeyAgent
from identity.signature import recover
from identity.signer import LocalSigner
from wattproof.accounts import service as ledger
from wattproof.errors import ChainMismatchError, MisconfiguredError, UnavailableError
from wattproof.gateway.keys import Keyring, Role
from wattproof.profiles import open_platform
from wattproof.settings import Profile, Settings
from wattproof.tasks.flow import run_until_idle


def test_data_and_chain_survive_a_restart(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    holder = accounts.address(9)
    with open_platform(settings) as platform:
        chain_id = platform.chain.chain_id()
        with platform.transaction() as session:
            ledger.mint(platform, session, holder, 5, key="x")
        run_until_idle(platform)
    with open_platform(settings) as platform:
        assert platform.chain.chain_id() == chain_id
        assert ledger.wallet_balance(platform, holder) == 5
        assert not platform.indexer.catch_up().rolled_back


def test_every_installation_has_a_chain_id_of_its_own(tmp_path: Path) -> None:
    ids = []
    for name in ("a", "b"):
        with open_platform(Settings(data_dir=tmp_path / name)) as platform:
            ids.append(platform.deployment.chain_id)
    assert ids[0] != ids[1]


def test_a_lost_chain_under_a_living_database_stops_with_the_way_out(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with open_platform(settings):
        pass
    for path in tmp_path.glob("chain.json*"):
        path.unlink()
    with pytest.raises(ChainMismatchError, match=r"lost or replaced.*begin anew"):
        open_platform(settings).__enter__()


def test_a_replaced_chain_is_noticed(tmp_path: Path) -> None:
    with AnvilNode(NodeOptions(chain_id=7, genesis_timestamp=1_700_000_000)) as node:
        settings = Settings(data_dir=tmp_path, rpc_url=node.url)
        with open_platform(settings):
            pass
    with AnvilNode(NodeOptions(chain_id=7, genesis_timestamp=1_700_000_001)) as node:
        moved = settings.model_copy(update={"rpc_url": node.url})
        with pytest.raises(ChainMismatchError, match="genesis"):
            open_platform(moved).__enter__()
    with AnvilNode(NodeOptions(chain_id=8)) as node:
        moved = settings.model_copy(update={"rpc_url": node.url})
        with pytest.raises(ChainMismatchError, match="chain id"):
            open_platform(moved).__enter__()


def test_a_silent_chain_is_reported(tmp_path: Path) -> None:
    with AnvilNode(NodeOptions(chain_id=7)) as node:
        settings = Settings(data_dir=tmp_path, rpc_url=node.url)
        with open_platform(settings):
            pass
    with pytest.raises(UnavailableError, match="does not answer"):
        open_platform(settings).__enter__()


def test_two_platforms_cannot_share_a_data_folder(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with (
        open_platform(settings),
        pytest.raises(MisconfiguredError, match="another data folder"),
    ):
        open_platform(settings).__enter__()


def test_the_scaled_profile_names_what_it_misses() -> None:
    with pytest.raises(ValidationError, match="WATTPROOF_DATABASE_URL"):
        Settings(profile=Profile.SCALED)


def _key_file(folder: Path, role: Role, mode: int = 0o600) -> Path:
    encrypted = Account.encrypt(b"\x01" * 32, "secret", kdf="pbkdf2", iterations=1_000)
    path = folder / f"{role}.json"
    path.write_text(json.dumps(encrypted))
    path.chmod(mode)
    return path


def _passphrase(folder: Path, text: str = "secret\n") -> Path:
    path = folder / "passphrase"
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_encrypted_key_files_are_opened(tmp_path: Path) -> None:
    _key_file(tmp_path, Role.OPERATOR)
    keys = Keyring.from_files(tmp_path, _passphrase(tmp_path))
    assert keys.address(Role.OPERATOR) == Account.from_key(b"\x01" * 32).address
    assert "01010101" not in repr(keys)
    with pytest.raises(MisconfiguredError, match="admin"):
        keys.address(Role.ADMIN)


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    _key_file(tmp_path, Role.OPERATOR, mode=0o644)
    with pytest.raises(MisconfiguredError, match="chmod 600"):
        Keyring.from_files(tmp_path, _passphrase(tmp_path))


def test_a_wrong_passphrase_is_refused(tmp_path: Path) -> None:
    _key_file(tmp_path, Role.OPERATOR)
    with pytest.raises(MisconfiguredError, match="cannot open"):
        Keyring.from_files(tmp_path, _passphrase(tmp_path, "wrong"))


def test_a_key_agent_signs_for_the_platform_and_its_key_never_comes_here() -> None:
    with TemporaryDirectory(prefix="wp-") as short:
        folder = Path(short)
        with KeyAgent(folder / "operator.sock", LocalSigner(b"\x01" * 32)) as agent:
            Thread(target=agent.serve_forever, args=(0.01,), daemon=True).start()
            keys = Keyring.from_files(folder, None)
            address = Account.from_key(b"\x01" * 32).address
            assert keys.addresses() == [address]
            call = {"to": address, "value": 1, "gas": 21_000, "nonce": 0, "chainId": 7}
            fees = {"maxFeePerGas": 9, "maxPriorityFeePerGas": 1}
            raw, transaction_hash = keys.sign_transaction(address, call | fees)
            assert Account.recover_transaction(raw) == address
            assert transaction_hash == "0x" + keccak(hexstr=raw).hex()
            digest = b"\x02" * 32
            assert recover(digest, keys.signer(Role.OPERATOR).sign_digest(digest)) == address
            _key_file(folder, Role.OPERATOR)
            with pytest.raises(MisconfiguredError, match="both sign for operator"):
                Keyring.from_files(folder, _passphrase(folder))
            (folder / "operator.json").unlink()
            agent.shutdown()
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(folder / "operator.sock"))
            (folder / "operator.sock").chmod(0o600)
            with pytest.raises(MisconfiguredError, match="cannot reach the key agent"):
                Keyring.from_files(folder, None)


def test_key_files_are_not_opened_without_a_passphrase(tmp_path: Path) -> None:
    _key_file(tmp_path, Role.OPERATOR)
    with pytest.raises(MisconfiguredError, match="PASSPHRASE_FILE"):
        Keyring.from_files(tmp_path, None)


def test_a_passphrase_is_the_first_line_with_its_spaces_as_for_the_commands(tmp_path: Path) -> None:
    encrypted = Account.encrypt(b"\x01" * 32, " secret ", kdf="pbkdf2", iterations=1_000)
    path = tmp_path / "operator.json"
    path.write_text(json.dumps(encrypted))
    path.chmod(0o600)
    keys = Keyring.from_files(tmp_path, _passphrase(tmp_path, " secret \nsecond line\n"))
    assert keys.holds(Role.OPERATOR)


def test_a_folder_without_an_operators_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MisconfiguredError, match="operator"):
        Keyring.from_files(tmp_path, _passphrase(tmp_path))
