"""The process between us and the node. Standard library alone; started by `devnet.node`.

It owns the node's state file: holds its lock, keeps a whole copy of it beside it (the node writes
the file in place, so a kill in that moment leaves half a file), and stops the node in order when
its own parent ends, however that ended. So no node is orphaned and no second one can start on the
same state.

It reads one line of JSON (the configuration), answers with one line of JSON (`{"pid": ...}` or
`{"error": ..., "kind": ...}`), and stops the node at the end of its standard input.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

STOP_SECONDS = 30.0
KEEP_SECONDS = 0.5
# The last member of the node's state: a file that ends so was written to its end.
STATE_END = b'"historical_states":null}'


class RefusedError(Exception):
    """The node cannot be started; `kind` names the error class that says so to the user."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def is_whole(state: Path) -> bool:
    """Whether the node finished writing this file."""
    try:
        content = state.read_bytes()
    except FileNotFoundError:
        return False
    if content.endswith(STATE_END):
        return True
    try:
        json.loads(content)
    except ValueError:
        return False
    return True


class StateFile:
    """The node's state on disk: the file itself, its lock, its copy, who uses it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.copy = path.with_name(path.name + ".kept")
        self.user = path.with_name(path.name + ".pid")
        self._lock_path = path.with_name(path.name + ".lock")
        self._copied = b""
        self._seen: tuple[int, int] = (0, 0)

    def acquire(self, owner: int) -> None:
        """Lock the state. Waits while a node whose owner is gone shuts down.

        Raises RefusedError where a living owner holds it.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        give_up = time.monotonic() + STOP_SECONDS + 5
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                holder = self._read_user().get("owner")
                if (holder and command_of(holder)) or time.monotonic() > give_up:
                    raise RefusedError(
                        "StateInUseError",
                        f"a node of process {holder or '?'} runs on {self.path}; stop it first "
                        "or use another data folder",
                    ) from None
                time.sleep(0.05)
        self._stop_orphan()
        self.record(owner=owner)

    def record(self, **user: int) -> None:
        """Write down who uses the state."""
        self.user.write_text(json.dumps(user), encoding="utf-8")

    def _read_user(self) -> dict[str, int]:
        try:
            user: dict[str, int] = json.loads(self.user.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return user

    def _stop_orphan(self) -> None:
        """End a node whose supervisor was killed: it still writes the file we are to use."""
        pid = self._read_user().get("node")
        if not pid or str(self.path) not in command_of(pid):
            return
        for order in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, order)
            give_up = time.monotonic() + STOP_SECONDS
            while str(self.path) in command_of(pid) and time.monotonic() < give_up:
                time.sleep(0.05)

    def repair(self) -> bool:
        """Put the kept copy in the place of a half-written file; True if that was needed.

        Raises RefusedError where there is no whole file at all.
        """
        if not self.path.exists() or is_whole(self.path):
            return False
        if not is_whole(self.copy):
            raise RefusedError(
                "NodeStartError",
                f"the chain's state {self.path} was cut off while it was written, and there is "
                "no whole copy of it; restore a backup or start with an empty data folder",
            )
        self._replace(self.path, self.copy.read_bytes())
        return True

    def drop_other_genesis(self, timestamp: str) -> None:
        """Leave the block 0 of this time alone: the node adds one at each start."""
        content = json.loads(self.path.read_bytes())
        content["blocks"] = [
            block
            for block in content["blocks"]
            if int(block["header"]["number"], 16) or block["header"]["timestamp"] == timestamp
        ]
        self._replace(self.path, json.dumps(content, separators=(",", ":")).encode())

    def keep(self) -> None:
        """Copy the state if it changed and is whole."""
        try:
            before = self.path.stat()
            if (before.st_mtime_ns, before.st_size) == self._seen:
                return
            content = self.path.read_bytes()
            after = self.path.stat()
        except FileNotFoundError:
            return
        whole = content.endswith(STATE_END) and len(content) == after.st_size
        if not whole or before.st_mtime_ns != after.st_mtime_ns:
            return
        self._seen = (after.st_mtime_ns, after.st_size)
        digest = hashlib.blake2b(content, digest_size=16).digest()
        if digest != self._copied:
            self._replace(self.copy, content)
            self._copied = digest

    @staticmethod
    def _replace(path: Path, content: bytes) -> None:
        partial = path.with_name(path.name + ".partial")
        partial.write_bytes(content)
        partial.replace(path)

    def release(self) -> None:
        """Say that nobody uses the state any more."""
        self.user.unlink(missing_ok=True)
        os.close(self._lock)


def command_of(pid: int) -> str:
    """The command line of a living process; nothing for one that ended, waited for or not."""
    process = Path(f"/proc/{pid}")
    if process.parent.joinpath("self").exists():
        try:
            return (process / "cmdline").read_text(errors="replace").replace("\0", " ")
        except OSError:
            return ""
    listed = subprocess.run(
        ["ps", "-p", str(pid), "-o", "stat=,command="], capture_output=True, text=True, check=False
    )
    return "" if listed.stdout.startswith("Z") else listed.stdout


def _answer(**message: Any) -> None:
    print(json.dumps(message), flush=True)


def _stop(node: subprocess.Popen[bytes]) -> None:
    node.terminate()
    try:
        node.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        node.kill()
        node.wait()


def supervise(config: dict[str, Any], owner: int, stopping: threading.Event) -> int:
    """Run the node until standard input ends, `stopping` is set, the owner is gone, or the node
    ends by itself; returns the exit code."""
    state = StateFile(Path(config["state"])) if config["state"] else None
    restored = False
    if state:
        state.acquire(owner)
        restored = state.repair()
        if config["genesis_time"] is not None:
            state.drop_other_genesis(config["genesis_time"])
    with open(config["log"], "wb") as log:
        node = subprocess.Popen(
            config["command"], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
    if state:
        state.record(owner=owner, node=node.pid)
    _answer(pid=node.pid, restored=restored)
    while node.poll() is None and os.getppid() == owner and not stopping.is_set():
        readable, _, _ = select.select([sys.stdin], [], [], KEEP_SECONDS)
        if readable and not os.read(sys.stdin.fileno(), 1024):
            break
        if state:
            state.keep()
    code = node.poll()
    if code is None:
        _stop(node)
    if state:
        state.keep()
        state.release()
    return 0 if code is None else 1


def main() -> int:
    """Entry point."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda signum, frame: stopping.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    config = json.loads(sys.stdin.readline())
    try:
        return supervise(config, owner=config["owner"], stopping=stopping)
    except RefusedError as refused:
        _answer(error=str(refused), kind=refused.kind)
        return 1
    except OSError as error:
        _answer(error=str(error), kind="NodeStartError")
        return 1


if __name__ == "__main__":
    sys.exit(main())
