#!/usr/bin/env bats
# What editors, code scanning and pull requests are given: SARIF by its schema, markdown by GitHub's renderer, lines by
# README's problem matcher.

load planted

# Debian's python3, which has jsonschema and yaml; another one may stand before it in PATH.
PYTHON=/usr/bin/python3

# hostile_capture: a key per command, each with markup of every kind in it.
hostile_capture() {
    local i key='<img/src=x>|`@octocat`:[a](http://evil.example/):www.evil.example:{a}:**b**:~~c~~'
    redis_start
    for ((i = 0; i < 600; i++)); do
        printf 'GET "%s:%s"\nSET "%s:%s" v\n' "$key" "$RANDOM$i" "$key" "$RANDOM$i"
    done >"$DIR/commands"
    LEAKEY_OUTPUT=$DIR/hostile with_shim redis-cli -s "$REDIS" <"$DIR/commands" >/dev/null
}

heap_capture() {
    plant heap all two_sites
    reap
}

fault_capture() {
    redis_start
    LEAKEY_OUTPUT=$DIR/fault with_shim "$ROOT/build/tests/cache_faults" "$REDIS" reader-writer-mismatch >/dev/null
}

# sarif NAME: the SARIF of the captures $DIR/NAME, in $DIR/NAME.sarif, valid by the official schema.
sarif() {
    (cd "$ROOT" && leakey report --format sarif -o "$DIR/$1.sarif" "$DIR/$1")
    "$PYTHON" - "$ROOT/build/sarif/schema.json" "$DIR/$1.sarif" <<'END'
import json, sys, jsonschema
schema, document = (json.load(open(path)) for path in sys.argv[1:])
wrong = list(jsonschema.Draft7Validator(schema).iter_errors(document))
for error in wrong:
    print("/".join(map(str, error.path)), error.message[:300])
sys.exit(bool(wrong))
END
}

schema_or_skip() {
    "$ROOT/scripts/fetch-sarif-schema" 2>"$DIR/fetch.log" || skip_loud "$(<"$DIR/fetch.log")"
}

# rendered FILE: as GitHub's own renderer makes it HTML, markup of the source let through.
rendered() { cmark-gfm --unsafe -e table -e autolink -e strikethrough -e tagfilter "$1"; }

@test "SARIF is valid, has every rule, and says what the JSON report says" {
    schema_or_skip
    heap_capture
    fault_capture
    for name in heap fault; do
        sarif $name
        leakey report --format json -o "$DIR/$name.json" "$DIR/$name"
        same_text "$name" "$(jq -c '.findings[] | [.rule, .severity, .metrics, .remedy]' "$DIR/$name.json")" \
            "$(jq -c '.runs[0].results[] | [.ruleId, .level, .properties.metrics, .properties.remedy]' "$DIR/$name.sarif")"
        jqr "$DIR/$name.sarif" '.runs[0] | .results | length > 0'
        jqr "$DIR/$name.sarif" '.runs[0].tool.driver.rules as $rules | ($rules | length == 17)
            and all($rules[]; .help.text != "" and .defaultConfiguration.level != null)
            and all(.runs[0].results[]; $rules[.ruleIndex].id == .ruleId)'
        jqr "$DIR/$name.sarif" 'all(.. | .uri? // empty; startswith("/") | not)'
    done
    jqr "$DIR/fault.sarif" '.runs[0].results[0].relatedLocations | length >= 2'
    jqr "$DIR/heap.json" '(.leaks | length) == ([.findings[] | select(.rule == "heap-leak")] | length)'
}

@test "SARIF: the place is the service's own line, below the sources; stacks are there as stacks and as code flows" {
    schema_or_skip
    heap_capture
    sarif heap
    line=$(grep -n 'malloc' "$ROOT/tests/programs/two_sites.c" | head -1 | cut -d: -f1)
    jqr "$DIR/heap.sarif" 'any(.runs[0].results[].locations[0].physicalLocation;
        .artifactLocation == {uri: "tests/programs/two_sites.c", uriBaseId: "%SRCROOT%"}
        and .region.startLine == $line)' --argjson line "$line"
    jqr "$DIR/heap.sarif" 'all(.runs[0].results[];
        .stacks[0].frames[0].location.logicalLocations[0].name == .locations[0].logicalLocations[0].name
        and (.codeFlows[0].threadFlows[0].locations | length > 1)
        and .codeFlows[0].threadFlows[0].locations[-1].location.physicalLocation == .locations[0].physicalLocation)'
}

@test "SARIF fingerprints are those of the next run, also where lines have moved; findings have different ones" {
    schema_or_skip
    prints='[.runs[0].results[].partialFingerprints.primaryLocationLineHash] | sort'
    heap_capture
    sarif heap
    { printf '\n\n\n' && cat "$ROOT/tests/programs/two_sites.c"; } >"$DIR/two_sites.c"
    gcc -g -O1 -pthread -I"$ROOT/tests/programs" "$DIR/two_sites.c" -o "$DIR/two_sites"
    LEAKEY_SAMPLE=all LEAKEY_OUTPUT=$DIR/moved with_shim "$DIR/two_sites" >/dev/null
    sarif moved
    same_text "fingerprints" "$(jq -c "$prints" "$DIR/heap.sarif")" "$(jq -c "$prints" "$DIR/moved.sarif")"
    jqr "$DIR/heap.sarif" "($prints) | length == 2 and .[0] != .[1]"
    run -1 cmp -s <(jq -c '[.. | .startLine? // empty]' "$DIR/heap.sarif") \
        <(jq -c '[.. | .startLine? // empty]' "$DIR/moved.sarif")
}

@test "SARIF without symbols is valid, and each result still has a place" {
    schema_or_skip
    strip -o "$DIR/stripped" "$ROOT/build/tests/two_sites"
    LEAKEY_SAMPLE=all LEAKEY_OUTPUT=$DIR/bare with_shim "$DIR/stripped" >/dev/null
    sarif bare
    jqr "$DIR/bare.sarif" '.runs[0].results | length > 0'
    jqr "$DIR/bare.sarif" 'all(.runs[0].results[]; .locations[0].physicalLocation.artifactLocation.uri == "stripped")'
}

@test "SARIF of hostile keys: no link, no placeholder" {
    schema_or_skip
    hostile_capture
    sarif hostile
    jqr "$DIR/hostile.sarif" '.runs[0].results | length > 0'
    jqr "$DIR/hostile.sarif" 'all(.. | .text? // empty; test("\\]\\(|[^{]\\{[0-9]") | not)'
    jq -r '.runs[0].results[].message.markdown' "$DIR/hostile.sarif" >"$DIR/message.md"
    rendered "$DIR/message.md" >"$DIR/message.html"
    grep -q 'evil' "$DIR/message.html"
    ! grep -qE '<img|<a |<strong>b|<del>' "$DIR/message.html" || false
}

@test "markdown: tables and details come out, with the report's numbers" {
    heap_capture
    fault_capture
    leakey report --format json -o "$DIR/fault.json" "$DIR/fault"
    leakey report --format markdown "$DIR/fault" >"$DIR/fault.md"
    rendered "$DIR/fault.md" >"$DIR/fault.html"
    [ "$(grep -c '<table>' "$DIR/fault.html")" -eq 2 ]
    [ "$(grep -c '<details>' "$DIR/fault.html")" -eq "$(grep -c '</details>' "$DIR/fault.html")" ]
    grep -q '<details>' "$DIR/fault.html"
    grep -qF "$(jq -r '"Cache: \(.cache.reads) reads, \(.cache.hits) hits, \(.cache.misses) misses"' "$DIR/fault.json")" \
        "$DIR/fault.html"
    grep -q '<pre><code class="language-text">' "$DIR/fault.html"
    leakey report --format markdown --top 1 "$DIR/heap" >"$DIR/top.md"
    [ "$(grep -c '^| [0-9]' "$DIR/top.md")" -eq 1 ]
    grep -q 'Left out: the details of 1 finding' "$DIR/top.md"
    leakey compare --format markdown "$DIR/heap" "$DIR/fault" >"$DIR/compare.md"
    rendered "$DIR/compare.md" >"$DIR/compare.html"
    [ "$(grep -c '<table>' "$DIR/compare.html")" -eq 3 ]
    grep -q "(2 fixed, 1 new, 0 remaining)" "$DIR/compare.html"
}

@test "markdown of hostile keys: shown, and nothing becomes an element, a link or a mention" {
    hostile_capture
    leakey report --format markdown "$DIR/hostile" >"$DIR/report.md"
    leakey compare --format markdown "$DIR/hostile" "$DIR/hostile" >"$DIR/compare.md"
    for name in report compare; do
        rendered "$DIR/$name.md" >"$DIR/$name.html"
        grep -qF '&lt;img/src=x' "$DIR/$name.html"
        ! grep -qE '<img|<a |<strong>b|<del>' "$DIR/$name.html" || false
        # Mentions and references act anywhere but in code.
        ! sed 's|<code>[^<]*</code>||g' "$DIR/$name.html" | grep -qE '@octocat|#1' || false
        [ "$(wc -c <"$DIR/$name.md")" -lt 65536 ]
    done
}

@test "gcc: a line a finding, which README's problem matcher reads" {
    heap_capture
    (cd "$ROOT" && leakey report --format gcc "$DIR/heap") >"$DIR/lines"
    "$PYTHON" - "$ROOT/README.md" "$DIR/lines" "$DIR/heap.json" <<'END'
import json, re, sys
readme, lines, report = (open(path).read() for path in sys.argv[1:])
tasks = json.loads(re.search(r"```json tasks\.json\n(.*?)```", readme, re.S)[1])
pattern = tasks["tasks"][0]["problemMatcher"]["pattern"]
found = [re.fullmatch(pattern["regexp"], line) for line in lines.splitlines()]
assert found and all(found), lines
findings = json.loads(report)["findings"]
for match, finding in zip(found, findings, strict=True):
    assert match[pattern["file"]] == "tests/programs/two_sites.c", match
    assert int(match[pattern["line"]]) in [f["line"] for f in finding["call_sites"][0]]
    assert match[pattern["severity"]] == finding["severity"]
    assert match[pattern["message"]] == finding["message"]
    assert match[pattern["code"]] == finding["rule"]
END
}

@test "README's workflow is YAML, and every leakey command in it has the options that it uses" {
    "$PYTHON" - "$ROOT/README.md" >"$DIR/commands" <<'END'
import re, sys, yaml
text = re.search(r"```yaml leakey\.yml\n(.*?)```", open(sys.argv[1]).read(), re.S)[1]
for job in yaml.safe_load(text)["jobs"].values():
    for step in job["steps"]:
        assert ("run" in step) != ("uses" in step), step
        for line in step.get("run", "").splitlines():
            if line.strip().startswith("leakey "):
                print(line.strip())
END
    grep -q 'fail-on-regression' "$DIR/commands"
    while read -r _ command rest; do
        leakey "$command" --help >"$DIR/help"
        while read -r option; do
            grep -q -- "$option" "$DIR/help"
        done < <(grep -oE -- '--[a-z][a-z-]*' <<<"${rest%% -- *}")
        format=$(grep -oP -- '--format \K\w+' <<<"$rest") || continue
        run leakey "$command" --format "$format"
        [[ $output != *"no format"* ]]
    done <"$DIR/commands"
}
