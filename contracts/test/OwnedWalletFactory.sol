// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {OwnedWallet} from "./OwnedWallet.sol";

/// @notice Makes wallets at addresses that their owner and a salt decide (CREATE2).
contract OwnedWalletFactory {
    uint256 public made;

    function make(address owner, bytes32 salt) external returns (address) {
        ++made;
        return address(new OwnedWallet{salt: salt}(owner, true));
    }

    function addressOf(address owner, bytes32 salt) external view returns (address) {
        bytes32 code = keccak256(abi.encodePacked(type(OwnedWallet).creationCode, abi.encode(owner, true)));
        return address(uint160(uint256(keccak256(abi.encodePacked(bytes1(0xff), address(this), salt, code)))));
    }
}
