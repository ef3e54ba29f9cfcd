#!/usr/bin/env bats
# The fault matrix: what processes run out of, and what is taken from them.

load lib
load matrix

program() { echo "$ROOT/build/tests/$1"; }

# --- a capture cut by another hand while the process runs

# What is left says how much of it is missing, or that it is no capture; what a child recorded is whole.
was_cut() { # DIRECTORY
    local capture cut=0
    for capture in "$1"/*.leakey; do
        if leakey check "$capture" >"$DIR/check" 2>&1; then
            leakey report --format json -o "$DIR/row.json" "$capture" || return
            grep -q 'the file ends early' "$DIR/check" || continue
            jqr "$DIR/row.json" '.captures[0].end == "unknown"' || return
            cut=$((cut + 1))
        else
            grep -qE 'is empty|not a leakey capture|cut off within its header' "$DIR/check" || {
                cat "$DIR/check"
                return 1
            }
            cut=$((cut + 1))
        fi
    done
    [ $cut -eq 1 ] || {
        echo "$cut captures in $1 were cut"
        return 1
    }
}

# cut_row SIZE HOW: the program cuts its capture, which the shim says in one line.
cut_row() {
    local mode
    ROW_CAPTURES=was_cut ROW_SAME='/^leakey: nothing more is recorded: the capture was cut by another hand$/d' \
        row "$(program cut_capture)" "$@" || return
    for mode in 4K all; do
        [ "$(grep -c '^leakey: nothing more is recorded: ' "$DIR/$mode.err")" -eq 1 ] || {
            echo "cut_capture $* ($mode): what it said: $(<"$DIR/$mode.err")"
            return 1
        }
    done
}

@test "the capture cut to nothing, to half, to 100 bytes while the process works" {
    for size in 0 half 100; do
        cut_row $size work
        [ "$ROW_STATUS" -eq 0 ]
    done
}

@test "the capture cut while four threads work, and while a child by fork is to come" {
    cut_row 0 threads
    [ "$ROW_STATUS" -eq 0 ]
    cut_row half threads
    [ "$ROW_STATUS" -eq 0 ]
    cut_row 0 forks
    [ "$ROW_STATUS" -eq 0 ]
    grep -qx 'child 7' "$DIR/all.out"
    [ "$(find "$DIR/all.captures" -name '*.leakey' -size +64k | wc -l)" -eq 1 ] # the child's own
}

@test "the capture cut and made as long again" {
    cut_row 0 longer
    [ "$ROW_STATUS" -eq 0 ]
}

@test "the capture cut in a host with a SIGBUS handler: its own faults still reach it" {
    cut_row 0 handled
    [ "$ROW_STATUS" -eq 0 ]
    grep -qx 'handled 2' "$DIR/all.out"
    cut_row 0 later
    [ "$ROW_STATUS" -eq 0 ]
    grep -qx 'handled 2' "$DIR/all.out"
}

@test "the capture cut in a host without one: its own SIGBUS still ends it" {
    cut_row 0 fault
    [ "$ROW_STATUS" -eq 135 ]
    cut_row 0 killed
    [ "$ROW_STATUS" -eq 135 ]
}

@test "SIGBUS is set, asked for and delivered as without the shim" {
    row "$(program bus_dispositions)"
    [ "$ROW_STATUS" -eq 0 ]
    [ "$(grep -c '^  three: 7, on the alternate stack' "$DIR/all.out")" -ge 8 ]
    [ "$(grep -c '^  ended by 7' "$DIR/all.out")" -ge 20 ]
}
