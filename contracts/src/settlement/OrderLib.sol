// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Leg, MarketParams, Order} from "./IExchange.sol";

/// @notice EIP-712 hashes of orders and messages, compact signatures, and what makes an order well formed.
library OrderLib {
    bytes32 internal constant LEG_TYPEHASH = keccak256("Leg(uint64 product,int32 coefficient)");
    bytes32 internal constant ORDER_TYPEHASH = keccak256(
        "Order(uint32 market,uint32 round,Leg[] legs,uint64 maxUnits,int64 limit,address trader,uint32 epoch,uint64 salt)Leg(uint64 product,int32 coefficient)"
    );
    bytes32 internal constant CANCELLATION_TYPEHASH =
        keccak256("Cancellation(uint32 market,uint32 round,bytes32 order)");
    bytes32 internal constant RECEIPT_TYPEHASH =
        keccak256("Receipt(uint32 market,uint32 round,bytes32 order,uint64 receivedAt)");

    /// @dev Half the order of secp256k1: a greater `s` is the malleated twin of a signature.
    uint256 internal constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;
    uint256 internal constant MAX_LEGS = 255;
    int256 internal constant ONE_UNIT = 1_000_000;

    function structHash(Order calldata order) internal pure returns (bytes32) {
        bytes32[] memory legs = new bytes32[](order.legs.length);
        for (uint256 k; k < legs.length; ++k) {
            legs[k] = keccak256(abi.encode(LEG_TYPEHASH, order.legs[k].product, order.legs[k].coefficient));
        }
        return keccak256(
            abi.encode(
                ORDER_TYPEHASH,
                order.market,
                order.round,
                keccak256(abi.encodePacked(legs)),
                order.maxUnits,
                order.limit,
                order.trader,
                order.epoch,
                order.salt
            )
        );
    }

    function cancellationStructHash(uint32 market, uint32 round, bytes32 order) internal pure returns (bytes32) {
        return keccak256(abi.encode(CANCELLATION_TYPEHASH, market, round, order));
    }

    function receiptStructHash(uint32 market, uint32 round, bytes32 order, uint64 receivedAt)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(RECEIPT_TYPEHASH, market, round, order, receivedAt));
    }

    /// @notice Who made this compact (EIP-2098) signature; 0 when it is none.
    function signerOf(bytes32 digest, bytes calldata signature) internal pure returns (address) {
        if (signature.length != 64) return address(0);
        bytes32 r = bytes32(signature[:32]);
        uint256 yParityAndS = uint256(bytes32(signature[32:]));
        uint256 s = yParityAndS & type(uint256).max >> 1;
        if (s > HALF_ORDER) return address(0);
        return ecrecover(digest, uint8(27 + (yParityAndS >> 255)), r, bytes32(s));
    }

    /// @notice Whether `signer` made this compact signature. Code at the address is never called.
    function isSignedBy(bytes32 digest, bytes calldata signature, address signer) internal pure returns (bool) {
        return signer != address(0) && signerOf(digest, signature) == signer;
    }

    /// @notice What an order is known by: its hash where its trader signed it, else bound to the signer too, so
    /// that nobody's signature stands in for another's (docs/protocol.md section 2).
    function idOf(bytes32 hash, address trader, address signer) internal pure returns (bytes32) {
        return signer == trader ? hash : keccak256(abi.encodePacked(hash, signer));
    }

    /// @notice Whether the order can stand in a round of `slots` slots from `firstSlot` (docs/protocol.md section 2).
    function isWellFormed(Order calldata order, MarketParams storage params, uint256 firstSlot, uint256 slots)
        internal
        view
        returns (bool)
    {
        uint256 legs = order.legs.length;
        if (legs == 0 || legs > MAX_LEGS || order.maxUnits == 0) return false;
        if (legs > 1 && !takesCoupled(params)) return false;
        uint256 carriers = carriersOf(params, order.trader);
        uint256 weight;
        uint256 previous;
        for (uint256 k; k < legs; ++k) {
            Leg calldata leg = order.legs[k];
            int256 c = leg.coefficient;
            if (c == 0 || (legs == 1 && c != ONE_UNIT && c != -ONE_UNIT)) return false;
            if (k > 0 && leg.product <= previous) return false;
            previous = leg.product;
            if (
                leg.product >> 48 >= carriers || uint16(leg.product >> 32) >= params.zones
                    || uint32(leg.product) < firstSlot || uint32(leg.product) - firstSlot >= slots
            ) return false;
            weight += abs(c);
        }
        return isWithinCap(order.limit, weight, params.priceCap);
    }

    /// @notice Whether the market takes orders of several legs: only where it publishes a tolerance for the gap.
    /// Elsewhere every round is a one-product round, whose result the operator cannot choose.
    function takesCoupled(MarketParams storage params) internal view returns (bool) {
        return params.gapFloor | params.gapCap != 0;
    }

    /// @notice Carriers that a trader's legs may name: those of the network are its account's alone.
    function carriersOf(MarketParams storage params, address trader) internal view returns (uint256) {
        address network = params.network;
        return network == address(0) || trader == network ? params.carriers : params.openCarriers;
    }

    /// @notice Whether a market either has no network, or everything that one needs: open carriers for everybody,
    /// a description, and orders of several legs.
    function isNetworkSound(MarketParams storage params) internal view returns (bool) {
        if (params.network == address(0)) return params.openCarriers == 0 && params.networkHash == 0;
        return params.openCarriers != 0 && params.openCarriers <= params.carriers && params.networkHash != 0
            && takesCoupled(params);
    }

    /// @notice Whether the market trades tokens that its capacity source keeps (docs/protocol.md section 9).
    function isTokenised(MarketParams storage params) internal view returns (bool) {
        return params.capacityUnitWh == 0 && params.capacitySource != address(0);
    }

    function isWithinCap(int256 limit, uint256 weight, uint256 priceCap) internal pure returns (bool) {
        unchecked {
            return abs(limit) * uint256(ONE_UNIT) <= priceCap * weight;
        }
    }

    function abs(int256 x) internal pure returns (uint256) {
        unchecked {
            return uint256(x < 0 ? -x : x);
        }
    }
}
