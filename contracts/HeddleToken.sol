// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

/// A plain ERC-20 with the checks that most tokens make: no zero addresses, no overdraft, an
/// allowance that is used up unless it is unlimited. Slots: 0 balances, 1 allowances, 2 supply.
contract HeddleToken {
    mapping(address account => uint256) private balances;
    mapping(address owner => mapping(address spender => uint256)) private allowances;
    uint256 private supply;

    string public constant name = "Heddle Token";
    string public constant symbol = "HDL";
    uint8 public constant decimals = 18;

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);

    error ZeroAddress();
    error BalanceTooLow(address account, uint256 balance, uint256 needed);
    error AllowanceTooLow(address spender, uint256 allowance, uint256 needed);

    constructor(address holder, uint256 amount) {
        if (holder == address(0)) revert ZeroAddress();
        supply = amount;
        balances[holder] = amount;
        emit Transfer(address(0), holder, amount);
    }

    function totalSupply() external view returns (uint256) {
        return supply;
    }

    function balanceOf(address account) external view returns (uint256) {
        return balances[account];
    }

    function allowance(address owner, address spender) external view returns (uint256) {
        return allowances[owner][spender];
    }

    function transfer(address to, uint256 value) external returns (bool) {
        move(msg.sender, to, value);
        return true;
    }

    function approve(address spender, uint256 value) external returns (bool) {
        permitSpending(msg.sender, spender, value);
        return true;
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        uint256 allowed = allowances[from][msg.sender];
        if (allowed != type(uint256).max) {
            if (allowed < value) revert AllowanceTooLow(msg.sender, allowed, value);
            unchecked {
                allowances[from][msg.sender] = allowed - value;
            }
        }
        move(from, to, value);
        return true;
    }

    function move(address from, address to, uint256 value) private {
        if (from == address(0) || to == address(0)) revert ZeroAddress();
        uint256 balance = balances[from];
        if (balance < value) revert BalanceTooLow(from, balance, value);
        unchecked {
            // The supply bounds every balance, so the sum cannot overflow.
            balances[from] = balance - value;
            balances[to] += value;
        }
        emit Transfer(from, to, value);
    }

    function permitSpending(address owner, address spender, uint256 value) private {
        if (owner == address(0) || spender == address(0)) revert ZeroAddress();
        allowances[owner][spender] = value;
        emit Approval(owner, spender, value);
    }
}
