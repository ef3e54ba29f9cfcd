"""The sample service under load at full speed, in turns: twice healthy under the shim, once healthy without it, once as it
was found, which leaks, with every allocation recorded."""
import contextlib
import json
import os
import time

from . import ground as grounds
from . import memory
from .watch import Watch

# name, program, shim, settings of the shim
SERVICES = (
    ("healthy", "build/tests/llm_cache_after", True, {}),
    ("plain", "build/tests/llm_cache_after", False, {}),
    ("healthy-again", "build/tests/llm_cache_after", True, {}),
    ("leaking", "build/tests/llm_cache_before", True, {"sample": "all"}),
)
PYTHON_SERVICES = (("python", "tests/services/python/llm_cache_after.py", True, {}),)
DISTINCT = 400
SHIM_KIB = 24 << 10  # with every allocation recorded a thread keeps up to 2.1 MiB of stacks; there are six
CONNECTIONS = 4  # that a load opens and closes: so many descriptors, and their buffers, more or less
TABLES_BYTES = 48 << 20  # what a capture may have beside its ring


def interpreter(program):
    return ["/usr/bin/python3"] if program.endswith(".py") else []


class Service:
    def __init__(self, ground, stack, row):
        self.name, program, self.shim, settings = row
        self.ground, self.loads, self.busy_seconds = ground, [], 0.0
        self.redis = stack.enter_context(ground.redis(self.name + "-redis"))
        self.captures = ground.subdirectory(self.name + "-captures")
        self.socket = ground.subdirectory(self.name) + "/http.sock"
        self.process = ground.start(
            self.name, [*interpreter(program), os.path.join(ground.root, program), "--socket", self.socket, "--redis",
                        self.redis, "--model-ms", "0", "--refresh-seconds", "2"],
            {"PYTHONDONTWRITEBYTECODE": "1", **(ground.shim(self.captures, **settings) if self.shim else {})})
        stack.callback(self.process.end)

    def load(self, requests, seed):
        load = self.ground.start(self.name + "-load", [
            self.ground.tool("tests/llm_load"), "--socket", self.socket, "--requests", str(requests), "--distinct",
            str(DISTINCT), "--seed", str(seed)])
        outcome = load.wait(600)
        self.loads.append(json.loads(outcome.output))
        self.busy_seconds += self.loads[-1]["seconds"]

    def total(self, name):
        return sum(each[name] for each in self.loads)


def take_turns(services, watch, seconds):
    """The same loads for each, but less for the one that leaks: it misses always, and would take most of the time. Their
    size follows the speed, so that each is some seconds long."""
    requests, seed = 300, 1
    while not watch.is_over():
        began = time.monotonic()
        for each in services:
            each.load(requests // 10 if each.name == "leaking" else requests, seed)
        took = time.monotonic() - began
        requests = max(200, min(requests * 2, int(requests * seconds / 20 / took)))
        seed += 1


def run(ground, measures, seconds):
    services = soak(ground, measures, seconds, SERVICES)
    compared = ground.leakey("compare", "compare", "--format", "json", services[0].captures, services[2].captures)
    compared = json.loads(compared.output)
    measures.equal("compare", "healthy and healthy-again", compared["verdict"], "same")
    for name in ("fixed", "new", "remaining"):
        measures.equal("compare", name, len(compared[name]), 0)


def run_python(ground, measures, seconds):
    soak(ground, measures, seconds, PYTHON_SERVICES)


def soak(ground, measures, seconds, rows):
    with contextlib.ExitStack() as stack:
        services = [Service(ground, stack, row) for row in rows]
        watch = Watch({each.name: each.process.pid for each in services}, seconds)
        stack.callback(watch.close)
        take_turns(services, watch, seconds)
        watch.close()
        sizes = {each.name: memory.file_size(each.captures) for each in services}
        stats = {each.name: grounds.commandstats(each.redis) for each in services}
        truths = {each.name: grounds.truth_of(each.process) for each in services}
    for each in services:
        judge_growth(measures, each, watch.series[each.name], sizes[each.name], ground)
        if each.shim:
            report = ground.report(each.name + "-report", each.captures)
            judge_report(measures, each, report, truths[each.name], stats[each.name])
            judge_ring(measures, each, report["captures"][0]["events"], ground)
    return services


def judge_growth(measures, service, series, size, ground):
    part = service.name
    measures.tell(part, "requests", service.total("requests"), "")
    measures.tell(part, "speed", round(service.total("requests") / service.busy_seconds), "requests/s")
    if not service.shim:
        measures.flat(part, "host's private memory", *series.of("host"), slack_kib=8 * ground.warm_up_kib())
        return
    measures.flat(part, "shim's private memory", *series.of("shim"),
                  slack_kib=ground.warm_up_kib(stacks=service.name == "leaking"))
    measures.at_most(part, "shim's private memory", max(series.of("shim")[1]), SHIM_KIB, "KiB")
    if service.name.startswith("healthy"):  # the others' rings are still being filled, and what leaks has its place
        measures.flat(part, "capture, resident", *series.of("capture"), slack_kib=4 * ground.warm_up_kib())
    else:
        measures.tell(part, "capture, resident, at the end", series.samples[-1]["capture"], "KiB")
    if service.name.startswith("healthy"):
        measures.flat(part, "host's private memory", *series.of("host"), slack_kib=8 * ground.warm_up_kib())
    measures.steady(part, "descriptors, more", *series.of("descriptors"), CONNECTIONS)
    measures.steady(part, "mappings, more", *series.of("mappings"), CONNECTIONS)
    bound = ground.ring_bytes() + TABLES_BYTES
    measures.at_most(part, "capture's size", size[0], bound, "bytes")
    measures.at_most(part, "capture's blocks on disk", size[1], bound, "bytes")


def judge_report(measures, service, report, truth, stats):
    part, cache = service.name, report["cache"]
    for name in ("reads", "hits", "misses", "writes"):
        measures.equal(part, name + ", as the service counted", cache[name], truth[name])
    measures.equal(part, "hits, as the load saw them", cache["hits"], service.total("hits"))
    for verb in ("GET", "SETEX"):
        measures.equal(part, verb + ", as the server counted", cache["commands"].get(verb, 0), stats.get(verb, 0))
    leaked = [each for each in report["leaks"] if each["rule"] == "reply-leak"]
    measures.equal(part, "replies leaked, as the service counted", sum(each["live_count"] for each in leaked),
                   truth.get("replies_leaked", 0))
    if service.name == "leaking":
        measures.equal(part, "leaks", [each["rule"] for each in report["leaks"]], ["reply-leak"])
    else:
        measures.equal(part, "findings", [each["rule"] for each in report["findings"]], [])
        measures.equal(part, "leaks", len(report["leaks"]), 0)


def judge_ring(measures, service, events, ground):
    part, wrapped = service.name, "events overwritten: the ring wrapped"
    measures.equal(part, "events dropped", events["dropped_count"], 0)
    if service.name == "leaking" or service.name != "python" and not ground.is_short():
        measures.at_least(part, wrapped, events["overwritten_count"], 1)
    else:
        measures.tell(part, "events overwritten", events["overwritten_count"], "")
    measures.tell(part, "events", round(events["recorded_count"] / service.busy_seconds), "events/s")
