#!/usr/bin/env bats
# The table of commands against a real server: it is what COMMAND says, the keys are those that the server finds, and
# each key's outcome is the one that its answer means. Servers and databases keep their keys apart.

load lib

# issue SOCKET...: the commands of standard input, under the shim; what the server refused is its output.
issue() {
    rm -rf "$DIR/captures"
    with_shim "$ROOT/build/tests/command_lines" "$@" >"$DIR/errors"
}

# outcomes NAME: a line for each command of events.json that has keys, for each key NAME and what became of it.
outcomes() {
    jq -rs '(map(select(.event == "reply")) | map({key: "\(.sequence) \(.key_index)", value: .}) | from_entries) as $replies
        | map(select(.event == "command" and .key_index != null)) | group_by(.sequence)[]
        | map("\('"$1"') " + ($replies["\(.sequence) \(.key_index)"] | [.outcome] + .flags | join(",")))
        | join(" ")' "$DIR/events.json"
}

events() { leakey dump --what events --format json "$DIR"/captures/*.leakey >"$DIR/events.json"; }

@test "the committed table is what scripts/commands makes of the installed server" {
    # What a release adds to COMMAND stays the same within its series.
    made=$(sed -n '1s/.*redis-server \([0-9]*\.[0-9]*\)\..*/\1/p' "$ROOT/shim/cache/commands.def")
    installed=$(redis-server --version | sed 's/.*v=\([0-9]*\.[0-9]*\)\..*/\1/')
    [ "$made" = "$installed" ] || skip_loud "the table is of redis-server $made, installed is $installed"
    "$ROOT/scripts/commands" -o "$DIR/commands.def"
    # The first line holds the whole version.
    same_text "the table" "$(tail -n +2 "$ROOT/shim/cache/commands.def")" "$(tail -n +2 "$DIR/commands.def")"
}

@test "scripts/commands says what is wrong, and leaves the table alone" {
    run -1 "$ROOT/scripts/commands" --server /bin/false -o "$DIR/commands.def"
    same_text "message" "commands: /bin/false does not answer" "$output"
    [ ! -e "$DIR/commands.def" ]
}

# Lines: COMMAND... => KEY OUTCOME[,FLAG...], for each key. Outcomes and flags are the dump's; an outcome of a read or a
# write that was refused is "other". Each line finds what those before it have left.
scenario() {
    cat <<'LINES'
GET s                                   => s miss
SET s value                             => s write
GET s                                   => s hit
SET s other NX                          => s other,refused
SET s other XX GET                      => s hit
SET n 5 NX GET                          => n miss
SET e ""                                => e write
GET e                                   => e hit
GETRANGE s 0 2                          => s hit
GETRANGE none 0 2                       => none miss
SUBSTR none 0 2                         => none miss
MGET s none e                           => s hit none miss e hit
GETEX s EX 100                          => s hit
GETEX none EX 100                       => none miss,refused
GETSET s value                          => s hit
GETSET fresh value                      => fresh miss
GETDEL fresh                            => fresh hit
GETDEL fresh                            => fresh miss,refused
SETNX s value                           => s other,refused
MSETNX m1 a m2 b                        => m1 write m2 write
MSETNX m1 a m3 b                        => m1 other,refused m3 other,refused
APPEND s more                           => s write
INCR n                                  => n write
STRLEN s                                => s other
STRLEN none                             => none other
EXISTS s none                           => s other none other
TTL none                                => none other
TYPE none                               => none other
OBJECT ENCODING s                       => s other
OBJECT FREQ none                        => none other
OBJECT FREQ s                           => s error
MEMORY USAGE none                       => none other
DUMP none                               => none miss
DUMP s                                  => s hit
SETBIT bits 7 1                         => bits write
GETBIT none 7                           => none other
BITCOUNT bits                           => bits other
BITFIELD bits GET u8 0                  => bits other
BITFIELD bits SET u8 0 1                => bits write
BITOP NOT nob none                      => nob other,empty none other
BITOP NOT nob bits                      => nob write bits other
HSET h f 1 g 2                          => h write
HSETNX h f 2                            => h other,refused
HGET h f                                => h hit
HGET h x                                => h miss
HMGET h x f                             => h hit
HMGET h x y                             => h miss
HMGET none x y                          => none miss
HGETALL h                               => h hit
HGETALL none                            => none miss
HKEYS none                              => none miss
HVALS h                                 => h hit
HRANDFIELD none                         => none miss
HRANDFIELD none 2                       => none miss
HEXISTS h f                             => h other
HLEN none                               => none other
HINCRBY h f 1                           => h write
HDEL h x                                => h other,refused
HDEL h g                                => h other
HSCAN none 0                            => none other
RPUSH l a b c d                         => l write
LPUSHX none a                           => none other,refused
LINSERT l BEFORE x y                    => l other,refused
LINSERT l BEFORE a y                    => l write
LSET l 0 z                              => l write
LRANGE l 0 -1                           => l hit
LRANGE none 0 -1                        => none miss
LINDEX l 0                              => l hit
LINDEX l 99                             => l miss
LPOP l                                  => l hit
LPOP none                               => none miss,refused
RPOP l 1                                => l hit
LMPOP 2 none l LEFT                     => none other l hit
LMPOP 2 none none2 LEFT                 => none miss,refused none2 miss,refused
BLPOP none l 1                          => none other l hit
BLPOP none none2 0.01                   => none other,refused none2 other,refused
LMOVE l l2 LEFT LEFT                    => l other l2 write
LMOVE none l2 LEFT LEFT                 => none other,refused l2 other,refused
RPOPLPUSH l2 l3                         => l2 other l3 write
LLEN l3                                 => l3 other
LPOS l3 x                               => l3 other
LREM l3 0 x                             => l3 other,refused
LTRIM l3 0 0                            => l3 other
SADD set a b c                          => set write
SADD set a                              => set write
SMEMBERS set                            => set hit
SMEMBERS none                           => none miss
SRANDMEMBER none                        => none miss
SISMEMBER set a                         => set other
SCARD none                              => none other
SPOP set                                => set hit
SPOP none                               => none miss,refused
SPOP none 3                             => none miss
SMOVE set set2 x                        => set other,refused set2 other,refused
SADD set2 a b                           => set2 write
SINTER set2 none                        => set2 other none other
SINTERCARD 2 set2 none                  => set2 other none other
SINTERSTORE d set2 none                 => d other,empty set2 other none other
SUNIONSTORE d set2 none                 => d write set2 other none other
SREM set2 a                             => set2 other
ZADD z 1 a 2 b                          => z write
ZADD z XX INCR 1 x                      => z other,refused
ZSCORE z a                              => z hit
ZSCORE z x                              => z miss
ZMSCORE z x y                           => z miss
ZRANGE z 0 -1                           => z hit
ZRANGE none 0 -1 REV                    => none miss
ZRANGEBYSCORE z 10 20                   => z miss
ZRANDMEMBER none                        => none miss
ZRANK z x                               => z other
ZCARD none                              => none other
ZINCRBY z 1 a                           => z write
ZUNION 2 z none                         => z other none other
ZUNIONSTORE zd 2 z none                 => zd write z other none other
ZINTERSTORE zd 2 z none                 => zd other,empty z other none other
ZRANGESTORE zd z 0 0                    => zd write z other
ZPOPMIN none                            => none miss
ZMPOP 1 none MIN                        => none miss,refused
BZPOPMIN none z 1                       => none other z hit
ZREM z x                                => z other,refused
GEOADD geo 13.3 38.1 a 15.0 37.5 b      => geo write
GEOPOS geo a x                          => geo hit
GEOPOS none a                           => none miss
GEOHASH none a                          => none miss
GEODIST geo a x                         => geo miss
GEOSEARCH geo FROMLONLAT 15 37 BYRADIUS 200 km => geo hit
GEOSEARCH none FROMLONLAT 15 37 BYRADIUS 200 km => none miss
GEORADIUS geo 15 37 200 km              => geo hit
GEORADIUS none 15 37 200 km             => none miss
GEORADIUS geo 15 37 200 km STORE gd     => geo other gd write
GEORADIUS geo 15 37 1 m STOREDIST gd    => geo other gd other,empty
GEOSEARCHSTORE gd geo FROMLONLAT 15 37 BYRADIUS 200 km => gd write geo other
XADD x 1-1 f v                          => x write
XADD none NOMKSTREAM * f v              => none other,refused
XRANGE x - +                            => x hit
XRANGE none - +                         => none miss
XLEN none                               => none other
XREAD COUNT 1 STREAMS x none 0 0        => x other none other
XREAD STREAMS none 0                    => none other
XGROUP CREATE x g $                     => x other
XINFO STREAM x                          => x other
XREADGROUP GROUP g c STREAMS x >        => x other
PFADD pf a                              => pf write
PFCOUNT pf none                         => pf other none other
PFMERGE pf2 pf none                     => pf2 write pf other none other
SORT none                               => none miss
SORT set2 ALPHA                         => set2 hit
SORT set2 ALPHA STORE sd                => set2 other sd write
SORT none STORE sd                      => none other sd other,empty
SORT_RO none                            => none miss
EXPIRE none 100                         => none other,refused
EXPIRE s 100                            => s other
EXPIRE s 100 XX                         => s other
EXPIRE s 50 GT                          => s other,refused
PERSIST s                               => s other
PERSIST s                               => s other,refused
COPY s s2                               => s other s2 write
COPY s s2                               => s other s2 other,refused
COPY none s3                            => none other s3 other,refused
RENAME s2 s3                            => s2 other s3 write
RENAME none s3                          => none error s3 error
RENAMENX s3 s                           => s3 other,refused s other,refused
MOVE s3 1                               => s3 other
MOVE none 1                             => none other,refused
TOUCH s none                            => s other none other
WATCH s                                 => s other
EVAL return{KEYS[1]} 1 s                => s other
EVAL_RO return{} 2 s none               => s other none other
FCALL nosuch 1 s                        => s error
LCS e n                                 => e other n other
GET h                                   => h error
DEL none                                => none other,refused
DEL s none                              => s other none other
UNLINK h l3                             => h other l3 other
GET s                                   => s miss
LINES
}

@test "every kind of command settles as a real server answers it: keys, hits, misses, writes, refusals" {
    redis_start
    scenario | sed 's/ *=>.*//; s/^/0 /' >"$DIR/lines"
    issue "$REDIS" <"$DIR/lines"
    # What is wrong on purpose, and no more: the server understood all the rest.
    same_text "errors" "FCALL GET OBJECT RENAME" "$(cut -d: -f1 "$DIR/errors" | sort | paste -sd' ')"
    events
    outcomes '.key' >"$DIR/seen"
    scenario | sed 's/.*=> *//' >"$DIR/expected"
    paste -d'|' <(scenario | sed 's/ *=>.*//') "$DIR/expected" >"$DIR/expected.lines"
    paste -d'|' <(scenario | sed 's/ *=>.*//') "$DIR/seen" >"$DIR/seen.lines"
    same_text "outcomes" "$(<"$DIR/expected.lines")" "$(<"$DIR/seen.lines")"
    # With hashed keys, where an answer names one of them too.
    redis flushall >/dev/null
    LEAKEY_KEYS="hash" issue "$REDIS" <"$DIR/lines"
    events
    outcomes '"-"' >"$DIR/hashed"
    same_text "outcomes with hashed keys" "$(awk '{ for (i = 1; i < NF; i += 2) $i = "-"; print }' "$DIR/expected")" \
        "$(<"$DIR/hashed")"
    # The server's own idea of where the keys are.
    scenario | sed 's/ *=>.*//' | while read -r -a words; do
        redis COMMAND GETKEYS "${words[@]//'""'/}" | tr '\n' ' '
        echo
    done | sed 's/ $//' >"$DIR/server.keys"
    awk '{ for (i = 1; i < NF; i += 2) printf "%s%s", $i, i + 1 < NF ? " " : ""; print "" }' "$DIR/expected" |
        sed 's/ $//' >"$DIR/expected.keys"
    same_text "keys" "$(paste -d'|' <(scenario) "$DIR/server.keys")" "$(paste -d'|' <(scenario) "$DIR/expected.keys")"
}

@test "the same key in another database or on another server is another key; processes share a server's" {
    redis_start
    mkdir "$DIR/b"
    first=$REDIS
    start second redis-server --port 0 --unixsocket "$DIR/b/redis.sock" --save '' --appendonly no --dir "$DIR/b"
    wait_until 20 redis-cli -s "$DIR/b/redis.sock" ping
    # 0 and 2 are the first server, 1 the second; 2 is in database 1.
    issue "$first" "$DIR/b/redis.sock" "$first" <<'LINES'
2 SELECT 1
0 SET answer:a one
1 GET answer:a
2 GET answer:a
0 GET answer:a
1 SET answer:a two EX 100
2 SET answer:b three
2 FLUSHDB
2 GET answer:b
0 GET answer:b
0 GET answer:a
0 SET answer:c four
0 DEL answer:c
1 GET answer:c
0 GET answer:c
2 SET answer:d five
0 MOVE answer:a 2
0 GET answer:a
0 SET answer:e six
2 FLUSHALL
0 GET answer:e
2 GET answer:d
1 GET answer:a
0 SWAPDB 0 1
0 SET answer:f seven
LINES
    [ ! -s "$DIR/errors" ]
    # Another process, on the first server: what the one before has written and deleted there.
    with_shim "$ROOT/build/tests/command_lines" "$first" <<'LINES'
0 GET answer:f
0 GET answer:c
0 DEL answer:f
0 GET answer:f
LINES
    leakey report --format json -o "$DIR/report.json" "$DIR/captures"
    jqr "$DIR/report.json" '.captures | length == 2'
    # first-seen: a on 1, a in 2, b in 0, c on 1. deleted: b in 2, c in 0 twice, a by MOVE, e, d, f.
    jqr "$DIR/report.json" '.cache.miss_causes == {"first-seen": 4, "duplicate-input": 0, "expired": 0, "evicted": 0,
        "deleted": 7, "concurrent": 0, "not-stored": 0}'
    jqr "$DIR/report.json" '.cache.hits == 4 and .cache.misses == 11 and .cache.commands.SWAPDB == 1'
    # a three times, b twice, c twice, d, e, f.
    jqr "$DIR/report.json" '.cache.distinct_keys == 10 and .cache.writes == 7'
    jqr "$DIR/report.json" '.findings | length == 0'
}

# causes: of the report, those that are not 0.
causes() { jq -c '.cache.miss_causes | with_entries(select(.value > 0))' "$DIR/report.json"; }

@test "what commands do to a key's expiry, and how keys go, gives each miss its cause" {
    redis_start
    # A key a case; the last but one line of each says what becomes of it, the last one asks.
    issue "$REDIS" <<'LINES'
0 SET kept:NX v PX 60
0 EXPIRE kept:NX 100 NX
0 SET kept:LT v PX 60
0 PEXPIRE kept:LT 100000 LT
0 SET kept:KEEPTTL v PX 60
0 SET kept:KEEPTTL w KEEPTTL
0 SET kept:DISCARD v PX 60
0 MULTI
0 PERSIST kept:DISCARD
0 DISCARD
0 SET kept:APPEND v PX 60
0 APPEND kept:APPEND w
0 SET from:RENAME v PX 60
0 RENAME from:RENAME kept:RENAME
0 SET from:COPY v PX 60
0 COPY from:COPY kept:COPY
0 PSETEX kept:PSETEX 60 v
0 SET kept:DEL v PX 60
0 SET freed:GT v PX 60
0 PEXPIRE freed:GT 100000 GT
0 SET freed:PERSIST v PX 60
0 PERSIST freed:PERSIST
0 SET freed:GETEX v PX 60
0 GETEX freed:GETEX EX 100
0 SET freed:SET v PX 60
0 SET freed:SET v
0 SET from:OVER v
0 SET freed:OVER v PX 60
0 RENAME from:OVER freed:OVER
0 SADD from:STORE m
0 SADD freed:STORE m
0 PEXPIRE freed:STORE 60
0 SUNIONSTORE freed:STORE from:STORE
0 WAIT-MS 150
0 DEL kept:DEL
0 GET kept:NX
0 GET kept:LT
0 GET kept:KEEPTTL
0 GET kept:DISCARD
0 GET kept:APPEND
0 GET kept:RENAME
0 GET kept:COPY
0 GET kept:PSETEX
0 GET kept:DEL
0 GET freed:GT
0 GET freed:PERSIST
0 GET freed:GETEX
0 GET freed:SET
0 GET freed:OVER
0 SMEMBERS freed:STORE
LINES
    [ ! -s "$DIR/errors" ]
    leakey report --format json -o "$DIR/report.json" "$DIR/captures"
    # GETEX is a read, too.
    jqr "$DIR/report.json" '.cache.hits == 7 and .cache.misses == 9'
    same_text "expiries" '{"expired":9}' "$(causes)"

    issue "$REDIS" <<'LINES'
0 SET gone:DEL v
0 DEL gone:DEL
0 GET gone:DEL
0 SET gone:GETDEL v
0 GETDEL gone:GETDEL
0 GET gone:GETDEL
0 SET gone:RENAME v
0 RENAME gone:RENAME there:RENAME
0 GET gone:RENAME
0 SET gone:MOVE v
0 MOVE gone:MOVE 1
0 GET gone:MOVE
0 RPUSH gone:LPOP a
0 LPOP gone:LPOP
0 LRANGE gone:LPOP 0 -1
0 RPUSH gone:LMOVE a
0 LMOVE gone:LMOVE there:LMOVE LEFT LEFT
0 LPOP gone:LMOVE
0 SADD gone:SPOP a
0 SPOP gone:SPOP
0 SMEMBERS gone:SPOP
0 HSET gone:HDEL f v
0 HDEL gone:HDEL f
0 HGETALL gone:HDEL
0 ZADD gone:ZREM 1 m
0 ZREM gone:ZREM m
0 ZRANGE gone:ZREM 0 -1
0 ZADD gone:ZUNIONSTORE 1 m
0 ZUNIONSTORE gone:ZUNIONSTORE 1 none
0 ZRANGE gone:ZUNIONSTORE 0 -1
0 RPUSH gone:BLPOP a
0 BLPOP none gone:BLPOP 1
0 LRANGE gone:BLPOP 0 -1
0 SET gone:FLUSHDB v
0 FLUSHDB
0 GET gone:FLUSHDB
0 SET past:EXPIRE v
0 EXPIRE past:EXPIRE -1
0 GET past:EXPIRE
0 SET past:PEXPIREAT v
0 PEXPIREAT past:PEXPIREAT 1000
0 GET past:PEXPIREAT
0 SET past:EXAT v EXAT 1
0 GET past:EXAT
LINES
    [ ! -s "$DIR/errors" ]
    leakey report --format json -o "$DIR/report.json" "$DIR/captures"
    # GETDEL, LPOP, SPOP and BLPOP are reads, too.
    jqr "$DIR/report.json" '.cache.hits == 4 and .cache.misses == 15'
    same_text "ends" '{"expired":3,"deleted":12}' "$(causes)"
}
