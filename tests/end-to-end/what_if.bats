#!/usr/bin/env bats
# leakey what-if on the sample LLM cache service as it was found: with the right normalisers it says what the refactored
# service measures, under the same load.

load lib

requests=800 distinct=60

# run_service NAME: the service under the shim with the whole load; $DIR/NAME.truth is what it counted itself.
run_service() {
    LEAKEY_OUTPUT=$DIR/$1 start_with_shim "$1" "$ROOT/build/tests/llm_cache_$1" \
        --socket "$DIR/$1.sock" --redis "$REDIS"
    "$ROOT/build/tests/llm_load" --socket "$DIR/$1.sock" --requests $requests --distinct $distinct \
        --rate 200 --seed 7 >"$DIR/$1.load"
    stop "$1"
    [ "$STOPPED_STATUS" -eq 0 ]
    cp "$DIR/$1.log" "$DIR/$1.truth"
    redis flushall >/dev/null
}

cures=timestamp,uuid,whitespace,case,order

setup_file() {
    lib_setup_file
    redis_start
    run_service before
    run_service after
    redis_stop
    leakey what-if --format json -o "$DIR/unchanged.json" "$DIR/before"
    leakey what-if --format json -o "$DIR/cured.json" --normalise $cures "$DIR/before"
    leakey what-if --format json -o "$DIR/after.json" "$DIR/after"
}

teardown_file() { lib_teardown_file; }

setup() {
    lib_setup
    unchanged=$FILE_DIR/unchanged.json cured=$FILE_DIR/cured.json after=$FILE_DIR/after.json
}

truth() { jq -r ".$2" "$FILE_DIR/$1.truth"; }

what_if() { leakey what-if --format json "$@" >"$DIR/what-if.json"; }

@test "nothing changed: predicted is what was measured, and that is what the service counted" {
    for name in unchanged after; do
        jqr "$FILE_DIR/$name.json" '.predicted.hit_ratio == .measured.hit_ratio'
        jqr "$FILE_DIR/$name.json" '.predicted.distinct_keys == .measured.distinct_keys'
    done
    jqr "$unchanged" ".measured.reads == $(truth before reads) and .measured.hits == $(truth before hits)"
    jqr "$after" ".measured.reads == $(truth after reads) and .measured.hits == $(truth after hits)"
}

@test "the right normalisers predict the refactored service's hit ratio within 0.03, and its inputs" {
    jqr "$cured" "(.predicted.hit_ratio - $(jq .measured.hit_ratio "$after") | fabs) <= 0.03"
    jqr "$cured" ".predicted.distinct_keys == $(truth before distinct_inputs)"
    jqr "$cured" '.measured.hit_ratio < 0.01'
    jqr "$cured" '.predicted.hit_ratio_interval[0] <= .predicted.hit_ratio and
        .predicted.hit_ratio <= .predicted.hit_ratio_interval[1]'
    jqr "$cured" '.predicted.peak_cache_bytes < .measured.peak_cache_bytes / 5'
    what_if --normalise timestamp,whitespace "$FILE_DIR/before"
    jqr "$DIR/what-if.json" '.predicted.hit_ratio < 0.01'
}

@test "the JSON has every field of the contract, and the curve falls from 1 to the unlimited cache's" {
    for file in "$unchanged" "$cured" "$after"; do
        jqr "$file" '.schema == "leakey.what-if/1"'
        jqr "$file" '[has("measured", "predicted", "miss_ratio_curve")] | all'
        jqr "$file" '.measured | [has("hit_ratio", "distinct_keys")] | all'
        jqr "$file" '.predicted | [has("hit_ratio", "hit_ratio_interval", "distinct_keys")] | all'
        jqr "$file" '.miss_ratio_curve | length > 0 and all(.[]; has("cache_bytes") and has("miss_ratio"))'
        jqr "$file" '.miss_ratio_curve[0] | .cache_bytes == 0 and .miss_ratio == 1'
        jqr "$file" '.miss_ratio_curve | . == sort_by(.cache_bytes) and
            ([.[].miss_ratio] | . == (sort | reverse))'
        jqr "$file" '(.miss_ratio_curve[-1].miss_ratio - (1 - .predicted.hit_ratio) | fabs) < 1e-9'
    done
}

@test "a cache size: the curve's ratio, and every policy evicts when it is small" {
    size=$(jq '.miss_ratio_curve | .[length / 2 | floor].cache_bytes' "$cured")
    ratio=$(jq '.miss_ratio_curve | .[length / 2 | floor].miss_ratio' "$cured")
    what_if --normalise $cures --cache-size "$size" "$FILE_DIR/before"
    # Where several ask for the same at once, the replay's misses write later than the curve's.
    jqr "$DIR/what-if.json" "(.predicted.hit_ratio - (1 - $ratio) | fabs) < 0.03"
    for policy in lru lfu fifo-reinsertion; do
        what_if --normalise $cures --cache-size 8K --policy $policy "$FILE_DIR/before"
        jqr "$DIR/what-if.json" ".settings.policy == \"$policy\" and .settings.cache_bytes == 8192"
        jqr "$DIR/what-if.json" '.predicted.evicted_count > 0 and .predicted.peak_cache_bytes <= 8192'
        jqr "$DIR/what-if.json" ".predicted.hit_ratio < $(jq .predicted.hit_ratio "$cured")"
    done
}

@test "a TTL: a short one lowers the hit ratio, none does not" {
    what_if --normalise $cures --ttl 0.1 "$FILE_DIR/before"
    jqr "$DIR/what-if.json" ".predicted.hit_ratio < $(jq .predicted.hit_ratio "$cured") - 0.1"
    jqr "$DIR/what-if.json" '.settings.ttl_seconds == 0.1'
    what_if --normalise $cures --ttl 0 "$FILE_DIR/before"
    jqr "$DIR/what-if.json" ".predicted.hit_ratio >= $(jq .predicted.hit_ratio "$cured")"
}

@test "a template: by its name as in the report" {
    what_if --normalise $cures --template 'llm:<sha256>' "$FILE_DIR/before"
    jqr "$DIR/what-if.json" ".predicted.hit_ratio == $(jq .predicted.hit_ratio "$cured")"
    run -2 leakey what-if --template no-such-template "$FILE_DIR/before"
    [[ $output == *no-such-template* ]]
}

@test "text: the prediction comes first, and nothing is wider than 80 columns" {
    leakey what-if --normalise $cures --ttl 60 --cache-size 64K "$FILE_DIR/before" >"$DIR/text"
    head -1 "$DIR/text" | grep -q '^Predicted: hit ratio'
    grep -q 'Miss-ratio curve' "$DIR/text"
    run awk 'length($0) > 80' "$DIR/text"
    [ -z "$output" ]
}

@test "usage: 2 for what does not exist, 0 for --help" {
    for wrong in '--normalise no-such' '--normalise timestamp,' '--policy arc --cache-size 1M' '--policy lru' \
        '--cache-size many' '--cache-size 0' '--cache-size 1MB' '--ttl -1' '--ttl soon' '--format yaml'; do
        # shellcheck disable=SC2086 # words
        run -2 --separate-stderr leakey what-if $wrong "$FILE_DIR/before"
        [ -z "$output" ]
        # shellcheck disable=SC2154 # run sets it
        [[ $stderr == 'leakey: what-if: '* ]]
    done
    run -2 leakey what-if
    run -2 leakey what-if "$DIR/no-such-capture"
    run -0 leakey what-if --help
    for option in --normalise --ttl --cache-size --policy --template --format --output; do
        [[ $output == *"$option"* ]]
    done
    leakey --help | grep -q what-if
}

@test "the report has the same curve, and its windows add up to its counts, in all and for each template" {
    leakey report --format json -o "$DIR/report.json" "$FILE_DIR/after"
    same_text "curve" "$(jq -c '[.miss_ratio_curve[] | {cache_bytes, miss_ratio}]' "$after")" \
        "$(jq -c '[.cache.miss_ratio_curve[] | {cache_bytes, miss_ratio}]' "$DIR/report.json")"
    jqr "$DIR/report.json" '.cache.miss_ratio_curve | length > 5'
    jqr "$DIR/report.json" '.windows | length == 100'
    for count in reads hits misses writes; do
        jqr "$DIR/report.json" "([.windows[].$count] | add) == .cache.$count"
        jqr "$DIR/report.json" ".cache.templates | all(([.windows[\"$count\"][]] | add) == .$count)"
    done
}
