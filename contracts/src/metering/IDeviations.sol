// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Deviations: each metered Wh is used once (docs/protocol.md section 10)
/// @notice Says which slots' deviation from a baseline is claimed by a claimant contract (energy
/// credits, demand response) and how much of it was used. A slot of an account, carrier and period is
/// reserved by one claimant at a time, before it begins; used once and for ever. Imbalance waits for
/// what is reserved and leaves out what was used, so nothing is paid twice.
/// @dev Holds no money. `slots` are bitmaps: bit i is slot i of the period.
interface IDeviations {
    /// @dev A reservation that is neither used nor released. Its claimant alone may end it.
    struct Reservation {
        address claimant;
        uint32 market;
        uint16 carrier;
        uint32 period;
        address account;
        uint256 slots;
    }

    event SlotsReserved(
        uint256 indexed reservation,
        uint32 indexed market,
        address indexed account,
        uint16 carrier,
        uint32 period,
        uint256 slots,
        address claimant
    );
    event ReservationReleased(uint256 indexed reservation);
    /// @param values Wh of every slot of the period, as given to `use`
    event DeviationUsed(uint256 indexed reservation, int32[] values);

    /// @notice No slot, or one that the market's periods do not have.
    error BadSlots(uint256 slots);
    /// @notice The account has no meter for this market and carrier.
    error NoMeter(address account);
    /// @notice The first of the slots began at `startedAt`.
    error SlotBegan(uint256 startedAt);
    /// @notice These of the slots are reserved or used.
    error SlotReserved(uint256 slots);
    /// @notice The caller holds no such reservation, or has used or released it.
    error NotReserved(uint256 reservation);
    /// @notice The reservation is dead: it had to be used or released by `claimBy`.
    error ReservationDead(uint256 claimBy);
    /// @notice Values of another number of slots than a period has.
    error WrongSlotCount(uint256 wanted);
    /// @notice A value other than 0 for a slot (counted in the period) that is not reserved.
    error OutsideReservation(uint256 slot);

    /// @notice Reserves slots for the caller, who has the account's consent. Restricted (claimants).
    /// @param slots none of them begun, reserved or used
    /// @return reservation its number, from 1
    function reserve(
        uint32 market,
        address account,
        uint16 carrier,
        uint32 period,
        uint256 slots
    ) external returns (uint256 reservation);

    /// @notice Ends a reservation of the caller: nothing is used, the slots are free again. Restricted.
    function release(uint256 reservation) external;

    /// @notice Ends a reservation of the caller: so much of the deviation is used. Restricted.
    /// @param values for every slot of the period Wh, positive for a reduction of net consumption,
    /// negative for an increase; 0 outside the reserved slots
    function use(uint256 reservation, int32[] calldata values) external;

    /// @notice The last second in which reservations of the period can be used or released.
    function claimBy(uint32 market, uint32 period) external view returns (uint256);

    /// @notice The slots of the period that are reserved (dead reservations too) or used.
    function reservedSlots(uint32 market, address account, uint16 carrier, uint32 period)
        external
        view
        returns (uint256);

    /// @notice What imbalance needs to know.
    /// @return live slots that can still be used, so that imbalance waits
    /// @return values Wh used in every slot of the period; empty where nothing was reserved
    function usesOf(uint32 market, address account, uint16 carrier, uint32 period)
        external
        view
        returns (uint256 live, int32[] memory values);

    /// @notice A reservation, all zero once it was used or released.
    function reservationOf(uint256 reservation) external view returns (Reservation memory);

    /// @notice How many reservations were ever made; the last one's number.
    function reservationCount() external view returns (uint256);
}
