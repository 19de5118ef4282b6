// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {IExchange, MarketParams} from "../settlement/IExchange.sol";
import {IMeterRegistry, ReadingStatus, Resolution} from "./IMeterRegistry.sol";
import {ReadingValues} from "./ReadingValues.sol";

/// @title Registry of meters and their readings; see IMeterRegistry
contract MeterRegistry is IMeterRegistry, AccessManaged, EIP712 {
    uint256 public constant POST_WINDOW = 2 days;
    uint256 public constant DISPUTE_WINDOW = 1 days;
    uint256 public constant RESOLVE_WINDOW = 3 days;

    bytes32 private constant READINGS_TYPE =
        keccak256("Readings(address device,uint32 market,uint32 period,bytes32 values)");
    uint256 private constant SIGNATURE_BYTES = 64;
    uint256 private constant SECONDS_PER_HOUR = 3_600;

    struct Reading {
        bytes32 valuesHash;
        uint48 postedAt;
        uint48 disputedAt;
        ReadingStatus status;
    }

    /// @dev What never changes about a market and every reading needs.
    struct Calendar {
        uint32 slotSeconds;
        uint16 periodSlots;
    }

    IExchange public immutable exchange;

    mapping(address device => Device) private _devices;
    mapping(uint32 market => mapping(address account => mapping(uint16 carrier => address)))
        public deviceOf;
    mapping(address key => bool) private _keyUsed;
    mapping(uint32 market => Calendar) private _calendars;
    mapping(address device => mapping(uint32 period => Reading)) private _readings;
    mapping(uint32 market => mapping(uint32 period => uint256)) public covered;

    /// @param manager the AccessManager that knows the meter registrar and the meter authority
    /// @param exchange_ where markets are defined
    constructor(address manager, address exchange_) AccessManaged(manager) EIP712("Wattproof", "1") {
        exchange = IExchange(exchange_);
    }

    function register(
        address device,
        uint32 market,
        address account,
        uint16 carrier,
        uint48 capacityW
    ) external restricted {
        if (device == address(0) || account == address(0) || capacityW == 0) revert ZeroValue();
        MarketParams memory params = exchange.market(market);
        if (carrier >= params.carriers) revert UnknownCarrier(carrier);
        address other = deviceOf[market][account][carrier];
        if (other != address(0)) revert AccountHasDevice(other);
        _takeKey(device);

        _devices[device] = Device(account, market, carrier, capacityW, device);
        deviceOf[market][account][carrier] = device;
        _calendars[market] = Calendar(params.slotSeconds, params.periodSlots);
        emit DeviceRegistered(device, market, account, carrier, capacityW);
    }

    function rotateKey(address device, address newKey) external restricted {
        if (newKey == address(0)) revert ZeroValue();
        if (_devices[device].account == address(0)) revert UnknownDevice(device);
        _takeKey(newKey);
        _devices[device].key = newKey;
        emit KeyRotated(device, newKey);
    }

    function post(
        address device,
        uint32 market,
        uint32 period,
        bytes calldata values,
        bytes calldata signature
    ) external {
        Device memory meter = _devices[device];
        if (meter.account == address(0)) revert UnknownDevice(device);
        if (meter.market != market) revert WrongMarket(market);
        Reading storage current = _readings[device][period];
        if (current.status != ReadingStatus.None) revert PostedBefore(device, period);
        Calendar memory calendar = _calendars[market];
        uint256 endsAt = _endOf(calendar, period);
        if (block.timestamp < endsAt) revert PeriodNotOver(endsAt);
        if (block.timestamp > endsAt + POST_WINDOW) revert PostedTooLate(endsAt + POST_WINDOW);

        bytes32 valuesHash = keccak256(values);
        bytes32 structHash =
            keccak256(abi.encode(READINGS_TYPE, device, market, period, valuesHash));
        _requireSignature(meter.key, _hashTypedDataV4(structHash), signature);
        covered[market][period] |= _checkValues(values, calendar, meter.capacityW);

        current.valuesHash = valuesHash;
        current.postedAt = uint48(block.timestamp);
        current.status = ReadingStatus.Posted;
        emit ReadingsPosted(device, market, period, values);
    }

    function dispute(address device, uint32 period) external {
        if (msg.sender != _devices[device].account) _checkCanCall(msg.sender, msg.data);
        Reading storage current = _readings[device][period];
        if (current.status != ReadingStatus.Posted) revert NotDisputable(current.status);
        uint256 deadline = current.postedAt + DISPUTE_WINDOW;
        if (block.timestamp > deadline) revert DisputedTooLate(deadline);
        current.disputedAt = uint48(block.timestamp);
        current.status = ReadingStatus.Disputed;
        emit ReadingDisputed(device, period, msg.sender);
    }

    function resolve(address device, uint32 period, Resolution resolution, bytes calldata values)
        external
        restricted
    {
        Reading storage current = _readings[device][period];
        if (current.status != ReadingStatus.Disputed) revert NotDisputed(current.status);
        uint256 deadline = current.disputedAt + RESOLVE_WINDOW;
        if (block.timestamp > deadline) revert ResolvedTooLate(deadline);

        if (resolution == Resolution.Replace) {
            Device memory meter = _devices[device];
            // Coverage stays what was posted: others may have closed on it already.
            _checkValues(values, _calendars[meter.market], meter.capacityW);
            current.valuesHash = keccak256(values);
            current.status = ReadingStatus.Replaced;
        } else {
            if (values.length != 0) revert BadLength(values.length);
            if (resolution == Resolution.Void) {
                current.valuesHash = 0;
                current.status = ReadingStatus.Void;
            } else {
                current.status = ReadingStatus.Kept;
            }
        }
        emit ReadingResolved(device, period, resolution, values);
    }

    function deviceInfo(address device) external view returns (Device memory) {
        return _devices[device];
    }

    function keyOf(address device) external view returns (address) {
        return _devices[device].key;
    }

    function reading(address device, uint32 period)
        external
        view
        returns (bytes32 valuesHash, uint256 postedAt, ReadingStatus status, uint256 disputedAt)
    {
        Reading memory current = _readings[device][period];
        return (current.valuesHash, current.postedAt, current.status, current.disputedAt);
    }

    function finalReading(address device, uint32 period)
        external
        view
        returns (bool isFinal, bytes32 valuesHash)
    {
        Reading memory current = _readings[device][period];
        if (current.status == ReadingStatus.None) {
            uint32 market = _devices[device].market;
            isFinal = block.timestamp > _endOf(_calendars[market], period) + POST_WINDOW;
        } else if (current.status == ReadingStatus.Posted) {
            isFinal = block.timestamp > current.postedAt + DISPUTE_WINDOW;
        } else if (current.status == ReadingStatus.Disputed) {
            isFinal = block.timestamp > current.disputedAt + RESOLVE_WINDOW;
        } else {
            isFinal = true;
        }
        valuesHash = current.valuesHash;
    }

    /// @dev Checks number and size of the values; returns the slots that have one, bit i for slot i.
    function _checkValues(bytes calldata values, Calendar memory calendar, uint256 capacityW)
        private
        pure
        returns (uint256 slots)
    {
        uint256 periodSlots = calendar.periodSlots;
        if (values.length != periodSlots * ReadingValues.BYTES_PER_SLOT) {
            revert BadLength(values.length);
        }
        uint256 most = capacityW * calendar.slotSeconds / SECONDS_PER_HOUR;
        for (uint256 slot; slot < periodSlots; ++slot) {
            int256 wh = ReadingValues.valueOf(values, slot);
            if (wh == ReadingValues.MISSING) continue;
            if (uint256(wh < 0 ? -wh : wh) > most) revert BeyondCapacity(slot);
            slots |= 1 << slot;
        }
    }

    function _takeKey(address key) private {
        if (_keyUsed[key]) revert KeyUsed(key);
        _keyUsed[key] = true;
    }

    function _requireSignature(address key, bytes32 digest, bytes calldata signature) private pure {
        if (signature.length != SIGNATURE_BYTES) revert InvalidSignature();
        (address signer, ECDSA.RecoverError problem,) =
            ECDSA.tryRecover(digest, bytes32(signature[:32]), bytes32(signature[32:]));
        if (problem != ECDSA.RecoverError.NoError || signer != key) revert InvalidSignature();
    }

    function _endOf(Calendar memory calendar, uint32 period) private pure returns (uint256) {
        return (uint256(period) + 1) * calendar.periodSlots * calendar.slotSeconds;
    }
}
