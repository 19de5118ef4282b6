// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Attests how much energy an account may sell in a round.
interface ICapacitySource {
    /// @return energyWh attested capacity of all assets of `owner`, Wh
    function capacityWh(address owner) external view returns (uint256 energyWh);
}
