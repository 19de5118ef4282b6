// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IDelegations} from "../identity/IDelegations.sol";
import {IExchange, MarketParams, Status} from "./IExchange.sol";
import {ILedger} from "./ILedger.sol";
import {IStanding} from "./IStanding.sol";
import {OrderLib} from "./OrderLib.sol";

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

    /// @dev What the operator may owe for an order that it left out.
    struct Claim {
        address trader;
        uint40 claimedAt;
        bool closed;
        uint32 market;
        uint32 round;
        /// The trader, or the delegate that signed the order.
        address signer;
    }

    ILedger public immutable ledger;
    IStanding public immutable credentials;
    IDelegations public immutable delegations;

    uint32 internal _marketCount;
    mapping(uint32 market => MarketParams) internal _markets;
    mapping(uint32 market => uint32) internal _lastRound;
    mapping(uint32 market => mapping(uint32 round => Round)) internal _rounds;
    mapping(bytes32 orderId => bool) internal _isForced;
    mapping(uint32 market => mapping(uint32 round => mapping(uint32 chunk => bytes32))) internal _effectsHash;
    mapping(bytes32 orderId => Claim) internal _claims;

    modifier onlyOperator(uint32 id) {
        if (msg.sender != _markets[id].operator) revert IExchange.NotOperator(msg.sender);
        _;
    }

    constructor(ILedger ledger_, IStanding credentials_, IDelegations delegations_) {
        ledger = ledger_;
        credentials = credentials_;
        delegations = delegations_;
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

    /// @dev Who signed an order: its trader, or an account that the trader ever named as its delegate.
    function _genuineSigner(uint32 id, address trader, bytes32 hash, bytes calldata signature)
        internal
        view
        returns (address signer)
    {
        signer = OrderLib.signerOf(hash, signature);
        if (signer == address(0) || (signer != trader && !delegations.isNamed(id, trader, signer))) {
            revert IExchange.InvalidSignature();
        }
    }
}
