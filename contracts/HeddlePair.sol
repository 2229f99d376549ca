// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

interface IToken {
    function balanceOf(address account) external view returns (uint256);
    function transfer(address to, uint256 value) external returns (bool);
    function transferFrom(address from, address to, uint256 value) external returns (bool);
}

/// A pool of two tokens that keeps the product of its reserves from falling; 0.3 % of what comes in
/// stays. Slots: 0 first token, 1 second token, 2 reserves (112 and 112 bits, then 32 of time),
/// 3 the lock, 4 and 5 price sums.
contract HeddlePair {
    address public token0;
    address public token1;
    uint112 private reserve0;
    uint112 private reserve1;
    uint32 private reservesTime;
    uint256 private lock = 1;
    uint256 public price0Sum;
    uint256 public price1Sum;

    event Swap(address indexed trader, uint256 amountIn, uint256 amountOut, bool zeroForOne);
    event Sync(uint112 reserve0, uint112 reserve1);

    error Locked();
    error NothingIn();
    error OutputTooLow(uint256 amountOut, uint256 wanted);
    error ProductFell();
    error ReserveTooHigh();
    error TransferFailed();

    modifier single() {
        if (lock != 1) revert Locked();
        lock = 2;
        _;
        lock = 1;
    }

    constructor(address first, address second) {
        token0 = first;
        token1 = second;
    }

    function reserves() external view returns (uint112, uint112, uint32) {
        return (reserve0, reserve1, reservesTime);
    }

    /// Takes the pool's present token balances as its reserves.
    function sync() external single {
        settle(IToken(token0).balanceOf(address(this)), IToken(token1).balanceOf(address(this)));
    }

    /// Takes amountIn of one token from the caller, who has approved it, and gives the other.
    function swap(bool zeroForOne, uint256 amountIn, uint256 amountOutMin, address to)
        external
        single
        returns (uint256 amountOut)
    {
        if (amountIn == 0) revert NothingIn();
        (address tokenIn, address tokenOut) = zeroForOne ? (token0, token1) : (token1, token0);
        (uint256 reserveIn, uint256 reserveOut) =
            zeroForOne ? (uint256(reserve0), uint256(reserve1)) : (uint256(reserve1), uint256(reserve0));
        amountOut = amountIn * 997 * reserveOut / (reserveIn * 1000 + amountIn * 997);
        if (amountOut < amountOutMin) revert OutputTooLow(amountOut, amountOutMin);

        if (!IToken(tokenIn).transferFrom(msg.sender, address(this), amountIn)) revert TransferFailed();
        if (!IToken(tokenOut).transfer(to, amountOut)) revert TransferFailed();

        // What the tokens say counts, not what was asked for: a token may take a fee of its own.
        uint256 balanceIn = IToken(tokenIn).balanceOf(address(this));
        uint256 balanceOut = IToken(tokenOut).balanceOf(address(this));
        if ((balanceIn * 1000 - amountIn * 3) * balanceOut < reserveIn * reserveOut * 1000) {
            revert ProductFell();
        }
        if (zeroForOne) settle(balanceIn, balanceOut);
        else settle(balanceOut, balanceIn);
        announce(amountIn, amountOut, zeroForOne);
    }

    function announce(uint256 amountIn, uint256 amountOut, bool zeroForOne) private {
        emit Swap(msg.sender, amountIn, amountOut, zeroForOne);
    }

    function settle(uint256 balance0, uint256 balance1) private {
        if (balance0 > type(uint112).max || balance1 > type(uint112).max) revert ReserveTooHigh();
        uint32 time = uint32(block.timestamp);
        unchecked {
            uint32 passed = time - reservesTime; // wraps as the timestamp does
            if (passed != 0 && reserve0 != 0 && reserve1 != 0) {
                price0Sum += ((uint256(reserve1) << 112) / reserve0) * passed;
                price1Sum += ((uint256(reserve0) << 112) / reserve1) * passed;
            }
        }
        reserve0 = uint112(balance0);
        reserve1 = uint112(balance1);
        reservesTime = time;
        emit Sync(uint112(balance0), uint112(balance1));
    }
}
