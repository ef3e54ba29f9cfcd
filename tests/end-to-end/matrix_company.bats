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
