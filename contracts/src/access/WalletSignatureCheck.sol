// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Asks a contract wallet whether a signature is its own (ERC-1271), before and, if need be, after the call
/// that deploys the wallet or makes it ready (ERC-6492).
/// @dev Never deployed: this is the creation code of one eth_call, whose changes no node keeps. It answers with one
/// word, 1 for yes. Neither call's answer is copied beyond a word, and a wallet that burns its gas leaves the rest.
contract WalletSignatureCheck {
    /// @dev What one question may cost.
    uint256 private constant CHECK_GAS = 3_000_000;
    bytes4 private constant IS_VALID_SIGNATURE = 0x1626ba7e;

    /// @param wallet the account that is said to have signed
    /// @param digest what was signed
    /// @param signature the inner signature
    /// @param factory whom to call so that the wallet exists or is ready
    /// @param preparation the data of that call
    constructor(address wallet, bytes32 digest, bytes memory signature, address factory, bytes memory preparation) {
        bool valid = _accepts(wallet, digest, signature);
        if (!valid && _call(factory, preparation)) valid = _accepts(wallet, digest, signature);
        assembly ("memory-safe") {
            mstore(0, valid)
            return(0, 0x20)
        }
    }

    function _call(address to, bytes memory data) private returns (bool made) {
        assembly ("memory-safe") {
            made := call(gas(), to, 0, add(data, 0x20), mload(data), 0, 0)
        }
    }

    function _accepts(address wallet, bytes32 digest, bytes memory signature) private view returns (bool) {
        if (wallet.code.length == 0) return false;
        bytes memory question = abi.encodeWithSelector(IS_VALID_SIGNATURE, digest, signature);
        bytes32 answer;
        bool answered;
        assembly ("memory-safe") {
            answered := staticcall(CHECK_GAS, wallet, add(question, 0x20), mload(question), 0, 0x20)
            answered := and(answered, eq(returndatasize(), 0x20))
            answer := mload(0)
        }
        return answered && answer == bytes32(IS_VALID_SIGNATURE);
    }
}
