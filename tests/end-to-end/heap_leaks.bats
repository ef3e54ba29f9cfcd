#!/usr/bin/env bats
# Which sites are leaks and which are not: programs with a planted fault beside their healthy twins, every allocation
# recorded and sampled, against the truth that they print.

load planted

# in_each_mode PROGRAM [ARGUMENT...]: every allocation (all), sampled finely (fine) and by the default (coarse).
in_each_mode() {
    plant all all "$@"
    plant fine 16K "$@"
    plant coarse 512K "$@"
}

# wrapped PROGRAM [ARGUMENT...]: every allocation, while the ring wraps again and again.
wrapped() { LEAKEY_RING=1M plant wrapped all "$@" --noise 100; }

# truth_and_leaks [FUNCTION...]: whatever of these modes began says the truth, and calls leaks these functions alone.
truth_and_leaks() {
    local name
    reap
    for name in all fine coarse wrapped; do
        [ -e "$DIR/$name.json" ] || continue
        case $name in
        all | wrapped) exact "$name" ;;
        *) estimated "$name" ;;
        esac
        leaks_are "$name" "$@"
    done
    [ ! -e "$DIR/wrapped.json" ] || jqr "$DIR/wrapped.json" '.captures[0].events.overwritten_count > 0'
}

@test "two sites that leak at rates of their own are both found, and the busy one beside them is not" {
    in_each_mode two_sites
    truth_and_leaks forget_large forget_small
    # The larger leak comes first, and the pace is the truth's.
    jqr "$DIR/all.json" '.leaks[0].live_bytes > .leaks[1].live_bytes'
    jqr "$DIR/all.json" 'all(.leaks[]; .confidence_ratio > 0.9) and
        (.captures[0].duration_seconds as $seconds | all(.leaks[]; . as $leak |
            (.growth_bytes_per_second * $seconds / .live_bytes) | . > 0.8 and . < 1.25))'
}

@test "two sites: without the faults there is no leak and no finding" {
    in_each_mode two_sites --healthy
    truth_and_leaks
    jqr "$DIR/all.json" '.findings == []'
}

@test "memory that one thread allocates and another frees is no leak" {
    in_each_mode cross_thread_frees
    truth_and_leaks
}

@test "consumers that forget every tenth block of a producer are found by the producer's site" {
    in_each_mode cross_thread_frees --forgetful
    wrapped cross_thread_frees --forgetful
    truth_and_leaks produce_job
    jqr "$DIR/all.json" '.leaks[0].live_count == 300'
}

@test "buffers that grow by realloc to a bound, or are cleared again and again, are no leak" {
    plant one-bounded all realloc_growth one --bounded
    plant one-cleared all realloc_growth one --cleared
    plant many-bounded all realloc_growth many --bounded
    plant many-cleared all realloc_growth many --cleared
    plant sampled-bounded 4K realloc_growth many --bounded
    plant sampled-cleared 4K realloc_growth many --cleared
    reap
    for name in {one,many}-{bounded,cleared}; do
        exact "$name"
        leaks_are "$name"
    done
    for name in sampled-{bounded,cleared}; do
        estimated "$name"
        leaks_are "$name"
    done
}

@test "realloc frees the old bytes and allocates the new ones, and is never temporary" {
    plant one all realloc_growth one
    plant many all realloc_growth many
    LEAKEY_RING=1M plant wrapped all realloc_growth many --noise 100
    plant sampled 4K realloc_growth many
    reap
    exact one
    exact many
    exact wrapped
    estimated sampled
    jqr "$DIR/one.json" "$REPORTED"' total("append"; "live_count") == 1 and total("append"; "live_bytes") == 120000000'
}

@test "tables that are built before the first request and kept are no leak" {
    in_each_mode startup_tables at-once
    truth_and_leaks
}

@test "tables that are built during the first fifth of the run are no leak" {
    in_each_mode startup_tables ramp
    truth_and_leaks
}

@test "tables that are built on their first use are no leak" {
    in_each_mode startup_tables lazy
    wrapped startup_tables lazy
    truth_and_leaks
}

@test "a bounded cache, a pool and a doubling table that level off are no leak" {
    in_each_mode bounded_cache
    wrapped bounded_cache
    truth_and_leaks
}

@test "the same cache without its bound is a leak, and its neighbours are not" {
    in_each_mode bounded_cache --unbounded
    wrapped bounded_cache --unbounded
    truth_and_leaks insert_entry
}

@test "a leak inside inlined templates is named by each inlined level, with its line" {
    in_each_mode inlined_templates
    truth_and_leaks 'serve_request(unsigned int)'
    for name in all coarse; do
        jqr "$DIR/$name.json" '.leaks[0].site.stack[0:5] | map(.inlined) == [true, true, true, false, false]'
        jqr "$DIR/$name.json" '.leaks[0].site.stack[0:4] | map(.line) == $truth[0].lines' \
            --slurpfile truth "$DIR/$name.log"
        jqr "$DIR/$name.json" '.leaks[0].site.stack[0:4] | all(.file | endswith("tests/programs/inlined_templates.cc"))'
        jqr "$DIR/$name.json" '.leaks[0].site.stack[0:4] | map(.function) |
            (.[0] | startswith("store::Arena<130000") and endswith("::grow()")) and
            (.[1] | contains("store::Index<unsigned long, store::Arena<130000") and
                endswith("::insert<float>(unsigned long, float)")) and
            (.[2] | contains("remember<store::Index<unsigned long, store::Arena<130000")) and
            .[3] == "serve_request(unsigned int)"'
    done
}

@test "one buffer that grows by realloc for ever is a leak, though its count stays 1" {
    in_each_mode realloc_growth one
    wrapped realloc_growth one
    truth_and_leaks append
    jqr "$DIR/all.json" '.leaks[0].live_count == 1 and .leaks[0].confidence_ratio > 0.9'
}

@test "forty buffers that grow by realloc for ever are a leak, though their count stays 40" {
    in_each_mode realloc_growth many
    wrapped realloc_growth many
    truth_and_leaks append
}
