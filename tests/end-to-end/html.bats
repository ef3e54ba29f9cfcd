#!/usr/bin/env bats
# The page of report and compare --format html, read in a browser: what it shows, how it is worked, and that it loads
# nothing and runs nothing that a key holds.

load lib
load clients

requests=800 distinct=60 words=12

# run_service NAME: the sample service under the shim with the whole load.
run_service() {
    LEAKEY_OUTPUT=$DIR/$1 start_with_shim "$1" "$ROOT/build/tests/llm_cache_$1" \
        --socket "$DIR/$1.sock" --redis "$REDIS"
    "$ROOT/build/tests/llm_load" --socket "$DIR/$1.sock" --requests $requests --distinct $distinct \
        --rate 200 --seed 7 >"$DIR/$1.load"
    stop "$1"
    [ "$STOPPED_STATUS" -eq 0 ]
    redis flushall >/dev/null
}

setup_file() {
    lib_setup_file
    redis_start
    run_service before
    run_service after
    LEAKEY_OUTPUT=$DIR/many with_shim "$PYTHON" "$CLIENTS/many_templates.py" "$REDIS" $words
    redis flushall >/dev/null
    LEAKEY_OUTPUT=$DIR/hostile with_shim "$PYTHON" "$CLIENTS/many_templates.py" "$REDIS" 1
    redis_stop
    for name in before after many hostile; do
        leakey report --format html -o "$DIR/$name.html" "$DIR/$name"
        leakey report --format json -o "$DIR/$name.json" "$DIR/$name"
        leakey report --top 1000 -o "$DIR/$name.txt" "$DIR/$name"
    done
    leakey compare --format html -o "$DIR/compare.html" "$DIR/before" "$DIR/after"
    leakey compare --format json -o "$DIR/compare.json" "$DIR/before" "$DIR/after"
    leakey compare -o "$DIR/compare.txt" "$DIR/before" "$DIR/after"
    TMPDIR=$DIR NODE_PATH=$ROOT/build/ui/node_modules start browser node "$ROOT/tests/readers/page.js" serve "$DIR/browser"
    wait_until 60 test -e "$DIR/browser"
}

teardown_file() { lib_teardown_file; }

# page CHECK NAME [ARGUMENT]...: tests/readers/page.js on $FILE_DIR/NAME.html, in a window of its own.
page() {
    TMPDIR=$DIR NODE_PATH=$ROOT/build/ui/node_modules timeout 120 node "$ROOT/tests/readers/page.js" \
        check "$FILE_DIR/browser" "$1" "$FILE_DIR/$2.html" "${@:3}"
}

@test "html: one file below 2 MB, whose policy lets it load and run nothing else" {
    for name in before after many hostile compare; do
        [ "$(stat -c %s "$FILE_DIR/$name.html")" -lt 2000000 ]
        grep -q "Content-Security-Policy\" content=\"default-src 'none'; script-src 'sha256-" "$FILE_DIR/$name.html"
        [ "$(grep -c '</script>' "$FILE_DIR/$name.html")" -eq 2 ]
    done
}

@test "html: the numbers are the JSON report's, said as in the text report" {
    page numbers before "$FILE_DIR/before.json" "$FILE_DIR/before.txt"
}

@test "html: templates are sorted by any column, by mouse and by keyboard" {
    page sort many
}

@test "html: templates are filtered by text and by cause; one opens to the causes of its misses" {
    page filter many bravo:echo
}

@test "html: memory and cache have one time axis, and both charts say their numbers to the pointer and the keys" {
    page timeline before
    page timeline after
}

@test "html: a flame graph says what is pointed at, zooms by keyboard, and finds functions" {
    page flame before
}

@test "html: text is readable in both themes, and a button changes them" {
    page themes before
    page themes compare
}

@test "html: on a phone nothing is wider than the screen" {
    for name in before after many hostile compare; do
        page phone $name
    done
}

@test "html: every control is reached by the Tab key, shows its focus and has a name" {
    page keyboard before
    page keyboard compare
}

@test "html: markup in a key is shown, never run" {
    page hostile hostile "</script><img src=x onerror=document.title='owned'>"
}

@test "html: a comparison shows every metric with its interval, as the text says them, and both timelines" {
    page compare compare "$FILE_DIR/compare.json" "$FILE_DIR/compare.txt"
}

@test "html: of thousands of templates the page holds the first, and says what is left out" {
    page leftOut many "$FILE_DIR/many.json"
}

@test "html: a build without the page says so, and is usage that cannot be met" {
    : >"$DIR/empty.html"
    read -ra flags < <(pkg-config --cflags glib-2.0)
    read -ra libraries < <(make -s -C "$ROOT" --eval='libraries: ; @echo $(ANALYZER_LIBS)' libraries)
    gcc -c -I"$ROOT/shim" -I"$ROOT/analyzer" "${flags[@]}" -DLEAKEY_PAGE="\"$DIR/empty.html\"" \
        "$ROOT/analyzer/render/html_page.c" -o "$DIR/html_page.o"
    cp "$ROOT/build/analyzer.a" "$DIR/analyzer.a"
    ar r "$DIR/analyzer.a" "$DIR/html_page.o"
    gcc -pthread "$ROOT/build/obj/analyzer/main.o" "$DIR/analyzer.a" "${libraries[@]}" -o "$DIR/leakey"
    run -2 "$DIR/leakey" report --format html "$FILE_DIR/before"
    [[ $output == *"--format html: this build of leakey has no page"* ]]
    run -2 "$DIR/leakey" compare --format html "$FILE_DIR/before" "$FILE_DIR/after"
    [[ $output == *"this build of leakey has no page"* ]]
    "$DIR/leakey" report "$FILE_DIR/before" >"$DIR/text"
}

@test "html: numbers are rounded as the text report's are, ties too" {
    local values=(1.125 1.135 1.375 2.675 8.625 12.25 12.35 12.75 100.5 101.5 996.5)
    printf "%s\n" "${values[@]}" >"$DIR/values"
    awk '{ text = sprintf($1 < 9.995 ? "%.2f" : $1 < 99.95 ? "%.1f" : "%.0f", $1)
        if (text ~ /\./) sub(/\.?0+$/, "", text)
        print text " B" }' "$DIR/values" >"$DIR/expected"
    node --input-type=module -e '
        const { bytes } = await import(process.argv[1]);
        const values = process.argv.slice(2).map(Number);
        process.stdout.write(values.map((value) => `${bytes(value)}\n`).join(""));
    ' "$ROOT/build/ui/src/units.js" "${values[@]}" >"$DIR/said"
    diff "$DIR/expected" "$DIR/said"
}

# The page's rule of the Makefile, in a tree of its own.
@test "html: without node, npm or the registry, make says so in one line, goes on, and tries again the next time" {
    mkdir "$DIR/tree" "$DIR/bin"
    cp -R "$ROOT/Makefile" "$ROOT/analyzer" "$DIR/tree"
    mkdir "$DIR/tree/shim"
    for tool in make bash sh printf cp mkdir rm cat find sed sort touch grep cmp gcc; do
        ln -s "$(type -P $tool)" "$DIR/bin/$tool"
    done
    cd "$DIR/tree"
    PATH=$DIR/bin run -0 make build/ui/page.html
    [ "${lines[1]}" = '  PAGE   left out, so there is no --format html: node and npm are not here (scripts/install-deps)' ]
    [ -e build/ui/page.html ]
    [ ! -s build/ui/page.html ]
    npm_config_registry=http://127.0.0.1:9 npm_config_cache=$DIR/npm run -0 make build/ui/page.html
    [ "${lines[1]}" = '  PAGE   left out, so there is no --format html: npm ci failed (build/ui/npm.log)' ]
    [ ! -s build/ui/page.html ]
    grep -q ECONNREFUSED build/ui/npm.log
    run -0 make build/ui/page.html
    cmp build/ui/page.html "$ROOT/build/ui/page.html"
}
