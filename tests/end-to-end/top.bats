#!/usr/bin/env bats
# leakey top: on a real terminal (tmux) and for scripts (--once), on a real service.

load lib

# A service under load for as long as the file's tests take.
setup_file() {
    lib_setup_file
    redis_start
    echo "$REDIS" >"$DIR/redis"
    start_with_shim service "$ROOT/build/tests/llm_cache_before" \
        --socket "$DIR/service.sock" --redis "$REDIS" --refresh-seconds 3600
    start load "$ROOT/build/tests/llm_load" --socket "$DIR/service.sock" --requests 1000000 --distinct 60 --rate 60 --seed 7
    wait_until 20 eval 'compgen -G "$DIR/captures/*.leakey"'
    sleep 2
}

teardown_file() { lib_teardown_file; }

setup() {
    lib_setup
    SERVICE=$(cat "$FILE_DIR/service.pid")
    TMUX_SOCKET=$DIR/tmux.sock
    LEAKEY_PROGRAM=${LEAKEY:-$ROOT/build/leakey}
}

teardown() {
    tm kill-server 2>/dev/null || true
    lib_teardown
}

tm() { env -u TMUX LC_ALL=C.UTF-8 tmux -S "$TMUX_SOCKET" -f /dev/null "$@"; }

# open_terminal COLUMNS ROWS: a shell in a terminal of that size.
open_terminal() {
    tm new-session -d -x "$1" -y "$2" "env -u LD_PRELOAD PS1='READY> ' TERM=screen-256color bash --norc --noprofile -i"
    wait_until 10 eval 'shows "READY>"'
    type_line "stty -a >$DIR/stty.before"
}
type_line() { tm send-keys -l "$1" && tm send-keys Enter; }
# What is on the screen.
screen() { tm capture-pane -p; }
shows() { screen | grep -q -- "$1"; }
alternate() { [ "$(tm display-message -p '#{alternate_on}')" = "$1" ]; }

# start_top [ARGUMENT...]: in that shell; its exit status goes to $DIR/status.
start_top() {
    type_line "$LEAKEY_PROGRAM top ${*:-$SERVICE}; echo \$? >$DIR/status"
    wait_until 20 shows 'leakey top: '
}

top_pid() { pgrep -f "^$LEAKEY_PROGRAM top $SERVICE"'$'; }

# The terminal is the shell's again, as it was.
terminal_is_back() {
    wait_until 10 test -s "$DIR/status"
    wait_until 10 alternate 0
    type_line "stty -a >$DIR/stty.after; echo BACK"
    wait_until 10 eval 'screen | grep -q ^BACK'
    # The first line is its size, which tests change.
    same_text "terminal" "$(tail -n +2 "$DIR/stty.before")" "$(tail -n +2 "$DIR/stty.after")"
    [ "$(tm display-message -p '#{cursor_flag}')" = 1 ]
}

# with_commas NUMBER
with_commas() { sed -E ':a; s/^([0-9]+)([0-9]{3})/\1,\2/; ta' <<<"$1"; }

@test "--once prints the report's numbers" {
    kill -STOP "$SERVICE"
    leakey top --once --interval 0.1 "$SERVICE" >"$DIR/once"
    leakey report --format json -o "$DIR/report.json" "$FILE_DIR"/captures/llm_cache_before.*.leakey
    kill -CONT "$SERVICE"
    misses=$(jq .cache.misses "$DIR/report.json")
    grep -qE "^ +$(with_commas "$misses") .* $(with_commas "$misses") +llm:<sha256>\$" "$DIR/once"
    jq -r '.cache.miss_causes | to_entries[] | select(.value > 0) | "\(.key) \(.value)"' "$DIR/report.json" >"$DIR/causes"
    [ -s "$DIR/causes" ]
    while read -r cause count; do
        grep -qE "^  $cause +$(with_commas "$count") " "$DIR/once"
    done <"$DIR/causes"
    grep -qE "^leakey top: llm_cache_before, pid $SERVICE, running, recorded for " "$DIR/once"
    grep -qE '^Cache     0 commands/s, 0 misses/s, hit ratio 0 %, 0 errors' "$DIR/once"
}

@test "--once has rates: about as many commands as the load asks for" {
    leakey top --once --interval 3 "$SERVICE" >"$DIR/once"
    rate=$(sed -nE 's|^Cache +([0-9.,]+) commands/s.*|\1|p' "$DIR/once" | tr -d ,)
    jq -en --argjson rate "$rate" '$rate > 20 and $rate < 180'
    grep -qE '^Memory .* allocates [0-9.]+ [KM]iB/s in [0-9,.]+ allocations/s' "$DIR/once"
}

@test "--once of a capture whose process has ended says how, and leaves rates out" {
    LEAKEY_SAMPLE=all with_shim "$ROOT/build/tests/leak_steady" 20 >/dev/null
    leakey top --once "$DIR"/captures/*.leakey >"$DIR/once"
    grep -q 'ended (exit)' "$DIR/once"
    grep -q 'not recorded\|no cache command yet' "$DIR/once"
    ! grep -q 'allocates' "$DIR/once" || false
    leakey report --format json -o "$DIR/report.json" "$DIR/captures"
    blocks=$(jq '[.heap.sites[] | select(any(.stack[]; .function == "load_table")).live_count] | max' "$DIR/report.json")
    grep -qE " $(with_commas "$blocks") +- +load_table " "$DIR/once"
}

@test "views, sorting, pause, help and quit by their keys" {
    open_terminal 110 40
    start_top
    wait_until 20 eval 'shows "duplicate-input"' # the analysis beside it
    shows '>Growth' && shows '>Misses'
    tm send-keys s
    wait_until 5 shows '>Live'
    tm send-keys t
    wait_until 5 shows '>Miss rate'
    tm send-keys 3
    wait_until 5 eval '! shows "^Sites"'
    shows 'llm:<sha256>'
    tm send-keys 4
    wait_until 5 eval 'shows "^Findings" && shows "already cached under another key"'
    tm send-keys Tab
    wait_until 5 shows '^Sites'
    tm send-keys h
    wait_until 5 shows '^Keys'
    tm send-keys x
    wait_until 5 eval '! shows "^Keys"'
    tm send-keys p
    wait_until 5 shows '\[paused\]'
    sleep 0.5
    before=$(screen | sed -n 2,3p)
    sleep 2.5
    same_text "the paused picture" "$before" "$(screen | sed -n 2,3p)"
    tm send-keys p
    wait_until 5 eval '! shows "\[paused\]"'
    wait_until 10 eval '[ "$(screen | sed -n 2,3p)" != "$before" ]'
    tm send-keys q
    terminal_is_back
    [ "$(cat "$DIR/status")" -eq 0 ]
}

@test "a terminal that is resized, even to almost nothing" {
    open_terminal 110 40
    start_top
    for size in 60x12 20x5 1x1 200x60 80x24; do
        tm resize-window -x "${size%x*}" -y "${size#*x}"
        sleep 0.3
        kill -0 "$(top_pid)"
    done
    wait_until 5 eval 'screen | tail -n 1 | grep -q "q quit"'
    [ "$(screen | awk '{ print length }' | sort -n | tail -n 1)" -le 80 ]
    tm send-keys q
    terminal_is_back
}

@test "signals leave the terminal as it was" {
    open_terminal 100 30
    for signal in TERM HUP INT; do
        rm -f "$DIR/status"
        start_top
        wait_until 5 alternate 1
        kill -s $signal "$(top_pid)"
        terminal_is_back
        case $signal in
        INT) [ "$(cat "$DIR/status")" -eq 0 ] ;;
        *) [ "$(cat "$DIR/status")" -eq $((128 + $(kill -l $signal))) ] ;;
        esac
        type_line clear
        wait_until 5 eval '! shows BACK'
    done
}

@test "stopped by Ctrl-Z it gives the terminal back, and goes on in the foreground" {
    open_terminal 100 30
    start_top
    wait_until 5 alternate 1
    tm send-keys C-z
    wait_until 10 eval 'alternate 0 && shows Stopped'
    rm -f "$DIR/status" # of the command line that went on
    type_line "fg; echo \$? >$DIR/status"
    wait_until 10 eval 'alternate 1 && shows "leakey top: "'
    before=$(screen | sed -n 3p)
    wait_until 10 eval '[ "$(screen | sed -n 3p)" != "$before" ]'
    tm send-keys q
    terminal_is_back
}

@test "when the process ends the last picture stays" {
    open_terminal 100 30
    LEAKEY_SAMPLE=16K start_with_shim sleeper python3 -c 'import time; time.sleep(60)'
    wait_until 20 eval 'compgen -G "$DIR/captures/python3*.leakey"' # env, which became python, has one too
    start_top "$STARTED"
    shows running
    stop sleeper
    wait_until 10 shows 'The process has ended; this is its last picture'
    shows 'ended (signal)'
    shows 'MiB live\|KiB live'
    tm send-keys q
    terminal_is_back
    [ "$(cat "$DIR/status")" -eq 0 ]
}

@test "keys that mean no good are text on the screen" {
    REDIS=$(cat "$FILE_DIR/redis")
    cat >"$DIR/client.py" <<'END'
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
for key in ["\x1b[2J\x1b]0;owned\x07", "caf\u00e9:\u65e5\u672c", "r\u202eevil", "%s%n%n:x", "a\tb\nc"]:
    raw = key.encode()
    s.sendall(b"*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n" % (len(raw), raw))
    s.recv(100)
time.sleep(60)
END
    start_with_shim client python3 "$DIR/client.py" "$REDIS"
    wait_until 20 eval 'leakey top --once --interval 0.1 '"$STARTED"' >"$DIR/once" && grep -q caf "$DIR/once"'
    ! grep -qP '[\x00-\x09\x0b-\x1f\x7f]|\xe2\x80\xae' "$DIR/once" || false
    iconv -f UTF-8 -t UTF-8 "$DIR/once" >/dev/null
    open_terminal 120 40
    start_top "$STARTED"
    wait_until 10 shows 'café:日本'
    [ "$(tm display-message -p '#{pane_title}')" != owned ]
    tm send-keys q
    terminal_is_back
}

@test "it takes under a twentieth of a core" {
    start_top_ticks() { awk '{ print $14 + $15 }' "/proc/$(top_pid)/stat"; }
    open_terminal 100 40
    start_top
    wait_until 20 shows 'duplicate-input'
    sleep 1
    begun=$(start_top_ticks)
    sleep 8
    used=$(($(start_top_ticks) - begun))
    echo "$used ticks in 8 s"
    [ $((used * 100)) -le $((8 * $(getconf CLK_TCK) * 5)) ]
}

@test "what cannot be shown is said" {
    run -2 leakey top
    run -2 leakey top "$SERVICE"
    [[ $output == *'no terminal'*--once* ]]
    run -2 leakey top --once $$
    [[ $output == *'no capture'* ]]
    run -2 leakey top --once "$DIR/nothing"
    run -2 leakey top --once "$ROOT/README.md"
    [[ $output == *'not a leakey capture'* ]]
    run -2 leakey top --once --interval 0 "$SERVICE"
    open_terminal 80 24
    type_line "TERM=dumb-nothing $LEAKEY_PROGRAM top $SERVICE; echo \$? >$DIR/status"
    wait_until 10 test -s "$DIR/status"
    [ "$(cat "$DIR/status")" -eq 2 ]
    shows 'cannot be drawn on'
}
