// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExchange} from "./IExchange.sol";
import {ILedger} from "./ILedger.sol";
import {ITokenisedProducts, OfferView} from "./ITokenisedProducts.sol";

/// @title Escrow of tokens for sale, documented in ITokenisedProducts
/// @notice A token becomes tradable by inheriting this, or FungibleProducts, and saying how its tokens move into and
/// out of escrow.
/// @dev Escrow is one pool a market and slot: a chunk that gives tokens to buyers may be applied before the one
/// that takes them from sellers, and meanwhile nobody's recall reaches what was sold.
abstract contract TokenisedProducts is ITokenisedProducts {
    struct Offer {
        uint112 offered;
        uint112 recalled;
        uint24 recallRound;
    }

    uint256 private constant EFFECT_BYTES = 52;

    IExchange public immutable exchange;

    mapping(uint32 market => mapping(uint32 slot => mapping(address account => Offer))) private _offers;

    constructor(address exchange_) {
        exchange = IExchange(exchange_);
    }

    // ------------------------------------------------------------------ what a token says

    /// @dev Gives tokens out of escrow. Must not fail for what is in escrow, whatever happened to the class
    /// meanwhile: a settled round is delivered. Calls no foreign code.
    function _fromEscrow(address to, uint32 market, uint32 slot, uint256 amount) internal virtual;

    // ------------------------------------------------------------------ holders

    /// @dev Notes what the caller offers. Whoever calls this takes the tokens into escrow, and reverts when the caller
    /// lacks them, when the class may not be sold, and in a market that does not trade this token.
    function _addOffer(uint32 market, uint32 slot, uint256 amount) internal {
        if (amount == 0) revert ILedger.ZeroAmount();
        if (exchange.isFrozen(market)) revert ILedger.MarketFrozen(market);
        Offer storage o = _offers[market][slot][msg.sender];
        if (amount > type(uint112).max - o.offered) revert OfferTooLarge();
        o.offered += uint112(amount);
        emit Offered(market, slot, msg.sender, amount);
    }

    /// @inheritdoc ITokenisedProducts
    function requestRecall(uint32 market, uint32 slot, uint256 amount) public virtual {
        if (amount == 0) revert ILedger.ZeroAmount();
        if (amount > type(uint112).max) revert OfferTooLarge();
        Offer storage o = _offers[market][slot][msg.sender];
        if (o.recallRound != 0) revert RecallPending();
        uint32 effective = exchange.effectiveRound(market);
        o.recalled = uint112(amount);
        o.recallRound = uint24(effective);
        emit RecallRequested(market, slot, msg.sender, amount, effective);
    }

    /// @inheritdoc ITokenisedProducts
    function completeRecall(uint32 market, uint32 slot) public virtual {
        Offer storage o = _offers[market][slot][msg.sender];
        uint32 recallRound = o.recallRound;
        if (recallRound == 0) revert NoRecallPending();
        if (!exchange.isTerminal(market, recallRound - 1)) revert RecallNotDue();
        uint112 amount = _recallable(o);
        o.offered -= amount;
        o.recalled = 0;
        o.recallRound = 0;
        emit RecallCompleted(market, slot, msg.sender, amount);
        if (amount != 0) _fromEscrow(msg.sender, market, slot, amount);
    }

    // ------------------------------------------------------------------ the exchange

    /// @inheritdoc ITokenisedProducts
    /// @dev Cannot fail for effects that the exchange verified: what is sold is at most what was sellable, which
    /// no recall takes out before the round is terminal, and buyers get what sellers give.
    function deliver(uint32 market, uint32 round, uint32 slot, bytes calldata effects) external {
        if (msg.sender != address(exchange)) revert ILedger.NotExchange(msg.sender);
        mapping(address => Offer) storage offers = _offers[market][slot];
        for (uint256 i; i < effects.length; i += EFFECT_BYTES) {
            address account = address(bytes20(effects[i:i + 20]));
            int256 moved = int128(uint128(bytes16(effects[i + 36:i + EFFECT_BYTES])));
            if (moved < 0) _sell(offers[account], account, uint256(-moved));
            else if (moved > 0) _fromEscrow(account, market, slot, uint256(moved));
        }
        emit Delivered(market, round, slot, keccak256(effects));
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc ITokenisedProducts
    function sellable(uint32 market, uint32 round, uint32 slot, address holder) external view returns (uint256) {
        Offer memory o = _offers[market][slot][holder];
        if (o.recallRound == 0 || round < o.recallRound) return o.offered;
        return o.offered - _recallable(o);
    }

    /// @inheritdoc ITokenisedProducts
    function offerOf(uint32 market, uint32 slot, address holder) external view returns (OfferView memory) {
        Offer memory o = _offers[market][slot][holder];
        return OfferView(o.offered, o.recalled, o.recallRound);
    }

    function _sell(Offer storage o, address account, uint256 amount) private {
        uint256 offered = o.offered;
        if (amount > offered) revert InsufficientOffer(account, offered, amount);
        unchecked {
            o.offered = uint112(offered - amount);
        }
    }

    function _recallable(Offer memory o) private pure returns (uint112) {
        return o.recalled < o.offered ? o.recalled : o.offered;
    }
}
