// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IDelegations} from "../identity/IDelegations.sol";
import {AccountWord} from "./AccountWord.sol";
import {IExchange} from "./IExchange.sol";
import {ILedger} from "./ILedger.sol";
import {IStanding} from "./IStanding.sol";
import {ITokenisedProducts} from "./ITokenisedProducts.sol";
import {MerkleLib} from "./MerkleLib.sol";
import {OrderLib} from "./OrderLib.sol";
import {SettlementMath} from "./SettlementMath.sol";

/// @notice Reads the orders of a round from call data and checks what a settlement must satisfy
/// (docs/protocol.md section 4). Works entirely in memory; a round that needs several transactions
/// is carried from one to the next by `save` and `load`.
/// @dev Arithmetic is unchecked throughout. The widest terms are far below 2^255: a limit or price is
/// 64 bits, a coefficient 32, units 64, legs at most 255, orders of a round below 2^32; so a scaled
/// surplus times units stays below 2^160 and its sum below 2^192.
library BatchVerifier {
    using AccountWord for uint256;

    /// @dev The first 22 words (PROGRESS_BYTES) are the progress, saved as they stand here.
    struct Batch {
        bytes32 resultsHash;
        uint256 ordersRead;
        uint256 forcedSeen;
        /// 1 once a multi-leg order was read.
        uint256 coupled;
        /// 1 + index of the first order that breaks a rule of one-product rounds.
        uint256 violation;
        /// Sum of max(S, 0) * m, scaled.
        int256 offered;
        /// Sum of sigma, in nano per kWh times Wh.
        int256 realised;
        int256 dust;
        uint256 positions;
        // The trader whose group is being read.
        uint256 trader;
        uint256 remaining;
        uint256 lastHash;
        uint256 epoch;
        uint256 eligible;
        uint256 margin;
        uint256 capacity;
        uint256 paid;
        uint256 received;
        /// C; in a tokenised market the net tokens to the trader, in two's complement.
        uint256 collateral;
        bytes32 chain;
        /// Wh that the delegate's counting orders buy and sell.
        uint256 delegateBuys;
        uint256 delegateSells;
        // Rules of the market and the round.
        uint256 market;
        uint256 round;
        uint256 gateAt;
        uint256 zones;
        uint256 firstSlot;
        uint256 slots;
        uint256 products;
        uint256 priceCap;
        uint256 imbalanceCap;
        bool boundsCapacity;
        uint256 capacityUnitWh;
        /// What a tokenised market trades; 0 in any other.
        ITokenisedProducts tokens;
        bytes32 role;
        bool takesCoupled;
        /// The account that alone trades the network's carriers; 0 = none.
        uint256 network;
        /// Products of the carriers that everybody trades; they come first.
        uint256 openProducts;
        ILedger ledger;
        IStanding credentials;
        IDelegations delegations;
        // Memory.
        uint256 bookFrontier;
        uint256 positionFrontier;
        uint256 tallies;
        uint256 effects;
        uint256 effectsEnd;
        uint256 orderImage;
        uint256 legImage;
        uint256 digestImage;
        uint256 signatureImage;
        /// The session of `sessionOwner`, as the delegations return it; 0 before the first.
        uint256 session;
        uint256 sessionOwner;
        // What the legs of the order being read come to.
        bytes32 legsHash;
        /// Sum of |c|.
        uint256 weight;
        /// Wh of all legs, each rounded up, when maxUnits are filled.
        uint256 energy;
        /// The part of `energy` that is sold.
        uint256 sold;
        /// limit * SCALE - sum of c * p.
        int256 surplus;
        /// Where the signature stands.
        uint256 signatureAt;
    }

    struct Outcome {
        bytes32 positionsRoot;
        bytes32 pricesHash;
        uint256 positionsCount;
        uint256 gapMicro;
        uint256 welfareMicro;
        uint256 dust;
    }

    uint256 private constant PROGRESS_BYTES = 0x2c0; // 22 words
    // In those, what a trader comes to: `paid` to `delegateSells`.
    uint256 private constant TOTALS = 0x200;
    uint256 private constant TOTALS_BYTES = 0xc0;
    uint256 private constant STATE_HEADER = PROGRESS_BYTES + 2 * MerkleLib.FRONTIER_BYTES;

    // Tally of a product in memory, 8 words.
    uint256 private constant TALLY_BYTES = 0x100;
    uint256 private constant PRICE = 0x00;
    /// Highest of filled asks and not-full bids; NONE_LO when there is none.
    uint256 private constant LO = 0x20;
    /// Lowest of filled bids and not-full asks; NONE_HI when there is none.
    uint256 private constant HI = 0x40;
    uint256 private constant BALANCE = 0x60;
    /// Call data offset of the tie's M, times 4, plus 1 (bids rationed) or 2 (asks rationed); 0 without a tie.
    uint256 private constant TIE = 0x80;
    uint256 private constant TIE_OFFERED = 0xa0;
    uint256 private constant TIE_FILLED = 0xc0;
    /// carrier << 48 | zone << 32 | slot
    uint256 private constant PRODUCT = 0xe0;
    int256 private constant NONE_LO = -0x8000000000000000; // type(int64).min
    int256 private constant NONE_HI = 0x7fffffffffffffff; // type(int64).max

    // A session in memory, 6 words.
    uint256 private constant SESSION_BYTES = 0xc0;
    uint256 private constant UNTIL = 0x20;
    uint256 private constant BUY_WH = 0x40;
    uint256 private constant SELL_WH = 0x60;
    uint256 private constant MAX_PRICE = 0x80;
    uint256 private constant MIN_PRICE = 0xa0;

    // Call data sizes.
    uint256 private constant TIE_BYTES = 80;
    uint256 private constant GROUP_HEADER = 22;
    uint256 private constant ORDER_HEADER = 37;
    uint256 private constant LEG_BYTES = 6;
    uint256 private constant SIGNATURE_BYTES = 64;
    uint256 private constant SINGLE_ORDER = ORDER_HEADER + 2 + SIGNATURE_BYTES;
    uint256 private constant EFFECT_BYTES = 36;
    /// @dev With the tokens moved (int128).
    uint256 private constant TOKENISED_EFFECT_BYTES = 52;

    uint256 private constant FLAG_MULTI = 1;
    uint256 private constant FLAG_FORCED = 2;
    uint256 private constant FLAG_SELLS = 4;

    int256 private constant SCALE = SettlementMath.SCALE;
    uint256 private constant USCALE = SettlementMath.USCALE;

    // ------------------------------------------------------------------ setting up

    /// @notice Lays out memory and reads the results (prices and ties) the operator claims.
    function begin(Batch memory b, bytes32 domain, bytes calldata results, bytes calldata orders) internal pure {
        unchecked {
            b.bookFrontier = _allocate(MerkleLib.FRONTIER_BYTES);
            b.positionFrontier = _allocate(MerkleLib.FRONTIER_BYTES);
            b.tallies = _allocate(b.products * TALLY_BYTES);
            // Every trader that ends here has a header and at least one order here. A word more: effects are written in words.
            b.effects = _allocate((orders.length / (GROUP_HEADER + SINGLE_ORDER) + 1) * _effectBytes(b) + 32);
            b.effectsEnd = b.effects;
            uint256 orderImage = b.orderImage = _allocate(9 * 32);
            uint256 legImage = b.legImage = _allocate(3 * 32);
            uint256 digestImage = b.digestImage = _allocate(3 * 32);
            b.signatureImage = _allocate(4 * 32);
            bytes32 orderType = OrderLib.ORDER_TYPEHASH;
            bytes32 legType = OrderLib.LEG_TYPEHASH;
            uint256 market = b.market;
            uint256 round = b.round;
            assembly ("memory-safe") {
                mstore(orderImage, orderType)
                mstore(add(orderImage, 0x20), market)
                mstore(add(orderImage, 0x40), round)
                mstore(legImage, legType)
                mstore(digestImage, shl(240, 0x1901))
                mstore(add(digestImage, 2), domain)
            }
            b.resultsHash = keccak256(results);
            _readResults(b, results);
        }
    }

    /// @dev Per product price (8) and tie (1), after a tie its sums and cut (80). Products ascend by carrier, zone, slot.
    function _readResults(Batch memory b, bytes calldata results) private pure {
        unchecked {
            uint256 pos = _offset(results);
            uint256 end = pos + results.length;
            uint256 tally = b.tallies;
            uint256 lastTally = tally + b.products * TALLY_BYTES;
            uint256 firstSlot = b.firstSlot;
            uint256 endSlot = firstSlot + b.slots;
            uint256 place;
            uint256 slot = firstSlot;
            uint256 prefix;
            while (tally < lastTally) {
                uint256 kind;
                assembly ("memory-safe") {
                    let head := calldataload(pos)
                    kind := byte(8, head)
                    mstore(tally, sar(192, head))
                    mstore(add(tally, LO), NONE_LO)
                    mstore(add(tally, HI), NONE_HI)
                    mstore(add(tally, BALANCE), 0)
                    mstore(add(tally, TIE), 0)
                    mstore(add(tally, TIE_OFFERED), 0)
                    mstore(add(tally, TIE_FILLED), 0)
                    mstore(add(tally, PRODUCT), or(prefix, slot))
                    pos := add(pos, 9)
                }
                if (kind != 0) {
                    uint256 sums = _word(pos);
                    // A tie that is wholly filled is none.
                    if (kind > 2 || uint128(sums) >= sums >> 128) {
                        revert IExchange.MalformedResults((tally - b.tallies) / TALLY_BYTES);
                    }
                    assembly ("memory-safe") {
                        mstore(add(tally, TIE), or(shl(2, pos), kind))
                    }
                    pos += TIE_BYTES;
                }
                tally += TALLY_BYTES;
                if (++slot == endSlot) {
                    slot = firstSlot;
                    ++place;
                    prefix = (place / b.zones) << 48 | (place % b.zones) << 32;
                }
            }
            if (pos != end) revert IExchange.MalformedResults(b.products);
        }
    }

    // ------------------------------------------------------------------ reading orders

    /// @notice Reads all of `orders`; effects of the traders that end in them are collected.
    /// @param forced the orders whose inclusion was forced on-chain
    function read(Batch memory b, bytes calldata orders, mapping(bytes32 => bool) storage forced) internal view {
        unchecked {
            uint256 pos = _offset(orders);
            uint256 end = pos + orders.length;
            uint256 word = _readWords(b, pos, end);
            bool continued = b.remaining != 0;
            while (pos < end) {
                uint256 header = _word(pos);
                uint256 trader = header >> 96;
                uint256 n = uint16(header >> 80);
                pos += GROUP_HEADER;
                if (continued) {
                    if (trader != b.trader || n != b.remaining) revert IExchange.MalformedBatch(b.ordersRead);
                    continued = false;
                } else {
                    if (n == 0) revert IExchange.MalformedBatch(b.ordersRead);
                    if (trader <= b.trader) revert IExchange.OrdersNotSorted(b.ordersRead);
                    _startTrader(b, trader, n, _load(word));
                }
                word += 32;
                do {
                    pos = _readOrder(b, pos, forced);
                } while (--b.remaining != 0 && pos < end);
                if (b.remaining == 0) _finishTrader(b);
            }
            if (pos != end) revert IExchange.MalformedBatch(b.ordersRead);
        }
    }

    /// @dev Reads the accounts of all groups in one call of `ILedger.words`. What is malformed in the orders is
    /// refused later. @return words memory position of the first group's word
    function _readWords(Batch memory b, uint256 pos, uint256 end) private view returns (uint256 words) {
        unchecked {
            uint256 image;
            assembly ("memory-safe") {
                image := mload(0x40)
            }
            uint256 to = image + 100;
            while (pos < end) {
                uint256 header = _word(pos);
                pos += GROUP_HEADER;
                assembly ("memory-safe") {
                    mstore(to, shr(96, header))
                    to := add(to, 0x20)
                }
                for (uint256 n = uint16(header >> 80); n != 0 && pos < end; --n) {
                    pos += _word(pos) >> 248 & FLAG_MULTI == 0
                        ? SINGLE_ORDER
                        : ORDER_HEADER + 1 + LEG_BYTES * (_word(pos + ORDER_HEADER) >> 248) + SIGNATURE_BYTES;
                }
            }
            bytes32 selector = ILedger.words.selector;
            uint256 market = b.market;
            ILedger ledger = b.ledger;
            assembly ("memory-safe") {
                // Arguments: market, offset and length of the addresses; the answer, offset, length and words, replaces them.
                mstore(image, selector)
                mstore(add(image, 4), market)
                mstore(add(image, 36), 0x40)
                let size := sub(to, add(image, 100))
                mstore(add(image, 68), shr(5, size))
                if iszero(staticcall(gas(), ledger, image, sub(to, image), 0, 0)) {
                    returndatacopy(image, 0, returndatasize())
                    revert(image, returndatasize())
                }
                returndatacopy(image, 0x40, size)
                words := image
                mstore(0x40, and(add(add(image, size), 0x3f), not(0x1f)))
            }
        }
    }

    /// @param word the trader's packed account in this market
    function _startTrader(Batch memory b, uint256 trader, uint256 n, uint256 word) private view {
        b.trader = trader;
        b.remaining = n;
        b.lastHash = 0;
        assembly ("memory-safe") {
            // What the trader comes to, from `paid` to `delegateSells`: zeros lie beyond the end of call data.
            calldatacopy(add(b, TOTALS), calldatasize(), TOTALS_BYTES)
        }
        uint256 exitAmount = word.exitRound() == 0 ? 0 : _exitAmount(b, trader);
        b.epoch = word.epochFor(b.round);
        b.margin = word.available(b.round, exitAmount);
        b.capacity = _capacity(b, trader, word);
        b.eligible = b.role == 0 ? 1 : _standing(b, trader);
    }

    /// @dev What the trader may sell; tokens may have been offered beyond any number of Wh that fits an order.
    function _capacity(Batch memory b, uint256 trader, uint256 word) private view returns (uint256) {
        if (!b.boundsCapacity) return type(uint256).max;
        if (b.capacityUnitWh != 0) return word.capacity() * b.capacityUnitWh;
        return b.tokens.sellable(uint32(b.market), uint32(b.round), uint32(b.firstSlot), address(uint160(trader)));
    }

    function _exitAmount(Batch memory b, uint256 trader) private view returns (uint256 amount) {
        (amount,) = b.ledger.exitOf(uint32(b.market), address(uint160(trader)));
    }

    /// @dev `IStanding.standing` without the compiler's copying; the arguments fit the signature's image.
    function _standing(Batch memory b, uint256 trader) private view returns (uint256 stands) {
        uint256 image = b.signatureImage;
        bytes32 selector = IStanding.standing.selector;
        bytes32 role = b.role;
        uint256 gateAt = b.gateAt;
        IStanding credentials = b.credentials;
        assembly ("memory-safe") {
            mstore(image, selector)
            mstore(add(image, 4), trader)
            mstore(add(image, 36), role)
            mstore(add(image, 68), gateAt)
            if iszero(staticcall(gas(), credentials, image, 100, 0x00, 0x20)) {
                let free := mload(0x40)
                returndatacopy(free, 0, returndatasize())
                revert(free, returndatasize())
            }
            stands := and(gt(returndatasize(), 0x1f), mload(0x00))
        }
    }

    function _finishTrader(Batch memory b) private pure {
        unchecked {
            uint256 trader = b.trader;
            uint256 debit = b.paid;
            uint256 lock = b.received;
            uint256 collateral = b.collateral;
            b.dust += int256(debit) - int256(lock);
            uint256 effect = b.effectsEnd;
            if (address(b.tokens) != address(0)) {
                assembly ("memory-safe") {
                    mstore(effect, shl(96, trader))
                    mstore(add(effect, 20), or(shl(192, debit), shl(128, lock)))
                    mstore(add(effect, 36), shl(128, collateral))
                }
                b.effectsEnd = effect + TOKENISED_EFFECT_BYTES;
                return;
            }
            debit += collateral;
            lock += collateral;
            assembly ("memory-safe") {
                mstore(effect, shl(96, trader))
                mstore(add(effect, 20), or(shl(192, debit), shl(128, lock)))
            }
            b.effectsEnd = effect + EFFECT_BYTES;
            bytes32 chain = b.chain;
            if (chain != 0) {
                bytes32 leaf;
                assembly ("memory-safe") {
                    mstore(0x00, or(shl(96, trader), shl(32, lock)))
                    mstore(0x1c, chain)
                    leaf := keccak256(0x00, 60)
                }
                MerkleLib.push(b.positionFrontier, b.positions++, leaf);
            }
        }
    }

    function _readOrder(Batch memory b, uint256 pos, mapping(bytes32 => bool) storage forced)
        private
        view
        returns (uint256 next)
    {
        unchecked {
            uint256 head = _word(pos);
            uint256 maxUnits = uint64(head >> 184);
            int256 limit = int64(uint64(head >> 120));
            uint256 flags = head >> 248;
            if (maxUnits == 0 || flags > 7) revert IExchange.MalformedBatch(b.ordersRead);

            if (flags & FLAG_MULTI == 0) _oneLeg(b, pos + ORDER_HEADER, flags, maxUnits, limit);
            else _manyLegs(b, pos + ORDER_HEADER, flags, maxUnits, limit);
            next = b.signatureAt + SIGNATURE_BYTES;

            uint256 trader = b.trader;
            bytes32 id = _orderHash(b, trader, head, maxUnits, limit);
            uint256 signer = _signer(b, id);
            uint256 maximum;
            if (signer == trader) {
                maximum = _maximum(b, uint32(head >> 24), maxUnits, limit);
            } else {
                maximum = _delegatedMaximum(b, signer, uint32(head >> 24), maxUnits, limit);
                id = OrderLib.idOf(id, address(uint160(trader)), address(uint160(signer)));
            }
            _enterBook(b, trader, id, flags, forced);

            uint256 fill = _word(pos + 29) >> 192;
            if (fill > maximum) revert IExchange.FillAboveMaximum(b.ordersRead);
            if (b.surplus > 0) b.offered += b.surplus * int256(maximum);
            if (flags & FLAG_MULTI == 0) _fillOne(b, pos + ORDER_HEADER, flags, maximum, fill, limit);
            else if (fill != 0) _fillMany(b, pos + ORDER_HEADER, fill, limit);
            ++b.ordersRead;
        }
    }

    function _oneLeg(Batch memory b, uint256 pos, uint256 flags, uint256 maxUnits, int256 limit)
        private
        pure
    {
        unchecked {
            uint256 index = _word(pos) >> 240;
            if (index >= b.openProducts) _requireNetwork(b, index);
            int256 price = _price(b, index);
            bool sells = flags & FLAG_SELLS != 0;
            bytes32 legHash = _legHash(b, index, sells ? -SCALE : SCALE);
            bytes32 legsHash;
            assembly ("memory-safe") {
                mstore(0x00, legHash)
                legsHash := keccak256(0x00, 0x20)
            }
            b.legsHash = legsHash;
            b.weight = USCALE;
            b.energy = maxUnits;
            b.sold = sells ? maxUnits : 0;
            b.surplus = (sells ? limit + price : limit - price) * SCALE;
            b.signatureAt = pos + 2;
        }
    }

    /// @dev For products that not everybody trades: those of the network, or none at all.
    function _requireNetwork(Batch memory b, uint256 index) private pure {
        if (index >= b.products || b.trader != b.network) revert IExchange.MalformedBatch(b.ordersRead);
    }

    /// @dev Legs are hashed above the free memory pointer, which nothing else uses meanwhile.
    function _manyLegs(Batch memory b, uint256 pos, uint256 flags, uint256 maxUnits, int256 limit)
        private
        pure
    {
        unchecked {
            uint256 legs = _word(pos) >> 248;
            // One leg in this form would turn a one-product round into a coupled one.
            if (legs < 2 || flags & FLAG_SELLS != 0 || !b.takesCoupled) revert IExchange.MalformedBatch(b.ordersRead);
            b.coupled = 1;
            pos += 1;
            uint256 hashes;
            assembly ("memory-safe") {
                hashes := mload(0x40)
            }
            uint256 image = b.legImage;
            uint256 tallies = b.tallies;
            uint256 open = b.openProducts;
            uint256 weight;
            uint256 wholeEnergy;
            uint256 sold;
            int256 cost;
            uint256 least;
            uint256 hash = hashes;
            for (uint256 end = pos + legs * LEG_BYTES; pos < end; pos += LEG_BYTES) {
                uint256 index;
                int256 c;
                uint256 size;
                uint256 energy;
                assembly ("memory-safe") {
                    let leg := calldataload(pos)
                    index := shr(240, leg)
                    c := signextend(3, shr(208, leg))
                    let sign := sar(255, c)
                    size := sub(xor(c, sign), sign)
                    // Toward plus infinity.
                    energy := div(add(mul(size, maxUnits), 999999), 1000000)
                    sold := add(sold, and(energy, sign))
                }
                if (index >= open) _requireNetwork(b, index);
                if (c == 0 || index < least) revert IExchange.MalformedBatch(b.ordersRead);
                least = index + 1;
                weight += size;
                wholeEnergy += energy;
                uint256 tally = tallies + index * TALLY_BYTES;
                assembly ("memory-safe") {
                    cost := add(cost, mul(c, mload(tally)))
                    mstore(add(image, 0x20), mload(add(tally, PRODUCT)))
                    mstore(add(image, 0x40), c)
                    mstore(hash, keccak256(image, 0x60))
                    hash := add(hash, 0x20)
                }
            }
            bytes32 legsHash;
            assembly ("memory-safe") {
                legsHash := keccak256(hashes, sub(hash, hashes))
            }
            b.legsHash = legsHash;
            b.weight = weight;
            b.energy = wholeEnergy;
            b.sold = sold;
            b.surplus = limit * SCALE - cost;
            b.signatureAt = pos;
        }
    }

    /// @dev EIP-712 digest of the order being read.
    function _orderHash(Batch memory b, uint256 trader, uint256 head, uint256 maxUnits, int256 limit)
        private
        pure
        returns (bytes32 digest)
    {
        uint256 image = b.orderImage;
        uint256 digestImage = b.digestImage;
        bytes32 legsHash = b.legsHash;
        uint256 epoch = uint32(head >> 24);
        uint256 salt = uint64(head >> 56);
        assembly ("memory-safe") {
            mstore(add(image, 0x60), legsHash)
            mstore(add(image, 0x80), maxUnits)
            mstore(add(image, 0xa0), limit)
            mstore(add(image, 0xc0), trader)
            mstore(add(image, 0xe0), epoch)
            mstore(add(image, 0x100), salt)
            mstore(add(digestImage, 34), keccak256(image, 0x120))
            digest := keccak256(digestImage, 66)
        }
    }

    /// @dev Who signed the order being read; 0 when nobody did.
    function _signer(Batch memory b, bytes32 digest) private view returns (uint256 signer) {
        uint256 image = b.signatureImage;
        uint256 signature = b.signatureAt;
        uint256 half = OrderLib.HALF_ORDER;
        assembly ("memory-safe") {
            let vs := calldataload(add(signature, 0x20))
            let s := shr(1, shl(1, vs))
            mstore(image, digest)
            mstore(add(image, 0x20), add(27, shr(255, vs)))
            mstore(add(image, 0x40), calldataload(signature))
            mstore(add(image, 0x60), s)
            mstore(0x00, 0)
            // ecrecover returns nothing for an invalid signature; 0 is nobody.
            pop(staticcall(gas(), 1, image, 0x80, 0x00, 0x20))
            signer := mul(mload(0x00), iszero(gt(s, half)))
        }
    }

    /// @dev Place in the book, Merkle leaf, forced mark.
    function _enterBook(Batch memory b, uint256 trader, bytes32 id, uint256 flags, mapping(bytes32 => bool) storage forced)
        private
        view
    {
        unchecked {
            if (uint256(id) <= b.lastHash) revert IExchange.OrdersNotSorted(b.ordersRead);
            b.lastHash = uint256(id);
            bytes32 leaf;
            assembly ("memory-safe") {
                mstore(0x00, shl(96, trader))
                mstore(0x14, id)
                leaf := keccak256(0x00, 52)
            }
            MerkleLib.push(b.bookFrontier, b.ordersRead, leaf);

            if (flags & FLAG_FORCED != 0) {
                if (!forced[id]) revert IExchange.NotForced(b.ordersRead);
                ++b.forcedSeen;
            }
        }
    }

    /// @dev `_maximum` of an order that its trader did not sign: 0 where the session of the round does not cover it
    /// (docs/protocol.md section 16). Only a signature of an account that the trader never named is refused, so that
    /// no revocation makes a book unsettleable.
    function _delegatedMaximum(Batch memory b, uint256 signer, uint256 epoch, uint256 maxUnits, int256 limit)
        private
        view
        returns (uint256 m)
    {
        unchecked {
            if (signer == 0) revert IExchange.BadSignature(b.ordersRead);
            if (b.sessionOwner != b.trader) _readSession(b);
            uint256 session = b.session;
            if (_load(session) != signer) {
                _requireNamed(b, signer);
                return 0;
            }
            uint256 bought = b.energy - b.sold;
            int256 worth = int256(_load(session + MAX_PRICE)) * int256(bought)
                - int256(_load(session + MIN_PRICE)) * int256(b.sold);
            uint256 buys = b.delegateBuys + bought;
            uint256 sells = b.delegateSells + b.sold;
            if (
                b.gateAt >= _load(session + UNTIL) || limit * int256(maxUnits) > worth
                    || buys > _load(session + BUY_WH) || sells > _load(session + SELL_WH)
            ) return 0;
            m = _maximum(b, epoch, maxUnits, limit);
            if (m == 0) return 0;
            b.delegateBuys = buys;
            b.delegateSells = sells;
        }
    }

    function _requireNamed(Batch memory b, uint256 signer) private view {
        address trader = address(uint160(b.trader));
        if (!b.delegations.isNamed(uint32(b.market), trader, address(uint160(signer)))) {
            revert IExchange.BadSignature(b.ordersRead);
        }
    }

    /// @dev `IDelegations.sessionOf` without the compiler's copying; once a trader, and only where a delegate signed.
    function _readSession(Batch memory b) private view {
        uint256 session = b.session;
        if (session == 0) b.session = session = _allocate(SESSION_BYTES);
        b.sessionOwner = b.trader;
        uint256 image = b.signatureImage;
        bytes32 selector = IDelegations.sessionOf.selector;
        uint256 market = b.market;
        uint256 trader = b.trader;
        uint256 round = b.round;
        IDelegations delegations = b.delegations;
        assembly ("memory-safe") {
            mstore(image, selector)
            mstore(add(image, 4), market)
            mstore(add(image, 36), trader)
            mstore(add(image, 68), round)
            let answered := staticcall(gas(), delegations, image, 100, session, SESSION_BYTES)
            if or(iszero(answered), lt(returndatasize(), SESSION_BYTES)) {
                let free := mload(0x40)
                returndatacopy(free, 0, returndatasize())
                revert(free, returndatasize())
            }
        }
    }

    /// @return m maxUnits when the order stood at the gate and margin and capacity cover it, else 0
    function _maximum(Batch memory b, uint256 epoch, uint256 maxUnits, int256 limit)
        private
        pure
        returns (uint256 m)
    {
        unchecked {
            if (b.eligible == 0 || epoch != b.epoch || b.sold > b.capacity) return 0;
            if (!OrderLib.isWithinCap(limit, b.weight, b.priceCap)) return 0;
            uint256 need = SettlementMath.ceilDiv(b.imbalanceCap * b.energy, USCALE);
            if (limit > 0) need += SettlementMath.ceilDiv(uint256(limit) * maxUnits, USCALE);
            if (need > b.margin) return 0;
            b.margin -= need;
            if (b.boundsCapacity) b.capacity -= b.sold;
            return maxUnits;
        }
    }

    // ------------------------------------------------------------------ fills

    function _fillOne(
        Batch memory b,
        uint256 pos,
        uint256 flags,
        uint256 maximum,
        uint256 fill,
        int256 limit
    ) private pure {
        unchecked {
            uint256 index = _word(pos) >> 240;
            uint256 tally = _tally(b, index);
            bool sells = flags & FLAG_SELLS != 0;
            if (maximum != 0) {
                if (sells) _boundByAsk(tally, -limit, fill != 0, fill < maximum);
                else _boundByBid(tally, limit, fill != 0, fill < maximum);
                if (fill != maximum || b.surplus == 0) {
                    if (!_isFillCanonical(b, b.surplus, tally, sells, maximum, fill) && b.violation == 0) {
                        b.violation = b.ordersRead + 1;
                    }
                }
            }
            if (fill == 0) return;
            if (b.surplus < 0) revert IExchange.CostAboveLimit(b.ordersRead);
            int256 quantity = sells ? -int256(fill) : int256(fill);
            int256 price;
            assembly ("memory-safe") {
                price := mload(tally)
                let sum := add(tally, BALANCE)
                mstore(sum, add(mload(sum), quantity))
            }
            b.realised += (b.surplus / SCALE) * int256(fill);
            // Tokens move with the money and leave no position to close.
            if (address(b.tokens) == address(0)) _chainEntry(b, tally, quantity);
            else b.collateral += uint256(quantity);
            _bookPayment(b, price * quantity, fill);
        }
    }

    function _boundByBid(uint256 tally, int256 bid, bool filled, bool notFull) private pure {
        assembly ("memory-safe") {
            if and(notFull, sgt(bid, mload(add(tally, LO)))) { mstore(add(tally, LO), bid) }
            if and(filled, slt(bid, mload(add(tally, HI)))) { mstore(add(tally, HI), bid) }
        }
    }

    function _boundByAsk(uint256 tally, int256 ask, bool filled, bool notFull) private pure {
        assembly ("memory-safe") {
            if and(filled, sgt(ask, mload(add(tally, LO)))) { mstore(add(tally, LO), ask) }
            if and(notFull, slt(ask, mload(add(tally, HI)))) { mstore(add(tally, HI), ask) }
        }
    }

    /// @dev Rules of one-product rounds for an order that is not full, or tied: above the price full,
    /// below it (checked by its cost) empty, at it full or its share of what the rationed side gets.
    function _isFillCanonical(
        Batch memory b,
        int256 surplus,
        uint256 tally,
        bool sells,
        uint256 maximum,
        uint256 fill
    ) private pure returns (bool) {
        unchecked {
            if (surplus > 0) return false;
            if (surplus < 0) return fill == 0;
            uint256 tie;
            assembly ("memory-safe") {
                tie := mload(add(tally, TIE))
            }
            if (tie & 3 != (sells ? 2 : 1)) return fill == maximum;
            assembly ("memory-safe") {
                let offered := add(tally, TIE_OFFERED)
                mstore(offered, add(mload(offered), maximum))
                let filled := add(tally, TIE_FILLED)
                mstore(filled, add(mload(filled), fill))
            }
            uint256 pos = tie >> 2;
            uint256 sums = _word(pos);
            uint256 product = maximum * uint128(sums);
            uint256 offeredAtTie = sums >> 128;
            uint256 share = product / offeredAtTie;
            uint256 remainder = product % offeredAtTie;
            uint256 cut = _word(pos + 32) >> 128;
            if (remainder > cut || (remainder == cut && b.lastHash <= _word(pos + 48))) ++share;
            return fill == share;
        }
    }

    function _fillMany(Batch memory b, uint256 pos, uint256 fill, int256 limit) private pure {
        unchecked {
            uint256 end = pos + 1 + (_word(pos) >> 248) * LEG_BYTES;
            uint256 tallies = b.tallies;
            bytes32 chain = b.chain;
            int256 cost;
            uint256 moved;
            for (pos += 1; pos < end; pos += LEG_BYTES) {
                assembly ("memory-safe") {
                    let leg := calldataload(pos)
                    let scaled := mul(signextend(3, shr(208, leg)), fill)
                    // Toward minus infinity.
                    let quantity := sub(sdiv(scaled, 1000000), slt(smod(scaled, 1000000), 0))
                    if quantity {
                        let tally := add(tallies, mul(shr(240, leg), TALLY_BYTES))
                        let sum := add(tally, BALANCE)
                        mstore(sum, add(mload(sum), quantity))
                        cost := add(cost, mul(mload(tally), quantity))
                        let sign := sar(255, quantity)
                        moved := add(moved, sub(xor(quantity, sign), sign))
                        // As in _chainEntry.
                        mstore(0x00, chain)
                        mstore(0x20, or(shl(192, mload(add(tally, PRODUCT))), shr(64, shl(128, quantity))))
                        chain := keccak256(0x00, 56)
                    }
                }
            }
            b.chain = chain;
            int256 sigma = limit * int256(fill) - cost;
            if (sigma < 0) revert IExchange.CostAboveLimit(b.ordersRead);
            b.realised += sigma;
            _bookPayment(b, cost, moved);
        }
    }

    /// @param cost sum of price * quantity
    /// @param moved sum of |quantity|
    function _bookPayment(Batch memory b, int256 cost, uint256 moved) private pure {
        unchecked {
            int256 payment = SettlementMath.ceilDiv(cost, SCALE);
            if (payment > 0) b.paid += uint256(payment);
            else b.received += uint256(-payment);
            b.collateral += SettlementMath.ceilDiv(b.imbalanceCap * moved, USCALE);
        }
    }

    function _chainEntry(Batch memory b, uint256 tally, int256 quantity) private pure {
        unchecked {
            bytes32 chain = b.chain;
            assembly ("memory-safe") {
                mstore(0x00, chain)
                mstore(0x20, or(shl(192, mload(add(tally, PRODUCT))), shl(64, and(quantity, 0xffffffffffffffffffffffffffffffff))))
                chain := keccak256(0x00, 56)
            }
            b.chain = chain;
        }
    }

    // ------------------------------------------------------------------ the end of the book

    /// @notice Checks what can only be known once every order has been read.
    function finish(
        Batch memory b,
        uint256 count,
        bytes32 bookRoot,
        uint256 forcedCount,
        uint256 gapFloor,
        uint256 gapCap
    ) internal pure returns (Outcome memory o) {
        unchecked {
            if (b.ordersRead != count || b.remaining != 0) revert IExchange.WrongBook();
            if (MerkleLib.root(b.bookFrontier, count) != bookRoot) revert IExchange.WrongBook();
            if (b.forcedSeen != forcedCount) revert IExchange.ForcedOrderMissing();
            if (b.coupled == 0 && b.violation != 0) revert IExchange.NotOptimal(b.violation - 1);

            uint256 packed;
            assembly ("memory-safe") {
                packed := mload(0x40)
            }
            uint256 to = packed;
            uint256 end = b.tallies + b.products * TALLY_BYTES;
            for (uint256 tally = b.tallies; tally < end; tally += TALLY_BYTES) {
                uint256 tie;
                int256 sum;
                bool midway;
                assembly ("memory-safe") {
                    let price := mload(tally)
                    let lo := mload(add(tally, LO))
                    let hi := mload(add(tally, HI))
                    sum := mload(add(tally, BALANCE))
                    tie := mload(add(tally, TIE))
                    // Midway between the bounds, toward minus infinity; the one there is; or 0.
                    let noLo := eq(lo, NONE_LO)
                    let noHi := eq(hi, NONE_HI)
                    let expected := sar(1, add(lo, hi))
                    if or(noLo, noHi) { expected := add(mul(lo, iszero(noLo)), mul(hi, iszero(noHi))) }
                    midway := eq(price, expected)
                    // Beyond the free memory pointer; 8 bytes each, ascending.
                    mstore(to, shl(192, price))
                    to := add(to, 8)
                }
                if (sum != 0) revert IExchange.NotBalanced((tally - b.tallies) / TALLY_BYTES);
                if (b.coupled == 0) {
                    if (!midway) revert IExchange.WrongPrice((tally - b.tallies) / TALLY_BYTES);
                    if (tie != 0) _checkTie(b, tally, tie);
                } else if (tie != 0) {
                    revert IExchange.TieInCoupledRound((tally - b.tallies) / TALLY_BYTES);
                }
            }
            bytes32 pricesHash;
            uint256 size = b.products * 8;
            assembly ("memory-safe") {
                pricesHash := keccak256(packed, size)
            }
            o.pricesHash = pricesHash;
            o.positionsCount = b.positions;
            o.positionsRoot = MerkleLib.root(b.positionFrontier, b.positions);
            o.dust = uint256(b.dust);
            o.welfareMicro = uint256(b.realised) / USCALE;
            int256 gap = b.offered - SCALE * b.realised;
            if (gap > 0) {
                uint256 allowed = _min(uint256(b.realised), gapCap * SettlementMath.SCALED_PER_MICRO);
                uint256 least = gapFloor * SettlementMath.SCALED_PER_MICRO;
                o.gapMicro = SettlementMath.ceilDiv(uint256(gap), SettlementMath.SCALED_PER_MICRO);
                if (uint256(gap) > allowed && uint256(gap) > least) revert IExchange.GapTooLarge(o.gapMicro);
            }
        }
    }

    /// @dev What was offered and filled at a rationed tie is what the results say.
    function _checkTie(Batch memory b, uint256 tally, uint256 tie) private pure {
        unchecked {
            uint256 sums;
            assembly ("memory-safe") {
                sums := or(shl(128, mload(add(tally, TIE_OFFERED))), mload(add(tally, TIE_FILLED)))
            }
            if (sums != _word(tie >> 2)) revert IExchange.WrongTie((tally - b.tallies) / TALLY_BYTES);
        }
    }

    /// @notice Traders whose effects were collected so far.
    function tradersFinished(Batch memory b) internal pure returns (uint256) {
        unchecked {
            return (b.effectsEnd - b.effects) / _effectBytes(b);
        }
    }

    function _effectBytes(Batch memory b) private pure returns (uint256) {
        return address(b.tokens) == address(0) ? EFFECT_BYTES : TOKENISED_EFFECT_BYTES;
    }

    /// @notice Effects collected so far, as a byte string of its own.
    function effectsOf(Batch memory b) internal pure returns (bytes memory effects) {
        uint256 from = b.effects;
        uint256 size = b.effectsEnd - from;
        effects = new bytes(size);
        assembly ("memory-safe") {
            mcopy(add(effects, 0x20), from, size)
        }
    }

    // ------------------------------------------------------------------ from chunk to chunk

    /// @notice The state with which the next chunk continues: progress, both frontiers, two words a product.
    function save(Batch memory b) internal pure returns (bytes memory state) {
        unchecked {
            state = new bytes(STATE_HEADER + b.products * 64);
            uint256 to;
            assembly ("memory-safe") {
                to := add(state, 0x20)
                mcopy(to, b, PROGRESS_BYTES)
                to := add(to, PROGRESS_BYTES)
            }
            to = _saveFrontier(to, b.bookFrontier, b.ordersRead);
            to = _saveFrontier(to, b.positionFrontier, b.positions);
            uint256 tally = b.tallies;
            uint256 end = tally + b.products * TALLY_BYTES;
            for (; tally < end; tally += TALLY_BYTES) {
                assembly ("memory-safe") {
                    let bounds :=
                        or(
                            shl(64, and(mload(add(tally, LO)), 0xffffffffffffffff)),
                            and(mload(add(tally, HI)), 0xffffffffffffffff)
                        )
                    mstore(to, or(shl(128, mload(add(tally, BALANCE))), bounds))
                    mstore(
                        add(to, 0x20),
                        or(shl(128, mload(add(tally, TIE_OFFERED))), mload(add(tally, TIE_FILLED)))
                    )
                    to := add(to, 0x40)
                }
            }
        }
    }

    /// @dev Words whose bit of `count` is not set are left over from earlier; they are saved as 0.
    function _saveFrontier(uint256 to, uint256 frontier, uint256 count) private pure returns (uint256) {
        unchecked {
            for (uint256 level; level < MerkleLib.DEPTH; ++level) {
                if (count >> level & 1 == 1) {
                    assembly ("memory-safe") {
                        mstore(add(to, shl(5, level)), mload(add(frontier, shl(5, level))))
                    }
                }
            }
            return to + MerkleLib.FRONTIER_BYTES;
        }
    }

    /// @notice Continues from a saved state, after `begin` with the same results.
    function load(Batch memory b, bytes calldata state) internal pure {
        unchecked {
            bytes32 resultsHash = b.resultsHash;
            uint256 pos = _offset(state);
            uint256 book = b.bookFrontier;
            uint256 position = b.positionFrontier;
            uint256 frontierBytes = MerkleLib.FRONTIER_BYTES;
            assembly ("memory-safe") {
                calldatacopy(b, pos, PROGRESS_BYTES)
                pos := add(pos, PROGRESS_BYTES)
                calldatacopy(book, pos, frontierBytes)
                pos := add(pos, frontierBytes)
                calldatacopy(position, pos, frontierBytes)
                pos := add(pos, frontierBytes)
            }
            if (b.resultsHash != resultsHash) revert IExchange.MalformedResults(b.products);
            uint256 tally = b.tallies;
            uint256 end = tally + b.products * TALLY_BYTES;
            for (; tally < end; tally += TALLY_BYTES) {
                assembly ("memory-safe") {
                    let bounds := calldataload(pos)
                    let sums := calldataload(add(pos, 0x20))
                    mstore(add(tally, BALANCE), sar(128, bounds))
                    mstore(add(tally, LO), signextend(7, shr(64, bounds)))
                    mstore(add(tally, HI), signextend(7, bounds))
                    mstore(add(tally, TIE_OFFERED), shr(128, sums))
                    mstore(add(tally, TIE_FILLED), and(sums, 0xffffffffffffffffffffffffffffffff))
                    pos := add(pos, 0x40)
                }
            }
        }
    }

    // ------------------------------------------------------------------ parts

    function _tally(Batch memory b, uint256 index) private pure returns (uint256) {
        unchecked {
            return b.tallies + index * TALLY_BYTES;
        }
    }

    function _price(Batch memory b, uint256 index) private pure returns (int256 price) {
        unchecked {
            uint256 tally = _tally(b, index);
            assembly ("memory-safe") {
                price := mload(tally)
            }
        }
    }

    function _legHash(Batch memory b, uint256 index, int256 coefficient) private pure returns (bytes32 hash) {
        uint256 image = b.legImage;
        uint256 tally = _tally(b, index);
        assembly ("memory-safe") {
            mstore(add(image, 0x20), mload(add(tally, PRODUCT)))
            mstore(add(image, 0x40), coefficient)
            hash := keccak256(image, 0x60)
        }
    }

    /// @dev Memory whose content is set by the caller (or zero, when fresh).
    function _allocate(uint256 size) private pure returns (uint256 pos) {
        assembly ("memory-safe") {
            pos := mload(0x40)
            mstore(0x40, add(pos, and(add(size, 0x3f), not(0x1f))))
        }
    }

    function _offset(bytes calldata data) private pure returns (uint256 pos) {
        assembly ("memory-safe") {
            pos := data.offset
        }
    }

    function _word(uint256 pos) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(pos)
        }
    }

    function _load(uint256 pos) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(pos)
        }
    }

    function _min(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }
}
