// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {ILedger} from "./ILedger.sol";

/// @notice How the contracts beside the ledger take money in and let it out.
library TokenMoves {
    using SafeERC20 for IERC20;

    /// @notice Takes `amount` from the caller of the contract; refuses an asset that brings another amount.
    function receiveExactly(address asset, uint256 amount) internal {
        uint256 before = IERC20(asset).balanceOf(address(this));
        IERC20(asset).safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = IERC20(asset).balanceOf(address(this)) - before;
        if (received != amount) revert ILedger.WrongAmountReceived(amount, received);
    }

    /// @notice Moves `amount` into the free balance of `to` in the ledger: nobody's account is called.
    function payInto(ILedger ledger, address asset, uint256 amount, address to) internal {
        IERC20(asset).forceApprove(address(ledger), amount);
        ledger.deposit(asset, amount, to);
    }
}
