// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ICapacitySource} from "../src/settlement/ICapacitySource.sol";

/// @notice A capacity source in which everybody may attest anything.
contract FixedCapacity is ICapacitySource {
    mapping(address => uint256) public capacityWh;

    function attest(address owner, uint256 energyWh) external {
        capacityWh[owner] = energyWh;
    }
}
