"""The embedded chain node: anvil in a process of its own, with its state kept on disk."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from devnet import node_errors
from devnet.genesis import genesis_time
from devnet.install import anvil
from devnet.node_errors import NodeStartError, PortInUseError
from devnet.rpc import JsonRpc, RpcError

MNEMONIC = "test test test test test test test test test test test junk"
"""The node's default mnemonic: everybody knows its keys, so it is for development alone."""

HOST = "127.0.0.1"
_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_START_SECONDS = 30.0
_PORT_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """How to run the node.

    Without `state` the chain lives in memory and ends with the node. `port` None picks a free
    one. `genesis_timestamp` (seconds, UTC) counts for a new chain only. `block_time_seconds`
    None mines a block for each transaction. `binary` None means what `devnet.install` finds.
    The limit of gas a transaction (EIP-7825) is always on.
    """

    chain_id: int = 31_337
    state: Path | None = None
    port: int | None = None
    accounts: int = 10
    balance_ether: int = 10_000
    mnemonic: str = MNEMONIC
    block_time_seconds: float | None = None
    genesis_timestamp: int | None = None
    block_gas_limit: int = 60_000_000
    state_interval_seconds: int = 1
    binary: Path | None = None


class AnvilNode:
    """One running node; a context manager, or `start` and `stop`.

    A supervising process stops the node in order when this process ends, even by SIGKILL, and
    keeps a whole copy of the state, since the node writes its file in place. If the node itself
    is killed, up to about two seconds of blocks are lost: treat that as a reorganisation.
    After a restart the chain's clock runs on from the later of the last block and the present.
    """

    def __init__(self, options: NodeOptions | None = None) -> None:
        self.options = options or NodeOptions()
        self.restored_from_copy = False
        """Whether the state file was cut off by a kill and its copy was used instead."""
        self._supervisor: subprocess.Popen[str] | None = None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._pid = 0
        self._rpc: JsonRpc | None = None

    def __enter__(self) -> AnvilNode:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether the node's process is alive."""
        return self._supervisor is not None and self._supervisor.poll() is None

    @property
    def url(self) -> str:
        """HTTP address of the JSON-RPC interface (the same port answers websockets)."""
        return self.client.url

    @property
    def pid(self) -> int:
        """Process id of the node itself."""
        self._require_started()
        return self._pid

    @property
    def client(self) -> JsonRpc:
        """Calls to the node."""
        self._require_started()
        assert self._rpc is not None
        return self._rpc

    def rpc(self, method: str, *params: Any) -> Any:
        """One JSON-RPC call. Raises RpcError, or OSError where the node is gone."""
        return self.client.call(method, *params)

    def start(self) -> AnvilNode:
        """Start the node and wait until it answers.

        Raises NodeBinaryError, PortInUseError, StateInUseError or NodeStartError.
        """
        if self._supervisor is not None:
            raise NodeStartError("this node is started already")
        binary = anvil(self.options.binary)
        asked = self.options.port
        if asked is not None and not _is_free(asked):
            raise PortInUseError(
                f"port {asked} is taken; stop what listens there or choose another"
            )
        new = self.options.state is None or not self.options.state.exists()
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            try:
                self._launch(binary, asked if asked is not None else _free_port(), new)
                break
            except PortInUseError:
                # Between choosing a free port and using it another program may take it.
                if asked is not None or attempt == _PORT_ATTEMPTS:
                    raise
        if not new:
            self._never_back_in_time()
        return self

    def stop(self) -> None:
        """Stop the node and wait until its state is on disk. Does nothing if it does not run."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            supervisor.communicate()
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None
        self._rpc = None

    def mine(self, blocks: int = 1) -> None:
        """Mine blocks now."""
        self.rpc("anvil_mine", hex(blocks))

    def increase_time(self, seconds: int) -> None:
        """Move the chain's clock forward; the next block shows it."""
        self.rpc("evm_increaseTime", hex(seconds))

    def set_next_block_timestamp(self, timestamp: int) -> None:
        """The time (seconds, UTC) of the next block; later blocks run on from there.

        Raises RpcError for a time not after the last block's.
        """
        self.rpc("evm_setNextBlockTimestamp", hex(timestamp))

    def latest_timestamp(self) -> int:
        """The last block's time, seconds UTC."""
        return int(self.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def _require_started(self) -> None:
        if self._supervisor is None:
            raise NodeStartError("this node is not started")

    def _launch(self, binary: Path, port: int, new: bool) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="wattproof-node-")
        config = {
            "owner": os.getpid(),
            "command": self._command(binary, port, new),
            "state": str(self._state) if self._state else None,
            "log": str(Path(self._scratch.name) / "log"),
            "genesis_time": genesis_time(self._state) if self._state and not new else None,
        }
        self._supervisor = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_SUPERVISOR)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            self._handshake(config)
            self._rpc = JsonRpc(f"http://{HOST}:{port}")
            self._wait_until_it_answers(port)
        except BaseException:
            self.stop()
            raise

    @property
    def _state(self) -> Path | None:
        return self.options.state.absolute() if self.options.state else None

    def _command(self, binary: Path, port: int, new: bool) -> list[str]:
        options = self.options
        assert self._scratch is not None
        command: list[object] = [
            binary, "--quiet", "--host", HOST, "--port", port, "--chain-id", options.chain_id,
            "--accounts", options.accounts, "--balance", options.balance_ether,
            "--mnemonic", options.mnemonic, "--gas-limit", options.block_gas_limit,
            "--enable-tx-gas-limit", "--no-request-size-limit",
            "--cache-path", Path(self._scratch.name) / "cache",
            "--config-out", Path(self._scratch.name) / "ready.json",
        ]  # fmt: skip
        if self._state:
            command += ["--state", self._state]
            command += ["--state-interval", options.state_interval_seconds]
        if options.block_time_seconds is not None:
            command += ["--block-time", options.block_time_seconds]
        if options.genesis_timestamp is not None and new:
            command += ["--timestamp", options.genesis_timestamp]
        return [str(part) for part in command]

    def _handshake(self, config: dict[str, Any]) -> None:
        assert self._supervisor is not None
        assert self._supervisor.stdin is not None
        assert self._supervisor.stdout is not None
        self._supervisor.stdin.write(json.dumps(config) + "\n")
        self._supervisor.stdin.flush()
        line = self._supervisor.stdout.readline()
        if not line:
            raise NodeStartError("the node's supervisor ended without a word")
        answer = json.loads(line)
        if "error" in answer:
            raise getattr(node_errors, answer["kind"])(answer["error"])
        self._pid = answer["pid"]
        self.restored_from_copy = answer["restored"]

    def _wait_until_it_answers(self, port: int) -> None:
        assert self._scratch is not None
        # Written once the node has its port: before that, a stranger may answer there.
        ready = Path(self._scratch.name) / "ready.json"
        give_up = time.monotonic() + _START_SECONDS
        while self.running and time.monotonic() < give_up:
            if ready.exists():
                try:
                    self.rpc("eth_chainId")
                    return
                except (OSError, RpcError):
                    pass
            time.sleep(0.02)
        log = (Path(self._scratch.name) / "log").read_text(encoding="utf-8", errors="replace")
        said = "\n".join(log.splitlines()[-10:])
        if "Address already in use" in said:
            raise PortInUseError(f"port {port} is taken; stop what listens there or choose another")
        raise NodeStartError(f"the chain node did not come up: {said or 'it said nothing'}")

    def _never_back_in_time(self) -> None:
        ahead = self.latest_timestamp() - int(time.time())
        if ahead > 0:
            self.increase_time(ahead + 1)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
