# A perl workload for `make bench`: records are split, counted in hashes, joined, matched and sorted.
# Deterministic. Usage: workload.pl TURNS. An operation is a turn.
use strict;
use warnings;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

sub turn {
    my ($first) = @_;
    my (%count, @records);
    for my $n ($first .. $first + 99) {
        my $line = join ',', map { "field$_=" . ($n * $_ % 101) } 1 .. 6;
        my %record = map { split /=/ } split /,/, $line;
        $count{$record{$_}}++ for keys %record;
        push @records, {number => $n, line => $line, record => \%record};
    }
    my @ordered = sort { $a->{line} cmp $b->{line} } @records;
    my $text = join "\n", map { $_->{line} } @ordered;
    my $matches = () = $text =~ /field3=(\d+)/g;
    return $matches + keys %count;
}

my $turns = $ARGV[0];
turn(0);
my ($started, $total) = (clock_gettime(CLOCK_MONOTONIC), 0);
$total += turn($_ * 100) for 1 .. $turns;
my $seconds = clock_gettime(CLOCK_MONOTONIC) - $started;
die "workload.pl: lost records\n" if $total < $turns;
printf "operations %d\nns_per_op %.1f\n", $turns, $seconds * 1e9 / $turns;
