#!/usr/bin/env bats
# leakey serve and leakey export --to openmetrics: read by a real Prometheus and by promtool, and by who means no good.

load lib

# serve_start NAME DIR [OPTION...]: on a free port of this machine; $URL is where.
serve_start() {
    local name=$1
    start "$name" "${LEAKEY:-$ROOT/build/leakey}" serve --listen 127.0.0.1:0 "${@:3}" "$2"
    wait_until 20 grep -q 'http://' "$DIR/$name.log"
    URL=$(grep -oE 'http://[^/]+' "$DIR/$name.log")
}

scrape() { curl -sS --max-time 20 "$@" "$URL/metrics"; }

# series NAME: the value of the only sample whose name and labels match, from $DIR/metrics.
value() { grep -E "^$1(\{| )" "$DIR/metrics" | awk '{ print $NF }'; }

# In jq: the report's number, rounded as the view has it.
same_number() { # WHAT EXPECTED ACTUAL
    jq -en --arg a "$2" --arg b "$3" '($a | tonumber) as $a | ($b | tonumber) as $b |
        ($a - $b | fabs) <= 1e-6 * ([$a, 1] | max)' >/dev/null && return
    echo "$1: the report has $2, this view $3"
    return 1
}

# A service that is stopped (SIGSTOP) after its load, as a Prometheus that scrapes every second has seen it.
setup_file() {
    lib_setup_file
    redis_start
    mkdir "$DIR/captures"
    serve_start serve "$DIR/captures"
    echo "$URL" >"$DIR/url"
    sed "s|@TARGET@|${URL#http://}|; s|@RULES@|$ROOT/analyzer/dashboard/leakey.rules.yml|" >"$DIR/prometheus.yml" <<'END'
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: ["@RULES@"]
scrape_configs: [{ job_name: leakey, static_configs: [{ targets: ["@TARGET@"] }] }]
END
    free_port
    PROMETHEUS=http://127.0.0.1:$PORT
    echo "$PROMETHEUS" >"$DIR/prometheus.url"
    start prometheus prometheus --config.file="$DIR/prometheus.yml" --storage.tsdb.path="$DIR/tsdb" \
        --web.listen-address="127.0.0.1:$PORT" --log.level=warn
    LEAKEY_SAMPLE=64K start_with_shim service "$ROOT/build/tests/llm_cache_before" \
        --socket "$DIR/service.sock" --redis "$REDIS" --refresh-seconds 2
    SERVICE=$STARTED
    "$ROOT/build/tests/llm_load" --socket "$DIR/service.sock" --requests 1200 --distinct 60 --rate 60 --seed 7 >"$DIR/load" &
    local load=$!
    wait_until 20 eval 'compgen -G "$DIR/captures/*.leakey"'
    sleep 3
    scrape >"$DIR/early"
    wait $load
    kill -STOP "$SERVICE"
    wait_until 20 curl -sf "$PROMETHEUS/-/ready"
    sleep 4
    scrape >"$DIR/late"
    leakey report --format json -o "$DIR/report.json" "$DIR/captures"
    leakey export --to openmetrics -o "$DIR/exported" "$DIR/captures"
    ask() { curl -sSG --data-urlencode "query=$1" "$PROMETHEUS/api/v1/query"; }
    ask '{__name__=~"leakey_.*"}' >"$DIR/asked.json"
    curl -sS "$PROMETHEUS/api/v1/rules" >"$DIR/rules.json"
    curl -sS "$PROMETHEUS/api/v1/targets" >"$DIR/targets.json"
    kill -CONT "$SERVICE"
    stop service
    stop prometheus
}

teardown_file() { lib_teardown_file; }

setup() {
    lib_setup
    URL=$([ ! -e "$FILE_DIR/url" ] || cat "$FILE_DIR/url")
}

# ask_keys PYTHON: a client under the shim that reads each of these keys, and stays.
ask_keys() {
    cat >"$DIR/client.py" <<'END'
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
for key in eval(sys.argv[2]):
    s.sendall(b"*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n" % (len(key), key))
    s.recv(100)
time.sleep(60)
END
    LEAKEY_OUTPUT=$DIR/captures start_with_shim client python3 "$DIR/client.py" "$REDIS" "$1"
}

free_port() {
    PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
}

# asked NAME [LABEL=VALUE]: the sum of what Prometheus has of it.
asked() {
    jq -r --arg name "$1" --arg key "${2%%=*}" --arg value "${2#*=}" '[.data.result[] |
        select(.metric.__name__ == $name and ($key == "" or .metric[$key] == $value)) | .value[1] | tonumber] |
        if . == [] then "none" else add end' "$FILE_DIR/asked.json"
}

# exported NAME: the same of the exported file.
exported() { grep -E "^$1\{" "$FILE_DIR/exported" | awk '{ sum += $(NF - 1) } END { printf "%.12g", NR ? sum : "none" }'; }

# Metric, and where the report has it.
numbers='
leakey_heap_live_bytes .heap.live_bytes
leakey_heap_live_allocations .heap.live_count
leakey_heap_peak_live_bytes .heap.peak_live_bytes
leakey_heap_allocated_bytes_total .heap.allocated_bytes
leakey_heap_allocations_total .heap.allocated_count
leakey_heap_freed_bytes_total .heap.freed_bytes
leakey_heap_frees_total .heap.freed_count
leakey_heap_spike_period_seconds (.findings[]|select(.rule=="memory-spike").metrics.period_seconds)
leakey_heap_spike_height_bytes (.findings[]|select(.rule=="memory-spike").metrics.height_bytes)
leakey_cache_reads_total .cache.reads
leakey_cache_hits_total .cache.hits
leakey_cache_misses_total .cache.misses
leakey_cache_writes_total .cache.writes
leakey_cache_written_bytes_total .cache.written_bytes
leakey_cache_commands_total (.cache.commands|add)
leakey_cache_command_errors_total .cache.errors
leakey_cache_unfreed_replies ([.leaks[]|select(.rule=="reply-leak").live_count]|add)
leakey_cache_recompute_seconds_sum ([.cache.templates[].recompute_seconds.total]|add)
leakey_cache_latency_seconds_count (.cache.reads+.cache.writes)
leakey_cache_recompute_seconds_count .cache.writes
'

@test "what a real Prometheus has scraped is what the report says" {
    jqr "$FILE_DIR/targets.json" '.data.activeTargets[0] | .health == "up" and .lastError == ""'
    while read -r name path; do
        [ -n "$name" ] || continue
        same_number "$name" "$(jq "$path" "$FILE_DIR/report.json")" "$(asked "$name")"
    done <<<"$numbers"
}

@test "sites are the report's, by their identity" {
    jq -r '[.heap.sites[] | select(.live_bytes > 0)] | sort_by(-.live_bytes) | .[:10][] | "\(.id) \(.live_bytes) \(.live_count)"' \
        "$FILE_DIR/report.json" >"$DIR/sites"
    [ -s "$DIR/sites" ]
    while read -r id bytes count; do
        same_number "$id" "$bytes" "$(asked leakey_heap_site_live_bytes "site=$id")"
        same_number "$id" "$count" "$(asked leakey_heap_site_live_allocations "site=$id")"
    done <"$DIR/sites"
    same_number "all sites" "$(jq '[.heap.sites[].live_bytes] | add' "$FILE_DIR/report.json")" "$(asked leakey_heap_site_live_bytes)"
}

@test "distinct keys are within the sketch's error" {
    jq -en --argjson sketch "$(asked leakey_cache_distinct_keys)" --argjson keys "$(jq .cache.distinct_keys "$FILE_DIR/report.json")" \
        '($sketch / $keys - 1 | fabs) < 0.03'
}

@test "an export holds the same numbers, with the time of the end" {
    while read -r name path; do
        [ -n "$name" ] || continue
        same_number "$name" "$(jq "$path" "$FILE_DIR/report.json")" "$(exported "$name")"
    done <<<"$numbers"
    [ "$(tail -n 1 "$FILE_DIR/exported")" = '# EOF' ]
    promtool tsdb create-blocks-from openmetrics "$FILE_DIR/exported" "$DIR/tsdb"
    [ -n "$(ls "$DIR/tsdb")" ]
}

@test "counters only rise" {
    counters() { grep -vE '^#' "$1" | grep -E '^[a-z_]+_(total|bucket|count|sum)\{' | sed 's/ \([^ ]*\)$/\t\1/' | sort; }
    join -t "$(printf '\t')" <(counters "$FILE_DIR/early") <(counters "$FILE_DIR/late") >"$DIR/both"
    [ "$(wc -l <"$DIR/both")" -gt 60 ]
    awk -F '\t' '$2 + 0 > $3 + 0 { print; fell = 1 } END { exit fell }' "$DIR/both"
    awk -F '\t' '$2 + 0 < $3 + 0 { rose = 1 } END { exit !rose }' "$DIR/both"
}

@test "histograms are cumulative, and their last bucket is their count" {
    grep -E '^leakey_cache_(latency|recompute)_seconds_' "$FILE_DIR/late" >"$DIR/histograms"
    awk '/_bucket/ { if ($NF < last) { print; bad = 1 } last = $NF } /_sum/ { last = 0 } /_count/ { if ($NF != infinite) bad = 1; n++ }
        /le="\+Inf"/ { infinite = $NF } END { exit bad || n != 2 }' "$DIR/histograms"
}

@test "promtool finds nothing to say of metrics and rules" {
    serve_start serve "$FILE_DIR/captures"
    scrape -H 'Accept: text/plain' >"$DIR/metrics"
    promtool check metrics <"$DIR/metrics"
    promtool check rules "$ROOT/analyzer/dashboard/leakey.rules.yml"
    jqr "$FILE_DIR/rules.json" '[.data.groups[].rules[]] | length > 5 and all(.[]; .health == "ok")'
}

@test "every metric that the dashboard and the rules use is there" {
    grep -ohE 'leakey_[a-z_]+' "$ROOT"/analyzer/dashboard/* | sort -u >"$DIR/used"
    jq -r '.data.result[].metric.__name__' "$FILE_DIR/asked.json" | sort -u >"$DIR/there"
    [ "$(wc -l <"$DIR/used")" -gt 15 ]
    same_text "used and not there" '' "$(comm -23 "$DIR/used" "$DIR/there")"
    jq -e '[.panels[].targets[].expr] | length > 15' "$ROOT/analyzer/dashboard/leakey.json"
}

@test "the client says which text it wants" {
    serve_start serve "$DIR"
    type_for() { scrape -o /dev/null -w '%{content_type}' ${1:+-H "Accept: $1"}; }
    open='application/openmetrics-text; version=1.0.0; charset=utf-8' plain='text/plain; version=0.0.4; charset=utf-8'
    [ "$(type_for '')" = "$open" ]
    [ "$(type_for 'text/plain')" = "$plain" ]
    [ "$(type_for 'application/openmetrics-text;version=1.0.0;q=0.4,text/plain;version=0.0.4;q=0.6')" = "$plain" ]
    [ "$(type_for 'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1')" = "$open" ]
    [ "$(scrape | tail -n 1)" = '# EOF' ]
    curl -sS "$URL/" | grep -q '^leakey .*/metrics'
    curl -sSf "$URL/-/healthy"
    [ "$(curl -sSI "$URL/metrics" | head -n 1 | tr -d '\r')" = 'HTTP/1.1 200 OK' ]
}

@test "a process's series stay for the time that was asked for after its end, and go then" {
    mkdir "$DIR/captures"
    serve_start serve "$DIR/captures" --keep 3
    LEAKEY_SAMPLE=16K start_with_shim sleeper python3 -c 'import time; time.sleep(60)' # python allocates more than one sample's worth
    wait_until 20 eval 'scrape | grep -q "^leakey_process_running.*python3.* 1$"'
    stop sleeper
    wait_until 5 eval 'scrape | grep -q "^leakey_process_running.*python3.* 0$"'
    scrape | grep -q '^leakey_serve_captures_ended [1-9]'
    wait_until 10 eval '! scrape | grep -q "^leakey_process_running.*python3"'
}

@test "labels are bounded: what is beyond is <other>, and the sums stay" {
    redis_start
    ask_keys '(":".join(["area"] * (i % 10 + 1)).encode() for i in range(40))'
    serve_start bounded "$DIR/captures" --templates 3 --sites 2
    wait_until 20 eval 'scrape | grep -q "^leakey_cache_reads_total.*<other>"'
    scrape | grep 'command="python3' >"$DIR/metrics"
    [ "$(grep -c '^leakey_cache_reads_total' "$DIR/metrics")" -le 4 ]
    [ "$(grep -c '^leakey_heap_site_live_bytes' "$DIR/metrics")" -le 3 ]
    [ "$(grep '^leakey_cache_reads_total' "$DIR/metrics" | awk '{ n += $NF } END { print n }')" -eq 40 ]
}

@test "keys that mean no good are text in a label" {
    redis_start
    ask_keys '[b"a\"} 1\nleakey_heap_live_bytes 666\n", b"b\\", b"c\"", b"d\x1b[2J\r\x00", b"e\xff\xfe",
        "f\u202e\u2028\U0001f600".encode(), b"# EOF", b"<other>", b"other"]'
    serve_start serve "$DIR/captures"
    wait_until 20 eval '[ "$(scrape | grep -c ^leakey_cache_reads_total)" -ge 5 ]'
    scrape >"$DIR/open"
    scrape -H 'Accept: text/plain' >"$DIR/plain"
    promtool check metrics <"$DIR/plain"
    ! grep -qP '[\x00-\x09\x0b-\x1f\x7f]' "$DIR/open" || false
    ! grep -q '^leakey_heap_live_bytes 666' "$DIR/open" || false
    iconv -f UTF-8 -t UTF-8 "$DIR/open" >/dev/null
    [ "$(grep -c '^# EOF' "$DIR/open")" -eq 1 ]
    same_text "series that are there twice" '' "$(grep -v '^#' "$DIR/plain" | sed 's/ [^ ]*$//' | sort | uniq -d)"
}

@test "captures that are damaged, strangers' files, and a directory that vanishes" {
    mkdir "$DIR/captures"
    serve_start serve "$DIR/captures"
    head -c 100000 /dev/urandom >"$DIR/captures/noise.1.leakey"
    : >"$DIR/captures/empty.2.leakey"
    mkdir "$DIR/captures/directory.3.leakey"
    mkfifo "$DIR/captures/pipe.4.leakey"
    ln -s /nowhere "$DIR/captures/link.5.leakey"
    LEAKEY_SAMPLE=16K start_with_shim sleeper python3 -c 'import time; time.sleep(60)'
    wait_until 20 eval 'scrape | grep -q "^leakey_process_running.*python3.* 1$"'
    scrape >"$DIR/metrics"
    [ "$(value leakey_serve_captures_unreadable)" -eq 4 ]
    # Cut off under a process that still runs: no more than its series are lost.
    stop sleeper KILL
    for capture in "$DIR"/captures/python3*.leakey; do truncate -s 70000 "$capture"; done
    scrape >/dev/null
    rm -r "$DIR/captures"
    wait_until 10 eval 'scrape | grep -q "^leakey_serve_directory_readable 0$"'
    mkdir "$DIR/captures"
    wait_until 10 eval 'scrape | grep -q "^leakey_serve_directory_readable 1$"'
    stop serve
    [ "$STOPPED_STATUS" -eq 0 ]
}

@test "requests that mean no good are refused, and the server goes on" {
    serve_start serve "$DIR"
    status() { curl -s --max-time 20 -o /dev/null -w '%{http_code}' --path-as-is "$@"; }
    [ "$(status "$URL/../../etc/passwd")" = 404 ]
    [ "$(status "$URL/%2e%2e/%2e%2e/etc/passwd")" = 404 ]
    [ "$(status "$URL/metrics/")" = 404 ]
    [ "$(status -X POST "$URL/metrics")" = 405 ]
    [ "$(status -X DELETE "$URL/metrics")" = 405 ]
    [ "$(status -X BREW "$URL/metrics")" = 405 ]
    [ "$(status -d body "$URL/metrics")" = 413 ]
    [[ $(status -H "X: $(printf '%50000s' x)" "$URL/metrics") == 4?? ]]
    [[ $(status "$URL/$(printf '%050000d' 1)") == 4?? ]]
    head -c 3000000 /dev/urandom | curl -s --max-time 20 --data-binary @- "$URL/metrics" >/dev/null || true
    [ "$(status "$URL/metrics")" = 200 ]
    # Faster than anyone needs: some are told to wait. One connection is enough to be so fast.
    curl -s -o /dev/null -w '%{http_code}\n' "$URL/[1-400]" >"$DIR/codes"
    grep -q 429 "$DIR/codes"
    sleep 1
    [ "$(status "$URL/metrics")" = 200 ]
}

@test "clients that trickle, or just sit there, are ended and do not keep others out" {
    serve_start serve "$DIR"
    python3 - "${URL##*:}" <<'END'
import socket, sys, time, urllib.request
port = int(sys.argv[1])
slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
begun, ended = time.monotonic(), None
while time.monotonic() - begun < 30:
    for s in list(slow):
        try:
            s.send(b"GET /metrics HTTP/1.1\r\nX: " if time.monotonic() - begun < 0.5 else b"x")
        except OSError:
            slow.remove(s)
    with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % port, timeout=5) as answer:
        assert answer.status == 200
    if not slow:
        ended = time.monotonic() - begun
        break
    time.sleep(1)
assert ended is not None, "%d trickling clients are still there" % len(slow)
print("ended after %.1f s" % ended)
END
}

@test "where it listens: this machine unless it is told otherwise, IPv6 too, and clear words" {
    start one "${LEAKEY:-$ROOT/build/leakey}" serve --listen '[::1]:0' "$DIR"
    if wait_until 5 grep -q 'http://' "$DIR/one.log"; then
        curl -sSgf "$(grep -oE 'http://\S+' "$DIR/one.log" | sed 's|/metrics:$|/-/healthy|')"
        ! grep -q 'other machines' "$DIR/one.log" || false
    else
        grep -q 'Cannot assign\|not supported' "$DIR/one.log" # a machine without IPv6
    fi
    start two "${LEAKEY:-$ROOT/build/leakey}" serve --listen 0.0.0.0:0 "$DIR"
    wait_until 5 grep -q 'other machines can reach it' "$DIR/two.log"
    serve_start three "$DIR"
    run -2 leakey serve --listen "${URL#http://}" "$DIR"
    [[ $output == *'in use'* ]]
    for wrong in :9465 ::1:9465 127.0.0.1 127.0.0.1:99999 '[::1:80' ''; do
        run -2 leakey serve --listen "$wrong" "$DIR"
        [[ $output == 'leakey: serve: --listen: '* ]]
    done
    run -2 leakey serve
    run -2 leakey serve "$DIR/nowhere"
    run -2 leakey serve --templates -1 "$DIR"
    run -2 leakey serve --keep soon "$DIR"
}

@test "SIGTERM and SIGINT end it cleanly" {
    for number in TERM INT; do
        # bash has background commands ignore SIGINT.
        start serve python3 -c 'import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])' \
            "${LEAKEY:-$ROOT/build/leakey}" serve --listen 127.0.0.1:0 "$DIR"
        wait_until 20 grep -q 'http://' "$DIR/serve.log"
        stop serve $number
        [ "$STOPPED_STATUS" -eq 0 ]
    done
}
