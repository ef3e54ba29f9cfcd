#!/usr/bin/env bats
# The main job: the sample LLM cache service before and after its refactor, under one load, as its owner would see it.

load lib

# Twenty seconds: four or five refreshes, at which memory spikes in the service as it was found. On a machine that does
# much else one may come some tenths of a second late.
requests=1000 distinct=60

# run_service NAME: the service under the shim with the whole load; $DIR/NAME.truth is what it counted itself.
run_service() {
    LEAKEY_OUTPUT=$DIR/$1 start_with_shim "$1" "$ROOT/build/tests/llm_cache_$1" \
        --socket "$DIR/$1.sock" --redis "$REDIS" --refresh-seconds 4
    "$ROOT/build/tests/llm_load" --socket "$DIR/$1.sock" --requests $requests --distinct $distinct \
        --rate 50 --seed 7 >"$DIR/$1.load"
    stop "$1"
    [ "$STOPPED_STATUS" -eq 0 ]
    cp "$DIR/$1.log" "$DIR/$1.truth"
    redis flushall >/dev/null
}

setup_file() {
    lib_setup_file
    redis_start
    run_service before
    run_service after
    leakey report --format json -o "$DIR/before.json" "$DIR/before"
    leakey report --format json -o "$DIR/after.json" "$DIR/after"
    leakey report "$DIR/before" >"$DIR/before.text"
    leakey report "$DIR/after" >"$DIR/after.text"
    leakey compare --format json "$DIR/before" "$DIR/after" >"$DIR/compare.json"
    leakey compare "$DIR/before" "$DIR/after" >"$DIR/compare.text"
    redis_stop
}

teardown_file() { lib_teardown_file; }

setup() {
    lib_setup
    before=$FILE_DIR/before.json after=$FILE_DIR/after.json
}

truth() { jq -r ".$2" "$FILE_DIR/$1.truth"; }

@test "reads, hits, misses and writes are what the service counted itself" {
    for name in before after; do
        jqr "$FILE_DIR/$name.json" "[.cache.reads, .cache.hits, .cache.misses, .cache.writes] ==
            $(jq -c '[.reads, .hits, .misses, .writes]' "$FILE_DIR/$name.truth")"
        jqr "$FILE_DIR/$name.json" '(.cache.miss_causes | add) == .cache.misses'
        jqr "$FILE_DIR/$name.json" 'all(.cache.templates[]; (.miss_causes | add) == .misses)'
        jqr "$FILE_DIR/$name.json" '.captures[0].events.dropped_count == 0'
    done
}

@test "before: the hit ratio is near 0 and nearly all misses ask for an input that was cached already" {
    jqr "$before" '.cache.hit_ratio < 0.01'
    jqr "$before" '.cache.templates[0].template == "llm:<sha256>"'
    jqr "$before" ".cache.templates[0].distinct_inputs == $(truth before distinct_inputs)"
    jqr "$before" '.cache.miss_causes["duplicate-input"] / .cache.misses > 0.85'
}

@test "before: one finding names what varies, and the cure's hit ratio is what the cured service measures" {
    jqr "$before" '[.findings[] | select(.rule == "duplicate-input-miss")] | length == 1'
    finding='(.findings[] | select(.rule == "duplicate-input-miss"))'
    jqr "$before" "$finding | .severity == \"error\" and .template == \"llm:<sha256>\""
    jqr "$before" "[$finding | .varying[].class] | index(\"timestamp\") and (index(\"uuid\") or index(\"random\"))"
    jqr "$before" "[$finding | .varying[].class] | index(\"whitespace\") and index(\"case\") and index(\"order\")"
    jqr "$before" "$finding | .evidence | length > 0 and all(.[]; .kind == \"digest-input\" and .input_a != .input_b)"
    jqr "$before" "$finding | .predicted.hit_ratio_interval[0] <= .predicted.hit_ratio and
        .predicted.hit_ratio <= .predicted.hit_ratio_interval[1]"
    predicted=$(jq "$finding.predicted.hit_ratio" "$before")
    jqr "$after" "(.cache.hit_ratio - $predicted | fabs) <= 0.03"
}

@test "before: one reply leaks per miss, none per hit, and the report names the function and the line" {
    jqr "$before" '[.leaks[] | select(.rule == "reply-leak")] | length == 1'
    leak='(.leaks[] | select(.rule == "reply-leak"))'
    jqr "$before" "$leak.live_count == $(truth before replies_leaked)"
    jqr "$before" "$leak | .outcome == \"miss\" and .template == \"llm:<sha256>\""
    line=$(grep -n 'redisCommand(' "$ROOT/tests/services/llm_cache_before.c" | head -1 | cut -d: -f1)
    jqr "$before" "any($leak.site.stack[]; .function == \"lookup_answer\" and
        (.file | endswith(\"llm_cache_before.c\")) and (.line - $line | fabs) <= 2)"
    grep -q 'lookup_answer' "$FILE_DIR/before.text"
}

@test "before: live memory spikes with each refresh, and the report names who loads the snapshot" {
    spike='(.findings[] | select(.rule == "memory-spike"))'
    jqr "$before" '[.findings[] | select(.rule == "memory-spike")] | length == 1'
    jqr "$before" "$spike.metrics.count >= $(truth before refreshes) - 1"
    jqr "$before" "$spike.metrics.count <= $(truth before refreshes)"
    jqr "$before" "$spike.metrics.period_seconds / 4 - 1 | fabs < 0.05"
    jqr "$before" "$spike.metrics.height_bytes / (32 * 1048576) - 1 | fabs < 0.3"
    jqr "$before" "$spike.spike.sites[0] | .share_ratio > 0.75 and any(.stack[]; .function == \"snapshot_load\")"
    jqr "$before" "$spike.template == null"
}

@test "after: no finding, no leak" {
    jqr "$after" '(.findings | length == 0) and (.leaks | length == 0)'
    jqr "$after" ".cache.hit_ratio > 0.8"
    jqr "$after" '.cache.miss_causes["duplicate-input"] == 0'
}

@test "compare: better, each change with an interval that holds it" {
    compare=$FILE_DIR/compare.json
    jqr "$compare" '.schema == "leakey.compare/1" and .verdict == "better"'
    jqr "$compare" 'all(.metrics[]; .interval | length == 2)'
    jqr "$compare" '.metrics[] | select(.name == "hit_ratio") | .verdict == "better" and .interval[0] > 0.5'
    jqr "$compare" '(.new | length == 0) and (.remaining | length == 0) and (.fixed | length >= 2)'
    leakey compare --fail-on-regression "$FILE_DIR/before" "$FILE_DIR/after" >/dev/null
    run leakey compare --fail-on-regression "$FILE_DIR/after" "$FILE_DIR/before"
    [ "$status" -eq 1 ]
}

@test "gates: report exits 1 when a rule is met, 0 when not, 2 for a rule that does not exist" {
    run leakey report --fail-on reply-leak "$FILE_DIR/before"
    [ "$status" -eq 1 ]
    run leakey report --fail-on any "$FILE_DIR/before"
    [ "$status" -eq 1 ]
    run leakey report --fail-on any "$FILE_DIR/after"
    [ "$status" -eq 0 ]
    run leakey report --fail-on salted-key,false-hit "$FILE_DIR/before"
    [ "$status" -eq 0 ]
    run leakey report --fail-on no-such-rule "$FILE_DIR/before"
    [ "$status" -eq 2 ]
}

@test "text: the verdict comes first, and nothing is wider than 80 columns" {
    for text in before after compare; do
        run awk 'length($0) > 80' "$FILE_DIR/$text.text"
        [ -z "$output" ]
    done
    head -20 "$FILE_DIR/before.text" | grep -qi 'already cached'
    head -30 "$FILE_DIR/before.text" | grep -q 'leak'
    head -6 "$FILE_DIR/after.text" | grep -qi 'no finding'
}

@test "the report is valid JSON with every field of the contract" {
    for report in "$before" "$after"; do
        jqr "$report" '.schema == "leakey.report/1"'
        jqr "$report" '[has("captures", "heap", "leaks", "cache", "findings", "cost")] | all'
        jqr "$report" '.captures[0] | [has("path", "process", "started", "duration_seconds", "end", "sample_bytes", "events")] | all'
        jqr "$report" '.heap | [has("exact", "allocated_bytes", "allocated_count", "freed_bytes", "freed_count",
            "live_bytes", "live_count", "peak_live_bytes", "sites", "timeline")] | all'
        jqr "$report" '.cache | [has("commands", "reads", "hits", "misses", "hit_ratio", "writes", "written_bytes",
            "errors", "distinct_keys", "miss_causes", "templates")] | all'
        jqr "$report" '.cache.templates[0] | [has("template", "reads", "hits", "misses", "hit_ratio", "writes",
            "distinct_keys", "distinct_inputs", "miss_causes", "never_read_keys", "ttl_seconds", "recompute_seconds",
            "latency_seconds", "call_sites")] | all'
        jqr "$report" '.cost | [has("wasted_recompute_seconds", "wasted_redis_bytes", "wasted_money")] | all'
    done
}
