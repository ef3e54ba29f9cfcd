"""The sample service under load at full speed, in turns: twice healthy under the shim, once healthy without it, once as it
was found, which leaks, with every allocation recorded."""
import contextlib
import json
import time

from . import ground as grounds
from . import memory
from .watch import Watch

# name, program, shim, settings of the shim
SERVICES = (
    ("healthy", "llm_cache_after", True, {}),
    ("plain", "llm_cache_after", False, {}),
    ("healthy-again", "llm_cache_after", True, {}),
    ("leaking", "llm_cache_before", True, {"sample": "all"}),
)
DISTINCT = 400
TABLES_BYTES = 48 << 20  # what a capture may have beside its ring


class Service:
    def __init__(self, ground, stack, row):
        self.name, program, self.shim, settings = row
        self.ground, self.loads, self.busy_seconds = ground, [], 0.0
        self.redis = stack.enter_context(ground.redis(self.name + "-redis"))
        self.captures = ground.subdirectory(self.name + "-captures")
        self.socket = ground.subdirectory(self.name) + "/http.sock"
        self.process = ground.start(
            self.name, [ground.tool("tests/" + program), "--socket", self.socket, "--redis", self.redis, "--model-ms",
                        "0", "--refresh-seconds", "2"], ground.shim(self.captures, **settings) if self.shim else {})
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


def take_turns(services, seconds):
    """The same loads for each; their size follows the speed, so that each is some seconds long."""
    until, requests, seed = time.monotonic() + seconds, 300, 1
    while time.monotonic() < until:
        began = time.monotonic()
        for each in services:
            each.load(requests, seed)
        took = time.monotonic() - began
        requests = max(100, min(requests * 2, int(requests * seconds / 20 / took)))
        seed += 1


def run(ground, measures, seconds):
    with contextlib.ExitStack() as stack:
        services = [Service(ground, stack, row) for row in SERVICES]
        watch = Watch({each.name: each.process.pid for each in services}, max(seconds / 300, 0.1))
        stack.callback(watch.close)
        take_turns(services, seconds)
        watch.close()
        sizes = {each.name: memory.file_size(each.captures) for each in services}
        stats = {each.name: grounds.commandstats(each.redis) for each in services}
        truths = {each.name: grounds.truth_of(each.process) for each in services}
    for each in services:
        judge_growth(measures, each, watch.series[each.name], sizes[each.name], ground)
        if each.shim:
            report = ground.report(each.name + "-report", each.captures)
            judge_report(measures, each, report, truths[each.name], stats[each.name])
    compared = ground.leakey("compare", "compare", "--format", "json", services[0].captures, services[2].captures)
    compared = json.loads(compared.output)
    measures.equal("compare", "healthy and healthy-again", compared["verdict"], "same")
    for name in ("fixed", "new", "remaining"):
        measures.equal("compare", name, len(compared[name]), 0)


def judge_growth(measures, service, series, size, ground):
    part = service.name
    measures.tell(part, "requests", service.total("requests"), "")
    measures.tell(part, "speed", round(service.total("requests") / service.busy_seconds), "requests/s")
    if not service.shim:
        measures.flat(part, "host's private memory", *series.of("host"), slack_kib=4096)
        return
    measures.flat(part, "shim's private memory", *series.of("shim"))
    measures.tell(part, "shim's private memory, at the end", series.samples[-1]["shim"], "KiB")
    measures.flat(part, "capture, resident", *series.of("capture"), slack_kib=1024)
    if service.name.startswith("healthy"):
        measures.flat(part, "host's private memory", *series.of("host"), slack_kib=4096)
    measures.steady(part, "descriptors, more", *series.of("descriptors"), 0)
    measures.steady(part, "mappings, more", *series.of("mappings"), 4)
    bound = ground.ring_bytes() + TABLES_BYTES
    measures.at_most(part, "capture's size", size[0], bound, "bytes")
    measures.at_most(part, "capture's blocks on disk", size[1], bound, "bytes")


def judge_report(measures, service, report, truth, stats):
    part, cache, events = service.name, report["cache"], report["captures"][0]["events"]
    measures.equal(part, "events dropped", events["dropped_count"], 0)
    measures.at_least(part, "events overwritten: the ring wrapped", events["overwritten_count"], 1)
    measures.tell(part, "events", round(events["recorded_count"] / service.busy_seconds), "events/s")
    for name in ("reads", "hits", "misses", "writes"):
        measures.equal(part, name + ", as the service counted", cache[name], truth[name])
    measures.equal(part, "hits, as the load saw them", cache["hits"], service.total("hits"))
    for verb in ("GET", "SETEX"):
        measures.equal(part, verb + ", as the server counted", cache["commands"].get(verb, 0), stats.get(verb, 0))
    leaked = [each for each in report["leaks"] if each["rule"] == "reply-leak"]
    measures.equal(part, "replies leaked, as the service counted", sum(each["live_count"] for each in leaked),
                   truth["replies_leaked"])
    if service.name == "leaking":
        measures.equal(part, "leaks", [each["rule"] for each in report["leaks"]], ["reply-leak"])
    else:
        measures.equal(part, "findings", [each["rule"] for each in report["findings"]], [])
        measures.equal(part, "leaks", len(report["leaks"]), 0)
