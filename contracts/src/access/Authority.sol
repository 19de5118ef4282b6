// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

/// @title Authority: who may call what, and after which delay
/// @notice OpenZeppelin's AccessManager under a name of our own, so that its artifact ships with the others.
contract Authority is AccessManager {
    /// @param admin holds the admin role at first
    constructor(address admin) AccessManager(admin) {}
}
