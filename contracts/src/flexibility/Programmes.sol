// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {ICredentialRegistry} from "../identity/ICredentialRegistry.sol";
import {IMeterRegistry} from "../metering/IMeterRegistry.sol";
import {IExchange, MarketParams} from "../settlement/IExchange.sol";
import {ILedger} from "../settlement/ILedger.sol";
import {SettlementMath} from "../settlement/SettlementMath.sol";
import {TokenMoves} from "../settlement/TokenMoves.sol";
import {Baseline} from "./Baseline.sol";
import {Enrolment, IDemandResponse, ProgrammeTerms, ProgrammeView} from "./IDemandResponse.sol";

/// @notice Programmes with their escrows, and enrolments with their bonds.
abstract contract Programmes is IDemandResponse, AccessManaged, ReentrancyGuardTransient {
    /// @dev `slotSeconds` and `periodSlots` are the market's.
    struct Programme {
        address owner;
        uint32 slotSeconds;
        uint16 periodSlots;
        address asset;
        uint64 escrow;
        uint64 setAside;
        ProgrammeTerms terms;
    }

    uint256 internal constant SECONDS_PER_HOUR = 3_600;
    uint256 internal constant FULL_BP = 10_000;
    /// @dev Keeps every amount inside 64 bits, as the ledger does.
    uint256 private constant HOLDING_CAP = 2 ** 63 - 1;
    uint256 private constant RATE_CAP = 2 ** 62;
    uint256 private constant LONGEST_DISPUTE_WINDOW = 3 days;

    IExchange public immutable exchange;
    ILedger public immutable ledger;
    IMeterRegistry public immutable meters;
    ICredentialRegistry public immutable credentials;

    /// @inheritdoc IDemandResponse
    uint32 public programmeCount;
    /// @inheritdoc IDemandResponse
    mapping(address asset => uint256) public held;

    mapping(uint32 programme => Programme) private _programmes;
    mapping(uint32 programme => mapping(address account => Enrolment)) internal _enrolments;

    constructor(address exchange_, address ledger_, address meters_, address credentials_) {
        exchange = IExchange(exchange_);
        ledger = ILedger(ledger_);
        meters = IMeterRegistry(meters_);
        credentials = ICredentialRegistry(credentials_);
    }

    // ------------------------------------------------------------------ the owner

    /// @inheritdoc IDemandResponse
    function createProgramme(ProgrammeTerms calldata terms)
        external
        restricted
        returns (uint32 programme)
    {
        MarketParams memory params = exchange.market(terms.market);
        if (terms.carrier >= params.carriers) revert UnknownCarrier(terms.carrier);
        if (
            terms.refusalLead >= terms.notice || terms.toleranceBp > FULL_BP
                || terms.maxEventSlots == 0 || terms.maxEventSlots > params.periodSlots
                || terms.disputeWindow > LONGEST_DISPUTE_WINDOW || terms.incentive > RATE_CAP
                || terms.penalty > RATE_CAP
        ) revert BadTerms();
        Baseline.check(terms.rule, params.slotSeconds, params.periodSlots);

        programme = ++programmeCount;
        Programme storage p = _programmes[programme];
        p.owner = msg.sender;
        p.slotSeconds = params.slotSeconds;
        p.periodSlots = params.periodSlots;
        p.asset = params.asset;
        p.terms = terms;
        emit ProgrammeCreated(programme, msg.sender, terms, params.asset);
    }

    /// @inheritdoc IDemandResponse
    function fund(uint32 programme, uint256 amount) external nonReentrant {
        if (amount == 0) revert ZeroAmount();
        Programme storage p = _programme(programme);
        _hold(p.asset, amount);
        p.escrow += uint64(amount);
        emit Funded(programme, msg.sender, amount);
        TokenMoves.receiveExactly(p.asset, amount);
    }

    /// @inheritdoc IDemandResponse
    function defund(uint32 programme, uint256 amount) external nonReentrant {
        if (amount == 0) revert ZeroAmount();
        Programme storage p = _programme(programme);
        _requireOwner(p);
        uint256 unbound = p.escrow - p.setAside;
        if (amount > unbound) revert EscrowBound(unbound);
        p.escrow -= uint64(amount);
        emit Defunded(programme, amount);
        _pay(p.asset, amount, msg.sender);
    }

    // ------------------------------------------------------------------ the account

    /// @inheritdoc IDemandResponse
    function enrol(uint32 programme, uint48 capacityW, uint32 since) external nonReentrant {
        if (capacityW == 0) revert ZeroAmount();
        Programme storage p = _programme(programme);
        Enrolment storage enrolment = _enrolments[programme][msg.sender];
        if (enrolment.capacityW != 0) revert EnrolledBefore(msg.sender);
        _requireCredential(p, msg.sender);
        address device = meters.deviceOf(p.terms.market, msg.sender, p.terms.carrier);
        if (device == address(0)) revert NoDevice(msg.sender);
        uint256 most = 2 * uint256(meters.deviceInfo(device).capacityW);
        if (capacityW > most) revert BeyondMeter(most);
        uint256 period = block.timestamp / (uint256(p.slotSeconds) * p.periodSlots);
        if (since > period) revert SinceInFuture(period);

        uint256 bond = bondFor(programme, capacityW);
        _hold(p.asset, bond);
        enrolment.capacityW = capacityW;
        enrolment.since = since;
        enrolment.bond = uint64(bond);
        enrolment.available = true;
        emit Enrolled(programme, msg.sender, capacityW, since, bond);
        if (bond != 0) TokenMoves.receiveExactly(p.asset, bond);
    }

    /// @inheritdoc IDemandResponse
    function addBond(uint32 programme, uint256 amount) external nonReentrant {
        if (amount == 0) revert ZeroAmount();
        Enrolment storage enrolment = _enrolment(programme, msg.sender);
        address asset = _programmes[programme].asset;
        _hold(asset, amount);
        enrolment.bond += uint64(amount);
        emit BondAdded(programme, msg.sender, amount);
        TokenMoves.receiveExactly(asset, amount);
    }

    /// @inheritdoc IDemandResponse
    function setAvailable(uint32 programme, bool available) external {
        _enrolment(programme, msg.sender).available = available;
        emit AvailabilityChanged(programme, msg.sender, available);
    }

    /// @inheritdoc IDemandResponse
    function leaveProgramme(uint32 programme) external nonReentrant {
        Enrolment memory enrolment = _enrolment(programme, msg.sender);
        if (enrolment.openEvents != 0) revert EventsOpen(enrolment.openEvents);
        delete _enrolments[programme][msg.sender];
        emit Left(programme, msg.sender, enrolment.bond);
        if (enrolment.bond != 0) _pay(_programmes[programme].asset, enrolment.bond, msg.sender);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IDemandResponse
    function programmeOf(uint32 programme) external view returns (ProgrammeView memory) {
        Programme storage p = _programmes[programme];
        return ProgrammeView(p.owner, p.asset, p.escrow, p.setAside, p.terms);
    }

    /// @inheritdoc IDemandResponse
    function enrolmentOf(uint32 programme, address account)
        external
        view
        returns (Enrolment memory)
    {
        return _enrolments[programme][account];
    }

    /// @inheritdoc IDemandResponse
    function bondFor(uint32 programme, uint48 capacityW) public view returns (uint256) {
        Programme storage p = _programme(programme);
        uint256 wattSeconds = uint256(capacityW) * p.terms.maxEventSlots * p.slotSeconds;
        return SettlementMath.ceilDiv(
            wattSeconds * p.terms.penalty, SECONDS_PER_HOUR * SettlementMath.USCALE
        );
    }

    // ------------------------------------------------------------------ parts

    function _programme(uint32 programme) internal view returns (Programme storage p) {
        p = _programmes[programme];
        if (p.owner == address(0)) revert UnknownProgramme(programme);
    }

    function _enrolment(uint32 programme, address account)
        internal
        view
        returns (Enrolment storage enrolment)
    {
        _programme(programme);
        enrolment = _enrolments[programme][account];
        if (enrolment.capacityW == 0) revert NotEnrolled(account);
    }

    function _requireOwner(Programme storage p) internal view {
        if (msg.sender != p.owner) revert NotOwner(msg.sender);
    }

    function _requireCredential(Programme storage p, address account) internal view {
        bytes32 role = p.terms.role;
        if (role != 0 && !credentials.standing(account, role, block.timestamp)) {
            revert NotCredentialed(account, role);
        }
    }

    /// @dev Counts what comes in, before it does.
    function _hold(address asset, uint256 amount) private {
        uint256 before = held[asset];
        if (amount > HOLDING_CAP - before) revert HoldingCapExceeded();
        held[asset] = before + amount;
    }

    /// @dev Into the free balance of `to`: nobody's account is called.
    function _pay(address asset, uint256 amount, address to) internal {
        held[asset] -= amount;
        TokenMoves.payInto(ledger, asset, amount, to);
    }
}
