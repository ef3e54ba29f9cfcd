#!/usr/bin/env bats
# leakey export --to clickhouse: the captures of 1,000 processes in a real server, whose answers are the JSON report's.

load lib
load clickhouse

PROCESSES=1000

# Captures of this kind of process take a megabyte each: in memory, if that has room for all of them.
setup_file() {
    lib_setup_file
    FLEET=$DIR
    [ "$(df --output=avail /dev/shm | tail -n 1)" -lt $((2 * 1024 * 1024)) ] ||
        FLEET=$(mktemp -d /dev/shm/leakey-test.XXXXXX)
    export FLEET
    redis_start
    LEAKEY_RING=64K LEAKEY_OUTPUT=$FLEET/fleet with_shim "$ROOT/build/tests/fleet" "$REDIS" $PROCESSES >"$DIR/truth"
    # Rings that wrap: the report has to go by the sketches.
    LEAKEY_RING=64K LEAKEY_SAMPLE=all LEAKEY_OUTPUT=$FLEET/wrapped with_shim "$ROOT/build/tests/fleet" "$REDIS" 4 5000 >"$DIR/wrapped.truth"
    redis_stop
    for name in fleet wrapped; do
        leakey report --format json -o "$DIR/$name.json" "$FLEET/$name" 3>&- &
        leakey export --to clickhouse -o "$DIR/$name.sql" "$FLEET/$name"
        wait $!
    done
    clickhouse_start
}

teardown_file() {
    [ "$FLEET" = "$FILE_DIR" ] || rm -rf "$FLEET"
    lib_teardown_file
}

report() { jq -r "$1" "$FILE_DIR/fleet.json"; }

# answers EXPECTED QUERY: the server says that, all rows and columns of it in one line.
answers() {
    same_text "$2" "$1" "$(clickhouse -q "$2" | paste -sd' ' | tr '\t' ' ')"
}

# loaded [NAME]: the server has that set and nothing else.
loaded() {
    local has=
    [ ! -e "$FILE_DIR/loaded" ] || has=$(<"$FILE_DIR/loaded")
    [ "$has" != "$1" ] || return 0
    clickhouse -q 'DROP DATABASE IF EXISTS leakey'
    clickhouse --multiquery <"$FILE_DIR/$1.sql"
    echo "$1" >"$FILE_DIR/loaded"
}

@test "a thousand processes are there, and what they did is what they counted themselves" {
    loaded fleet
    # Their parent has a capture too, if an allocation of its own was sampled.
    [ "$(report '.captures | length')" -ge "$PROCESSES" ] && [ "$(report '.captures | length')" -le $((PROCESSES + 1)) ]
    answers "$(report '.captures | length')" 'SELECT count() FROM leakey.processes'
    answers "$(jq -r '"\(.reads) \(.hits) \(.misses) \(.writes)"' "$FILE_DIR/truth")" \
        'SELECT sum(reads), sum(hits), sum(misses), sum(writes) FROM leakey.current_capture_templates'
    answers "$(report '"\(.cache.reads) \(.cache.hits) \(.cache.misses) \(.cache.writes) \(.cache.written_bytes)"')" \
        'SELECT reads, hits, misses, writes, written_bytes FROM leakey.current_sets'
}

@test "which of a thousand processes leak, and what" {
    loaded fleet
    answers "$(jq -r '.leaking | sort | join(" ")' "$FILE_DIR/truth")" 'SELECT pid FROM leakey.leaking_processes ORDER BY pid'
    answers "$(jq -r .forgotten "$FILE_DIR/truth")" 'SELECT sum(leaked_count) FROM leakey.leaking_processes'
    answers "$(report '.leaks[] | "\(.rule) \(.live_bytes) \(.live_count) \(.branch)"') $((PROCESSES / 10)) ask" \
        'SELECT rule, live_bytes, live_count, branch, processes_count, culprit FROM leakey.worst_leaks'
}

@test "templates, their causes and their commands are the report's" {
    loaded fleet
    answers "$(report '[.cache.templates[] | "\(.reads) \(.hits) \(.misses) \(.writes)"] | join(" ")')" \
        'SELECT sum(reads), sum(hits), sum(misses) AS missed, sum(writes) FROM leakey.current_capture_templates
         GROUP BY template ORDER BY missed DESC'
    answers "$(report '.cache.miss_causes | to_entries | map(select(.value > 0)) | sort_by(.key) | map("\(.key) \(.value)") | join(" ")')" \
        'SELECT cause, sum(misses) FROM leakey.causes_by_template GROUP BY cause ORDER BY cause'
    answers "$(report '[.cache.templates[] | select(.miss_causes["duplicate-input"] > 0) |
        "\(.template) \(.miss_causes["duplicate-input"]) \(.misses) \(.reads)"] | join(" ")')" \
        'SELECT template, duplicate_misses, misses, reads FROM leakey.templates_by_duplicate_misses'
    answers "$(report '.cache.commands | to_entries | sort_by(.key) | map("\(.key) \(.value)") | join(" ")')" \
        'SELECT verb, all_calls FROM leakey.commands_by_verb ORDER BY verb'
    answers "$(report '.cache.templates | map(.recompute_seconds.total // 0) | add * 1000 | round')" \
        'SELECT toInt64(round(sum(recompute_seconds) * 1000)) FROM leakey.recompute_by_template'
    answers "$(report '.cost.wasted_redis_bytes')" 'SELECT redis_bytes FROM leakey.waste'
    answers "$(report '[.findings[].rule] | sort | join(" ")')" 'SELECT rule FROM leakey.findings_by_rule ORDER BY rule'
    answers "$(report '.findings | map(.evidence | length) | add')" 'SELECT count() FROM leakey.current_evidence'
}

@test "distinct keys over a thousand processes: by sketches, within three standard deviations of the exact number" {
    loaded fleet
    [ "$(report .cache.distinct_keys_error_ratio)" = 0 ]
    [ "$(report '.cache.templates | length')" -eq 3 ]
    # Half the 95 % interval is 1.6 %, about two of them.
    clickhouse -q 'SELECT distinct_keys FROM leakey.distinct_keys_by_template ORDER BY distinct_keys DESC FORMAT TSV' |
        jq -e -s --argjson exact "$(report '[.cache.templates[].distinct_keys] | sort | reverse | tojson')" \
            'length == 3 and ([., $exact] | transpose | all(.[0] / .[1] - 1 | fabs < 0.024))'
    clickhouse -q 'SELECT distinct_keys FROM leakey.distinct_keys' |
        jq -e --argjson exact "$(report .cache.distinct_keys)" '. / $exact - 1 | fabs < 0.024'
}

@test "key text is text, whatever it holds" {
    loaded fleet
    same_text "templates" "$(report '[.cache.templates[].template] | sort | .[]')" \
        "$(clickhouse -q 'SELECT template FROM leakey.current_templates ORDER BY template FORMAT JSONCompact' | jq -r '.data[][0]')"
    same_text "evidence" "$(report '[.findings[].evidence[] | .key_a, .key_b] | sort | .[]')" \
        "$(clickhouse -q 'SELECT arrayJoin([key_a, key_b]) AS key FROM leakey.current_evidence ORDER BY key FORMAT JSONCompact' | jq -r '.data[][0]')"
}

@test "every view answers" {
    loaded fleet
    clickhouse -q "SELECT concat('SELECT * FROM leakey.', name, ' FORMAT Null;') FROM system.tables
        WHERE database = 'leakey' AND engine = 'View' FORMAT TSVRaw" >"$DIR/views.sql"
    [ "$(wc -l <"$DIR/views.sql")" -gt 35 ]
    clickhouse --multiquery <"$DIR/views.sql"
    answers "$(report '.cache.hits')" 'SELECT sum(all_hits) FROM leakey.hit_ratio_over_time'
}

@test "the same stream twice, and the same captures in a later one, count once" {
    loaded fleet
    echo more >"$FILE_DIR/loaded"
    clickhouse --multiquery <"$FILE_DIR/fleet.sql"
    answers "$(report '.captures | length')" 'SELECT count() FROM leakey.processes'
    first=$(find "$FLEET/fleet" -name '*.leakey' | sort | head -n 3)
    # shellcheck disable=SC2086 # paths without blanks
    leakey export --to clickhouse $first | clickhouse --multiquery
    answers "$(report '.captures | length')" 'SELECT count() FROM leakey.processes'
    answers "$(report '"\(.cache.reads) \(.cache.hits)"')" 'SELECT sum(reads), sum(hits) FROM leakey.processes'
    answers "2" 'SELECT uniqExact(load_id) FROM leakey.latest_loads'
    answers "$(jq -r .forgotten "$FILE_DIR/truth")" 'SELECT sum(leaked_count) FROM leakey.leaking_processes'
}

@test "distinct keys where the rings have wrapped: the server's estimate is leakey's own" {
    loaded wrapped
    jqr "$FILE_DIR/wrapped.json" '.cache.distinct_keys_error_ratio > 0 and .captures[0].events.overwritten_count > 0'
    answers "$(jq -r '[.cache.templates[] | "\(.distinct_keys)"] | join(" ")' "$FILE_DIR/wrapped.json")" \
        'SELECT toInt64(round(distinct_keys)) AS keys FROM leakey.distinct_keys_by_template ORDER BY keys DESC'
    answers "$(jq .cache.distinct_keys "$FILE_DIR/wrapped.json")" \
        'SELECT toInt64(round(distinct_keys)) FROM leakey.distinct_keys'
    # Causes are estimates there; the processes still add up to the report.
    answers "$(jq -r '.cache.miss_causes | add' "$FILE_DIR/wrapped.json")" \
        'SELECT toInt64(round(sum(misses))) FROM leakey.causes_by_template'
}

@test "sites over the processes are the report's" {
    loaded wrapped
    jqr "$FILE_DIR/wrapped.json" '.heap.exact and (.heap.sites | length) > 2'
    answers "$(jq -r '.heap | "\(.allocated_bytes) \(.allocated_count) \(.sites | length)"' "$FILE_DIR/wrapped.json")" \
        'SELECT toInt64(sum(allocated_bytes)), toInt64(sum(allocated_count)), count() FROM leakey.biggest_sites'
    answers "$(jq -r '.heap.sites[0] | "\(.id) \(.allocated_bytes)"' "$FILE_DIR/wrapped.json")" \
        'SELECT site_id, toInt64(allocated_bytes) FROM leakey.biggest_sites LIMIT 1'
    answers "$(jq -r '.heap.sites[0].stack | length' "$FILE_DIR/wrapped.json")" \
        "SELECT count() FROM leakey.current_frames WHERE stack_id IN (SELECT stack_id FROM leakey.current_sites
         WHERE site_id = '$(jq -r '.heap.sites[0].id' "$FILE_DIR/wrapped.json")')"
}

@test "a load that breaks off is not there at all" {
    echo part >"$FILE_DIR/loaded"
    clickhouse -q 'DROP DATABASE IF EXISTS leakey'
    grep -v '^INSERT INTO leakey.sets ' "$FILE_DIR/wrapped.sql" | clickhouse --multiquery
    captures=$(jq '.captures | length' "$FILE_DIR/wrapped.json")
    answers "$captures" 'SELECT count() FROM leakey.captures'
    answers "0" 'SELECT count() FROM leakey.processes'
    answers "0" 'SELECT count() FROM leakey.current_findings'
    clickhouse --multiquery <"$FILE_DIR/wrapped.sql"
    answers "$captures" 'SELECT count() FROM leakey.processes'
}
