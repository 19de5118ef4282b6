// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {IExchange} from "../settlement/IExchange.sol";
import {OrderLib} from "../settlement/OrderLib.sol";
import {IDelegations} from "./IDelegations.sol";

/// @title Session delegates; see IDelegations
/// @dev Immutable. Two sessions of an account and market are enough: while a round can still be settled,
/// changes act from it or from the one after it (docs/protocol.md sections 3 and 16).
contract Delegations is IDelegations, EIP712 {
    bytes32 private constant AUTHORISATION_TYPE = keccak256(
        "Authorisation(address principal,uint32 market,address delegate,uint40 until,uint64 buyWh,uint64 sellWh,int64 maxPrice,int64 minPrice,uint256 nonce,uint256 deadline)"
    );
    bytes32 private constant REVOCATION_TYPE =
        keccak256("Revocation(address principal,uint32 market,uint256 nonce,uint256 deadline)");

    /// @dev Two words: a settlement reads one of the two sessions.
    struct Entry {
        address delegate;
        uint40 until;
        uint32 fromRound;
        uint64 buyWh;
        uint64 sellWh;
        int64 maxPrice;
        int64 minPrice;
    }

    struct Entries {
        Entry current;
        /// For rounds before `current.fromRound`.
        Entry before;
    }

    IExchange public immutable exchange;

    mapping(uint32 market => mapping(address principal => Entries)) private _entries;

    /// @inheritdoc IDelegations
    mapping(uint32 market => mapping(address principal => mapping(address delegate => bool))) public isNamed;

    /// @inheritdoc IDelegations
    mapping(address principal => uint256) public nonce;

    constructor(IExchange exchange_) EIP712("Wattproof", "1") {
        exchange = exchange_;
    }

    /// @inheritdoc IDelegations
    function authorise(uint32 market, Session calldata session) external {
        _authorise(msg.sender, market, session);
    }

    /// @inheritdoc IDelegations
    function authoriseSigned(
        address principal,
        uint32 market,
        Session calldata session,
        uint256 deadline,
        bytes calldata signature
    ) external {
        bytes32 change = keccak256(
            abi.encode(
                AUTHORISATION_TYPE,
                principal,
                market,
                session.delegate,
                session.until,
                session.buyWh,
                session.sellWh,
                session.maxPrice,
                session.minPrice,
                nonce[principal],
                deadline
            )
        );
        _useSignature(principal, change, deadline, signature);
        _authorise(principal, market, session);
    }

    /// @inheritdoc IDelegations
    function revoke(uint32 market) external {
        _revoke(msg.sender, market);
    }

    /// @inheritdoc IDelegations
    function revokeSigned(address principal, uint32 market, uint256 deadline, bytes calldata signature)
        external
    {
        bytes32 change = keccak256(abi.encode(REVOCATION_TYPE, principal, market, nonce[principal], deadline));
        _useSignature(principal, change, deadline, signature);
        _revoke(principal, market);
    }

    /// @inheritdoc IDelegations
    function sessionOf(uint32 market, address principal, uint32 round)
        external
        view
        returns (Session memory)
    {
        Entries storage entries = _entries[market][principal];
        Entry storage entry = round >= entries.current.fromRound ? entries.current : entries.before;
        return Session({
            delegate: entry.delegate,
            until: entry.until,
            buyWh: entry.buyWh,
            sellWh: entry.sellWh,
            maxPrice: entry.maxPrice,
            minPrice: entry.minPrice
        });
    }

    /// @inheritdoc IDelegations
    function fromRoundOf(uint32 market, address principal) external view returns (uint32) {
        return _entries[market][principal].current.fromRound;
    }

    function _authorise(address principal, uint32 market, Session calldata session) private {
        if (market == 0 || market > exchange.marketCount()) revert UnknownMarket(market);
        address delegate = session.delegate;
        if (delegate == address(0) || delegate == principal) revert InvalidDelegate(delegate);
        if (session.until <= block.timestamp) revert InvalidEnd(session.until);
        (Entry storage entry, uint32 fromRound) = _entryToChange(market, principal);
        entry.delegate = delegate;
        entry.until = session.until;
        entry.buyWh = session.buyWh;
        entry.sellWh = session.sellWh;
        entry.maxPrice = session.maxPrice;
        entry.minPrice = session.minPrice;
        isNamed[market][principal][delegate] = true;
        emit SessionAuthorised(market, principal, delegate, fromRound, session);
    }

    function _revoke(address principal, uint32 market) private {
        if (_entries[market][principal].current.delegate == address(0)) revert NoSession(market, principal);
        (Entry storage entry, uint32 fromRound) = _entryToChange(market, principal);
        entry.delegate = address(0);
        entry.until = 0;
        entry.buyWh = 0;
        entry.sellWh = 0;
        entry.maxPrice = 0;
        entry.minPrice = 0;
        emit SessionRevoked(market, principal, fromRound);
    }

    /// @dev The current session, which a change replaces from the effective round on; earlier rounds keep theirs.
    /// Every change takes the nonce, signed or not: whoever keeps an older signature can do nothing with it.
    function _entryToChange(uint32 market, address principal)
        private
        returns (Entry storage entry, uint32 fromRound)
    {
        ++nonce[principal];
        Entries storage entries = _entries[market][principal];
        entry = entries.current;
        fromRound = exchange.effectiveRound(market);
        if (fromRound > entry.fromRound) {
            entries.before = entry;
            entry.fromRound = fromRound;
        }
    }

    function _useSignature(address principal, bytes32 change, uint256 deadline, bytes calldata signature) private {
        if (block.timestamp > deadline) revert SignatureExpired(deadline);
        if (!OrderLib.isSignedBy(_hashTypedDataV4(change), signature, principal)) revert InvalidSignature();
    }
}
