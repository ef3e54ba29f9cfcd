"""leakey serve and leakey top beside processes that come and go: their own memory and descriptors."""
import contextlib
import os
import pty
import re
import subprocess
import threading
import time
import urllib.request

from harness.process import Failure, environment

from .watch import Watch

LIVES_SECONDS = 1.0
KEEP_SECONDS = 1       # that serve tells of a process that has ended
DESCRIPTORS_MEMBER = 8  # that serve has open for one process: so many more or less


def start_serve(ground, stack, captures):
    serve = ground.start("serve", [ground.tool("leakey"), "serve", "--listen", "127.0.0.1:0", "--keep",
                                    str(KEEP_SECONDS), captures])
    stack.callback(serve.end)
    address = []

    def listening():
        address[:] = re.findall(r"http://[0-9.:]+", serve.read(0) + serve.read(1))
        return address
    serve.wait_until(listening, 30, "its address")
    return serve, address[0] + "/metrics"


def start_top(ground, stack, pid):
    """On a terminal of its own, whose output nobody keeps."""
    master, slave = pty.openpty()
    top = subprocess.Popen([ground.tool("leakey"), "top", str(pid)], stdin=slave, stdout=slave, stderr=slave,
                           env=environment({"TERM": "xterm", "LINES": "40", "COLUMNS": "120"}), start_new_session=True)
    os.close(slave)

    def drain():
        with contextlib.suppress(OSError):
            while os.read(master, 65536):
                pass
    threading.Thread(target=drain, daemon=True).start()

    def end():
        top.kill()
        top.wait()
        os.close(master)
    stack.callback(end)
    return top


def come_and_go(ground, captures, url, watch):
    """One process after the other, each seen by a scrape while it runs; counts lives and scrapes."""
    lives = scrapes = seen = 0
    while not watch.is_over():
        process = ground.start("guest", [ground.tool("tests/churn"), "threads", "-"], ground.shim(captures))
        try:
            over = time.monotonic() + LIVES_SECONDS
            while time.monotonic() < over:
                time.sleep(0.2)
                with urllib.request.urlopen(url, timeout=60) as answer:
                    seen += ('pid="%d"' % process.pid).encode() in answer.read()
                scrapes += 1
            process.terminate()
            process.wait(120)
        finally:
            process.end()
        lives += 1
    return lives, scrapes, seen


def run(ground, measures, seconds):
    captures = ground.subdirectory("serve-captures")
    with contextlib.ExitStack() as stack:
        stays = ground.start("stays", [ground.tool("tests/churn"), "pace", "2000"], ground.shim(captures, sample="all"))
        stack.callback(stays.end)
        stays.wait_until(lambda: os.listdir(captures), 30, "its capture")
        serve, url = start_serve(ground, stack, captures)
        top = start_top(ground, stack, stays.pid)
        watch = Watch({"serve": serve.pid, "top": top.pid}, seconds)
        stack.callback(watch.close)
        lives, scrapes, seen = come_and_go(ground, captures, url, watch)
        watch.close()
        if top.poll() is not None:
            raise Failure("leakey top ended with status %d" % top.returncode)
    measures.tell("serve", "processes that came and went", lives, "")
    measures.tell("serve", "scrapes", scrapes, "")
    measures.at_least("serve", "scrapes that saw the guest", seen, 1)
    for name in ("serve", "top"):
        measures.flat(name, "private memory", *watch.series[name].of("host"), slack_kib=16 * ground.warm_up_kib())
        measures.steady(name, "descriptors, more", *watch.series[name].of("descriptors"), DESCRIPTORS_MEMBER)
