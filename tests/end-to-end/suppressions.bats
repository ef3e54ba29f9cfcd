#!/usr/bin/env bats
# report --suppressions: leaks that are known leave the report and the gate, and are counted at its end.

load lib

setup_file() {
    lib_setup_file
    LEAKEY_SAMPLE=all with_shim "$ROOT/build/tests/leak_steady" >"$FILE_DIR/truth.json"
}
teardown_file() { lib_teardown_file; }

# suppressed LINE...: a report with these lines as suppression file.
suppressed() {
    printf '%s\n' "$@" >"$DIR/known.supp"
    leakey report --format json -o "$DIR/report.json" --suppressions "$DIR/known.supp" "$FILE_DIR/captures"
}

@test "a leak that a line matches leaves leaks and findings, and is counted with that line" {
    suppressed '# the session table' '' 'leak:nothing_of_this_name' 'leak:^forget_*$'
    jqr "$DIR/report.json" '(.leaks | length == 0) and (.findings | length == 0)'
    jqr "$DIR/report.json" '.suppressed.leaks_count == 1 and .suppressed.live_bytes == $truth[0].leaked_bytes and
        .suppressed.live_count == $truth[0].leaked_count' --slurpfile truth "$FILE_DIR/truth.json"
    jqr "$DIR/report.json" '.suppressed.file == $file and ([.suppressed.lines[] | [.line, .pattern, .leaks_count]] ==
        [[3, "nothing_of_this_name", 0], [4, "^forget_*$", 1]])' --arg file "$DIR/known.supp"
}

@test "function, source file and module are matched, and what does not match stays" {
    for pattern in session 'leak_steady.c$' '^/*/leak_steady$' '*'; do
        suppressed "leak:$pattern"
        jqr "$DIR/report.json" '(.leaks | length == 0) and .suppressed.leaks_count == 1'
    done
    for pattern in '^session' 'forget$' 'Forget' 'load_table' 'leak_steady.c:'; do
        suppressed "leak:$pattern"
        jqr "$DIR/report.json" '(.leaks | length == 1) and (.findings | length == 1) and .suppressed.leaks_count == 0'
    done
}

@test "the text says at its end how much each line suppressed, and which lines did nothing" {
    printf 'leak:forget_session\nleak:cured_long_ago\n' >"$DIR/known.supp"
    leakey report --suppressions "$DIR/known.supp" "$FILE_DIR/captures" >"$DIR/report.txt"
    grep -q '^No finding: .*' "$DIR/report.txt"
    tr -s ' \n' ' ' <"$DIR/report.txt" | grep -q 'but for 1 leak that is suppressed'
    same_text ending "      1      1,250   4.77 MiB  leak:forget_session (line 1)
  - matched no leak: line 2" "$(tail -n 2 "$DIR/report.txt")"
}

@test "the gate works on what is left" {
    printf 'leak:forget_session\n' >"$DIR/known.supp"
    run -1 leakey report --fail-on heap-leak -o "$DIR/all.txt" "$FILE_DIR/captures"
    run -0 leakey report --fail-on any --suppressions "$DIR/known.supp" -o "$DIR/left.txt" "$FILE_DIR/captures"
}

@test "without the option there is nothing suppressed to tell" {
    leakey report --format json "$FILE_DIR/captures" >"$DIR/report.json"
    jqr "$DIR/report.json" '(.suppressed == null) and (.leaks | length == 1)'
    run ! grep -qi suppress <(leakey report "$FILE_DIR/captures")
}

@test "a malformed line is a usage error that names the file and the line" {
    for line in forget_session race:forget leak: 'leak:^' 'leak forget'; do
        printf 'leak:good\n%s\n' "$line" >"$DIR/bad.supp"
        run -2 leakey report --suppressions "$DIR/bad.supp" "$FILE_DIR/captures"
        grep -qF "bad.supp:2: " <<<"$output"
    done
    run -2 leakey report --suppressions "$DIR/none.supp" "$FILE_DIR/captures"
    grep -qF none.supp <<<"$output"
}
