// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IFungibleProducts} from "./ITokenisedProducts.sol";
import {TokenisedProducts} from "./TokenisedProducts.sol";

/// @title Escrow of tokens of which all of a class are alike, documented in ITokenisedProducts
abstract contract FungibleProducts is IFungibleProducts, TokenisedProducts {
    /// @inheritdoc IFungibleProducts
    function offer(uint32 market, uint32 slot, uint256 amount) external {
        _addOffer(market, slot, amount);
        _toEscrow(msg.sender, market, slot, amount);
    }

    /// @dev Takes tokens of the slot's class from their holder. Must revert when the holder lacks them, when the
    /// class may not be sold, and in a market that does not trade this token. Calls no foreign code.
    function _toEscrow(address holder, uint32 market, uint32 slot, uint256 amount) internal virtual;
}
