// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Session delegates
/// @notice An account lets one key at a time sign its orders in a market, round after round, within
/// bounds (docs/protocol.md section 16). A delegate moves no money, changes no epoch, names nobody.
/// A change made before a round's gate acts at that gate; one made later acts from the next round on,
/// so what a gated round is judged by never changes.
interface IDelegations {
    /// @dev `until` in seconds, UTC, excluded: a gate at `until` is too late. Energy in Wh a round,
    /// prices in nano per kWh. The session of nobody is all zero.
    struct Session {
        address delegate;
        uint40 until;
        uint64 buyWh;
        uint64 sellWh;
        int64 maxPrice;
        int64 minPrice;
    }

    /// @notice From round `fromRound` on, `session.delegate` signs for `principal` in `market`.
    event SessionAuthorised(
        uint32 indexed market,
        address indexed principal,
        address indexed delegate,
        uint32 fromRound,
        Session session
    );
    /// @notice From round `fromRound` on nobody but `principal` itself signs for it in `market`.
    event SessionRevoked(uint32 indexed market, address indexed principal, uint32 fromRound);

    /// @notice There is no such market.
    error UnknownMarket(uint32 market);
    /// @notice A delegate is neither zero nor the account itself.
    error InvalidDelegate(address delegate);
    /// @notice A session ends in the future.
    error InvalidEnd(uint256 until);
    /// @notice There is no session to revoke.
    error NoSession(uint32 market, address principal);
    /// @notice The signed change had to arrive by `deadline`.
    error SignatureExpired(uint256 deadline);
    /// @notice Not the principal's compact signature of this change with its next nonce.
    error InvalidSignature();

    /// @notice Lets `session.delegate` sign for the caller; replaces the session before.
    function authorise(uint32 market, Session calldata session) external;

    /// @notice As `authorise`, signed by `principal` (64 bytes, EIP-2098), handed in by anyone.
    function authoriseSigned(
        address principal,
        uint32 market,
        Session calldata session,
        uint256 deadline,
        bytes calldata signature
    ) external;

    /// @notice Ends the caller's session.
    function revoke(uint32 market) external;

    /// @notice As `revoke`, signed by `principal`, handed in by anyone.
    function revokeSigned(address principal, uint32 market, uint256 deadline, bytes calldata signature)
        external;

    /// @notice The session that round `round` is judged by, as of now; it no longer changes once the
    /// round's gate has passed. For the last round or the one before.
    function sessionOf(uint32 market, address principal, uint32 round)
        external
        view
        returns (Session memory);

    /// @notice The first round that the current session is for; 0 where there never was one.
    function fromRoundOf(uint32 market, address principal) external view returns (uint32);

    /// @notice Whether `principal` ever named `delegate` in `market`.
    function isNamed(uint32 market, address principal, address delegate) external view returns (bool);

    /// @notice Number of changes that `principal` made, signed or not; the next signed one carries it.
    function nonce(address principal) external view returns (uint256);
}
