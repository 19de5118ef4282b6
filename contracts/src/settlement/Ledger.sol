// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {AccountWord} from "./AccountWord.sol";
import {ICapacitySource} from "./ICapacitySource.sol";
import {IExchange, MarketParams} from "./IExchange.sol";
import {AccountView, ILedger} from "./ILedger.sol";

/// @title Ledger, documented in ILedger
/// @dev Immutable: no owner, no pause, no upgrade. Only the two contracts named at construction move
/// balances of others.
contract Ledger is ILedger, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using AccountWord for uint256;

    struct Exit {
        uint128 amount;
        uint128 requestedAt;
    }

    /// @dev Keeps every sum of balances inside 64 bits.
    uint256 public constant DEPOSIT_CAP = 2 ** 63 - 1;
    uint256 private constant EFFECT_BYTES = 36;
    uint256 private constant DELIVERED_BYTES = 52;

    IExchange public immutable exchange;
    address public immutable imbalance;

    mapping(address asset => mapping(address account => uint256)) public free;
    mapping(address asset => uint256) public dust;
    mapping(address asset => uint256) public totalDeposited;

    mapping(uint32 market => mapping(address account => uint256)) public word;
    mapping(uint32 market => mapping(address account => Exit)) private _exits;
    mapping(uint32 market => mapping(address account => uint256)) public bondOf;
    mapping(uint32 market => mapping(address account => Exit)) private _bondExits;

    modifier onlyExchange() {
        if (msg.sender != address(exchange)) revert NotExchange(msg.sender);
        _;
    }

    modifier onlyImbalance() {
        if (msg.sender != imbalance) revert NotImbalance(msg.sender);
        _;
    }

    constructor(address exchange_, address imbalance_) {
        if (exchange_ == address(0) || imbalance_ == address(0)) revert ZeroAddress();
        exchange = IExchange(exchange_);
        imbalance = imbalance_;
    }

    // ------------------------------------------------------------------ tokens in and out

    function deposit(address asset, uint256 amount, address to) external nonReentrant {
        _deposit(asset, amount, to);
    }

    function depositWithPermit(
        address asset,
        uint256 amount,
        address to,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external nonReentrant {
        // Somebody else may have spent the permit first; then the allowance stands already.
        try IERC20Permit(asset).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        _deposit(asset, amount, to);
    }

    function withdraw(address asset, uint256 amount, address to) external nonReentrant {
        if (amount == 0) revert ZeroAmount();
        if (to == address(0)) revert ZeroAddress();
        _takeFree(asset, msg.sender, amount);
        totalDeposited[asset] -= amount;
        IERC20(asset).safeTransfer(to, amount);
        emit Withdrawn(asset, msg.sender, to, amount);
    }

    function _deposit(address asset, uint256 amount, address to) private {
        if (amount == 0) revert ZeroAmount();
        if (to == address(0)) revert ZeroAddress();
        uint256 held = totalDeposited[asset];
        if (amount > DEPOSIT_CAP || held + amount > DEPOSIT_CAP) revert DepositCapExceeded();
        totalDeposited[asset] = held + amount;
        uint256 before = IERC20(asset).balanceOf(address(this));
        IERC20(asset).safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = IERC20(asset).balanceOf(address(this)) - before;
        if (received != amount) revert WrongAmountReceived(amount, received);
        free[asset][to] += amount;
        emit Deposited(asset, msg.sender, to, amount);
    }

    // ------------------------------------------------------------------ margins

    function addMargin(uint32 market, uint256 amount) external {
        address asset = _asset(market);
        if (amount == 0) revert ZeroAmount();
        if (exchange.isFrozen(market)) revert MarketFrozen(market);
        _takeFree(asset, msg.sender, amount);
        word[market][msg.sender] += amount;
        emit MarginAdded(market, msg.sender, amount);
    }

    function depositMargin(uint32 market, uint256 amount, address to) external nonReentrant {
        address asset = _asset(market);
        if (exchange.isFrozen(market)) revert MarketFrozen(market);
        _deposit(asset, amount, to);
        _takeFree(asset, to, amount);
        word[market][to] += amount;
        emit MarginAdded(market, to, amount);
    }

    function requestExit(uint32 market, uint256 amount) external {
        _asset(market);
        if (amount == 0) revert ZeroAmount();
        if (amount > DEPOSIT_CAP) revert DepositCapExceeded();
        uint256 w = word[market][msg.sender];
        if (w.exitRound() != 0) revert ExitPending();
        uint256 effective = exchange.effectiveRound(market);
        word[market][msg.sender] = w.withExitRound(effective);
        _exits[market][msg.sender] = Exit(uint128(amount), uint128(block.timestamp));
        emit ExitRequested(market, msg.sender, amount, uint32(effective));
    }

    function completeExit(uint32 market) external {
        MarketParams memory params = exchange.market(market);
        uint256 w = word[market][msg.sender];
        uint256 exitRound = w.exitRound();
        if (exitRound == 0) revert NoExitPending();
        Exit memory pending = _exits[market][msg.sender];
        if (
            block.timestamp < uint256(pending.requestedAt) + params.exitDelay
                || !exchange.isTerminal(market, uint32(exitRound - 1))
        ) revert ExitNotDue();
        uint256 margin = w.margin();
        uint256 amount = pending.amount < margin ? pending.amount : margin;
        word[market][msg.sender] = w.withExitRound(0) - amount;
        delete _exits[market][msg.sender];
        free[params.asset][msg.sender] += amount;
        emit ExitCompleted(market, msg.sender, amount);
    }

    function bumpEpoch(uint32 market) external {
        _asset(market);
        uint256 w = word[market][msg.sender];
        if (w.epoch() == type(uint24).max) revert EpochExhausted();
        uint256 effective = exchange.effectiveRound(market);
        w = w.bumpEpoch(effective);
        word[market][msg.sender] = w;
        emit EpochBumped(market, msg.sender, uint32(w.epoch()), uint32(w.epochRound()));
    }

    function syncCapacity(uint32 market, address holder) external {
        MarketParams memory params = exchange.market(market);
        // What a tokenised market's traders may sell is asked for at every round.
        if (params.capacitySource == address(0) || params.capacityUnitWh == 0) revert NoCapacitySource(market);
        if (exchange.isFrozen(market)) revert MarketFrozen(market);
        uint256 capacity = ICapacitySource(params.capacitySource).capacityWh(holder) / params.capacityUnitWh;
        if (capacity > type(uint32).max) capacity = type(uint32).max;
        word[market][holder] = word[market][holder].withCapacity(capacity);
        emit CapacitySynced(market, holder, uint32(capacity));
    }

    // ------------------------------------------------------------------ bonds

    function postBond(uint32 market, uint256 amount) external {
        address asset = _asset(market);
        if (amount == 0) revert ZeroAmount();
        _takeFree(asset, msg.sender, amount);
        bondOf[market][msg.sender] += amount;
        emit BondPosted(market, msg.sender, amount);
    }

    function requestBondExit(uint32 market, uint256 amount) external {
        _asset(market);
        if (amount == 0) revert ZeroAmount();
        if (amount > DEPOSIT_CAP) revert DepositCapExceeded();
        if (_bondExits[market][msg.sender].requestedAt != 0) revert ExitPending();
        _bondExits[market][msg.sender] = Exit(uint128(amount), uint128(block.timestamp));
        emit BondExitRequested(market, msg.sender, amount);
    }

    function completeBondExit(uint32 market) external {
        MarketParams memory params = exchange.market(market);
        Exit memory pending = _bondExits[market][msg.sender];
        if (pending.requestedAt == 0) revert NoExitPending();
        uint256 from = pending.requestedAt;
        if (msg.sender == params.operator) {
            uint256 lastGate = exchange.roundOf(market, exchange.lastRound(market)).gateAt;
            if (lastGate > from) from = lastGate;
        }
        if (block.timestamp < from + params.bondDelay) revert ExitNotDue();
        uint256 bond = bondOf[market][msg.sender];
        uint256 amount = pending.amount < bond ? pending.amount : bond;
        delete _bondExits[market][msg.sender];
        bondOf[market][msg.sender] = bond - amount;
        free[params.asset][msg.sender] += amount;
        emit BondExitCompleted(market, msg.sender, amount);
    }

    // ------------------------------------------------------------------ exchange and imbalance

    /// @dev Cannot fail for effects that the exchange verified: a debit never exceeds the margin available
    /// in that round, and all margins and locks together never exceed the deposits.
    function applyEffects(uint32 market, bytes calldata effects, uint256 dustAmount) external onlyExchange {
        if (effects.length % EFFECT_BYTES != 0) revert MalformedEffects();
        mapping(address => uint256) storage ofMarket = word[market];
        uint256 pos;
        uint256 end;
        assembly ("memory-safe") {
            pos := effects.offset
            end := add(pos, effects.length)
        }
        while (pos < end) {
            uint256 holder;
            uint256 amounts;
            assembly ("memory-safe") {
                holder := shr(96, calldataload(pos))
                amounts := calldataload(add(pos, 20))
            }
            uint256 debit = amounts >> 192;
            uint256 lock = uint64(amounts >> 128);
            if (debit | lock != 0) {
                address trader = address(uint160(holder));
                uint256 w = ofMarket[trader];
                if (debit > w.margin()) revert InsufficientMargin(trader, w.margin(), debit);
                ofMarket[trader] = w.debitAndLock(debit, lock);
            }
            unchecked {
                pos += EFFECT_BYTES;
            }
        }
        if (dustAmount != 0) dust[_asset(market)] += dustAmount;
        emit EffectsApplied(market, keccak256(effects), dustAmount);
    }

    /// @dev Cannot fail for effects that the exchange verified, as `applyEffects`.
    function applyDelivered(uint32 market, bytes calldata effects, uint256 dustAmount) external onlyExchange {
        if (effects.length % DELIVERED_BYTES != 0) revert MalformedEffects();
        address asset = _asset(market);
        for (uint256 i; i < effects.length; i += DELIVERED_BYTES) {
            address trader = address(bytes20(effects[i:i + 20]));
            uint256 debit = uint64(bytes8(effects[i + 20:i + 28]));
            uint256 proceeds = uint64(bytes8(effects[i + 28:i + 36]));
            if (debit != 0) {
                uint256 w = word[market][trader];
                if (debit > w.margin()) revert InsufficientMargin(trader, w.margin(), debit);
                word[market][trader] = w - debit;
            }
            if (proceeds != 0) free[asset][trader] += proceeds;
        }
        if (dustAmount != 0) dust[asset] += dustAmount;
        emit EffectsApplied(market, keccak256(effects), dustAmount);
    }

    function payFromBond(uint32 market, address from, address to, uint256 amount)
        external
        onlyExchange
        returns (uint256 paid)
    {
        uint256 bond = bondOf[market][from];
        paid = amount < bond ? amount : bond;
        bondOf[market][from] = bond - paid;
        free[_asset(market)][to] += paid;
        emit BondPaid(market, from, to, paid);
    }

    function closePosition(uint32 market, address holder, uint256 lock, int256 charge, address balancing)
        external
        onlyImbalance
    {
        uint256 w = word[market][holder];
        if (lock > w.locked()) revert InsufficientLocked(holder, w.locked(), lock);
        word[market][holder] = w.unlock(lock);
        uint256 bond = bondOf[market][balancing];
        if (charge >= 0) {
            uint256 owed = uint256(charge);
            if (owed > lock) revert InsufficientLocked(holder, lock, owed);
            bondOf[market][balancing] = bond + owed;
            free[_asset(market)][holder] += lock - owed;
        } else {
            uint256 owed = uint256(-charge);
            if (owed > bond) revert InsufficientBond(bond, owed);
            bondOf[market][balancing] = bond - owed;
            free[_asset(market)][holder] += lock + owed;
        }
        emit PositionClosed(market, holder, lock, charge);
    }

    // ------------------------------------------------------------------ views

    function account(uint32 market, address holder) external view returns (AccountView memory) {
        uint256 w = word[market][holder];
        return AccountView({
            margin: uint64(w.margin()),
            locked: uint64(w.locked()),
            epoch: uint24(w.epoch()),
            prevEpoch: uint24(w.prevEpoch()),
            epochRound: uint24(w.epochRound()),
            exitRound: uint24(w.exitRound()),
            capacity: uint32(w.capacity())
        });
    }

    function words(uint32 market, address[] calldata holders) external view returns (uint256[] memory result) {
        mapping(address => uint256) storage ofMarket = word[market];
        uint256 n = holders.length;
        result = new uint256[](n);
        for (uint256 i; i < n; ++i) {
            uint256 w = ofMarket[holders[i]];
            assembly ("memory-safe") {
                mstore(add(add(result, 0x20), shl(5, i)), w)
            }
        }
    }

    function available(uint32 market, uint32 round, address holder) external view returns (uint256) {
        return word[market][holder].available(round, _exits[market][holder].amount);
    }

    function exitOf(uint32 market, address holder) external view returns (uint256, uint256) {
        Exit storage pending = _exits[market][holder];
        return (pending.amount, pending.requestedAt);
    }

    function bondExitOf(uint32 market, address holder) external view returns (uint256, uint256) {
        Exit storage pending = _bondExits[market][holder];
        return (pending.amount, pending.requestedAt);
    }

    // ------------------------------------------------------------------ parts

    function _asset(uint32 market) private view returns (address asset) {
        asset = exchange.assetOf(market);
        if (asset == address(0)) revert UnknownMarket(market);
    }

    function _takeFree(address asset, address holder, uint256 amount) private {
        uint256 balance = free[asset][holder];
        if (amount > balance) revert InsufficientFree(balance, amount);
        unchecked {
            free[asset][holder] = balance - amount;
        }
    }
}
