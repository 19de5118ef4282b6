// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice What one account has offered for sale in a market and slot, and how much of it it asked to have back.
/// `recallRound` is the first round in which the recall no longer counts; 0 = none pending.
struct OfferView {
    uint256 offered;
    uint256 recalled;
    uint32 recallRound;
}

/// @title Tokens that a market trades (docs/protocol.md section 9)
/// @notice The capacity source of a market whose `capacityUnitWh` is 0. A seller offers its tokens beforehand;
/// the exchange asks what of them counts in a round, and moves them in the transaction that moves the money.
/// A slot of the market names a class of tokens; one token is one Wh. How tokens are offered is the token's to say:
/// by amount where all of a class are alike (`IFungibleProducts`).
/// @dev Also refuses with `ILedger.ZeroAmount`, `ILedger.MarketFrozen` and `ILedger.NotExchange`.
interface ITokenisedProducts {
    event Offered(uint32 indexed market, uint32 indexed slot, address indexed account, uint256 amount);
    event RecallRequested(
        uint32 indexed market, uint32 indexed slot, address indexed account, uint256 amount, uint32 recallRound
    );
    event RecallCompleted(uint32 indexed market, uint32 indexed slot, address indexed account, uint256 amount);
    /// @dev The effects themselves are in, or follow from, the call data of the exchange.
    event Delivered(uint32 indexed market, uint32 indexed round, uint32 slot, bytes32 effectsHash);

    error OfferTooLarge();
    error InsufficientOffer(address account, uint256 offered, uint256 needed);
    error RecallPending();
    error NoRecallPending();
    error RecallNotDue();

    /// @notice Announces that `amount` is not for sale any more: from the effective round on it backs no order.
    /// One recall at a time.
    function requestRecall(uint32 market, uint32 slot, uint256 amount) external;

    /// @notice Gives min(requested, offered) back to the caller, once no earlier round can still sell it.
    function completeRecall(uint32 market, uint32 slot) external;

    /// @notice Moves tokens as a settled round says. Only the exchange.
    /// @param effects per account: address (20), debit (8), proceeds (8), moved (int128, 16: tokens to the account)
    function deliver(uint32 market, uint32 round, uint32 slot, bytes calldata effects) external;

    /// @notice What `holder` may sell in `round`; does not change from the round's gate until it is terminal.
    function sellable(uint32 market, uint32 round, uint32 slot, address holder) external view returns (uint256);

    function offerOf(uint32 market, uint32 slot, address holder) external view returns (OfferView memory);
}

/// @title Tokens of which all of a class are alike
interface IFungibleProducts is ITokenisedProducts {
    /// @notice Moves the caller's tokens into escrow for sale; refused while the market is frozen.
    function offer(uint32 market, uint32 slot, uint256 amount) external;
}
