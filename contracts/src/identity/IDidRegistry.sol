// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Registry of decentralised identifiers (`did:ethr`, ERC-1056)
/// @notice Every address is an identity and owns itself until it says otherwise. Events and reads are
/// those of ERC-1056, so existing `did:ethr` resolvers work on this registry.
///
/// Two things differ from the registry published with ERC-1056:
///
/// - Deactivation (the owner set to the zero address) is final. There the zero address means "nobody
///   was ever set", so a deactivated identity belongs to its key again and can come back; here
///   `identityOwner` stays zero and every later change is refused.
/// - The functions ending in `Signed` take a deadline as their last parameter, and what is signed is
///   EIP-712 typed data (name "Wattproof", version "1", chain id, this contract) that includes the
///   signer's nonce, so that a signature is good for one change, on one chain, in time. Signatures
///   with `s` above half the curve order are refused.
interface IDidRegistry {
    /// @notice `identity` now belongs to `owner`; the zero address deactivates it for good.
    /// @param previousChange block of the change before this one, 0 for the first
    event DIDOwnerChanged(address indexed identity, address owner, uint256 previousChange);

    /// @notice `delegate` may act as `delegateType` for `identity` until `validTo` (excluded).
    event DIDDelegateChanged(
        address indexed identity,
        bytes32 delegateType,
        address delegate,
        uint256 validTo,
        uint256 previousChange
    );

    /// @notice The attribute `name` of `identity` has `value` until `validTo` (excluded; 0: revoked).
    event DIDAttributeChanged(
        address indexed identity,
        bytes32 name,
        bytes value,
        uint256 validTo,
        uint256 previousChange
    );

    /// @notice `caller` (or the recovered signer) does not own `identity`.
    error NotIdentityOwner(address identity, address caller);
    /// @notice `identity` was deactivated; nothing about it changes any more.
    error IdentityDeactivated(address identity);
    /// @notice The signed change had to arrive by `deadline`.
    error SignatureExpired(uint256 deadline);
    /// @notice The signature is malformed, or its `s` is above half the curve order.
    error InvalidSignature();

    /// @notice Who may change `identity`: itself unless it was handed on; zero when deactivated.
    function identityOwner(address identity) external view returns (address);

    /// @notice When `identity` was deactivated (seconds, UTC), 0 if it is active. One cold read.
    function deactivatedAt(address identity) external view returns (uint256);

    /// @notice Block of the last change of `identity`, 0 if there was none.
    function changed(address identity) external view returns (uint256);

    /// @notice Number of signed changes that `signer` has used; the next one carries this number.
    function nonce(address signer) external view returns (uint256);

    /// @notice The owner that was set for `identity`, zero if none was or it is deactivated.
    function owners(address identity) external view returns (address);

    /// @notice Until when (excluded) `delegate` acts for `identity`;
    /// `typeHash = keccak256(abi.encode(delegateType))`.
    function delegates(address identity, bytes32 typeHash, address delegate)
        external
        view
        returns (uint256);

    /// @notice Whether `delegate` now acts as `delegateType` for `identity`; never for a deactivated one.
    function validDelegate(address identity, bytes32 delegateType, address delegate)
        external
        view
        returns (bool);

    /// @notice Hands `identity` on to `newOwner`, or deactivates it for good when that is zero.
    function changeOwner(address identity, address newOwner) external;

    function changeOwnerSigned(
        address identity,
        uint8 sigV,
        bytes32 sigR,
        bytes32 sigS,
        address newOwner,
        uint256 deadline
    ) external;

    /// @notice Lets `delegate` act as `delegateType` for the next `validity` seconds.
    function addDelegate(address identity, bytes32 delegateType, address delegate, uint256 validity)
        external;

    function addDelegateSigned(
        address identity,
        uint8 sigV,
        bytes32 sigR,
        bytes32 sigS,
        bytes32 delegateType,
        address delegate,
        uint256 validity,
        uint256 deadline
    ) external;

    /// @notice Ends a delegation now.
    function revokeDelegate(address identity, bytes32 delegateType, address delegate) external;

    function revokeDelegateSigned(
        address identity,
        uint8 sigV,
        bytes32 sigR,
        bytes32 sigS,
        bytes32 delegateType,
        address delegate,
        uint256 deadline
    ) external;

    /// @notice Publishes an attribute for the next `validity` seconds.
    function setAttribute(address identity, bytes32 name, bytes calldata value, uint256 validity)
        external;

    function setAttributeSigned(
        address identity,
        uint8 sigV,
        bytes32 sigR,
        bytes32 sigS,
        bytes32 name,
        bytes calldata value,
        uint256 validity,
        uint256 deadline
    ) external;

    /// @notice Takes an attribute back.
    function revokeAttribute(address identity, bytes32 name, bytes calldata value) external;

    function revokeAttributeSigned(
        address identity,
        uint8 sigV,
        bytes32 sigR,
        bytes32 sigS,
        bytes32 name,
        bytes calldata value,
        uint256 deadline
    ) external;
}
