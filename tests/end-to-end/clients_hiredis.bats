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

@test "hiredis over TLS: each command once, though it passes through libhiredis and through libssl" {
    "$ROOT/scripts/fetch-debian" trixie >"$DIR/fetch.log" 2>&1 || skip_loud "$(tail -n 1 "$DIR/fetch.log")"
    trixie=$ROOT/build/trixie/usr libraries=$ROOT/build/trixie/usr/lib/x86_64-linux-gnu
    gcc -O1 -I "$trixie/include" "$CLIENTS/hiredis_tls.c" -o "$DIR/hiredis_tls" -L "$libraries" \
        -l:libhiredis_ssl.so.1.1.0 -l:libhiredis.so.1.1.0 -Wl,-rpath,"$libraries"
    tls_start
    counted "$DIR/hiredis_tls" "$TLS_PORT" "$TLS_CA"
    report_agrees "hiredis over TLS"
    report_is_healthy
}
