// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExchange, MarketParams, Status} from "./IExchange.sol";
import {ILedger} from "./ILedger.sol";
import {IStanding} from "./IStanding.sol";

/// @notice State shared by the exchange and the settlement code it delegates to. Always the first base,
/// so that both see the same slots.
abstract contract ExchangeStorage {
    struct Round {
        Status status;
        uint40 gateAt;
        uint32 count;
        uint16 forcedCount;
        uint32 firstSlot;
        uint16 slots;
        uint32 positionsCount;
        uint32 chunksVerified;
        uint32 chunksApplied;
        bytes32 bookRoot;
        bytes32 positionsRoot;
        bytes32 pricesHash;
        /// Only for rounds verified in chunks.
        bytes32 stateHash;
        uint64 gapMicro;
        uint128 welfareMicro;
        uint64 dust;
    }

    ILedger public immutable ledger;
    IStanding public immutable credentials;

    uint32 internal _marketCount;
    mapping(uint32 market => MarketParams) internal _markets;
    mapping(uint32 market => uint32) internal _lastRound;
    mapping(uint32 market => mapping(uint32 round => Round)) internal _rounds;
    mapping(bytes32 orderHash => bool) internal _isForced;
    mapping(uint32 market => mapping(uint32 round => mapping(uint32 chunk => bytes32))) internal _effectsHash;

    modifier onlyOperator(uint32 id) {
        if (msg.sender != _markets[id].operator) revert IExchange.NotOperator(msg.sender);
        _;
    }

    constructor(ILedger ledger_, IStanding credentials_) {
        ledger = ledger_;
        credentials = credentials_;
    }

    /// @dev The status as of now: an overdue round is void whether or not anybody recorded it.
    function _status(uint32 id, uint32 round) internal view returns (Status status) {
        Round storage r = _rounds[id][round];
        status = r.status;
        if (status == Status.Open && block.timestamp > uint256(r.gateAt) + _markets[id].gateGrace) {
            return Status.Void;
        }
        if (status == Status.Gated && block.timestamp >= uint256(r.gateAt) + _markets[id].settleWindow) {
            return Status.Void;
        }
    }

    function _requireStatus(uint32 id, uint32 round, Status wanted) internal view {
        Status status = _status(id, round);
        if (status != wanted) revert IExchange.WrongStatus(status);
    }
}
