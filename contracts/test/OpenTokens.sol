// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {FungibleProducts} from "../src/settlement/FungibleProducts.sol";
import {TokenisedProducts} from "../src/settlement/TokenisedProducts.sol";

/// @notice Tokens that everybody may mint, one class a slot, tradable in every market that names this contract.
contract OpenTokens is FungibleProducts {
    mapping(uint32 slot => mapping(address account => uint256)) public balanceOf;
    mapping(uint32 slot => uint256) public supply;

    error InsufficientTokens(uint256 held, uint256 needed);

    constructor(address exchange_) TokenisedProducts(exchange_) {}

    function mint(uint32 slot, address to, uint256 amount) external {
        balanceOf[slot][to] += amount;
        supply[slot] += amount;
    }

    function _toEscrow(address holder, uint32, uint32 slot, uint256 amount) internal override {
        _move(slot, holder, address(this), amount);
    }

    function _fromEscrow(address to, uint32, uint32 slot, uint256 amount) internal override {
        _move(slot, address(this), to, amount);
    }

    function _move(uint32 slot, address from, address to, uint256 amount) private {
        uint256 held = balanceOf[slot][from];
        if (amount > held) revert InsufficientTokens(held, amount);
        balanceOf[slot][from] = held - amount;
        balanceOf[slot][to] += amount;
    }
}
