"""Compiling `contracts/src` into `contracts/artifacts`.

Each contract is compiled alone with exactly the sources it imports, so that its bytecode depends
on nothing else in the tree, and its `source_hash` says when it is up to date. Contracts that only
tests use live in `contracts/test`; their artifacts are named `test/NAME` and do not ship.

    python -m contracts.build              compile what changed
    python -m contracts.build Ledger ...   only these
    python -m contracts.build --check      fail where an artifact is not what its source compiles to
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.artifact import ARTIFACTS, Artifact, available, from_json, to_json

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("contracts/src", "contracts/test")
COMPILER_SETTINGS = ROOT / "contracts" / "compiler.json"
NPM_COMPILER = ROOT / "contracts" / "solc" / "solc"
NODE_MODULES = ROOT / "node_modules"
CACHE = ROOT / ".build" / "contracts"
SIZE_LIMIT = 24_576
"""Bytes of deployed code that EIP-170 allows."""

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_IMPORT = re.compile(r"""^\s*import\s+(?:[^"';]*?\bfrom\s+)?["']([^"']+)["']""", re.MULTILINE)
_STRING = re.compile(r""""[^"\n]*"|'[^'\n]*'""")
_CONTRACT = re.compile(r"(?:^|[;}])\s*contract\s+(\w+)", re.MULTILINE)
_VERSION = re.compile(r"Version:\s*(\d+\.\d+\.\d+)")


class BuildError(Exception):
    """The contracts cannot be compiled as they are; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Compiler settings, from `contracts/compiler.json`."""

    version: str
    evm_version: str
    via_ir: bool
    optimizer_runs: int
    optimizer_runs_of: dict[str, int]

    @classmethod
    def read(cls, path: Path = COMPILER_SETTINGS) -> Settings:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            version=raw["version"],
            evm_version=raw["evmVersion"],
            via_ir=raw["viaIR"],
            optimizer_runs=raw["optimizerRuns"],
            optimizer_runs_of=raw["optimizerRunsOf"],
        )


@dataclass(frozen=True, slots=True)
class Unit:
    """One contract to compile: its name, the file that defines it, and the compiler's input."""

    name: str
    source_name: str
    source_hash: str
    compiler_input: dict[str, Any]

    @property
    def artifact_name(self) -> str:
        """Where the artifact lives below the folder of artifacts, without its suffix."""
        return _artifact_name(self.name, self.source_name)


def units(only: Collection[str] = (), root: Path = ROOT) -> list[Unit]:
    """Every contract that can be deployed, by artifact name, or those that `only` names.
    Interfaces, libraries and abstract contracts are compiled only into those that use them.

    Raises BuildError for two contracts of one name, an import that is not there, or a name in
    `only` that no source defines.
    """
    settings = Settings.read()
    found: dict[str, Unit] = {}
    for path in sorted(path for folder in SOURCES for path in (root / folder).rglob("*.sol")):
        source_name = path.relative_to(root).as_posix()
        text = _STRING.sub('""', _COMMENT.sub("", path.read_text(encoding="utf-8")))
        for name in _CONTRACT.findall(text):
            artifact_name = _artifact_name(name, source_name)
            if only and artifact_name not in only:
                continue
            if artifact_name in found:
                raise BuildError(
                    f"two contracts are named {name}: in {found[artifact_name].source_name} "
                    f"and in {source_name}; rename one"
                )
            found[artifact_name] = _unit(name, source_name, settings, root)
    unknown = sorted(set(only) - set(found))
    if unknown:
        raise BuildError(f"no source defines a contract named {', '.join(unknown)}")
    return [found[name] for name in sorted(found)]


def _artifact_name(name: str, source_name: str) -> str:
    return f"test/{name}" if source_name.startswith("contracts/test/") else name


def _unit(name: str, source_name: str, settings: Settings, root: Path) -> Unit:
    compiler_input = {
        "language": "Solidity",
        "sources": {
            unit: {"content": content}
            for unit, content in sorted(_closure(source_name, root).items())
        },
        "settings": {
            "evmVersion": settings.evm_version,
            "viaIR": settings.via_ir,
            "optimizer": {
                "enabled": True,
                "runs": settings.optimizer_runs_of.get(name, settings.optimizer_runs),
            },
            "metadata": {"bytecodeHash": "none"},
            "outputSelection": {
                source_name: {
                    name: ["abi", "metadata", "evm.bytecode.object", "evm.deployedBytecode"]
                }
            },
        },
    }
    canonical = json.dumps([settings.version, compiler_input], sort_keys=True)
    return Unit(
        name=name,
        source_name=source_name,
        source_hash=hashlib.sha256(canonical.encode()).hexdigest(),
        compiler_input=compiler_input,
    )


def _closure(source_name: str, root: Path) -> dict[str, str]:
    """The file and everything it imports, by unit name."""
    contents: dict[str, str] = {}
    waiting = [(source_name, source_name)]
    while waiting:
        unit, wanted_by = waiting.pop()
        if unit in contents:
            continue
        path = (NODE_MODULES if unit.startswith("@") else root) / unit
        if not path.is_file():
            hint = " (`make dev` installs it)" if unit.startswith("@") else ""
            raise BuildError(f"{wanted_by} imports {unit}, which is not there{hint}")
        contents[unit] = path.read_text(encoding="utf-8")
        waiting += [(imported, unit) for imported in _imports(unit, contents[unit])]
    return contents


def _imports(unit: str, content: str) -> Iterator[str]:
    for target in _IMPORT.findall(_COMMENT.sub("", content)):
        if target.startswith("."):
            yield os.path.normpath(f"{os.path.dirname(unit)}/{target}").replace(os.sep, "/")
        else:
            yield target


def find_compiler(version: str) -> Path:
    """An executable compiler of exactly `version`: the one WATTPROOF_SOLC names, a native one,
    npm's, or, with nothing of these at hand, one that py-solc-x fetches.

    Raises BuildError.
    """
    named = os.environ.get("WATTPROOF_SOLC")
    if named:
        if _version_of(Path(named)) != version:
            raise BuildError(f"WATTPROOF_SOLC names {named}, which is not solc {version}")
        return Path(named)
    import solcx

    on_path = shutil.which("solc")
    installed = {str(v): v for v in solcx.get_installed_solc_versions()}
    if on_path and _version_of(Path(on_path)) == version:
        return Path(on_path)
    if version in installed:
        return Path(solcx.install.get_executable(installed[version]))
    if _version_of(NPM_COMPILER) == version:
        return NPM_COMPILER
    try:
        solcx.install_solc(version)
        return Path(solcx.install.get_executable(version))
    except Exception as error:
        raise BuildError(
            f"no Solidity compiler {version}: `make dev` installs npm's, or name one in "
            f"WATTPROOF_SOLC ({error})"
        ) from error


def _version_of(executable: Path) -> str | None:
    try:
        done = subprocess.run(
            [executable, "--version"], capture_output=True, text=True, timeout=60, check=False
        )
    except OSError:
        return None
    match = _VERSION.search(done.stdout)
    return match.group(1) if match else None


def compile_unit(unit: Unit, compiler: Path) -> Artifact:
    """Compile one contract.

    Raises BuildError with the compiler's own messages, or for code over the size limit.
    """
    import solcx
    from solcx.exceptions import SolcError

    try:
        output = solcx.compile_standard(unit.compiler_input, solc_binary=compiler)
    except SolcError as error:
        raise BuildError(f"{unit.source_name} does not compile\n{error.message}") from error
    for warning in output.get("errors", []):
        if not warning.get("sourceLocation", {}).get("file", "").startswith("@"):
            print(warning["formattedMessage"], file=sys.stderr)
    compiled = output["contracts"][unit.source_name][unit.name]
    code = compiled["evm"]["deployedBytecode"]
    artifact = Artifact(
        name=unit.name,
        source_name=unit.source_name,
        abi=compiled["abi"],
        bytecode="0x" + compiled["evm"]["bytecode"]["object"],
        deployed_bytecode="0x" + code["object"],
        immutable_references=code.get("immutableReferences", {}),
        metadata=compiled["metadata"],
        source_hash=unit.source_hash,
    )
    if artifact.deployed_size > SIZE_LIMIT:
        raise BuildError(
            f"{unit.name} has {artifact.deployed_size:,} bytes of code, over the limit of "
            f"{SIZE_LIMIT:,} (EIP-170): split it, or lower its optimizerRunsOf in compiler.json"
        )
    return artifact


def compile_all(wanted: list[Unit], cache: Path | None = CACHE) -> dict[str, Artifact]:
    """Artifacts by artifact name. What `cache` holds under the same source hash is taken from
    there; without a cache everything is compiled."""
    done: dict[str, Artifact] = {}
    missing: list[Unit] = []
    for unit in wanted:
        stored = cache / f"{unit.source_hash}.json" if cache else None
        if stored and stored.is_file():
            done[unit.artifact_name] = from_json(stored.read_text(encoding="utf-8"))
        else:
            missing.append(unit)
    if missing:
        compiler = find_compiler(Settings.read().version)
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            for unit, artifact in zip(
                missing, pool.map(lambda u: compile_unit(u, compiler), missing), strict=True
            ):
                done[unit.artifact_name] = artifact
                if cache:
                    cache.mkdir(parents=True, exist_ok=True)
                    _write(cache / f"{unit.source_hash}.json", artifact)
    return done


def stale(compiled: dict[str, Artifact], folder: Path = ARTIFACTS) -> dict[str, str]:
    """The artifacts in `folder` that are not what `compiled` says, each with what is wrong."""
    wrong: dict[str, str] = {}
    for name, artifact in sorted(compiled.items()):
        path = folder / f"{name}.json"
        if not path.is_file():
            wrong[name] = "no artifact"
        elif path.read_text(encoding="utf-8") != to_json(artifact):
            wrong[name] = f"not what {artifact.source_name} compiles to"
    return wrong


def orphans(wanted: list[Unit], folder: Path = ARTIFACTS) -> list[str]:
    """Artifacts in `folder` that no source defines any more."""
    return sorted(set(available(folder)) - {unit.artifact_name for unit in wanted})


def _write(path: Path, artifact: Artifact) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    partial.write_text(to_json(artifact), encoding="utf-8")
    partial.replace(path)


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m contracts.build")
    parser.add_argument("names", nargs="*", help="contracts to build (all of them by default)")
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    parser.add_argument("--fresh", action="store_true", help="compile everything, use no cache")
    options = parser.parse_args(arguments)
    try:
        wanted = units(only=options.names)
        compiled = compile_all(wanted, cache=None if options.fresh else CACHE)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    changed = stale(compiled)
    gone = [] if options.names else orphans(wanted)
    if options.check:
        for name, problem in (changed | dict.fromkeys(gone, "has no source")).items():
            print(f"{name}: {problem}; `make contracts` brings it up to date", file=sys.stderr)
        return 1 if changed or gone else 0
    for name in changed:
        _write(ARTIFACTS / f"{name}.json", compiled[name])
    for name in gone:
        (ARTIFACTS / f"{name}.json").unlink()
    for name, artifact in compiled.items():
        mark = "updated" if name in changed else ""
        print(f"{name:32} {artifact.deployed_size:7,} bytes  {mark}".rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
