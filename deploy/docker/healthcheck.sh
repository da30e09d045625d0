#!/bin/bash
# Whether the server in this container answers: PONG, or that it wants a password. While it loads it is not healthy yet.
# No client program is needed: bash can talk to a port by itself.
set -u
port="${FLASHDB_PORT:-6379}"
exec 3<>"/dev/tcp/127.0.0.1/$port" || exit 1
printf 'PING\r\n' >&3
IFS= read -r -t 2 answer <&3 || exit 1
case "$answer" in
    +PONG* | -NOAUTH*) exit 0 ;;
    *) exit 1 ;;
esac
