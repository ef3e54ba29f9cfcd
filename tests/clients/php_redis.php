<?php
// What services do with Redis, by PHP's redis extension. The truth is the server's own count.
// Usage: php_redis.php SOCKET
const TTL = 600;

function expect(string $what, $actual, $expected): void
{
    if ($actual !== $expected) {
        fwrite(STDERR, "$what is not as expected\n");
        exit(1);
    }
}

// A cache as it should be: a miss, a write, and hits ever after.
function cached(Redis $redis, string $key, string $value): void
{
    $found = $redis->get($key);
    if ($found === false) {
        $redis->setex($key, TTL, $value);
        $found = $value;
    }
    expect($key, $found, $value);
}

$redis = new Redis();
$redis->connect($argv[1]);
for ($n = 0; $n < 60; $n++) {
    cached($redis, 'answer:' . $n % 20, 'value ' . $n % 20);
}
$redis->mSet(['label:0' => 'text 0', 'label:1' => 'text 1']);
$redis->expire('label:0', TTL);
$redis->expire('label:1', TTL);
expect('labels', $redis->mGet(['label:0', 'label:1', 'label:2']), ['text 0', 'text 1', false]);
$redis->hSet('profile', 'name', 'Ada');
$redis->expire('profile', TTL);
expect('profile', $redis->hGetAll('profile'), ['name' => 'Ada']);
expect('no profile', $redis->hGetAll('profile:none'), []);

$pipeline = $redis->multi(Redis::PIPELINE);
for ($n = 0; $n < 200; $n++) {
    $pipeline->setex("piped:$n", TTL, "$n")->get("piped:$n");
}
expect('piped', $pipeline->exec()[399], '199');
expect('balance', $redis->multi()->setex('balance', TTL, '1')->incr('balance')->get('balance')->exec()[2], '2');

foreach ([65535, 65537, 300000, 2000000] as $size) {
    $value = str_repeat("x\r\n", intdiv($size, 3));
    $redis->setex("large:$size", TTL, $value);
    for ($n = 0; $n < 3; $n++) {
        expect("large:$size", $redis->get("large:$size"), $value);
    }
}
expect('an error', $redis->incr('profile'), false);

$redis->select(3);
expect('database 3', $redis->get('answer:0'), false);
$redis->setex('answer:0', TTL, 'elsewhere');
expect('database 3', $redis->get('answer:0'), 'elsewhere');
$redis->select(0);
expect('database 0', $redis->get('answer:0'), 'value 0');
$redis->close();
