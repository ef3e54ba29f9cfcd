#!/usr/bin/env bats
# All of hiredis: asynchronous contexts, and synchronous ones through what happens to connections, on both binary
# interfaces, against the programs' own truth and the server's.

load lib

# need_newer NAME...: programs that are built against Debian 13's hiredis.
need_newer() {
    local name
    for name in "$@"; do
        [ -e "$ROOT/build/tests/$name" ] || skip_loud "Debian 13's hiredis could not be had (scripts/fetch-debian)"
    done
}

expected() { jq -Sc '{commands, reads, hits, misses, writes, written_bytes, errors}' "$DIR/truth.json"; }
seen() { jq -Sc '.cache | {commands, reads, hits, misses, writes, written_bytes, errors}' "$DIR/report.json"; }

run_program() { # NAME [ARGUMENT...]
    redis flushall >/dev/null
    rm -rf "$DIR/captures"
    with_shim "$ROOT/build/tests/$1" "$REDIS" "${@:2}" >"$DIR/truth.json"
    leakey report --format json -o "$DIR/report.json" "$DIR/captures"
    jqr "$DIR/report.json" '.captures[0].events.dropped_count == 0'
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# A server that listens on 127.0.0.1:$PORT too.
redis_start_on_port() {
    PORT=$(free_port)
    redis_start --bind 127.0.0.1 --port "$PORT"
}

# What the server counted, by verb.
served() {
    redis info commandstats | tr -d '\r' | sed -n 's/^cmdstat_\([a-z]*\)\(|[a-z-]*\)\?:calls=\([0-9]*\),.*/\U\1\E \3/p' |
        grep -vE '^(CONFIG|INFO|FLUSHALL|COMMAND) ' | awk '{ calls[$1] += $2 } END { for (verb in calls) print verb, calls[verb] }' |
        sort
}

# asynchronous PROGRAM: exact in every mode, and the server agrees where it can.
asynchronous() {
    redis_start
    for sample in 512K all; do
        LEAKEY_SAMPLE=$sample run_program "$1"
        same_text "$1, $sample" "$(expected)" "$(seen)"
    done
    redis config resetstat >/dev/null
    run_program "$1" --calm
    same_text "$1, calm" "$(expected)" "$(seen)"
    # GET and kin: the server counts per key, and not the ones that a transaction or an error ended.
    jq -r '.cache.commands | to_entries[] | "\(.key) \(.value)"' "$DIR/report.json" | sort >"$DIR/counted"
    same_text "$1, the server's calls" "$(served)" "$(<"$DIR/counted")"
    redis_stop
    redis_start_on_port
    run_program "$1" "$PORT"
    same_text "$1, connects" "$(expected)" "$(seen)"
    peers=$(leakey dump --what events --format json "$DIR"/captures/* | jq -r 'select(.event == "connect") | .peer' | sort)
    same_text "$1, peers" "$(connected_to "$1")" "$peers"
}

# Where `asynchronous` connects to, once for each form, and the program's own synchronous context.
connected_to() {
    local tcp=3
    [ "$1" = async_commands ] || tcp=4
    for ((; tcp; tcp--)); do echo "127.0.0.1:$PORT"; done
    printf 'unix:%s\n' "$REDIS" "$REDIS"
}

@test "asynchronous: every form, chains, subscriptions, MONITOR, frees and failures are counted once, on hiredis 0.14" {
    asynchronous async_commands
}

@test "asynchronous: the same on hiredis 1.x, with pushes and a timeout" {
    need_newer async_commands-1.x
    asynchronous async_commands-1.x
}

@test "asynchronous: the same under the names of libvalkey (a stand-in: hiredis 1.x renamed)" {
    need_newer async_commands-valkey
    asynchronous async_commands-valkey
}

# leaks PROGRAM: what callbacks keep belongs to the command that they answer.
leaks() {
    redis_start
    LEAKEY_SAMPLE=all run_program "$1" --leaky
    same_text "$1" "$(expected)" "$(seen)"
    jqr "$DIR/report.json" '[.leaks[] | select(.rule == "heap-leak")] | length == 1'
    jqr "$DIR/report.json" '.leaks[] | select(.rule == "heap-leak") | .template == "missing:<number>" and .outcome == "miss" and
        any(.site.stack[]; .function == "keep_on_miss") and .live_bytes == $truth[0].kept_bytes and
        (.bytes_per_command / ($truth[0] | .kept_bytes / .misses) - 1 | fabs) < 0.03' --slurpfile truth "$DIR/truth.json"
    jqr "$DIR/report.json" '[.leaks[] | select(.rule == "context-leak" and any(.site.stack[]; .function ==
        "forget_context")) | .live_count] | add == $truth[0].contexts' --slurpfile truth "$DIR/truth.json"
    # Replies are the library's to free, unless the context says otherwise.
    jqr "$DIR/report.json" '[.leaks[] | select(.rule == "reply-leak") | .live_count] | add // 0 == $truth[0].kept_replies' \
        --slurpfile truth "$DIR/truth.json"
    jqr "$DIR/report.json" 'all(.leaks[] | select(.rule == "reply-leak"); .outcome == "miss")'
    # Their memory was given before it was known what they answer.
    leakey dump --what live --format json "$DIR"/captures/async_commands* >"$DIR/live.json"
    [ "$(jq -s '[.[] | select(.live == "heap" and .bytes == 64 and .outcome == "miss")] | length' "$DIR/live.json")" -eq \
        "$(jq .kept_replies "$DIR/truth.json")" ]
}

@test "asynchronous: what callbacks keep is tied to the command they answer, and contexts and replies that leak are counted" {
    leaks async_commands
}

@test "asynchronous: the same leaks on hiredis 1.x" {
    need_newer async_commands-1.x
    leaks async_commands-1.x
}

@test "connections that do not block, break, reconnect, have readers of their own or subscribe, on hiredis 0.14" {
    redis_start_on_port
    run_program connection_forms "$PORT"
    same_text "0.14" "$(expected)" "$(seen)"
}

@test "connections: the same on hiredis 1.x, with pushes, and under the names of libvalkey" {
    need_newer connection_forms-1.x connection_forms-valkey
    redis_start_on_port
    run_program connection_forms-1.x "$PORT"
    same_text "1.x" "$(expected)" "$(seen)"
    run_program connection_forms-valkey "$PORT"
    same_text "valkey" "$(expected)" "$(seen)"
}

@test "a library whose functions do not pass the PLT: the same counts; its asynchronous contexts wait for no answer" {
    need_newer connection_forms-1.x async_commands-1.x
    redis_start_on_port
    LD_LIBRARY_PATH=$ROOT/build/tests/bound run_program connection_forms-1.x "$PORT"
    same_text "bound" "$(expected)" "$(seen)"
    LD_LIBRARY_PATH=$ROOT/build/tests/bound run_program async_commands-1.x --leaky
    jqr "$DIR/report.json" 'all(.leaks[]; .rule == "heap-leak")'
}

# --- a real service: webdis answers HTTP by asynchronous hiredis

serve_webdis() { # LIBRARY-PATH WEBDIS
    PORT=$(free_port)
    cat >"$DIR/webdis.json" <<END
{ "redis_host": "$REDIS", "redis_port": 0, "http_host": "127.0.0.1", "http_port": $PORT, "threads": 2, "pool_size": 2,
  "daemonize": false, "websockets": false, "database": 0, "verbosity": 2, "logfile": "$DIR/webdis.out" }
END
    rm -rf "$DIR/captures"
    start_with_shim webdis env LD_LIBRARY_PATH="$1" "$2" "$DIR/webdis.json"
    wait_until 20 curl -sf "http://127.0.0.1:$PORT/PING"
}

ask_webdis() { curl -sf "${@/#/http://127.0.0.1:$PORT/}"; }

# webdis: requests that hit, miss, write, delete, fail, subscribe; then the server's numbers are the report's.
drive_webdis() {
    local i urls=()
    for i in {1..40}; do
        urls+=("SET/page:$i/hello" "GET/page:$i" "GET/none:$i" "MGET/page:$i/none:$i")
    done
    ask_webdis "${urls[@]}" >"$DIR/answers"
    ask_webdis HSET/hash/field/value HGETALL/hash HGETALL/nothing DEL/page:1 EXISTS/page:2 >/dev/null
    ask_webdis GET/hash >/dev/null # the wrong type
    start listener curl -sN "http://127.0.0.1:$PORT/SUBSCRIBE/news"
    wait_until 10 redis_has_subscriber
    ask_webdis PUBLISH/news/today >/dev/null
    wait_until 10 grep -q today "$DIR/listener.log"
    stop listener
    local pids=()
    for i in {2..5}; do # at once
        ask_webdis "GET/page:$i" >/dev/null 3>&- &
        pids+=($!)
    done
    wait "${pids[@]}"
}

redis_has_subscriber() { [ "$(redis pubsub numsub news | tail -n 1)" -gt 0 ]; }

webdis_agrees() { # LIBRARY-PATH WEBDIS
    redis_start
    redis config resetstat >/dev/null
    serve_webdis "$@"
    drive_webdis
    served | grep -v '^PUBSUB ' >"$DIR/served"
    redis info stats | tr -d '\r' | sed -n 's/^keyspace_\(hits\|misses\):/\1 /p' | sort >"$DIR/keyspace"
    stop webdis
    leakey report --format json -o "$DIR/report.json" "$DIR/captures"
    jq -r '.cache.commands | to_entries[] | "\(.key) \(.value)"' "$DIR/report.json" | sort >"$DIR/counted"
    same_text "calls" "$(<"$DIR/served")" "$(<"$DIR/counted")"
    # EXISTS and a GET of the wrong type look up a key too, and are no reads.
    jq -r '.cache | "hits \(.hits + 2)\nmisses \(.misses)"' "$DIR/report.json" >"$DIR/outcomes"
    same_text "hits and misses" "$(<"$DIR/keyspace")" "$(<"$DIR/outcomes")"
    jqr "$DIR/report.json" '.cache.errors == 1'
    jqr "$DIR/report.json" '[.leaks[] | select(.rule != "heap-leak")] | length == 0'
}

@test "webdis on hiredis 0.14: calls, hits and misses are the server's own" {
    webdis_agrees "" /usr/bin/webdis
}

@test "webdis on hiredis 1.x: calls, hits and misses are the server's own" {
    local place=$ROOT/build/trixie
    [ -e "$place/usr/bin/webdis" ] || skip_loud "Debian 13's webdis could not be had (scripts/fetch-debian)"
    webdis_agrees "$place/usr/lib/x86_64-linux-gnu" "$place/usr/bin/webdis"
}
