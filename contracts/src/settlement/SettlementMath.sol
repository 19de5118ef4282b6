// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Integer division that says where it rounds. Solidity's own rounds toward zero.
library SettlementMath {
    /// @dev Units per grain: coefficients are in millionths of a Wh, prices in nano per kWh, money in micro.
    int256 internal constant SCALE = 1_000_000;
    uint256 internal constant USCALE = 1_000_000;
    /// @dev Surplus times SCALE (nano per kWh, Wh, millionths) per micro.
    uint256 internal constant SCALED_PER_MICRO = 1e12;

    /// @notice a / b toward minus infinity; b > 0.
    function floorDiv(int256 a, int256 b) internal pure returns (int256 q) {
        unchecked {
            q = a / b;
            if (a < 0 && a != q * b) --q;
        }
    }

    /// @notice a / b toward plus infinity; b > 0.
    function ceilDiv(int256 a, int256 b) internal pure returns (int256 q) {
        unchecked {
            q = a / b;
            if (a > 0 && a != q * b) ++q;
        }
    }

    /// @notice a / b toward plus infinity; b > 0 and a + b must not overflow.
    function ceilDiv(uint256 a, uint256 b) internal pure returns (uint256) {
        unchecked {
            return (a + b - 1) / b;
        }
    }
}
