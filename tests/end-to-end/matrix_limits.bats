#!/usr/bin/env bats
# The fault matrix: what processes run out of, and what is taken from them.

load lib
load matrix

program() { echo "$ROOT/build/tests/$1"; }

# --- a capture cut by another hand while the process runs

# What is left says how much of it is missing, or that it is no capture; what a child recorded is whole.
was_cut() { # DIRECTORY
    local capture cut=0
    for capture in "$1"/*.leakey; do
        if leakey check "$capture" >"$DIR/check" 2>&1; then
            leakey report --format json -o "$DIR/row.json" "$capture" || return
            grep -q 'the file ends early' "$DIR/check" || continue
            jqr "$DIR/row.json" '.captures[0].end == "unknown"' || return
            cut=$((cut + 1))
        else
            grep -qE 'is empty|not a leakey capture|cut off within its header' "$DIR/check" || {
                cat "$DIR/check"
                return 1
            }
            cut=$((cut + 1))
        fi
    done
    [ $cut -eq 1 ] || {
        echo "$cut captures in $1 were cut"
        return 1
    }
}

# cut_row SIZE HOW: the program cuts its capture, which the shim says in one line.
cut_row() {
    local mode
    ROW_CAPTURES=was_cut ROW_SAME='/^leakey: nothing more is recorded: the capture was cut by another hand$/d' \
        row "$(program cut_capture)" "$@" || return
    for mode in 4K all; do
        [ "$(grep -c '^leakey: nothing more is recorded: ' "$DIR/$mode.err")" -eq 1 ] || {
            echo "cut_capture $* ($mode): what it said: $(<"$DIR/$mode.err")"
            return 1
        }
    done
}

@test "the capture cut to nothing and to half while the process works" {
    for size in 0 half; do
        cut_row $size work
        [ "$ROW_STATUS" -eq 0 ]
    done
}

@test "the capture cut while four threads work, and while a child by fork is to come" {
    cut_row 0 threads
    [ "$ROW_STATUS" -eq 0 ]
    cut_row 0 forks
    [ "$ROW_STATUS" -eq 0 ]
    grep -qx 'child 7' "$DIR/all.out"
    [ "$(find "$DIR/all.captures" -name '*.leakey' -size +64k | wc -l)" -eq 1 ] # the child's own
}

@test "the capture cut and made as long again" {
    cut_row 0 longer
    [ "$ROW_STATUS" -eq 0 ]
}

any_captures() { true; }

@test "the capture overwritten with noise" {
    ROW_CAPTURES=any_captures ROW_SAME='/^leakey: /d' row "$(program cut_capture)" 0 overwritten
    [ "$ROW_STATUS" -eq 0 ]
    run leakey check "$DIR"/all.captures/*.leakey
    [ "$status" -eq 2 ]
}

@test "the capture cut in a host with a SIGBUS handler: its own faults still reach it" {
    cut_row 0 handled
    [ "$ROW_STATUS" -eq 0 ]
    grep -qx 'handled 2' "$DIR/all.out"
    cut_row 0 later
    [ "$ROW_STATUS" -eq 0 ]
    grep -qx 'handled 2' "$DIR/all.out"
}

@test "the capture cut in a host without one: its own SIGBUS still ends it" {
    cut_row 0 fault
    [ "$ROW_STATUS" -eq 135 ]
    cut_row 0 killed
    [ "$ROW_STATUS" -eq 135 ]
}

@test "SIGBUS is set, asked for and delivered as without the shim" {
    row "$(program bus_dispositions)"
    [ "$ROW_STATUS" -eq 0 ]
    [ "$(grep -c '^  three: 7, on the alternate stack' "$DIR/all.out")" -ge 8 ]
    [ "$(grep -c '^  ended by 7' "$DIR/all.out")" -ge 20 ]
}

# --- limits of the process

# limit_row MESSAGE COMMAND...: what the shim says once, with the reason, or "" for nothing.
limit_row() {
    local mode message=$1
    shift
    ROW_SAME="/^leakey: /d; ${ROW_SAME:-}" row "$@" || return
    for mode in 4K all; do
        same_text "what the shim said ($mode)" "${message:+leakey: $message}" "$(grep '^leakey: ' "$DIR/$mode.err")" || return
    done
}

# What could not be written is counted.
dropped() { # MODE
    row_counts "$1" 'any(.captures[]; .events | .dropped_count + .overwritten_count > 0)'
}

lost_blocks() { # MODE: of lose_block, at all
    jq '[.heap.sites[] | select(any(.stack[]; .function == "lose_block")) | .allocated_count] | add // 0' "$DIR/$1.json"
}

@test "a file-size limit, with SIGXFSZ at its default: from the start, on the way, and of stderr" {
    limit_row 'nothing is recorded: file size limit' "$(program limited)" fsize=524288
    [ "$ROW_STATUS" -eq 0 ]
    grep -qx 'a larger file: EFBIG' "$DIR/all.out"
    ROW_SAME='/^leakey: the capture cannot grow/d' row "$(program limited)" after fsize=1048576
    [ "$ROW_STATUS" -eq 0 ]
    grep -qx 'leakey: the capture cannot grow, newer events are dropped: file size limit' "$DIR/all.err"
    dropped all
    # The line itself finds no room.
    # shellcheck disable=SC2016  # for the sh that starts it
    row sh -c 'head -c 4096 /dev/zero >large; "$1" fsize=1024 2>>large; echo $?; wc -c <large' sh "$(program limited)"
    grep -qx 4096 "$DIR/all.out"
    grep -qx 0 "$DIR/all.out"
}

@test "descriptors: a limit of 3 and of 4" {
    limit_row 'nothing is recorded: too many open files' "$(program limited)" nofile=3
    [ "$ROW_STATUS" -eq 0 ]
    grep -qx 'a descriptor: EMFILE' "$DIR/all.out"
    limit_row '' "$(program limited)" nofile=4
    [ "$ROW_STATUS" -eq 0 ]
    grep -qx 'descriptors from 3 to 3' "$DIR/all.out"
    [ "$(lost_blocks all)" -eq 4000 ]
    limit_row '' "$(program limited)" after nofile=4
    [ "$(lost_blocks all)" -eq 4100 ]
}

# What the host gets of a limited memory: three quarters of what it would get at least.
memory_row() {
    local plain mode
    ROW_SAME='/^memory: /d' row "$@" || return
    [ "$ROW_STATUS" -eq 0 ] || return
    plain=$(sed -n 's/^memory: \([0-9]*\) MiB/\1/p' "$DIR/plain.err")
    for mode in 4K all; do
        sed -n 's/^memory: \([0-9]*\) MiB/\1/p' "$DIR/$mode.err" | awk -v plain="$plain" -v mode=$mode \
            '$1 * 4 < plain * 3 || plain < 1 { print mode ": of " plain " MiB " $1; exit 1 }' || return
    done
    [ "$(lost_blocks all)" -eq 4000 ] || {
        echo "$*: lost blocks: $(lost_blocks all)"
        return 1
    }
}

@test "limited address space and limited data: recorded, and nearly all is left to the host" {
    memory_row prlimit --as=$((1 << 30)) "$(program limited)" as=$((1 << 30))
    memory_row prlimit --data=$((64 << 20)) "$(program limited)" data=$((64 << 20))
}

@test "an address space too tight to record anything" {
    limit_row 'nothing is recorded: not enough memory' prlimit --as=$((12 << 20)) "$(program limited)"
    [ "$ROW_STATUS" -eq 0 ]
}

@test "no locked memory, no more processes, a stack of 64 KiB, no queued signals" {
    row setpriv --reuid=65534 --regid=65534 --clear-groups "$(program limited)" memlock=0 nproc=1 stack=65536 sigpending=0
    [ "$ROW_STATUS" -eq 0 ]
    grep -qx 'locked memory: EPERM' "$DIR/all.out"
    grep -q "^threads' stacks: .*, 11$" "$DIR/all.out"
    [ "$(lost_blocks all)" -eq 4000 ]
}

# --- disks

# A file system of its own for the captures at $DISK: mount_disk TYPE OPTIONS.
mount_disk() {
    DISK=$DIR/disk
    mkdir -p "$DISK"
    mount -t "$1" -o "$2" leakey-test "$DISK" 2>/dev/null || skip_loud "no $1 can be mounted here"
}

teardown() {
    ! mountpoint -q "$DIR/disk" || umount -l "$DIR/disk"
    lib_teardown
}

@test "a disk that is full from the start" {
    mount_disk tmpfs size=64k
    limit_row 'nothing is recorded: no space left on device' env LEAKEY_OUTPUT="$DISK" "$(program limited)"
    [ "$ROW_STATUS" -eq 0 ]
    [ -z "$(ls -A "$DISK")" ]
}

# The latest capture there, that of the run with every allocation: its report is $DIR/all.json.
latest_capture() { # DIRECTORY
    local capture
    capture=$(find "$1" -name '*.leakey' -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d ' ' -f 2)
    leakey report --format json -o "$DIR/all.json" "$capture"
}

@test "a disk that fills up while the process works, and has room again" {
    mount_disk tmpfs size=6m
    ROW_SAME='/^leakey: the capture cannot grow, newer events are dropped: no space left on device$/d' \
        row env LEAKEY_OUTPUT="$DISK" "$(program full_disk)" 1
    [ "$ROW_STATUS" -eq 0 ]
    [ "$(grep -c '^leakey: ' "$DIR/all.err")" -eq 1 ]
    row_captures "$DISK"
    latest_capture "$DISK"
    dropped all
    [ "$(lost_blocks all)" -eq 100 ]
    # New tables and segments: there is room again.
    row_counts all '[.heap.sites[] | select(any(.stack[]; .function == "lose_later")) | .allocated_count] | add == 500'
    row_counts all '.captures[0].end == "exit"'
}

@test "a file system without fallocate" {
    mount_disk ramfs mode=700
    limit_row '' env LEAKEY_OUTPUT="$DISK" "$(program limited)"
    [ "$ROW_STATUS" -eq 0 ]
    row_captures "$DISK"
    latest_capture "$DISK"
    [ "$(lost_blocks all)" -eq 4000 ]
}

@test "a missing, read-only or unwritable directory, and a read-only file system" {
    local mode
    mount_disk tmpfs size=64k,ro
    mkdir -m 700 "$DIR/locked"
    # shellcheck disable=SC2016  # for the sh that starts them
    ROW_SAME='/^leakey: nothing is recorded: /d' row sh -c 'program=$1 locked=$2; shift 2
        for LEAKEY_OUTPUT; do "$program"; echo $?; done
        LEAKEY_OUTPUT=$locked setpriv --reuid=65534 --clear-groups "$program"; echo $?' \
        sh "$(program limited)" "$DIR/locked" "$DIR/missing" /dev/null /proc "$DISK"
    same_text "exit statuses" "0 0 0 0 0" "$(grep -x '[0-9]*' "$DIR/all.out" | xargs)"
    for mode in 4K all; do
        same_text "what the shim said ($mode)" "$(printf 'leakey: nothing is recorded: %s\n' 'no such directory' \
            'not a directory' 'no such directory' 'read-only file system' 'permission denied')" "$(<"$DIR/$mode.err")"
    done
}

@test "the capture unlinked, its directory removed or renamed, while the process works" {
    for how in unlinked removed renamed; do
        rm -rf "$DIR"/was.*
        # shellcheck disable=SC2016  # for the sh that starts it
        ROW_SAME='/^leakey: nothing is recorded: no such directory$/d' row sh -c \
            'mkdir ../place; export LEAKEY_OUTPUT="$PWD/../place"; "$1" "$2"; status=$?
            for place in ../place ../place.elsewhere; do [ ! -d $place ] || mv $place "../was.${PWD##*/}"; done
            exit $status' \
            sh "$(program loses_its_capture)" $how
        [ "$ROW_STATUS" -eq 0 ]
        # Of a removed directory only the child knows, which would make a capture of its own.
        [ "$how" = unlinked ] || grep -qx 'leakey: nothing is recorded: no such directory' "$DIR/all.err"
    done
    # What was recorded before and after went to one file.
    latest_capture "$DIR/was.all"
    [ "$(lost_blocks all)" -eq 2000 ]
    row_counts all '.captures[0].end == "exit" and .captures[0].events.dropped_count == 0'
}

@test "the capture unlinked after the process closed every descriptor" {
    # shellcheck disable=SC2016  # for the sh that starts it
    ROW_SAME='/^leakey: the capture cannot grow/d' row sh -c \
        'mkdir -p ../place; LEAKEY_OUTPUT="$PWD/../place" "$1" unlinked closed' sh "$(program loses_its_capture)"
    [ "$ROW_STATUS" -eq 0 ]
    grep -qx 'leakey: the capture cannot grow, newer events are dropped: the file is gone' "$DIR/all.err"
}

# --- seccomp

# Each refused by itself, from before the program begins: to the loader, libc and the shim alike.
filtered_row() { # ERRNO REASON CALL...
    local mode errno=$1 reason=$2 calls=("${@:3}")
    # shellcheck disable=SC2016  # for the sh that starts them
    ROW_SAME='/^leakey: nothing is recorded: /d' row sh -c 'program=$1 refusal=$2; shift 2
        for call; do "$program" start $refusal $call; done; "$program" start $refusal "$@"' \
        sh "$(program filtered)" "$errno" "${calls[@]}" openat-create mmap-shared || return
    [ "$ROW_STATUS" -eq 0 ] || return
    [ "$(grep -cx 'refused 1' "$DIR/all.out")" -eq $((${#calls[@]} + 2)) ] || return
    grep -qx "refused $((${#calls[@]} + 2))" "$DIR/all.out" || return
    # Only these two cannot be done without. Where poll is refused too, nothing is said: it might wait.
    for mode in 4K all; do
        same_text "what the shim said ($mode)" "$(yes "leakey: nothing is recorded: $reason" | head -n 2)" "$(<"$DIR/$mode.err")" ||
            return
    done
    [ "$(lost_blocks all)" -eq $((1000 * ${#calls[@]})) ]
}

@test "seccomp: each call that the shim would like refused with EPERM" {
    filtered_row EPERM 'not permitted' fallocate fchmod fcntl ftruncate getpid getrandom gettid madvise membarrier \
        memfd_create poll prlimit64 process_vm_readv pwrite64 readlink rseq rt_sigaction sched_yield statx unlink
}

@test "seccomp: calls that an old kernel has not refused with ENOSYS" {
    filtered_row ENOSYS 'the system call is not to be had' fallocate getrandom madvise poll prlimit64
}

@test "seccomp after start: any call that kills but the program's own, gettid, getpid and getsockopt" {
    row "$(program filtered)" later kill brk clone3 exit exit_group futex ioctl madvise mmap mprotect munmap newfstatat rseq \
        rt_sigprocmask set_robust_list write gettid getpid getsockopt
    [ "$ROW_STATUS" -eq 0 ]
    [ "$(lost_blocks all)" -eq 2200 ]
    # The filter is there: without write it ends the process.
    run "$(program filtered)" later kill exit_group
    [ "$status" -eq 159 ]
}

# --- clocks

# The capture's time is the machine's: it began after $1 (seconds since the epoch), and took as long as it did.
sane_times() {
    row_counts all 'all(.captures[]; (.started[0:19] + "Z" | fromdate) >= $from and (.started[0:19] + "Z" | fromdate) <= now
        and .duration_seconds < 600)' --argjson from "$1" || return
    row_counts all '[.heap.timeline[].seconds] | . == sort and length > 0 and last < 600' || return
    row_counts all '.captures | map(.events.dropped_count) | add == 0' || return
    [ "$(lost_blocks all)" -eq 4000 ]
}

@test "the clock set back by hours, by libfaketime behind the shim and before it" {
    local from library=/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1
    from=$(date +%s)
    # shellcheck disable=SC2016  # for the sh that starts it
    ROW_PRELOAD=$library row sh -c \
        'echo +0 >offset; FAKETIME_NO_CACHE=1 FAKETIME_TIMESTAMP_FILE=$PWD/offset exec "$1"' sh "$(program clock_set_back)"
    [ "$ROW_STATUS" -eq 0 ]
    [ "$(grep -cx 'set back: yes' "$DIR/all.out")" -eq 3 ]
    sane_times "$from"
    rm -rf "$DIR"/all.captures/*
    echo +0 >"$DIR/offset"
    FAKETIME_NO_CACHE=1 FAKETIME_TIMESTAMP_FILE=$DIR/offset LD_PRELOAD="$library:$SHIM" LEAKEY_SAMPLE=all \
        LEAKEY_OUTPUT=$DIR/all.captures "$(program clock_set_back)" >"$DIR/all.out"
    [ "$(grep -cx 'set back: yes' "$DIR/all.out")" -eq 3 ]
    row_captures "$DIR/all.captures"
    sane_times "$from"
}

@test "another monotonic clock: a time namespace" {
    local from
    unshare --time true 2>/dev/null || skip_loud "no time namespaces here"
    from=$(date +%s)
    # shellcheck disable=SC2016  # for the sh that starts it
    row sh -c 'unshare --time --monotonic 10000000 "$1"' sh "$(program clock_set_back)"
    [ "$ROW_STATUS" -eq 0 ]
    unshare --time --monotonic 10000000 python3 -c 'import time; exit(time.monotonic() < 10000000)'
    sane_times "$from"
}
