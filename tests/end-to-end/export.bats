#!/usr/bin/env bats
# leakey export: each format read back, and its numbers beside the JSON report's.

load planted

# heap_capture: a program with two leaking sites, every allocation recorded; the report beside it.
heap_capture() {
    plant heap all two_sites
    reap
}

# cache_captures: programs with every kind of command, and replies that they forget; the report beside it.
cache_captures() {
    redis_start
    LEAKEY_SAMPLE=all LEAKEY_OUTPUT=$DIR/cache with_shim "$ROOT/build/tests/cache_commands" "$REDIS" >"$DIR/cache.truth"
    leakey report --format json -o "$DIR/cache.json" "$DIR/cache"
}

# reported FIELD: that field of all sites together, as the report has it.
reported() { jq "[.heap.sites[].$1] | add" "$DIR/heap.json"; }

@test "collapsed: what all stacks hold adds up to the report's, whichever metric" {
    heap_capture
    while read -r metric field; do
        leakey export "$DIR/heap" --to collapsed --metric "$metric" -o "$DIR/$metric.txt"
        [ "$(awk '{ sum += $NF } END { printf "%.0f", sum }' "$DIR/$metric.txt")" -eq "$(reported "$field")" ]
    done <<<'live live_bytes
allocated allocated_bytes
peak peak_live_bytes
temporary temporary_count'
    leakey export "$DIR/heap" --to collapsed --metric leaked -o "$DIR/leaked.txt"
    [ "$(awk '{ sum += $NF } END { printf "%.0f", sum }' "$DIR/leaked.txt")" -eq "$(jq '[.leaks[].live_bytes] | add' "$DIR/heap.json")" ]
}

@test "collapsed: each line is the stack outermost first, and a whole number" {
    heap_capture
    leakey export "$DIR/heap" --to collapsed -o "$DIR/live.txt"
    ! grep -vE '^[^;]+(;[^;]+)* [0-9]+$' "$DIR/live.txt" || false
    grep -qE '(^|;)main;(.*;)?forget_large(;.*)? [0-9]+$' "$DIR/live.txt"
}

# What pprof's sample types, and speedscope's profiles, are in the report: a filter on it that gives [stack, number] of
# each site or leak.
declare -gA NUMBERS=(
    [alloc_objects]='.heap.sites[] | [.stack, .allocated_count]'
    [alloc_space]='.heap.sites[] | [.stack, .allocated_bytes]'
    [inuse_objects]='.heap.sites[] | [.stack, .live_count]'
    [inuse_space]='.heap.sites[] | [.stack, .live_bytes]'
    [leaked_objects]='.leaks[] | [.site.stack, .live_count]'
    [leaked_space]='.leaks[] | [.site.stack, .live_bytes]'
    [peak_space]='.heap.sites[] | [.stack, .peak_live_bytes]'
    [temporary_objects]='.heap.sites[] | [.stack, .temporary_count]'
)

# flat_reported NAME TYPE: lines "number function" by innermost function, as the report has it.
flat_reported() {
    jq -r '[('"${NUMBERS[$2]}"') as [$stack, $number] | $stack[0] as $frame | {number: $number, function:
            ($frame.function // (if $frame.module then "[\($frame.module | split("/") | last)]" else "<unknown>" end))}] |
        group_by(.function)[] | "\(map(.number) | add) \(.[0].function)" | select(startswith("0 ") | not)' \
        "$DIR/$1.json" | sort
}

# flat_pprof NAME TYPE: the same, as go tool pprof has it.
flat_pprof() {
    go tool pprof -top -unit=B -nodecount=1000000 -nodefraction=0 -edgefraction=0 -sample_index="$2" \
        "$DIR/$1.pb.gz" 2>/dev/null |
        sed -nE '1,/^ *flat /d; s/ \((partial-)?inline\)$//; s/^ *([0-9.]+)B? +([^ ]+ +){4}/\1 /p' | grep -v '^0 ' | sort
}

# same_flat NAME: go tool pprof's flat numbers of every sample type are the report's.
same_flat() {
    local type
    leakey export "$DIR/$1" --to pprof -o "$DIR/$1.pb.gz"
    for type in "${!NUMBERS[@]}"; do
        same_text "$1, $type" "$(flat_reported "$1" "$type")" "$(flat_pprof "$1" "$type")"
    done
}

@test "pprof: go tool pprof says the report's numbers of each function, in every sample type" {
    plant heap all two_sites
    plant sampled 16K two_sites
    plant inlined all inlined_templates
    plant deep all deep_recursion
    plant nameless all generated_code
    reap
    for name in heap sampled inlined deep nameless; do
        same_flat "$name"
    done
    [ "$(flat_pprof heap inuse_space | wc -l)" -ge 3 ]
    [ "$(flat_pprof heap leaked_space | wc -l)" -eq 2 ]
}

@test "pprof: stacks with inlined frames, lines, builds, what is missing, and when" {
    plant inlined all inlined_templates
    plant deep all deep_recursion
    reap
    leakey export "$DIR/inlined" --to pprof -o "$DIR/inlined.pb.gz"
    TZ=UTC go tool pprof -raw "$DIR/inlined.pb.gz" >"$DIR/raw" 2>/dev/null
    grep -qx 'PeriodType: space bytes' "$DIR/raw"
    grep -qx 'Period: 1' "$DIR/raw"
    grep -qE '^Comment: process [0-9]+: .*/inlined_templates$' "$DIR/raw"
    grep -q 'inuse_space/bytes\[dflt\]' "$DIR/raw"
    grep -qE "^1: 0x0/0xffffffffffffffff/0x0 .*/inlined_templates $(jq -r '[.heap.sites[].stack[] |
        select(.module | endswith("/inlined_templates")).build_id] | first' "$DIR/inlined.json") \[FN\]\[FL\]\[LN\]\[IN\]\$" "$DIR/raw"
    [ "$(date -d "$(sed -n 's/^Time: \([^ ]* [^ .]*\).*/\1 UTC/p' "$DIR/raw")" +%s)" -eq \
        "$(jq -r '.captures[0].started[0:19] + "Z" | fromdate' "$DIR/inlined.json")" ]
    # The innermost stack, frame by frame.
    jq -r '.heap.sites[0].stack[] | .function + (if .inlined then " (inline)" else "" end)' "$DIR/inlined.json" >"$DIR/expected"
    go tool pprof -traces "$DIR/inlined.pb.gz" 2>/dev/null | sed -n '/^-*+-*$/,$p' | sed 1d | sed '/^-*+-*$/,$d' |
        sed -E 's/^ *([0-9.]+[kMG]?B)? +//; /^(leak|template|branch):/d' >"$DIR/found"
    same_text "the first trace" "$(<"$DIR/expected")" "$(<"$DIR/found")"
    leakey export "$DIR/deep" --to pprof >"$DIR/deep.pb.gz"
    go tool pprof -top -sample_index=alloc_space "$DIR/deep.pb.gz" 2>/dev/null >"$DIR/top"
    grep -qE ' \[cut\]$' "$DIR/top"
}

@test "leaked replies are their call site's in each format of stacks, and their blocks are not counted twice" {
    cache_captures
    jqr "$DIR/cache.json" '[.leaks[] | select(.rule == "reply-leak")] | length >= 2'
    same_flat cache
    go tool pprof -traces -sample_index=leaked_space "$DIR/cache.pb.gz" 2>/dev/null >"$DIR/traces"
    grep -qE '^ *leak: +reply-leak$' "$DIR/traces"
    grep -qE '^ *template: +item:<number>$' "$DIR/traces"
    grep -qE '^ *branch: +miss$' "$DIR/traces"
    leakey export "$DIR/cache" --to collapsed --metric leaked -o "$DIR/leaked.txt"
    grep -q ';look_up_missing;' "$DIR/leaked.txt"
    [ "$(awk '{ sum += $NF } END { print sum }' "$DIR/leaked.txt")" -eq "$(jq '[.leaks[].live_bytes] | add' "$DIR/cache.json")" ]
    leakey export "$DIR/cache" --to collapsed -o "$DIR/live.txt"
    [ "$(awk '{ sum += $NF } END { print sum }' "$DIR/live.txt")" -eq "$(jq .heap.live_bytes "$DIR/cache.json")" ]
}

# flat_speedscope NAME PROFILE: lines "number function" by innermost function, of what speedscope has read.
flat_speedscope() {
    jq -r --arg profile "$2" '.shared.frames as $frames | .profiles[] | select(.name == $profile) |
        reduce .events[] as $event ({stack: [], at: 0, self: {}};
            (if .stack != [] and $event.at > .at then
                .self[$frames[.stack[-1]].name] += $event.at - .at else . end) |
            .at = $event.at |
            if $event.type == "O" then .stack += [$event.frame] else .stack |= .[:-1] end) |
        .self | to_entries[] | "\(.value) \(.key)"' "$DIR/$1.speedscope.json" | sort
}

# open_in_speedscope NAME: what it makes of $DIR/NAME.exported is in $DIR/NAME.speedscope.json then, what it shows in
# $DIR/NAME.page.
open_in_speedscope() {
    NODE_PATH=$ROOT/build/viewers/node_modules timeout 120 node "$ROOT/tests/readers/speedscope.js" \
        "$DIR/$1.exported" "$DIR/$1.speedscope.json" "$DIR/$1.page"
}

@test "speedscope: its own importer has the report's numbers of each function, in every profile" {
    "$ROOT/scripts/fetch-viewers" 2>"$DIR/fetch.log" || skip_loud "$(<"$DIR/fetch.log")"
    plant heap all two_sites
    plant inlined 16K inlined_templates
    reap
    for name in heap inlined; do
        leakey export "$DIR/$name" --to speedscope -o "$DIR/$name.exported"
        open_in_speedscope "$name"
        grep -q 'live bytes (1/5)' "$DIR/$name.page"
        while read -r type profile; do
            same_text "$name, $profile" "$(flat_reported "$name" "$type")" "$(flat_speedscope "$name" "$profile")"
        done <<<'inuse_space live bytes
leaked_space leaked bytes
alloc_space allocated bytes
peak_space peak bytes
temporary_objects temporary blocks'
        jqr "$DIR/$name.speedscope.json" '[.profiles[] | .unit] == ["bytes", "bytes", "bytes", "bytes", "none"]'
    done
    grep -qE '^\s*190.73 MB \(53%\)$' "$DIR/heap.page"
    leakey export "$DIR/heap" --to collapsed -o "$DIR/collapsed.exported"
    open_in_speedscope collapsed
    same_text "collapsed" "$(flat_reported heap inuse_space)" "$(flat_speedscope collapsed collapsed.exported)"
    # Files and lines are those of the report.
    same_text "frames" \
        "$(jq -r '[.heap.sites[].stack[] | select(.line) | "\(.function) \(.file):\(.line)"] | unique[]' "$DIR/heap.json")" \
        "$(jq -r '[.shared.frames[] | select(.line) | "\(.name) \(.file):\(.line)"] | unique[]' "$DIR/heap.speedscope.json")"
}

# What an independent reader has of both traces is what two processes said that they asked for, hostile keys and all.
@test "oracleGeneral and csv: each request of the programs, with its sizes, and no other" {
    redis_start
    for name in first second; do
        LEAKEY_OUTPUT=$DIR/traced with_shim "$ROOT/build/tests/trace_commands" "$REDIS" "$name" >"$DIR/$name.truth"
        sleep 1
    done
    leakey export "$DIR/traced" --to oracleGeneral -o "$DIR/oracle"
    leakey export "$DIR/traced" --to csv -o "$DIR/numbered.csv"
    leakey export "$DIR/traced" --to csv --keys text -o "$DIR/text.csv"
    python3 "$ROOT/tests/readers/traces.py" "$DIR/oracle" "$DIR/numbered.csv" "$DIR/text.csv" \
        "$DIR/first.truth" "$DIR/second.truth"
    # No key's text but where it was asked for, and no cell that a spreadsheet would compute.
    ! grep -qE '[^0-9a-z,]' "$DIR/numbered.csv" || false
    grep -qF "'=HYPERLINK" "$DIR/text.csv"
    ! grep -qE '(^|,)"?[=+@-]' "$DIR/text.csv" || false
    # The second process began when the report says; and the counts are the report's.
    leakey report --format json -o "$DIR/traced.json" "$DIR/traced"
    jqr "$DIR/traced.json" '.captures | map(.started[0:19] + "Z" | fromdate) | .[1] - .[0] >= 1'
    apart=$(jq '.captures | map(.started[0:19] + "Z" | fromdate) | .[1] - .[0]' "$DIR/traced.json")
    began=$(awk -F, '$5 == 2 { print $1; exit }' "$DIR/numbered.csv")
    [ "$began" -ge $((apart - 1)) ] && [ "$began" -le $((apart + 1)) ]
    [ "$(grep -c ,get, "$DIR/numbered.csv")" -eq "$(jq .cache.reads "$DIR/traced.json")" ]
    [ "$(grep -cvE ',(get|delete),' "$DIR/numbered.csv")" -eq "$(jq .cache.writes "$DIR/traced.json")" ]
    [ "$(awk -F, '$6 != "get" { sum += $4 } END { print sum }' "$DIR/numbered.csv")" -eq \
        "$(jq .cache.written_bytes "$DIR/traced.json")" ]
}

@test "traces of a capture without keys, or that lost commands, say so" {
    redis_start
    LEAKEY_KEYS=hash LEAKEY_OUTPUT=$DIR/hashed with_shim "$ROOT/build/tests/trace_commands" "$REDIS" a >"$DIR/truth"
    run -2 leakey export "$DIR/hashed" --to csv --keys text -o "$DIR/text.csv"
    [[ $output == *'no key'*'--keys hash'* ]]
    [ ! -e "$DIR/text.csv" ]
    leakey export "$DIR/hashed" --to csv -o "$DIR/numbered.csv" 2>"$DIR/said"
    [ "$(wc -l <"$DIR/numbered.csv")" -eq "$(wc -l <"$DIR/truth")" ]
    LEAKEY_RING=1M LEAKEY_OUTPUT=$DIR/lossy with_shim "$ROOT/build/tests/trace_commands" "$REDIS" b >"$DIR/truth"
    leakey export "$DIR/lossy" --to oracleGeneral -o "$DIR/oracle" 2>"$DIR/said"
    grep -q 'no longer hold every command' "$DIR/said"
    [ "$(($(wc -c <"$DIR/oracle") / 24))" -lt "$(grep -c '^get' "$DIR/truth")" ]
}

@test "what cannot be exported is said, and nothing is left" {
    heap_capture
    run -2 leakey export "$DIR/heap" --to nothing -o "$DIR/out"
    [[ $output == *'no format "nothing"; there are: '*collapsed* ]]
    run -2 leakey export "$DIR/heap" --to collapsed --metric nothing
    [[ $output == *'there are: live leaked allocated peak temporary'* ]]
    run -2 leakey export --to collapsed
    run -2 leakey export "$DIR/heap" --to pprof --metric live -o "$DIR/out"
    [[ $output == *'pprof has no such choice'* ]]
    run -2 leakey export "$DIR/heap" --to pprof --keys text -o "$DIR/out"
    run -2 leakey export "$DIR/heap" --to csv --keys nothing -o "$DIR/out"
    for format in oracleGeneral csv; do
        run -2 leakey export "$DIR/heap" --to "$format" -o "$DIR/out"
        [[ $output == *"$format: no cache command in these captures" ]]
    done
    run -2 leakey export "$DIR/nowhere" --to collapsed -o "$DIR/out"
    [ ! -e "$DIR/out" ]
}
