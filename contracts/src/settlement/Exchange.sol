// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IDelegations} from "../identity/IDelegations.sol";
import {ExchangeStorage} from "./ExchangeStorage.sol";
import {IExchange, Neighbour, Order, Receipt} from "./IExchange.sol";
import {ILedger} from "./ILedger.sol";
import {IStanding} from "./IStanding.sol";
import {Omissions} from "./Omissions.sol";
import {Rounds} from "./Rounds.sol";
import {SettlementEngine} from "./SettlementEngine.sol";

/// @title Exchange, documented in IExchange
/// @dev Immutable. Rounds: markets, opening, gate. Settlement and claims against the operator run in code that
/// this contract creates for itself and nobody can change (one contract would exceed EIP-170); the arguments
/// of those functions are named for readers of the ABI.
contract Exchange is Rounds {
    address public immutable engine;
    address public immutable omissions;

    constructor(address manager, ILedger ledger_, IStanding credentials_, IDelegations delegations_)
        ExchangeStorage(ledger_, credentials_, delegations_)
        Rounds(manager)
    {
        engine = address(new SettlementEngine(ledger_, credentials_, delegations_));
        omissions = address(new Omissions(ledger_, credentials_, delegations_));
    }

    /// @inheritdoc IExchange
    function settle(uint32 id, uint32 round, bytes calldata results, bytes calldata orders) external {
        (id, round, results, orders);
        _run(engine);
    }

    /// @inheritdoc IExchange
    function verifyChunk(
        uint32 id,
        uint32 round,
        bytes calldata results,
        bytes calldata state,
        bytes calldata orders
    ) external {
        (id, round, results, state, orders);
        _run(engine);
    }

    /// @inheritdoc IExchange
    function applyChunk(uint32 id, uint32 round, uint32 chunk, bytes calldata effects) external {
        (id, round, chunk, effects);
        _run(engine);
    }

    /// @inheritdoc IExchange
    function claimOmission(
        Order calldata order,
        bytes calldata signature,
        Receipt calldata receipt,
        Neighbour calldata left,
        Neighbour calldata right
    ) external returns (bytes32) {
        (order, signature, receipt, left, right);
        _run(omissions);
    }

    /// @inheritdoc IExchange
    function rebutOmission(bytes32 id, bytes calldata cancellationSignature) external {
        (id, cancellationSignature);
        _run(omissions);
    }

    /// @inheritdoc IExchange
    function payOmission(Order calldata order, address signer, bytes calldata prices) external returns (uint256) {
        (order, signer, prices);
        _run(omissions);
    }

    /// @inheritdoc IExchange
    function claimOf(bytes32 id) external view returns (address trader, uint40 claimedAt) {
        Claim storage claim = _claims[id];
        return claim.closed ? (claim.trader, 0) : (claim.trader, claim.claimedAt);
    }

    /// @inheritdoc IExchange
    function stateHash(uint32 id, uint32 round) external view returns (bytes32) {
        return _rounds[id][round].stateHash;
    }

    /// @inheritdoc IExchange
    function effectsHash(uint32 id, uint32 round, uint32 chunk) external view returns (bytes32) {
        return _effectsHash[id][round][chunk];
    }

    /// @dev Hands the whole call to that code, on this contract's state. Never returns.
    function _run(address code) private {
        assembly {
            calldatacopy(0, 0, calldatasize())
            let ok := delegatecall(gas(), code, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if ok { return(0, returndatasize()) }
            revert(0, returndatasize())
        }
    }
}
