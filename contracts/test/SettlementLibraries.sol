// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Order} from "../src/settlement/IExchange.sol";
import {MerkleLib} from "../src/settlement/MerkleLib.sol";
import {OrderLib} from "../src/settlement/OrderLib.sol";
import {SettlementMath} from "../src/settlement/SettlementMath.sol";

/// @notice The settlement libraries as calls, for vectors shared with the Python core.
contract SettlementLibraries {
    function divide(int256 a, int256 b) external pure returns (int256 floor, int256 ceil) {
        return (SettlementMath.floorDiv(a, b), SettlementMath.ceilDiv(a, b));
    }

    function orderStructHash(Order calldata order) external pure returns (bytes32) {
        return OrderLib.structHash(order);
    }

    function cancellationStructHash(uint32 market, uint32 round, bytes32 order) external pure returns (bytes32) {
        return OrderLib.cancellationStructHash(market, round, order);
    }

    function receiptStructHash(uint32 market, uint32 round, bytes32 order, uint64 receivedAt)
        external
        pure
        returns (bytes32)
    {
        return OrderLib.receiptStructHash(market, round, order, receivedAt);
    }

    function isSignedBy(bytes32 digest, bytes calldata signature, address signer) external pure returns (bool) {
        return OrderLib.isSignedBy(digest, signature, signer);
    }

    function merkleRoot(bytes32[] calldata leaves) external pure returns (bytes32) {
        uint256 frontier;
        assembly ("memory-safe") {
            frontier := mload(0x40)
            mstore(0x40, add(frontier, 0x400))
        }
        for (uint256 i; i < leaves.length; ++i) {
            MerkleLib.push(frontier, i, leaves[i]);
        }
        return MerkleLib.root(frontier, leaves.length);
    }

    function merkleVerify(bytes32 root, uint256 count, uint256 index, bytes32 leaf, bytes32[] calldata proof)
        external
        pure
        returns (bool)
    {
        return MerkleLib.verify(root, count, index, leaf, proof);
    }
}
