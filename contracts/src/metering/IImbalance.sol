// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice A leaf of a round's tree of positions with its proof:
/// `keccak256(trader (20) || lock (8) || chain (32))`.
struct PositionLeaf {
    uint256 index;
    address trader;
    uint64 lock;
    bytes32 chain;
    bytes32[] proof;
}

/// @notice What a settled round holds for the account.
/// @dev With a position: `leaves` is the account's own leaf and `entries` what its chain commits to,
/// per entry product (8) and quantity in Wh (int128, 16). Without one: `entries` is empty and `leaves`
/// shows that the account is not there: both neighbours, or the first or the last leaf alone where
/// the account would stand before or after it, or nothing where the round has no positions.
struct RoundProof {
    PositionLeaf[] leaves;
    bytes entries;
}

/// @title Imbalance: positions against meters (docs/protocol.md section 6)
/// @notice Closes the positions of an account in a market's period, once. What its meter deviates from
/// its positions is bought or sold at a price that follows from the market's own by a fixed formula;
/// the other side is the bond of the market's balancing account. An account never pays more than its
/// settlements locked, and never gets more than that bond holds. What was paid for as a credit or
/// as demand response is not paid for here as well (section 10).
interface IImbalance {
    /// @param lock micro-units released @param charge micro-units of it that the account pays (negative: gets)
    event PeriodClosed(
        uint32 indexed market,
        uint32 indexed period,
        address indexed account,
        uint256 lock,
        int256 charge
    );

    /// @notice The exchange has no such market.
    error UnknownMarket(uint32 market);
    /// @notice The account's period is closed.
    error ClosedBefore(uint32 market, address account, uint32 period);
    /// @notice The period is not over before `endsAt`.
    error PeriodNotOver(uint256 endsAt);
    /// @notice A round of the period is neither settled nor void yet.
    error RoundNotTerminal(uint32 round);
    /// @notice Proofs and prices are wanted for every settled round of the period, in order, and
    /// values for every carrier; `wanted` is how many.
    error WrongCount(uint256 wanted);
    /// @notice The leaves prove neither a position of the account in the round nor that it has none.
    error WrongProof(uint32 round);
    /// @notice The entries are not those of the account's leaf.
    error WrongEntries(uint32 round);
    /// @notice The prices are not those of the round.
    error WrongPrices(uint32 round);
    /// @notice The values are not those of the account's final reading.
    error WrongReading(uint16 carrier);
    /// @notice The account's reading of this carrier may still come or change.
    error ReadingNotFinal(uint16 carrier);
    /// @notice Somebody may still claim a part of this carrier's deviation (see IDeviations).
    error DeviationReserved(uint16 carrier);
    /// @notice Whether anybody's reading covers a slot is known after `notBefore` only.
    error CoverageNotFinal(uint256 notBefore);
    /// @notice The account has no position in any settled round of the period.
    error NothingToClose();

    /// @notice Closes the period's positions of `account`; anyone may.
    /// @param roundProofs one for every settled round of the period, in order
    /// @param readings for every carrier the values of the account's final reading, empty without one
    /// @param prices for every settled round its prices, packed `int64`; may be empty where no
    /// deviation needs them
    function close(
        uint32 market,
        uint32 period,
        address account,
        RoundProof[] calldata roundProofs,
        bytes[] calldata readings,
        bytes[] calldata prices
    ) external;

    /// @notice Whether the account's period is closed.
    function closed(uint32 market, address account, uint32 period) external view returns (bool);
}
