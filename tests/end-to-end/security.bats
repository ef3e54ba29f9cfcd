#!/usr/bin/env bats
# What somebody who means no good can do: with names in a directory, with a capture's bytes, with keys, prompts and
# names in them, with requests to `serve`; and what a capture tells of secrets. (Requests that mean no good: serve.bats.)

load lib

# as_nobody COMMAND...
as_nobody() { setpriv --reuid=nobody --regid=nogroup --clear-groups -- "$@"; }

# planted DIR WAY...: runs a program whose capture's first name is taken in some WAY: a command that makes $NAME. The
# pid of the shell that execs it is known before.
planted() {
    local directory=$1
    shift
    sh -c 'NAME=$1/leak_steady.$$.leakey; export NAME; eval "$2" && echo $$ >"$1.pid" &&
        exec env LEAKEY_SAMPLE=4K LEAKEY_OUTPUT="$1" LD_PRELOAD="$3" "$4" 20' \
        sh "$directory" "$*" "$SHIM" "$ROOT/build/tests/leak_steady" >"$directory.out" 2>"$directory.err"
    CAPTURE=$directory/leak_steady.$(<"$directory.pid").2.leakey
}

# --- captures as files

@test "a name that somebody else has planted is not followed: the next number is taken" {
    mkdir -m 1777 "$DIR/tmp"
    chmod 755 "$DIR"
    echo precious >"$DIR/victim"
    chmod 666 "$DIR/victim"
    ways=('as_user ln -s "$VICTIM" "$NAME"' 'as_user ln -s "$VICTIM.missing" "$NAME"' 'as_user mkfifo "$NAME"'
        'as_user mkdir "$NAME"' 'ln "$VICTIM" "$NAME"')
    export VICTIM=$DIR/victim
    for i in "${!ways[@]}"; do
        planted "$DIR/tmp" "as_user() { setpriv --reuid=nobody --regid=nogroup --clear-groups -- \"\$@\"; }; ${ways[i]}"
        [ -f "$CAPTURE" ] && [ "$(stat -c '%a %U %h' "$CAPTURE")" = "600 $(id -un) 1" ] || {
            echo "${ways[i]}: $(ls -l "$DIR/tmp")"
            return 1
        }
        [ ! -s "$DIR/tmp.err" ]
        leakey check "$CAPTURE" | grep -q ': whole$'
    done
    [ "$(<"$DIR/victim")" = precious ]
    [ ! -e "$DIR/victim.missing" ]
}

@test "somebody else's directory: one line where nothing can be written, and the program runs on" {
    chmod 755 "$DIR"
    mkdir -m 755 "$DIR/roots"
    run -0 --separate-stderr as_nobody env LEAKEY_SAMPLE=4K LEAKEY_OUTPUT="$DIR/roots" LD_PRELOAD="$SHIM" \
        "$ROOT/build/tests/secure_execution" libleakey.so
    [ "$output" = 'secure 0, loaded 1' ]
    # shellcheck disable=SC2154 # run sets it
    [ "$stderr" = 'leakey: nothing is recorded: permission denied' ]
    # Root may write into nobody's directory; what nobody puts in the place of the file is left alone.
    mkdir -m 755 "$DIR/nobodys"
    chown nobody "$DIR/nobodys"
    echo precious >"$DIR/victim"
    LEAKEY_OUTPUT=$DIR/nobodys LEAKEY_SAMPLE=4K start_with_shim service "$ROOT/build/tests/leak_steady" 100000
    wait_until 20 compgen -G "$DIR/nobodys/*.leakey"
    capture=$(echo "$DIR"/nobodys/*.leakey)
    as_nobody mv "$capture" "$capture.away"
    as_nobody ln -s "$DIR/victim" "$capture"
    stop service
    [ "$(<"$DIR/victim")" = precious ]
    leakey check "$capture.away" | grep -q ': whole$'
}

@test "a set-user-ID program reads nothing of the environment, even where the loader lets the shim in" {
    chmod 755 "$DIR"
    cp "$ROOT/build/tests/secure_execution" "$DIR/raised"
    mkdir -m 777 "$DIR/out"
    run_it() { # LIBRARY
        as_nobody env LEAKEY_SAMPLE=all LEAKEY_OUTPUT="$DIR/out" LEAKEY_STACK_CHECK=1 LEAKEY_KEYS=nonsense \
            LD_PRELOAD="$1" "$DIR/raised" libleakey
    }
    # Without the bit it records, so that the test can fail.
    run -0 run_it "$SHIM"
    [[ $output == *'secure 0, loaded 1'* ]]
    [ -n "$(ls "$DIR/out")" ]
    rm "$DIR"/out/*
    chmod u+s "$DIR/raised"
    run -0 run_it "$SHIM"
    [[ $output == *'secure 1, loaded 0'* ]] || skip_loud "no set-user-ID programs in $DIR: $output"
    # A preload without a slash, from the loader's own directory, with the bit: glibc takes it.
    trusted=$(dirname "$(readlink -f "$(ldconfig -p | awk '$1 == "libc.so.6" && /x86-64/ { print $NF; exit }')")")
    library=libleakey-test-$$.so
    cp "$SHIM" "$trusted/$library"
    chmod u+s "$trusted/$library"
    run run_it "$library"
    rm -f "$trusted/$library"
    [ "$status" -eq 0 ]
    [ "$output" = 'secure 1, loaded 1' ]
    [ -z "$(ls -A "$DIR/out")" ]
}

# --- what a capture tells

# The texts of these kinds that the captures in DIRECTORY hold, in any case of letters.
texts_in() { # DIRECTORY KIND...
    local directory=$1 text
    shift
    grep -E "^($(IFS='|' && echo "$*")) " "$DIR/truth" | cut -d' ' -f2- | while IFS= read -r text; do
        if cat "$directory"/*.leakey | grep -qaiF -- "$text"; then echo "$text"; fi
    done
}

@test "with hashed keys no key, prompt, value, password, script or argument is in a capture; in text mode no value and no password" {
    redis_start
    redis config set requirepass sesamsecret
    for keys in text hash; do
        LEAKEY_HEAP=off LEAKEY_KEYS=$keys LEAKEY_OUTPUT=$DIR/$keys with_shim \
            "$ROOT/build/tests/planted_secrets" "$REDIS" --password=argumentsecret >"$DIR/truth"
        redis-cli -s "$REDIS" -a sesamsecret --no-auth-warning flushall >/dev/null
    done
    echo 'argument argumentsecret' >>"$DIR/truth"
    [ "$(grep -c . "$DIR/truth")" -gt 30 ]
    same_text "in a capture with hashed keys" '' "$(texts_in "$DIR/hash" '[a-mo-z][a-z]*')"
    same_text "in a capture in text mode" '' "$(texts_in "$DIR/text" value secret other)"
    # What is searched for can be found.
    same_text "keys and prompts" "$(grep -cE '^(key|prompt|verb|argument) ' "$DIR/truth")" \
        "$(texts_in "$DIR/text" key prompt verb argument | wc -l)"
    # And the capture is of use: templates told apart, each in one piece.
    leakey report --format json -o "$DIR/hash.json" "$DIR/hash"
    jqr "$DIR/hash.json" '[.cache.templates[].template] | length > 8 and any(test("^[a-z]+:<sha256>$")) and
        any(test("^<word-[0-9a-f]{8}>:<version-[0-9a-f]{8}>:<word-[0-9a-f]{8}>$")) and any(test("^[a-z]+:<number>$"))'
    jqr "$DIR/hash.json" '.captures[0].process.command | length == 1 and (.[0] | endswith("planted_secrets"))'
    leakey report --format json -o "$DIR/text.json" "$DIR/text"
    jqr "$DIR/hash.json" '.cache | [.reads, .hits, .writes, .distinct_keys, .written_bytes] == $text[0]' \
        --slurpfile text <(jq '.cache | [.reads, .hits, .writes, .distinct_keys, .written_bytes]' "$DIR/text.json")
}

@test "with hashed keys no client's keys are in its capture: asynchronous, pipelined, in pieces, redis-py" {
    redis_start
    hashed() { LEAKEY_KEYS="hash" LEAKEY_HEAP=off with_shim "$@" >/dev/null; }
    hashed "$ROOT/build/tests/cache_commands" "$REDIS"
    hashed "$ROOT/build/tests/async_commands" "$REDIS"
    hashed "$ROOT/build/tests/trace_commands" "$REDIS" a
    cat >"$DIR/client.py" <<'END'
import redis, sys
r = redis.Redis(unix_socket_path=sys.argv[1], client_name="pythonclientname")
p = r.pipeline()
for i in range(50):
    r.get("pythonword:%d" % i)
    p.set("pythonpipe:%d" % i, "pythonvalue%d" % i)
p.execute()
r.hset("pythonhash", "pythonfield", "pythonfieldvalue")
END
    hashed /usr/bin/python3 "$DIR/client.py" "$REDIS"
    # A namespace may be there ("pythonword:"), in front of what varies.
    redis keys '*' | sed -E 's/^[a-z_]+[:\/|]//' | grep -oE '[[:alpha:]]{5,}' | sort -u >"$DIR/words"
    printf '%s\n' pythonclientname pythonvalue pythonfield >>"$DIR/words"
    # Their words, where no path or name of a function has them too.
    for capture in "$DIR"/captures/*.leakey; do
        leakey dump --what modules --format json "$capture" | jq -r '.path // empty' >>"$DIR/paths"
        leakey dump --what header --format json "$capture" | jq -r '[.. | strings] | .[]' >>"$DIR/paths"
    done
    while read -r word; do
        ! grep -qiF "$word" "$DIR/paths" || continue
        echo "$word"
    done <"$DIR/words" >"$DIR/searched"
    [ "$(wc -l <"$DIR/searched")" -gt 5 ]
    run grep -lcaiF -f "$DIR/searched" "$DIR"/captures/*.leakey
    [ "$status" -eq 1 ] || { grep -oaiF -f "$DIR/searched" "$DIR"/captures/*.leakey | sort | uniq -c && return 1; }
}

# --- what a capture's texts can do

# harmless FILE...: no control character of either set but tabs and new lines, nothing that reorders or hides text.
harmless() {
    local file
    for file in "$@"; do
        [ -s "$file" ] || { echo "$file is empty"; return 1; }
        iconv -f UTF-8 -t UTF-8 "$file" >/dev/null || { echo "$file is no UTF-8"; return 1; }
        ! LC_ALL=C.UTF-8 grep -nP '[\x00-\x08\x0b-\x1f\x7f\x{80}-\x{9f}\x{200b}-\x{200f}\x{2028}-\x{202e}\x{2060}-\x{206f}\x{feff}]' "$file" || {
            echo "above: in $file"
            return 1
        }
    done
}

hostile_service() {
    redis_start
    cat >"$DIR/client.py" <<'END'
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
def ask(*words):
    s.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
    s.recv(10000)
bad = [b"\x1b[31mred\x1b]0;title\x07\x1b]52;c;aGk=\x07\x1b]8;;http://x\x07", "c1\x9b31m\x85\x90".encode(),
    "bidi\u202eevil\u2066x\u200b\ufeff\u2028".encode(), b"</script><script>alert(1)</script>", b"<img src=x onerror=alert(1)>",
    b"=1+1", b"+1", b"-1", b"@SUM(A1)", b"\t=1", b"\r=1", b"a\nfake.c:1: error: fake [any]", b"![x](http://x) @user #1 `a`|b|",
    b"' OR 1=1; DROP TABLE x; --", b"\\' \\\\", b"nul\x00nul", b"\xff\xfe\xc3", b'quote"quote', b"{\"ts\":1, \"q\": \"\x1b[2J\"}",
    b"=" * 5000, b"%s%n%d"]
for round in range(3):
    for number, key in enumerate(bad):
        page = b"page%c:" % (97 + number) # each in a template of its own, whose evidence shows it
        ask(b"GET", key)
        ask(b"GET", b"a:" + key)
        ask(b"SET", b"b:" + key, b"x" * 100)
        for i in range(8):
            ask(b"GET", page + key + b":ts=%d" % (1700000000 + round * 100 + i))
            ask(b"SET", page + key + b":ts=%d" % (1700000000 + round * 100 + i), b"the same value for all of these, of 64 bytes and more than that" + key)
print("ready", flush=True)
time.sleep(float(sys.argv[2]))
END
}

@test "texts in keys do nothing to a terminal, a page, a table, a database or a tool, in any format" {
    hostile_service
    LEAKEY_SAMPLE=16K with_shim /usr/bin/python3 "$DIR/client.py" "$REDIS" 0 >/dev/null
    cd "$DIR"
    for format in text json markdown sarif gcc; do
        leakey report --format $format captures >"report.$format"
    done
    leakey compare captures captures >compare.text
    leakey compare --format json captures captures >compare.json
    leakey compare --format markdown captures captures >compare.markdown
    leakey what-if --normalise all captures >what-if.text
    leakey what-if --format json --normalise all captures >what-if.json
    for capture in captures/*.leakey; do
        leakey dump --what events "$capture" >>dump.text
        leakey dump --what events --format json "$capture" >>dump.json
    done
    leakey check captures >check.text
    for to in collapsed csv openmetrics speedscope; do
        leakey export --to $to captures >"export.$to" 2>/dev/null
    done
    leakey export --to csv --keys text captures >export.keys
    # They are there to be shown.
    for word in red alert evil 'img src' SUM fake DROP nul; do
        for file in dump.text dump.json export.keys; do
            grep -qF "$word" $file || { echo "no $word in $file" && return 1; }
        done
    done
    grep -qF 'alert(' report.json
    grep -q 'page.:' report.text
    grep -q 'page.:' report.markdown
    harmless report.* compare.* what-if.* dump.* check.text export.*
    jq -e . report.json report.sarif compare.json what-if.json dump.json export.speedscope >/dev/null
    # A problem matcher sees findings, and no line that a key made up.
    ! grep -vE '^[^:]+(:[0-9]+)?: (error|warning|note): .* \[[a-z-]+\]$' report.gcc || false
    ! grep -q '^fake.c' report.gcc || false
    # A spreadsheet sees no formula: in any field, after an optional quote.
    [ "$(wc -l <export.keys)" -gt 100 ]
    ! grep -nE '(^|,)"?[=+@-]' export.keys || false
    python3 - <<'END'
import csv
rows = list(csv.reader(open("export.keys", newline="")))
assert all(len(row) == 7 for row in rows), [row for row in rows if len(row) != 7][:3]
assert any(row[1].startswith("'=") for row in rows) and any(row[1].startswith("'@") for row in rows)
END
    cmark-gfm -e table -e autolink -e strikethrough report.markdown >markdown.html
    ! grep -iE '<(script|img|a |del)' markdown.html || false
    promtool check metrics <export.openmetrics || leakey export --to openmetrics captures | tail -n 1 | grep -qx '# EOF'
}

@test "texts in keys are data in the databases, and the page holds no element of theirs" {
    hostile_service
    LEAKEY_HEAP=off with_shim /usr/bin/python3 "$DIR/client.py" "$REDIS" 0 >/dev/null
    leakey export --to sqlite -o "$DIR/service.db" "$DIR/captures"
    [ "$(sqlite3 "$DIR/service.db" 'PRAGMA integrity_check')" = ok ]
    leakey report --format json -o "$DIR/report.json" "$DIR/captures"
    templates=$(jq '.cache.templates | length' "$DIR/report.json")
    [ "$(sqlite3 "$DIR/service.db" 'SELECT count(DISTINCT template) FROM causes_by_template')" -ge 1 ]
    [ "$templates" -gt 5 ]
    # The statements of the other one end where they should: outside of literals there is no word of a key.
    leakey export --to clickhouse "$DIR/captures" >"$DIR/clickhouse.sql"
    harmless "$DIR/clickhouse.sql"
    python3 - "$DIR/clickhouse.sql" <<'END'
import re, sys
text = open(sys.argv[1], encoding="utf-8").read()
rest = re.sub(r"--[^\n]*", "", re.sub(r"'(?:[^'\\]|\\.|'')*'", "S", text))
assert "'" not in rest, rest[:200]
assert "DROP TABLE x" not in rest and "alert" not in rest
END
    if leakey report --format html -o "$DIR/report.html" "$DIR/captures" 2>"$DIR/html.err"; then
        grep -qF 'alert(' "$DIR/report.html"
        ! grep -q '<script>alert\|<img src=x\|</script><script>' "$DIR/report.html" || false
        ! LC_ALL=C.UTF-8 grep -qP '\x{2028}|\x{2029}' <(grep -F 'alert(' "$DIR/report.html") || false
    else
        grep -q 'npm' "$DIR/html.err" && skip_loud "no page in this build"
    fi
}

@test "texts in keys do nothing to the terminal that leakey top runs in, nor in its one picture" {
    hostile_service
    LEAKEY_SAMPLE=16K start_with_shim service python3 "$DIR/client.py" "$REDIS" 60
    wait_until 20 grep -q ready "$DIR/service.log"
    leakey top --once "$STARTED" >"$DIR/once"
    harmless "$DIR/once"
}

@test "names of files and options are shown, and do nothing to the terminal" {
    name=$'evil\e[31m\e]0;t\a\u202e\xff.leakey'
    printf 'not a capture' >"$DIR/$name"
    for command in "report $DIR/" "check $DIR/" "dump $DIR/" "what-if $DIR/" "top --once $DIR/" "export --to csv $DIR/"; do
        # shellcheck disable=SC2086 # words
        run leakey ${command% *} "${command##* }$name"
        printf '%s\n' "$output" >>"$DIR/said"
    done
    run leakey report "$DIR"
    printf '%s\n' "$output" >>"$DIR/said"
    for option in --format= --fail-on= --to= --normalise= --listen= --nothing-; do
        for command in report export what-if serve; do
            run -2 leakey $command "$option$name" "$DIR"
            printf '%s\n' "$output" >>"$DIR/said"
        done
    done
    run leakey "$name"
    printf '%s\n' "$output" >>"$DIR/said"
    harmless "$DIR/said"
    grep -q 'evil' "$DIR/said"
}

# --- what a path can be

@test "a FIFO, a device, a directory, a socket or a loop of links in a capture's place: a message at once" {
    mkdir "$DIR/set" "$DIR/directory.leakey"
    mkfifo "$DIR/fifo.leakey"
    ln -s loop.leakey "$DIR/loop.leakey"
    ln -s /dev/zero "$DIR/zero.leakey"
    ln -s /dev/stdin "$DIR/stdin.leakey"
    ln -s . "$DIR/set/here.leakey"
    ln -s ../set "$DIR/set/set"
    python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$DIR/socket.leakey"
    for path in "$DIR"/*.leakey /dev/zero /proc/self/mem /proc/kmsg "$DIR/set"; do
        for command in report check dump 'top --once' 'export --to csv' what-if; do
            # shellcheck disable=SC2086 # words
            run timeout 20 "${LEAKEY:-$ROOT/build/leakey}" $command "$path" </dev/null
            [ "$status" -eq 2 ] && [[ $output == 'leakey: '* ]] || {
                echo "$command $path: $status $output"
                return 1
            }
        done
    done
    # In a set the others are passed over.
    LEAKEY_SAMPLE=4K LEAKEY_OUTPUT=$DIR with_shim "$ROOT/build/tests/leak_steady" 20
    leakey report "$DIR" >"$DIR/report"
    [ "$(grep -c 'left out' "$DIR/report")" -ge 1 ]
}

@test "paths of modules that a capture names are looked at, and nothing but a regular file is opened" {
    LEAKEY_SAMPLE=4K with_shim "$ROOT/build/tests/leak_steady" 20
    mkfifo "$DIR/fifo"
    truncate -s 64G "$DIR/huge"
    { printf '\177ELF' && head -c 100 /dev/urandom; } >"$DIR/noise"
    # Every path of a module becomes another one of the same length, filled up with slashes.
    cat >"$DIR/rename.py" <<'END'
import re, sys
source, target, new = sys.argv[1:4]
data = open(source, "rb").read()
old = set(re.findall(rb"/[ -~]+(?:leak_steady|libc\.so\.6|ld-linux-x86-64\.so\.2|libleakey\.so)(?=\0)", data[65536:]))
assert old
for path in old:
    head, tail = new.encode().rsplit(b"/", 1)
    assert len(new) <= len(path), (new, path)
    data = data[:65536] + data[65536:].replace(path, head + b"/" * (len(path) - len(new) + 1) + tail)
open(target, "wb").write(data)
END
    cd "$DIR"
    ln -s "$DIR" /tmp/lkt$$
    for target in /dev/zero /dev/random /proc/self/mem /proc/kcore /proc/kmsg /tmp/lkt$$/fifo /tmp/lkt$$/huge /tmp/lkt$$/noise /dev/tty /tmp; do
        if ! python3 rename.py captures/*.leakey hostile.leakey "$target"; then
            rm /tmp/lkt$$
            return 1
        fi
        status=0
        timeout 30 strace -f -e trace=open,openat -o trace "${LEAKEY:-$ROOT/build/leakey}" report hostile.leakey >said || status=$?
        [ "$status" -eq 0 ] || break
        ! grep -E '"/(dev/|tmp/lkt[0-9]+)/*(zero|random|tty|fifo)"' trace || status=1
        [ "$status" -eq 0 ] || break
    done
    rm /tmp/lkt$$
    [ "$status" -eq 0 ]
    grep -q 'no names for' said
}

@test "debuginfod is asked only where the environment names servers, and never by what a capture says" {
    LEAKEY_SAMPLE=4K with_shim "$ROOT/build/tests/leak_steady" 20
    env -u DEBUGINFOD_URLS strace -f -e trace=connect,socket -o "$DIR/trace" "${LEAKEY:-$ROOT/build/leakey}" report "$DIR/captures" >"$DIR/report"
    ! grep -E 'AF_INET' "$DIR/trace" || false
}

# --- serve

@test "serve: more connections than it takes, pipelined requests and a line without end do not keep others out" {
    mkdir "$DIR/captures"
    start serve "${LEAKEY:-$ROOT/build/leakey}" serve --listen 127.0.0.1:0 "$DIR/captures"
    wait_until 20 grep -q 'http://' "$DIR/serve.log"
    URL=$(grep -oE 'http://[^/]+' "$DIR/serve.log")
    python3 - "${URL##*:}" "$STARTED" <<'END'
import socket, sys, time
port, pid = int(sys.argv[1]), int(sys.argv[2])
def resident():
    return [int(l.split()[1]) for l in open("/proc/%d/status" % pid) if l.startswith("VmRSS")][0]
before = resident()
many = []
for i in range(300):
    s = socket.socket()
    s.settimeout(5)
    try:
        s.connect(("127.0.0.1", port))
        s.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Long: " + b"y" * 8000)
    except OSError:
        pass
    many.append(s)
descriptors = len(__import__("os").listdir("/proc/%d/fd" % pid))
assert descriptors < 120, descriptors
for s in many:
    s.close()
deadline = time.monotonic() + 30
while True:
    try:
        s = socket.create_connection(("127.0.0.1", port), timeout=5)
        s.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n" * 40)
        got = b""
        while got.count(b"HTTP/1.1 ") < 40:
            part = s.recv(65536)
            if not part:
                break
            got += part
        if got.count(b"HTTP/1.1 200") >= 1:
            break
    except OSError:
        pass
    assert time.monotonic() < deadline
    time.sleep(0.2)
endless = socket.create_connection(("127.0.0.1", port), timeout=20)
try:
    for i in range(200):
        endless.sendall(b"A" * 10000)
except OSError:
    pass
assert resident() - before < 20000, resident() - before
END
    kill -0 "$(<"$DIR/serve.pid")"
    curl -sSf --retry 20 --retry-delay 1 --retry-all-errors -o /dev/null "$URL/metrics"
}
