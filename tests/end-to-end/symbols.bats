#!/usr/bin/env bats
# Names for addresses: libraries that were unloaded, debug files in all their places, files that lie elsewhere or are
# another build, and code of which nothing can be known.

load lib

BUILT=$ROOT/build/tests

setup() {
    lib_setup
    unset DEBUGINFOD_URLS
    export LEAKEY_SAMPLE=all DEBUGINFOD_CACHE_PATH=$DIR/cache
    mkdir "$DIR/lib"
    PLUGIN=$DIR/lib/first.so
    cp "$BUILT/plugin_first.so" "$PLUGIN"
}

run_plugins() { with_shim "$BUILT/plugin_host" "$@" >"$DIR/truth.json"; }

report() { leakey report --format json -o "$DIR/report.json" "$@" "$DIR/captures"; }

# frames MODULE: each frame of the sites that the module has a part in, innermost first: FUNCTION FILE:LINE.
frames() {
    jq -r --arg plugin "$1" '.heap.sites[] | select(any(.stack[]; .module == $plugin)) | .stack[] |
        select(.module == $plugin) | "\(.function) \(.file // "-" | split("/") | last):\(.line // 0)"' "$DIR/report.json" | sort -u
}

build_id() { readelf -n "$1" | sed -n 's/.*Build ID: //p'; }

# Takes the debug information out of the plugin and puts it into FILE; LINK: the plugin names it.
split_debug() { # FILE [LINK]
    mkdir -p "$(dirname "$1")"
    objcopy --only-keep-debug "$PLUGIN" "$1"
    strip "$PLUGIN"
    [ -z "${2:-}" ] || objcopy --add-gnu-debuglink="$1" "$PLUGIN"
}

line_of() { grep -n "$1" "$ROOT/tests/plugins/plugin_first.c" | cut -d: -f1; }

all_is_known() {
    same_text frames "first_forgets plugin_first.c:$(line_of 'malloc(bytes)')
plugin_run plugin_first.c:$(line_of 'first_forgets(bytes);')" "$(frames "$PLUGIN")"
}

# What the stripped plugin still tells: the exported name, and of the other one that it is not known.
little_is_known() {
    same_text frames 'null -:0
plugin_run -:0' "$(frames "$PLUGIN")"
}

@test "plugins that were loaded at the same addresses, one after the other, are both named rightly" {
    cp "$BUILT/plugin_second.so" "$DIR/lib/second.so"
    run_plugins "$PLUGIN" "$DIR/lib/second.so" "$PLUGIN" "$DIR/lib/second.so" "$PLUGIN"
    # Something of the process may have come to lie where the first one was; not each time.
    jqr "$DIR/truth.json" '.plugins | group_by(.base) | any(.[]; map(.path) | unique | length == 2)'
    report
    for name in first second; do
        bytes=$(jq "[.plugins[] | select(.path | contains(\"$name\")) | .leaked_bytes] | add" "$DIR/truth.json")
        jqr "$DIR/report.json" "[.heap.sites[] | select(.stack[0].function == \"${name}_forgets\") | .live_bytes] | add == $bytes"
        jqr "$DIR/report.json" "all(.heap.sites[] | select(.stack[0].function == \"${name}_forgets\") | .stack[0:2][];
            .module == \"$DIR/lib/$name.so\" and (.file | endswith(\"plugin_$name.c\")))"
    done
}

@test "code that was made at run time is of no module" {
    run_plugins "$PLUGIN"
    report
    bytes=$(jq .made_bytes "$DIR/truth.json")
    jqr "$DIR/report.json" "[.heap.sites[] | select(.live_bytes == $bytes) | .stack[0]] | length == 1 and
        (.[0] | .module == null and .function == null and .offset > 65536 and (.inlined | not))"
}

@test "a debug file beside the binary, below .debug, and below a debug directory is found by .gnu_debuglink" {
    original=$(build_id "$PLUGIN")
    split_debug "$DIR/lib/first.debug" link
    [ "$(build_id "$PLUGIN")" = "$original" ]
    run_plugins "$PLUGIN"
    report
    all_is_known
    mkdir "$DIR/lib/.debug"
    mv "$DIR/lib/first.debug" "$DIR/lib/.debug"
    report
    all_is_known
    mkdir -p "$DIR/debug$DIR/lib" "$DIR/flat"
    mv "$DIR/lib/.debug/first.debug" "$DIR/debug$DIR/lib"
    report
    little_is_known
    report --debug-path "$DIR/debug"
    all_is_known
    mv "$DIR/debug$DIR/lib/first.debug" "$DIR/flat"
    report --debug-path "$DIR/debug" --debug-path "$DIR/flat"
    all_is_known
}

@test "a debug file of another build, or with another checksum, is not used" {
    split_debug "$DIR/lib/first.debug" link
    objcopy --only-keep-debug "$BUILT/plugin_second.so" "$DIR/lib/first.debug"
    run_plugins "$PLUGIN"
    report
    little_is_known
    # Without a build-id the link's checksum decides.
    cp "$BUILT/plugin_first.so" "$PLUGIN"
    objcopy --remove-section .note.gnu.build-id "$PLUGIN"
    split_debug "$DIR/lib/first.debug" link
    rm -r "$DIR/captures"
    run_plugins "$PLUGIN"
    report
    all_is_known
    printf x >>"$DIR/lib/first.debug"
    report
    little_is_known
}

@test "a debug file in a build-id directory is found without a link" {
    id=$(build_id "$PLUGIN")
    split_debug "$DIR/debug/.build-id/${id:0:2}/${id:2}.debug"
    run_plugins "$PLUGIN"
    report
    little_is_known
    report --debug-path "$DIR/debug"
    all_is_known
    # The debug file alone, without the binary.
    rm "$PLUGIN"
    report --debug-path "$DIR/debug"
    all_is_known
    leakey dump --what sites --format json --debug-path "$DIR/debug" "$DIR"/captures/* >"$DIR/dump.json"
    grep -q '"first_forgets"' "$DIR/dump.json"
}

@test "a stripped binary tells its exported names, and of the rest where it is" {
    strip "$PLUGIN"
    run_plugins "$PLUGIN"
    report
    little_is_known
    jqr "$DIR/report.json" "any(.heap.sites[].stack[]; .module == \"$PLUGIN\" and .function == null and .offset > 0 and
        .build_id == \"$(build_id "$PLUGIN")\")"
    jqr "$DIR/report.json" "[.notes[] | select(contains(\"no debug information for\") and contains(\"$PLUGIN\"))] | length == 1"
}

@test "MiniDebugInfo names the functions that are not exported" {
    nm "$PLUGIN" --format=posix --defined-only | awk '$2 ~ /[Tt]/ { print $1 }' >"$DIR/keep"
    objcopy -S --keep-symbols="$DIR/keep" "$PLUGIN" "$DIR/mini"
    strip "$PLUGIN"
    xz "$DIR/mini"
    objcopy --add-section .gnu_debugdata="$DIR/mini.xz" "$PLUGIN"
    run_plugins "$PLUGIN"
    report
    same_text frames 'first_forgets -:0
plugin_run -:0' "$(frames "$PLUGIN")"
}

@test "binaries that lie elsewhere now are found below --sysroot and in --debug-path, and missed aloud" {
    run_plugins "$PLUGIN"
    mkdir -p "$DIR/root/$DIR/lib" "$DIR/flat"
    mv "$PLUGIN" "$DIR/root/$DIR/lib"
    report
    same_text frames 'null -:0' "$(frames "$PLUGIN")"
    jqr "$DIR/report.json" "[.notes[] | select(contains(\"$PLUGIN (not here; build-id \") and contains(\"--sysroot\"))] | length == 1"
    report --sysroot "$DIR/root"
    all_is_known
    jqr "$DIR/report.json" '.notes | length == 0'
    mv "$DIR/root/$DIR/lib/first.so" "$DIR/flat"
    report --debug-path "$DIR/flat"
    all_is_known
}

@test "another build at the binary's path gives no names, and the report says so" {
    run_plugins "$PLUGIN"
    cp "$BUILT/plugin_second.so" "$PLUGIN"
    report
    same_text frames 'null -:0' "$(frames "$PLUGIN")"
    jqr "$DIR/report.json" "[.notes[] | select(contains(\"$PLUGIN (another build is here now; build-id \"))] | length == 1"
    leakey report "$DIR/captures" | tr -s ' \n' ' ' | grep -q 'another build is here now'
    mkdir "$DIR/flat"
    cp "$BUILT/plugin_second.so" "$DIR/flat/first.so"
    report --debug-path "$DIR/flat" --sysroot "$DIR/flat"
    same_text frames 'null -:0' "$(frames "$PLUGIN")"
}

@test "C++ names are whole in JSON and short in text, and what was inlined has its own line" {
    cat >"$DIR/names.cc" <<'END'
#include <map>
#include <string>
#include <vector>
namespace shop {
template <typename T> struct cart {
    std::map<std::string, std::vector<T>> items;
    __attribute__((noinline)) char *keep(const std::string &name) { return copy(name); }
    static inline __attribute__((always_inline)) char *copy(const std::string &name) { return new char[7000 + name.size()]; }
};
}
int main() {
    shop::cart<std::vector<std::string>> cart;
    auto fill = [&cart](int n) __attribute__((noinline)) { return cart.keep(std::string(n, 'x')); };
    return fill(20)[0] & 1;
}
END
    g++ -O1 -g -std=c++17 -Wno-attributes -o "$DIR/names" "$DIR/names.cc"
    with_shim "$DIR/names" || true
    report
    jq '[.heap.sites[] | select(.allocated_bytes == 7020)] | .[0].stack | map(select(.module | endswith("/names")))' \
        "$DIR/report.json" >"$DIR/stack.json"
    line=$(grep -n 'static inline' "$DIR/names.cc" | cut -d: -f1)
    vector='std::vector<std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >, std::allocator<std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> > > >'
    string='std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> > const&'
    jqr "$DIR/stack.json" '.[0].function == $name and .[0].inlined and .[0].line == $line' \
        --arg name "shop::cart<$vector >::copy($string)" --argjson line "$line"
    jqr "$DIR/stack.json" '.[1].function == $name and (.[1].inlined | not) and .[1].line == $line - 1' \
        --arg name "shop::cart<$vector >::keep($string)" --argjson line "$line"
    jqr "$DIR/stack.json" '.[2].function == "main::{lambda}::operator()"'
    leakey report "$DIR/captures" >"$DIR/report.txt"
    grep -qF 'shop::cart<...>' "$DIR/report.txt"
    grep -qF 'main::{lambda} (names.cc:13)' "$DIR/report.txt"
}

# --- debuginfod

# In a network of its own, for it listens on every address. $NETWORK: runs a command in that network.
debuginfod_start() { # DIRECTORY
    unshare -rn ip link set lo up 2>/dev/null || skip_loud 'no network namespace to be had'
    start debuginfod unshare -rn sh -c 'ip link set lo up && exec debuginfod -p 8002 -d :memory: -F -t 1 "$1"' - "$1"
    NETWORK=(nsenter -U -n --preserve-credentials -t "$STARTED")
    export DEBUGINFOD_URLS=http://127.0.0.1:8002
}

served() { "${NETWORK[@]}" curl -sf -o /dev/null "$DEBUGINFOD_URLS/buildid/$1/debuginfo"; }

@test "a debuginfod server is asked for debug files, and for what is not here at all" {
    id=$(build_id "$PLUGIN")
    split_debug "$DIR/served/first.debug"
    run_plugins "$PLUGIN"
    debuginfod_start "$DIR/served"
    wait_until 30 served "$id"
    leakey() { "${NETWORK[@]}" "${LEAKEY:-$ROOT/build/leakey}" "$@"; }
    report --debuginfod=off
    little_is_known
    [ ! -e "$DIR/cache/$id" ]
    report
    all_is_known
    [ -e "$DIR/cache/$id/debuginfo" ]
    rm "$PLUGIN"
    report
    all_is_known
}

# Accepts and never answers. Its port is in $PORT; it logs each request.
silent_server() {
    start silent python3 -u -c '
import socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1])
held = []
while True:
    held.append(listener.accept()[0])
    print("asked")'
    wait_until 20 grep -q . "$DIR/silent.log"
    PORT=$(head -n 1 "$DIR/silent.log")
}

@test "a debuginfod server that does not answer holds the report up for as long as allowed, and is not asked again" {
    cp "$BUILT/plugin_second.so" "$DIR/lib/second.so"
    run_plugins "$PLUGIN" "$DIR/lib/second.so"
    rm "$DIR"/lib/*.so
    silent_server
    export DEBUGINFOD_URLS=http://127.0.0.1:$PORT
    report --debuginfod=off
    run ! grep -q asked "$DIR/silent.log"
    started=$SECONDS
    report --debuginfod=2
    [ $((SECONDS - started)) -lt 20 ]
    [ "$(grep -c asked "$DIR/silent.log")" -ge 1 ]
    jqr "$DIR/report.json" '[.notes[] | select(contains("debuginfod was given up"))] | length == 1'
    jqr "$DIR/report.json" 'any(.heap.sites[].stack[]; .function == "main")'
}

@test "wrong ways of saying where files are: usage errors" {
    run_plugins "$PLUGIN"
    for option in --sysroot=/nonexistent --debug-path=/nonexistent --debuginfod=soon --debuginfod=-1; do
        run -2 leakey report "$option" "$DIR/captures"
        grep -qe "${option%%=*}" <<<"$output"
    done
}
