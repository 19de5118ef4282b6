// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ERC6909} from "@openzeppelin/contracts/token/ERC6909/ERC6909.sol";

import {FungibleProducts} from "../settlement/FungibleProducts.sol";
import {IExchange, MarketParams} from "../settlement/IExchange.sol";
import {ILedger} from "../settlement/ILedger.sol";
import {TokenisedProducts} from "../settlement/TokenisedProducts.sol";
import {CreditSeries} from "./CreditSeries.sol";
import {IEnergyCredits} from "./IEnergyCredits.sol";
import {ReductionWindows} from "./ReductionWindows.sol";

/// @title Energy credits; see IEnergyCredits
/// @dev Immutable: no owner, no pause, no upgrade. Credits offered for sale are held by this contract
/// under its own address.
contract EnergyCredits is ReductionWindows, FungibleProducts {
    /// @inheritdoc IEnergyCredits
    mapping(uint32 market => address) public issuerOf;
    mapping(uint32 market => uint32) private _slotSeconds;

    /// @param manager the AccessManager that knows credit issuers and market administrators
    constructor(
        address manager,
        address exchange_,
        address ledger_,
        address meters_,
        address deviations_
    )
        AccessManaged(manager)
        CreditSeries(exchange_, ledger_)
        ReductionWindows(meters_, deviations_)
        TokenisedProducts(exchange_)
    {}

    /// @inheritdoc IEnergyCredits
    function bindMarket(uint32 market, address issuer) external restricted {
        if (issuer == address(0)) revert ILedger.ZeroAddress();
        if (issuerOf[market] != address(0)) revert BoundBefore(issuerOf[market]);
        MarketParams memory params = exchange.market(market);
        if (
            params.capacitySource != address(this) || params.capacityUnitWh != 0
                || params.slotSeconds <= params.settleWindow
        ) revert NotTradable(market);
        issuerOf[market] = issuer;
        _slotSeconds[market] = params.slotSeconds;
        emit MarketBound(market, issuer);
    }

    /// @dev Sale escrow. What is in it moves even after the expiry: a round that
    /// settled must be delivered.
    function _toEscrow(address holder, uint32 market, uint32 slot, uint256 amount)
        internal
        override
    {
        uint256 series = _traded(market, slot);
        _requireLive(series);
        ERC6909._update(holder, address(this), series, amount);
    }

    function _fromEscrow(address to, uint32 market, uint32 slot, uint256 amount) internal override {
        ERC6909._update(address(this), to, _traded(market, slot), amount);
    }

    function _traded(uint32 market, uint32 slot) private view returns (uint256) {
        address issuer = issuerOf[market];
        if (issuer == address(0)) revert NotBound(market);
        uint256 expiry = (uint256(slot) + 1) * _slotSeconds[market];
        if (expiry > type(uint40).max) revert UnknownSeries(expiry);
        return seriesId(issuer, uint40(expiry));
    }

    /// @dev Every other movement of credits: until the expiry, and never to this contract, which
    /// could not give them back.
    function _update(address from, address to, uint256 id, uint256 amount) internal override {
        if (to == address(this)) revert ERC6909InvalidReceiver(to);
        _requireLive(id);
        super._update(from, to, id, amount);
    }
}
