"""The service's own books: what it did, counted where it did it, printed at its end as JSON. Safe from every thread."""

import json
import threading

_lock = threading.Lock()
_counters = dict.fromkeys(("requests", "reads", "hits", "misses", "writes", "refreshes"), 0)
_inputs = set()


def count(name):
    with _lock:
        _counters[name] += 1


def count_input(normal_form):
    with _lock:
        _inputs.add(hash(normal_form))


def show():
    print(json.dumps({**_counters, "distinct_inputs": len(_inputs)}), flush=True)
