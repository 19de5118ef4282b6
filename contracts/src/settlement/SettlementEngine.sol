// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IDelegations} from "../identity/IDelegations.sol";
import {BatchVerifier} from "./BatchVerifier.sol";
import {ExchangeCode} from "./ExchangeCode.sol";
import {IExchange, MarketParams, Status} from "./IExchange.sol";
import {ILedger} from "./ILedger.sol";
import {IStanding} from "./IStanding.sol";
import {ITokenisedProducts} from "./ITokenisedProducts.sol";
import {OrderLib} from "./OrderLib.sol";

/// @title Settlement of rounds, the part of the exchange that reads whole books
/// @notice Documented in IExchange; a contract of its own because one would exceed EIP-170.
contract SettlementEngine is ExchangeCode {
    using BatchVerifier for BatchVerifier.Batch;

    /// @dev Applying a trader's effects may cost more than verifying its order did (an account whose first
    /// entry is the lock): what was verified must still fit a transaction (EIP-7825).
    uint256 private constant MAX_CHUNK_TRADERS = 512;
    /// @dev Three accounts a trader instead of one: margin, free balance, tokens.
    uint256 private constant MAX_TOKENISED_CHUNK_TRADERS = 256;

    constructor(ILedger ledger_, IStanding credentials_, IDelegations delegations_)
        ExchangeCode(ledger_, credentials_, delegations_)
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
        bytes memory effects = batch.effectsOf();
        _moveMoney(id, effects, outcome.dust);
        emit IExchange.RoundSettled(
            id,
            round,
            outcome.gapMicro,
            outcome.welfareMicro,
            outcome.dust,
            outcome.positionsRoot,
            outcome.pricesHash
        );
        _moveTokens(id, round, effects);
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
        if (batch.tradersFinished() > _mostTraders(batch)) revert IExchange.ChunkTooLarge();
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
        _moveMoney(id, effects, last ? r.dust : 0);
        emit IExchange.ChunkApplied(id, round, chunk);
        if (last) emit IExchange.RoundSettled(id, round, r.gapMicro, r.welfareMicro, r.dust, r.positionsRoot, r.pricesHash);
        _moveTokens(id, round, effects);
    }

    function _moveMoney(uint32 id, bytes memory effects, uint256 dust) private {
        if (OrderLib.isTokenised(_markets[id])) ledger.applyDelivered(id, effects, dust);
        else ledger.applyEffects(id, effects, dust);
    }

    /// @dev The last thing that a settlement does: the tokens' contract is foreign code, and whatever it calls
    /// finds the round as it will stay.
    function _moveTokens(uint32 id, uint32 round, bytes memory effects) private {
        MarketParams storage params = _markets[id];
        if (!OrderLib.isTokenised(params)) return;
        ITokenisedProducts(params.capacitySource).deliver(id, round, _rounds[id][round].firstSlot, effects);
    }

    function _mostTraders(BatchVerifier.Batch memory batch) private pure returns (uint256) {
        return address(batch.tokens) == address(0) ? MAX_CHUNK_TRADERS : MAX_TOKENISED_CHUNK_TRADERS;
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
        batch.boundsCapacity = params.capacitySource != address(0);
        batch.capacityUnitWh = params.capacityUnitWh;
        if (OrderLib.isTokenised(params)) batch.tokens = ITokenisedProducts(params.capacitySource);
        batch.role = params.role;
        batch.takesCoupled = OrderLib.takesCoupled(params);
        batch.network = uint160(params.network);
        // Products ascend by carrier, so those that are not open come last.
        batch.openProducts =
            batch.network == 0 ? batch.products : uint256(params.openCarriers) * params.zones * r.slots;
        batch.ledger = ledger;
        batch.credentials = credentials;
        batch.delegations = delegations;
        batch.begin(_domainSeparator(), results, orders);
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
