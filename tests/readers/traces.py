#!/usr/bin/env python3
"""Compares traces that leakey exported with the requests that programs say they made.

Usage: traces.py ORACLE NUMBERED-CSV TEXT-CSV TRUTH...

TRUTH is what tests/programs/trace_commands.c prints, one file a process, in the order of their start. Prints what is
wrong, and how much was compared; the exit status is 1 where something is wrong.
"""

import csv
import struct
import sys

RECORD = struct.Struct("<IQIq")
WRITES = {"set", "add", "append", "prepend", "incr", "decr"}
STORED = 4096  # bytes of a key's text in a capture


class Request:
    def __init__(self, line, client):
        operation, key, value, ttl = line.split()
        self.operation, self.client, self.ttl = operation, client, int(ttl)
        self.key, self.value = bytes.fromhex(key), int(value)


def read_truth(paths):
    requests = []
    for client, path in enumerate(paths, 1):
        with open(path, encoding="ascii") as lines:
            requests += [Request(line, client) for line in lines]
    return requests


def known_sizes(requests):
    """Each read's size by the man page: what it hit; what the write after a miss gave; the key's before; later."""
    first, last, later, sizes = {}, {}, {}, [0] * len(requests)
    for i in reversed(range(len(requests))):
        request = requests[i]
        if request.operation == "get" and request.value >= 0 or request.operation in WRITES:
            first[request.key] = request.value
        if request.operation in WRITES:
            later[request.key] = request.value
        elif request.operation == "get" and request.value < 0:
            sizes[i] = later.pop(request.key, None)  # the latest miss before a write is the one that led to it
    for i, request in enumerate(requests):
        if request.operation == "delete":
            continue
        if request.operation != "get" or request.value >= 0:
            last[request.key] = sizes[i] = request.value
        elif sizes[i] is None:
            sizes[i] = last.get(request.key, first.get(request.key))
    return sizes


def printable(key):
    """A key as leakey shows it: what is not UTF-8 or not printable as \\xNN, a backslash doubled."""
    shown, i = "", 0
    while i < len(key):
        for size in range(1, 5):
            try:
                character = key[i:i + size].decode()
            except UnicodeDecodeError:
                continue
            if character.isprintable():
                shown += "\\\\" if character == "\\" else character
                i += size
                break
        else:
            shown += f"\\x{key[i]:02x}"
            i += 1
    return shown


class Judge:
    def __init__(self):
        self.wrong, self.compared = 0, 0

    def equal(self, what, expected, found):
        self.compared += 1
        if expected == found:
            return
        self.wrong += 1
        if self.wrong <= 10:
            print(f"{what}: expected {expected!r}, found {found!r}")


def compare_oracle(judge, path, requests, sizes):
    with open(path, "rb") as file:
        data = file.read()
    reads = [i for i, request in enumerate(requests) if request.operation == "get"]
    judge.equal("bytes of the oracleGeneral trace", len(reads) * RECORD.size, len(data))
    follows, upcoming, objects, before = [-1] * len(reads), {}, {}, 0
    for number in reversed(range(len(reads))):
        key = requests[reads[number]].key
        follows[number] = upcoming.get(key, -1)
        upcoming[key] = number
    for number, (seconds, key_number, size, follow) in enumerate(RECORD.iter_unpack(data)):
        request, value = requests[reads[number]], sizes[reads[number]]
        what = f"oracleGeneral record {number}"
        judge.equal(what + ", object", objects.setdefault(request.key, key_number), key_number)
        judge.equal(what + ", size", 0 if value is None else value + len(request.key), size)
        judge.equal(what + ", next access", follows[number], follow)
        judge.equal(what + ", time goes on", True, seconds >= before)
        before = seconds
    judge.equal("objects", len(set(objects.values())), len(objects))
    return objects


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file, strict=True))


def compare_csv(judge, what, rows, requests, sizes, column):
    judge.equal(f"{what}: rows", len(requests), len(rows))
    for number, (request, size, row) in enumerate(zip(requests, sizes, rows)):
        expected = [column(request, row), str(len(request.key)), str(size or 0), str(request.client), request.operation,
                    str(request.ttl)]
        judge.equal(f"{what} row {number}", expected, row[1:])


def text_column(request, row):
    shown = printable(request.key[:STORED])
    if len(request.key) > STORED:
        stem, number = row[1].rsplit("...#", 1)
        return f"{shown}...#{number}" if number.isdigit() and stem == shown else f"{shown}...#NUMBER"
    return "'" + shown if shown[0] in "=+-@\uff1d\uff0b\uff0d\uff20" else shown


def main():
    oracle, numbered, text, *truths = sys.argv[1:]
    judge, requests = Judge(), read_truth(truths)
    sizes = known_sizes(requests)
    objects = compare_oracle(judge, oracle, requests, sizes)
    rows = rows_of(numbered)
    for request, row in zip(requests, rows):
        objects.setdefault(request.key, int(row[1]))
    judge.equal("numbers of keys", len(set(objects.values())), len(objects))
    compare_csv(judge, "csv", rows, requests, sizes, lambda request, _: str(objects[request.key]))
    compare_csv(judge, "csv with text", rows_of(text), requests, sizes, text_column)
    print(f"{judge.compared} compared, {judge.wrong} wrong")
    return judge.wrong != 0 or judge.compared < 1000


if __name__ == "__main__":
    sys.exit(main())
