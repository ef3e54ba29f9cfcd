#!/usr/bin/env bats
# Programs that come with a client of their own: commands, hits, misses, writes and errors are the server's own.

load lib
load clients

# A service's day, as lines for redis-cli.
cat_lines() {
    local n
    for n in {1..30}; do
        printf 'GET answer:%d\n' "$n"
        printf 'SET answer:%d "value %d" EX 600\n' "$n" "$n"
        printf 'GET answer:%d\n' "$n"
    done
    printf '%s\n' 'MGET answer:1 answer:2 answer:none' 'HSET profile name Ada city London' 'EXPIRE profile 600' \
        'HGETALL profile' 'HGETALL profile:none' 'INCR profile' 'SELECT 3' 'GET answer:1' 'SETEX answer:1 600 other' \
        'GET answer:1' 'SELECT 0' 'MULTI' 'GET answer:2' 'INCR count' 'EXEC' 'EXPIRE count 600' 'NO.SUCH command'
}

@test "redis-cli, its commands from a pipe, in RESP2 and in RESP3" {
    redis_start
    for option in -2 -3; do
        cat_lines >"$DIR/lines"
        count_begin
        with_shim redis-cli -s "$REDIS" $option <"$DIR/lines" >/dev/null
        count_end
        unknown_to_server NO.SUCH 1
        report_agrees "redis-cli $option"
        report_is_healthy
    done
}

@test "redis-cli over TLS" {
    tls_start
    cat_lines | grep -v NO.SUCH >"$DIR/lines"
    count_begin
    with_shim redis-cli -p "$TLS_PORT" --tls --cacert "$TLS_CA" <"$DIR/lines" >/dev/null
    count_end
    report_agrees "redis-cli --tls"
    report_is_healthy
}

@test "redis-cli --pipe" {
    redis_start
    "$PYTHON" - >"$DIR/protocol" <<'END'
import sys

for n in range(5000):
    for words in (["SET", f"key:{n}", "x" * (n * 7 % 3000), "EX", "600"], ["GET", f"key:{n}"], ["GET", f"other:{n % 50}"]):
        sys.stdout.write(f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words))
END
    count_begin
    with_shim redis-cli -s "$REDIS" --pipe <"$DIR/protocol" >"$DIR/pipe.log"
    grep -q 'errors: 0, replies: 15000' "$DIR/pipe.log"
    count_end
    report_agrees "redis-cli --pipe"
}

@test "redis-benchmark: pipelined, several clients, two threads" {
    redis_start
    for options in '-P 1' '-P 16' '-P 16 --threads 2'; do
        # shellcheck disable=SC2086 # several words
        counted redis-benchmark -s "$REDIS" -n 2000 -c 20 -r 300 -d 200 $options \
            -t ping_inline,ping_mbulk,set,get,incr,lpush,sadd,hset,mset,lrange_100 -q >/dev/null
        report_agrees "redis-benchmark $options"
    done
}

@test "ccache with its results in Redis: several processes, each command once though its libhiredis is visible" {
    redis_start
    export CCACHE_DIR=$DIR/ccache CCACHE_REMOTE_STORAGE=redis+unix:$REDIS CCACHE_COMPILERCHECK=none
    for n in 1 2 3; do
        printf 'int twice_%d(int x) { return 2 * x + %d; }\n' $n $n >"$DIR/source_$n.c"
    done
    count_begin
    for round in first second; do
        for n in 1 2 3; do
            (cd "$DIR" && with_shim ccache gcc -c "source_$n.c" -o "object_$n.$round.o")
        done
        rm -rf "$CCACHE_DIR"
    done
    count_end
    report_agrees ccache
    report_is_healthy
    for n in 1 2 3; do
        cmp "$DIR/object_$n.first.o" "$DIR/object_$n.second.o"
    done
    # The second round found in Redis what the first had stored.
    jqr "$DIR/report.json" '.cache.hits > 0 and .cache.misses > 0'
}
