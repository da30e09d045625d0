#!/usr/bin/env bash
# redis-cli against the server on FLASHDB_TEST_PORT: one line "[ok] NAME" or "[err] NAME: WHY" per check.
set -u
cli() { redis-cli -p "$FLASHDB_TEST_PORT" "$@"; }
failed=0

# same NAME WANT GOT
same() {
    if [ "$2" = "$3" ]; then
        echo "[ok] $1"
    else
        failed=1
        echo "[err] $1: want $(printf %q "$2"), got $(printf %q "$3")"
    fi
}

cli flushall >/dev/null
same "ping" "PONG" "$(cli ping)"
same "set and get" $'OK\nvalue' "$(printf 'set key value\nget key\n' | cli)"
same "RESP3" "$(printf '1) "field"\n2) "1"')" "$(cli hset hash field 1 >/dev/null; cli --no-raw hgetall hash)"
same "RESP3 map" '1# "field" => "1"' "$(cli -3 --no-raw hgetall hash)"
same "RESP3 double" '(double) 1.5' "$(cli zadd z 1.5 m >/dev/null; cli -3 --no-raw zscore z m)"
same "error reply" "(error) WRONGTYPE Operation against a key holding the wrong kind of value" \
    "$(cli --no-raw lpush key x)"
same "exit code of an error" "1" "$(cli -e get >/dev/null 2>&1; echo $?)"
same "inline quoting" "a b" "$(printf 'set quoted "a b"\nget quoted\n' | cli | tail -1)"
same "value from stdin" "from stdin" "$(printf 'from stdin' | cli -x set piped >/dev/null; cli get piped)"
same "binary output" $'(nil)\n"\\x00\\xff"' \
    "$(cli --no-raw get none; printf '\x00\xff' | cli -x set bin >/dev/null; cli --no-raw get bin)"
same "transaction" $'OK\nQUEUED\nQUEUED\n1\n2' "$(printf 'multi\nincr n\nincr n\nexec\n' | cli)"
same "select" "(integer) 0" "$(cli -n 5 --no-raw dbsize)"
same "repeat" $'1\n2\n3' "$(cli -r 3 incr counter)"
same "csv" '"a","b"' "$(cli rpush l a b >/dev/null; cli --csv lrange l 0 -1)"
same "json" '{"field":"1"}' "$(cli -3 --json hgetall hash)"

# Inserts a number of keys as one raw protocol stream and lets redis-cli count the replies.
pipe_load() {
    for number in $(seq 1 10000); do
        printf '*3\r\n$3\r\nSET\r\n$10\r\npipe:%05d\r\n$1\r\nx\r\n' "$number"
    done | cli --pipe 2>&1 | tail -1
}
same "mass insertion" "errors: 0, replies: 10000" "$(pipe_load)"
same "scan with pattern" "10000" "$(cli --scan --pattern 'pipe:*' | sort -u | wc -l)"
same "big keys" "0" "$(cli --bigkeys >/dev/null 2>&1; echo $?)"
same "memory keys" "0" "$(cli --memkeys >/dev/null 2>&1; echo $?)"
same "server information" "1" "$(cli info server | grep -c '^redis_version:')"
same "command count" "1" "$([ "$(cli command count)" -gt 200 ] && echo 1)"
same "command docs" "1" "$(cli command docs get | grep -c '^summary$')"
same "subscribe" "hello" "$(
    timeout 5 redis-cli -p "$FLASHDB_TEST_PORT" --csv subscribe news 2>/dev/null |
        while read -r line; do
            case $line in
            '"subscribe","news",1') cli publish news hello >/dev/null ;;
            '"message","news",'*) echo "$line" | cut -d'"' -f6; cli client kill type pubsub >/dev/null; break ;;
            esac
        done
)"
same "latency sample" "1" "$(timeout 5 redis-cli -p "$FLASHDB_TEST_PORT" --latency -i 1 --raw 2>/dev/null | wc -l)"
same "shutdown refused with wrong argument" "ERR syntax error" "$(cli shutdown never)"
exit $failed
