#!/usr/bin/env bats
# leakey export --to sqlite: the sample LLM service's database, opened by sqlite3, beside its JSON report.

load lib

setup_file() {
    lib_setup_file
    redis_start
    LEAKEY_OUTPUT=$DIR/spikes start_with_shim spikes "$ROOT/build/tests/memory_spikes" 7 700
    local spikes=$STARTED
    start_with_shim service "$ROOT/build/tests/llm_cache_before" \
        --socket "$DIR/service.sock" --redis "$REDIS" --refresh-seconds 2
    "$ROOT/build/tests/llm_load" --socket "$DIR/service.sock" --requests 400 --distinct 50 --rate 80 --seed 7 >"$DIR/load"
    stop service
    wait "$spikes"
    LEAKEY_OUTPUT=$DIR/fleet with_shim "$ROOT/build/tests/fleet" "$REDIS" 20 >"$DIR/fleet.truth"
    redis_stop
    mv "$DIR/captures" "$DIR/service"
    for name in service fleet spikes; do
        leakey report --format json -o "$DIR/$name.json" "$DIR/$name"
        leakey export --to sqlite -o "$DIR/$name.db" "$DIR/$name"
    done
}

teardown_file() { lib_teardown_file; }

sql() { sqlite3 -bail "$FILE_DIR/$1.db" "${@:2}"; }

# Reals to twelve digits, which is what both sides print for certain; flags as numbers.
NUMBERS='def digits: if . == 0 then 0 else pow(10; 11 - (fabs | log10 | floor)) as $f | (. * $f | round) / $f end;
    walk(if type == "number" then digits elif . == true then 1 elif . == false then 0 else . end)'

# agrees NAME QUERY FILTER: the rows of QUERY are the array that FILTER makes of the JSON report, in whatever order, and
# there are some.
agrees() {
    local rows reported
    rows=$(sqlite3 -bail -json "$FILE_DIR/$1.db" "$2" | jq -S "$NUMBERS | sort") || return
    reported=$(jq -S "[$3] | $NUMBERS | sort" "$FILE_DIR/$1.json") || return
    [ -n "$rows" ] || {
        echo "$1: no rows: $2"
        return 1
    }
    same_text "$1: $2" "$reported" "$rows"
}

@test "it is a sound database that says what it is" {
    for name in service fleet; do
        [ "$(sql $name 'PRAGMA integrity_check')" = ok ]
        [ "$(sql $name 'PRAGMA user_version')" -eq 1 ]
        [ "$(sql $name 'PRAGMA application_id')" -eq $((0x4c45414b)) ]
        [ "$(sql $name 'SELECT count(*) FROM pragma_foreign_key_check')" -eq 0 ]
    done
}

@test "the numbers of the heap are the JSON report's" {
    for name in service fleet; do
        agrees $name 'SELECT heap_exact, allocated_bytes, allocated_count, freed_bytes, freed_count, live_bytes,
            live_count, peak_live_bytes FROM sets' '.heap | {heap_exact: .exact, allocated_bytes, allocated_count,
            freed_bytes, freed_count, live_bytes, live_count, peak_live_bytes}'
        agrees $name 'SELECT path, pid, parent_pid, executable, started, duration_seconds, end_reason, sample_bytes,
            recorded_count, overwritten_count, dropped_count, keys_hashed, heap, cache, damaged_count FROM captures' \
            '.captures[] | {path, pid: .process.pid, parent_pid: .process.parent_pid, executable: .process.executable,
            started, duration_seconds, end_reason: .end, sample_bytes} + .events + {keys_hashed, heap, cache, damaged_count}'
    done
    agrees service 'SELECT site_id, allocated_bytes, allocated_count, live_bytes, live_count, temporary_count,
        peak_live_bytes, allocated_bytes_low, allocated_bytes_high, live_bytes_low, live_bytes_high, cut FROM sites
        JOIN stacks USING (stack_id)' '.heap.sites[] | {site_id: .id, allocated_bytes, allocated_count, live_bytes,
        live_count, temporary_count, peak_live_bytes, allocated_bytes_low: .allocated_bytes_interval[0],
        allocated_bytes_high: .allocated_bytes_interval[1], live_bytes_low: .live_bytes_interval[0],
        live_bytes_high: .live_bytes_interval[1], cut: .stack_cut}'
    agrees service 'SELECT site_id, frame, function, file, line, module, build_id, module_offset, inlined
        FROM sites JOIN frames USING (stack_id)' '.heap.sites[] | .id as $id | .stack | to_entries[] |
        {site_id: $id, frame: .key} + (.value | {function, file, line, "module": .module, build_id, module_offset: .offset, inlined})'
    agrees service 'SELECT seconds, live_bytes, max_live_bytes, allocated_bytes FROM timeline' '.heap.timeline[]'
}

@test "leaks are the JSON report's" {
    for name in service fleet; do
        agrees $name 'SELECT rule, site_id, live_bytes, live_count, live_bytes_low, live_bytes_high,
            growth_bytes_per_second, growth_low_bytes_per_second, growth_high_bytes_per_second, leak_started_seconds,
            confidence_ratio, template, outcome, branch, bytes_per_command, count_per_command, exact FROM leaks' \
            '.leaks[] | {rule, site_id: .site.id, live_bytes, live_count, live_bytes_low: .live_bytes_interval[0],
            live_bytes_high: .live_bytes_interval[1], growth_bytes_per_second,
            growth_low_bytes_per_second: .growth_interval[0], growth_high_bytes_per_second: .growth_interval[1],
            leak_started_seconds: .started_seconds, confidence_ratio, template, outcome, branch, bytes_per_command,
            count_per_command, exact}'
        agrees $name 'SELECT leak_id, branch, live_count, live_bytes FROM leak_branches' \
            '.leaks | to_entries[] | .key as $leak | .value.branches[] | {leak_id: $leak, branch, live_count: .count, live_bytes: .bytes}'
    done
}

@test "the numbers of the cache are the JSON report's" {
    for name in service fleet; do
        agrees $name 'SELECT reads, hits, misses, hit_ratio, writes, written_bytes, errors, distinct_keys,
            distinct_keys_error_ratio, causes_exact FROM sets' '.cache | {reads, hits, misses, hit_ratio, writes,
            written_bytes, errors, distinct_keys, distinct_keys_error_ratio, causes_exact}'
        agrees $name 'SELECT wasted_recompute_seconds, wasted_redis_bytes, wasted_allocated_bytes FROM waste' \
            '.cost | del(.wasted_money)'
        agrees $name 'SELECT verb, calls FROM commands_by_verb' '.cache.commands | to_entries[] | {verb: .key, calls: .value}'
        agrees $name 'SELECT * FROM templates' '.cache.templates[] | {template, reads, hits, misses, hit_ratio, writes,
            written_bytes, deletes, errors, distinct_keys, distinct_keys_error_ratio, distinct_inputs, never_read_keys,
            ttl_none_count: .ttl_seconds.none_count, ttl_min_seconds: .ttl_seconds.min,
            ttl_median_seconds: .ttl_seconds.median, ttl_max_seconds: .ttl_seconds.max,
            recompute_p50_seconds: .recompute_seconds.p50, recompute_p99_seconds: .recompute_seconds.p99,
            recompute_total_seconds: .recompute_seconds.total, latency_p50_seconds: .latency_seconds.p50,
            latency_p99_seconds: .latency_seconds.p99}'
        agrees $name 'SELECT template, cause, misses FROM miss_causes' '.cache.templates[] | .template as $template |
            .miss_causes | to_entries[] | {template: $template, cause: .key, misses: .value}'
        agrees $name 'SELECT template, outcome, allocated_bytes_per_command AS allocated_bytes,
            kept_bytes_per_command AS kept_bytes, leaked_bytes_per_command AS leaked_bytes FROM template_heap' \
            '.cache.templates[] | .template as $template | .heap_per_command | to_entries[] |
            {template: $template, outcome: .key} + .value'
    done
}

@test "findings, their numbers and their evidence are the JSON report's" {
    for name in service fleet; do
        agrees $name 'SELECT rule, severity, template, message, remedy, predicted_hit_ratio, predicted_distinct_keys,
            saved_recompute_seconds, saved_redis_bytes FROM findings' '.findings[] | {rule, severity, template, message,
            remedy, predicted_hit_ratio: .predicted.hit_ratio, predicted_distinct_keys: .predicted.distinct_keys,
            saved_recompute_seconds: .predicted.saved_recompute_seconds, saved_redis_bytes: .predicted.saved_redis_bytes}'
        agrees $name 'SELECT finding_id, metric, value FROM finding_metrics' '.findings | to_entries[] |
            .key as $finding | .value.metrics | to_entries[] | {finding_id: $finding, metric: .key, value}'
        agrees $name 'SELECT finding_id, pair, kind, confidence_ratio, key_a, key_b, input_a, input_b FROM evidence' \
            '.findings | to_entries[] | .key as $finding | .value.evidence | to_entries[] |
            {finding_id: $finding, pair: .key} + (.value | del(.differs))'
        agrees $name 'SELECT finding_id, pair, position, class, a, b, a_offset, b_offset FROM differences' \
            '.findings | to_entries[] | .key as $finding | .value.evidence | to_entries[] | .key as $pair |
            .value.differs | to_entries[] | {finding_id: $finding, pair: $pair, position: .key} + .value'
        agrees $name 'SELECT finding_id, class, share_ratio FROM varying' '.findings | to_entries[] |
            .key as $finding | .value.varying[] | {finding_id: $finding, class, share_ratio}'
    done
    agrees spikes 'SELECT finding_id, position, height_bytes, share_ratio FROM spike_sites' '.findings | to_entries[] |
        .key as $finding | .value.spike // {sites: []} | .sites | to_entries[] |
        {finding_id: $finding, position: .key} + (.value | {height_bytes, share_ratio})'
}

@test "what processes did adds up to what the set did" {
    same_sum() { # SUM-QUERY QUERY
        [ "$(sql fleet "SELECT round(($1) - ($2), 6)")" = 0.0 ]
    }
    for field in reads hits misses writes written_bytes deletes errors recompute_total_seconds; do
        same_sum "SELECT sum($field) FROM capture_templates" "SELECT sum($field) FROM templates"
    done
    same_sum 'SELECT sum(misses) FROM capture_miss_causes' 'SELECT sum(misses) FROM miss_causes'
    same_sum "SELECT sum(misses) FROM capture_miss_causes WHERE cause = 'duplicate-input'" \
        "SELECT sum(misses) FROM miss_causes WHERE cause = 'duplicate-input'"
    same_sum 'SELECT sum(live_bytes) FROM capture_leaks' 'SELECT sum(live_bytes) FROM leaks'
    same_sum 'SELECT sum(live_count) FROM capture_leaks' 'SELECT sum(live_count) FROM leaks'
    [ "$(sql service 'SELECT abs((SELECT sum(allocated_bytes) FROM capture_sites) - allocated_bytes) < 1 FROM sets')" -eq 1 ]
    [ "$(sql fleet 'SELECT json_group_array(pid) FROM (SELECT pid FROM leaking_processes ORDER BY pid)')" = \
        "$(jq -c '.leaking | sort' "$FILE_DIR/fleet.truth")" ]
}

@test "what was not recorded is NULL, not 0" {
    redis_start
    LEAKEY_HEAP=off LEAKEY_OUTPUT=$DIR/cache with_shim "$ROOT/build/tests/fleet" "$REDIS" 1 >"$DIR/truth"
    LEAKEY_CACHE=off LEAKEY_OUTPUT=$DIR/heap LEAKEY_SAMPLE=all with_shim "$ROOT/build/tests/fleet" "$REDIS" 1 >"$DIR/truth"
    for name in cache heap; do leakey export --to sqlite -o "$DIR/$name.db" "$DIR/$name"; done
    [ "$(sqlite3 "$DIR/cache.db" 'SELECT allocated_bytes IS NULL AND live_bytes IS NULL AND reads > 0 FROM sets')" -eq 1 ]
    [ "$(sqlite3 "$DIR/cache.db" 'SELECT min(allocated_bytes IS NULL AND peak_live_bytes IS NULL) FROM captures')" -eq 1 ]
    [ "$(sqlite3 "$DIR/heap.db" 'SELECT reads IS NULL AND hit_ratio IS NULL AND distinct_keys IS NULL AND
        allocated_bytes > 0 FROM sets')" -eq 1 ]
    [ "$(sqlite3 "$DIR/heap.db" 'SELECT min(errors IS NULL) FROM captures')" -eq 1 ]
}

@test "key text is text, whatever it holds" {
    [ "$(sql fleet "SELECT count(*) FROM templates WHERE template LIKE 'it''s\\%' AND reads = 1")" -eq 1 ]
    [ "$(sql fleet 'SELECT count(*) FROM captures')" -eq 20 ]
}

@test "every view answers" {
    views=$(sql service "SELECT name FROM sqlite_master WHERE type = 'view'")
    [ "$(wc -l <<<"$views")" -ge 10 ]
    for view in $views; do
        [ "$(sql service "SELECT count(*) FROM $view")" -gt 0 ] || [ "$(sql fleet "SELECT count(*) FROM $view")" -gt 0 ]
    done
    [ "$(sql service 'SELECT culprit FROM worst_leaks LIMIT 1')" = lookup_answer ]
    [ "$(sql service 'SELECT template FROM templates_by_duplicate_misses LIMIT 1')" = 'llm:<sha256>' ]
    [ "$(sql service 'SELECT sum(hits + misses) FROM hit_ratio_over_time')" -eq 400 ]
    [[ $(sql service "SELECT stack FROM folded_stacks JOIN leaks USING (stack_id)") == *';lookup_answer'* ]]
}

@test "it comes whole, into a pipe too, or not at all" {
    leakey export --to sqlite "$FILE_DIR/service" | cat >"$DIR/piped.db"
    [ "$(sqlite3 "$DIR/piped.db" 'SELECT count(*) FROM sites')" = "$(sql service 'SELECT count(*) FROM sites')" ]
    run -2 leakey export --to sqlite -o /dev/full "$FILE_DIR/service"
    [[ $output == *'cannot write: No space left on device'* ]]
    (
        ulimit -f 64
        trap '' XFSZ
        run -2 leakey export --to sqlite -o "$DIR/none.db" "$FILE_DIR/service"
    )
    [ ! -e "$DIR/none.db" ]
    [ -z "$(find "$DIR" -name '.leakey-*')" ]
}
