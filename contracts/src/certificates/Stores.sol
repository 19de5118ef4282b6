// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IMeterRegistry} from "../metering/IMeterRegistry.sol";
import {ReadingValues} from "../metering/ReadingValues.sol";
import {BatchList} from "./BatchList.sol";
import {CertificateBatches} from "./CertificateBatches.sol";
import {CertifiedDevice, Charge, IGreenCertificates, StoreView} from "./IGreenCertificates.sol";
import {StoreMix} from "./StoreMix.sol";

/// @notice Certificates that go into a store with the energy charged, and come out of it less its losses.
abstract contract Stores is CertificateBatches {
    using BatchList for BatchList.List;
    using StoreMix for StoreMix.Mix;

    uint256 private constant SECONDS_PER_HOUR = 3_600;
    uint256 private constant FULL_BP = 10_000;
    /// @dev Of a store's period, so that accounting it always fits a transaction.
    uint256 private constant MOST_BATCHES = 256;

    struct Store {
        uint64 capacityWh;
        uint64 energyWh;
        uint32 nextPeriod;
        /// Packed by StoreMix.
        uint32 technologies;
        uint256 greenWh;
    }

    /// @dev What the accounting of one period carries from slot to slot.
    struct Walk {
        address device;
        uint32 period;
        uint256 nextCharge;
        StoreMix.Mix mix;
        BatchList.List batches;
    }

    mapping(address device => Store) private _stores;

    /// @inheritdoc IGreenCertificates
    function registerStore(
        address device,
        uint16 zone,
        uint16 efficiencyBp,
        uint64 capacityWh,
        uint32 fromPeriod
    ) external restricted nonReentrant {
        if (efficiencyBp == 0 || efficiencyBp > FULL_BP || capacityWh == 0) revert BadDevice();
        uint32 market = _register(device, 0, zone, efficiencyBp, fromPeriod);
        Store storage s = _stores[device];
        s.capacityWh = capacityWh;
        s.energyWh = capacityWh;
        s.nextPeriod = fromPeriod;
        emit StoreRegistered(device, market, zone, efficiencyBp, capacityWh, fromPeriod);
    }

    /// @inheritdoc IGreenCertificates
    function account(address device, uint32 period, bytes calldata values, Charge[] calldata charges)
        external
        nonReentrant
        returns (uint256 amount)
    {
        CertifiedDevice storage d = _store(device);
        IMeterRegistry.Device memory meter = _meterOf(device);
        if (msg.sender != meter.account) revert NotOwner(device, msg.sender);
        Store storage s = _stores[device];
        if (period != s.nextPeriod) revert PeriodOutOfOrder(s.nextPeriod);
        _requireCounts(d, device, period);
        bool isRead = _requireReadingOrNone(device, period, values);
        uint256 slots = d.periodSlots;
        _requireInOrder(charges, slots);

        Walk memory walk;
        walk.device = device;
        walk.period = period;
        walk.mix = _mixOf(s, d.efficiencyBp);
        walk.batches = BatchList.withRoomFor(MOST_BATCHES);
        uint256 reachWh = uint256(meter.capacityW) * d.slotSeconds / SECONDS_PER_HOUR;
        for (uint256 slot; slot < slots; ++slot) {
            int256 wh = isRead ? ReadingValues.valueOf(values, slot) : ReadingValues.MISSING;
            uint256 chargedWh = wh > 0 ? uint256(wh) : 0;
            _takeCharges(walk, d, charges, slot, chargedWh);
            if (wh == ReadingValues.MISSING) walk.mix.charge(reachWh);
            else if (wh > 0) walk.mix.charge(chargedWh);
            else if (wh < 0) _discharge(walk, slot, uint256(-wh));
        }

        _write(s, walk.mix);
        s.nextPeriod = period + 1;
        d.issued = true;
        amount = walk.batches.total;
        emit StoreAccounted(device, period, uint64(walk.mix.energyWh), uint64(walk.mix.greenSum()));
        if (amount != 0) _issue(msg.sender, walk.batches);
    }

    /// @inheritdoc IGreenCertificates
    function storeOf(address device) external view returns (StoreView memory view_) {
        Store storage s = _stores[device];
        StoreMix.Mix memory mix = _mixOf(s, 0);
        (view_.capacityWh, view_.energyWh, view_.nextPeriod) = (s.capacityWh, s.energyWh, s.nextPeriod);
        view_.technologies = new uint8[](mix.count);
        view_.greenWh = new uint64[](mix.count);
        for (uint256 i; i < mix.count; ++i) {
            view_.technologies[i] = uint8(mix.technologies[i]);
            view_.greenWh[i] = uint64(mix.greenWh[i]);
        }
    }

    // ------------------------------------------------------------------ slot by slot

    /// @dev Retires the certificates that are given for the energy charged in the slot.
    function _takeCharges(
        Walk memory walk,
        CertifiedDevice storage d,
        Charge[] calldata charges,
        uint256 slot,
        uint256 chargedWh
    ) private {
        uint256 leftWh = chargedWh;
        while (walk.nextCharge < charges.length && charges[walk.nextCharge].slot == slot) {
            Charge calldata given = charges[walk.nextCharge++];
            if (given.amount > leftWh) revert BeyondCharge(slot, chargedWh);
            leftWh -= given.amount;
            _requireSimultaneous(d, walk.period, slot, given.id);
            _retire(msg.sender, given.id, given.amount);
            emit Stored(walk.device, walk.period, uint16(slot), given.id, given.amount);
            walk.mix.addGreen(_technologyOf(given.id), given.amount);
        }
    }

    function _discharge(Walk memory walk, uint256 slot, uint256 dischargedWh) private pure {
        uint256[4] memory parts = walk.mix.discharge(dischargedWh);
        for (uint256 i; i < walk.mix.count; ++i) {
            if (parts[i] == 0 || walk.batches.count == MOST_BATCHES) continue;
            uint8 technology = uint8(walk.mix.technologies[i]);
            uint256 id = certificateId(walk.device, walk.period, uint16(slot), technology);
            walk.batches.add(id, parts[i]);
        }
    }

    /// @dev The certificate's interval lies in the slot, and its zone is the store's.
    function _requireSimultaneous(CertifiedDevice storage d, uint32 period, uint256 slot, uint256 id)
        private
        view
    {
        (CertifiedDevice storage source, uint256 startsAt) = _intervalOf(id);
        uint256 slotStartsAt = _slotStart(d, period, slot);
        if (
            source.zone != d.zone || startsAt < slotStartsAt
                || startsAt + source.slotSeconds > slotStartsAt + d.slotSeconds
        ) revert NotSimultaneous(id);
    }

    function _requireInOrder(Charge[] calldata charges, uint256 slots) private pure {
        for (uint256 i; i < charges.length; ++i) {
            if (charges[i].slot >= slots) revert BadSlots(charges[i].slot, 1);
            if (i != 0 && charges[i].slot < charges[i - 1].slot) revert ChargesOutOfOrder(i);
        }
    }

    /// @return isRead whether there is a reading; without one `values` are empty
    function _requireReadingOrNone(address device, uint32 period, bytes calldata values)
        private
        view
        returns (bool isRead)
    {
        bytes32 valuesHash = _finalReading(device, period);
        isRead = valuesHash != 0;
        if (isRead ? keccak256(values) != valuesHash : values.length != 0) {
            revert WrongReading(device, period);
        }
    }

    // ------------------------------------------------------------------ storage

    function _mixOf(Store storage s, uint256 efficiencyBp) private view returns (StoreMix.Mix memory mix) {
        mix.capacityWh = s.capacityWh;
        mix.efficiencyBp = efficiencyBp;
        mix.energyWh = s.energyWh;
        mix.unpack(s.technologies, s.greenWh);
    }

    function _write(Store storage s, StoreMix.Mix memory mix) private {
        s.energyWh = uint64(mix.energyWh);
        (s.technologies, s.greenWh) = mix.pack();
    }
}
