# What services do with Redis, by Perl's Redis module. The truth is the server's own count.
# Usage: perl_redis.pl SOCKET
use strict;
use warnings;
use Redis;

my $ttl = 600;
my $redis = Redis->new(sock => $ARGV[0]);

sub expect {
    my ($what, $actual, $expected) = @_;
    return if !defined $actual && !defined $expected;
    die "$what is not as expected\n" if !defined $actual || !defined $expected || $actual ne $expected;
}

# A cache as it should be: a miss, a write, and hits ever after.
sub cached {
    my ($key, $value) = @_;
    my $found = $redis->get($key);
    if (!defined $found) {
        $redis->setex($key, $ttl, $value);
        $found = $value;
    }
    expect($key, $found, $value);
}

cached('answer:' . $_ % 20, 'value ' . $_ % 20) for 0 .. 59;
$redis->mset('label:0', 'text 0', 'label:1', 'text 1');
$redis->expire("label:$_", $ttl) for 0, 1;
expect('labels', join('|', map { $_ // 'nil' } $redis->mget('label:0', 'label:1', 'label:2')), 'text 0|text 1|nil');
$redis->hset('profile', name => 'Ada');
$redis->expire('profile', $ttl);
expect('profile', join('|', $redis->hgetall('profile')), 'name|Ada');
expect('no profile', scalar(my @none = $redis->hgetall('profile:none')), 0);

# Pipelined: with a callback nothing is waited for.
my $answers = 0;
for my $n (0 .. 199) {
    $redis->setex("piped:$n", $ttl, $n, sub { });
    $redis->get("piped:$n", sub { my ($found) = @_; expect("piped:$n", $found, $n); $answers++ });
}
$redis->wait_all_responses;
expect('piped', $answers, 200);

$redis->multi;
$redis->setex('balance', $ttl, 1);
$redis->incr('balance');
$redis->get('balance');
expect('balance', ($redis->exec)[2], 2);

for my $size (65535, 65537, 300_000, 2_000_000) {
    my $value = "x\r\n" x ($size / 3);
    $redis->setex("large:$size", $ttl, $value);
    expect("large:$size", $redis->get("large:$size"), $value) for 1 .. 3;
}

eval { $redis->incr('profile') };
die "INCR of a hash is no error\n" unless $@ =~ /WRONGTYPE/;

# A subscriber and a publisher in one process.
my $subscriber = Redis->new(sock => $ARGV[0]);
my $heard = 0;
$subscriber->subscribe('news', my $hear = sub { $heard++ });
$redis->publish('news', "headline $_") for 1 .. 20;
$subscriber->wait_for_messages(1) while $heard < 20;
$subscriber->unsubscribe('news', $hear);
$subscriber->quit;

$redis->select(3);
expect('database 3', $redis->get('answer:0'), undef);
$redis->setex('answer:0', $ttl, 'elsewhere');
expect('database 3', $redis->get('answer:0'), 'elsewhere');
$redis->select(0);
expect('database 0', $redis->get('answer:0'), 'value 0');
$redis->quit;
