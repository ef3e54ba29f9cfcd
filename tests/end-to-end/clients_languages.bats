#!/usr/bin/env bats
# Clients of other languages: commands, hits, misses, writes and errors are the server's own.

load lib
load clients

fetched_or_skip() {
    "$ROOT/scripts/fetch-clients" 2>"$DIR/fetch.log" || skip_loud "$(<"$DIR/fetch.log")"
}

@test "node-redis" {
    redis_start
    NODE_PATH=/usr/share/nodejs counted node "$CLIENTS/node_redis.js" "$REDIS"
    report_agrees "node-redis"
    report_is_healthy
}

@test "node-redis of today, in RESP2 and in RESP3" {
    fetched_or_skip
    redis_start
    for version in 2 3; do
        NODE_PATH=$ROOT/build/clients/node_modules \
            counted node "$CLIENTS/node_redis.js" "$REDIS" @redis/client "$version"
        unknown_to_server CLIENT 6 # SETINFO, twice for each connection
        report_agrees "node-redis, RESP$version"
        report_is_healthy
    done
}

@test "ioredis" {
    fetched_or_skip
    redis_start
    NODE_PATH=$ROOT/build/clients/node_modules counted node "$CLIENTS/node_ioredis.js" "$REDIS"
    unknown_to_server CLIENT 6
    report_agrees "ioredis"
    report_is_healthy
}

@test "Perl's Redis module" {
    redis_start
    counted /usr/bin/perl "$CLIENTS/perl_redis.pl" "$REDIS"
    report_agrees "Perl"
    report_is_healthy
}

@test "PHP's redis extension" {
    redis_start
    counted php "$CLIENTS/php_redis.php" "$REDIS"
    report_agrees "PHP"
    report_is_healthy
}
