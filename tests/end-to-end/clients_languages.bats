#!/usr/bin/env bats
# Clients of other languages: commands, hits, misses, writes and errors are the server's own.

load lib
load clients

@test "node-redis" {
    redis_start
    NODE_PATH=/usr/share/nodejs counted node "$CLIENTS/node_redis.js" "$REDIS"
    report_agrees "node-redis"
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
