// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Reverts whatever it is asked: the code a hostile account delegates to.
contract RefusesEverything {
    error Refused();

    fallback() external payable {
        revert Refused();
    }
}
