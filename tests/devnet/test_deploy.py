from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

import contracts
from devnet import AnvilNode, JsonRpc, NodeOptions, RpcError, accounts
from devnet.deploy import CONSTRUCTORS, Delays, DeploymentError, deploy
from devnet.deployment import Deployment
from devnet.roles import RESTRICTED, AuthorityRole

KEY = bytes(accounts.account(accounts.DEPLOYER).key)


@pytest.fixture(scope="module")
def node() -> Iterator[AnvilNode]:
    with AnvilNode(NodeOptions(chain_id=31_350)) as running:
        yield running


def _call(rpc: JsonRpc, to: str, signature: str, *args: object, sender: str | None = None) -> bytes:
    types = signature[signature.index("(") + 1 : -1]
    data = keccak(text=signature)[:4] + encode(types.split(",") if types else [], args)
    request = {"to": to, "data": "0x" + data.hex()}
    if sender is not None:
        request["from"] = sender
    return bytes.fromhex(rpc.call("eth_call", request, "latest")[2:])


def _address(word: bytes) -> str:
    return "0x" + word[12:32].hex()


def test_every_contract_stands_at_its_predicted_address_and_knows_the_others(
    node: AnvilNode,
) -> None:
    found = deploy(node.url, KEY)
    rpc = node.client
    assert set(found.addresses) == set(CONSTRUCTORS)
    for name, address in found.addresses.items():
        code = rpc.call("eth_getCode", address, "latest")
        assert len(code) == len(contracts.load(name).deployed_bytecode), name
    for contract, view, other in (
        ("Ledger", "exchange()", "Exchange"),
        ("Ledger", "imbalance()", "Imbalance"),
        ("Imbalance", "meters()", "MeterRegistry"),
        ("Imbalance", "deviations()", "Deviations"),
        ("Deviations", "meters()", "MeterRegistry"),
        ("EnergyCredits", "deviations()", "Deviations"),
        ("DemandResponse", "deviations()", "Deviations"),
        ("GreenCertificates", "meters()", "MeterRegistry"),
        ("GreenCertificates", "exchange()", "Exchange"),
        ("QuotaRegistry", "certificates()", "GreenCertificates"),
        ("QuotaRegistry", "ledger()", "Ledger"),
        ("MeterRegistry", "exchange()", "Exchange"),
        ("CredentialRegistry", "dids()", "DidRegistry"),
        ("Exchange", "delegations()", "Delegations"),
        ("Delegations", "exchange()", "Exchange"),
    ):
        answer = _address(_call(rpc, found.addresses[contract], view))
        assert answer == found.addresses[other].lower(), (contract, view)


def test_a_used_account_deploys_again_elsewhere(node: AnvilNode) -> None:
    first, second = deploy(node.url, KEY), deploy(node.url, KEY)
    assert not set(first.addresses.values()) & set(second.addresses.values())
    assert second.first_block > first.block


def test_roles_go_to_their_holders_and_to_nobody_else(node: AnvilNode) -> None:
    issuer, stranger = accounts.address(accounts.ISSUER), accounts.address(7)
    found = deploy(node.url, KEY, holders={AuthorityRole.MINTER: [issuer]})
    rpc, token = node.client, found.addresses["SettlementToken"]
    _call(rpc, token, "mint(address,uint256)", stranger, 1, sender=issuer)
    for outsider in (stranger, accounts.address(accounts.DEPLOYER)):
        with pytest.raises(RpcError):
            _call(rpc, token, "mint(address,uint256)", stranger, 1, sender=outsider)


def test_only_the_contracts_that_pay_for_deviations_may_claim_them(node: AnvilNode) -> None:
    everybody = [accounts.address(index) for index in range(8)]
    found = deploy(node.url, KEY, holders={AuthorityRole.DEVIATION_CLAIMANT: everybody})
    role = int(AuthorityRole.DEVIATION_CLAIMANT)
    asked = [*everybody, *found.addresses.values()]
    holding = [
        address
        for address in asked
        if any(
            _call(
                node.client,
                found.addresses["Authority"],
                "hasRole(uint64,address)",
                role,
                address,
            )[:32]
        )
    ]
    assert sorted(holding) == sorted(
        found.addresses[name] for name in ("EnergyCredits", "DemandResponse")
    )


@pytest.mark.parametrize(
    ("role", "delay"),
    [
        (AuthorityRole.MARKET_ADMIN, 3_600),
        (AuthorityRole.GOVERNMENT, 259_200),
        (AuthorityRole.METER_REGISTRAR, 0),
    ],
)
def test_a_role_acts_after_its_delay(node: AnvilNode, role: AuthorityRole, delay: int) -> None:
    delays = Delays(market_admin=3_600, government=259_200, grant=86_400)
    found = deploy(node.url, KEY, delays=delays)
    word = _call(
        node.client,
        found.addresses["Authority"],
        "hasRole(uint64,address)",
        int(role),
        accounts.address(accounts.DEPLOYER),
    )
    assert int.from_bytes(word[:32], "big") == 1
    assert int.from_bytes(word[32:64], "big") == delay


def test_every_restricted_function_exists() -> None:
    for targets in RESTRICTED.values():
        for contract, functions in targets.items():
            names = {e["name"] for e in contracts.load(contract).abi if e["type"] == "function"}
            assert names >= set(functions)


def test_a_deployment_is_read_back_as_it_was_written(node: AnvilNode, tmp_path: Path) -> None:
    found = deploy(node.url, KEY)
    path = tmp_path / "folder" / "deployment.json"
    found.write(path)
    assert Deployment.read(path) == found


def test_an_account_without_money_cannot_deploy(node: AnvilNode) -> None:
    with pytest.raises(DeploymentError):
        deploy(node.url, b"\x17" * 32)
