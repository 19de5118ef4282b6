// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice A token that takes a fee, or calls back while it moves.
contract HostileToken is ERC20("Hostile", "BAD") {
    uint256 public feeBp;
    address public target;
    bytes public call;
    bool public succeeded;

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function takeFee(uint256 bp) external {
        feeBp = bp;
    }

    /// @notice From now on every transfer first makes this call.
    function callBack(address target_, bytes calldata call_) external {
        target = target_;
        call = call_;
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (target != address(0) && from != address(0)) (succeeded,) = target.call(call);
        uint256 fee = from == address(0) ? 0 : amount * feeBp / 10_000;
        super._update(from, to, amount - fee);
        if (fee != 0) super._update(from, address(0), fee);
    }
}
