// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Rules of a market; immutable once created. Units as in docs/protocol.md section 4.
struct MarketParams {
    /// Opens and closes rounds, settles them, and answers for omissions with its bond.
    address operator;
    /// Its bond is the counterparty of imbalance.
    address balancing;
    /// Credential role a trader needs; 0 = open to everybody.
    bytes32 role;
    /// `ICapacitySource` of attested energy that may be sold, or `ITokenisedProducts` that are traded; 0 = none.
    address capacitySource;
    /// 0 with a source: the market trades tokens (docs/protocol.md section 9).
    uint32 capacityUnitWh;
    uint16 carriers;
    uint16 zones;
    uint32 slotSeconds;
    uint16 periodSlots;
    /// Highest |limit| per Wh of legs, nano per kWh.
    uint64 priceCap;
    /// Highest |imbalance price|, nano per kWh.
    uint64 imbalanceCap;
    uint32 shortfallBp;
    uint32 surplusBp;
    /// Seconds after the gate in which the operator must commit the book.
    uint32 gateGrace;
    /// Seconds after the gate in which the round must be verified.
    uint32 settleWindow;
    uint32 exitDelay;
    uint32 bondDelay;
    uint32 challengeWindow;
    /// Welfare gap always allowed to coupled rounds, micro.
    uint64 gapFloor;
    /// Upper end of what one part in a million of welfare may allow, micro.
    uint64 gapCap;
    address asset;
    /// The network account, alone in trading carriers from `openCarriers` on; 0 = none, all carriers are open.
    address network;
    /// Carriers that everybody trades; 0 without a network.
    uint16 openCarriers;
    /// keccak256 of the network's description, by which its account's orders are re-derived; 0 without a network.
    bytes32 networkHash;
}

/// @notice One product of an order. `coefficient` is in millionths of a Wh per unit, positive to the trader.
struct Leg {
    uint64 product;
    int32 coefficient;
}

/// @notice The signed bid (EIP-712). Filling u units moves floor(coefficient * u / 1e6) Wh of every leg
/// and costs at most ceil(limit * u / 1e6) micro.
struct Order {
    uint32 market;
    uint32 round;
    Leg[] legs;
    uint64 maxUnits;
    int64 limit;
    address trader;
    uint32 epoch;
    uint64 salt;
}

/// @notice The operator's signed word that it received an order before the gate.
struct Receipt {
    uint64 receivedAt;
    bytes signature;
}

/// @notice A leaf of the committed book with its proof; `exists` false stands for the end of the book.
/// `orderHash` is the order's id (docs/protocol.md section 2).
struct Neighbour {
    bool exists;
    uint256 index;
    address trader;
    bytes32 orderHash;
    bytes32[] proof;
}

enum Status {
    None,
    Open,
    Gated,
    Verified,
    Settled,
    Void
}

/// @notice A round as it stands now; an overdue round shows as Void.
struct RoundView {
    Status status;
    uint40 gateAt;
    uint32 count;
    uint32 forcedCount;
    uint32 firstSlot;
    uint16 slots;
    bytes32 bookRoot;
    bytes32 positionsRoot;
    uint32 positionsCount;
    bytes32 pricesHash;
    uint32 chunksVerified;
    uint32 chunksApplied;
}

/// @title Exchange: markets, rounds, and settlements that carry their own proof
/// @notice The operator proposes prices and fills for the book it committed at the gate; the contract
/// settles the round only when the whole book satisfies docs/protocol.md section 4. Nothing here holds money.
/// @dev In events and errors `orderHash` is the order's id: its hash, or bound to the delegate that signed it.
interface IExchange {
    event MarketCreated(uint32 indexed market, MarketParams params);
    event NetworkPublished(uint32 indexed market, bytes description);
    event RoundOpened(uint32 indexed market, uint32 indexed round, uint40 gateAt, uint32 firstSlot, uint16 slots);
    event OrderForced(
        uint32 indexed market, uint32 indexed round, bytes32 indexed orderHash, Order order, bytes signature
    );
    event GateClosed(uint32 indexed market, uint32 indexed round, bytes32 bookRoot, uint32 count);
    event ChunkVerified(
        uint32 indexed market, uint32 indexed round, uint32 chunk, bytes state, bytes32 effectsHash
    );
    event ChunkApplied(uint32 indexed market, uint32 indexed round, uint32 chunk);
    event RoundSettled(
        uint32 indexed market,
        uint32 indexed round,
        uint256 gapMicro,
        uint256 welfareMicro,
        uint256 dust,
        bytes32 positionsRoot,
        bytes32 pricesHash
    );
    event RoundVoided(uint32 indexed market, uint32 indexed round);
    event OmissionClaimed(bytes32 indexed id, uint32 indexed market, uint32 indexed round, bytes32 orderHash);
    event OmissionRebutted(bytes32 indexed id);
    event OmissionPaid(bytes32 indexed id, uint256 amount);

    error InvalidParams();
    error UnknownMarket(uint32 market);
    error NotOperator(address caller);
    error NetworkMismatch();
    error NetworkNotPublished(uint32 market);
    error InvalidGate();
    error InvalidSlots();
    error RoundNotClosed(uint32 round);
    error TooManyRounds();
    error WrongStatus(Status status);
    error OutsideWindow();
    error InvalidCommitment();
    error MalformedOrder();
    error AlreadyForced(bytes32 orderHash);
    error TooManyForced();
    error InvalidSignature();
    error StateMismatch();
    error EffectsMismatch();
    error ChunksStarted();
    error ChunkTooLarge();
    error PricesMismatch();
    error ReceiptTooLate();
    error OrderInBook();
    error WrongNeighbours();
    error ClaimExists(bytes32 id);
    error NoOpenClaim(bytes32 id);
    error ChallengeOpen();
    error ChallengeOver();

    // Why a settlement is refused; `order` and `product` are indices in the book and in the round.
    error MalformedBatch(uint256 order);
    error OrdersNotSorted(uint256 order);
    error BadSignature(uint256 order);
    error NotForced(uint256 order);
    error FillAboveMaximum(uint256 order);
    error CostAboveLimit(uint256 order);
    error NotOptimal(uint256 order);
    error MalformedResults(uint256 product);
    error NotBalanced(uint256 product);
    error WrongPrice(uint256 product);
    error WrongTie(uint256 product);
    error TieInCoupledRound(uint256 product);
    error GapTooLarge(uint256 gapMicro);
    error WrongBook();
    error ForcedOrderMissing();

    /// @notice Creates a market; numbered from 1. Restricted, and delayed by the access manager.
    function createMarket(MarketParams calldata params) external returns (uint32 market);

    /// @notice Publishes the description of the market's network, whose hash the market was created with; by anyone.
    /// Until then no round opens. Publishing again is harmless: it can only be the same bytes.
    function publishNetwork(uint32 market, bytes calldata description) external;

    /// @notice Opens the market's next round, numbered from 1, for slots `firstSlot .. firstSlot + slots - 1`.
    /// At most 128 rounds lie in one period, so that closing the period always fits a transaction.
    /// @param gateAt when orders are frozen; in the future and not after the first slot begins
    function openRound(uint32 market, uint40 gateAt, uint32 firstSlot, uint16 slots) external returns (uint32 round);

    /// @notice Forces an order into the round: a settlement whose book lacks it is refused.
    /// @param signature compact form of EIP-2098, 64 bytes, of the trader or an account that it ever named as its
    /// delegate; anybody may bring it
    function submitOrder(Order calldata order, bytes calldata signature) external;

    /// @notice Commits the sorted book; possible from the gate until `gateGrace` later.
    function closeGate(uint32 market, uint32 round, bytes32 bookRoot, uint32 count) external;

    /// @notice Settles a whole round in one transaction. Layout of the call data: docs/protocol.md section 4.
    function settle(uint32 market, uint32 round, bytes calldata results, bytes calldata orders) external;

    /// @notice Verifies the next part of a round too large for one transaction: at least one order (unless the
    /// book is empty), and at most 512 traders (256 where tokens move) that end in it, so that applying it fits a transaction too.
    /// @param state empty at first, then the state of the last `ChunkVerified` event
    function verifyChunk(
        uint32 market,
        uint32 round,
        bytes calldata results,
        bytes calldata state,
        bytes calldata orders
    ) external;

    /// @notice Moves the balances of one verified chunk; anyone, in any order, each once.
    function applyChunk(uint32 market, uint32 round, uint32 chunk, bytes calldata effects) external;

    /// @notice Records that a round is void. Every rule treats an overdue round as void without it.
    function voidRound(uint32 market, uint32 round) external;

    /// @notice Claims that the operator left a receipted order out of the book.
    /// @param signature the trader's, or that of an account that it ever named as its delegate
    /// @param left  the greatest leaf below the order, or none when the order would be first
    /// @param right the smallest leaf above the order, or none when the order would be last
    /// @return id the order's id: its hash, or bound to the delegate that signed it (docs/protocol.md section 2)
    function claimOmission(
        Order calldata order,
        bytes calldata signature,
        Receipt calldata receipt,
        Neighbour calldata left,
        Neighbour calldata right
    ) external returns (bytes32 id);

    /// @notice Ends a claim with a cancellation that the trader signed, or who signed the claimed order.
    function rebutOmission(bytes32 id, bytes calldata cancellationSignature) external;

    /// @notice Pays an unrebutted claim, max(0, S) * maxUnits / 1e12 micro (rounded down), out of the operator's bond.
    /// @param signer who signed the claimed order
    /// @param prices the round's prices, packed int64 (preimage of `pricesHash`)
    function payOmission(Order calldata order, address signer, bytes calldata prices)
        external
        returns (uint256 paid);

    function market(uint32 market) external view returns (MarketParams memory);
    function assetOf(uint32 market) external view returns (address);
    function marketCount() external view returns (uint32);

    /// @notice Whether the market's network was published; false where it has none.
    function isNetworkPublished(uint32 market) external view returns (bool);

    function roundOf(uint32 market, uint32 round) external view returns (RoundView memory);
    function lastRound(uint32 market) external view returns (uint32);

    /// @notice First round that a change made now affects.
    function effectiveRound(uint32 market) external view returns (uint32);

    /// @notice Whether a round is past its gate and not terminal, so that margins must not grow.
    function isFrozen(uint32 market) external view returns (bool);

    /// @notice Whether `round` and the one before it are settled or void. True for round 0.
    function isTerminal(uint32 market, uint32 round) external view returns (bool);

    /// @notice Numbers of all rounds whose slots lie in `period`.
    function periodRounds(uint32 market, uint32 period) external view returns (uint32[] memory);

    /// @param orderId the order's hash, or `keccak(hash || signer)` where a delegate signed it
    function isForced(bytes32 orderId) external view returns (bool);

    /// @notice keccak256 of the chunk's effects; 0 before it is verified and after it is applied.
    function effectsHash(uint32 market, uint32 round, uint32 chunk) external view returns (bytes32);

    /// @notice keccak256 of the state with which the next chunk must continue; 0 before the first.
    function stateHash(uint32 market, uint32 round) external view returns (bytes32);

    /// @notice An omission claim: who is owed, and when it was made (0: none open).
    function claimOf(bytes32 id) external view returns (address trader, uint40 claimedAt);

    /// @notice EIP-712 digest of an order, which binds chain and exchange.
    function orderHash(Order calldata order) external view returns (bytes32);

    function domainSeparator() external view returns (bytes32);
}
