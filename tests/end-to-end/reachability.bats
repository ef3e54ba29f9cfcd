#!/usr/bin/env bats
# report --reachability: a running process's memory is searched for the addresses of its live blocks.

load lib

PROGRAM=lost_blocks

# begin [OPTION...]: starts the program and waits until it has planted everything; it goes on when `finish` is called.
begin() {
    mkfifo "$DIR/input"
    shim_environment
    env "${SHIM_ENVIRONMENT[@]}" "$ROOT/build/tests/$PROGRAM" "$@" <"$DIR/input" >"$DIR/truth" 2>"$DIR/errors" 3>&- &
    STARTED=$!
    echo "$STARTED" >>"$DIR/.pids"
    exec 8>"$DIR/input"
    wait_until 20 test -s "$DIR/truth"
}

finish() {
    exec 8>&-
    wait "$STARTED"
    jq -s '.[1]' "$DIR/truth" >"$DIR/after"
}

search() { leakey report --reachability "$STARTED" --format json -o "$DIR/report.json"; }

# reach FUNCTION FIELD: of the sites whose innermost frame it is, as judged by the search.
reach() {
    jq --arg function "$1" \
        "[.heap.sites[] | select(.stack[0].function == \$function) | .reachability.$2] | add // 0" "$DIR/report.json"
}

held() {
    local function
    for function in keep_in_globals keep_by_the_middle keep_in_a_block keep_read_only keep_in_epoll \
        keep_in_registers keep_in_thread_local keep_on_a_stack; do
        echo "$function: $(reach $function unreachable_count) of $(reach $function judged_count)"
        [ "$(reach $function unreachable_count)" -eq 0 ] || return
    done
}

unharmed() {
    jqr "$DIR/after" '.broken == 0 and .interruptions == 0 and .failed_reads == 0'
    [ ! -s "$DIR/errors" ]
}

@test "every allocation: what is lost alone, in a chain and in a ring is unreachable to the last block, and nothing else" {
    export LEAKEY_SAMPLE=all
    begin
    search
    finish
    unharmed
    blocks=$(jq -s '.[0].blocks' "$DIR/truth")
    [ "$(reach lose_alone unreachable_count)" -eq "$blocks" ]
    [ "$(reach lose_alone indirect_count)" -eq 0 ]
    for chained in link_node lose_ring; do
        [ "$(reach $chained unreachable_count)" -eq "$blocks" ]
        [ "$(reach $chained indirect_count)" -eq $((blocks - 1)) ]
    done
    [ "$(reach drop_in_a_thread unreachable_count)" -eq 1 ]
    held
    [ "$(reach keep_in_registers judged_count)" -eq 2 ]
    jqr "$DIR/report.json" ".captures[0].reachability | .unreachable_count == 3 * $blocks + 1 and .unread_bytes == 0"
    jqr "$DIR/report.json" ".captures[0].reachability.unreachable_bytes == (3 * $blocks + 1) * 1024"
    jqr "$DIR/report.json" '[.leaks[] | .rule] == ["heap-leak", "heap-leak", "heap-leak"]'
    jqr "$DIR/report.json" "all(.leaks[]; .live_count == $blocks and .exact and .growth_bytes_per_second == null
        and .confidence_ratio >= 0.9 and .reachability.unreachable_count == $blocks)"
    jqr "$DIR/report.json" 'all(.findings[]; .message | test("that nothing points to"))'
}

@test "sampled: what is lost is unreachable, and what is held is not" {
    export LEAKEY_SAMPLE=4K
    begin
    search
    finish
    unharmed
    [ "$(reach lose_alone judged_count)" -gt 10 ]
    [ "$(reach lose_alone unreachable_count)" -eq "$(reach lose_alone judged_count)" ]
    jqr "$DIR/report.json" 'any(.leaks[]; .rule == "heap-leak" and .site.stack[0].function == "lose_alone")'
    held
}

@test "the healthy twin has no unreachable block and no finding, every allocation and sampled" {
    for sample in all 4K; do
        rm -rf "$DIR/input" "$DIR/captures" "$DIR/truth"
        LEAKEY_SAMPLE=$sample begin --healthy
        search
        finish
        unharmed
        jqr "$DIR/report.json" '.captures[0].reachability | .judged_count > 100 and .unreachable_count == 0'
        jqr "$DIR/report.json" '.findings | length == 0'
    done
}

@test "redis-server, a stranger, has no unreachable block" {
    export LEAKEY_SAMPLE=4K
    start_with_shim redis redis-server --port 0 --unixsocket "$DIR/redis.sock" --save '' --appendonly no --dir "$DIR"
    export REDIS=$DIR/redis.sock
    wait_until 20 redis ping
    for i in $(seq 300); do
        echo "set key:$i $(printf 'v%.0s' $(seq 100))"
        echo "zadd scores $i member:$i"
        echo "hset hash field:$i $i"
        echo "lpush list $i"
    done | redis >/dev/null
    sleep 1.1
    leakey report --reachability "$STARTED" --format json -o "$DIR/report.json"
    jqr "$DIR/report.json" '.captures[0].reachability | .judged_count > 20 and .unreachable_count == 0'
    [ "$(redis zcard scores)" = 300 ]
}

@test "a capture, its directory and other paths name the process as well; the text says what was searched" {
    export LEAKEY_SAMPLE=all
    begin
    leakey report --reachability "$DIR"/captures/*.leakey --format json -o "$DIR/report.json"
    jqr "$DIR/report.json" '.captures[0].reachability.unreachable_count > 600'
    ln -s "$DIR"/captures/*.leakey "$DIR/link"
    leakey report --reachability "$DIR/link" --format json -o "$DIR/report.json"
    jqr "$DIR/report.json" '.captures | length == 1 and .[0].reachability.unreachable_count > 600'
    # Another process, that has ended: it is part of the report, and not searched.
    with_shim "$ROOT/build/tests/heap_forms" >/dev/null || true
    leakey report --reachability "$STARTED" "$DIR/captures" --format json -o "$DIR/report.json"
    jqr "$DIR/report.json" '(.captures | length > 1) and ([.captures[] | select(.reachability != null)] | length == 1)'
    text=$(leakey report --reachability "$DIR/captures")
    grep -q 'searched' <<<"$text"
    grep -q 'Unreachable 200 of 200 blocks searched for' <<<"$text"
    # Not asked: unknown.
    leakey report "$DIR/captures" --format json -o "$DIR/report.json"
    jqr "$DIR/report.json" 'all(.captures[], .heap.sites[], .leaks[]; .reachability == null)'
    finish
    unharmed
}

@test "a searcher that is killed in mid-search leaves the process going on" {
    export LEAKEY_SAMPLE=all
    begin
    killed=0
    for _ in $(seq 40); do
        leakey report --reachability "$STARTED" >/dev/null 2>&1 3>&- &
        searcher=$!
        while [ -e /proc/$searcher/exe ]; do
            while read -r name value; do
                [ "$name" != TracerPid: ] || break
            done <"/proc/$STARTED/status"
            [ "$value" = 0 ] || break
        done
        [ "$value" = 0 ] || killed=$((killed + 1))
        kill -KILL $searcher 2>/dev/null || true
        wait $searcher || true
        [ $killed -lt 5 ] || break
    done
    [ $killed -gt 0 ] # while it held the process
    # Held by nobody, and neither stopped nor ended.
    wait_until 5 grep -q '^TracerPid:.0$' "/proc/$STARTED/status"
    run ! grep -q '^State:.[TtZ]' "/proc/$STARTED/status"
    search
    finish
    unharmed
}

@test "what cannot be searched is said in one line, and exits with 2" {
    mkdir -p "$DIR/captures"
    LEAKEY_SAMPLE=all with_shim "$ROOT/build/tests/heap_forms" >/dev/null || true
    ended=$(find "$DIR/captures" -name '*.leakey' | head -n 1)
    run -2 --separate-stderr leakey report --reachability "$ended"
    # shellcheck disable=SC2154  # set by run
    [[ $stderr == "leakey: report: "*"has ended"* ]]
    run -2 --separate-stderr leakey report --reachability "$DIR/captures"
    [[ $stderr == "leakey: report: "*"has ended"* ]]
    run -2 --separate-stderr leakey report --reachability 999999999
    [[ $stderr == "leakey: report: 999999999: no such process" ]]
    run -2 --separate-stderr leakey report --reachability $$
    [[ $stderr == *"it has no capture"* ]]
    run -2 --separate-stderr leakey report --reachability "$DIR/nothing"
    [[ $stderr == *"No such file"* ]]
    # The same, from another boot, and with a pid that has become another process's.
    cp "$ended" "$DIR/other.leakey"
    printf '\x55\x55\x55\x55' | dd of="$DIR/other.leakey" bs=1 seek=80 conv=notrunc status=none
    run -2 --separate-stderr leakey report --reachability "$DIR/other.leakey"
    [[ $stderr == *"another machine, or before the last boot"* ]]
}

@test "a process that a debugger holds, and one of another user, cannot be searched" {
    export LEAKEY_SAMPLE=all
    begin
    # Held: by a debugger.
    gdb -q -batch -p "$STARTED" -ex 'shell touch '"$DIR/held" -ex 'shell sleep 3' >/dev/null 2>&1 3>&- &
    debugger=$!
    wait_until 20 test -e "$DIR/held"
    run -2 --separate-stderr leakey report --reachability "$STARTED"
    [[ $stderr == *"no permission to stop it"* ]]
    wait $debugger || true
    [ "$(id -u)" -eq 0 ] || skip_loud "only root can be another user"
    chmod -R a+rX "$DIR"
    chmod a+r "$DIR"/captures/*.leakey
    run -2 --separate-stderr setpriv --reuid=65534 --regid=65534 --clear-groups \
        "${LEAKEY:-$ROOT/build/leakey}" report --reachability "$(echo "$DIR"/captures/*.leakey)"
    [[ $stderr == *"no permission"* ]]
    finish
}
