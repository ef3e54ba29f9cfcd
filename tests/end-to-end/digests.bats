#!/usr/bin/env bats
# Digests: the input behind a key, for every form of digest function and every way of writing its output into a key.

load lib

@test "for every digest form and encoding the key leads back to its whole input, once for each use" {
    redis_start
    with_shim "$ROOT/build/tests/digest_forms" "$REDIS" >"$DIR/truth.json"
    "$ROOT/build/tests/digest_forms" "$REDIS" >"$DIR/plain.json"
    cmp "$DIR/truth.json" "$DIR/plain.json"
    [ "$(jq length "$DIR/truth.json")" -ge 350 ]
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

# The name that a UUID is made of begins with bytes that are no text.
known_text() { jq -c 'if .[2] | startswith("question") then . else .[:2] end'; }

@test "python's hashlib and xxhash: digests of pieces and copies, in every spelling, lead back to their inputs" {
    redis_start
    cat >"$DIR/keys.py" <<'PYTHON'
import base64, ctypes, hashlib, json, sys, uuid
import xxhash

hiredis = ctypes.CDLL('libhiredis.so.0.14')
hiredis.redisConnectUnix.restype = hiredis.redisCommandArgv.restype = ctypes.c_void_p
hiredis.redisCommandArgv.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
hiredis.freeReplyObject.argtypes = [ctypes.c_void_p]
context = hiredis.redisConnectUnix(sys.argv[1].encode())


def get(key):
    words = (ctypes.c_char_p * 2)(b'GET', key)
    hiredis.freeReplyObject(hiredis.redisCommandArgv(context, 2, words, (ctypes.c_size_t * 2)(3, len(key))))


def in_pieces(name, text):
    state = hashlib.new(name)
    for at in range(0, len(text), 11):
        state.update(text[at:at + 11])
        state.hexdigest()  # of a copy
    return state.copy()


number = 0
truth = []


def use(spell, digest):
    global number
    number += 1
    text = b'question %d of python, told at length: ' % number + b'x' * (number * 7 % 300)
    key = spell(digest(text))
    get(key)
    truth.append((key, text))


for name in ('md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512', 'sha3_256'):
    for digest in (lambda text: in_pieces(name, text), lambda text: hashlib.new(name, text)):
        use(lambda d: b'llm:' + d.hexdigest().encode(), digest)
        use(lambda d: b'LLM:' + d.hexdigest().upper().encode() + b':en', digest)
        use(lambda d: b'short:' + d.hexdigest()[:12].encode(), digest)
        use(lambda d: b'b64:' + base64.b64encode(d.digest()), digest)
        use(lambda d: b'url-' + base64.urlsafe_b64encode(d.digest()), digest)
        use(lambda d: b'url-' + base64.urlsafe_b64encode(d.digest()).rstrip(b'=') + b'/v2', digest)
        use(lambda d: b'raw:' + d.digest(), digest)
        use(lambda d: b'%d' % int.from_bytes(d.digest()[:8], 'big'), digest)
        use(lambda d: b'n:%d:x' % int.from_bytes(d.digest()[:8], 'little', signed=True), digest)
        use(lambda d: b'whole:%d' % int(d.hexdigest(), 16), digest)
for digest in (xxhash.xxh32, xxhash.xxh64, xxhash.xxh3_64, xxhash.xxh3_128):
    use(lambda d: b'xx:' + d.hexdigest().encode(), digest)
    use(lambda d: b'xx:%d' % d.intdigest(), digest)
    use(lambda d: b'xx:' + d.digest(), digest)
for once in (xxhash.xxh64_hexdigest, xxhash.xxh3_128_hexdigest):
    use(lambda d: d.encode(), once)
for text in ('one name', 'another name'):
    get(b'doc:%s' % str(uuid.uuid5(uuid.NAMESPACE_URL, text)).encode())
    truth.append((b'doc:%s' % str(uuid.uuid5(uuid.NAMESPACE_URL, text)).encode(),
                  uuid.NAMESPACE_URL.bytes + text.encode()))
print(json.dumps([['0x' + xxhash.xxh3_64_hexdigest(key), len(text), text.decode('latin-1')] for key, text in truth]))
PYTHON
    with_shim /usr/bin/python3 "$DIR/keys.py" "$REDIS" >"$DIR/truth.json"
    [ "$(jq length "$DIR/truth.json")" -eq 156 ]
    leakey dump --what events --format json "$DIR"/captures/*.leakey |
        jq -c 'select(.event == "input") | [.key_hash, .input_bytes, .input]' | known_text | sort >"$DIR/seen"
    jq -c '.[]' "$DIR/truth.json" | known_text | sort >"$DIR/expected"
    same_text "inputs" "$(<"$DIR/expected")" "$(<"$DIR/seen")"
}
