// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {IDelegations} from "../identity/IDelegations.sol";
import {ExchangeStorage} from "./ExchangeStorage.sol";
import {ILedger} from "./ILedger.sol";
import {IStanding} from "./IStanding.sol";

/// @notice Code that the exchange creates and runs by delegatecall only, on its own state.
/// Called directly it knows no market and refuses everything.
abstract contract ExchangeCode is ExchangeStorage {
    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");

    constructor(ILedger ledger_, IStanding credentials_, IDelegations delegations_)
        ExchangeStorage(ledger_, credentials_, delegations_)
    {}

    /// @dev The exchange's own, because `address(this)` is the exchange.
    function _domainSeparator() internal view returns (bytes32) {
        return keccak256(
            abi.encode(DOMAIN_TYPEHASH, keccak256("Wattproof"), keccak256("1"), block.chainid, address(this))
        );
    }

    function _digest(bytes32 structHash) internal view returns (bytes32) {
        return MessageHashUtils.toTypedDataHash(_domainSeparator(), structHash);
    }
}
