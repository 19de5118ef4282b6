// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Merkle trees with node = keccak(left || right) in which an odd last node is promoted unchanged.
/// @dev A tree over n leaves is built leaf by leaf in a frontier: 32 words in memory, word i the root of
/// the pending complete subtree of 2^i leaves, meaningful where bit i of n is set.
library MerkleLib {
    uint256 internal constant DEPTH = 32;
    uint256 internal constant FRONTIER_BYTES = DEPTH * 32;

    /// @notice Appends a leaf. `count` is the number of leaves before it.
    function push(uint256 frontier, uint256 count, bytes32 leaf) internal pure {
        assembly ("memory-safe") {
            for {} and(count, 1) {} {
                mstore(0x00, mload(frontier))
                mstore(0x20, leaf)
                leaf := keccak256(0x00, 0x40)
                frontier := add(frontier, 0x20)
                count := shr(1, count)
            }
            mstore(frontier, leaf)
        }
    }

    /// @notice Root of the `count` leaves pushed; 0 for none.
    function root(uint256 frontier, uint256 count) internal pure returns (bytes32 node) {
        assembly ("memory-safe") {
            let empty := 1
            for {} count {} {
                if and(count, 1) {
                    switch empty
                    case 1 {
                        node := mload(frontier)
                        empty := 0
                    }
                    default {
                        mstore(0x00, mload(frontier))
                        mstore(0x20, node)
                        node := keccak256(0x00, 0x40)
                    }
                }
                frontier := add(frontier, 0x20)
                count := shr(1, count)
            }
        }
    }

    /// @notice Whether `leaf` stands at `index` of the tree with that root and `count` leaves.
    function verify(bytes32 root_, uint256 count, uint256 index, bytes32 leaf, bytes32[] calldata proof)
        internal
        pure
        returns (bool)
    {
        if (index >= count) return false;
        uint256 used;
        bytes32 node = leaf;
        uint256 last = count - 1;
        while (last > 0) {
            // An even last node has no sibling: it is promoted.
            if (index & 1 == 1 || index < last) {
                if (used == proof.length) return false;
                bytes32 sibling = proof[used++];
                node = index & 1 == 1 ? hashPair(sibling, node) : hashPair(node, sibling);
            }
            index >>= 1;
            last >>= 1;
        }
        return used == proof.length && node == root_;
    }

    function hashPair(bytes32 left, bytes32 right) internal pure returns (bytes32 node) {
        assembly ("memory-safe") {
            mstore(0x00, left)
            mstore(0x20, right)
            node := keccak256(0x00, 0x40)
        }
    }
}
