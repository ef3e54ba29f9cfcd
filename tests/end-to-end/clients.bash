# shellcheck shell=bash
# For tests with real clients: the server's own count of what a client did, and the report's, side by side. Loaded after
# lib.

PYTHON=/usr/bin/python3 # Debian's, whose packages the tests install
CLIENTS=$ROOT/tests/clients

# tls_start: as redis_start, and TLS beside it on $TLS_PORT of 127.0.0.1, with a certificate of this test's own whose
# authority is $TLS_CA.
tls_start() {
    TLS_CA=$DIR/tls/ca.crt
    mkdir "$DIR/tls"
    (
        cd "$DIR/tls"
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -keyout ca.key -out ca.crt
        openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr
        printf 'subjectAltName = DNS:localhost, IP:127.0.0.1\n' >names
        openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt
    ) >"$DIR/tls.log" 2>&1 || {
        cat "$DIR/tls.log"
        return 1
    }
    TLS_PORT=$(free_port)
    redis_start --tls-port "$TLS_PORT" --bind 127.0.0.1 --tls-cert-file "$DIR/tls/server.crt" \
        --tls-key-file "$DIR/tls/server.key" --tls-ca-cert-file "$TLS_CA" --tls-auth-clients no "$@"
}

free_port() {
    "$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Between these the server counts: then $DIR/server.json is what the server says, $DIR/report.json what leakey reports.
count_begin() {
    redis flushall >/dev/null
    rm -rf "$DIR/captures"
    start monitor redis-cli -s "$REDIS" monitor
    wait_until 20 grep -q '^OK' "$DIR/monitor.log"
    redis echo counting >/dev/null # MONITOR does not show what follows
    redis config resetstat >/dev/null
}

count_end() {
    redis info everything >"$DIR/info"
    wait_until 20 grep -q '"info" "everything"' "$DIR/monitor.log"
    stop monitor
    "$PYTHON" "$CLIENTS/server_counts.py" "$DIR/info" "$DIR/monitor.log" >"$DIR/server.json"
    leakey report --format json -o "$DIR/report.json" "$DIR/captures"
}

counted() { # COMMAND...
    count_begin
    with_shim timeout 120 "$@" # a client that waits for ever fails
    count_end
}

counts() { # FILE FILTER of an object of counts
    jq -S "$2 | {commands, reads, hits, misses, writes, written_bytes, errors, distinct_keys}" "$1"
}

# report_agrees WHAT: the report counted what the server counted, and lost nothing.
report_agrees() {
    same_text "$1" "$(counts "$DIR/server.json" .)" "$(counts "$DIR/report.json" .cache)"
    jqr "$DIR/report.json" 'all(.captures[]; .events.dropped_count == 0)'
    jqr "$DIR/report.json" '(.cache.miss_causes | add) == .cache.misses'
    jqr "$DIR/report.json" '.cache.reads > 0 and .cache.writes > 0'
}

# unknown_to_server VERB COUNT: the report counts so many of what was sent, and the server, which does not know it, none.
unknown_to_server() {
    jqr "$DIR/report.json" ".cache.commands[\"$1\"] == $2"
    jq "del(.cache.commands[\"$1\"])" "$DIR/report.json" >"$DIR/known.json"
    mv "$DIR/known.json" "$DIR/report.json"
}

# report_is_healthy: nothing is found in a run in which nothing is wrong.
report_is_healthy() {
    jqr "$DIR/report.json" '.findings == [] and .leaks == []'
}
