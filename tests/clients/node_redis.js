// What services do with Redis, by node-redis. The truth is the server's own count.
// Usage: node_redis.js SOCKET [MODULE [RESP-VERSION]]
'use strict';
const assert = require('node:assert');
const [path, module_name = 'redis', version] = process.argv.slice(2);
const { createClient } = require(module_name);

const TTL = 600;

async function connected(options) {
    const protocol = version === undefined ? {} : { RESP: Number(version) };
    const client = createClient({ socket: { path }, ...protocol, ...options });
    client.on('error', (error) => {
        throw error;
    });
    await client.connect();
    return client;
}

// A cache as it should be: a miss, a write, and hits ever after.
async function cached(client, key, value) {
    let found = await client.get(key);
    if (found === null) {
        await client.set(key, value, { EX: TTL });
        found = value;
    }
    assert.strictEqual(found, value);
}

async function strings(client) {
    for (let n = 0; n < 60; n++) await cached(client, `answer:${n % 20}`, `value ${n % 20}`);
    await client.mSet({ 'label:0': 'text 0', 'label:1': 'text 1' });
    await client.expire('label:0', TTL);
    await client.expire('label:1', TTL);
    assert.deepStrictEqual(await client.mGet(['label:0', 'label:1', 'label:2']), ['text 0', 'text 1', null]);
    await client.setEx('empty', TTL, '');
    assert.strictEqual(await client.get('empty'), '');
    await client.del('label:0');
}

async function structures(client) {
    await client.hSet('profile', { name: 'Ada', city: 'London' });
    assert.strictEqual((await client.hGetAll('profile')).city, 'London');
    assert.deepStrictEqual({ ...(await client.hGetAll('profile:none')) }, {});
    await client.rPush('queue', ['one', 'two']);
    assert.deepStrictEqual(await client.lRange('queue', 0, -1), ['one', 'two']);
    for (const key of ['profile', 'queue']) await client.expire(key, TTL);
}

// What one turn of the event loop asks for goes out together; a transaction among it.
async function together(client) {
    await Promise.all(Array.from({ length: 200 }, (_, n) => cached(client, `together:${n}`, `${n}`)));
    await Promise.all(Array.from({ length: 200 }, (_, n) => cached(client, `together:${n}`, `${n}`)));
    const found = await client.multi().set('balance', '1', { EX: TTL }).incr('balance').get('balance').exec();
    assert.deepStrictEqual(found, ['OK', 2, '2']);
}

async function largeValues(client) {
    for (const size of [65535, 65537, 300000, 2000000]) {
        const value = 'é\r\n'.repeat(size / 4);
        await client.set(`large:${size}`, value, { EX: TTL });
        for (let n = 0; n < 3; n++) assert.ok((await client.get(`large:${size}`)) === value);
    }
    const all = await Promise.all(Array.from({ length: 12 }, () => client.get('large:300000')));
    assert.ok(all.every((one) => one.length === 225000));
}

async function errors(client) {
    await assert.rejects(client.incr('profile'), /WRONGTYPE/);
    await assert.rejects(client.sendCommand(['SETEX', 'answer:1', '0', '']), /invalid expire/);
}

async function publications(client) {
    const subscriber = await connected({});
    let heard = 0;
    const all = new Promise((resolve) => {
        subscriber.subscribe('news', () => {
            if (++heard === 20) resolve();
        });
    });
    await subscriber.pSubscribe('sports.*', () => {});
    for (let n = 0; n < 20; n++) {
        await client.publish('news', `headline ${n}`);
        await cached(client, `answer:${n}`, `value ${n}`);
    }
    await all;
    await subscriber.unsubscribe('news');
    await subscriber.pUnsubscribe('sports.*');
    await subscriber.quit();
}

// The same names in another database are other keys.
async function otherDatabase(client) {
    const other = await connected({ database: 3 });
    assert.strictEqual(await other.get('answer:0'), null);
    await other.set('answer:0', 'elsewhere', { EX: TTL });
    assert.strictEqual(await other.get('answer:0'), 'elsewhere');
    assert.strictEqual(await client.get('answer:0'), 'value 0');
    await other.select(5);
    assert.strictEqual(await other.get('answer:0'), null);
    await other.quit();
}

async function main() {
    const client = await connected({});
    for (const step of [strings, structures, together, largeValues, errors, publications]) await step(client);
    await otherDatabase(client);
    await client.quit();
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
