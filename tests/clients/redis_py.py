"""What services do with Redis, by redis-py in each of its ways. The truth is the server's own count.

Usage: redis_py.py sync|hiredis|asyncio|uvloop URL [CA-FILE]

sync is blocking with the parser in Python, hiredis blocking with the parser in C; asyncio has the parser in Python,
uvloop the one in C. Each step is one piece of code for all ways: what is called is awaited when it can be.
"""

import asyncio
import concurrent.futures
import inspect
import sys

import redis
import redis.asyncio
import redis.asyncio.connection
import redis.connection

WORKERS, ROUNDS, TTL = 8, 40, 600
LARGE = (64 * 1024 - 1, 64 * 1024 + 1, 300_000, 1_100_000)  # redis-py sends what is long in several pieces


async def done(result):
    return await result if inspect.isawaitable(result) else result


def expect(what, actual, expected):
    if actual != expected:
        raise SystemExit(f"redis_py.py: {what} is {actual!r}, not {expected!r}")


async def cached(client, key, value):
    """A cache as it should be: a miss, a write, and hits ever after."""
    found = await done(client.get(key))
    if found is None:
        await done(client.set(key, value, ex=TTL))
        found = value
    expect(key, found, value)


async def strings(client):
    for n in range(60):
        await cached(client, f"answer:{n % 20}", b"value %d" % (n % 20))
    await done(client.mset({f"label:{n}": b"text %d" % n for n in range(6)}))
    for n in range(6):
        await done(client.expire(f"label:{n}", TTL))
    found = await done(client.mget([f"label:{n}" for n in range(9)]))
    expect("labels", found, [b"text %d" % n for n in range(6)] + [None] * 3)
    await done(client.setex("empty", TTL, ""))
    expect("empty", await done(client.get("empty")), b"")
    await done(client.append("label:0", b" and more"))
    expect("label:0", await done(client.get("label:0")), b"text 0 and more")
    await done(client.delete("label:0", "label:1"))
    expect("label:0", await done(client.get("label:0")), None)


async def structures(client):
    await done(client.hset("profile", mapping={"name": "Ada", "city": "London"}))
    expect("profile", await done(client.hgetall("profile")), {b"name": b"Ada", b"city": b"London"})
    expect("a field", await done(client.hget("profile", "name")), b"Ada")
    expect("no profile", await done(client.hgetall("profile:none")), {})
    await done(client.rpush("queue", "one", "two", "three"))
    expect("queue", await done(client.lrange("queue", 0, -1)), [b"one", b"two", b"three"])
    await done(client.sadd("tags", "a", "b"))
    expect("tags", await done(client.smembers("tags")), {b"a", b"b"})
    for key in ("profile", "queue", "tags"):
        await done(client.expire(key, TTL))


async def large_values(client):
    for size in LARGE:
        value = bytes(range(256)) * (size // 256) + b"\r\n" * ((size % 256) // 2)
        await done(client.set(f"large:{size}", value, ex=TTL))
        for _ in range(3):
            expect(f"large:{size}", await done(client.get(f"large:{size}")) == value, True)
    large = b"x" * LARGE[2]
    pipeline = client.pipeline(transaction=False)
    for n in range(4):
        pipeline.set(f"piece:{n}", large, ex=TTL).get(f"piece:{n}").get(f"answer:{n}")
    found = await done(pipeline.execute())
    expect("pieces", [value == large for value in found[1::3]], [True] * 4)


async def pipelines(client):
    pipeline = client.pipeline(transaction=False)
    for n in range(100):
        pipeline.set(f"piped:{n}", n, ex=TTL)
        pipeline.get(f"piped:{n}")
    expect("piped", (await done(pipeline.execute()))[1::2], [b"%d" % n for n in range(100)])
    pipeline = client.pipeline(transaction=True)
    pipeline.set("balance", 10, ex=TTL).incr("balance").get("balance").get("balance:none").hgetall("profile")
    expect("balance", (await done(pipeline.execute()))[1:4], [11, b"11", None])


async def bulk_load(fresh):
    """A connection's very first use is a pipeline, and no answer is read before all of it is sent."""
    pipeline = fresh.pipeline(transaction=False)
    for n in range(1500):
        pipeline.set(f"loaded:{n}", b"x" * 400, ex=TTL)
    for n in range(1500):
        pipeline.get(f"loaded:{n}")
    expect("loaded", set((await done(pipeline.execute()))[1500:]), {b"x" * 400})


async def transaction(client):
    pipeline = client.pipeline(transaction=True)
    await done(pipeline.watch("balance"))
    balance = int(await done(pipeline.get("balance")))
    pipeline.multi()
    pipeline.set("balance", balance + 1, ex=TTL)
    expect("a watched transaction", await done(pipeline.execute()), [True])


async def errors(client):
    pipeline = client.pipeline(transaction=False)
    pipeline.incr("profile").get("answer:0").lpush("answer:0", "").get("answer:1")
    found = await done(pipeline.execute(raise_on_error=False))
    expect("errors", [isinstance(one, redis.ResponseError) for one in found], [True, False, True, False])
    pipeline = client.pipeline(transaction=True)
    pipeline.incr("tags").get("answer:2")
    found = await done(pipeline.execute(raise_on_error=False))
    expect("an error in a transaction", [isinstance(one, redis.ResponseError) for one in found], [True, False])
    try:
        await done(client.execute_command("SETEX", "answer:3", "0", ""))
        expect("an expiry of 0", "accepted", "refused")
    except redis.ResponseError:
        pass


async def scripts(client):
    expect("a script", await done(client.eval("return redis.call('SET', KEYS[1], ARGV[1])", 1, "scripted", "1")), b"OK")
    await done(client.expire("scripted", TTL))


async def publications(client):
    """A subscriber and a publisher in one process."""
    subscriber = client.pubsub()
    await done(subscriber.subscribe("news"))
    await done(subscriber.psubscribe("sports.*"))
    for n in range(20):
        await done(client.publish("news", f"headline {n}"))
        await done(client.publish("sports.chess", "e4"))
        await cached(client, f"answer:{n}", b"value %d" % n)
    heard = 0
    while heard < 40:
        message = await done(subscriber.get_message(ignore_subscribe_messages=True, timeout=5))
        heard += message is not None
    await done(subscriber.unsubscribe())
    await done(subscriber.punsubscribe())
    while subscriber.subscribed:  # until the server has done it: else it may see the end first
        await done(subscriber.get_message(ignore_subscribe_messages=True, timeout=5))
    await done(subscriber.close())


async def other_database(client, other):
    """The same names in another database are other keys."""
    expect("database 3", await done(other.get("answer:0")), None)
    await done(other.set("answer:0", "elsewhere", ex=TTL))
    expect("database 3", await done(other.get("answer:0")), b"elsewhere")
    expect("database 0", await done(client.get("answer:0")), b"value 0")
    one = other.client()
    if inspect.isawaitable(one):
        one = await one
    await done(one.execute_command("SELECT", 5))
    expect("database 5", await done(one.get("answer:0")), None)
    await done(one.set("answer:0", "in the fifth", ex=TTL))
    expect("database 5", await done(one.get("answer:0")), b"in the fifth")
    await done(one.execute_command("SELECT", 3))
    await done(one.close())


async def worker(client, number):
    for n in range(ROUNDS):
        await cached(client, f"worker:{number}:{n % 10}", b"%d" % n if n < 10 else b"%d" % (n % 10))
        await cached(client, f"shared:{number % 2}:{number}", b"shared")


async def everything(client, other):
    await bulk_load(client)
    for step in (strings, structures, large_values, pipelines, transaction, errors, scripts, publications):
        await step(client)
    await other_database(client, other)


def run_now(coroutine):
    """Of what never waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise SystemExit("redis_py.py: a blocking client waits")


def blocking(url, parser, **options):
    client, other = (
        redis.Redis(connection_pool=redis.ConnectionPool.from_url(f"{url}{database}", parser_class=parser, **options))
        for database in (0, 3)
    )
    run_now(everything(client, other))
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        for _ in pool.map(lambda number: run_now(worker(client, number)), range(WORKERS)):
            pass
    client.close()
    other.close()


async def asynchronous(url, parser, **options):
    client, other = (
        redis.asyncio.Redis(
            connection_pool=redis.asyncio.ConnectionPool.from_url(f"{url}{database}", parser_class=parser, **options)
        )
        for database in (0, 3)
    )
    await everything(client, other)
    await asyncio.gather(*(worker(client, number) for number in range(WORKERS)))
    for one in (client, other):
        await one.close()
        await one.connection_pool.disconnect()


def main():
    way, url = sys.argv[1:3]
    options = {"ssl_ca_certs": sys.argv[3]} if len(sys.argv) > 3 else {}
    if way == "sync":
        blocking(url, redis.connection.PythonParser, **options)
    elif way == "hiredis":
        blocking(url, redis.connection.HiredisParser, **options)
    elif way == "asyncio":
        asyncio.run(asynchronous(url, redis.asyncio.connection.PythonParser, **options))
    elif way == "uvloop":
        import uvloop

        uvloop.install()
        asyncio.run(asynchronous(url, redis.asyncio.connection.HiredisParser, **options))
    else:
        raise SystemExit(__doc__)


main()
