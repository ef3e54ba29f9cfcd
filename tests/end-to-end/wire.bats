#!/usr/bin/env bats
# Clients without hiredis, at their sockets: each command once, each outcome right, against the client's own truth and
# the server's; and what is no such client costs and shows nothing.

load lib

PARTS='commands, reads, hits, misses, writes, written_bytes, errors, distinct_keys'

# speak SCENARIO...: the program's truth in $DIR/truth, the report in $DIR/report.json.
speak() {
    redis flushall >/dev/null
    rm -rf "$DIR/captures"
    with_shim "$ROOT/build/tests/wire_forms" "$REDIS" "$@" >"$DIR/truth"
    leakey report --format json -o "$DIR/report.json" "$DIR/captures"
}

agrees() { # WHAT
    same_text "$1" "$(jq -Sc "{$PARTS}" "$DIR/truth")" "$(jq -Sc ".cache | {$PARTS}" "$DIR/report.json")"
    jqr "$DIR/report.json" '(.cache.miss_causes | add) == .cache.misses'
}

agrees_but_for_keys() { # WHAT: where something was dropped, distinct keys are estimated
    PARTS=${PARTS%, distinct_keys} agrees "$1"
}

nothing_dropped() {
    jqr "$DIR/report.json" '[.captures[].events.dropped_count] | add == 0'
}

# Scenario by scenario; heap off, for a thread's first allocations may be lost while another opens the capture.
all_agree() { # SCENARIO...
    local scenario
    redis_start
    for scenario in "$@"; do
        LEAKEY_HEAP=off speak "$scenario"
        agrees "$scenario"
        nothing_dropped
    done
}

@test "every call that writes with every call that reads; cut after every byte; values of megabytes, a part at a time" {
    all_agree forms split big long
}

@test "pipelines before anything is read, and on a connection that is known; MGET of thousands" {
    all_agree pipeline torrent mget
}

@test "RESP3 with pushes, transactions, subscriptions, MONITOR, inline commands, CLIENT REPLY, errors in a pipeline" {
    all_agree resp3 transactions subscriptions monitor inline unanswered errors
}

@test "one thread writes and another reads the same connection, on a busy machine; many threads; a crowd of connections" {
    all_agree two-threads crowd
    LEAKEY_HEAP=off speak many # whose first answers come at once: one may wait for the capture, and that is counted
    agrees_but_for_keys many
    jqr "$DIR/report.json" '[.captures[].events.dropped_count] | add < 8'
}

@test "children by vfork and posix_spawn close what is the parent's; a server that dies; threads that are cancelled" {
    all_agree vforked dying cancelled
}

@test "a thread with a cancellation pending is not cancelled in malloc, while the capture grows" {
    redis_start
    LEAKEY_SAMPLE=all speak cancelled-early
    agrees cancelled-early
}

@test "more connections than are followed: each command is seen or counted as dropped, and later ones are seen" {
    ulimit -n 10000 || skip_loud "no 10000 descriptors are to be had"
    redis_start
    LEAKEY_HEAP=off speak full
    jqr "$DIR/report.json" '.cache.reads + ([.captures[].events.dropped_count] | add) == $reads' \
        --argjson reads "$(jq .reads "$DIR/truth")"
    jqr "$DIR/report.json" '.cache | .reads > 4000 and .writes == 10 and .hits == 10'
}

@test "a descriptor's number that is higher than those followed: passed by" {
    ulimit -Hn 300000 2>/dev/null && ulimit -n 300000 || skip_loud "no descriptor number above 262144 is to be had"
    all_agree high
}

@test "children by fork while other threads are busy with their connections" {
    redis_start
    LEAKEY_HEAP=off speak fork-storm
    PARTS='reads, hits, misses, writes, written_bytes, errors' agrees fork-storm
    jqr "$DIR/report.json" '(.captures | length == 101) and ([.captures[].events.dropped_count] | add == 0)'
    jqr "$DIR/report.json" '.cache.commands.PING > 0'
}

@test "a child by fork that uses the connection has a capture of its own" {
    all_agree forked
    jqr "$DIR/report.json" '.captures | length == 2'
}

@test "more than can be held of a first pipeline: that connection is given up, and counted; the next one is seen" {
    redis_start
    LEAKEY_HEAP=off speak overfull
    agrees_but_for_keys overfull
    jqr "$DIR/report.json" '[.captures[].events.dropped_count] | add == 1'
}

@test "a number that was a connection's is a file's, a pipe's, and a connection's again, closed in whatever way" {
    redis_start
    LEAKEY_HEAP=off speak reused
    agrees_but_for_keys reused
    # One close was by fclose, and the file's lines were met before the number was a connection again.
    jqr "$DIR/report.json" '[.captures[].events.dropped_count] | add == 1'
}

@test "a signal handler that uses a connection, and interrupts us: the other connection is seen to the last command" {
    redis_start
    LEAKEY_HEAP=off speak alarms 2>"$DIR/handled"
    PARTS='reads, hits, misses, writes, written_bytes, errors' agrees alarms
    jqr "$DIR/report.json" '.cache.commands | .GET == 40000 and .SET == 20000'
    # The handler's own is, until it is lost, and that is counted.
    local handled
    handled=$(awk '/handled/ { print $2 }' "$DIR/handled")
    [ "$handled" -gt 10 ]
    jqr "$DIR/report.json" '(.cache.commands.STRLEN // 0) == $handled or
        ([.captures[].events.dropped_count] | add > 0)' --argjson handled "$handled"
}

@test "calls agree with the server's own count" {
    redis_start
    redis config resetstat >/dev/null
    LEAKEY_HEAP=off speak forms pipeline mget errors
    redis info commandstats | tr -d '\r' |
        sed -n 's/^cmdstat_\([a-z]*\):calls=\([0-9]*\),.*rejected_calls=\([0-9]*\).*/\1 \2 \3/p' |
        awk '{ print toupper($1), $2 + $3 }' | grep -vE '^(CONFIG|INFO|FLUSHALL|COMMAND) ' | sort >"$DIR/server"
    # The server counts no call of a verb that it does not know.
    jq -r '.cache.commands | to_entries[] | "\(.key) \(.value)"' "$DIR/report.json" | grep -v NONSENSE | sort >"$DIR/report"
    same_text "calls" "$(<"$DIR/server")" "$(<"$DIR/report")"
}

@test "hashed keys count the same, a key or a value in pieces has the hash of one that is whole, and no text is kept" {
    redis_start
    LEAKEY_HEAP=off LEAKEY_KEYS=hash speak forms split big long
    agrees "hashed keys"
    run grep -ca 'item:[0-9]' "$DIR"/captures/*.leakey
    [ "$output" -eq 0 ]
    # Each key is written with one value, and read back, in whatever pieces.
    leakey dump --what events --format json "$DIR"/captures/*.leakey |
        jq -s 'map(select(.event == "command" or .event == "reply")) | group_by([.connection, .sequence, .key_index]) |
            map(add | select(.verb != "LPUSH" and .value_hash)) | group_by(.key_hash) |
            map({bytes: (map(.value_bytes) | unique), hashes: (map(.value_hash) | unique), uses: length})' >"$DIR/values"
    jqr "$DIR/values" 'length > 100 and all(.hashes | length == 1) and all(.bytes | length == 1) and all(.uses >= 2)'
    jqr "$DIR/values" 'any(.bytes[0] > 1000000) and any(.bytes[0] > 16384 and .bytes[0] < 300000)'
}

@test "paused in the middle of a pipeline: what is answered afterwards is told apart rightly" {
    redis_start
    mkfifo "$DIR/orders"
    LEAKEY_HEAP=off start_with_shim paused sh -c \
        "exec '$ROOT/build/tests/wire_forms' '$REDIS' paused <'$DIR/orders'"
    exec 4>"$DIR/orders"
    wait_until 20 grep -q pause "$DIR/paused.log"
    leakey pause "$STARTED"
    echo go >&4
    wait_until 20 grep -q resume "$DIR/paused.log"
    leakey resume "$STARTED"
    echo go >&4
    exec 4>&-
    wait_until 20 process_ended "$STARTED"
    leakey report --format json -o "$DIR/report.json" "$DIR/captures"
    # Two exchanges, and the one GET whose answer came while paused.
    jqr "$DIR/report.json" '.cache.commands == {"GET": 5, "SET": 2}'
    jqr "$DIR/report.json" '.cache | .hits == 2 and .misses == 2 and .writes == 2'
}

@test "with the cache side off nothing is seen of it" {
    redis_start
    LEAKEY_HEAP=off LEAKEY_CACHE=off with_shim "$ROOT/build/tests/wire_forms" "$REDIS" forms reused >/dev/null
    [ -z "$(ls "$DIR/captures")" ]
}

@test "every call returns what it returns without the shim, right or wrong: on pipes, files, sockets, and what is none" {
    "$ROOT/build/tests/wire_results" >"$DIR/plain"
    for settings in LEAKEY_CACHE=on LEAKEY_CACHE=off LEAKEY_SAMPLE=all; do
        env "$settings" "LD_PRELOAD=$SHIM" "LEAKEY_OUTPUT=$DIR" "$ROOT/build/tests/wire_results" >"$DIR/shim"
        same_text "$settings" "$(<"$DIR/plain")" "$(<"$DIR/shim")"
    done
    [ "$(wc -l <"$DIR/plain")" -gt 900 ]
}

@test "HTTP, memcached, SMTP, POP3, FTP, noise: no command, no connection, no capture" {
    LEAKEY_HEAP=off with_shim "$ROOT/build/tests/wire_strangers"
    [ -z "$(ls "$DIR/captures")" ]
}

# A server of this test's own on $PORT, by TLS alone, and on $REDIS.
redis_start_tls() {
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$DIR/key" -out "$DIR/cert" -days 2 -subj /CN=localhost 2>/dev/null
    PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    redis_start --bind 127.0.0.1 --tls-port "$PORT" --tls-cert-file "$DIR/cert" --tls-key-file "$DIR/key" \
        --tls-ca-cert-file "$DIR/cert" --tls-auth-clients no
}

@test "TLS by a library that comes and goes, its objects at the addresses of others" {
    redis_start_tls
    LEAKEY_HEAP=off with_shim "$ROOT/build/tests/wire_tls" "$ROOT/build/tests/plugin_tls.so" "$PORT" >"$DIR/truth"
    leakey report --format json -o "$DIR/report.json" "$DIR/captures"
    agrees TLS
    nothing_dropped
    leakey dump --what events --format json "$DIR"/captures/*.leakey | grep -q "\"peer\":\"127.0.0.1:$PORT\""
}

@test "redis-cli by TLS, whose hiredis nobody sees" {
    redis_start_tls
    for _ in 1 2 3; do
        printf 'SET item:1 0123456789\nGET item:1\nGET item:2\nMGET item:1 item:2\n' |
            LEAKEY_HEAP=off with_shim redis-cli --tls --cacert "$DIR/cert" -h 127.0.0.1 -p "$PORT" >/dev/null
    done
    leakey report --format json -o "$DIR/report.json" "$DIR/captures"
    jqr "$DIR/report.json" '.cache.commands | del(.COMMAND) == {"SET": 3, "GET": 6, "MGET": 3}'
    jqr "$DIR/report.json" '.cache | .hits == 6 and .misses == 6 and .writes == 3'
    nothing_dropped
}

@test "TLS to a server that is none: no command, no connection, no capture" {
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$DIR/key" -out "$DIR/cert" -days 2 -subj /CN=localhost 2>/dev/null
    local port
    LEAKEY_HEAP=off start_with_shim server openssl s_server -accept 127.0.0.1:0 -key "$DIR/key" -cert "$DIR/cert" -www
    wait_until 20 grep -q '^ACCEPT ' "$DIR/server.log"
    port=$(sed -n 's/^ACCEPT .*:\([0-9]*\)$/\1/p' "$DIR/server.log" | head -1)
    for _ in 1 2 3; do
        LEAKEY_HEAP=off with_shim openssl s_client -quiet -connect "127.0.0.1:$port" \
            < <(printf 'GET / HTTP/1.0\r\n\r\n') >"$DIR/answer" 2>/dev/null
        grep -q 'HTTP/1.0 200' "$DIR/answer"
    done
    stop server
    [ -z "$(ls "$DIR/captures")" ]
}
