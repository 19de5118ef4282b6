// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";

import {ReadingValues} from "../metering/ReadingValues.sol";
import {ILedger} from "../settlement/ILedger.sol";
import {BatchList} from "./BatchList.sol";
import {CertifiedDevices} from "./CertifiedDevices.sol";
import {Batch, CertifiedDevice, IGreenCertificates} from "./IGreenCertificates.sol";

/// @notice Certificates from their issue to their end, and how they move between holders.
/// @dev For every id: issued = sum of balances + retired + expired.
abstract contract CertificateBatches is CertifiedDevices, ERC1155 {
    using BatchList for BatchList.List;

    /// @dev What a slot's `int32` values amount to in a batch's life is far below 64 bits.
    struct Amounts {
        uint64 issuedWh;
        uint64 retiredWh;
        uint64 expiredWh;
    }

    mapping(uint256 id => Amounts) private _amounts;
    /// @inheritdoc IGreenCertificates
    mapping(address device => mapping(uint32 period => uint256)) public issuedSlots;
    /// @inheritdoc IGreenCertificates
    mapping(address beneficiary => mapping(uint256 id => uint256)) public claimedBalanceOf;

    constructor() ERC1155("") {}

    // ------------------------------------------------------------------ issue

    /// @inheritdoc IGreenCertificates
    function issue(address device, uint32 period, uint16 firstSlot, uint16 slots, bytes calldata values)
        external
        nonReentrant
        returns (uint256 amount)
    {
        CertifiedDevice storage d = _producer(device);
        uint256 end = uint256(firstSlot) + slots;
        if (slots == 0 || end > d.periodSlots) revert BadSlots(firstSlot, slots);
        _requireCounts(d, device, period);
        if (keccak256(values) != _finalReading(device, period)) revert WrongReading(device, period);

        uint8 technology = d.technology;
        uint256 issued = issuedSlots[device][period];
        BatchList.List memory batches = BatchList.withRoomFor(slots);
        for (uint256 slot = firstSlot; slot < end; ++slot) {
            int256 wh = ReadingValues.valueOf(values, slot);
            if (wh >= 0 || wh == ReadingValues.MISSING || issued >> slot & 1 != 0) continue;
            uint256 id = certificateId(device, period, uint16(slot), technology);
            _requireLive(id);
            issued |= 1 << slot;
            batches.add(id, uint256(-wh));
        }
        if (batches.count == 0) revert NothingToIssue();
        issuedSlots[device][period] = issued;
        d.issued = true;
        _issue(_meterOf(device).account, batches);
        return batches.total;
    }

    /// @dev Calls the receiver's hook, so whoever calls this does so last.
    function _issue(address to, BatchList.List memory batches) internal {
        (uint256[] memory ids, uint256[] memory amounts) = batches.trim();
        for (uint256 i; i < ids.length; ++i) {
            _amounts[ids[i]].issuedWh = uint64(amounts[i]);
            emit BatchIssued(ids[i], to, amounts[i]);
        }
        _mintBatch(to, ids, amounts, "");
    }

    // ------------------------------------------------------------------ end

    /// @inheritdoc IGreenCertificates
    function retire(
        address from,
        uint256[] calldata ids,
        uint256[] calldata amounts,
        address beneficiary,
        string calldata purpose
    ) external nonReentrant {
        if (beneficiary == address(0)) revert ILedger.ZeroAddress();
        if (ids.length != amounts.length) revert LengthMismatch(ids.length, amounts.length);
        if (ids.length == 0) revert ILedger.ZeroAmount();
        _checkAuthorized(msg.sender, from);
        bytes memory claimData = abi.encode(purpose);
        for (uint256 i; i < ids.length; ++i) {
            _retire(from, ids[i], amounts[i]);
            claimedBalanceOf[beneficiary][ids[i]] += amounts[i];
            emit ClaimSingle(from, beneficiary, _technologyOf(ids[i]), ids[i], amounts[i], claimData);
        }
    }

    function _retire(address from, uint256 id, uint256 amount) internal {
        if (amount == 0) revert ILedger.ZeroAmount();
        _requireLive(id);
        _burn(from, id, amount);
        _amounts[id].retiredWh += uint64(amount);
    }

    /// @inheritdoc IGreenCertificates
    /// @dev What this contract holds is for sale or was sold: its owners collect it first.
    function expire(address holder, uint256[] calldata ids) external nonReentrant {
        if (holder == address(this)) revert ERC1155InvalidSender(holder);
        bool isAny;
        for (uint256 i; i < ids.length; ++i) {
            uint256 id = ids[i];
            uint256 expiresAt = expiryOf(id);
            if (block.timestamp < expiresAt) revert NotExpired(id, expiresAt);
            uint256 amount = balanceOf(holder, id);
            if (amount == 0) continue;
            isAny = true;
            _burn(holder, id, amount);
            _amounts[id].expiredWh += uint64(amount);
            emit Expired(holder, id, amount);
        }
        if (!isAny) revert ILedger.ZeroAmount();
    }

    // ------------------------------------------------------------------ transfer

    /// @dev Nothing can be entered from a receiver's hook.
    function safeTransferFrom(address from, address to, uint256 id, uint256 value, bytes memory data)
        public
        override
        nonReentrant
    {
        super.safeTransferFrom(from, to, id, value, data);
    }

    function safeBatchTransferFrom(
        address from,
        address to,
        uint256[] memory ids,
        uint256[] memory values,
        bytes memory data
    ) public override nonReentrant {
        super.safeBatchTransferFrom(from, to, ids, values, data);
    }

    function setApprovalForAll(address operator, bool approved) public override nonReentrant {
        super.setApprovalForAll(operator, approved);
    }

    /// @dev Every movement but those into and out of the sale pools: never to this contract, which could not
    /// give it back, and between holders only until the expiry.
    function _update(address from, address to, uint256[] memory ids, uint256[] memory values)
        internal
        override
    {
        if (to == address(this)) revert ERC1155InvalidReceiver(to);
        if (from != address(0) && to != address(0)) {
            for (uint256 i; i < ids.length; ++i) {
                _requireLive(ids[i]);
            }
        }
        super._update(from, to, ids, values);
    }

    // ------------------------------------------------------------------ views

    /// @dev What a certificate says is on the chain; there is no page about it.
    function uri(uint256) public pure override returns (string memory) {
        return "";
    }

    /// @inheritdoc IGreenCertificates
    function batchOf(uint256 id) external view returns (Batch memory batch) {
        Amounts memory amounts = _amounts[id];
        if (amounts.issuedWh == 0) return batch;
        (CertifiedDevice storage d, uint256 startsAt) = _intervalOf(id);
        return Batch({
            device: _deviceOf(id),
            startsAt: uint40(startsAt),
            endsAt: uint40(startsAt + d.slotSeconds),
            technology: _technologyOf(id),
            zone: d.zone,
            vintage: uint32(startsAt / VINTAGE_SECONDS),
            issuedWh: amounts.issuedWh,
            retiredWh: amounts.retiredWh,
            expiredWh: amounts.expiredWh
        });
    }

    /// @inheritdoc IGreenCertificates
    function claimedBalanceOfBatch(address[] calldata beneficiaries, uint256[] calldata ids)
        external
        view
        returns (uint256[] memory claimed)
    {
        if (beneficiaries.length != ids.length) revert LengthMismatch(ids.length, beneficiaries.length);
        claimed = new uint256[](ids.length);
        for (uint256 i; i < ids.length; ++i) {
            claimed[i] = claimedBalanceOf[beneficiaries[i]][ids[i]];
        }
    }
}
