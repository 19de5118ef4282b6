"""What the layout promises: import rules, names that do not shadow, nothing tied to a machine."""

from __future__ import annotations

import ast
import importlib
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("market", "twin", "identity", "devnet", "contracts")

# Run by the contract suites too, whose environment has neither NumPy 2 nor web3 8.
PORTABLE = ("certificate", "order", "units", "product", "payment")
# eth-account and what it brings along by itself.
ETH_ACCOUNT = {
    "eth_account",
    "eth_abi",
    "eth_hash",
    "eth_keys",
    "eth_typing",
    "eth_utils",
    "hexbytes",
}


def tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def imports_of(path: Path) -> Iterator[str]:
    """Modules that a file imports at run time, absolute."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.relative_to(ROOT)} imports relatively"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def source_of(module: str) -> Path | None:
    """The file of a module of ours, or None for a name that is not a module."""
    path = ROOT.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def reached_from(module: str) -> dict[str, Path]:
    """The modules of ours that importing `module` loads, packages on the way included."""
    reached: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = source_of(name)
        if name in reached or path is None:
            continue
        reached[name] = path
        if "." in name:
            waiting.append(name.rpartition(".")[0])
        waiting += [found for found in imports_of(path) if found.split(".")[0] in PACKAGES]
    return reached


def test_platform_is_the_standard_library_and_ours_is_wattproof():
    assert platform.__file__ is not None
    assert Path(platform.__file__).parent != ROOT / "platform"
    assert platform.python_version()
    import wattproof

    assert Path(str(wattproof.__file__)).parent == ROOT / "platform" / "wattproof"


def test_the_standard_library_wins_with_the_root_first_on_the_path():
    run = subprocess.run(
        [sys.executable, "-c", "import platform, uuid; print(platform.__file__)"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert not run.stdout.startswith(str(ROOT / "platform"))


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_loads_from_this_tree(name: str):
    module = importlib.import_module(name)
    assert Path(str(module.__file__)).parent == ROOT / name


def test_neither_platform_nor_tests_are_packages():
    assert not (ROOT / "platform" / "__init__.py").exists()
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_no_module_is_named_for_nothing_in_particular():
    nameless = {"utils", "util", "helpers", "helper", "common", "misc"}
    sources = [path for path in tracked_files() if path.suffix in {".py", ".sol"}]
    assert [
        str(path.relative_to(ROOT))
        for path in sources
        if nameless & set(path.relative_to(ROOT).with_suffix("").parts)
    ] == []


def test_the_import_rules_hold():
    run = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("name", [*(f"market.{name}" for name in PORTABLE), "market.reference"])
def test_a_portable_module_needs_the_standard_library_and_eth_account_alone(name: str):
    assert source_of(name) is not None, f"{name} is not there"
    roots = [name]
    if name == "market.reference":
        folder = ROOT / "market" / "reference"
        roots += [f"{name}.{path.stem}" for path in folder.glob("*.py") if path.stem != "__init__"]
    allowed = {*sys.stdlib_module_names, *ETH_ACCOUNT, *PACKAGES}
    foreign = {
        f"{module} imports {imported}"
        for root in roots
        for module, path in reached_from(root).items()
        for imported in imports_of(path)
        if imported.split(".")[0] not in allowed
    }
    assert foreign == set()


def test_importing_devnet_does_not_import_a_chain_client():
    code = "import sys; known = {*sys.modules}; import devnet; print(*{*sys.modules} - known)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    imported = {name.split(".")[0] for name in run.stdout.split()}
    assert "devnet" in imported
    assert imported <= {*sys.stdlib_module_names, *PACKAGES}


# Put together here so that this file does not hold what it looks for.
REGISTRY_HOST = re.compile(
    "|".join(
        re.escape(part.replace("@", "."))
        for part in ("pypi@org", "pythonhosted@org", "npmjs@org", "npmjs@com", "yarnpkg@com",
                     "binaries@soliditylang@org", "deb@debian@org")
    )
)  # fmt: skip
MACHINE_PATH = re.compile(r"(?<![\w.$}])/(?:work|root|home/\w+|Users/\w+)/")


@pytest.mark.parametrize(
    ("pattern", "what"),
    [(REGISTRY_HOST, "a registry's address"), (MACHINE_PATH, "a path of one machine")],
)
def test_no_file_names_a_registry_or_a_machine(pattern: re.Pattern[str], what: str):
    found = []
    for path in tracked_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [
            f"{path.relative_to(ROOT)} names {what}: {match.group()}"
            for match in pattern.finditer(text)
            if path != Path(__file__)
        ]
    assert found == []


@pytest.mark.parametrize("lock", ["main", "dev", "contracts"])
def test_every_locked_requirement_has_a_version_and_a_hash(lock: str):
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    entries = [entry for entry in re.split(r"\n(?=\S)", text.strip()) if not entry.startswith("#")]
    assert entries
    assert [e for e in entries if not re.match(r"[\w.\[\],-]+==\S+", e)] == []
    assert [e for e in entries if "--hash=sha256:" not in e] == []


def test_the_test_environment_holds_the_same_versions_as_the_runtime():
    def pins(lock: str) -> set[str]:
        text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
        return set(re.findall(r"^[\w.-]+==[\w.!+]+", text, re.MULTILINE))

    assert pins("main") <= pins("dev")
