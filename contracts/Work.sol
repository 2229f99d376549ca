// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

/// Loops that each load one part of the machine. All return something that hangs on every round, so
/// that a wrong result shows. Slots: 0 a mapping from (caller, index) to a value.
contract Work {
    mapping(address caller => mapping(uint256 index => uint256)) private values;

    event Done(address indexed caller, uint256 result);

    /// 256-bit arithmetic: multiplication, division, modular products, shifts.
    function arithmetic(uint256 seed, uint256 rounds) external pure returns (uint256 x) {
        x = seed | 1;
        uint256 y = ~seed;
        unchecked {
            for (uint256 i = 0; i < rounds; i++) {
                x = x * 6364136223846793005 + 1442695040888963407;
                y ^= x << 13;
                y ^= y >> 7;
                x += mulmod(x, y, type(uint256).max - 188);
                y += x / ((y >> 129) + 1);
                if (x > y) x -= y >> 1;
            }
            x ^= y;
        }
    }

    /// Chained hashes of 64 bytes.
    function hashing(uint256 seed, uint256 rounds) external pure returns (bytes32 h) {
        h = bytes32(seed);
        for (uint256 i = 0; i < rounds; i++) {
            h = keccak256(abi.encode(h, i));
        }
    }

    /// Fresh slots of the caller's own.
    function storing(uint256 seed, uint256 rounds) external returns (uint256 sum) {
        mapping(uint256 index => uint256) storage mine = values[msg.sender];
        unchecked {
            for (uint256 i = 0; i < rounds; i++) {
                sum += mine[i] + seed;
                mine[i] = sum | 1;
            }
        }
    }

    /// A little of everything: memory, hashes, arithmetic, a slot in four, an event.
    function everything(uint256 seed, uint256 rounds) external returns (uint256 x) {
        uint256[] memory ring = new uint256[](16);
        x = seed;
        unchecked {
            for (uint256 i = 0; i < rounds; i++) {
                x = x * 0x9e3779b97f4a7c15f39cc0605cedc835 + ring[i & 15];
                ring[(x >> 17) & 15] = x ^ i;
                if (i & 3 == 0) x ^= uint256(keccak256(abi.encode(ring)));
                if (i & 15 == 3) values[msg.sender][i] += x | 1;
            }
        }
        emit Done(msg.sender, x);
    }
}
