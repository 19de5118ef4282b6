// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {BatchVerifier} from "./BatchVerifier.sol";
import {ExchangeStorage} from "./ExchangeStorage.sol";
import {IExchange, MarketParams, Status} from "./IExchange.sol";
import {ILedger} from "./ILedger.sol";
import {IStanding} from "./IStanding.sol";
import {OrderLib} from "./OrderLib.sol";

/// @title Settlement of rounds, the part of the exchange that reads whole books
/// @notice The exchange creates it and runs it by delegatecall only (one contract would exceed EIP-170).
/// Called directly it knows no market and refuses everything. Documented in IExchange.
contract SettlementEngine is ExchangeStorage, EIP712 {
    using BatchVerifier for BatchVerifier.Batch;

    /// @dev Applying a trader's effects may cost more than verifying its order did (an account whose first
    /// entry is the lock): what was verified must still fit a transaction (EIP-7825).
    uint256 private constant MAX_CHUNK_TRADERS = 512;

    constructor(ILedger ledger_, IStanding credentials_)
        ExchangeStorage(ledger_, credentials_)
        EIP712("Wattproof", "1")
    {}

    function settle(uint32 id, uint32 round, bytes calldata results, bytes calldata orders)
        external
        onlyOperator(id)
    {
        _requireStatus(id, round, Status.Gated);
        Round storage r = _rounds[id][round];
        if (r.chunksVerified != 0) revert IExchange.ChunksStarted();
        BatchVerifier.Batch memory batch = _begin(id, round, results, orders);
        batch.read(orders, _isForced);
        BatchVerifier.Outcome memory outcome = _finish(batch, r, id);
        r.status = Status.Settled;
        ledger.applyEffects(id, batch.effectsOf(), outcome.dust);
        emit IExchange.RoundSettled(
            id,
            round,
            outcome.gapMicro,
            outcome.welfareMicro,
            outcome.dust,
            outcome.positionsRoot,
            outcome.pricesHash
        );
    }

    function verifyChunk(
        uint32 id,
        uint32 round,
        bytes calldata results,
        bytes calldata state,
        bytes calldata orders
    ) external onlyOperator(id) {
        _requireStatus(id, round, Status.Gated);
        Round storage r = _rounds[id][round];
        uint32 chunk = r.chunksVerified;
        if (chunk == 0 ? state.length != 0 : keccak256(state) != r.stateHash) revert IExchange.StateMismatch();
        BatchVerifier.Batch memory batch = _begin(id, round, results, orders);
        if (chunk != 0) batch.load(state);
        uint256 readBefore = batch.ordersRead;
        batch.read(orders, _isForced);
        // A chunk of nothing would only be one more to apply.
        if (batch.ordersRead == readBefore && r.count != 0) revert IExchange.MalformedBatch(readBefore);
        if (batch.tradersFinished() > MAX_CHUNK_TRADERS) revert IExchange.ChunkTooLarge();
        bytes memory next = batch.save();
        bytes32 effects = keccak256(batch.effectsOf());
        _effectsHash[id][round][chunk] = effects;
        r.chunksVerified = chunk + 1;
        r.stateHash = keccak256(next);
        if (batch.ordersRead == r.count) {
            BatchVerifier.Outcome memory outcome = _finish(batch, r, id);
            r.status = Status.Verified;
            r.gapMicro = uint64(outcome.gapMicro);
            // Only fantasy orders of markets without collateral get there; the figure is published, not used.
            r.welfareMicro =
                outcome.welfareMicro > type(uint128).max ? type(uint128).max : uint128(outcome.welfareMicro);
            r.dust = uint64(outcome.dust);
        }
        emit IExchange.ChunkVerified(id, round, chunk, next, effects);
    }

    function applyChunk(uint32 id, uint32 round, uint32 chunk, bytes calldata effects) external {
        _requireStatus(id, round, Status.Verified);
        Round storage r = _rounds[id][round];
        bytes32 expected = _effectsHash[id][round][chunk];
        if (expected == 0 || keccak256(effects) != expected) revert IExchange.EffectsMismatch();
        delete _effectsHash[id][round][chunk];
        uint32 applied = ++r.chunksApplied;
        bool last = applied == r.chunksVerified;
        if (last) r.status = Status.Settled;
        ledger.applyEffects(id, effects, last ? r.dust : 0);
        emit IExchange.ChunkApplied(id, round, chunk);
        if (last) emit IExchange.RoundSettled(id, round, r.gapMicro, r.welfareMicro, r.dust, r.positionsRoot, r.pricesHash);
    }

    function _begin(uint32 id, uint32 round, bytes calldata results, bytes calldata orders)
        private
        view
        returns (BatchVerifier.Batch memory batch)
    {
        MarketParams storage params = _markets[id];
        Round storage r = _rounds[id][round];
        batch.market = id;
        batch.round = round;
        batch.gateAt = r.gateAt;
        batch.zones = params.zones;
        batch.firstSlot = r.firstSlot;
        batch.slots = r.slots;
        batch.products = uint256(params.carriers) * params.zones * r.slots;
        batch.priceCap = params.priceCap;
        batch.imbalanceCap = params.imbalanceCap;
        batch.capacityUnitWh = params.capacitySource == address(0) ? 0 : params.capacityUnitWh;
        batch.role = params.role;
        batch.takesCoupled = OrderLib.takesCoupled(params);
        batch.ledger = ledger;
        batch.credentials = credentials;
        batch.begin(_domainSeparatorV4(), results, orders);
    }

    function _finish(BatchVerifier.Batch memory batch, Round storage r, uint32 id)
        private
        returns (BatchVerifier.Outcome memory outcome)
    {
        MarketParams storage params = _markets[id];
        outcome = batch.finish(r.count, r.bookRoot, r.forcedCount, params.gapFloor, params.gapCap);
        r.positionsCount = uint32(outcome.positionsCount);
        r.positionsRoot = outcome.positionsRoot;
        r.pricesHash = outcome.pricesHash;
    }
}
