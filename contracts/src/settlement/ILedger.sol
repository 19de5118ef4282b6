// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice What an account has in one market, unpacked (docs/protocol.md section 3).
struct AccountView {
    uint64 margin;
    uint64 locked;
    uint24 epoch;
    uint24 prevEpoch;
    uint24 epochRound;
    uint24 exitRound;
    uint32 capacity;
}

/// @title Ledger: every balance, per asset, account and market
/// @notice Tokens enter by deposit and leave only by their owner's withdrawal. A debit comes from an order
/// that the owner signed (applied by the exchange) or from what such an order locked (closed by the imbalance contract).
interface ILedger {
    event Deposited(address indexed asset, address indexed from, address indexed to, uint256 amount);
    event Withdrawn(address indexed asset, address indexed account, address indexed to, uint256 amount);
    event MarginAdded(uint32 indexed market, address indexed account, uint256 amount);
    event ExitRequested(uint32 indexed market, address indexed account, uint256 amount, uint32 exitRound);
    event ExitCompleted(uint32 indexed market, address indexed account, uint256 amount);
    event EpochBumped(uint32 indexed market, address indexed account, uint32 epoch, uint32 epochRound);
    event CapacitySynced(uint32 indexed market, address indexed account, uint32 capacity);
    event BondPosted(uint32 indexed market, address indexed account, uint256 amount);
    event BondExitRequested(uint32 indexed market, address indexed account, uint256 amount);
    event BondExitCompleted(uint32 indexed market, address indexed account, uint256 amount);
    event BondPaid(uint32 indexed market, address indexed from, address indexed to, uint256 amount);
    /// @dev The effects themselves are in, or follow from, the call data of the exchange.
    event EffectsApplied(uint32 indexed market, bytes32 effectsHash, uint256 dust);
    event PositionClosed(uint32 indexed market, address indexed account, uint256 lock, int256 charge);

    error NotExchange(address caller);
    error NotImbalance(address caller);
    error UnknownMarket(uint32 market);
    error ZeroAmount();
    error ZeroAddress();
    error DepositCapExceeded();
    error WrongAmountReceived(uint256 expected, uint256 received);
    error InsufficientFree(uint256 free, uint256 needed);
    error InsufficientMargin(address account, uint256 margin, uint256 needed);
    error InsufficientLocked(address account, uint256 locked, uint256 needed);
    error InsufficientBond(uint256 bond, uint256 needed);
    error MarketFrozen(uint32 market);
    error ExitPending();
    error NoExitPending();
    error ExitNotDue();
    error EpochExhausted();
    error NoCapacitySource(uint32 market);
    error MalformedEffects();

    /// @notice Takes `amount` of `asset` from the caller into the free balance of `to`.
    function deposit(address asset, uint256 amount, address to) external;

    /// @notice `deposit` with an EIP-2612 permit of the caller; a permit already used is not an error.
    function depositWithPermit(
        address asset,
        uint256 amount,
        address to,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;

    /// @notice Pays out of the caller's free balance.
    function withdraw(address asset, uint256 amount, address to) external;

    /// @notice Moves the caller's free balance into its margin; refused while the market is frozen.
    function addMargin(uint32 market, uint256 amount) external;

    /// @notice Takes `amount` of the market's asset from the caller into the margin of `to`; refused while frozen.
    /// Its events are those of a deposit and of margin added by `to`.
    function depositMargin(uint32 market, uint256 amount, address to) external;

    /// @notice Announces that `amount` of margin leaves: from the effective round on it backs no order.
    function requestExit(uint32 market, uint256 amount) external;

    /// @notice Moves min(requested, margin) to free after `exitDelay`, once no earlier round can still need it.
    function completeExit(uint32 market) external;

    /// @notice Cancels all orders of the caller from the effective round on.
    function bumpEpoch(uint32 market) external;

    /// @notice Reads the account's attested capacity from the market's source; refused while frozen, and in
    /// markets of tokens, whose source says what may be sold when a round is settled.
    function syncCapacity(uint32 market, address account) external;

    function postBond(uint32 market, uint256 amount) external;
    function requestBondExit(uint32 market, uint256 amount) external;

    /// @notice Moves min(requested, bond) to free once `bondDelay` has passed since the request; the operator's also
    /// since the gate of the market's last round: a bond that was announced to leave still answers for every round
    /// it stood behind. Others do not wait for gates that they do not set.
    function completeBondExit(uint32 market) external;

    /// @notice Debits margins and locks proceeds. Only the exchange, with effects it has verified.
    /// @param effects per account: address (20), debit (8), lock (8)
    function applyEffects(uint32 market, bytes calldata effects, uint256 dustAmount) external;

    /// @notice Debits margins and pays proceeds out at once, in markets of tokens. Only the exchange.
    /// @param effects per account: address (20), debit (8), proceeds (8), tokens moved (16)
    function applyDelivered(uint32 market, bytes calldata effects, uint256 dustAmount) external;

    /// @notice Pays min(amount, bond) from a bond into a free balance. Only the exchange.
    function payFromBond(uint32 market, address from, address to, uint256 amount) external returns (uint256 paid);

    /// @notice Releases `lock`, less `charge`, to the account; the balancing bond takes the charge. Only the imbalance contract.
    function closePosition(uint32 market, address account, uint256 lock, int256 charge, address balancing) external;

    function free(address asset, address account) external view returns (uint256);
    function account(uint32 market, address account) external view returns (AccountView memory);

    /// @notice The packed storage word of an account (docs/protocol.md section 3).
    function word(uint32 market, address account) external view returns (uint256);

    /// @notice `word` of many accounts, in their order.
    function words(uint32 market, address[] calldata accounts) external view returns (uint256[] memory);

    /// @notice Margin that backs orders of `round`.
    function available(uint32 market, uint32 round, address account) external view returns (uint256);

    function exitOf(uint32 market, address account) external view returns (uint256 amount, uint256 requestedAt);
    function bondOf(uint32 market, address account) external view returns (uint256);
    function bondExitOf(uint32 market, address account) external view returns (uint256 amount, uint256 requestedAt);
    function dust(address asset) external view returns (uint256);
    function totalDeposited(address asset) external view returns (uint256);
}
