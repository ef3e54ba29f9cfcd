#!/usr/bin/env bats
# Plugins that bring a hiredis of their own, and what dlopen promises to whoever calls it.

load lib

OLD=$ROOT/build/tests/cache_plugin.so
NEW=$ROOT/build/tests/cache_plugin-1.x.so

need_newer() {
    [ -e "$NEW" ] || skip_loud "Debian 13's hiredis could not be had (scripts/fetch-debian)"
}

run_plugins() { # MODE PLUGIN...
    redis flushall >/dev/null
    rm -rf "$DIR/captures"
    with_shim "$ROOT/build/tests/plugin_caches" "$REDIS" "$@" >"$DIR/truth.json"
    leakey report --format json -o "$DIR/report.json" "$DIR/captures"
    same_text "$*" "$(jq -Sc '{hits, misses, writes}' "$DIR/truth.json")" \
        "$(jq -Sc '.cache | {hits, misses, writes}' "$DIR/report.json")"
    same_text "$*, by plugin" "$(jq -Sc '[.plugins[] | {hits, misses, writes}]' "$DIR/truth.json")" \
        "$(jq -Sc '[.cache.templates | sort_by(.template)[] | {hits, misses, writes}]' "$DIR/report.json")"
    jqr "$DIR/report.json" '.leaks | length == 0'
}

@test "a plugin with a hiredis of its own: RTLD_LOCAL, RTLD_GLOBAL, RTLD_DEEPBIND, unloaded and loaded again" {
    redis_start
    for mode in local global deep; do
        run_plugins $mode "$OLD"
    done
}

@test "two plugins on two binary interfaces take turns: each is served by its own library, and counted exactly" {
    need_newer
    redis_start
    run_plugins local "$OLD" "$NEW"
    run_plugins local "$NEW" "$OLD"
    jqr "$DIR/truth.json" '[.plugins[].hiredis] == [1, 0]'
    run_plugins deep "$OLD" "$NEW"
    run_plugins deep "$NEW" "$OLD"
}

@test "RTLD_DEEPBIND keeps apart what it is there to keep apart: a host on 0.14 and a plugin on 1.x" {
    need_newer
    redis_start
    # The host has the older library in the global scope; without the flag the plugin would be given that.
    LD_PRELOAD="$SHIM:libhiredis.so.0.14" LEAKEY_OUTPUT=$DIR run --separate-stderr \
        "$ROOT/build/tests/plugin_caches" "$REDIS" deep "$NEW"
    [ "$status" -eq 0 ]
    leakey report --format json -o "$DIR/report.json" "$DIR"/plugin_caches.*.leakey
    [ "$(jq .hits <<<"$output")" -eq "$(jq .cache.hits "$DIR/report.json")" ]
    [ "$(jq .misses <<<"$output")" -eq "$(jq .cache.misses "$DIR/report.json")" ]
}

@test "libraries whose functions are asked for by dlsym: their inner calls are seen, each answered by its own" {
    need_newer
    redis_start
    cat >"$DIR/ask.py" <<'END'
import ctypes, sys

for number, file in enumerate(sys.argv[2:]):
    library = ctypes.CDLL(file)
    library.redisConnectUnix.restype = library.redisCommand.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.redisConnectUnix(sys.argv[1].encode()))
    for i in range(50):
        for line in "SET key%d:%d value", "GET key%d:%d", "GET none%d:%d":
            reply = library.redisCommand(context, (line % (number, i)).encode())
            library.freeReplyObject(ctypes.c_void_p(reply))
    library.redisFree(context)
END
    with_shim /usr/bin/python3 "$DIR/ask.py" "$REDIS" libhiredis.so.0.14 \
        "$ROOT/build/trixie/usr/lib/x86_64-linux-gnu/libhiredis.so.1.1.0"
    leakey report --format json -o "$DIR/report.json" "$DIR/captures"
    jqr "$DIR/report.json" '.cache | .commands == {"GET": 200, "SET": 100} and .hits == 100 and .misses == 100'
}

# --- dlopen itself

# A host in $DIR/host, a library beside it that loads what lies in a place that its own RUNPATH alone tells, that plugin,
# and what the plugin needs. Each is told a flag more for dlopen. All allocate in their constructors.
build_loader() {
    mkdir -p "$DIR/own" "$DIR/lib"
    cat >"$DIR/needed.c" <<'END'
#include <stdlib.h>
static void *held;
__attribute__((constructor)) static void begin(void) { held = malloc(100); }
int needed_answer(void) { return held ? 42 : 0; }
END
    cat >"$DIR/plugin.c" <<'END'
#include <dlfcn.h>
#include <stdlib.h>
int needed_answer(void);
static void *held;
static int inner;
/* It loads another while it is being loaded. */
__attribute__((constructor)) static void begin(void)
{
    held = malloc(100);
    inner = dlopen("libm.so.6", RTLD_NOW) != NULL;
}
int plugin_answer(void)
{
    void *block = realloc(malloc(10), 100000);
    free(block);
    return held && inner && block ? needed_answer() : 0;
}
void plugin_keep(int count) { while (count--) { void *volatile block = malloc(1000); (void)block; } }
END
    cat >"$DIR/loader.c" <<'END'
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
void *load(const char *file, const char *mode)
{
    return dlopen(file, RTLD_NOW | (strcmp(mode, "deep") ? 0 : RTLD_DEEPBIND));
}
END
    cat >"$DIR/host.c" <<'END'
#include <dlfcn.h>
#include <stdio.h>
void *load(const char *file, const char *mode);
int main(int argc, char **argv)
{
    const char *error;
    void *plugin = load(argv[1], argv[2]);
    if (argc > 3) /* and another */
        load(argv[3], argv[2]);
    if (!plugin) {
        printf("%s\n", dlerror());
        printf("%s\n", (error = dlerror()) ? error : "no more");
        return 3;
    }
    printf("%s\n", (error = dlerror()) ? error : "no error");
    int (*answer)(void);
    void (*keep)(int);
    *(void **)&answer = dlsym(plugin, "plugin_answer");
    *(void **)&keep = dlsym(plugin, "plugin_keep");
    keep(3000);
    printf("%d, ", answer());
    printf("closed: %d\n", dlclose(plugin));
    printf("still there: %d\n", dlopen(argv[1], RTLD_NOLOAD | RTLD_NOW) != NULL);
    return 0;
}
END
    gcc -shared -fPIC "$DIR/needed.c" -o "$DIR/own/libneeded.so"
    gcc -shared -fPIC "$DIR/plugin.c" -o "$DIR/own/plugin.so" -L"$DIR/own" -lneeded -Wl,-rpath,'$ORIGIN'
    gcc -shared -fPIC "$DIR/loader.c" -o "$DIR/lib/libloader.so" -Wl,--enable-new-dtags,-rpath,'$ORIGIN/../own'
    gcc -shared -fPIC "$DIR/loader.c" -o "$DIR/lib/libloader_old.so" -Wl,--disable-new-dtags,-rpath,'$ORIGIN/../own'
    gcc "$DIR/host.c" -o "$DIR/host" -L"$DIR/lib" -lloader -Wl,-rpath,'$ORIGIN/lib'
    gcc "$DIR/host.c" -o "$DIR/host_old" -L"$DIR/lib" -lloader_old -Wl,-rpath,'$ORIGIN/lib'
    gcc -shared -fPIC "$DIR/plugin.c" -o "$DIR/lib/needy.so" -L"$DIR/own" -lneeded
}

same_with_shim() { # COMMAND...
    local status=0 with=0
    "$@" >"$DIR/out" 2>&1 || status=$?
    LEAKEY_SAMPLE=all with_shim "$@" >"$DIR/out.shim" 2>&1 || with=$?
    [ "$status" -eq "$with" ]
    same_text "$*" "$(<"$DIR/out")" "$(<"$DIR/out.shim")"
}

@test "dlopen is the caller's own: RUNPATH, RPATH, \$ORIGIN, dlerror, constructors that allocate and load, RTLD_DEEPBIND" {
    build_loader
    for mode in plain deep; do
        same_with_shim "$DIR/host" plugin.so $mode # by the RUNPATH of libloader.so
        grep -q '42, closed: 0' "$DIR/out"
        same_with_shim "$DIR/host" "$DIR/own/plugin.so" $mode
        same_with_shim "$DIR/host" '$ORIGIN/../own/plugin.so' $mode # of libloader.so
        grep -q '42, closed: 0' "$DIR/out"
        same_with_shim "$DIR/host_old" plugin.so $mode # by the RPATH of libloader_old.so
        grep -q '42, closed: 0' "$DIR/out"
        same_with_shim "$DIR/host" "$DIR/lib/needy.so" $mode # nobody tells where what it needs is
        grep -q 'libneeded.so' "$DIR/out"
        same_with_shim "$DIR/host" nowhere.so $mode
        grep -q 'no more' "$DIR/out"
    done
}

@test "a plugin loaded with RTLD_DEEPBIND is seen: what it keeps, in whose function" {
    build_loader
    LEAKEY_SAMPLE=all with_shim "$DIR/host" "$DIR/own/plugin.so" deep
    leakey report --format json -o "$DIR/report.json" "$DIR/captures"
    jqr "$DIR/report.json" '[.heap.sites[] | select(any(.stack[]; .function == "plugin_keep")) | .allocated_count] | add == 3000'
    # Where the caller had to be seen by dlopen itself, from the next one on.
    for name in plugin.so '$ORIGIN/../own/plugin.so'; do
        rm -rf "$DIR/captures"
        LEAKEY_SAMPLE=all with_shim "$DIR/host" "$name" deep libm.so.6
        leakey report --format json -o "$DIR/report.json" "$DIR/captures"
        jqr "$DIR/report.json" '[.heap.sites[] | select(any(.stack[]; .function == "plugin_keep")) | .allocated_count]
            | add == 3000'
    done
}

loads_so_far() { # AT-LEAST: by events; each load has some
    leakey dump --what header --format json "$DIR"/captures/churn.*.leakey >"$DIR/header.json" &&
        jq -e ".recorded_count > $1" "$DIR/header.json"
}

@test "a plugin that is loaded and unloaded again and again adds nothing to the tables" {
    export LEAKEY_SAMPLE=all
    start_with_shim churn "$ROOT/build/tests/churn" plugins "$ROOT/build/tests/plugin_spare.so"
    wait_until 60 loads_so_far 2000
    cp "$DIR/header.json" "$DIR/before.json"
    wait_until 60 loads_so_far 12000
    stop churn
    [ "$STOPPED_STATUS" -eq 0 ]
    jqr "$DIR/churn.log" '.loads > 200'
    leakey dump --what header --format json "$DIR"/captures/churn.*.leakey >"$DIR/after.json"
    jqr "$DIR/after.json" '.dropped_count == 0 and .modules - $before.modules <= 1 and .sites - $before.sites <= 2' \
        --argjson before "$(cat "$DIR/before.json")"
    leakey report --format json "$DIR/captures" >"$DIR/report.json"
    jqr "$DIR/report.json" '[.heap.sites[] | select(.stack[0].function == "plugin_run") | .allocated_count] | add == 10 * $loads' \
        --argjson loads "$(jq .loads "$DIR/churn.log")"
}
