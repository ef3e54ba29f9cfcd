#!/usr/bin/env bats
# The fault matrix: in whose company the shim is loaded, and by what.

load lib
load matrix

# A program that allocates, leaks 40 bytes a hundred times and prints a line; it ends with status 5.
company_program() { # NAME COMPILER [FLAG...]
    local name=$1 compiler=$2
    shift 2
    cat >"$DIR/company.c" <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
void *volatile kept;
int main(void) {
    for (int i = 0; i < 100; i++) {
        char *block = malloc(40);
        memset(block, i, 40);
        kept = block;
        free(realloc(calloc(i + 1, 30), 5000));
    }
    puts("company");
    return 5;
}
END
    "$compiler" -O1 -g "$DIR/company.c" -o "$DIR/$name" "$@"
}

# Nothing is recorded, and nothing is said.
row_left_alone() {
    row "$@" || return
    [ -z "$(find "$DIR/4K.captures" "$DIR/all.captures" -name "$(basename "${!#}").*")" ] || {
        echo "$*: there is a capture"
        return 1
    }
}

@test "beside a preload that wraps malloc, free, read and write itself, in front of it or behind" {
    local other="$ROOT/build/tests/other_preload.so"
    redis_start
    export OTHER_PRELOAD_SAYS=1
    company_program company gcc
    ROW_BEFORE=$other row "$DIR/company"
    grep -qx 'the other preload was there' "$DIR/all.err"
    ROW_PRELOAD=$other row "$DIR/company"
    grep -qx 'the other preload was there' "$DIR/all.err"
    ROW_BEFORE=$other row "$ROOT/build/tests/kept_errno" "$REDIS"
    row_counts all '.cache.commands.GET > 0'
}

@test "beside libfaketime, in front of it or behind" {
    local faketime=/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1
    redis_start
    export FAKETIME='2001-02-03 04:05:06'
    ROW_BEFORE=$faketime row date +%Y
    [ "$(<"$DIR/all.out")" = 2001 ]
    ROW_PRELOAD=$faketime row date +%Y
    [ "$(<"$DIR/all.out")" = 2001 ]
    # An answer is what it is in an empty database: every run begins with one.
    local emptied='LD_PRELOAD="" redis-cli -s "$REDIS" flushall >/dev/null; exec "$0" "$REDIS"'
    ROW_BEFORE=$faketime row sh -c "$emptied" "$ROOT/build/tests/cache_commands"
    row_counts all '.cache.commands.GET > 0'
    ROW_PRELOAD=$faketime row sh -c "$emptied" "$ROOT/build/tests/cache_commands"
    row_counts all '.cache.commands.GET > 0'
    ROW_BEFORE=$faketime row "$ROOT/build/tests/kept_errno" "$REDIS"
    ROW_PRELOAD=$faketime row "$ROOT/build/tests/kept_errno" "$REDIS"
    row_counts all '.cache.commands.GET > 0'
}

@test "beside heaptrack, in front of it or behind" {
    local heaptrack=/usr/lib/heaptrack/libheaptrack_preload.so
    export DUMP_HEAPTRACK_OUTPUT=heaptrack.out
    for order in ROW_BEFORE ROW_PRELOAD; do
        declare -x "$order=$heaptrack"
        row "$ROOT/build/tests/two_sites"
        grep -q '^+' "$DIR/plain/heaptrack.out"
        grep -q '^+' "$DIR/all/heaptrack.out"
        unset "$order"
    done
    row_counts all '.heap.allocated_count > 1000'
}

@test "preloaded twice" {
    ln -s "$SHIM" "$DIR/again.so"
    cp "$SHIM" "$DIR/copy.so"
    company_program company gcc
    ROW_SAME='/^ERROR/d' row "$DIR/company"
    for twice in "$SHIM:$DIR/again.so" "$SHIM:$SHIM" "$SHIM:$DIR/copy.so"; do
        rm -rf "$DIR/captures" && mkdir "$DIR/captures"
        run --separate-stderr env LD_PRELOAD="$twice" LEAKEY_SAMPLE=all LEAKEY_OUTPUT="$DIR/captures" "$DIR/company"
        [ "$status" -eq 5 ]
        [ "$output" = company ]
        # shellcheck disable=SC2154  # set by run
        [ -z "$stderr" ]
        row_captures "$DIR/captures"
        leakey report --format json -o "$DIR/twice.json" "$DIR/captures/"company.*[0-9].leakey
        jqr "$DIR/twice.json" 'any(.heap.sites[]; .live_count == 100 and any(.stack[]; .function == "main"))'
    done
}

@test "secure execution: set-user-id, set-group-id, file capabilities: no file, nothing read from the environment" {
    local program
    [ "$(id -u)" -eq 0 ] || skip_loud "only root makes such programs"
    company_program company gcc
    cp "$DIR/company" "$DIR/suid" && chown nobody "$DIR/suid" && chmod 4755 "$DIR/suid"
    cp "$DIR/company" "$DIR/sgid" && chgrp nogroup "$DIR/sgid" && chmod 2755 "$DIR/sgid"
    cp "$DIR/company" "$DIR/capable" && setcap cap_net_raw+ep "$DIR/capable"
    chmod 755 "$DIR"
    for program in suid sgid capable; do
        ROW_SAME='/^ERROR: ld.so: object .* from LD_PRELOAD cannot be preloaded/d' \
            row_left_alone setpriv --reuid=daemon --regid=daemon --clear-groups "$DIR/$program"
        [ "$ROW_STATUS" -eq 5 ]
    done
}

@test "static programs, Go programs with and without C, and musl's" {
    company_program static gcc -static
    row_left_alone "$DIR/static"
    company_program static-pie gcc -static-pie
    row_left_alone "$DIR/static-pie"
    company_program musl musl-gcc
    # musl loads what it is told to, and what the shim needs of glibc is not there: it says so itself, and does not run.
    for sample in 4K all; do
        run -127 env LD_PRELOAD="$SHIM" LEAKEY_SAMPLE=$sample LEAKEY_OUTPUT="$DIR/captures" "$DIR/musl"
        [[ $output == *"Error relocating"* ]]
    done
    run --separate-stderr leakey record -o "$DIR" -- "$DIR/musl"
    [ "$status" -eq 2 ]
    [[ $stderr == "leakey: "*musl* ]]
    cat >"$DIR/pure.go" <<'END'
package main

import "fmt"

func main() { fmt.Println(len(make([]byte, 1<<20))) }
END
    cat >"$DIR/mixed.go" <<'END'
package main

// #include <stdlib.h>
import "C"
import "fmt"

func main() {
	for i := 0; i < 1000; i++ {
		done := make(chan bool)
		go func() { C.free(C.malloc(100)); done <- true }()
		<-done
	}
	C.malloc(77)
	fmt.Println("mixed")
}
END
    export HOME="$DIR" GOCACHE="${GOCACHE:-$ROOT/build/go-cache}" GO111MODULE=off
    CGO_ENABLED=0 go build -o "$DIR/pure" "$DIR/pure.go"
    CGO_ENABLED=1 go build -o "$DIR/mixed" "$DIR/mixed.go"
    row_left_alone "$DIR/pure"
    row "$DIR/mixed"
    row_counts all '.heap.allocated_count >= 1001'
}

@test "LD_BIND_NOW, LD_AUDIT, and a host whose libraries were linked -Bsymbolic" {
    company_program company gcc -Wl,-z,lazy
    LD_BIND_NOW=1 row "$DIR/company"
    row_counts all 'any(.heap.sites[]; .live_count == 100 and any(.stack[]; .function == "main"))'
    LD_AUDIT=$ROOT/build/tests/auditor.so row "$DIR/company"
    row_counts all 'any(.heap.sites[]; .live_count == 100 and any(.stack[]; .function == "main"))'
    company_program symbolic gcc -Wl,-Bsymbolic -pie
    row "$DIR/symbolic"
    row_counts all 'any(.heap.sites[]; .live_count == 100 and any(.stack[]; .function == "main"))'
}

@test "MALLOC_PERTURB_, MALLOC_CHECK_ and tunables of glibc" {
    company_program company gcc
    MALLOC_PERTURB_=165 row "$DIR/company"
    MALLOC_CHECK_=3 row "$DIR/company"
    LD_PRELOAD='' MALLOC_CHECK_=3 ROW_PRELOAD=libc_malloc_debug.so.0 row "$DIR/company"
    row_counts all 'any(.heap.sites[]; .live_count == 100 and any(.stack[]; .function == "main"))'
    for tunable in glibc.malloc.arena_max=1 glibc.malloc.tcache_count=0 glibc.malloc.hugetlb=1 \
        glibc.malloc.mmap_threshold=4096 glibc.rtld.optional_static_tls=0; do
        GLIBC_TUNABLES=$tunable row "$DIR/company"
        row_counts all 'any(.heap.sites[]; .live_count == 100 and any(.stack[]; .function == "main"))'
    done
}

@test "programs that nobody changed: shells, interpreters, compilers, git, make, curl, ssh-keygen" {
    printf 'int main(void) { return 0; }\n' >"$DIR/empty.c"
    printf 'all:\n\t@echo made\n' >"$DIR/Makefile"
    git init -q "$DIR/repo"
    row ls -l /usr
    row ls /nonexistent
    row python3 -c 1
    row python3 -c 'import json, hashlib; print(hashlib.sha256(b"x").hexdigest())'
    row /usr/bin/python3 -c 'import json, hashlib; print(hashlib.sha256(b"x").hexdigest())'
    row perl -e 'print join(",", map { $_ * 2 } 1..100)'
    row php -r 'echo md5("x"), count(range(1, 1000)), "\n";'
    row node -e 'console.log(require("crypto").createHash("md5").update("x").digest("hex"))'
    row git -C "$DIR/repo" status
    row gcc -c "$DIR/empty.c" -o empty.o
    row make -s -C "$DIR"
    row sort /etc/services
    row curl -sS file:///etc/hostname
    row sh -c 'ssh-keygen -q -t ed25519 -N "" -f key && ssh-keygen -y -f key | wc -w'
    row sh -c 'kill -SEGV $$'
    row bash -c 'for i in 1 2 3; do (exit $i); echo $?; done | cat; exec ls /nonexistent'
}

@test "sanitizer builds: address, thread, leak, undefined; gcc and clang; their runtime static and dynamic" {
    local kind
    ROW_SAME='s/==[0-9]+==/==PID==/; s/(pid |tid=)[0-9]+|0x[0-9a-f]+|[Tt]hread T[0-9]+|\([0-9]+\)/N/g'
    ROW_SAME+='; /runtime does not come first|ASan runtime/d'
    export ROW_SAME
    for kind in "gcc address -static-libasan" "gcc thread -static-libtsan" "gcc thread" "gcc leak -static-liblsan" \
        "clang address" "clang thread" "clang leak" "clang memory"; do
        # shellcheck disable=SC2086 # words
        set -- $kind
        command -v "$1" >/dev/null || {
            echo "# NOT TRIED: $kind: there is no $1 here" >&3
            continue
        }
        company_program "$1-$2" "$1" "-fsanitize=$2" ${3:+"$3"}
        row_left_alone "$DIR/$1-$2"
        [ "$ROW_STATUS" -ne 0 ]
    done
    # ASan itself refuses a program whose shared runtime does not come first: then it is put there.
    company_program asan-shared gcc -fsanitize=address
    ROW_BEFORE=$(gcc -print-file-name=libasan.so) row_left_alone "$DIR/asan-shared"
    # This one has no heap of its own: it is recorded.
    company_program undefined gcc -fsanitize=undefined
    row "$DIR/undefined"
    row_counts all 'any(.heap.sites[]; .live_count == 100 and any(.stack[]; .function == "main"))'
}

@test "under valgrind, gdb and strace -f" {
    company_program company gcc
    export ROW_SAME='s/==[0-9]+==/==PID==/; s/[0-9][0-9,]* (bytes|allocs|frees|blocks|from)//g; s/0x[0-9A-F]+//g'
    ROW_SAME+='; /^[0-9]+ (mmap|brk|munmap)/d; s/^\[?(pid +)?[0-9]+\]? *//'
    row sh -c 'gdb -q -batch -nx -ex run "$0" | grep -o "company\|exited with code 05"' "$DIR/company"
    grep -q 'exited with code 05' "$DIR/all.out"
    row strace -f -qq -e trace=exit_group -o trace "$DIR/company"
    grep -q 'exit_group(5)' "$DIR/all/trace"
    # What valgrind says of the shim itself goes to a file: it does not know the way a page is asked about.
    ROW_SECONDS=120 row valgrind -q --leak-check=no --log-file=said "$DIR/company"
    [ "$ROW_STATUS" -eq 5 ]
}
