"""A process that holds a key and signs with it over a Unix socket: a key service of one's own.

Whoever may connect can have 32 bytes signed and learn the public key; the private key never leaves
the process, so that neither a core dump, a log nor a stolen database of its clients holds it. The
socket has mode 0600, and both sides ask the kernel that the other runs under the same account.

One request a line, one answer a line, JSON: ``{"ask": "public_key"}`` or ``{"ask": "sign",
"digest": 64 hexadecimal digits}``; ``{"der": hex}``, or ``{"error": text}``. DER as in `kms`.
"""

from __future__ import annotations

import json
import os
import re
import socket
import socketserver
import stat
import struct
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final

from Crypto.Util.asn1 import DerSequence

from identity.errors import KeystoreError
from identity.signer import LocalSigner

_SPKI: Final = bytes.fromhex("3056301006072a8648ce3d020106052b8104000a034200")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LONGEST: Final = 1_024
_TIMEOUT_S: Final = 10.0


class KeyAgent(socketserver.ThreadingUnixStreamServer):
    """Serves one key. Use as a context manager; the socket is gone afterwards."""

    daemon_threads = True

    def __init__(self, path: Path, signer: LocalSigner) -> None:
        """Raises KeystoreError where the socket cannot be made, or something is there already."""
        self._signer = signer
        self._made: Path | None = None
        before = os.umask(0o177)
        try:
            super().__init__(str(path), _Handler)
        except OSError as error:
            why = error.strerror or str(error)
            if path.exists():
                why = "something is there; remove it if no agent runs"
            raise KeystoreError(f"cannot listen at {path}: {why}") from error
        finally:
            os.umask(before)
        self._made = path

    def server_close(self) -> None:
        """Stop listening and remove the socket."""
        super().server_close()
        if self._made is not None:
            self._made.unlink(missing_ok=True)

    def serve_until(self, stopped: Event) -> None:
        """Answer until somebody sets `stopped`."""
        thread = Thread(target=self.serve_forever, args=(0.1,), daemon=True)
        thread.start()
        stopped.wait()
        self.shutdown()
        thread.join()

    def answer(self, line: bytes) -> dict[str, str]:
        """The answer to one request; never raises."""
        try:
            request = json.loads(line)
            asked = request["ask"]
            digest = request.get("digest", "")
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return {"error": "the request is not JSON with a member 'ask'"}
        if asked == "public_key":
            return {"der": (_SPKI + self._signer.public_key).hex()}
        if asked != "sign":
            return {"error": "only 'public_key' and 'sign' can be asked"}
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            return {"error": "a digest has 64 hexadecimal digits"}
        compact = self._signer.sign_digest(bytes.fromhex(digest))
        s = int.from_bytes(compact[32:], "big") & ((1 << 255) - 1)
        return {"der": DerSequence([int.from_bytes(compact[:32], "big"), s]).encode().hex()}


class _Handler(socketserver.StreamRequestHandler):
    server: KeyAgent
    timeout = _TIMEOUT_S

    def handle(self) -> None:
        if _peer(self.connection) != os.getuid():
            return
        try:
            while line := self.rfile.readline(_LONGEST):
                self.wfile.write(json.dumps(self.server.answer(line)).encode() + b"\n")
        except OSError:
            return


class AgentKeyService:
    """A `kms.KeyService` that asks an agent; a connection a request."""

    def __init__(self, path: Path) -> None:
        """Raises KeystoreError where there is no socket, or others can connect to it."""
        try:
            found = path.stat()
        except OSError as error:
            raise KeystoreError(f"cannot reach the key agent {path}: {error.strerror}") from error
        if not stat.S_ISSOCK(found.st_mode):
            raise KeystoreError(f"{path} is no socket of a key agent")
        if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise KeystoreError(f"{path} can be used by others; run: chmod 600 {path}")
        self._path = path

    def public_key(self) -> bytes:
        """See `kms.KeyService`."""
        return self._ask({"ask": "public_key"})

    def sign(self, digest: bytes) -> bytes:
        """See `kms.KeyService`."""
        return self._ask({"ask": "sign", "digest": digest.hex()})

    def _ask(self, request: dict[str, str]) -> bytes:
        """Raises KeystoreError where nobody answers, another account does, or with an error."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(_TIMEOUT_S)
                connection.connect(str(self._path))
                if _peer(connection) != os.getuid():
                    raise KeystoreError(f"another account answers at {self._path}")
                connection.sendall(json.dumps(request).encode() + b"\n")
                with connection.makefile("rb") as answers:
                    line = answers.readline(_LONGEST)
        except OSError as error:
            why = error.strerror or "it does not answer"
            raise KeystoreError(f"cannot reach the key agent {self._path}: {why}") from error
        return self._read(line)

    def _read(self, line: bytes) -> bytes:
        try:
            answer: Any = json.loads(line)
            if "error" in answer:
                raise KeystoreError(f"the key agent refuses: {answer['error']}")
            return bytes.fromhex(answer["der"])
        except KeystoreError:
            raise
        except (ValueError, TypeError, KeyError) as error:
            raise KeystoreError(f"the key agent {self._path} answers with nonsense") from error


def _peer(connection: socket.socket) -> int:
    """The account under which the other side runs."""
    size = struct.calcsize("3i")
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    return int(struct.unpack("3i", credentials)[1])
