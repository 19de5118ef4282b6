// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {IDidRegistry} from "./IDidRegistry.sol";

/// @title Registry of decentralised identifiers; see IDidRegistry
contract DidRegistry is IDidRegistry, EIP712 {
    bytes32 private constant CHANGE_OWNER_TYPE = keccak256(
        "ChangeOwner(address identity,address newOwner,uint256 nonce,uint256 deadline)"
    );
    bytes32 private constant ADD_DELEGATE_TYPE = keccak256(
        "AddDelegate(address identity,bytes32 delegateType,address delegate,uint256 validity,uint256 nonce,uint256 deadline)"
    );
    bytes32 private constant REVOKE_DELEGATE_TYPE = keccak256(
        "RevokeDelegate(address identity,bytes32 delegateType,address delegate,uint256 nonce,uint256 deadline)"
    );
    bytes32 private constant SET_ATTRIBUTE_TYPE = keccak256(
        "SetAttribute(address identity,bytes32 name,bytes value,uint256 validity,uint256 nonce,uint256 deadline)"
    );
    bytes32 private constant REVOKE_ATTRIBUTE_TYPE = keccak256(
        "RevokeAttribute(address identity,bytes32 name,bytes value,uint256 nonce,uint256 deadline)"
    );

    /// @dev One word. `owner` is zero while the identity owns itself, and once it is deactivated.
    struct Ownership {
        address owner;
        uint48 deactivatedAt;
    }

    mapping(address identity => Ownership) private _ownership;

    /// @inheritdoc IDidRegistry
    mapping(address identity => mapping(bytes32 typeHash => mapping(address delegate => uint256)))
        public delegates;

    /// @inheritdoc IDidRegistry
    mapping(address identity => uint256) public changed;

    /// @inheritdoc IDidRegistry
    mapping(address signer => uint256) public nonce;

    constructor() EIP712("Wattproof", "1") {}

    modifier byOwner(address identity) {
        _requireOwner(identity, msg.sender);
        _;
    }

    function identityOwner(address identity) public view returns (address) {
        Ownership storage ownership = _ownership[identity];
        if (ownership.deactivatedAt != 0) return address(0);
        address owner = ownership.owner;
        return owner == address(0) ? identity : owner;
    }

    function deactivatedAt(address identity) external view returns (uint256) {
        return _ownership[identity].deactivatedAt;
    }

    function owners(address identity) external view returns (address) {
        return _ownership[identity].owner;
    }

    function validDelegate(address identity, bytes32 delegateType, address delegate)
        external
        view
        returns (bool)
    {
        return _ownership[identity].deactivatedAt == 0
            && delegates[identity][_typeHash(delegateType)][delegate] > block.timestamp;
    }

    function changeOwner(address identity, address newOwner) external byOwner(identity) {
        _changeOwner(identity, newOwner);
    }

    function changeOwnerSigned(
        address identity,
        uint8 sigV,
        bytes32 sigR,
        bytes32 sigS,
        address newOwner,
        uint256 deadline
    ) external {
        address owner = _activeOwner(identity);
        bytes32 structHash =
            keccak256(abi.encode(CHANGE_OWNER_TYPE, identity, newOwner, nonce[owner], deadline));
        _useSignature(identity, owner, structHash, sigV, sigR, sigS, deadline);
        _changeOwner(identity, newOwner);
    }

    function addDelegate(address identity, bytes32 delegateType, address delegate, uint256 validity)
        external
        byOwner(identity)
    {
        _setDelegate(identity, delegateType, delegate, block.timestamp + validity);
    }

    function addDelegateSigned(
        address identity,
        uint8 sigV,
        bytes32 sigR,
        bytes32 sigS,
        bytes32 delegateType,
        address delegate,
        uint256 validity,
        uint256 deadline
    ) external {
        address owner = _activeOwner(identity);
        bytes32 structHash = keccak256(
            abi.encode(
                ADD_DELEGATE_TYPE, identity, delegateType, delegate, validity, nonce[owner], deadline
            )
        );
        _useSignature(identity, owner, structHash, sigV, sigR, sigS, deadline);
        _setDelegate(identity, delegateType, delegate, block.timestamp + validity);
    }

    function revokeDelegate(address identity, bytes32 delegateType, address delegate)
        external
        byOwner(identity)
    {
        _setDelegate(identity, delegateType, delegate, block.timestamp);
    }

    function revokeDelegateSigned(
        address identity,
        uint8 sigV,
        bytes32 sigR,
        bytes32 sigS,
        bytes32 delegateType,
        address delegate,
        uint256 deadline
    ) external {
        address owner = _activeOwner(identity);
        bytes32 structHash = keccak256(
            abi.encode(
                REVOKE_DELEGATE_TYPE, identity, delegateType, delegate, nonce[owner], deadline
            )
        );
        _useSignature(identity, owner, structHash, sigV, sigR, sigS, deadline);
        _setDelegate(identity, delegateType, delegate, block.timestamp);
    }

    function setAttribute(address identity, bytes32 name, bytes calldata value, uint256 validity)
        external
        byOwner(identity)
    {
        _setAttribute(identity, name, value, block.timestamp + validity);
    }

    function setAttributeSigned(
        address identity,
        uint8 sigV,
        bytes32 sigR,
        bytes32 sigS,
        bytes32 name,
        bytes calldata value,
        uint256 validity,
        uint256 deadline
    ) external {
        address owner = _activeOwner(identity);
        bytes32 structHash = keccak256(
            abi.encode(
                SET_ATTRIBUTE_TYPE,
                identity,
                name,
                keccak256(value),
                validity,
                nonce[owner],
                deadline
            )
        );
        _useSignature(identity, owner, structHash, sigV, sigR, sigS, deadline);
        _setAttribute(identity, name, value, block.timestamp + validity);
    }

    function revokeAttribute(address identity, bytes32 name, bytes calldata value)
        external
        byOwner(identity)
    {
        _setAttribute(identity, name, value, 0);
    }

    function revokeAttributeSigned(
        address identity,
        uint8 sigV,
        bytes32 sigR,
        bytes32 sigS,
        bytes32 name,
        bytes calldata value,
        uint256 deadline
    ) external {
        address owner = _activeOwner(identity);
        bytes32 structHash = keccak256(
            abi.encode(
                REVOKE_ATTRIBUTE_TYPE, identity, name, keccak256(value), nonce[owner], deadline
            )
        );
        _useSignature(identity, owner, structHash, sigV, sigR, sigS, deadline);
        _setAttribute(identity, name, value, 0);
    }

    function _changeOwner(address identity, address newOwner) private {
        Ownership storage ownership = _ownership[identity];
        ownership.owner = newOwner;
        if (newOwner == address(0)) ownership.deactivatedAt = uint48(block.timestamp);
        emit DIDOwnerChanged(identity, newOwner, changed[identity]);
        changed[identity] = block.number;
    }

    function _setDelegate(address identity, bytes32 delegateType, address delegate, uint256 validTo)
        private
    {
        delegates[identity][_typeHash(delegateType)][delegate] = validTo;
        emit DIDDelegateChanged(identity, delegateType, delegate, validTo, changed[identity]);
        changed[identity] = block.number;
    }

    function _setAttribute(address identity, bytes32 name, bytes calldata value, uint256 validTo)
        private
    {
        emit DIDAttributeChanged(identity, name, value, validTo, changed[identity]);
        changed[identity] = block.number;
    }

    function _useSignature(
        address identity,
        address owner,
        bytes32 structHash,
        uint8 sigV,
        bytes32 sigR,
        bytes32 sigS,
        uint256 deadline
    ) private {
        if (block.timestamp > deadline) revert SignatureExpired(deadline);
        (address signer, ECDSA.RecoverError problem,) =
            ECDSA.tryRecover(_hashTypedDataV4(structHash), sigV, sigR, sigS);
        if (problem != ECDSA.RecoverError.NoError) revert InvalidSignature();
        if (signer != owner) revert NotIdentityOwner(identity, signer);
        ++nonce[owner];
    }

    function _requireOwner(address identity, address caller) private view {
        if (caller != _activeOwner(identity)) revert NotIdentityOwner(identity, caller);
    }

    function _activeOwner(address identity) private view returns (address owner) {
        owner = identityOwner(identity);
        if (owner == address(0)) revert IdentityDeactivated(identity);
    }

    function _typeHash(bytes32 delegateType) private pure returns (bytes32) {
        return keccak256(abi.encode(delegateType));
    }
}
