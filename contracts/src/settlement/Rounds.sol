// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {ExchangeStorage} from "./ExchangeStorage.sol";
import {IExchange, MarketParams, Order, RoundView, Status} from "./IExchange.sol";
import {OrderLib} from "./OrderLib.sol";

/// @notice Markets, and the life of a round from its opening to the commitment of its book.
abstract contract Rounds is ExchangeStorage, IExchange, AccessManaged, EIP712 {
    uint256 private constant MAX_ROUNDS = type(uint24).max - 1;
    /// @dev Closing a period reads all its rounds in one transaction.
    uint256 private constant MAX_PERIOD_ROUNDS = 128;
    uint256 private constant MAX_FORCED = 32_768;
    uint256 private constant MAX_PRODUCTS = 65_536;
    /// @dev Closing a period looks at every slot of every carrier.
    uint256 private constant MAX_CARRIER_SLOTS = 4_096;
    uint256 private constant MAX_PRICE = 2 ** 62;

    mapping(uint32 market => mapping(uint32 period => uint32[])) private _periodRounds;
    mapping(uint32 market => bool) private _isNetworkPublished;

    constructor(address manager) AccessManaged(manager) EIP712("Wattproof", "1") {}

    // ------------------------------------------------------------------ markets

    /// @inheritdoc IExchange
    function createMarket(MarketParams calldata params) external restricted returns (uint32 id) {
        if (
            params.operator == address(0) || params.balancing == address(0) || params.asset == address(0)
                || params.gateGrace >= params.settleWindow || params.settleWindow >= params.exitDelay
                || params.settleWindow > 1 days || params.slotSeconds == 0 || params.periodSlots == 0
                || params.periodSlots > 256 || params.carriers == 0 || params.zones == 0
                || uint256(params.carriers) * params.zones * params.periodSlots > MAX_PRODUCTS
                || uint256(params.carriers) * params.periodSlots > MAX_CARRIER_SLOTS || params.priceCap == 0
                || params.priceCap > MAX_PRICE || params.imbalanceCap > MAX_PRICE
        ) revert InvalidParams();
        id = ++_marketCount;
        _markets[id] = params;
        // Tokens are of one kind a slot, and what is delivered at once needs neither collateral nor tolerance.
        if (
            OrderLib.isTokenised(_markets[id])
                && (
                    params.carriers != 1 || params.zones != 1
                        || params.imbalanceCap | params.gapFloor | params.gapCap != 0
                )
        ) revert InvalidParams();
        if (!OrderLib.isNetworkSound(_markets[id])) revert InvalidParams();
        emit MarketCreated(id, params);
    }

    /// @inheritdoc IExchange
    function publishNetwork(uint32 id, bytes calldata description) external {
        if (id == 0 || id > _marketCount) revert UnknownMarket(id);
        if (keccak256(description) != _markets[id].networkHash) revert NetworkMismatch();
        _isNetworkPublished[id] = true;
        emit NetworkPublished(id, description);
    }

    // ------------------------------------------------------------------ opening to gate

    /// @inheritdoc IExchange
    function openRound(uint32 id, uint40 gateAt, uint32 firstSlot, uint16 slots)
        external
        onlyOperator(id)
        returns (uint32 round)
    {
        MarketParams storage params = _markets[id];
        if (params.network != address(0) && !_isNetworkPublished[id]) revert NetworkNotPublished(id);
        uint32 last = _lastRound[id];
        if (last >= MAX_ROUNDS) revert TooManyRounds();
        if (gateAt <= block.timestamp || gateAt > uint256(firstSlot) * params.slotSeconds) revert InvalidGate();
        uint256 lastSlot = uint256(firstSlot) + slots - 1;
        uint32 period = firstSlot / params.periodSlots;
        if (slots == 0 || lastSlot > type(uint32).max || lastSlot / params.periodSlots != period) {
            revert InvalidSlots();
        }
        if (slots != 1 && OrderLib.isTokenised(params)) revert InvalidSlots();
        if (last != 0) {
            uint256 lastGate = _rounds[id][last].gateAt;
            bool over = isTerminal(id, last) || gateAt >= lastGate + params.settleWindow;
            if (block.timestamp < lastGate || !over || !isTerminal(id, last - 1)) revert RoundNotClosed(last);
        }
        round = last + 1;
        _lastRound[id] = round;
        Round storage r = _rounds[id][round];
        r.status = Status.Open;
        r.gateAt = gateAt;
        r.firstSlot = firstSlot;
        r.slots = slots;
        uint32[] storage inPeriod = _periodRounds[id][period];
        if (inPeriod.length >= MAX_PERIOD_ROUNDS) revert TooManyRounds();
        inPeriod.push(round);
        emit RoundOpened(id, round, gateAt, firstSlot, slots);
    }

    /// @inheritdoc IExchange
    function submitOrder(Order calldata order, bytes calldata signature) external {
        Round storage r = _rounds[order.market][order.round];
        _requireStatus(order.market, order.round, Status.Open);
        if (block.timestamp >= r.gateAt) revert OutsideWindow();
        if (!OrderLib.isWellFormed(order, _markets[order.market], r.firstSlot, r.slots)) revert MalformedOrder();
        bytes32 hash = _orderHash(order);
        address signer = _genuineSigner(order.market, order.trader, hash, signature);
        bytes32 id = OrderLib.idOf(hash, order.trader, signer);
        if (_isForced[id]) revert AlreadyForced(id);
        if (r.forcedCount == MAX_FORCED) revert TooManyForced();
        _isForced[id] = true;
        ++r.forcedCount;
        emit OrderForced(order.market, order.round, id, order, signature);
    }

    /// @inheritdoc IExchange
    function closeGate(uint32 id, uint32 round, bytes32 bookRoot, uint32 count) external onlyOperator(id) {
        _requireStatus(id, round, Status.Open);
        Round storage r = _rounds[id][round];
        if (block.timestamp < r.gateAt) revert OutsideWindow();
        if (!isTerminal(id, round - 1)) revert RoundNotClosed(round - 1);
        if ((count == 0) != (bookRoot == 0) || count < r.forcedCount) revert InvalidCommitment();
        r.status = Status.Gated;
        r.count = count;
        r.bookRoot = bookRoot;
        emit GateClosed(id, round, bookRoot, count);
    }

    /// @inheritdoc IExchange
    function voidRound(uint32 id, uint32 round) external {
        _requireStatus(id, round, Status.Void);
        Round storage r = _rounds[id][round];
        if (r.status == Status.Void) revert WrongStatus(Status.Void);
        r.status = Status.Void;
        emit RoundVoided(id, round);
    }

    // ------------------------------------------------------------------ where a round stands

    function _isOver(uint32 id, uint32 round) private view returns (bool) {
        if (round == 0) return true;
        Status status = _status(id, round);
        return status == Status.Settled || status == Status.Void;
    }

    /// @inheritdoc IExchange
    /// @dev A round may close its gate only when the one before is terminal, so a verified round whose
    /// effects are not yet applied can be followed by void rounds only; asking for two rounds covers it.
    function isTerminal(uint32 id, uint32 round) public view returns (bool) {
        return round == 0 || (_isOver(id, round) && _isOver(id, round - 1));
    }

    /// @inheritdoc IExchange
    function isFrozen(uint32 id) external view returns (bool) {
        uint32 last = _lastRound[id];
        return _isPending(id, last) || (last > 1 && _isPending(id, last - 1));
    }

    function _isPending(uint32 id, uint32 round) private view returns (bool) {
        return round != 0 && block.timestamp >= _rounds[id][round].gateAt && !isTerminal(id, round);
    }

    /// @inheritdoc IExchange
    function effectiveRound(uint32 id) external view returns (uint32) {
        uint32 last = _lastRound[id];
        return last != 0 && block.timestamp < _rounds[id][last].gateAt ? last : last + 1;
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IExchange
    function market(uint32 id) external view returns (MarketParams memory) {
        if (id == 0 || id > _marketCount) revert UnknownMarket(id);
        return _markets[id];
    }

    /// @inheritdoc IExchange
    function assetOf(uint32 id) external view returns (address) {
        return _markets[id].asset;
    }

    /// @inheritdoc IExchange
    function marketCount() external view returns (uint32) {
        return _marketCount;
    }

    /// @inheritdoc IExchange
    function isNetworkPublished(uint32 id) external view returns (bool) {
        return _isNetworkPublished[id];
    }

    /// @inheritdoc IExchange
    function lastRound(uint32 id) external view returns (uint32) {
        return _lastRound[id];
    }

    /// @inheritdoc IExchange
    function isForced(bytes32 id) external view returns (bool) {
        return _isForced[id];
    }

    /// @inheritdoc IExchange
    function roundOf(uint32 id, uint32 round) external view returns (RoundView memory) {
        Round storage r = _rounds[id][round];
        return RoundView({
            status: _status(id, round),
            gateAt: r.gateAt,
            count: r.count,
            forcedCount: r.forcedCount,
            firstSlot: r.firstSlot,
            slots: r.slots,
            bookRoot: r.bookRoot,
            positionsRoot: r.positionsRoot,
            positionsCount: r.positionsCount,
            pricesHash: r.pricesHash,
            chunksVerified: r.chunksVerified,
            chunksApplied: r.chunksApplied
        });
    }

    /// @inheritdoc IExchange
    function periodRounds(uint32 id, uint32 period) external view returns (uint32[] memory) {
        return _periodRounds[id][period];
    }

    /// @inheritdoc IExchange
    function orderHash(Order calldata order) external view returns (bytes32) {
        return _orderHash(order);
    }

    /// @inheritdoc IExchange
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    function _orderHash(Order calldata order) private view returns (bytes32) {
        return _hashTypedDataV4(OrderLib.structHash(order));
    }
}
