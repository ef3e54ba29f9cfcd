#!/usr/bin/env bats
# redis-py in each of its ways: commands, hits, misses, writes and errors are the server's own.

load lib
load clients

counts_agree_with() { # WAY
    redis_start
    counted "$PYTHON" "$CLIENTS/redis_py.py" "$1" "unix://$REDIS?db="
    report_agrees "$1"
    report_is_healthy
}

counts_agree_over_tls_with() { # WAY
    tls_start
    counted "$PYTHON" "$CLIENTS/redis_py.py" "$1" "rediss://127.0.0.1:$TLS_PORT/" "$TLS_CA"
    report_agrees "$1"
    report_is_healthy
}

@test "redis-py, blocking, with its own parser" {
    counts_agree_with sync
}

@test "redis-py, blocking, with the parser in C" {
    counts_agree_with hiredis
}

@test "redis-py, asyncio" {
    counts_agree_with asyncio
}

@test "redis-py, asyncio on uvloop" {
    counts_agree_with uvloop
}

@test "redis-py, blocking, over TLS" {
    counts_agree_over_tls_with sync
}

@test "redis-py, asyncio, over TLS" {
    counts_agree_over_tls_with asyncio
}

@test "redis-py, asyncio on uvloop, over TLS" {
    counts_agree_over_tls_with uvloop
}
