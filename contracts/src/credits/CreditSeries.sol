// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ERC6909} from "@openzeppelin/contracts/token/ERC6909/ERC6909.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {Baseline} from "../flexibility/Baseline.sol";
import {IExchange, MarketParams} from "../settlement/IExchange.sol";
import {ILedger} from "../settlement/ILedger.sol";
import {SettlementMath} from "../settlement/SettlementMath.sol";
import {TokenMoves} from "../settlement/TokenMoves.sol";
import {IEnergyCredits, SeriesTerms, SeriesView} from "./IEnergyCredits.sol";

/// @notice Series of credits, the escrow behind each, and what their holders get out of it.
/// @dev An escrow always covers `ceil((outstanding + open budget) * redemption / SCALE)`. Paying
/// `floor(n * redemption / SCALE)` for n credits keeps that: ceil(a + b) - floor(b) >= ceil(a).
abstract contract CreditSeries is IEnergyCredits, ERC6909, AccessManaged, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    struct Series {
        SeriesTerms terms;
        address asset;
        uint64 escrow;
        uint32 slotSeconds;
        uint64 budgetWh;
        uint64 issuedWh;
        uint64 spentWh;
        uint16 periodSlots;
    }

    uint256 private constant EXPIRY_BITS = 40;

    IExchange private immutable _exchange;
    ILedger private immutable _ledger;

    mapping(uint256 series => Series) internal _series;

    constructor(address exchange_, address ledger_) {
        _exchange = IExchange(exchange_);
        _ledger = ILedger(ledger_);
    }

    // ------------------------------------------------------------------ the issuer

    /// @inheritdoc IEnergyCredits
    function openSeries(uint40 expiry, SeriesTerms calldata terms)
        external
        restricted
        returns (uint256 series)
    {
        if (terms.redemption == 0) revert ILedger.ZeroAmount();
        if (expiry <= block.timestamp) revert ExpiryPassed(expiry);
        series = seriesId(msg.sender, expiry);
        if (_series[series].asset != address(0)) revert SeriesExists(series);
        MarketParams memory params = _exchange.market(terms.market);
        if (terms.carrier >= params.carriers) revert UnknownCarrier(terms.carrier);
        Baseline.check(terms.rule, params.slotSeconds, params.periodSlots);

        Series storage s = _series[series];
        s.terms = terms;
        s.asset = params.asset;
        s.slotSeconds = params.slotSeconds;
        s.periodSlots = params.periodSlots;
        emit SeriesOpened(series, msg.sender, expiry, terms, params.asset);
    }

    /// @inheritdoc IEnergyCredits
    function fund(uint256 series, uint256 amount) external nonReentrant {
        if (amount == 0) revert ILedger.ZeroAmount();
        Series storage s = _live(series);
        if (amount > type(uint64).max - s.escrow) revert SeriesFull();
        s.escrow += uint64(amount);
        emit Funded(series, msg.sender, amount);
        TokenMoves.receiveExactly(s.asset, amount);
    }

    /// @inheritdoc IEnergyCredits
    function defund(uint256 series, uint256 amount, address to) external nonReentrant {
        if (amount == 0) revert ILedger.ZeroAmount();
        if (to == address(0)) revert ILedger.ZeroAddress();
        Series storage s = _live(series);
        _requireIssuer(series);
        uint256 unbound = s.escrow - _owed(s);
        if (amount > unbound) revert EscrowBound(unbound);
        s.escrow -= uint64(amount);
        emit Defunded(series, to, amount);
        IERC20(s.asset).safeTransfer(to, amount);
    }

    /// @inheritdoc IEnergyCredits
    function sweep(uint256 series) external nonReentrant {
        Series storage s = _known(series);
        uint256 expiry = _expiryOf(series);
        if (block.timestamp < expiry) revert NotExpired(expiry);
        uint256 amount = s.escrow;
        if (amount == 0) revert ILedger.ZeroAmount();
        s.escrow = 0;
        emit SeriesSwept(series, amount);
        IERC20(s.asset).safeTransfer(_issuerOf(series), amount);
    }

    // ------------------------------------------------------------------ holders

    /// @inheritdoc IEnergyCredits
    function redeem(uint256 series, uint256 amount, address to)
        external
        nonReentrant
        returns (uint256 value_)
    {
        if (to == address(0)) revert ILedger.ZeroAddress();
        Series storage s = _live(series);
        value_ = _useUp(series, s, amount);
        emit CreditsRedeemed(series, msg.sender, to, amount, value_);
        IERC20(s.asset).safeTransfer(to, value_);
    }

    /// @inheritdoc IEnergyCredits
    function spend(uint256 series, uint256 amount, uint32 market)
        external
        nonReentrant
        returns (uint256 value_)
    {
        Series storage s = _live(series);
        address asset = _exchange.assetOf(market);
        if (asset == address(0)) revert ILedger.UnknownMarket(market);
        if (asset != s.asset) revert OtherAsset(asset);
        value_ = _useUp(series, s, amount);
        emit CreditsSpent(series, msg.sender, market, amount, value_);
        IERC20(asset).forceApprove(address(_ledger), value_);
        _ledger.depositMargin(market, value_, msg.sender);
    }

    /// @dev Burns the caller's credits and takes what they are worth out of the escrow.
    function _useUp(uint256 series, Series storage s, uint256 amount)
        private
        returns (uint256 value_)
    {
        if (amount == 0) revert ILedger.ZeroAmount();
        _burn(msg.sender, series, amount);
        value_ = amount * s.terms.redemption / SettlementMath.USCALE;
        if (value_ == 0) revert WorthNothing(amount);
        s.spentWh += uint64(amount);
        s.escrow -= uint64(value_);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IEnergyCredits
    function seriesId(address issuer, uint40 expiry) public pure returns (uint256) {
        return uint256(uint160(issuer)) << EXPIRY_BITS | expiry;
    }

    /// @inheritdoc IEnergyCredits
    function seriesOf(uint256 series) external view returns (SeriesView memory) {
        Series storage s = _series[series];
        return SeriesView(s.terms, s.asset, s.escrow, s.budgetWh, s.issuedWh, s.spentWh);
    }

    /// @inheritdoc IEnergyCredits
    function owed(uint256 series) external view returns (uint256) {
        return block.timestamp < _expiryOf(series) ? _owed(_series[series]) : 0;
    }

    /// @inheritdoc IEnergyCredits
    function value(uint256 series, uint256 amount) external view returns (uint256) {
        return amount * _series[series].terms.redemption / SettlementMath.USCALE;
    }

    // ------------------------------------------------------------------ parts

    /// @dev Sets `budgetWh` more of the escrow aside.
    function _budget(Series storage s, uint64 budgetWh) internal {
        if (budgetWh > type(uint64).max - s.issuedWh - s.budgetWh) revert SeriesFull();
        s.budgetWh += budgetWh;
        uint256 needed = _owed(s);
        if (needed > s.escrow) revert InsufficientEscrow(s.escrow, needed);
    }

    /// @dev Rounded up.
    function _owed(Series storage s) private view returns (uint256) {
        uint256 energyWh = uint256(s.issuedWh) - s.spentWh + s.budgetWh;
        return SettlementMath.ceilDiv(energyWh * s.terms.redemption, SettlementMath.USCALE);
    }

    function _known(uint256 series) private view returns (Series storage s) {
        s = _series[series];
        if (s.asset == address(0)) revert UnknownSeries(series);
    }

    function _live(uint256 series) internal view returns (Series storage s) {
        s = _known(series);
        _requireLive(series);
    }

    function _requireLive(uint256 series) internal view {
        uint256 expiry = _expiryOf(series);
        if (block.timestamp >= expiry) revert SeriesExpired(expiry);
    }

    function _requireIssuer(uint256 series) internal view {
        if (msg.sender != _issuerOf(series)) revert NotIssuer(msg.sender);
    }

    function _issuerOf(uint256 series) private pure returns (address) {
        return address(uint160(series >> EXPIRY_BITS));
    }

    function _expiryOf(uint256 series) internal pure returns (uint256) {
        return uint40(series);
    }
}
