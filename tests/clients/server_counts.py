"""What a server did between two moments, in the form of the report's `cache`: from its own INFO and MONITOR.

Usage: server_counts.py INFO-FILE MONITOR-FILE

Calls, hits, misses and errors are INFO's (after CONFIG RESETSTAT, which is left out; INFO does not count itself). What a
script called is taken off again, by MONITOR: no client sent that. Keys and values are MONITOR's, which does not say what
came of them: so clients give no value to a write that is to fail.
"""

import codecs
import json
import re
import sys

# Where the keys and the values of those verbs stand that the clients of these tests use.
READS = {"GET": 1, "MGET": 0, "HGET": 1, "HGETALL": 1, "LRANGE": 1, "SMEMBERS": 1, "LPOP": 1}
WRITES = {
    "SET": slice(2, 3),
    "SETEX": slice(3, 4),
    "APPEND": slice(2, 3),
    "MSET": slice(2, None, 2),
    "HSET": slice(3, None, 2),
    "RPUSH": slice(2, None),
    "LPUSH": slice(2, None),
    "SADD": slice(2, None),
    "ZADD": slice(3, None, 2),
    "INCR": slice(0, 0),
    "INCRBY": slice(0, 0),
}
LINE = re.compile(rb'^[0-9.]+ \[(\d+) ([^\]]+)\] (.*)$')
ARGUMENT = re.compile(rb'"([^"\\]*(?:\\.[^"\\]*)*)"')


def unescape(text):
    """Redis escapes as C does, and so Python; values have megabytes."""
    return codecs.escape_decode(text)[0]


def sections(path):
    with open(path, encoding="ascii", errors="replace") as lines:
        return dict(line.strip().split(":", 1) for line in lines if ":" in line)


def fields(text):
    return dict(pair.split("=", 1) for pair in text.split(","))


def monitored(path):
    """(database, sender, arguments) of each command between the ECHO that began the count and the INFO that ended it."""
    counting = False
    with open(path, "rb") as lines:
        for line in lines:
            match = LINE.match(line.rstrip(b"\n"))
            if not match:
                continue
            arguments = [unescape(argument) for argument in ARGUMENT.findall(match.group(3))]
            verb = arguments[0].decode("latin1").upper()
            if verb == "ECHO" and arguments[1:] == [b"counting"]:
                counting = True
            elif verb == "INFO" and arguments[1:] == [b"everything"]:
                return
            elif counting:
                yield int(match.group(1)), match.group(2), verb, arguments


def keys_of(verb, arguments):
    if verb == "MGET":
        return arguments[1:]
    if verb == "MSET":
        return arguments[1::2]
    return arguments[1:2] if verb in READS or verb in WRITES else []


def main():
    info = sections(sys.argv[1])
    commands, failed = {}, {}
    for name, value in info.items():
        if name.startswith("cmdstat_"):
            verb = name[8:].split("|")[0].upper()
            one = fields(value)
            commands[verb] = commands.get(verb, 0) + int(one["calls"]) + int(one["rejected_calls"])
            failed[verb] = failed.get(verb, 0) + int(one["failed_calls"])
    commands["CONFIG"] -= 1
    keys, writes, written = set(), 0, 0
    for database, sender, verb, arguments in monitored(sys.argv[2]):
        if sender == b"lua":
            commands[verb] -= 1
            continue
        keys.update((database, key) for key in keys_of(verb, arguments))
        if verb in WRITES:
            writes += len(keys_of(verb, arguments))
            written += sum(map(len, arguments[WRITES[verb]]))
    hits, misses = int(info["keyspace_hits"]), int(info["keyspace_misses"])
    counts = {
        "commands": {verb: count for verb, count in sorted(commands.items()) if count},
        "reads": hits + misses,
        "hits": hits,
        "misses": misses,
        "writes": writes - sum(failed.get(verb, 0) for verb in WRITES),
        "written_bytes": written,
        "errors": sum(int(fields(value)["count"]) for name, value in info.items() if name.startswith("errorstat_")),
        "distinct_keys": len(keys),
    }
    print(json.dumps(counts))


main()
