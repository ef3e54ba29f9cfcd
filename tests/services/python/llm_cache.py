"""The frame of the LLM cache service in Python: options, the way of a request, refresh schedule, a clean end.

The same service as ../common is in C, with the same options, for the same load: FastAPI on uvicorn answers, redis-py
asks Redis, hashlib makes the keys. What differs before and after the refactor is in llm_cache_before.py and
llm_cache_after.py, each a Service with the methods that raise NotImplementedError here.
"""

import argparse
import hashlib
import json
import threading
import time
import uuid

import fastapi
import fastapi.concurrency
import redis
import uvicorn

import model
import stats

ANSWER_TTL_SECONDS = 3600


class Request:
    def __init__(self, body):
        self.content = json.loads(body)
        if not isinstance(self.content, dict) or not isinstance(self.content.get("prompt"), str):
            raise ValueError("not a completion request")
        self.id = str(uuid.uuid4())
        self.received_unix_ms = time.time_ns() // 1_000_000


class Service:
    def __init__(self, options):
        self.options = options
        self.redis = redis.Redis(unix_socket_path=options.redis)
        self.ending = threading.Event()

    def derive_key(self, request):
        """The text whose digest tells requests apart."""
        raise NotImplementedError

    def answered_anew(self, completion):
        """The model was asked, and said this."""
        raise NotImplementedError

    def refresh(self):
        """Called once a refresh period, on a thread of its own. False when it was cut short."""
        raise NotImplementedError

    def pause(self, seconds):
        """False when the service is about to end."""
        return not self.ending.wait(seconds)

    def lookup(self, key):
        answer = self.redis.get(key)
        stats.count("reads")
        stats.count("misses" if answer is None else "hits")
        return answer

    def store(self, key, answer):
        self.redis.setex(key, ANSWER_TTL_SECONDS, answer)
        stats.count("writes")

    def complete(self, request):
        """The answer, and whether it was cached. On a thread of the pool."""
        stats.count("requests")
        stats.count_input(model.normal_form(request.content))
        key = "llm:" + hashlib.sha256(self.derive_key(request).encode()).hexdigest()
        answer = self.lookup(key)
        if answer is not None:
            return answer, True
        completion = model.complete(request.content, self.options.model_ms)
        self.store(key, completion.answer)
        self.answered_anew(completion)
        return completion.answer, False


def refresh_periodically(service):
    due = time.monotonic() + service.options.refresh_seconds
    while service.pause(max(0, due - time.monotonic())):
        if service.refresh():
            stats.count("refreshes")
        due += service.options.refresh_seconds


def application(service):
    app = fastapi.FastAPI()

    @app.get("/healthz")
    async def healthz():
        return {"status": "ok"}

    @app.post("/v1/completions")
    async def completions(request: fastapi.Request):
        try:
            parsed = Request(await request.body())
        except ValueError as error:
            raise fastapi.HTTPException(400, str(error)) from error
        answer, cached = await fastapi.concurrency.run_in_threadpool(service.complete, parsed)
        headers = {"X-Request-Id": parsed.id, "X-Cache": "hit" if cached else "miss"}
        return fastapi.Response(answer, media_type="application/json", headers=headers)

    return app


def parse_options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", required=True, help="serve HTTP on this unix socket")
    parser.add_argument("--redis", required=True, help="unix socket of the Redis server that holds the answers")
    parser.add_argument("--refresh-seconds", type=float, default=30, help="period of the answer index's refresh")
    parser.add_argument("--model-ms", type=float, default=5, help="CPU time of one completion")
    return parser.parse_args()


def run(service_class):
    """Serves until SIGTERM or SIGINT, then prints the books."""
    options = parse_options()
    service = service_class(options)
    refresher = threading.Thread(target=refresh_periodically, args=(service,))
    refresher.start()
    uvicorn.Server(uvicorn.Config(application(service), uds=options.socket, log_level="warning")).run()
    service.ending.set()
    refresher.join()
    service.redis.close()
    stats.show()
