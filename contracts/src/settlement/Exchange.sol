// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ExchangeStorage} from "./ExchangeStorage.sol";
import {IExchange} from "./IExchange.sol";
import {ILedger} from "./ILedger.sol";
import {IStanding} from "./IStanding.sol";
import {Omissions} from "./Omissions.sol";
import {Rounds} from "./Rounds.sol";
import {SettlementEngine} from "./SettlementEngine.sol";

/// @title Exchange, documented in IExchange
/// @dev Immutable. Rounds: markets, opening, gate. Omissions: claims against the operator. Settlement runs
/// in the engine's code, which this contract creates for itself and which nobody can change; the arguments
/// of those three functions are named for readers of the ABI.
contract Exchange is Omissions {
    address public immutable engine;

    constructor(address manager, ILedger ledger_, IStanding credentials_)
        ExchangeStorage(ledger_, credentials_)
        Rounds(manager)
    {
        engine = address(new SettlementEngine(ledger_, credentials_));
    }

    /// @inheritdoc IExchange
    function settle(uint32 id, uint32 round, bytes calldata results, bytes calldata orders) external {
        (id, round, results, orders);
        _runEngine();
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
        _runEngine();
    }

    /// @inheritdoc IExchange
    function applyChunk(uint32 id, uint32 round, uint32 chunk, bytes calldata effects) external {
        (id, round, chunk, effects);
        _runEngine();
    }

    /// @inheritdoc IExchange
    function stateHash(uint32 id, uint32 round) external view returns (bytes32) {
        return _rounds[id][round].stateHash;
    }

    /// @inheritdoc IExchange
    function effectsHash(uint32 id, uint32 round, uint32 chunk) external view returns (bytes32) {
        return _effectsHash[id][round][chunk];
    }

    /// @dev Hands the whole call to the engine's code, on this contract's state. Never returns.
    function _runEngine() private {
        address code = engine;
        assembly {
            calldatacopy(0, 0, calldatasize())
            let ok := delegatecall(gas(), code, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if ok { return(0, returndatasize()) }
            revert(0, returndatasize())
        }
    }
}
