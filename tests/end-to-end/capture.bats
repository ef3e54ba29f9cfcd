#!/usr/bin/env bats
# The capture as a file: its name, its mode, what survives of it, who may read it.

load lib

@test "named COMMAND.PID.leakey, mode 0600 whatever the umask, and never overwritten" {
    export LEAKEY_SAMPLE=4K
    umask 0
    start_with_shim first "$ROOT/build/tests/leak_steady" 20
    wait "$STARTED"
    capture=$DIR/captures/leak_steady.$STARTED.leakey
    [ -f "$capture" ]
    [ "$(stat -c %a "$capture")" = 600 ]
    umask 777
    with_shim "$ROOT/build/tests/leak_steady" 20
    umask 22
    [ "$(stat -c %a "$DIR"/captures/* | sort -u)" = 600 ]
}

@test "what was recorded survives SIGKILL, and a running process can be read" {
    export LEAKEY_SAMPLE=4K
    start_with_shim service "$ROOT/build/tests/leak_steady" 100000
    wait_until 10 compgen -G "$DIR/captures/*.leakey"
    sleep 1
    leakey report --format json "$DIR/captures" >"$DIR/running.json"
    jqr "$DIR/running.json" '.captures[0].end == "running" and .heap.live_bytes > 0'
    stop service KILL
    leakey report --format json "$DIR/captures" >"$DIR/killed.json"
    jqr "$DIR/killed.json" '.captures[0].end == "signal"'
    jqr "$DIR/killed.json" ".heap.allocated_bytes >= $(jq .heap.allocated_bytes "$DIR/running.json")"
}

@test "a quiet process keeps a small file" {
    LEAKEY_SAMPLE=4K with_shim "$ROOT/build/tests/leak_steady" 20
    [ "$(stat -c %s "$DIR"/captures/*.leakey)" -le $((1 << 20)) ]
}

END
    gcc "$DIR/waits.c" -o "$DIR/waits"
    mkfifo "$DIR/go"
    LEAKEY_SAMPLE=4K LEAKEY_PAUSED=1 start_with_shim waits sh -c "exec '$DIR/waits' <'$DIR/go'"
    exec 9>"$DIR/go"
    wait_until 10 compgen -G "$DIR/captures/waits.*.leakey"
    leakey resume "$STARTED"
    echo >&9
    wait "$STARTED"
    exec 9>&-
    [ "$(find "$DIR/captures" -name 'waits.*.leakey' | wc -l)" -eq 2 ]
    leakey report --format json -o "$DIR/report.json" "$DIR/captures"
    jqr "$DIR/report.json" 'all(.captures[]; .events.recorded_count > 10)'
}

@test "a capture that is cut or damaged anywhere is refused with a message or read, never a crash" {
    LEAKEY_SAMPLE=4K with_shim "$ROOT/build/tests/leak_steady" 50
    capture=$(ls "$DIR"/captures/*.leakey)
    size=$(stat -c %s "$capture")
    for bytes in 0 1 8 655 656 1024 65535 65536 65600 131072 200001 $((size - 1)); do
        head -c "$bytes" "$capture" >"$DIR/cut.leakey"
        run leakey report "$DIR/cut.leakey"
        [ "$status" -eq 0 ] || { [ "$status" -eq 2 ] && [[ $output == *"leakey: report: "* ]]; }
        run leakey check "$DIR/cut.leakey"
        [ "$status" -eq 0 ] || [ "$status" -eq 2 ]
    done
    printf 'not a capture' >"$DIR/other.leakey"
    run leakey report "$DIR/other.leakey"
    [ "$status" -eq 2 ]
}

@test "without libunwind stacks come from the fallback, name the same function, and the report says so" {
    library=$(ldconfig -p | awk '$1 == "libunwind.so.8" { print $NF; exit }')
    unshare --mount true 2>/dev/null || skip_loud "no mount namespaces here"
    mkdir "$DIR/captures"
    # An empty file in its place, seen by this one command alone.
    LEAKEY_SAMPLE=4K unshare --mount sh -c "mount --bind /dev/null '$(readlink -f "$library")' &&
        LD_PRELOAD='$SHIM' LEAKEY_OUTPUT='$DIR/captures' exec '$ROOT/build/tests/leak_steady'" >"$DIR/truth"
    leakey report --format json -o "$DIR/report.json" "$DIR/captures"
    jqr "$DIR/report.json" 'any(.leaks[0].site.stack[]; .function == "forget_session")'
    leakey report "$DIR/captures" >"$DIR/report.text"
    grep -qi fallback "$DIR/report.text"
}
