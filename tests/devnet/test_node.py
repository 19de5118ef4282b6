"""The embedded node, on the real executable."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from devnet import (
    AnvilNode,
    JsonRpc,
    NodeBinaryError,
    NodeOptions,
    NodeStartError,
    PortInUseError,
    RpcError,
    StateInUseError,
)
from devnet.genesis import block_hash, genesis_time
from devnet.supervisor import StateFile, command_of, is_whole

FUNDED = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
RECIPIENT = "0x000000000000000000000000000000000000bEEF"
ROOT = Path(__file__).resolve().parents[2]


def pay(client: JsonRpc, amount: int = 1) -> str:
    """Send, and wait until it is in a block: what is only in the pool does not survive."""
    sent = client.call(
        "eth_sendTransaction", {"from": FUNDED, "to": RECIPIENT, "value": hex(amount)}
    )
    wait_until(lambda: client.call("eth_getTransactionReceipt", sent) is not None)
    assert isinstance(sent, str)
    return sent


def balance(node: AnvilNode) -> int:
    return int(node.rpc("eth_getBalance", RECIPIENT, "latest"), 16)


def wait_until(holds, seconds: float = 60.0) -> None:
    give_up = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.02)


def is_kept(state: Path, *, block: int) -> bool:
    """Whether the whole copy beside the node's state file has got so far."""
    copy = StateFile(state).copy
    return copy.exists() and json.loads(copy.read_text())["best_block_number"] >= block


def is_alive(pid: int) -> bool:
    return command_of(pid) != ""


def test_a_node_answers_on_its_chain_id_and_is_gone_after_the_block():
    with AnvilNode(NodeOptions(chain_id=4242)) as node:
        assert int(node.rpc("eth_chainId"), 16) == 4242
        pid = node.pid
    wait_until(lambda: not is_alive(pid))
    with pytest.raises(NodeStartError, match="not started"):
        _ = node.url


def test_two_nodes_run_side_by_side_on_ports_of_their_own():
    with AnvilNode() as one, AnvilNode() as two:
        pay(one.client)
        assert one.url != two.url
        assert (balance(one), balance(two)) == (1, 0)


def test_the_state_survives_an_orderly_stop(tmp_path: Path):
    # An interval this long leaves only the dump at the end.
    options = NodeOptions(state=tmp_path / "chain" / "state.json", state_interval_seconds=3600)
    with AnvilNode(options) as node:
        transaction = pay(node.client, 7)
    with AnvilNode(options) as node:
        assert balance(node) == 7
        assert node.rpc("eth_getTransactionReceipt", transaction)["status"] == "0x1"
        assert not node.restored_from_copy


def test_the_state_survives_a_kill_of_the_node_up_to_the_interval(tmp_path: Path):
    options = NodeOptions(state=tmp_path / "state.json")
    node = AnvilNode(options).start()
    pay(node.client, 7)
    wait_until(lambda: is_kept(tmp_path / "state.json", block=1))
    os.kill(node.pid, signal.SIGKILL)
    wait_until(lambda: not node.running)
    node.stop()
    with AnvilNode(options) as node:
        assert balance(node) == 7


def test_a_node_stops_in_order_when_its_owner_is_killed(tmp_path: Path):
    options = NodeOptions(state=tmp_path / "state.json", state_interval_seconds=3600)
    owner = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path; from devnet import *\n"
            "node = AnvilNode(NodeOptions(state=Path(sys.argv[1]), state_interval_seconds=3600))\n"
            "node.start(); print(node.pid, node.url, flush=True); time.sleep(600)",
            str(options.state),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    pid, url = owner.stdout.readline().split()
    pay(JsonRpc(url), 7)
    owner.kill()
    owner.communicate()
    # No wait here: the next start waits for the last one's orderly end by itself.
    with AnvilNode(options) as node:
        assert balance(node) == 7
        assert not is_alive(int(pid))


def test_an_orphan_whose_supervisor_was_killed_is_stopped_by_the_next_start(tmp_path: Path):
    options = NodeOptions(state=tmp_path / "state.json", state_interval_seconds=3600)
    node = AnvilNode(options).start()
    pay(node.client, 7)
    pid = node.pid
    assert node._supervisor is not None
    node._supervisor.kill()
    node.stop()
    assert is_alive(pid)
    with AnvilNode(options) as node:
        assert balance(node) == 7
        assert not is_alive(pid)


def test_two_nodes_on_one_state_are_refused(tmp_path: Path):
    options = NodeOptions(state=tmp_path / "state.json")
    with AnvilNode(options) as first:
        with pytest.raises(StateInUseError, match="stop it first"):
            AnvilNode(options).start()
        assert int(first.rpc("eth_chainId"), 16) == options.chain_id


def test_a_state_cut_off_by_a_kill_is_replaced_by_its_copy(tmp_path: Path):
    options = NodeOptions(state=tmp_path / "state.json")
    with AnvilNode(options) as node:
        pay(node.client, 7)
    assert options.state is not None
    whole = options.state.read_bytes()
    options.state.write_bytes(whole[: len(whole) // 2])
    with AnvilNode(options) as node:
        assert node.restored_from_copy
        assert balance(node) == 7


def test_a_state_without_any_whole_copy_is_named_and_left_alone(tmp_path: Path):
    state = tmp_path / "state.json"
    state.write_text('{"blo')
    with pytest.raises(NodeStartError, match="restore a backup or start with an empty"):
        AnvilNode(NodeOptions(state=state)).start()
    assert state.read_text() == '{"blo'


def test_a_half_written_state_is_never_kept(tmp_path: Path):
    path = tmp_path / "state.json"
    state = StateFile(path)
    whole = json.dumps({"block": {}, "historical_states": None}, separators=(",", ":"))
    path.write_text(whole)
    assert is_whole(path)
    state.keep()
    path.write_text(whole[:-1])
    state.keep()
    assert not is_whole(path)
    assert state.copy.read_text() == whole


def test_a_busy_port_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortInUseError, match=f"port {port} is taken"):
            AnvilNode(NodeOptions(port=port)).start()


def test_a_setting_that_names_no_executable_is_refused(tmp_path: Path):
    with pytest.raises(NodeBinaryError, match="cannot be executed"):
        AnvilNode(NodeOptions(binary=tmp_path / "nothing")).start()


def test_a_node_that_ends_at_once_says_why(tmp_path: Path):
    broken = tmp_path / "anvil"
    broken.write_text("#!/bin/sh\necho the disk is full >&2\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(NodeStartError, match="the disk is full"):
        AnvilNode(NodeOptions(binary=broken)).start()


def test_a_transaction_above_the_gas_limit_of_eip_7825_is_refused():
    with AnvilNode() as node:
        with pytest.raises(RpcError, match="gas"):
            node.rpc("eth_sendTransaction", {"from": FUNDED, "to": RECIPIENT, "gas": "0x1000001"})
        node.rpc("eth_sendTransaction", {"from": FUNDED, "to": RECIPIENT, "gas": "0x1000000"})


def test_a_new_chain_starts_at_the_time_it_is_given_and_its_clock_can_be_moved():
    with AnvilNode(NodeOptions(genesis_timestamp=1_800_000_000)) as node:
        assert node.latest_timestamp() == 1_800_000_000
        node.increase_time(3600)
        node.mine()
        assert node.latest_timestamp() >= 1_800_003_600
        node.set_next_block_timestamp(1_800_086_400)
        node.mine()
        assert node.latest_timestamp() == 1_800_086_400


def test_time_does_not_run_back_over_a_restart(tmp_path: Path):
    options = NodeOptions(state=tmp_path / "state.json")
    with AnvilNode(options) as node:
        node.increase_time(30 * 86_400)
        node.mine()
        before = node.latest_timestamp()
    with AnvilNode(options) as node:
        node.mine()
        assert before < node.latest_timestamp() < before + 86_400


def test_calls_sent_together_are_answered_in_their_order():
    with AnvilNode() as node:
        got = node.client.batch(
            [
                ("eth_getBalance", [RECIPIENT, "latest"]),
                ("eth_chainId", []),
                ("eth_blockNumber", []),
            ]
        )
        assert [int(value, 16) for value in got] == [0, 31_337, 0]


def test_a_chain_that_was_started_often_still_begins_with_its_own_block(tmp_path: Path):
    state = tmp_path / "chain.json"
    with AnvilNode(NodeOptions(state=state)) as node:
        pay(node.client)
        first = node.rpc("eth_getBlockByNumber", "0x0", False)["hash"]
        began = node.latest_timestamp()
    for _ in range(5):
        # The node's own block 0 is another one only in another second.
        wait_until(lambda last=began: time.time() > last + 1)
        began = int(time.time())
        with AnvilNode(NodeOptions(state=state)) as node:
            assert node.rpc("eth_getBlockByNumber", "0x0", False)["hash"] == first
            assert node.rpc("eth_getBlockByNumber", "0x1", False)["parentHash"] == first
            assert balance(node) == 1


def test_the_block_that_a_chain_stands_on_is_found_among_those_of_each_start(tmp_path: Path):
    state = tmp_path / "chain.json"
    with AnvilNode(NodeOptions(state=state)) as node:
        pay(node.client)
        first = node.rpc("eth_getBlockByNumber", "0x0", False)
    assert genesis_time(state) is None  # there is no other
    assert block_hash(first) == first["hash"]
    content = json.loads(state.read_bytes())
    (own,) = [b for b in content["blocks"] if int(b["header"]["number"], 16) == 0]
    other = {**own, "header": {**own["header"], "timestamp": "0x1"}}
    state.write_text(json.dumps({**content, "blocks": [other, *content["blocks"], other]}))
    assert genesis_time(state) == first["timestamp"]
    state.write_text("{")
    assert genesis_time(state) is None
