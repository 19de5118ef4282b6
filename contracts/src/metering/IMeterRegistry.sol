// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice What became of a reading.
enum ReadingStatus {
    None,
    Posted,
    Disputed,
    Kept,
    Replaced,
    Void
}

/// @notice How the meter authority ends a dispute.
enum Resolution {
    Keep,
    Replace,
    Void
}

/// @title Registry of meters and their readings (docs/protocol.md section 5)
/// @notice A device signs one message a period with its own key: the energy of every slot, `int32` Wh
/// each, import positive, `type(int32).min` where it has none. A reading is final once its time for
/// disputes has passed, or the dispute was resolved, or the time for resolving it has passed (the
/// reading is then kept). The last second of every deadline still counts.
interface IMeterRegistry {
    /// @dev `key` signs now; the device is known by the address of its first key for ever.
    struct Device {
        address account;
        uint32 market;
        uint16 carrier;
        uint48 capacityW;
        address key;
    }

    event DeviceRegistered(
        address indexed device,
        uint32 indexed market,
        address indexed account,
        uint16 carrier,
        uint48 capacityW
    );
    event KeyRotated(address indexed device, address key);
    event ReadingsPosted(
        address indexed device, uint32 indexed market, uint32 indexed period, bytes values
    );
    event ReadingDisputed(address indexed device, uint32 indexed period, address by);
    /// @dev `values` is empty unless the reading was replaced.
    event ReadingResolved(
        address indexed device, uint32 indexed period, Resolution resolution, bytes values
    );

    /// @notice A zero device, account, key or capacity.
    error ZeroValue();
    /// @notice The exchange has no such market.
    error UnknownMarket(uint32 market);
    /// @notice The market has no such carrier.
    error UnknownCarrier(uint16 carrier);
    /// @notice The account has `device` for this market and carrier already; rotate its key instead.
    error AccountHasDevice(address device);
    /// @notice The key belongs, or belonged, to a device.
    error KeyUsed(address key);
    /// @notice No device of this name was registered.
    error UnknownDevice(address device);
    /// @notice The device is registered to another market.
    error WrongMarket(uint32 market);
    /// @notice Values of another number of slots than a period has.
    error BadLength(uint256 length);
    /// @notice The period is not over before `endsAt`.
    error PeriodNotOver(uint256 endsAt);
    /// @notice The reading had to arrive by `deadline`.
    error PostedTooLate(uint256 deadline);
    /// @notice The device has posted this period before.
    error PostedBefore(address device, uint32 period);
    /// @notice Not 64 bytes of the device's current key over these readings.
    error InvalidSignature();
    /// @notice More energy in the slot (counted in the period) than the device's capacity allows.
    error BeyondCapacity(uint256 slot);
    /// @notice There is no reading, or it was disputed before.
    error NotDisputable(ReadingStatus status);
    /// @notice The dispute had to arrive by `deadline`.
    error DisputedTooLate(uint256 deadline);
    /// @notice The reading is not in dispute.
    error NotDisputed(ReadingStatus status);
    /// @notice The dispute had to be resolved by `deadline`; the reading was kept.
    error ResolvedTooLate(uint256 deadline);

    /// @notice Seconds after a period's end in which its readings are taken.
    function POST_WINDOW() external view returns (uint256);

    /// @notice Seconds after its posting in which a reading may be disputed.
    function DISPUTE_WINDOW() external view returns (uint256);

    /// @notice Seconds after a dispute in which it may be resolved.
    function RESOLVE_WINDOW() external view returns (uint256);

    /// @notice Registers a device with one account, market and carrier. Restricted (meter registrar).
    /// @param device address of its first key
    /// @param capacityW the most it can measure in either direction, W
    function register(
        address device,
        uint32 market,
        address account,
        uint16 carrier,
        uint48 capacityW
    ) external;

    /// @notice Replaces a device's key; the old one signs nothing any more. Restricted (meter
    /// registrar): an account that could name the key could write its own readings.
    function rotateKey(address device, address newKey) external;

    /// @notice Posts a device's readings of one period; anybody may bring them.
    /// @param values `periodSlots` big-endian `int32` Wh
    /// @param signature of the device's key over
    /// `Readings(address device,uint32 market,uint32 period,bytes32 values)` with the hash of `values`
    /// (EIP-712, this contract), in the compact form of EIP-2098
    function post(
        address device,
        uint32 market,
        uint32 period,
        bytes calldata values,
        bytes calldata signature
    ) external;

    /// @notice Disputes a reading: its account, or the meter authority. Once.
    function dispute(address device, uint32 period) external;

    /// @notice Ends a dispute; final at once. Restricted (meter authority).
    /// @param values the values that replace the reading; empty otherwise
    function resolve(address device, uint32 period, Resolution resolution, bytes calldata values)
        external;

    /// @notice A device; all zero if it was never registered.
    function deviceInfo(address device) external view returns (Device memory);

    /// @notice The key that signs for `device` now.
    function keyOf(address device) external view returns (address);

    /// @notice The device of an account for a market's carrier; zero if it has none.
    function deviceOf(uint32 market, address account, uint16 carrier) external view returns (address);

    /// @notice A reading as it stands, `valuesHash` 0 if there is none or it was declared void.
    function reading(address device, uint32 period)
        external
        view
        returns (bytes32 valuesHash, uint256 postedAt, ReadingStatus status, uint256 disputedAt);

    /// @notice Whether a registered device's reading can no longer change, and its hash: 0 where it
    /// is finally without one.
    function finalReading(address device, uint32 period)
        external
        view
        returns (bool isFinal, bytes32 valuesHash);

    /// @notice Slots of the period that some posted reading of the market covers: bit i is slot i of
    /// the period. Fixed once POST_WINDOW has passed.
    function covered(uint32 market, uint32 period) external view returns (uint256);
}
