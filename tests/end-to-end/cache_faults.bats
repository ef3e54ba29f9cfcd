#!/usr/bin/env bats
# One rule about the cache a test: a program with the fault on a real server, and its near twin that uses the cache well.

load lib

run_fault() { # RULE [--healthy]
    rm -rf "$DIR/captures"
    redis flushall >/dev/null
    with_shim "$ROOT/build/tests/cache_faults" "$REDIS" "$@" >"$DIR/truth.json"
    leakey report --format json -o "$DIR/report.json" "$DIR/captures"
}

# The rule itself, and whatever else is more than a note.
said() { # RULE
    jq -r --arg rule "$1" '[.findings[] | select(.severity != "note" or .rule == $rule) | .rule] | sort | join(" ")' \
        "$DIR/report.json"
}

check_rule() { # RULE
    redis_start
    run_fault "$1"
    same_text "$1" "$1" "$(said "$1")"
    jq --arg rule "$1" '.findings[] | select(.rule == $rule)' "$DIR/report.json" >"$DIR/finding.json"
    same_text "$1: $(jq -r .metric "$DIR/truth.json")" "$(jq .value "$DIR/truth.json")" \
        "$(jq --arg metric "$(jq -r .metric "$DIR/truth.json")" '.metrics[$metric]' "$DIR/finding.json")"
    jqr "$DIR/finding.json" '(.message | length > 20) and (.remedy | length > 20)
        and .template != null and (.call_sites | length > 0)'
    [ "$(leakey report --fail-on "$1" "$DIR/captures" >/dev/null 2>&1 || echo $?)" = 1 ]
    run_fault "$1" --healthy
    same_text "$1, the healthy twin" "" "$(said "$1")"
}

@test "unbounded-cardinality, and a twin that asks for the same keys again" { check_rule unbounded-cardinality; }
@test "never-read, and a twin that reads what it wrote" { check_rule never-read; }
@test "missing-ttl, and a twin whose sessions expire" { check_rule missing-ttl; }
@test "short-ttl, and a twin whose entries outlast their reuse" { check_rule short-ttl; }
@test "evicted-early on a server that evicts, and a twin that fits" { check_rule evicted-early; }
@test "stampede, and a twin with one caller" { check_rule stampede; }
@test "not-worth-caching, and a twin whose values take time" { check_rule not-worth-caching; }
@test "reader-writer-mismatch, and a twin that spells keys one way" { check_rule reader-writer-mismatch; }
@test "stale-version, and a twin that deletes the older one" { check_rule stale-version; }
@test "oversized-value, and a twin with smaller values that take time" { check_rule oversized-value; }
