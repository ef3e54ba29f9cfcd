#!/usr/bin/env bats
# The shim elsewhere: built by other compilers and options, on older and newer C libraries, on 64-bit ARM. Counts are exact
# everywhere. $FORMS names the forms that were built (`make forms`), $ARM_UNIT the unit tests for ARM; `make portability`
# has all of them.

load lib

MACHINE=x86_64-linux-gnu
OLD=$ROOT/build/bullseye NEW=$ROOT/build/trixie NEW_LIBC=$ROOT/build/trixie-libc ARM=$ROOT/build/arm64

setup() {
    lib_setup
    PROGRAMS=$ROOT/build/tests
    RUN=(env "LD_PRELOAD=$SHIM")
}

need() { # PLACE WHAT
    [ -e "$1/.complete" ] || skip_loud "$2 could not be had (scripts/fetch-debian)"
}

# recorded PROGRAM ARGUMENT...: every allocation of it; what it prints in $DIR/truth, its status in $STATUS.
recorded() {
    STATUS=0
    rm -rf "$DIR/captures"
    mkdir "$DIR/captures"
    LEAKEY_SAMPLE=all LEAKEY_OUTPUT=$DIR/captures "${RUN[@]}" "$PROGRAMS/$1" "${@:2}" >"$DIR/truth" 2>"$DIR/errors" || STATUS=$?
    leakey report --format json -o "$DIR/report.json" "$DIR/captures"
}

# The malloc family, in threads, before main, across fork and vfork.
heap_is_exact() { # WHICH
    recorded heap_forms
    [ "$STATUS" -eq 3 ] || {
        echo "$1: heap_forms ended with $STATUS"
        cat "$DIR/errors"
        return 1
    }
    jqr "$DIR/report.json" 'def total($function; $field):
            [.heap.sites[] | select(any(.stack[]; .function == $function)) | .[$field]] | add;
        total("all_forms"; "allocated_count") == $truth[0].forms_count and
        total("all_forms"; "allocated_bytes") == $truth[0].forms_bytes and total("all_forms"; "live_bytes") == 0 and
        total("child_of_its_own"; "live_bytes") == 777 and .heap.exact and (.captures | length) == 2 and
        all(.captures[]; .events.dropped_count == 0 and .end == "exit")' --slurpfile truth "$DIR/truth" || {
        echo "$1: see above"
        return 1
    }
}

# Every synchronous form of hiredis. Wants redis_start.
cache_is_exact() { # WHICH
    local filter='{commands, reads, hits, misses, writes, written_bytes, errors, distinct_keys}'
    redis flushall >/dev/null
    recorded cache_commands "$REDIS"
    [ "$STATUS" -eq 0 ]
    same_text "$1" "$(jq -Sc "$filter" "$DIR/truth")" "$(jq -Sc ".cache | $filter" "$DIR/report.json")"
    jqr "$DIR/report.json" '[.leaks[] | select(.rule == "reply-leak") | .live_count] == [40, 40]'
}

# The highest version of glibc's symbols that a library asks for.
glibc_of() { objdump -T "$1" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1; }

@test "the shim is linked against libc alone and runs on glibc 2.17 and later, on both processors" {
    local shim seen=0
    for shim in "$SHIM" "$ROOT"/build/forms/*/libleakey.so "$ROOT/build/aarch64/libleakey.so"; do
        [ -e "$shim" ] || continue
        seen=$((seen + 1))
        same_text "$shim needs" libc.so.6 "$(readelf -dW "$shim" | sed -n 's/.*(NEEDED).*\[\(.*\)\]$/\1/p')"
        same_text "$shim" GLIBC_2.17 "$(glibc_of "$shim")"
    done
    [ "$seen" -ge 2 ]
    grep -q 'glibc 2.17 or later' "$ROOT/README.md"
}

@test "built by other compilers, optimised or not: the same counts, and stacks that agree with libunwind's" {
    local form
    redis_start
    for form in ${FORMS:-gcc-O0}; do
        RUN=(env "LD_PRELOAD=$ROOT/build/forms/$form/libleakey.so" LEAKEY_STACK_CHECK=1)
        [ -e "$ROOT/build/forms/$form/libleakey.so" ]
        heap_is_exact "$form"
        cache_is_exact "$form"
        stacks_agree "$DIR/captures"
        recorded exceptions
        stacks_agree "$DIR/captures"
    done
}

# elsewhere LIBRARIES GCC-OPTION...: programs that run on the C library there.
elsewhere() {
    local libraries=$1 program
    shift
    PROGRAMS=$DIR/programs
    mkdir "$PROGRAMS"
    for program in heap_forms cache_commands; do
        gcc -std=gnu11 -O1 -g -pthread "$@" "$ROOT/tests/programs/$program.c" -Wl,--as-needed -lhiredis -o "$PROGRAMS/$program" \
            "-Wl,--disable-new-dtags,-rpath,$libraries,--dynamic-linker,${libraries%%:*}/ld-linux-x86-64.so.2"
    done
}

@test "on glibc 2.31, whose loader is in libdl and threads in libpthread, with libunwind and without" {
    need "$OLD" "Debian 11's C library"
    elsewhere "$OLD/lib/$MACHINE:$OLD/usr/lib/$MACHINE" --sysroot="$OLD" -B"$OLD/usr/lib/$MACHINE" -L"$OLD/usr/lib/$MACHINE"
    same_text "cache_commands needs" libhiredis.so.0.14 "$(readelf -dW "$PROGRAMS/cache_commands" | grep -o 'libhiredis[^]]*')"
    run readelf -dW "$PROGRAMS/heap_forms"
    [[ $output != *libdl* ]]
    "$PROGRAMS/heap_forms" >/dev/null || [ $? -eq 3 ]
    redis_start
    heap_is_exact "glibc 2.31"
    cache_is_exact "glibc 2.31"
    # Stacks are all libunwind's, for only glibc 2.35 finds unwind rules without a lock.
    jqr "$DIR/report.json" 'all(.captures[]; .stack_fallback | not)'
    run leakey dump --what header "$DIR"/captures/*.leakey
    [[ $output == *stacks_learned_count=0* ]]
    mkdir "$DIR/fewer"
    cp -L "$OLD/usr/lib/$MACHINE/libhiredis.so.0.14" "$DIR/fewer"
    cp -L "$OLD/lib/$MACHINE"/{libc.so.6,libpthread.so.0,libdl.so.2,ld-linux-x86-64.so.2,libgcc_s.so.1} "$DIR/fewer"
    rm -r "$PROGRAMS"
    elsewhere "$DIR/fewer" --sysroot="$OLD" -B"$OLD/usr/lib/$MACHINE" -L"$OLD/usr/lib/$MACHINE"
    heap_is_exact "glibc 2.31, no libunwind"
    jqr "$DIR/report.json" 'all(.captures[]; .stack_fallback)'
}

@test "on glibc 2.41, with hiredis of either binary interface" {
    need "$NEW" "Debian 13's hiredis"
    need "$NEW_LIBC" "Debian 13's C library"
    # Its C library alone, and this machine's for the rest.
    mkdir "$DIR/libraries"
    cp -L "$NEW_LIBC/usr/lib/$MACHINE"/{libc.so.6,ld-linux-x86-64.so.2} "$NEW/usr/lib/$MACHINE/libhiredis.so.1.1.0" "$DIR/libraries"
    elsewhere "$DIR/libraries"
    redis_start
    RUN+=(LEAKEY_STACK_CHECK=1)
    heap_is_exact "glibc 2.41"
    cache_is_exact "glibc 2.41"
    stacks_agree "$DIR/captures"
    gcc -std=gnu11 -O1 -g -pthread -isystem "$NEW/usr/include" -L"$NEW/usr/lib/$MACHINE" "$ROOT/tests/programs/cache_commands.c" \
        -lhiredis -o "$PROGRAMS/cache_commands" \
        "-Wl,--disable-new-dtags,-rpath,$DIR/libraries,--dynamic-linker,$DIR/libraries/ld-linux-x86-64.so.2"
    [[ $(readelf -dW "$PROGRAMS/cache_commands") == *libhiredis.so.1.1.0* ]]
    cache_is_exact "glibc 2.41, hiredis 1.x"
}

need_arm() {
    need "$ARM" "arm64's libraries"
    command -v aarch64-linux-gnu-gcc qemu-aarch64 >/dev/null || skip_loud "no compiler or no emulator for 64-bit ARM"
    ARM_RUN=(qemu-aarch64 -L /usr/aarch64-linux-gnu -E "LD_LIBRARY_PATH=$ARM/usr/lib/aarch64-linux-gnu:$ARM/lib/aarch64-linux-gnu")
    SHIM=$ROOT/build/aarch64/libleakey.so
    PROGRAMS=$ROOT/build/aarch64/tests
    [ -e "$SHIM" ]
}

@test "64-bit ARM, by qemu-user: the shim's unit tests" {
    local name
    need_arm
    for name in ${ARM_UNIT:-shim_ring shim_lexer}; do
        CMOCKA_MESSAGE_OUTPUT=TAP "${ARM_RUN[@]}" "$PROGRAMS/unit/$name" >"$DIR/tap" 2>&1 || {
            echo "$name:"
            cat "$DIR/tap"
            return 1
        }
        grep -q '^ok 1 ' "$DIR/tap"
    done
}

@test "64-bit ARM, by qemu-user: heap and cache are counted exactly, stacks named, and the capture is read here" {
    local mode
    need_arm
    redis_start
    RUN=("${ARM_RUN[@]}" -E "LD_PRELOAD=$SHIM")
    heap_is_exact "64-bit ARM"
    jqr "$DIR/report.json" 'any(.heap.sites[]; .stack[0].function == "all_forms" and .stack[0].line > 0)'
    cache_is_exact "64-bit ARM"
    jqr "$DIR/report.json" 'any(.leaks[]; any(.site.stack[]; .function == "look_up_missing"))'
    # RTLD_DEEPBIND makes the wrapper of dlopen do more than jump.
    for mode in local deep; do
        redis flushall >/dev/null
        recorded plugin_caches "$REDIS" $mode "$PROGRAMS/cache_plugin.so"
        same_text "a plugin, $mode" "$(jq -Sc '{hits, misses, writes}' "$DIR/truth")" \
            "$(jq -Sc '.cache | {hits, misses, writes}' "$DIR/report.json")"
        jqr "$DIR/report.json" '.cache.hits > 0'
    done
}
