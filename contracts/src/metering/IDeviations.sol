// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice What became of a reservation.
enum ReservationStatus {
    None,
    Open,
    Released,
    Used
}

/// @notice Slots of one account's meter in one period (bit i is slot i of the period) whose deviation
/// from a baseline `claimant` may use.
struct Reservation {
    ReservationStatus status;
    address claimant;
    address account;
    uint32 market;
    uint16 carrier;
    uint32 period;
    uint256 slots;
}

/// @title Each metered Wh of deviation is used once (docs/protocol.md section 10)
/// @notice Contracts that pay for a change of consumption (claimants) reserve the slots before they
/// begin and say afterwards how much of the deviation they used; imbalance then leaves that much out.
/// The second of a deadline is in time.
interface IDeviations {
    event Reserved(
        uint256 indexed id,
        uint32 indexed market,
        address indexed account,
        uint16 carrier,
        uint32 period,
        uint256 slots,
        address claimant
    );
    event Released(uint256 indexed id);
    /// @param values Wh of every slot of the period: positive a reduction of net consumption
    event Used(uint256 indexed id, int32[] values);

    /// @notice No slot, or one beyond the period's.
    error BadSlots(uint256 slots);
    /// @notice The account has no meter for this market and carrier.
    error NoDevice(address account);
    /// @notice The first of the slots begins, or began, at `startsAt`.
    error SlotsBegan(uint256 startsAt);
    /// @notice These of the slots are reserved already.
    error SlotsTaken(uint256 slots);
    /// @notice The reservation is another's, or nobody's.
    error NotClaimant(address caller);
    /// @notice The reservation was released or used before.
    error NotOpen(ReservationStatus status);
    /// @notice It had to be used by `deadline`.
    error UsedTooLate(uint256 deadline);
    /// @notice Not one value for each slot of the period.
    error BadLength(uint256 length);
    /// @notice A value in a slot that was not reserved.
    error NotReserved(uint256 slot);

    /// @notice Reserves slots before the first of them begins. Restricted (deviation claimant); the
    /// claimant has the account's consent.
    function reserve(
        uint32 market,
        address account,
        uint16 carrier,
        uint32 period,
        uint256 slots
    ) external returns (uint256 id);

    /// @notice Says that nothing will be used. Before the slots begin they are free again; later they
    /// still do not count as an ordinary day's. Only the reservation's claimant.
    function release(uint256 id) external;

    /// @notice Says how much was used in every slot of the period, once. Only the reservation's
    /// claimant, up to `claimBy`.
    function use(uint256 id, int32[] calldata values) external;

    function reservationOf(uint256 id) external view returns (Reservation memory);

    /// @notice Reservations are numbered from 1.
    function reservationCount() external view returns (uint256);

    /// @notice Slots of the period that are, or were when they began, reserved.
    function taken(uint32 market, address account, uint16 carrier, uint32 period)
        external
        view
        returns (uint256 slots);

    /// @notice What imbalance must know: whether something may still be used, and what was, Wh a slot
    /// (empty where nothing was).
    function usedOf(uint32 market, address account, uint16 carrier, uint32 period)
        external
        view
        returns (bool open, int32[] memory values);

    /// @notice The last second in which a deviation of the period can be used.
    function claimBy(uint32 market, uint32 period) external view returns (uint256);
}
