// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {SettlementMath} from "../settlement/SettlementMath.sol";

/// @notice What a deviation from one's position costs, nano per kWh (docs/protocol.md section 6).
/// `price` is the market's own, `cap` bounds both prices in either direction.
library ImbalancePrice {
    int256 private constant FULL_BP = 10_000;

    /// @notice What is paid for energy taken beyond the position, or not delivered.
    function short(int256 price, uint256 shortfallBp, int256 cap) internal pure returns (int256) {
        return _clamp(price + _share(price, shortfallBp), cap);
    }

    /// @notice What is received for energy delivered beyond the position, or not taken.
    function long(int256 price, uint256 surplusBp, int256 cap) internal pure returns (int256) {
        return _clamp(price - _share(price, surplusBp), cap);
    }

    /// @dev Rounds down.
    function _share(int256 price, uint256 basisPoints) private pure returns (int256) {
        return SettlementMath.floorDiv((price < 0 ? -price : price) * int256(basisPoints), FULL_BP);
    }

    function _clamp(int256 price, int256 cap) private pure returns (int256) {
        if (price > cap) return cap;
        return price < -cap ? -cap : price;
    }
}
