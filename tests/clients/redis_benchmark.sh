#!/usr/bin/env bash
# Every default test of redis-benchmark, plain, pipelined and with RESP3, against the server on FLASHDB_TEST_PORT.
# A test passes when it reports a rate; redis-benchmark stops at the first error reply.
set -u
failed=0

# run NAME ARGUMENTS...
run() {
    local name=$1 output status rows
    shift
    output=$(redis-benchmark -p "$FLASHDB_TEST_PORT" --csv "$@" 2>&1)
    status=$?
    rows=$(grep -v '^"test"' <<<"$output" | grep '^".*","[0-9.]*"' | cut -d'"' -f2)
    if [ $status -ne 0 ] || [ -z "$rows" ] || grep -qi 'error' <<<"$output"; then
        failed=1
        echo "[err] $name: exit code $status, $(grep -i error <<<"$output" | head -1)"
    fi
    while IFS= read -r row; do
        [ -n "$row" ] && echo "[ok] $name: $row"
    done <<<"$rows"
}

run "plain" -n 2000 -c 20
run "pipeline of 16, random keys" -n 5000 -c 20 -P 16 -r 10000 -d 100
run "RESP3" -3 -n 1000 -c 5 -t ping,set,get,lpush,lpop,zadd,zpopmin
run "two threads" --threads 2 -n 5000 -c 20 -t set,get
run "own command" -n 1000 -r 100 hset hash:__rand_int__ field __rand_int__
exit $failed
