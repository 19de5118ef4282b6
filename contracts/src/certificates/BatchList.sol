// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice A growing list of batches and amounts, in the two arrays that ERC-1155 takes.
library BatchList {
    struct List {
        uint256[] ids;
        uint256[] amounts;
        uint256 count;
        uint256 total;
    }

    function withRoomFor(uint256 most) internal pure returns (List memory) {
        return List(new uint256[](most), new uint256[](most), 0, 0);
    }

    /// @dev The caller keeps to the room it asked for.
    function add(List memory list, uint256 id, uint256 amount) internal pure {
        list.ids[list.count] = id;
        list.amounts[list.count++] = amount;
        list.total += amount;
    }

    /// @notice Cuts the arrays to what was added.
    function trim(List memory list) internal pure returns (uint256[] memory ids, uint256[] memory amounts) {
        (ids, amounts) = (list.ids, list.amounts);
        uint256 count = list.count;
        assembly ("memory-safe") {
            mstore(ids, count)
            mstore(amounts, count)
        }
    }
}
