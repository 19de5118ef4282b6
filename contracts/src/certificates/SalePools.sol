// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {ERC1155Utils} from "@openzeppelin/contracts/token/ERC1155/utils/ERC1155Utils.sol";

import {MarketParams} from "../settlement/IExchange.sol";
import {ILedger} from "../settlement/ILedger.sol";
import {TokenisedProducts} from "../settlement/TokenisedProducts.sol";
import {BatchList} from "./BatchList.sol";
import {CertificateBatches} from "./CertificateBatches.sol";
import {IGreenCertificates, Parcel} from "./IGreenCertificates.sol";
import {Parcels} from "./Parcels.sol";

/// @notice Certificates for sale by class. A pool numbers what is offered in the order in which it comes; a sale
/// or a recall takes the next numbers. Which batches stand behind numbers is looked up when they are collected, so
/// that delivery costs the same however many batches it spans.
/// @dev `tail - head` of a pool is what its offers add up to, but while chunks of a settled round are still to be
/// applied. This contract's own balance of an id is what stands at positions that nobody has collected.
abstract contract SalePools is CertificateBatches, TokenisedProducts {
    using BatchList for BatchList.List;
    using Parcels for Parcels.Queue;

    struct Class {
        uint8 technology;
        uint16 zone;
    }

    /// @dev One batch in a pool, at the positions from the end of the lot before to `end`.
    struct Lot {
        uint256 id;
        uint96 end;
    }

    struct Pool {
        uint96 head;
        Lot[] lots;
    }

    /// @inheritdoc IGreenCertificates
    mapping(uint32 market => Class) public classOf;
    mapping(uint32 market => mapping(uint32 slot => Pool)) private _pools;
    mapping(uint32 market => mapping(uint32 slot => mapping(address holder => Parcels.Queue))) private _parcels;

    // ------------------------------------------------------------------ the market administrator

    /// @inheritdoc IGreenCertificates
    function bindMarket(uint32 market, uint8 technology, uint16 zone) external restricted nonReentrant {
        if (technology == 0) revert BadDevice();
        if (classOf[market].technology != 0) revert BoundBefore(market);
        MarketParams memory params = exchange.market(market);
        if (
            params.capacitySource != address(this) || params.capacityUnitWh != 0
                || params.slotSeconds != VINTAGE_SECONDS
        ) revert NotTradable(market);
        classOf[market] = Class(technology, zone);
        emit MarketBound(market, technology, zone);
    }

    // ------------------------------------------------------------------ into the pool

    /// @inheritdoc IGreenCertificates
    function offer(uint32 market, uint32 slot, uint256[] calldata ids, uint256[] calldata amounts)
        external
        nonReentrant
    {
        if (ids.length != amounts.length) revert LengthMismatch(ids.length, amounts.length);
        Class memory class = classOf[market];
        if (class.technology == 0) revert NotBound(market);
        Pool storage pool = _pools[market][slot];
        uint256 start = _tailOf(pool);
        uint256 tail = start;
        for (uint256 i; i < ids.length; ++i) {
            if (amounts[i] == 0) revert ILedger.ZeroAmount();
            _requireLive(ids[i]);
            _requireClass(class, slot, ids[i]);
            if (amounts[i] > type(uint96).max - tail) revert OfferTooLarge();
            emit Pooled(market, slot, ids[i], uint128(tail), uint128(amounts[i]));
            tail += amounts[i];
            pool.lots.push(Lot(ids[i], uint96(tail)));
        }
        _addOffer(market, slot, tail - start);
        ERC1155._update(msg.sender, address(this), ids, amounts);
    }

    function _requireClass(Class memory class, uint32 slot, uint256 id) private view {
        bool isOfClass = _technologyOf(id) == class.technology && _devices[_deviceOf(id)].zone == class.zone
            && expiryOf(id) == (uint256(slot) + 1) * VINTAGE_SECONDS;
        if (!isOfClass) revert OtherClass(id);
    }

    // ------------------------------------------------------------------ out of the pool

    /// @dev Of a sale or a recall: the next positions. There are as many, for what is sold or recalled was offered.
    function _fromEscrow(address to, uint32 market, uint32 slot, uint256 amount) internal override {
        Pool storage pool = _pools[market][slot];
        uint256 start = pool.head;
        unchecked {
            pool.head = uint96(start + amount);
        }
        _parcels[market][slot][to].push(start, amount);
        emit Assigned(market, slot, to, uint128(start), uint128(amount));
    }

    /// @inheritdoc IGreenCertificates
    function collect(uint32 market, uint32 slot, address holder, uint256 most)
        external
        nonReentrant
        returns (bool left)
    {
        if (most == 0) revert ILedger.ZeroAmount();
        Parcels.Queue storage queue = _parcels[market][slot][holder];
        if (queue.isEmpty()) revert NothingToCollect(holder);
        Lot[] storage lots = _pools[market][slot].lots;
        uint256 room = lots.length + queue.waiting;
        BatchList.List memory batches = BatchList.withRoomFor(most < room ? most : room);
        while (batches.count < batches.ids.length && !queue.isEmpty()) {
            (uint256 start, uint256 length) = queue.first();
            queue.take(_read(lots, start, length, batches));
        }
        left = !queue.isEmpty();

        (uint256[] memory ids, uint256[] memory amounts) = batches.trim();
        ERC1155._update(address(this), holder, ids, amounts);
        ERC1155Utils.checkOnERC1155BatchReceived(msg.sender, address(this), holder, ids, amounts, "");
    }

    /// @dev Adds what stands at the positions to `batches`, as far as it has room; returns how many positions.
    function _read(Lot[] storage lots, uint256 start, uint256 length, BatchList.List memory batches)
        private
        view
        returns (uint256 read)
    {
        for (uint256 i = _lotAt(lots, start); read < length && batches.count < batches.ids.length; ++i) {
            uint256 here = lots[i].end - start - read;
            uint256 wanted = length - read;
            uint256 amount = here < wanted ? here : wanted;
            batches.add(lots[i].id, amount);
            read += amount;
        }
    }

    /// @dev The lot with the position: the first one that ends behind it.
    function _lotAt(Lot[] storage lots, uint256 position) private view returns (uint256 low) {
        uint256 high = lots.length;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (lots[middle].end > position) high = middle;
            else low = middle + 1;
        }
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IGreenCertificates
    function poolOf(uint32 market, uint32 slot) external view returns (uint128 head, uint128 tail) {
        Pool storage pool = _pools[market][slot];
        return (pool.head, _tailOf(pool));
    }

    /// @inheritdoc IGreenCertificates
    function parcelsOf(uint32 market, uint32 slot, address holder) external view returns (Parcel[] memory) {
        return _parcels[market][slot][holder].all();
    }

    /// @inheritdoc IGreenCertificates
    function certificatesAt(uint32 market, uint32 slot, uint128 start, uint128 length)
        external
        view
        returns (uint256[] memory ids, uint256[] memory amounts)
    {
        Pool storage pool = _pools[market][slot];
        uint256 tail = _tailOf(pool);
        if (start >= tail) return (ids, amounts);
        uint256 inside = length < tail - start ? length : tail - start;
        uint256 first = _lotAt(pool.lots, start);
        BatchList.List memory batches = BatchList.withRoomFor(pool.lots.length - first);
        _read(pool.lots, start, inside, batches);
        return batches.trim();
    }

    function _tailOf(Pool storage pool) private view returns (uint96) {
        uint256 count = pool.lots.length;
        return count == 0 ? 0 : pool.lots[count - 1].end;
    }
}
