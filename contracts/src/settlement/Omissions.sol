// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IDelegations} from "../identity/IDelegations.sol";
import {ExchangeCode} from "./ExchangeCode.sol";
import {IExchange, Neighbour, Order, Receipt, Status} from "./IExchange.sol";
import {ILedger} from "./ILedger.sol";
import {IStanding} from "./IStanding.sol";
import {MerkleLib} from "./MerkleLib.sol";
import {OrderLib} from "./OrderLib.sol";

/// @title Omissions, what the operator owes for an order it receipted and left out of the book
/// @notice Documented in IExchange; a contract of its own because one would exceed EIP-170.
contract Omissions is ExchangeCode {
    constructor(ILedger ledger_, IStanding credentials_, IDelegations delegations_)
        ExchangeCode(ledger_, credentials_, delegations_)
    {}

    function claimOmission(
        Order calldata order,
        bytes calldata signature,
        Receipt calldata receipt,
        Neighbour calldata left,
        Neighbour calldata right
    ) external returns (bytes32 id) {
        Round storage r = _rounds[order.market][order.round];
        _requireStatus(order.market, order.round, Status.Settled);
        if (!OrderLib.isWellFormed(order, _markets[order.market], r.firstSlot, r.slots)) {
            revert IExchange.MalformedOrder();
        }
        bytes32 hash = _orderHash(order);
        address signer = _genuineSigner(order.market, order.trader, hash, signature);
        id = OrderLib.idOf(hash, order.trader, signer);
        if (_claims[id].trader != address(0)) revert IExchange.ClaimExists(id);

        if (receipt.receivedAt >= r.gateAt) revert IExchange.ReceiptTooLate();
        bytes32 digest =
            _digest(OrderLib.receiptStructHash(order.market, order.round, id, receipt.receivedAt));
        if (!OrderLib.isSignedBy(digest, receipt.signature, _markets[order.market].operator)) {
            revert IExchange.InvalidSignature();
        }
        _requireGap(r, order.trader, id, left, right);

        _claims[id] =
            Claim(order.trader, uint40(block.timestamp), false, order.market, order.round, signer);
        emit IExchange.OmissionClaimed(id, order.market, order.round, id);
    }

    function rebutOmission(bytes32 id, bytes calldata cancellationSignature) external {
        Claim storage claim = _openClaim(id);
        if (block.timestamp > uint256(claim.claimedAt) + _markets[claim.market].challengeWindow) {
            revert IExchange.ChallengeOver();
        }
        bytes32 digest = _digest(OrderLib.cancellationStructHash(claim.market, claim.round, id));
        address canceller = OrderLib.signerOf(digest, cancellationSignature);
        if (canceller == address(0) || (canceller != claim.trader && canceller != claim.signer)) {
            revert IExchange.InvalidSignature();
        }
        claim.closed = true;
        emit IExchange.OmissionRebutted(id);
    }

    function payOmission(Order calldata order, address signer, bytes calldata prices)
        external
        returns (uint256 paid)
    {
        bytes32 id = OrderLib.idOf(_orderHash(order), order.trader, signer);
        Claim storage claim = _openClaim(id);
        if (block.timestamp <= uint256(claim.claimedAt) + _markets[order.market].challengeWindow) {
            revert IExchange.ChallengeOpen();
        }
        claim.closed = true;
        uint256 owed = _surplusMicro(order, prices);
        paid = ledger.payFromBond(order.market, _markets[order.market].operator, order.trader, owed);
        emit IExchange.OmissionPaid(id, paid);
    }

    function _openClaim(bytes32 id) private view returns (Claim storage claim) {
        claim = _claims[id];
        if (claim.trader == address(0) || claim.closed) revert IExchange.NoOpenClaim(id);
    }

    function _orderHash(Order calldata order) private view returns (bytes32) {
        return _digest(OrderLib.structHash(order));
    }

    /// @dev max(0, S) * maxUnits in micro, toward zero, at the prices of the order's round.
    function _surplusMicro(Order calldata order, bytes calldata prices) private view returns (uint256) {
        Round storage r = _rounds[order.market][order.round];
        if (keccak256(prices) != r.pricesHash) revert IExchange.PricesMismatch();
        uint256 zones = _markets[order.market].zones;
        int256 surplus = int256(order.limit) * OrderLib.ONE_UNIT;
        for (uint256 k; k < order.legs.length; ++k) {
            uint64 product = order.legs[k].product;
            uint256 index = ((product >> 48) * zones + uint16(product >> 32)) * r.slots + uint32(product) - r.firstSlot;
            int256 price = int64(uint64(bytes8(prices[index * 8:index * 8 + 8])));
            surplus -= price * order.legs[k].coefficient;
        }
        return surplus <= 0 ? 0 : uint256(surplus) * order.maxUnits / 1e12;
    }

    /// @dev Shows that no leaf of the book stands between two adjacent ones, where the order would be.
    function _requireGap(
        Round storage r,
        address trader,
        bytes32 hash,
        Neighbour calldata left,
        Neighbour calldata right
    ) private view {
        uint256 count = r.count;
        if (left.exists) _requireLeaf(r.bookRoot, count, left);
        if (right.exists) _requireLeaf(r.bookRoot, count, right);
        if (
            (left.exists ? left.index + 1 : 0) != (right.exists ? right.index : count)
                || (left.exists && !_isBelow(left.trader, left.orderHash, trader, hash))
                || (right.exists && !_isBelow(trader, hash, right.trader, right.orderHash))
        ) revert IExchange.WrongNeighbours();
    }

    function _requireLeaf(bytes32 root, uint256 count, Neighbour calldata n) private pure {
        bytes32 leaf = keccak256(abi.encodePacked(n.trader, n.orderHash));
        if (!MerkleLib.verify(root, count, n.index, leaf, n.proof)) revert IExchange.WrongNeighbours();
    }

    function _isBelow(address traderA, bytes32 hashA, address traderB, bytes32 hashB) private pure returns (bool) {
        return traderA < traderB || (traderA == traderB && hashA < hashB);
    }
}
