#!/usr/bin/env bash
# Runs the redis-rs tests of the server's crate against the server on FLASHDB_TEST_PORT, one line per check.
set -uo pipefail
cargo test --quiet --package flashdb --test redis_rs -- --format=pretty 2>&1 |
    sed -E 's/^test (.*) \.\.\. ok$/[ok] \1/; s/^test (.*) \.\.\. FAILED$/[err] \1: failed/; /^$/d; /^running /d; /^test result: ok/d'
exit "${PIPESTATUS[0]}"
