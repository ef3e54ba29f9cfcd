# shellcheck shell=bash
# For bats files that ask a ClickHouse server: a private one, with its data in $DIR.

CLICKHOUSE=/usr/sbin/clickhouse-server

# clickhouse_start: on a port of 127.0.0.1 that was free. $CLICKHOUSE_PORT is for clickhouse below.
clickhouse_start() {
    grep -qw sse4_2 /proc/cpuinfo || skip_loud "ClickHouse needs SSE 4.2"
    local attempt
    mkdir -p "$DIR/clickhouse"
    for attempt in 1 2 3 4 5; do
        export CLICKHOUSE_PORT=$((20000 + (RANDOM * 7 + $$ + attempt) % 12000))
        clickhouse_configuration
        start clickhouse "$CLICKHOUSE" "--config-file=$DIR/clickhouse/config.xml"
        wait_until 30 clickhouse_answers && ! process_ended "$STARTED" && return
        stop clickhouse
    done
    echo "clickhouse-server does not answer:"
    cat "$DIR/clickhouse.log" "$DIR/clickhouse/errors"
    return 1
}

# It is up, and it is this one, not another test's that has the port: its data directory has the table just made.
clickhouse_answers() {
    process_ended "$STARTED" && return
    clickhouse -q 'CREATE TABLE IF NOT EXISTS default.here (a UInt8) ENGINE = TinyLog' &&
        [ -e "$DIR/clickhouse/data/metadata/default/here.sql" ]
}

clickhouse() { clickhouse-client --host 127.0.0.1 --port "$CLICKHOUSE_PORT" "$@"; }

clickhouse_configuration() {
    cat >"$DIR/clickhouse/config.xml" <<EOF
<yandex>
    <logger>
        <level>warning</level>
        <log>$DIR/clickhouse/log</log>
        <errorlog>$DIR/clickhouse/errors</errorlog>
    </logger>
    <tcp_port>$CLICKHOUSE_PORT</tcp_port>
    <listen_host>127.0.0.1</listen_host>
    <path>$DIR/clickhouse/data/</path>
    <tmp_path>$DIR/clickhouse/temporary/</tmp_path>
    <mark_cache_size>67108864</mark_cache_size>
    <users_config>$DIR/clickhouse/users.xml</users_config>
    <default_profile>default</default_profile>
    <default_database>default</default_database>
</yandex>
EOF
    cat >"$DIR/clickhouse/users.xml" <<EOF
<yandex>
    <profiles><default></default></profiles>
    <users>
        <default>
            <password></password>
            <networks><ip>127.0.0.1</ip></networks>
            <profile>default</profile>
            <quota>default</quota>
        </default>
    </users>
    <quotas><default></default></quotas>
</yandex>
EOF
}
