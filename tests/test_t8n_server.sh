#!/usr/bin/env bash
# test_t8n_server.sh - a running t8n server: good requests, hostile ones, and that it survives them.
# Usage: test_t8n_server.sh HEDDLE [FIXTURES/t8n]. With the fixtures and jq every t8n case that has JSON
# inputs is asked for over HTTP too. Exit: 0 all pass, 1 some do not, 77 bash has no /dev/tcp.
set -uo pipefail
heddle=$(realpath "$1")
fixtures=${2:-${HEDDLE_FIXTURES:-$HOME/.cache/heddle/fixtures}/t8n}
work=$(mktemp -d)
server=
trap '[ -n "$server" ] && kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
passed=0 failed=0

check() { # NAME CONDITION...
    local name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $name"
        [ -f "$work/answer" ] && head -c 400 "$work/answer" && echo
    fi
}

"$heddle" t8n-server --listen 127.0.0.1:0 --wait-max 2 --seconds-max 2 --body-max 1 --workers 4 \
    2>"$work/log" &
server=$!
for _ in $(seq 100); do
    grep -q listening "$work/log" && break
    sleep 0.05
done
port=$(sed -n 's/.*listening on 127.0.0.1:\([0-9]*\)$/\1/p' "$work/log")
[ -n "$port" ] || { echo "the server did not start: $(cat "$work/log")"; exit 1; }
if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    echo "bash cannot open /dev/tcp"
    exit 77
fi

raw() { # sends stdin as it is; the answer is in $work/answer
    exec 3<>"/dev/tcp/127.0.0.1/$port" || return 1
    cat >&3 2>/dev/null
    timeout 20 cat <&3 >"$work/answer" 2>/dev/null
    exec 3<&- 3>&-
}
post() { # posts stdin as JSON
    cat >"$work/body"
    { printf 'POST / HTTP/1.1\r\nHost: t\r\nContent-Length: %s\r\n\r\n' "$(stat -c %s "$work/body")"
      cat "$work/body"; } | raw
}
status_is() { head -1 "$work/answer" | grep -q "^HTTP/1.1 $1 "; }
body() { sed '1,/^\r$/d' "$work/answer"; }
answer_has() { body | grep -qF -- "$1"; }

env='{"currentCoinbase":"0x2adc25665018aa1fe0e6bc666dac8fc2697ff9ba","currentDifficulty":"0x20000",
"currentGasLimit":"0x7fffffffffffffff","currentNumber":"0x5","currentTimestamp":"0x3e8"}'
key=0x45a915e4d060149eb4365960e6a7a45f334393093061116b197e3240065ff2d8
request() { # CODE GAS: one transaction to an account with this code
    printf '{"state":{"fork":"Istanbul","chainid":1,"reward":0},"input":{"env":%s,"alloc":{
"0x095e7baea6a6c7c4c2dfeb977efac326af552d87":{"balance":"0x1","code":"%s"},
"0xa94f5374fce5edbc8e2a8697c15331677e6ebf0b":{"balance":"0xffffffffffffffffffffffff"}},
"txs":[{"nonce":"0x0","gas":"%s","gasPrice":"0x1","value":"0x0","input":"0x","v":"0x0","r":"0x0","s":"0x0",
"to":"0x095e7baea6a6c7c4c2dfeb977efac326af552d87","secretKey":"%s"}]}}' "$env" "$1" "$2" "$key"
}

request 0x600160005500 0x186a0 | post
check "a good request is answered" status_is 200
check "an answer holds alloc, body and result" answer_has '"result":{"stateRoot":"0x'
check "the store is in the answer" answer_has '"code":"0x600160005500","storage":{"0x00'
good=$(body)

echo '{' | post
check "broken JSON is a bad request" status_is 400
echo '[]' | post
check "JSON of another shape is a bad request" status_is 400
echo '{"state":{"fork":"Frontier"},"input":{"alloc":{"0x12":{}},"env":{},"txs":7}}' | post
check "a malformed account is a bad request" status_is 400
check "the place of the mistake is named" answer_has 'alloc'
printf '%s' "$(request 0x00 0x5208 | sed 's/Istanbul/Nowhere/')" | post
check "an unknown fork is a bad request" status_is 400
check "an unknown fork has exit code 3" answer_has '"exitCode":3'
printf '%0.s[' $(seq 5000) | post
check "deep nesting is a bad request" status_is 400
request 0x600040 0x186a0 | post
check "a missing block hash has exit code 4" answer_has '"exitCode":4'

printf 'GET / HTTP/1.1\r\n\r\n' | raw
check "GET tells that the server lives" status_is 200
printf 'DELETE / HTTP/1.1\r\n\r\n' | raw
check "other methods are refused" status_is 405
printf 'POST / HTTP/1.1\r\n\r\n' | raw
check "a length is required" status_is 411
printf 'POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n' | raw
check "a body above the limit is refused before it comes" status_is 413
printf 'POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n' | raw
check "a negative length is refused" status_is 400
printf 'POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}' | raw
check "two lengths are refused" status_is 400
printf 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n' | raw
check "chunks are refused" status_is 501
printf 'POST / HTTP/9.9\r\n\r\n' | raw
check "another version is refused" status_is 505
printf 'nonsense\r\n\r\n' | raw
check "nonsense is refused" status_is 400
{ printf 'POST / HTTP/1.1\r\nX: '; head -c 40000 /dev/zero | tr '\0' a; } | raw
check "a head above the limit is refused" status_is 431
head -c 3000 /dev/urandom | raw
printf 'POST / HTTP/1.1\r\nContent-Le' | raw
check "a request that never ends is given up" status_is 408
request 0x5b600056 0x7fffffffffffff00 | post
check "a program that never ends is stopped" status_is 503
# MSTORE at 2^31 and then at 2^32 - 2^10, with all the gas there is
request 0x600163800000005260016380000000f3 0x7fffffffffffff00 | post
check "a program that wants much memory gets an answer" grep -Eq '^HTTP/1.1 (200|500|503) ' "$work/answer"

for _ in $(seq 12); do # more clients than workers that say nothing
    (exec 3<>"/dev/tcp/127.0.0.1/$port" && sleep 0.5) 2>/dev/null &
done
request 0x600160005500 0x186a0 | post
check "silent clients do not keep others out for long" status_is 200
check "the same request has the same answer after all that" test "$(body)" = "$good"
check "the server still runs" kill -0 "$server"

if [ -d "$fixtures/geth-cmd-evm-testdata" ] && command -v jq >/dev/null; then
    for case in 1:Byzantium:0 3:Berlin:0 5:Byzantium:128 24:Paris:0 25:Paris:0 26:Shanghai:0 28:Cancun:0 \
        29:Cancun:0 33:Prague:0 34:Osaka:0; do
        IFS=: read -r number fork reward <<<"$case"
        dir=$fixtures/geth-cmd-evm-testdata/$number
        txs=$dir/txs.json
        [ -f "$txs" ] || txs=$dir/txs.rlp
        jq -n --arg fork "$fork" --argjson reward "$reward" --slurpfile a "$dir/alloc.json" \
            --slurpfile e "$dir/env.json" --slurpfile t "$txs" \
            '{state:{fork:$fork,chainid:1,reward:$reward},input:{alloc:$a[0],env:$e[0],txs:$t[0]}}' | post
        body | jq -S '{alloc,result}' >"$work/got" 2>/dev/null
        check "case $number agrees with go-ethereum's over HTTP" \
            cmp -s "$work/got" <(jq -S '{alloc,result}' "$dir/exp.json")
    done
fi

kill -TERM "$server"
wait "$server"
check "the server ends cleanly when told to" test $? -eq 0
server=
"$heddle" t8n-server --unix "$work/socket" 2>"$work/log" &
server=$!
for _ in $(seq 100); do
    [ -S "$work/socket" ] && break
    sleep 0.05
done
if command -v curl >/dev/null; then
    request 0x600160005500 0x186a0 | curl -s --unix-socket "$work/socket" --data-binary @- http://t/ >"$work/answer"
    check "a socket in the file system serves too" test "$(cat "$work/answer")" = "$good"
fi
kill -TERM "$server"
wait "$server"
check "its socket is gone when it ends" test ! -e "$work/socket"
server=
"$heddle" t8n-server --bogus 2>/dev/null
check "an unknown option is a usage error" test $? -eq 2

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
