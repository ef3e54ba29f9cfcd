#!/usr/bin/env bats
# The pager: on a terminal only, chosen by the environment, and without a say in the exit status.

load planted

# on_terminal COMMAND-LINE: its output on a terminal of its own, in $DIR/screen; its exit status is this function's.
on_terminal() {
    TERM=xterm script --quiet --return --command "$1" "$DIR/screen" </dev/null >/dev/null
}

heap_capture() {
    plant heap all two_sites
    reap
    BIN=$ROOT/build/leakey
}

@test "a terminal gets the pager, for each command with long results; the nearer variable decides" {
    heap_capture
    export PAGER="sed s/^/far:/" LEAKEY_PAGER="sed s/^/near:/"
    for command in "report $DIR/heap" "compare $DIR/heap $DIR/heap" "dump --what header $(echo "$DIR"/heap/*.leakey)"; do
        on_terminal "$BIN $command"
        grep -q '^near:' "$DIR/screen"
        ! grep -q '^far:' "$DIR/screen" || false
    done
    unset LEAKEY_PAGER
    on_terminal "$BIN report $DIR/heap"
    grep -q '^far:' "$DIR/screen"
}

@test "no pager: cat, an empty variable, a dumb terminal, a file, a pipe" {
    heap_capture
    export LEAKEY_PAGER="sed s/^/paged:/"
    "$BIN" report "$DIR/heap" >"$DIR/pipe"
    on_terminal "$BIN report -o $DIR/file $DIR/heap"
    cp "$DIR/screen" "$DIR/screen.file"
    on_terminal "TERM=dumb $BIN report $DIR/heap"
    cp "$DIR/screen" "$DIR/screen.dumb"
    on_terminal "LEAKEY_PAGER=cat $BIN report $DIR/heap"
    cp "$DIR/screen" "$DIR/screen.cat"
    on_terminal "LEAKEY_PAGER= $BIN report $DIR/heap"
    for file in pipe file screen.file screen.dumb screen.cat screen; do
        ! grep -q 'paged:' "$DIR/$file" || false
    done
    grep -q 'heap-leak' "$DIR/screen"
    same_text "file and pipe" "$(<"$DIR/pipe")" "$(<"$DIR/file")"
}

@test "colours go through the pager, and NO_COLOR takes them away; progress is wiped" {
    heap_capture
    export LEAKEY_PAGER="sed s/^/paged:/"
    on_terminal "$BIN report $DIR/heap"
    grep -q $'\e\[1;31m' "$DIR/screen"
    # Whatever progress was shown is followed by a wiped line.
    ! tr '\r' '\n' <"$DIR/screen" | grep -A1 -E '^\S*leakey: report: .* %$' | tail -1 | grep -vqE $'^\e\\[K|%$|^--' || false
    NO_COLOR=1 on_terminal "$BIN report $DIR/heap"
    ! grep -q $'\e\[1;31m' "$DIR/screen" || false
    grep -q 'paged:' "$DIR/screen"
}

@test "the exit status is the command's: a gate, a reader who leaves early, a pager that cannot be run" {
    heap_capture
    export LEAKEY_PAGER="head -n 1"
    on_terminal "$BIN report $DIR/heap"
    run -1 on_terminal "$BIN report --fail-on heap-leak $DIR/heap"
    LEAKEY_PAGER=false on_terminal "$BIN report $DIR/heap"
    LEAKEY_PAGER=/nowhere/pager run -2 on_terminal "$BIN report $DIR/heap"
    grep -q 'LEAKEY_PAGER=cat' "$DIR/screen"
}

@test "less keeps the colours, prints what fits and ends" {
    heap_capture
    unset LEAKEY_PAGER PAGER LESS
    TERM=xterm run timeout 20 script --quiet --return --command "stty rows 500 cols 100; $BIN report $DIR/heap" "$DIR/screen" </dev/null
    [ "$status" -eq 0 ]
    grep -q $'\e\[1;31m' "$DIR/screen"
    grep -q 'heap-leak' "$DIR/screen"
}
