// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IMeterRegistry} from "../metering/IMeterRegistry.sol";
import {IExchange, MarketParams} from "../settlement/IExchange.sol";
import {CertifiedDevice, IGreenCertificates} from "./IGreenCertificates.sol";

/// @notice Which devices certificates are issued for, what a certificate's number says, and how long it lives.
abstract contract CertifiedDevices is IGreenCertificates, AccessManaged, ReentrancyGuardTransient {
    /// @inheritdoc IGreenCertificates
    uint256 public constant VINTAGE_SECONDS = 30 days;
    /// @inheritdoc IGreenCertificates
    uint256 public constant LIFETIME = 540 days;

    uint256 private constant DEVICE_SHIFT = 56;
    uint256 private constant PERIOD_SHIFT = 24;
    uint256 private constant SLOT_SHIFT = 8;

    IExchange private immutable _exchange;
    IMeterRegistry public immutable meters;

    mapping(address device => CertifiedDevice) internal _devices;

    constructor(address exchange_, address meters_) {
        _exchange = IExchange(exchange_);
        meters = IMeterRegistry(meters_);
    }

    // ------------------------------------------------------------------ the issuing body

    /// @inheritdoc IGreenCertificates
    function registerProducer(address device, uint8 technology, uint16 zone, uint32 fromPeriod)
        external
        restricted
        nonReentrant
    {
        if (technology == 0) revert BadDevice();
        uint32 market = _register(device, technology, zone, 0, fromPeriod);
        emit ProducerRegistered(device, market, technology, zone, fromPeriod);
    }

    /// @inheritdoc IGreenCertificates
    function correct(address device, uint8 technology, uint16 zone) external restricted nonReentrant {
        CertifiedDevice storage d = _known(device);
        if (d.issued) revert IssuedBefore(device);
        bool isStore = d.efficiencyBp != 0;
        if ((technology == 0) != isStore) revert BadDevice();
        d.technology = technology;
        d.zone = zone;
        emit DeviceCorrected(device, technology, zone);
    }

    /// @inheritdoc IGreenCertificates
    function withdraw(address device, uint32 untilPeriod) external restricted nonReentrant {
        CertifiedDevice storage d = _known(device);
        if (d.untilPeriod != 0) revert WithdrawnBefore(device, d.untilPeriod);
        _requireNotBegun(d, untilPeriod);
        d.untilPeriod = untilPeriod;
        emit DeviceWithdrawn(device, untilPeriod);
    }

    /// @return market the one in which the device meters
    function _register(address device, uint8 technology, uint16 zone, uint16 efficiencyBp, uint32 fromPeriod)
        internal
        returns (uint32 market)
    {
        IMeterRegistry.Device memory meter = _meterOf(device);
        if (meter.account == address(0)) revert UnknownDevice(device);
        CertifiedDevice storage d = _devices[device];
        if (d.periodSlots != 0) revert DeviceKnown(device);
        market = meter.market;
        MarketParams memory params = _exchange.market(market);
        d.market = market;
        d.zone = zone;
        d.technology = technology;
        d.efficiencyBp = efficiencyBp;
        d.fromPeriod = fromPeriod;
        d.slotSeconds = params.slotSeconds;
        d.periodSlots = params.periodSlots;
        _requireNotBegun(d, fromPeriod);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IGreenCertificates
    function certificateId(address device, uint32 period, uint16 slot, uint8 technology)
        public
        pure
        returns (uint256)
    {
        return uint256(uint160(device)) << DEVICE_SHIFT | uint256(period) << PERIOD_SHIFT
            | uint256(slot) << SLOT_SHIFT | technology;
    }

    /// @inheritdoc IGreenCertificates
    function deviceOf(address device) external view returns (CertifiedDevice memory) {
        return _devices[device];
    }

    /// @inheritdoc IGreenCertificates
    function expiryOf(uint256 id) public view returns (uint256) {
        (, uint256 startsAt) = _intervalOf(id);
        return (startsAt / VINTAGE_SECONDS + 1) * VINTAGE_SECONDS + LIFETIME;
    }

    // ------------------------------------------------------------------ parts

    function _meterOf(address device) internal view returns (IMeterRegistry.Device memory) {
        return meters.deviceInfo(device);
    }

    function _known(address device) internal view returns (CertifiedDevice storage d) {
        d = _devices[device];
        if (d.periodSlots == 0) revert NotCertified(device);
    }

    function _producer(address device) internal view returns (CertifiedDevice storage d) {
        d = _devices[device];
        if (d.technology == 0) revert NotCertified(device);
    }

    function _store(address device) internal view returns (CertifiedDevice storage d) {
        d = _devices[device];
        if (d.efficiencyBp == 0) revert NotCertified(device);
    }

    function _requireCounts(CertifiedDevice storage d, address device, uint32 period) internal view {
        if (period < d.fromPeriod || (d.untilPeriod != 0 && period >= d.untilPeriod)) {
            revert OutsideRegistration(device, period);
        }
    }

    /// @dev The hash of the final reading; 0 where there is finally none.
    function _finalReading(address device, uint32 period) internal view returns (bytes32) {
        (bool isFinal, bytes32 valuesHash) = meters.finalReading(device, period);
        if (!isFinal) revert ReadingNotFinal(device, period);
        return valuesHash;
    }

    function _requireLive(uint256 id) internal view {
        uint256 expiresAt = expiryOf(id);
        if (block.timestamp >= expiresAt) revert CertificateExpired(id, expiresAt);
    }

    /// @dev The device that a certificate names, and when the interval begins.
    function _intervalOf(uint256 id) internal view returns (CertifiedDevice storage d, uint256 startsAt) {
        d = _known(_deviceOf(id));
        startsAt = _slotStart(d, uint32(id >> PERIOD_SHIFT), uint16(id >> SLOT_SHIFT));
    }

    function _slotStart(CertifiedDevice storage d, uint32 period, uint256 slot) internal view returns (uint256) {
        return (uint256(period) * d.periodSlots + slot) * d.slotSeconds;
    }

    function _technologyOf(uint256 id) internal pure returns (uint8) {
        return uint8(id);
    }

    function _deviceOf(uint256 id) internal pure returns (address) {
        return address(uint160(id >> DEVICE_SHIFT));
    }

    function _requireNotBegun(CertifiedDevice storage d, uint32 period) private view {
        uint256 startsAt = _slotStart(d, period, 0);
        if (block.timestamp >= startsAt) revert PeriodBegan(startsAt);
    }
}
