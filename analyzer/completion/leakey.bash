# bash completion for leakey

_leakey() {
    local commands='record report compare what-if export dump top serve pause resume check'
    local rules='any duplicate-input-miss reader-writer-mismatch salted-key false-hit unbounded-cardinality
        never-read missing-ttl short-ttl evicted-early stale-version stampede oversized-value not-worth-caching
        heap-leak reply-leak context-leak memory-spike'
    local symbols='--sysroot --debug-path --debuginfod'
    local normalisers='all timestamp uuid counter random whitespace case unicode order number-format salt signed-url
        temp-path version address identifier'
    local exporters='pprof collapsed speedscope sqlite clickhouse oracleGeneral csv openmetrics' keys='text hash'
    local parts='header events sites live modules templates verbs timeline all'
    local command=${COMP_WORDS[1]} word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local options='' formats='text json' i

    # "--keys=ha" comes as three words.
    if [[ $word == = ]]; then
        word=
    elif [[ $previous == = ]]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "$commands --help --version" -- "$word")
        return
    fi
    case $command in
    record)
        # After its own options come another command's words.
        for ((i = 2; i < COMP_CWORD; i++)); do
            case ${COMP_WORDS[i]} in
            -o | --output | --sample | --ring | --keys | --heap | --cache)
                if [[ ${COMP_WORDS[i + 1]} == = ]]; then ((i += 2)); else ((i++)); fi
                ;;
            --) ;;
            -*) ;;
            *)
                if declare -F _command_offset >/dev/null; then _command_offset "$i"; else compopt -o default; fi
                return
                ;;
            esac
        done
        options='--output --sample --ring --keys --heap --cache --paused --help'
        ;;
    report)
        formats='text json html markdown sarif gcc'
        options="--format --output --top --fail-on --reachability --suppressions --price-gpu-hour --price-gib-month $symbols --help"
        ;;
    compare)
        formats='text json html markdown'
        options="--format --output --top --fail-on-regression $symbols --help"
        ;;
    what-if) options='--normalise --ttl --cache-size --policy --template --format --output --help' ;;
    export)
        options="--to --metric --keys --output $symbols --help"
        keys='number text'
        ;;
    dump) options="--what --format --output $symbols --help" ;;
    top) options='--interval --once --help' ;;
    serve) options='--listen --templates --sites --keep --help' ;;
    pause | resume | check) options='--help' ;;
    esac
    case $previous in
    -f | --format) mapfile -t COMPREPLY < <(compgen -W "$formats" -- "$word") ;;
    -t | --to) mapfile -t COMPREPLY < <(compgen -W "$exporters" -- "$word") ;;
    --metric) mapfile -t COMPREPLY < <(compgen -W 'live leaked allocated peak temporary' -- "$word") ;;
    --keys) mapfile -t COMPREPLY < <(compgen -W "$keys" -- "$word") ;;
    --heap | --cache) mapfile -t COMPREPLY < <(compgen -W 'on off' -- "$word") ;;
    --sample) mapfile -t COMPREPLY < <(compgen -W 'all 64K 512K' -- "$word") ;;
    --ring) mapfile -t COMPREPLY < <(compgen -W '64M 256M 1G' -- "$word") ;;
    --fail-on) mapfile -t COMPREPLY < <(compgen -W "$rules" -- "$word") ;;
    --normalise) mapfile -t COMPREPLY < <(compgen -W "$normalisers" -- "$word") ;;
    --policy) mapfile -t COMPREPLY < <(compgen -W 'lru lfu fifo-reinsertion' -- "$word") ;;
    --cache-size) mapfile -t COMPREPLY < <(compgen -W '64M 256M 1G' -- "$word") ;;
    -w | --what) mapfile -t COMPREPLY < <(compgen -W "$parts" -- "$word") ;;
    --sysroot | --debug-path) compopt -o dirnames ;;
    --debuginfod) mapfile -t COMPREPLY < <(compgen -W 'off 60' -- "$word") ;;
    --reachability)
        if [[ $word == [0-9]* ]]; then
            mapfile -t COMPREPLY < <(cd /proc && compgen -d -X '!*([0-9])' -- "$word")
        else
            compopt -o default
        fi
        ;;
    --top | --ttl | --template | --interval | --listen | --templates | --sites | --keep | --price-gpu-hour | --price-gib-month) ;;
    *)
        if [[ $word == -* ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
        elif [[ $command == serve ]]; then
            compopt -o dirnames
        elif [[ $command == pause || $command == resume || ($command == top && $word == [0-9]*) ]]; then
            mapfile -t COMPREPLY < <(cd /proc && compgen -d -X '!*([0-9])' -- "$word")
        elif [[ $command == record && $previous != -o && $previous != --output ]]; then
            mapfile -t COMPREPLY < <(compgen -c -- "$word")
        else
            compopt -o default
        fi
        ;;
    esac
}

complete -F _leakey leakey
