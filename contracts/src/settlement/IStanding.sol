// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice The one question that settlement asks of a credential registry.
interface IStanding {
    /// @notice Whether `subject` held `role` at `when`. Answers about the past never change.
    function standing(address subject, bytes32 role, uint256 when) external view returns (bool);
}
