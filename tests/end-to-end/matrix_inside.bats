#!/usr/bin/env bats
# The fault matrix: what happens inside of a process.

load lib
load matrix

P=$ROOT/build/tests

@test "threads cancelled in hiredis, in calls on sockets, between allocations and while they compute" {
    redis_start
    row "$P/cancelled_threads" "$REDIS"
    [ "$ROW_STATUS" -eq 0 ]
    grep -qx 'hiredis: cancelled 15, cleaned up 15, said last words 15, survived 0' "$DIR/all.out"
    grep -qx 'computing: cancelled 15, cleaned up 15, said last words 0, survived 0' "$DIR/all.out"
    for mode in 4K all; do
        row_counts $mode '.cache.commands.BLPOP == 45 and .cache.commands.SET == 60 and .cache.writes == 60'
    done
}

@test "longjmp and C++ exceptions out of callbacks, and longjmp out of calls that wait" {
    redis_start
    row "$P/jumps_through_wrappers" "$REDIS"
    grep -qx 'answered 40, caught 20, jumped 20' "$DIR/all.out"
    grep -qx 'afterwards 60' "$DIR/all.out"
    for mode in 4K all; do
        row_counts $mode '.cache.commands == {"BLPOP": 30, "GET": 90, "SET": 30} and .cache.misses == 60 and
            .cache.hits == 30'
    done
}

@test "signals at 1 kHz in every wrapper" {
    redis_start
    row "$P/signals_in_wrappers" "$REDIS"
    [ "$ROW_STATUS" -eq 0 ]
    grep -qx 'interrupted 20' "$DIR/all.out"
    row_counts all '.cache.commands.GET > 0'
}

@test "errno after every call that succeeds" {
    redis_start
    row "$P/kept_errno" "$REDIS"
    grep -qx 'changed 0' "$DIR/all.out"
}

@test "stacks of 16 KiB" {
    local mode work bytes plain limit=4096
    redis_start
    row "$P/small_stacks" "$REDIS"
    [ "$ROW_STATUS" -eq 0 ]
    for mode in 4K all; do
        while read -r work bytes; do
            plain=$(awk -v work="$work" '$1 == work { print $2 }' "$DIR/plain/depths")
            echo "$work ($mode): $plain bytes of stack, with the shim $bytes"
            [ $((bytes - plain)) -le $limit ]
        done <"$DIR/$mode/depths"
    done
    row_counts all '.cache.commands == {"GET": 20, "SET": 10}'
}

@test "a stack that overflows, again and again, under a handler on the alternate stack" {
    row "$P/overflowed_stack"
    grep -qx 'overflows 20' "$DIR/all.out"
    # Where the stack ends within the shim itself, what the thread allocates from then on is counted as lost.
    row_counts all '.heap.allocated_count + .captures[0].events.dropped_count >= 120'
}

@test "allocations before any constructor: an indirect function's resolver, .preinit_array" {
    row "$P/early_calls"
    [ "$ROW_STATUS" -eq 0 ]
    grep -qx preinit "$DIR/all.out"
}

@test "a host with an allocator of its own" {
    row "$P/own_malloc"
    [ "$ROW_STATUS" -eq 0 ]
}

@test "1,000 threads" {
    redis_start --maxclients 2000
    row "$P/many_threads" "$REDIS"
    grep -qx 'threads 1000' "$DIR/all.out"
    row_counts all '.cache.commands.GET == 1000 and .cache.misses == 1000'
    row_counts all '[.heap.sites[] | select(any(.stack[]; .function == "keep")) | .live_count] | add == 1000'
}

# The server takes new connections before it has seen that others are closed. 4,096 are followed at a time.
@test "10,000 connections, half of them closed and opened again" {
    ulimit -n 16000 2>/dev/null || skip_loud "the limit of descriptors cannot be raised here"
    redis_start --maxclients 15500
    row "$P/many_connections" "$REDIS"
    grep -qx 'commands 30000' "$DIR/all.out"
    for mode in 4K all; do
        row_counts $mode '.cache.commands.GET >= 12288 and .cache.hits == 0 and .findings == []'
        row_counts $mode '(.captures | map(.events.dropped_count) | add) + .cache.reads >= 30000'
    done
}

@test "dlopen and dlclose in a loop beside threads that allocate and throw" {
    row "$P/loading_loop" "$P/plugin_first.so" "$P/plugin_tls.so"
    [ "$ROW_STATUS" -eq 0 ]
    grep -qx 'loops 3030' "$DIR/all.out"
}
