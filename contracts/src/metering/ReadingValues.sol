// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice The packed values of a reading: one big-endian `int32` Wh a slot.
library ReadingValues {
    /// @dev Stands for a slot without a value.
    int32 internal constant MISSING = type(int32).min;
    uint256 internal constant BYTES_PER_SLOT = 4;

    /// @notice The value of a slot; the caller has checked the length.
    function valueOf(bytes calldata values, uint256 slot) internal pure returns (int32 wh) {
        assembly ("memory-safe") {
            wh := sar(224, calldataload(add(values.offset, shl(2, slot))))
        }
    }
}
