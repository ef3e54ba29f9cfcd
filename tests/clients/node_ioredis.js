// What services do with Redis, by ioredis. The truth is the server's own count.
// Usage: node_ioredis.js SOCKET
'use strict';
const assert = require('node:assert');
const Redis = require('ioredis');

const TTL = 600;

// A cache as it should be: a miss, a write, and hits ever after.
async function cached(client, key, value) {
    let found = await client.get(key);
    if (found === null) {
        await client.set(key, value, 'EX', TTL);
        found = value;
    }
    assert.strictEqual(found, value);
}

async function strings(client) {
    for (let n = 0; n < 60; n++) await cached(client, `answer:${n % 20}`, `value ${n % 20}`);
    await client.mset('label:0', 'text 0', 'label:1', 'text 1');
    await client.expire('label:0', TTL);
    await client.expire('label:1', TTL);
    assert.deepStrictEqual(await client.mget('label:0', 'label:1', 'label:2'), ['text 0', 'text 1', null]);
    await client.hset('profile', 'name', 'Ada');
    await client.expire('profile', TTL);
    assert.deepStrictEqual(await client.hgetall('profile'), { name: 'Ada' });
    assert.deepStrictEqual(await client.hgetall('profile:none'), {});
    const large = Buffer.alloc(2000000, 'x\r\n');
    await client.set('large', large, 'EX', TTL);
    for (let n = 0; n < 3; n++) assert.ok((await client.getBuffer('large')).equals(large));
}

async function pipelines(client) {
    const pipeline = client.pipeline();
    for (let n = 0; n < 200; n++) pipeline.set(`piped:${n}`, n, 'EX', TTL).get(`piped:${n}`);
    assert.deepStrictEqual((await pipeline.exec())[399], [null, '199']);
    const found = await client.multi().set('balance', 1, 'EX', TTL).incr('balance').get('balance').exec();
    assert.deepStrictEqual(found[2], [null, '2']);
    await Promise.all(Array.from({ length: 200 }, (_, n) => cached(client, `together:${n}`, `${n}`)));
    await assert.rejects(client.incr('profile'), /WRONGTYPE/);
}

async function publications(client) {
    const subscriber = client.duplicate();
    let heard = 0;
    await subscriber.subscribe('news');
    const all = new Promise((resolve) => {
        subscriber.on('message', () => {
            if (++heard === 20) resolve();
        });
    });
    for (let n = 0; n < 20; n++) await client.publish('news', `headline ${n}`);
    await all;
    await subscriber.unsubscribe();
    await subscriber.quit();
}

// The same names in another database are other keys.
async function otherDatabase(client, path) {
    const other = new Redis(path, { db: 3 });
    assert.strictEqual(await other.get('answer:0'), null);
    await other.set('answer:0', 'elsewhere', 'EX', TTL);
    assert.strictEqual(await other.get('answer:0'), 'elsewhere');
    assert.strictEqual(await client.get('answer:0'), 'value 0');
    await other.quit();
}

async function main() {
    const path = process.argv[2];
    const client = new Redis(path);
    for (const step of [strings, pipelines, publications]) await step(client);
    await otherDatabase(client, path);
    await client.quit();
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
