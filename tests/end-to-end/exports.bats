#!/usr/bin/env bats
# The shim shows its host the interposed names and nothing else, and needs nothing but libc.
load lib

listed_names() { sed -n 's/^LK_SYMBOL([^,]*, *\([A-Za-z0-9_]*\),.*/\1/p' "$ROOT/shim/symbols.def"; }

# needs PROGRAM: the libraries that the loader would bring, without the loader itself and the kernel's vdso.
needs() { ldd "$1" | awk '{ print $1 }' | grep -vE '^(linux-vdso|/.*/ld-linux)' | sort; }

@test "the shim exports the interposed names alone" {
    [ "$(listed_names | wc -l)" -gt 30 ]
    same_text "exported names" \
        "$(listed_names | sort)" "$(nm -D --defined-only "$SHIM" | awk '{ print $3 }' | sort)"
}

@test "every interposed name stands once in symbols.def" {
    same_text "names listed twice" '' "$(listed_names | sort | uniq -d)"
}

@test "the shim needs libc alone" {
    same_text "libraries" libc.so.6 "$(needs "$SHIM")"
}

@test "the shim has a soname, no text relocations, no executable stack and immediate binding" {
    readelf --dynamic --wide "$SHIM" >"$DIR/dynamic"
    grep -q 'SONAME.*\[libleakey.so\]' "$DIR/dynamic"
    grep -q 'FLAGS.*NOW' "$DIR/dynamic"
    run ! grep -q TEXTREL "$DIR/dynamic"
    readelf --segments --wide "$SHIM" >"$DIR/segments"
    grep GNU_STACK "$DIR/segments"
    run ! grep -q 'GNU_STACK.*RWE' "$DIR/segments"
}

@test "the shim's thread-locals are initial-exec: reaching one never allocates" {
    readelf --relocs --wide "$SHIM" >"$DIR/relocations"
    run ! grep -q DTPMOD "$DIR/relocations"
    nm -D --undefined-only "$SHIM" >"$DIR/undefined"
    run ! grep -q __tls_get_addr "$DIR/undefined"
}

@test "the shim's own code calls none of the wrappers of the system's calls: its files are nobody's sockets" {
    sed -n 's/^LK_SYMBOL(LIBC, *\([A-Za-z0-9_]*\), ssize_t.*/\1/p' "$ROOT/shim/symbols.def" >"$DIR/names"
    printf '%s\n' close dup dup2 dup3 connect >>"$DIR/names"
    grep -qx write "$DIR/names"
    find "$ROOT/build/obj/shim" -name '*.o' >"$DIR/objects"
    [ "$(wc -l <"$DIR/objects")" -gt 30 ]
    while read -r object; do
        nm --undefined-only "$object" | awk '{ print $2 }' | grep -xFf "$DIR/names" | sed "s|^|${object##*/obj/}: |" || true
    done <"$DIR/objects" >"$DIR/called"
    same_text "calls" '' "$(<"$DIR/called")"
}
