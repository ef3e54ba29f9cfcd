# A python3 workload for `make bench`, run with PYTHONMALLOC=malloc so that every object is a
# malloc: records are made, indexed, sorted, written as JSON and read again. Deterministic.
# Usage: workload.py TURNS. An operation is a turn.
import json
import sys
import time


class Record:
    def __init__(self, number):
        self.number = number
        self.name = "record %d" % number
        self.tags = ["tag%d" % (number * k % 17) for k in range(1, 5)]

    def as_dict(self):
        return {"number": self.number, "name": self.name, "tags": self.tags}


def turn(first):
    records = [Record(first + i) for i in range(100)]
    by_tag = {}
    for record in records:
        for tag in record.tags:
            by_tag.setdefault(tag, []).append(record.name)
    ordered = sorted(records, key=lambda record: (record.tags, -record.number))
    text = json.dumps([record.as_dict() for record in ordered])
    words = text.replace('"', " ").split()
    return len(json.loads(text)) + len(words) + len(by_tag)


def main():
    turns = int(sys.argv[1])
    turn(0)
    started = time.perf_counter()
    total = sum(turn(i * 100) for i in range(turns))
    seconds = time.perf_counter() - started
    if total < turns:
        sys.exit("workload.py: lost records")
    print("operations %d\nns_per_op %.1f" % (turns, seconds * 1e9 / turns))


main()
