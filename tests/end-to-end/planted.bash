# shellcheck shell=bash disable=SC2016
# For bats files whose programs print their own truth by tests/programs/planted.h: `load planted`.
#
# `plant NAME SAMPLE PROGRAM ...` starts a program; several may run at a time. `reap` waits for all of them; then
# $DIR/NAME.log is the truth, $DIR/NAME.json the report, $DIR/NAME the captures, and the assertions below compare them.

load lib

PLANTED=()

# plant NAME SAMPLE PROGRAM [ARGUMENT...]: LEAKEY_ variables in the environment hold for it too.
plant() {
    local name=$1 sample=$2
    shift 2
    LEAKEY_SAMPLE=$sample LEAKEY_OUTPUT=$DIR/$name start_with_shim "$name" "$ROOT/build/tests/$1" "${@:2}"
    PLANTED+=("$name:$STARTED")
}

# plant_checked NAME PROGRAM [ARGUMENT...]: every allocation, each cached stack compared with libunwind's.
plant_checked() {
    local name=$1
    shift
    LEAKEY_STACK_CHECK=1 plant "$name" all "$@"
}

reap() {
    local planted
    for planted in "${PLANTED[@]}"; do
        wait "${planted#*:}" || {
            echo "${planted%:*} ended with status $?:"
            cat "$DIR/${planted%:*}.log"
            return 1
        }
    done
    for planted in "${PLANTED[@]}"; do
        leakey report --format json -o "$DIR/${planted%:*}.json" "$DIR/${planted%:*}" || return
    done
    PLANTED=()
}

# In jq: what the report says of a function, that is, of all sites in whose stack it stands.
REPORTED='
    def of($function): [.heap.sites[] | select(any(.stack[]; .function == $function))];
    def total($function; $field): of($function) | map(.[$field]) | add // 0;'

# judge NAME FILTER [WORD...]: FILTER prints what is wrong; its input is the report, $truth the program's object, $sites
# the part of it that speaks of functions, $ARGS.positional the words.
judge() {
    local name=$1 filter=$2 wrong
    shift 2
    filter=$REPORTED'$truths[0] as $truth | $truth.sites as $sites | . as $report | '$filter
    wrong=$(jq -r --slurpfile truths "$DIR/$name.log" "$filter" "$DIR/$name.json" --args "$@") || return
    [ -z "$wrong" ] && return
    printf '%s: %s\n' "$name" "$wrong"
    return 1
}

# exact NAME [FIELD...]: for each function of the truth, the report says the same of these fields (null: the program
# does not know), nothing was dropped, and the heap's own totals agree with one another.
exact() {
    local name=$1
    shift
    [ $# -gt 0 ] || set -- allocated_bytes allocated_count live_bytes live_count temporary_count
    judge "$name" '
        ($sites | keys[] as $function | $ARGS.positional[] as $field | $sites[$function][$field] as $true |
            ($report | total($function; $field)) as $said | select($true != null and $said != $true) |
            "\($function) \($field): truth \($true), reported \($said)"),
        (select(.heap.exact | not) | "not exact"),
        (.captures[].events.dropped_count | select(. != 0) | "\(.) events dropped"),
        (.heap | select(.allocated_bytes - .freed_bytes != .live_bytes or
            .allocated_count - .freed_count != .live_count or
            .allocated_bytes != ([.sites[].allocated_bytes] | add)) |
            "totals contradict one another: \(del(.sites, .timeline))")
        ' "$@"
}

# estimated NAME: for each function of the truth, the reported bytes, and the count of what was temporary, are off by no
# more than five standard deviations of a fair sample, taken from the truth itself, and five samples where there are
# only a few: once in a million times. What the report says was dropped, while the capture was being opened, may be
# missing. (Whether the reported intervals are as wide as they say has a test of its own.)
estimated() {
    judge "$1" '
        .captures[0].sample_bytes as $mean | .captures[0].events.dropped_count as $dropped |
        # Of so many allocations of that size, counted in units of so many bytes.
        def slack($count; $size; $unit):
            if $count == 0 then 0
            else 5 * ($count / (($size / $mean | exp) - 1) | sqrt) + (5 + $dropped) * ([1, $mean / $size] | max)
            end * $unit;
        ($sites | keys[] as $function | $sites[$function] |
            (.allocated_bytes / ([.allocated_count, 1] | max)) as $size |
            (["allocated_bytes", .allocated_bytes, slack(.allocated_count; $size; $size)],
             ((.live_bytes / ([.live_count, 1] | max)) as $size |
                ["live_bytes", .live_bytes, slack(.live_count; $size; $size)]),
             (select(.temporary_count != null) |
                ["temporary_count", .temporary_count, slack(.temporary_count; $size; 1)])) as [$field, $true, $slack] |
            ($report | total($function; $field)) as $said | select(($said - $true | fabs) > $slack) |
            "\($function) \($field): truth \($true), reported \($said), beyond +- \($slack)"),
        (select(.heap.exact) | "called exact")'
}

# leaks_are NAME [FUNCTION...]: the report calls these functions' sites heap leaks, each of them, and no other; where
# every allocation is recorded, with the true bytes and counts.
leaks_are() {
    local name=$1
    shift
    judge "$name" '
        def is_of($function): any(.site.stack[]; .function == $function);
        $ARGS.positional as $expected |
        (.leaks[] | . as $leak | select(all($expected[]; . as $function | $leak | is_of($function) | not)) |
            "no leak: \(.site.stack[0:3] | map(.function) | join(" <- ")), \(.live_bytes) bytes"),
        ($expected[] as $function | [.leaks[] | select(is_of($function))] as $leaks |
            if $leaks == [] then "not found: \($function)"
            elif .heap.exact then
                ("live_bytes", "live_count") as $field | ($leaks | map(.[$field]) | add) as $said |
                $sites[$function][$field] as $true | select($said != $true) |
                "leak of \($function), \($field): truth \($true), reported \($said)"
            else empty end)' "$@"
}
