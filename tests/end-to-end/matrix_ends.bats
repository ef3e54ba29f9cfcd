#!/usr/bin/env bats
# The fault matrix: how processes end, and what they become. Programs say what they did before (tests/programs/work.h),
# and the captures hold exactly that: of every process's blocks in every-allocation mode, of cache commands in any.

load lib
load matrix

setup_file() {
    lib_setup_file
    redis_start
}
teardown_file() { lib_teardown_file; }

program() { echo "$ROOT/build/tests/$1"; }

# recorded PROGRAM FILTER [EXPECTED]: what the captures hold is what the processes say that they did, and FILTER is true of how those of
# PROGRAM ended: $ends is an array of [argument, end], in order.
recorded() {
    local lost gets mode
    lost=$(grep -o 'lost=[0-9]*' "$DIR/all.out" | awk -F= '{ n += $2 } END { print n + 0 }')
    gets=$(grep -o 'gets=[0-9]*' "$DIR/all.out" | awk -F= '{ n += $2 } END { print n + 0 }')
    [ "$lost" -gt 0 ] || return
    row_counts all '[.heap.sites[] | select(any(.stack[]; .function == "lose_block")) | .allocated_count] | add == $lost' \
        --argjson lost "$lost" || return
    for mode in 4K all; do
        row_counts $mode '(.cache.commands.GET // 0) == $gets and .cache.misses == $gets' --argjson gets "$gets" || return
        row_counts $mode '.captures | map(.events.dropped_count + .events.overwritten_count) | add == 0' || return
    done
    row_counts all '[.captures[] | select(.process.executable | endswith("/" + $program)) | [.process.command[1], .end]]
        | sort as $ends | '"$2" --arg program "$1" --arg expected "${3:-}"
}

# ends_row "HOW STATUS END"...: processes that end so.
ends_row() {
    # shellcheck disable=SC2016  # for the sh that starts them
    row sh -c 'program=$1; shift; for how; do "$program" "$how"; echo "$how $?"; done' sh "$(program ends)" "${@%% *}" ||
        return
    same_text "how they ended" "$(printf '%s\n' "${@% *}")" "$(grep -v '^truth\|^handled\|^passed\|^quick$' "$DIR/all.out")" ||
        return
    recorded ends '$ends == ($expected | split("\n") | map(split(" ")))' "$(printf '%s\n' "$@" | cut -d ' ' -f 1,3 | sort)"
}

@test "SIGKILL, SIGSEGV, SIGBUS, abort: with nothing against it, with handlers that exit, pass it on, jump away" {
    ends_row 'abort 134 signal' 'abort-handled 134 signal' 'bus 135 signal' 'kill 137 signal' 'segv 139 signal' \
        'segv-handled 11 exit' 'segv-passed-on 139 signal' 'segv-survived 0 exit' 'stack-overflow 11 exit'
}

@test "_exit, _Exit, quick_exit, exit in a thread, pthread_exit of the main thread, the system call" {
    ends_row '_Exit 4 exit' '_exit 3 exit' 'exit-in-thread 6 exit' 'main-thread-first 0 exit' 'quick_exit 5 exit' \
        'system-call 8 signal' # which nothing sees
}

# --- the OOM killer

# A memory cgroup of 96 MiB at $CGROUP, of either version; CGROUP_KILLS counts what was killed in it.
make_cgroup() {
    local base
    if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
        base=/sys/fs/cgroup
        echo +memory >$base/cgroup.subtree_control 2>/dev/null || true
    else
        base=/sys/fs/cgroup/memory
    fi
    CGROUP=$base/leakey-test-$$-$RANDOM
    mkdir "$CGROUP" 2>/dev/null || skip_loud "no memory cgroup can be made here"
    if [ -f "$CGROUP/memory.max" ]; then
        echo 96M >"$CGROUP/memory.max"
        CGROUP_KILLS=$CGROUP/memory.events
    elif [ -f "$CGROUP/memory.limit_in_bytes" ]; then
        echo 96M >"$CGROUP/memory.limit_in_bytes"
        CGROUP_KILLS=$CGROUP/memory.oom_control
    else
        rmdir "$CGROUP"
        skip_loud "cgroups here have no memory controller"
    fi
}

@test "the OOM killer" {
    make_cgroup
    # shellcheck disable=SC2016  # for the sh that goes into the cgroup
    row sh -c 'echo $$ >"$1/cgroup.procs" && exec "$2" memory' sh "$CGROUP" "$(program ends)" || FAILED=yes
    kills=$(awk '$1 == "oom_kill" { print $2 }' "$CGROUP_KILLS")
    rmdir "$CGROUP"
    [ -z "${FAILED:-}" ]
    [ "$ROW_STATUS" -eq 137 ]
    [ "$kills" -eq 3 ]
    recorded ends '$ends == [["memory", "signal"]]'
}

# --- killed from outside, at any moment

@test "SIGKILL from outside, in the middle of work of four threads: all that was done is there" {
    LEAKEY_SAMPLE=all start_with_shim busy "$(program killed_at_work)" "$DIR/progress"
    wait_until 30 test -e "$DIR/progress.ready"
    stop busy KILL
    [ "$STOPPED_STATUS" -eq 137 ]
    # Each thread counted what it was about to do, and what was done.
    read -r begun finished < <(od -An -t u8 -w16 "$DIR/progress" | awk '{ b += $1; d += $2 } END { print b, d }')
    [ "$finished" -gt 10000 ]
    leakey report --format json -o "$DIR/report.json" "$DIR/captures"
    jqr "$DIR/report.json" '[.heap.sites[] | select(any(.stack[]; .function == "lose_block")) | .allocated_count] | add
        | . >= $finished and . <= $begun' --argjson finished "$finished" --argjson begun "$begun"
    jqr "$DIR/report.json" '.captures[0].end == "signal"'
}

# --- what a process becomes

@test "every exec, of each an attempt that fails before; posix_spawn, vfork and exec" {
    row "$(program execs)"
    [ "$ROW_STATUS" -eq 0 ]
    [ "$(grep -c '^truth' "$DIR/all.out")" -eq 12 ]
    compgen -G "$DIR/all.captures/execs.*.10.leakey" # the pid stays
    recorded execs '$ends == [[null, "exec"], (range(1; 9) | tostring | [., "exec"]), ["9", "exit"], ["leaf", "exit"],
        ["leaf", "exit"]]'
}

@test "a storm of 144 quick children and grandchildren" {
    row "$(program fork_storm)"
    [ "$ROW_STATUS" -eq 0 ]
    grep -qx 'told by 144' "$DIR/all.out"
    recorded fork_storm '$ends | length == 145 and all(.[]; .[1] == "exit")'
}

@test "prefork workers, one killed and replaced: each process's own numbers" {
    row "$(program prefork_workers)"
    [ "$ROW_STATUS" -eq 0 ]
    grep -qx 'answered 120' "$DIR/all.out"
    grep -q ' signal$' "$DIR/all/workers"
    row_counts all '.captures | length == $count' --argjson count "$(wc -l <"$DIR/all/workers")"
    while read -r pid lost gets how; do
        leakey report --format json -o "$DIR/worker.json" "$DIR/all.captures/prefork_workers.$pid.leakey"
        jqr "$DIR/worker.json" '([.heap.sites[] | select(any(.stack[]; .function == "lose_block")) | .allocated_count] |
            add == $lost) and (.cache.commands.GET // 0) == $gets and .captures[0].end == $how' \
            --argjson lost "$lost" --argjson gets "$gets" --arg how "$how"
    done <"$DIR/all/workers"
}

@test "a daemon: double fork, setsid, chdir, every descriptor closed" {
    # shellcheck disable=SC2016  # for the sh that starts it
    row sh -c '"$1" truth; while ! cat truth 2>/dev/null; do sleep 0.02; done' sh "$(program daemonise)"
    [ "$ROW_STATUS" -eq 0 ]
    recorded daemonise '$ends | length == 3'
    row_counts all 'any(.captures[]; .events.recorded_count > 120000)'
}

@test "forks by system calls, and process 1 of a namespace of its own" {
    if unshare --pid --fork true 2>/dev/null; then
        row "$(program raw_forks)" namespace
        grep -qx 'child 5' "$DIR/all.out"
    else
        row "$(program raw_forks)"
        echo "# no namespaces here: forks by system calls alone" >&3
    fi
    [ "$ROW_STATUS" -eq 0 ]
    recorded raw_forks '$ends | length >= 3 and all(.[]; .[1] == "exit")'
}

# --- what a process can no longer reach

# confined_row HOW WHEN MESSAGE: the process that cannot make its capture says so, once.
confined_row() {
    local mode
    rm -rf "$DIR/private" "$DIR/empty"
    mkdir -p "$DIR/private" "$DIR/empty"
    chmod 700 "$DIR/private"
    ROW_SAME='/^leakey: nothing is recorded: /d' row env LEAKEY_OUTPUT="$DIR/private" "$(program confined)" "$1" "$2" \
        "$DIR/empty" || return
    [ "$ROW_STATUS" -eq 0 ] || return
    for mode in 4K all; do
        same_text "messages ($mode)" "leakey: nothing is recorded: $3" "$(<"$DIR/$mode.err")" || return
    done
    rm -f "$DIR"/private/env.* # what came before it, in every-allocation mode
    row_captures "$DIR/private"
}

# What was recorded before, and after: by a descriptor that is still open.
confined_all() {
    leakey report --format json -o "$DIR/all.json" "$DIR"/private/confined.*.leakey || return
    jqr "$DIR/all.json" '[.captures[].end] == ["exit", "exit"] and (.captures | map(.events.dropped_count) | add == 0) and
        ([.heap.sites[] | select(any(.stack[]; .function == "lose_block")) | .allocated_count] | add > 3100) and
        any(.captures[]; .events.recorded_count > 120000)'
}

@test "chroot, before anything was recorded and after" {
    confined_row chroot before 'no such directory'
    [ -z "$(ls "$DIR/private")" ]
    confined_row chroot after 'no such directory'
    confined_all
}

@test "root's rights given up, before anything was recorded and after" {
    confined_row user before 'permission denied'
    [ -z "$(ls "$DIR/private")" ]
    confined_row user after 'permission denied'
    confined_all
}
