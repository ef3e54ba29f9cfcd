#!/usr/bin/env bats
# leakey check: what a damaged capture still holds, what is lost of it, and the exit status, for every kind of damage.

load lib

setup_file() {
    lib_setup_file
    redis_start
    mkdir "$DIR/captures"
    for sample in all 4K; do
        redis flushall >/dev/null
        LEAKEY_SAMPLE=$sample LEAKEY_OUTPUT=$DIR/captures with_shim "$ROOT/build/tests/cache_commands" "$REDIS" >"$DIR/truth.json"
        mv "$DIR"/captures/cache_commands.*.leakey "$DIR/$sample.leakey"
    done
    redis_stop
    # damage.py CAPTURE OUT HOW...: kinds (of extents; prints them), zero KIND..., noise KIND..., cut BYTES, put OFFSET HEX.
    cat >"$DIR/damage.py" <<'END'
import struct, sys

granule = 65536
source, out, how, *words = sys.argv[1:]
data = bytearray(open(source, "rb").read())
used = struct.unpack_from("<Q", data, 144)[0]

def extents():
    at = granule
    while at < min(used, len(data)):
        kind, granules = struct.unpack_from("<II", data, at)
        yield at, kind, granules
        at += granule * (granules if kind else 1)

if how == "kinds":
    print(*sorted({kind for _, kind, _ in extents() if kind}))
elif how == "zero":
    for at, kind, granules in list(extents()):
        if kind in map(int, words):
            data[at:at + granule * granules] = bytes(granule * granules)
elif how == "noise":
    for at, kind, granules in list(extents()):
        if kind in map(int, words):
            data[at + 64:at + 4096] = b"\xff" * 4032
elif how == "cut":
    data = data[:int(words[0])]
elif how == "put":
    piece = bytes.fromhex(words[1])
    data[int(words[0]):int(words[0]) + len(piece)] = piece
open(out, "wb").write(data)
END
}

teardown_file() { lib_teardown_file; }

damage() { python3 "$FILE_DIR/damage.py" "$FILE_DIR/${WHICH:-all}.leakey" "$DIR/x.leakey" "$@"; }

# checked WHAT STATUS TEXT...: check of the damaged capture ends so and says these.
checked() {
    local what=$1 wanted=$2 text
    run leakey check "$DIR/x.leakey"
    [ "$status" -eq "$wanted" ] || {
        echo "$what: status $status"
        echo "$output"
        return 1
    }
    for text in "${@:3}"; do
        [[ $output == *"$text"* ]] || {
            echo "$what: does not say \"$text\":"
            echo "$output"
            return 1
        }
    done
}

# The report of what is left is to be had too.
reported() { leakey report --format json -o "$DIR/report.json" "$DIR/x.leakey"; }

@test "whole captures are called so, and what they hold is counted" {
    for sample in all 4K; do
        run leakey check "$FILE_DIR/$sample.leakey"
        [ "$status" -eq 0 ]
        [[ $output == *"$sample.leakey: whole"*"end: exit"*"holds "*" events, "*" stacks, "*" live objects, 4 templates, "* ]]
        [[ $output != *" of "*" stacks"* && $output != *"left out"* ]]
    done
}

@test "a page of zeros in any part: the part is named, and the rest is read" {
    local kind
    declare -A says=([1]='segments of the ring' [3]='stacks: what was allocated there' [4]='its stack is zeros'
        [5]='modules: functions there have no names' [6]='templates: their counts' [7]='verbs: how often'
        [8]='its sketch: how many keys it had' [10]='counts of sites' [12]='live blocks' [13]='segments of the ring')
    WHICH=all
    read -ra kinds < <(python3 "$FILE_DIR/damage.py" "$FILE_DIR/all.leakey" /dev/null kinds)
    [ "${#kinds[@]}" -ge 12 ]
    for kind in "${!says[@]}"; do
        damage zero "$kind"
        checked "zeros for kind $kind" 0 ': damaged' 'holds ' "${says[$kind]}"
        reported
    done
    # The ring is gone: what the tables count is not less for it.
    damage zero 1 13
    checked "no ring" 0 'holds 0 events'
    reported
    jqr "$DIR/report.json" '.cache.reads == $truth[0].reads and .cache.commands.GET == $truth[0].commands.GET and
        .heap.allocated_count > 1000' --slurpfile truth "$FILE_DIR/truth.json"
    WHICH=4K
    for kind in 3 4 5 6 7 8; do
        damage zero "$kind"
        checked "sampled, zeros for kind $kind" 0 ': damaged' "${says[$kind]}"
    done
}

@test "noise in any part gives an answer, and where it is told from data the part is named" {
    for kind in 1 2 3 4 5 6 7 8 9 10 11 12 13; do
        damage noise "$kind"
        checked "noise in kind $kind" 0 'holds '
        case $kind in
        1 | 3 | 5 | 6 | 10 | 11 | 12 | 13) checked "noise in kind $kind" 0 ': damaged' 'left out: ' ;;
        esac
        reported
    done
}

@test "cut at any place: what is behind is lost and said, within the header nothing is left" {
    local size bytes
    size=$(stat -c %s "$FILE_DIR/all.leakey")
    damage cut 0
    checked "cut to nothing" 2 'not a leakey capture: it is empty'
    for bytes in 1 7; do
        damage cut $bytes
        checked "cut to $bytes" 2 'not a leakey capture'
    done
    for bytes in 8 100 399; do
        damage cut $bytes
        checked "cut to $bytes" 2 'cut off within its header'
    done
    for bytes in 400 1000 65536 65537 131072 200001 $((size / 2)); do
        damage cut "$bytes"
        checked "cut to $bytes" 0 ': damaged' "the file ends early: $bytes of"
    done
    damage cut 65536
    checked "tables and ring gone" 0 'holds 0 events, 0 of ' ' of 4 templates'
}

@test "another file, another version, another byte order, a lost header: refused, exit 2, each in its words" {
    damage put 0 2323232323232323
    checked magic 2 'leakey: check: ' ': not a leakey capture'
    damage put 0 00000000000000000000000000000000
    checked "zeroed header" 2 'header is lost: it begins with zeros'
    damage put 12 63000000
    checked newer 2 'capture version 99, of a newer leakey; this one reads version '
    damage put 12 01000000
    checked older 2 'capture version 1, of an older leakey'
    damage put 8 01020304
    checked order 2 'written on a machine of the other byte order'
    damage put 8 ffffffff
    checked mark 2 'the byte-order mark is damaged'
    damage put 16 ffff0000
    checked sizes 2 "the header's sizes are not those of its version"
    # One that cannot be read does not keep the others from being checked.
    run leakey check "$FILE_DIR/all.leakey" "$DIR/x.leakey" "$FILE_DIR/4K.leakey"
    [ "$status" -eq 2 ]
    [[ $output == *"all.leakey: whole"*"4K.leakey: whole"* ]]
    run leakey check "$DIR/nowhere.leakey"
    [ "$status" -eq 2 ]
    run leakey check
    [ "$status" -eq 2 ]
}
