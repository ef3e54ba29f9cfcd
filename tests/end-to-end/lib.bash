# shellcheck shell=bash
# For end-to-end tests; a bats file begins with `load lib`.
#
# Each test has a directory of its own, $DIR: it goes when the test passes, stays when it fails, and then the test's
# output says where it is and what replays it. Whatever `start` began is ended, by its pid and in reverse order, before
# the test is over. A file with a setup or teardown of its own calls lib_setup and lib_teardown in it. For what all
# tests of a file share, setup_file and teardown_file do the same.

ROOT=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
export ROOT
SHIM=$ROOT/build/libleakey.so

bats_require_minimum_version 1.5.0

setup() { lib_setup; }
teardown() { lib_teardown; }

lib_setup() {
    DIR=$(mktemp -d "${TMPDIR:-/tmp}/leakey-test.XXXXXX")
    : >"$DIR/.pids"
}

lib_teardown() {
    stop_all
    # A file's shared directory has no test that could be complete: it goes when no test of the file failed.
    if [ -n "${BATS_TEST_COMPLETED:-}${BATS_TEST_SKIPPED:-}" ] ||
        { [ -z "${BATS_TEST_NAME:-}" ] && [ ! -e "$DIR/.failed" ]; }; then
        rm -rf "$DIR"
    else
        [ -z "${FILE_DIR:-}" ] || touch "$FILE_DIR/.failed"
        echo "kept: $DIR${FILE_DIR:+ and $FILE_DIR}"
        echo "replay: tests/run T='${BATS_TEST_DESCRIPTION//[^A-Za-z0-9 _:,-]/.}'"
    fi
}

# In setup_file and teardown_file: a directory that the tests of a file share, $FILE_DIR there, and $DIR meanwhile.
lib_setup_file() {
    lib_setup
    export FILE_DIR=$DIR
}

lib_teardown_file() {
    DIR=$FILE_DIR
    unset FILE_DIR
    lib_teardown
}

# --- processes

# start NAME COMMAND...: in the background, its output in $DIR/NAME.log, its pid in $STARTED and $DIR/NAME.pid.
start() {
    local name=$1
    shift
    "$@" </dev/null >"$DIR/$name.log" 2>&1 3>&- &
    STARTED=$!
    echo "$STARTED" >"$DIR/$name.pid"
    echo "$STARTED" >>"$DIR/.pids"
}

# stop NAME [SIGNAL]: ends what `start NAME` began and waits for it; its exit status is in $STOPPED_STATUS.
stop() {
    end_process "$(<"$DIR/$1.pid")" "${2:-TERM}"
}

stop_all() {
    local pids pid
    [ -e "$DIR/.pids" ] || return 0
    mapfile -t pids < <(tac "$DIR/.pids")
    for pid in "${pids[@]}"; do
        end_process "$pid" TERM
    done
    : >"$DIR/.pids"
}

end_process() { # PID SIGNAL
    local pid=$1
    export STOPPED_STATUS=0
    sed -i "/^$pid\$/d" "$DIR/.pids"
    kill -s "$2" "$pid" 2>/dev/null || true
    wait_until 20 process_ended "$pid" || kill -s KILL "$pid" 2>/dev/null || true
    # Only the shell that started it can wait for it.
    wait "$pid" 2>/dev/null || STOPPED_STATUS=$?
}

process_ended() { # PID: gone, or a zombie that nobody waited for yet
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
    [[ ${stat##*) } == Z* ]]
}

# wait_until SECONDS COMMAND...: polls until COMMAND is true, ever more slowly; false when the time is over.
wait_until() {
    local deadline=$((SECONDS + $1)) pause=2
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -le "$deadline" ] || return 1
        sleep "0.$((pause / 10))$((pause % 10))"
        [ $pause -ge 16 ] || pause=$((pause + pause / 2))
    done
}

# --- redis

# A server of this test's own on $REDIS (a unix socket in $DIR); further arguments are redis-server's.
redis_start() {
    REDIS=$DIR/redis.sock
    export REDIS
    start redis redis-server --port 0 --unixsocket "$REDIS" --save '' --appendonly no --dir "$DIR" --daemonize no "$@"
    wait_until 20 redis ping || {
        echo "redis-server does not answer:"
        tail -n 20 "$DIR/redis.log"
        return 1
    }
}

redis_stop() { stop redis; }

redis() { redis-cli -s "$REDIS" -e "$@"; }

# --- leakey

# with_shim COMMAND...: preloaded, captures in $LEAKEY_OUTPUT, or in $DIR/captures when that is not set.
with_shim() {
    shim_environment
    env "${SHIM_ENVIRONMENT[@]}" "$@"
}

# start_with_shim NAME COMMAND...: `start` for a preloaded command; $STARTED is the pid of COMMAND itself.
start_with_shim() {
    local name=$1
    shift
    shim_environment
    start "$name" env "${SHIM_ENVIRONMENT[@]}" "$@"
}

shim_environment() {
    local output=${LEAKEY_OUTPUT:-$DIR/captures}
    mkdir -p "$output"
    SHIM_ENVIRONMENT=("LD_PRELOAD=$SHIM" "LEAKEY_OUTPUT=$output")
}

# LEAKEY may name another build, one with a sanitizer for instance.
leakey() { "${LEAKEY:-$ROOT/build/leakey}" "$@"; }

# --- assertions

# stacks_agree CAPTURE-DIRECTORY: of a run with LEAKEY_STACK_CHECK=1, where the shim compares every stack that it took
# from its cache with libunwind's: some were compared, and none differed.
stacks_agree() {
    local capture
    for capture in "$1"/*.leakey; do
        leakey dump --what header --format json "$capture" >"$DIR/stacks.json"
        jqr "$DIR/stacks.json" '.stacks_checked_count > 0 and .stacks_mismatched_count == 0' || return
    done
}

# jqr FILE FILTER [JQ OPTION...]: FILTER is true of the JSON in FILE; when not, shows what the paths in it hold.
jqr() {
    local file=$1 filter=$2 path
    shift 2
    jq -e "$@" "$filter" "$file" >/dev/null && return
    echo "not true of $file: $filter"
    grep -oE '(\.[a-z_][a-z0-9_]*(\[[0-9]*\])*)+' <<<"$filter" | sort -u | while read -r path; do
        printf '    %s = %s\n' "$path" "$(jq -c "$path" "$file" 2>&1 | head -c 600)"
    done
    return 1
}

# same_text WHAT EXPECTED ACTUAL: shows the difference when there is one.
same_text() {
    [ "$2" = "$3" ] && return
    echo "$1 differs (< expected, > actual):"
    diff <(printf '%s\n' "$2") <(printf '%s\n' "$3")
}

# skip_loud REASON: for what this machine cannot do; says so where everybody sees it.
skip_loud() {
    echo "# SKIPPED: $BATS_TEST_DESCRIPTION: $1" >&3
    skip "$1"
}
