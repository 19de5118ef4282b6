// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IGreenCertificates} from "./IGreenCertificates.sol";

/// @notice What a store holds: energy, and the green part of it by technology (docs/protocol.md section 14).
/// @dev Always: the green parts together are at most the energy, the energy at most the capacity.
library StoreMix {
    /// @dev How many technologies are in a store at a time.
    uint256 internal constant MOST_TECHNOLOGIES = 4;
    uint256 private constant FULL_BP = 10_000;

    /// @dev The first `count` places are in use, in ascending order of technologies.
    struct Mix {
        uint256 capacityWh;
        uint256 efficiencyBp;
        uint256 energyWh;
        uint256 count;
        uint256[4] technologies;
        uint256[4] greenWh;
    }

    /// @notice Reads places as `pack` wrote them: 8 bits a technology, 64 bits its Wh.
    function unpack(Mix memory mix, uint256 technologies, uint256 greenWh) internal pure {
        for (uint256 i; i < MOST_TECHNOLOGIES; ++i) {
            uint256 wh = uint64(greenWh >> 64 * i);
            if (wh == 0) break;
            mix.technologies[i] = uint8(technologies >> 8 * i);
            mix.greenWh[i] = wh;
            mix.count = i + 1;
        }
    }

    /// @notice The places, without technologies of which nothing is left.
    function pack(Mix memory mix) internal pure returns (uint32 technologies, uint256 greenWh) {
        dropEmpty(mix);
        for (uint256 i; i < mix.count; ++i) {
            technologies |= uint32(mix.technologies[i] << 8 * i);
            greenWh |= mix.greenWh[i] << 64 * i;
        }
    }

    /// @notice What is left of energy charged when it comes out again, Wh.
    function afterLosses(Mix memory mix, uint256 chargedWh) internal pure returns (uint256) {
        return chargedWh * mix.efficiencyBp / FULL_BP;
    }

    /// @notice Adds a slot's certificates of one technology, less the losses.
    function addGreen(Mix memory mix, uint256 technology, uint256 chargedWh) internal pure {
        uint256 wh = afterLosses(mix, chargedWh);
        if (wh == 0) return;
        uint256 place = _placeFor(mix, technology);
        mix.greenWh[place] += wh;
    }

    /// @notice Adds a slot's energy, less the losses; certificates for it are in before. What does not fit was
    /// a mixture of all.
    function charge(Mix memory mix, uint256 chargedWh) internal pure {
        uint256 energyWh = mix.energyWh + afterLosses(mix, chargedWh);
        if (energyWh > mix.capacityWh) {
            for (uint256 i; i < mix.count; ++i) {
                mix.greenWh[i] = mix.greenWh[i] * mix.capacityWh / energyWh;
            }
            energyWh = mix.capacityWh;
        }
        mix.energyWh = energyWh;
    }

    /// @notice Takes a slot's energy out, of every technology its share. Sums are rounded, not parts, so that
    /// all shares together are at most what is taken.
    /// @return parts Wh by place
    function discharge(Mix memory mix, uint256 dischargedWh) internal pure returns (uint256[4] memory parts) {
        uint256 energyWh = mix.energyWh;
        uint256 takenWh = dischargedWh < energyWh ? dischargedWh : energyWh;
        if (takenWh == 0) return parts;
        uint256 greenWh;
        uint256 sharedWh;
        for (uint256 i; i < mix.count; ++i) {
            greenWh += mix.greenWh[i];
            uint256 uptoWh = greenWh * takenWh / energyWh;
            parts[i] = uptoWh - sharedWh;
            mix.greenWh[i] -= parts[i];
            sharedWh = uptoWh;
        }
        mix.energyWh = energyWh - takenWh;
    }

    function greenSum(Mix memory mix) internal pure returns (uint256 wh) {
        for (uint256 i; i < mix.count; ++i) {
            wh += mix.greenWh[i];
        }
    }

    /// @notice Leaves out technologies of which nothing is left.
    function dropEmpty(Mix memory mix) internal pure {
        uint256 kept;
        for (uint256 i; i < mix.count; ++i) {
            if (mix.greenWh[i] == 0) continue;
            (mix.technologies[kept], mix.greenWh[kept]) = (mix.technologies[i], mix.greenWh[i]);
            ++kept;
        }
        mix.count = kept;
    }

    function _placeFor(Mix memory mix, uint256 technology) private pure returns (uint256 place) {
        for (place = 0; place < mix.count; ++place) {
            if (mix.technologies[place] == technology) return place;
        }
        dropEmpty(mix);
        if (mix.count == MOST_TECHNOLOGIES) revert IGreenCertificates.TooManyTechnologies(MOST_TECHNOLOGIES);
        place = mix.count++;
        while (place != 0 && mix.technologies[place - 1] > technology) {
            mix.technologies[place] = mix.technologies[place - 1];
            mix.greenWh[place] = mix.greenWh[place - 1];
            --place;
        }
        (mix.technologies[place], mix.greenWh[place]) = (technology, 0);
    }
}
