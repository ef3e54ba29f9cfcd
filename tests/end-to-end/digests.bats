#!/usr/bin/env bats
# Digests: the input behind a key, for every form of digest function and every way of writing its output into a key.

load lib

@test "for every digest form and encoding the key leads back to its whole input, once for each use" {
    redis_start
    with_shim "$ROOT/build/tests/digest_forms" "$REDIS" >"$DIR/truth.json"
    "$ROOT/build/tests/digest_forms" "$REDIS" >"$DIR/plain.json"
    cmp "$DIR/truth.json" "$DIR/plain.json"
    [ "$(jq length "$DIR/truth.json")" -ge 90 ]
    leakey dump --what events --format json "$DIR"/captures/*.leakey |
        jq -c 'select(.event == "input") | [.key_hash, .input_bytes, .input]' | sort >"$DIR/seen"
    # Each key is read and written: two uses.
    jq -c '.[] | ["0x" + .key_hash, .input_bytes, .input[:4096]] | ., .' "$DIR/truth.json" | sort >"$DIR/expected"
    cmp "$DIR/expected" "$DIR/seen"
}

@test "with hashed keys each digest is recognised and no text of an input is stored" {
    redis_start
    LEAKEY_KEYS="hash" with_shim "$ROOT/build/tests/digest_forms" "$REDIS" >"$DIR/truth.json"
    leakey dump --what events --format json "$DIR"/captures/*.leakey >"$DIR/events"
    [ "$(grep -c '"event":"input"' "$DIR/events")" -eq $((2 * $(jq length "$DIR/truth.json"))) ]
    run grep -caF request "$DIR"/captures/*.leakey
    [ "$output" -eq 0 ]
}

@test "a process that digests and talks to no cache leaves no file" {
    LEAKEY_HEAP=off with_shim /usr/bin/python3 -c 'import hashlib; print(hashlib.sha256(b"x" * 1000000).hexdigest())'
    [ -z "$(ls -A "$DIR/captures")" ]
}
