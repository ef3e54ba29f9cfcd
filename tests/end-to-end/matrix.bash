# shellcheck shell=bash
# The fault matrix: what befalls processes in production, a row each, in matrix_*.bats, which begin with `load lib` and
# `load matrix`. A row's test is named after the fault. tests/run prints them as one table.
#
# In every row output, messages and exit status are as without the shim, children inherit no descriptor of it, no file is
# damaged, and each capture can be read up to its last event, or says how many are missing.

# row COMMAND...: runs COMMAND without the shim, then with it, sampled and with every allocation, each in a fresh empty
# directory and for at most ROW_SECONDS (60). Afterwards $ROW_STATUS is its exit status, 128 + N when signal N ended it,
# $DIR/plain, $DIR/4K and $DIR/all are those directories, and beside them are NAME.out, NAME.err and NAME.captures.
# ROW_PRELOAD and ROW_BEFORE are preloaded in every run, the one after the shim and the other before it.
# ROW_SAME=MESSAGES-SED in the environment is applied to messages before they are compared: for pids, addresses.
# ROW_CAPTURES=FUNCTION looks at the directory of captures instead of row_captures.
row() {
    local mode status
    ROW_STATUS=
    for mode in plain 4K all; do
        rm -rf "${DIR:?}/$mode" "$DIR/$mode.captures"
        mkdir "$DIR/$mode" "$DIR/$mode.captures"
        chmod 1777 "$DIR" "$DIR/$mode" "$DIR/$mode.captures"
        status=0
        row_run "$mode" "$@" || status=$?
        if [ "$mode" = plain ]; then
            ROW_STATUS=$status
            continue
        fi
        row_same "$mode" "$status" "$*" || return
        "${ROW_CAPTURES:-row_captures}" "$DIR/$mode.captures" || return
    done
}

row_run() { # MODE COMMAND...
    local mode=$1 settings=()
    shift
    [ "$mode" = plain ] ||
        settings=("LD_PRELOAD=${ROW_BEFORE:+$ROW_BEFORE:}$SHIM${ROW_PRELOAD:+:$ROW_PRELOAD}" "LEAKEY_OUTPUT=$DIR/$mode.captures" "LEAKEY_SAMPLE=$mode")
    [ "$mode" != plain ] || [ -z "${ROW_BEFORE:-}${ROW_PRELOAD:-}" ] ||
        settings=("LD_PRELOAD=${ROW_BEFORE:-}${ROW_PRELOAD:+:$ROW_PRELOAD}")
    # Started from the fresh directory; timeout stands outside of the preload. What bash says of a signal is not among
    # the command's messages.
    (cd "$DIR/$mode" && exec timeout -k 5 "${ROW_SECONDS:-60}" env ${settings[@]+"${settings[@]}"} "$@" \
        </dev/null >"$DIR/$mode.out" 2>"$DIR/$mode.err" 3>&-)
}

row_same() { # MODE STATUS COMMAND
    [ "$2" -eq "$ROW_STATUS" ] || {
        echo "$3: exit status $ROW_STATUS, with the shim ($1) $2"
        tail -n 5 "$DIR/$1.err"
        return 1
    }
    cmp -s "$DIR/plain.out" "$DIR/$1.out" ||
        same_text "output of $3 ($1)" "$(<"$DIR/plain.out")" "$(<"$DIR/$1.out")" || return
    same_text "messages of $3 ($1)" "$(row_messages plain)" "$(row_messages "$1")"
}

row_messages() { sed -E "${ROW_SAME:-}" "$DIR/$1.err"; }

# row_captures DIRECTORY: every capture in it has its owner's mode alone, is whole, and can be reported.
row_captures() {
    local modes
    compgen -G "$1/*.leakey" >/dev/null || return 0
    modes=$(stat -c %a "$1"/*.leakey | sort -u)
    [ "$modes" = 600 ] || {
        echo "modes of captures in $1: $modes"
        return 1
    }
    leakey check "$1"/*.leakey >"$DIR/check" || return
    ! grep '^/' "$DIR/check" | grep -v ': whole$' || {
        cat "$DIR/check"
        return 1
    }
    leakey report --format json -o "${1%.captures}.json" "$1"
}

# row_counts MODE FILTER [JQ OPTION...]: FILTER is true of the report of the row's captures.
row_counts() { jqr "$DIR/$1.json" "${@:2}"; }
