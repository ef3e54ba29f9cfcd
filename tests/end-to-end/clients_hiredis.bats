#!/usr/bin/env bats
# A libhiredis that can be interposed and one that cannot: the same counts, and nothing twice.

load lib
load clients

program_agrees() { # PROGRAM OPTION...
    local fields='{commands, reads, hits, misses, writes, written_bytes, errors, distinct_keys}' truth
    redis flushall >/dev/null
    rm -rf "$DIR/captures"
    truth=$(with_shim "$ROOT/build/tests/$1" "$REDIS" "${@:2}")
    leakey report --format json -o "$DIR/report.json" "$DIR/captures"
    same_text "$*" "$(jq -S "$fields" <<<"$truth")" "$(jq -S ".cache | $fields" "$DIR/report.json")"
    jqr "$DIR/report.json" '.captures[0].events.dropped_count == 0'
    jqr "$DIR/report.json" '(.cache.miss_causes | add) == .cache.misses'
}

@test "hiredis linked statically and hidden is seen at its socket, with the counts of the shared library" {
    redis_start
    run nm -D --defined-only "$ROOT/build/tests/cache_commands_static"
    [[ $output != *redis* ]]
    for threads in 1 8; do
        program_agrees cache_commands_static --threads $threads --healthy
        program_agrees cache_commands --threads $threads --healthy
    done
}
