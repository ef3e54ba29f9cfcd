#!/usr/bin/env bats
# leakey pause and leakey resume: whom they reach, what is counted around a pause, what reports make of it.

load lib

# begin PROGRAM [ARGUMENT...]: it waits for `go` before each of its steps, and says what it has done.
begin() {
    [ -p "$DIR/orders" ] || mkfifo "$DIR/orders"
    # shellcheck disable=SC2016 # the inner shell's
    start_with_shim program sh -c 'exec "$0" "$@" <"$ORDERS"' "$ROOT/build/tests/$1" "${@:2}"
    exec 4>"$DIR/orders"
    said started
}

said() { wait_until 60 grep -qx "$1" "$DIR/program.log"; }

go() { # UNTIL IT SAYS
    echo go >&4
    said "$1"
}

finish() {
    exec 4>&-
    wait_until 60 process_ended "$STARTED"
}

# To its end, with one of its steps in a pause. It reports as NAME.
go_through_a_pause() { # NAME
    go pause
    leakey pause "$STARTED"
    go resume
    leakey resume "$STARTED"
    go end
    echo >&4
    finish
    report "$1"
}

# Of the program; the shell that began it has a capture of its own.
report() { # PROGRAM
    leakey report --format json -o "$DIR/report.json" "$DIR/captures/$1".*
}

setup() {
    lib_setup
    export ORDERS=$DIR/orders
}

@test "blocks allocated, freed and moved around a pause: exact, with every allocation and sampled" {
    for sample in all 4K; do
        rm -rf "$DIR/captures"
        LEAKEY_SAMPLE=$sample begin paused_blocks
        go_through_a_pause paused_blocks
        tail -n 1 "$DIR/program.log" >"$DIR/truth.json"
        jqr "$DIR/report.json" '.heap as $heap | [.heap.sites[] | select(any(.stack[]; .function == "block"))] as $blocks |
            ($blocks | map(.allocated_count) | add) == $truth[0].allocated_count and
            ($blocks | map(.live_count) | add) == $truth[0].live_count and
            ($blocks | map(.live_bytes) | add) == $truth[0].live_bytes and
            all(.captures[]; .paused_count == 1 and .paused_seconds > 0 and .paused_seconds < .duration_seconds and
                .events.dropped_count == 0)' --slurpfile truth "$DIR/truth.json"
        leakey report "$DIR"/captures/paused_blocks.* >"$DIR/report.text"
        grep -q '^Paused .* in 1 pause;' "$DIR/report.text"
    done
}

@test "threads that are in every wrapper while recording is switched: nothing half recorded, in both modes" {
    for sample in all 1K; do
        rm -rf "$DIR/captures"
        mkfifo "$DIR/hold-$sample"
        LEAKEY_SAMPLE=$sample start_with_shim program sh -c "exec '$ROOT/build/tests/paused_wrappers' <'$DIR/hold-$sample'"
        exec 4>"$DIR/hold-$sample"
        wait_until 60 compgen -G "$DIR/captures/paused_wrappers.*"
        for _ in $(seq 40); do
            leakey pause "$STARTED" 2>>"$DIR/said"
            leakey resume "$STARTED" 2>>"$DIR/said"
        done
        finish
        report paused_wrappers
        jqr "$DIR/report.json" '.heap.allocated_count > 1000 and
            ([.heap.sites[] | select(any(.stack[]; .function == "work")) | .live_count] | add) == 0 and
            .captures[0].paused_count == 40'
        leakey check "$DIR"/captures/paused_wrappers.* >"$DIR/check"
        grep -q ': whole$' "$DIR/check"
    done
    # More pauses than the capture has room for: each is counted, and none was there already.
    run grep -c already "$DIR/said"
    [ "$output" -eq 0 ]
}

@test "replies that come while paused, and a pipeline across it, by hiredis: no reply is taken for another's" {
    cat >"$DIR/pipeline.c" <<'END'
#include <hiredis/hiredis.h>
#include <stdio.h>
static void wait_for(const char *done) {
    char line[16];
    puts(done);
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin)) line[0] = 0;
}
static void take(redisContext *c) {
    void *reply = NULL;
    if (redisGetReply(c, &reply) == REDIS_OK) freeReplyObject(reply);
}
int main(int argc, char **argv) {
    redisContext *c = redisConnectUnix(argv[argc - 1]);
    wait_for("started");
    freeReplyObject(redisCommand(c, "SET key value"));
    void *held = redisCommand(c, "GET key");
    for (int i = 0; i < 5; i++) redisAppendCommand(c, "GET key");       /* asked before, answered while */
    for (int i = 0; i < 3; i++) redisAppendCommand(c, "GET none%d", i); /* asked before, answered after */
    wait_for("pause");
    for (int i = 0; i < 5; i++) take(c);
    for (int i = 0; i < 4; i++) redisAppendCommand(c, "GET key"); /* asked while, answered after */
    wait_for("resume");
    for (int i = 0; i < 7; i++) take(c);
    freeReplyObject(redisCommand(c, "GET key"));
    freeReplyObject(held);
    wait_for("end");
    redisFree(c);
    return 0;
}
END
    gcc "$DIR/pipeline.c" -lhiredis -o "$DIR/pipeline"
    redis_start
    mkfifo "$DIR/orders"
    start_with_shim program sh -c "exec '$DIR/pipeline' '$REDIS' <'$DIR/orders'"
    exec 4>"$DIR/orders"
    said started
    go_through_a_pause pipeline
    # What was asked is counted; what was answered in the pause is known to be no hit and no miss.
    jqr "$DIR/report.json" '.cache | .commands == {"GET": 10, "SET": 1} and .hits == 2 and .misses == 3 and .writes == 1'
    jqr "$DIR/report.json" '.leaks == [] and .captures[0].events.dropped_count == 0'
}

@test "a process that begins paused; a child and an exec; paused twice; ended" {
    LEAKEY_SAMPLE=all LEAKEY_PAUSED=1 begin paused_blocks --child
    wait_until 60 compgen -G "$DIR/captures/*.leakey"
    go pause # that step was not recorded either
    run leakey pause "$STARTED"
    [ "$status" -eq 0 ]
    [[ $output == *"was paused already"* ]]
    leakey resume "$STARTED"
    run leakey resume "$STARTED"
    [ "$status" -eq 0 ]
    [[ $output == *"was being recorded already"* ]]
    # The child goes on as its parent was told to last, with a capture of its own.
    go child
    child=$(pgrep -P "$STARTED")
    wait_until 60 leakey pause "$child"
    [ "$(find "$DIR/captures" -name '*.leakey' | wc -l)" -eq 2 ]
    leakey dump --what header --format json "$DIR/captures/paused_blocks.$STARTED.leakey" >"$DIR/parent.json"
    jqr "$DIR/parent.json" '.paused | not'
    go resume
    go end
    echo >&4
    finish
    report paused_blocks
    jqr "$DIR/report.json" '[.captures[] | .paused_count] == [1, 1]'
    run leakey resume "$STARTED"
    [ "$status" -eq 2 ]
    [[ $output == *"$STARTED: "*"no such process"* || $output == *"it has ended"* ]]
    run leakey pause "$DIR/captures/paused_blocks.$STARTED.leakey"
    [ "$status" -eq 2 ]
    [[ $output == *"has ended"* ]]
}

@test "an exec begins anew as its environment says; a capture names its process too" {
    LEAKEY_SAMPLE=all begin paused_blocks --exec
    go pause
    leakey pause "$DIR/captures/paused_blocks.$STARTED.leakey"
    go resume
    : >"$DIR/program.log"
    echo go >&4
    said started
    go pause
    leakey dump --what header --format json "$DIR/captures/paused_blocks.$STARTED.2.leakey" >"$DIR/second.json"
    jqr "$DIR/second.json" '.paused | not'
    leakey pause "$STARTED"
    finish
    leakey dump --what header --format json "$DIR/captures/paused_blocks.$STARTED.2.leakey" >"$DIR/second.json"
    jqr "$DIR/second.json" '.paused and .paused_count == 1'
    leakey dump --what header --format json "$DIR/captures/paused_blocks.$STARTED.leakey" >"$DIR/first.json"
    jqr "$DIR/first.json" '.end == "exec" and .paused_count == 1 and .paused_seconds > 0'
}

@test "several at once, those that cannot be reached among them: each is told of, exit 2" {
    LEAKEY_SAMPLE=all begin paused_blocks
    go pause
    sleep 100 &
    plain=$!
    run leakey pause "$STARTED" "$plain"
    kill "$plain"
    [ "$status" -eq 2 ]
    [[ $output == *"paused_blocks.$STARTED.leakey is paused"* ]]
    [[ $output == *"$plain: it has no capture: not run under the shim"* ]]
    run leakey resume nobody "$STARTED"
    [ "$status" -eq 2 ]
    [[ $output == *'"nobody" is neither a process id nor a capture'* ]]
    [[ $output == *"is being recorded again"* ]]
    run leakey pause
    [ "$status" -eq 2 ]
    # Another user may neither look into the process nor write its file.
    chmod 755 "$DIR"
    if [ "$(id -u)" -eq 0 ]; then
        cp "${LEAKEY:-$ROOT/build/leakey}" "$DIR/leakey"
        run setpriv --reuid=65534 --regid=65534 --clear-groups "$DIR/leakey" pause "$STARTED"
        [ "$status" -eq 2 ]
        [[ $output == *"$STARTED: no permission to look into it"* ]]
    fi
    finish
}

@test "in a container's pid namespace: by the pid that it has out here" {
    unshare --pid --fork true 2>/dev/null || skip_loud "no pid namespaces here"
    mkfifo "$DIR/orders"
    LEAKEY_SAMPLE=all start_with_shim program unshare --pid --fork --mount-proc sh -c \
        "exec '$ROOT/build/tests/paused_blocks' <'$DIR/orders'"
    exec 4>"$DIR/orders"
    said started
    go pause
    outside=$(pgrep -P "$STARTED")
    [ -e "$DIR/captures/paused_blocks.1.leakey" ]
    leakey pause "$outside"
    leakey dump --what header --format json "$DIR/captures/paused_blocks.1.leakey" >"$DIR/paused.json"
    jqr "$DIR/paused.json" '.paused and .end == "running"'
    leakey resume "$DIR/captures/paused_blocks.1.leakey"
    leakey dump --what header --format json "$DIR/captures/paused_blocks.1.leakey" >"$DIR/resumed.json"
    jqr "$DIR/resumed.json" '.paused | not'
    finish
}
