#!/usr/bin/env bats
# The sample LLM cache service in Python, on FastAPI, redis-py and hashlib, before and after its refactor: with the same
# faults as the one in C, the same report. One process is a Redis client and an HTTP server at once.

load lib
load clients

# Twenty seconds: four or five refreshes, at which memory spikes in the service as it was found.
requests=1000 distinct=60

# run_service NAME: as service.bats has it.
run_service() {
    LEAKEY_OUTPUT=$DIR/$1 PYTHONDONTWRITEBYTECODE=1 start_with_shim "$1" \
        "$PYTHON" "$ROOT/tests/services/python/llm_cache_$1.py" \
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
    for name in before after; do
        leakey report --format json -o "$DIR/$name.json" "$DIR/$name"
        leakey report "$DIR/$name" >"$DIR/$name.text"
    done
    leakey compare --format json "$DIR/before" "$DIR/after" >"$DIR/compare.json"
    redis_stop
}

teardown_file() { lib_teardown_file; }

setup() {
    lib_setup
    before=$FILE_DIR/before.json after=$FILE_DIR/after.json
}

truth() { jq -r ".$2" "$FILE_DIR/$1.truth"; }

@test "Python: reads, hits, misses and writes are what the service counted itself, and its HTTP is none of them" {
    for name in before after; do
        jqr "$FILE_DIR/$name.json" "[.cache.reads, .cache.hits, .cache.misses, .cache.writes] ==
            $(jq -c '[.reads, .hits, .misses, .writes]' "$FILE_DIR/$name.truth")"
        jqr "$FILE_DIR/$name.json" ".cache.commands ==
            $(jq -c '{GET: .reads, SETEX: .writes}' "$FILE_DIR/$name.truth")"
        jqr "$FILE_DIR/$name.json" '(.cache.miss_causes | add) == .cache.misses and .cache.errors == 0'
        jqr "$FILE_DIR/$name.json" '.captures[0].events.dropped_count == 0'
        jqr "$FILE_DIR/$name.load" '.errors == 0'
    done
}

@test "Python before: one finding names what varies, and the cure's hit ratio is what the cured service measures" {
    jqr "$before" '.cache.hit_ratio < 0.01'
    jqr "$before" '.cache.templates | length == 1 and .[0].template == "llm:<sha256>"'
    jqr "$before" ".cache.templates[0].distinct_inputs == $(truth before distinct_inputs)"
    jqr "$before" '.cache.miss_causes["duplicate-input"] / .cache.misses > 0.85'
    jqr "$before" '[.findings[] | select(.rule == "duplicate-input-miss")] | length == 1'
    finding='(.findings[] | select(.rule == "duplicate-input-miss"))'
    jqr "$before" "$finding | .severity == \"error\" and .template == \"llm:<sha256>\""
    jqr "$before" "[$finding.varying[].class] | contains([\"timestamp\", \"uuid\", \"order\", \"whitespace\", \"case\"])"
    jqr "$before" "$finding.evidence | length > 0 and all(.[]; .kind == \"digest-input\" and .input_a != .input_b)"
    predicted=$(jq "$finding.predicted.hit_ratio" "$before")
    jqr "$after" "(.cache.hit_ratio - $predicted | fabs) <= 0.03"
}

@test "Python before: what the miss branch keeps is a leak of so many bytes per miss" {
    jqr "$before" '.leaks | length == 1'
    jqr "$before" '.leaks[0] | .rule == "heap-leak" and .outcome == "miss" and .template == "llm:<sha256>"'
    # Each completion keeps 64 KiB; some 80 of them are sampled.
    jqr "$before" ".leaks[0].live_bytes / (65536 * $(truth before misses)) - 1 | fabs < 0.5"
    jqr "$before" '.leaks[0].bytes_per_command / 65536 - 1 | fabs < 0.5'
}

@test "Python before: live memory spikes with each refresh" {
    spike='(.findings[] | select(.rule == "memory-spike"))'
    jqr "$before" '[.findings[] | select(.rule == "memory-spike")] | length == 1'
    jqr "$before" "$spike.metrics.count >= $(truth before refreshes) - 1"
    jqr "$before" "$spike.metrics.count <= $(truth before refreshes)"
    jqr "$before" "$spike.metrics.period_seconds / 4 - 1 | fabs < 0.05"
    jqr "$before" "$spike.metrics.height_bytes / (34 * 1048576) - 1 | fabs < 0.3"
    jqr "$before" "$spike.template == null"
}

@test "Python after: no finding, no leak; compare says better" {
    jqr "$after" '.findings == [] and .leaks == []'
    jqr "$after" '.cache.hit_ratio > 0.8 and .cache.miss_causes["duplicate-input"] == 0'
    compare=$FILE_DIR/compare.json
    jqr "$compare" '.verdict == "better"'
    jqr "$compare" '.metrics[] | select(.name == "hit_ratio") | .verdict == "better" and .interval[0] > 0.5'
    jqr "$compare" '(.new | length == 0) and (.remaining | length == 0) and ([.fixed[] | select(.severity != "note")] | length == 3)'
}

@test "Python, text: what runs in the interpreter has no frames, and the report does not pretend that it has" {
    text=$FILE_DIR/before.text
    run awk 'length($0) > 80' "$text" "$FILE_DIR/after.text"
    [ -z "$output" ]
    grep -q '> PyMem_Malloc' "$text"
    grep -qE '^    \([0-9]+ frames of python3[.0-9]* itself left out\)' "$text"
    # Nothing of a stack comes behind the frame in which Python code runs, but for other files' frames.
    run awk '/_PyEval_EvalFrameDefault/ { seen = 1; next } /^$|^  [A-Z>]/ { seen = 0 } seen && / python3[.0-9]*$/' "$text"
    [ -z "$output" ]
    tr -s '\n ' ' ' <"$text" >"$DIR/one_line"
    grep -q 'Find what Python code keeps on misses' "$DIR/one_line"
    grep -q 'Let the Python code that runs then hold a part at a time' "$DIR/one_line"
    head -6 "$FILE_DIR/after.text" | grep -qi 'no finding'
}
