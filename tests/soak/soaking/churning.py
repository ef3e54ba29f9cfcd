"""Programs that do one thing over and over (tests/programs/churn.c): what grows with it would show."""
import contextlib
import json
import os
import time
from typing import NamedTuple

from . import ground as grounds
from . import memory
from .watch import Watch

PACE = 240000         # malloc and free, for each of two threads: 0.96 million events a second
REPORT_KIB, CAPTURE_KIB = 128 << 10, 1280  # a report's memory: its own, and for each capture
CAPTURES_MOST = 4000  # of the fork storm; each takes a MiB of the disk


class Churn(NamedTuple):
    mode: str
    did: str          # in its truth: how often
    settings: dict    # of the shim
    capture_bytes: int  # beside the ring
    wraps: bool = True  # also the ring of a long run


CHURNS = (
    Churn("threads", "threads", {"sample": "all"}, 16 << 20),
    Churn("connections", "connections", {"sample": "all"}, 16 << 20),
    Churn("keys", "keys", {"sample": "all"}, 48 << 20),
    Churn("plugins", "loads", {"sample": "all"}, 16 << 20, wraps=False),
)


def operands(ground, mode, redis):
    if mode == "plugins":
        return [ground.tool("tests/plugin_spare.so")]
    return [redis]


def run(ground, measures, seconds):
    """Each a quarter of the time."""
    for churn in CHURNS:
        with contextlib.ExitStack() as stack:
            redis = stack.enter_context(ground.redis(churn.mode + "-redis"))
            captures = ground.subdirectory(churn.mode + "-captures")
            process = ground.start(churn.mode, [ground.tool("tests/churn"), churn.mode,
                                                *operands(ground, churn.mode, redis)],
                                   ground.shim(captures, **churn.settings))
            stack.callback(process.end)
            watch = Watch({churn.mode: process.pid}, seconds / len(CHURNS))
            stack.callback(watch.close)
            watch.wait()
            watch.close()
            size = memory.file_size(captures)
            truth = grounds.truth_of(process)
        judge(ground, measures, churn, watch.series[churn.mode], size, truth)


def judge(ground, measures, churn, series, size, truth):
    part = "churn: " + churn.mode
    report = ground.report(churn.mode + "-report", ground.subdirectory(churn.mode + "-captures"))
    events = report["captures"][0]["events"]
    measures.at_least(part, churn.did, truth[churn.did], 100)
    measures.flat(part, "shim's private memory", *series.of("shim"), slack_kib=ground.warm_up_kib())
    measures.steady(part, "descriptors, more", *series.of("descriptors"), 1)
    measures.steady(part, "mappings, more", *series.of("mappings"), 24)  # stacks of threads, a plugin's parts
    measures.at_most(part, "capture's size", size[0], ground.ring_bytes() + churn.capture_bytes, "bytes")
    measures.equal(part, "events dropped", events["dropped_count"], 0)
    measures.flat(part, "capture, resident", *series.of("capture"), slack_kib=2048)
    if churn.wraps or ground.is_short():
        measures.at_least(part, "events overwritten: the ring wrapped", events["overwritten_count"], 1)
    else:
        measures.tell(part, "events overwritten", events["overwritten_count"], "")
    measures.tell(part, "events", round(events["recorded_count"] / truth["seconds"]), "events/s")
    for name in ("reads", "hits", "misses", "writes"):
        measures.equal(part, name, report["cache"][name], truth[name])
    if churn.mode == "threads":
        judge_spares(measures, part, report, truth)
    if churn.mode == "keys":
        templates = len(report["cache"]["templates"])
        measures.at_most(part, "templates kept", templates, 1024)


def judge_spares(measures, part, report, truth):
    spare = [site for site in report["heap"]["sites"]
             if any(frame["function"] == "use_spare" for frame in site["stack"])]
    expected = truth["sites"]["use_spare"]
    for name in ("allocated_count", "allocated_bytes", "live_count"):
        measures.equal(part, name + " of use_spare", sum(site[name] for site in spare), expected[name])


def run_pace(ground, measures, seconds):
    """Two threads near a million events a second, every one recorded, in the default ring."""
    part, captures = "pace: 2 threads", ground.subdirectory("pace-captures")
    extra = ground.shim(captures, sample="all")
    extra.pop("LEAKEY_RING", None)
    process = ground.start("pace", [ground.tool("tests/churn"), "pace", str(PACE)], extra)
    try:
        watch = Watch({"pace": process.pid}, seconds)
        watch.wait()
        watch.close()
        truth = grounds.truth_of(process)
    finally:
        process.end()
    report = ground.report("pace-report", captures)
    events = report["captures"][0]["events"]
    measures.tell(part, "events", round(events["recorded_count"] / truth["seconds"]), "events/s")
    measures.equal(part, "events dropped", events["dropped_count"], 0)
    judge_spares(measures, part, report, truth)
    measures.flat(part, "shim's private memory", *watch.series["pace"].of("shim"))


def run_forks(ground, measures, seconds):
    """A storm of forks, each child with a capture of its own; then a report of them all."""
    part, captures = "forks", ground.subdirectory("forks-captures")
    with ground.redis("forks-redis") as redis:
        process = ground.start("forks", [ground.tool("tests/churn"), "forks", redis], ground.shim(captures, sample="all"))
        try:
            watch = Watch({"forks": process.pid}, seconds)
            while not watch.is_over() and len(os.listdir(captures)) < CAPTURES_MOST:
                time.sleep(0.1)
            watch.close()
            truth = grounds.truth_of(process)
        finally:
            process.end()
    outcome = ground.leakey("forks-report", "report", "--format", "json", captures, watch_memory=True)
    report = json.loads(outcome.output)
    left = len(report["captures"])
    measures.equal(part, "captures of children", left - 1, truth["children"])
    measures.equal(part, "reads of all children", report["cache"]["reads"], truth["reads"])
    measures.equal(part, "events dropped", sum(each["events"]["dropped_count"] for each in report["captures"]), 0)
    measures.flat(part, "parent: shim's private memory", *watch.series["forks"].of("shim"),
                  slack_kib=ground.warm_up_kib())
    measures.steady(part, "parent: descriptors, more", *watch.series["forks"].of("descriptors"), 1)
    measures.tell(part, "report of them all", round(outcome.seconds, 2), "s")
    measures.at_most(part, "report of them all: memory", outcome.peak_anonymous_kib, REPORT_KIB + left * CAPTURE_KIB,
                     "KiB")
