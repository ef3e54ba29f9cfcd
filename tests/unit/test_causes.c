/* Every miss has its one cause: a scenario a row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/cache_script.h"

static void first_then_hit(struct builder *b)
{
    script_miss(b, 1, "k:1");
    script_set(b, 2, "k:1", 0);
    script_hit(b, 3, "k:1");
}

static void ttl_passed(struct builder *b)
{
    script_miss(b, 1, "k:1");
    script_set(b, 2, "k:1", 100);
    script_hit(b, 50, "k:1");
    script_miss(b, 150, "k:1");
}

static void ttl_just_passing(struct builder *b)
{ /* 0.05 ms before it by issue, but gone when it arrived */
    script_set(b, 2, "k:1", 100);
    script_miss(b, 101.95, "k:1");
}

static void ttl_renewed(struct builder *b)
{
    script_set(b, 2, "k:1", 100);
    script_command(b, (struct at){50, 1}, "EXPIRE", "k:1", LK_COMMAND_EXPIRE, LK_OUTCOME_OTHER,
                   1000, 0.1);
    script_miss(b, 150, "k:1");
}

static void ttl_kept(struct builder *b)
{
    script_set(b, 2, "k:1", 100);
    script_set(b, 50, "k:1", LK_TTL_UNKNOWN);
    script_miss(b, 150, "k:1");
}

static void no_ttl(struct builder *b)
{
    script_set(b, 2, "k:1", 0);
    script_miss(b, 50, "k:1");
}

static void deleted(struct builder *b)
{
    script_set(b, 2, "k:1", 100);
    script_command(b, (struct at){50, 1}, "DEL", "k:1", LK_COMMAND_DELETE, LK_OUTCOME_OTHER, 0,
                   0.1);
    script_miss(b, 150, "k:1");
}

static void deleted_and_written(struct builder *b)
{
    script_set(b, 2, "k:1", 100);
    script_command(b, (struct at){50, 1}, "DEL", "k:1", LK_COMMAND_DELETE, LK_OUTCOME_OTHER, 0,
                   0.1);
    script_set(b, 60, "k:1", 20);
    script_miss(b, 150, "k:1");
}

static void flushed(struct builder *b)
{
    script_set(b, 2, "k:1", 0);
    script_command(b, (struct at){50, 1}, "FLUSHALL", NULL, LK_COMMAND_FLUSH, LK_OUTCOME_OTHER, 0,
                   0.1);
    script_miss(b, 60, "k:1");
    script_miss(b, 61, "k:2");
}

static void not_stored(struct builder *b)
{
    script_miss(b, 1, "k:1");
    script_miss(b, 10, "k:1");
    script_miss(b, 20, "k:1");
}

static void stampede(struct builder *b)
{
    script_miss_on(b, 1, 1, "k:1");
    script_miss_on(b, 2, 2, "k:1");
    script_miss_on(b, 3, 3, "k:1");
    script_set_on(b, 10, 1, "k:1", 0.1);
    script_set_on(b, 11, 2, "k:1", 0.1);
    script_set_on(b, 12, 3, "k:1", 0.1);
}

static void stored_at_the_second_try(struct builder *b)
{ /* the first miss led to nothing */
    script_miss(b, 1, "k:1");
    script_miss(b, 10, "k:1");
    script_set(b, 15, "k:1", 0);
    script_hit(b, 20, "k:1");
}

static void written_elsewhere(struct builder *b)
{ /* a worker on another connection writes */
    script_miss_on(b, 1, 1, "k:1");
    script_miss_on(b, 5, 1, "k:1");
    script_set_on(b, 10, 2, "k:1", 0.1);
}

static void write_on_its_way(struct builder *b)
{ /* issued before, executed after */
    script_miss_on(b, 1, 1, "k:1");
    script_set_on(b, 10, 1, "k:1", 1);
    script_miss_on(b, 10.5, 2, "k:1");
}

static void refused_write(struct builder *b)
{
    script_miss(b, 1, "k:1");
    script_command(b, (struct at){2, 1}, "SETNX", "k:1", LK_COMMAND_WRITE | LK_COMMAND_CONDITIONAL,
                   LK_OUTCOME_OTHER, 0, 0.1);
    script_miss(b, 3, "k:1");
}

static void failed_write(struct builder *b)
{
    script_miss(b, 1, "k:1");
    script_command(b, (struct at){2, 1}, "SET", "k:1", LK_COMMAND_WRITE, LK_OUTCOME_ERROR, 0, 0.1);
    script_miss(b, 3, "k:1");
}

static void written_before_the_capture(struct builder *b)
{
    script_hit(b, 1, "k:1");
    script_miss(b, 3, "k:1");
}

static void expires_as_others_do(struct builder *b)
{
    script_set(b, 0.5, "k:2", 5000);
    script_hit(b, 1, "k:1");
    script_miss(b, 3, "k:1");
}

static void pipelined(struct builder *b)
{ /* the write is first on the connection, its answer is read last */
    script_command(b, (struct at){1, 1}, "SET", "k:1", LK_COMMAND_WRITE, LK_OUTCOME_WRITE, 1, 20);
    script_command(b, (struct at){10, 1}, "GET", "k:1", LK_COMMAND_READ, LK_OUTCOME_MISS, 0, 12);
}

static void twice_gone(struct builder *b)
{ /* each renewal starts the life anew */
    script_set(b, 1, "k:1", 10);
    script_miss(b, 20, "k:1");
    script_set(b, 25, "k:1", 10);
    script_hit(b, 30, "k:1");
    script_miss(b, 50, "k:1");
}

/* ---- What was not done ---- */

/* One key of a command on connection 1; of another key of the same command, key_index is not 0. */
static void command(struct builder *b, double ms, struct builder_command command)
{
    command.time_ns = (uint64_t)(ms * 1e6);
    command.template_name = command.key ? "k:<number>" : NULL;
    if (!command.outcome)
        command.outcome = LK_OUTCOME_OTHER;
    builder_command(b, &command);
}

static void deleted_when_gone(struct builder *b)
{
    script_set(b, 2, "k:1", 100);
    command(b, 150,
            (struct builder_command){.verb = "DEL",
                                     .key = "k:1",
                                     .flags = LK_COMMAND_DELETE,
                                     .replied = LK_REPLIED_REFUSED});
    script_miss(b, 200, "k:1");
}

static void expire_refused(struct builder *b)
{
    script_set(b, 2, "k:1", 100);
    command(b, 50,
            (struct builder_command){.verb = "EXPIRE",
                                     .key = "k:1",
                                     .flags = LK_COMMAND_EXPIRE,
                                     .ttl_ms = 1000,
                                     .replied = LK_REPLIED_REFUSED});
    script_miss(b, 200, "k:1");
}

/* ---- What goes by other commands ---- */

static void emptied(struct builder *b)
{ /* the last element takes the key along */
    command(b, 1,
            (struct builder_command){.verb = "RPUSH",
                                     .key = "k:1",
                                     .flags = LK_COMMAND_WRITE,
                                     .ttl_ms = LK_TTL_UNKNOWN,
                                     .outcome = LK_OUTCOME_WRITE});
    command(b, 2,
            (struct builder_command){.verb = "LPOP",
                                     .key = "k:1",
                                     .flags = LK_COMMAND_READ | LK_COMMAND_SHRINK,
                                     .outcome = LK_OUTCOME_HIT});
    command(b, 3,
            (struct builder_command){.verb = "LPOP",
                                     .key = "k:1",
                                     .flags = LK_COMMAND_READ | LK_COMMAND_SHRINK,
                                     .outcome = LK_OUTCOME_MISS});
}

static void emptied_and_filled(struct builder *b)
{
    emptied(b);
    script_set(b, 4, "k:1", 0);
    script_miss(b, 5, "k:1");
}

static void store(struct builder *b, double ms, uint16_t replied)
{
    command(b, ms,
            (struct builder_command){.verb = "ZUNIONSTORE",
                                     .key = "k:1",
                                     .flags = LK_COMMAND_WRITE | LK_COMMAND_DELETE,
                                     .outcome = replied ? LK_OUTCOME_OTHER : LK_OUTCOME_WRITE,
                                     .replied = replied});
}

static void stored(struct builder *b)
{
    store(b, 1, 0);
    script_hit(b, 2, "k:1");
    script_miss(b, 3, "k:1");
}

static void stored_nothing(struct builder *b)
{
    script_set(b, 1, "k:1", 0);
    store(b, 2, LK_REPLIED_EMPTY);
    script_miss(b, 3, "k:1");
}

static void store_discarded(struct builder *b)
{
    script_set(b, 1, "k:1", 0);
    store(b, 2, LK_REPLIED_REFUSED);
    script_miss(b, 3, "k:1");
}

static void rename_key(struct builder *b, double ms)
{
    command(b, ms,
            (struct builder_command){
                .verb = "RENAME", .key = "k:1", .key_count = 2, .flags = LK_COMMAND_DELETE});
    command(b, ms,
            (struct builder_command){.verb = "RENAME",
                                     .key = "k:2",
                                     .key_index = 1,
                                     .key_count = 2,
                                     .flags = LK_COMMAND_WRITE,
                                     .ttl_ms = LK_TTL_SOURCE,
                                     .outcome = LK_OUTCOME_WRITE});
}

static void renamed(struct builder *b)
{ /* its expiry goes along, the other key's own is gone */
    script_set(b, 1, "k:1", 100);
    script_set(b, 2, "k:2", 20);
    rename_key(b, 10);
    script_hit(b, 50, "k:2");
    script_miss(b, 51, "k:1");
    script_miss(b, 150, "k:2");
}

static void renamed_without_expiry(struct builder *b)
{
    script_set(b, 1, "k:1", 0);
    script_set(b, 2, "k:2", 20);
    rename_key(b, 10);
    script_miss(b, 150, "k:2");
}

/* ---- Databases and servers ---- */

static void get_in(struct builder *b, double ms, uint32_t connection, uint32_t database, bool hit)
{
    builder_thread(b, connection);
    command(b, ms,
            (struct builder_command){.verb = "GET",
                                     .key = "k:1",
                                     .connection = connection,
                                     .database = database,
                                     .flags = LK_COMMAND_READ,
                                     .outcome = hit ? LK_OUTCOME_HIT : LK_OUTCOME_MISS});
}

static void change_in(struct builder *b, double ms, uint32_t connection, uint32_t database,
                      const char *verb, uint16_t flags)
{
    bool flush = flags & LK_COMMAND_FLUSH;

    builder_thread(b, connection);
    command(b, ms,
            (struct builder_command){.verb = verb,
                                     .key = flush ? NULL : "k:1",
                                     .connection = connection,
                                     .database = database,
                                     .flags = flags,
                                     .outcome = flags & LK_COMMAND_WRITE ? LK_OUTCOME_WRITE
                                                                         : LK_OUTCOME_OTHER});
}

static void another_database(struct builder *b)
{
    change_in(b, 1, 1, 0, "SET", LK_COMMAND_WRITE);
    get_in(b, 2, 1, 1, false);
    get_in(b, 3, 1, 0, true);
}

static void deleted_in_another_database(struct builder *b)
{
    change_in(b, 1, 1, 0, "SET", LK_COMMAND_WRITE);
    change_in(b, 2, 1, 1, "DEL", LK_COMMAND_DELETE);
    get_in(b, 3, 1, 0, false);
}

static void another_database_flushed(struct builder *b)
{
    change_in(b, 1, 1, 0, "SET", LK_COMMAND_WRITE);
    change_in(b, 2, 1, 1, "FLUSHDB", LK_COMMAND_FLUSH);
    get_in(b, 3, 1, 0, false);
}

static void all_databases_flushed(struct builder *b)
{
    change_in(b, 1, 1, 0, "SET", LK_COMMAND_WRITE);
    change_in(b, 2, 1, 1, "FLUSHALL", LK_COMMAND_FLUSH);
    get_in(b, 3, 1, 0, false);
}

static void two_servers(struct builder *b)
{
    builder_thread(b, 1);
    builder_connect(b, 100, 1, "unix:/run/a.sock");
    builder_thread(b, 2);
    builder_connect(b, 100, 2, "127.0.0.1:6379");
}

static void another_server(struct builder *b)
{
    two_servers(b);
    change_in(b, 1, 1, 0, "SET", LK_COMMAND_WRITE);
    get_in(b, 2, 2, 0, false);
    get_in(b, 3, 1, 0, true);
}

static void another_server_flushed(struct builder *b)
{
    two_servers(b);
    change_in(b, 1, 1, 0, "SET", LK_COMMAND_WRITE);
    change_in(b, 2, 2, 0, "FLUSHALL", LK_COMMAND_FLUSH);
    get_in(b, 3, 1, 0, false);
}

static void same_server(struct builder *b)
{
    two_servers(b);
    builder_thread(b, 3);
    builder_connect(b, 100, 3, "unix:/run/a.sock");
    change_in(b, 1, 1, 0, "SET", LK_COMMAND_WRITE);
    change_in(b, 2, 3, 0, "DEL", LK_COMMAND_DELETE);
    get_in(b, 3, 1, 0, false);
}

static void connection_of_the_one_server(struct builder *b)
{ /* how connection 2 began is not known */
    builder_thread(b, 1);
    builder_connect(b, 100, 1, "unix:/run/a.sock");
    change_in(b, 1, 1, 0, "SET", LK_COMMAND_WRITE);
    change_in(b, 2, 2, 0, "DEL", LK_COMMAND_DELETE);
    get_in(b, 3, 1, 0, false);
}

static void connection_of_an_unknown_server(struct builder *b)
{ /* nor that of connection 3, which may lead to either */
    two_servers(b);
    change_in(b, 1, 1, 0, "SET", LK_COMMAND_WRITE);
    change_in(b, 2, 3, 0, "DEL", LK_COMMAND_DELETE);
    get_in(b, 3, 1, 0, false);
}

static const struct row {
    const char *name;
    void (*build)(struct builder *builder);
    unsigned first_seen, expired, evicted, deleted, concurrent, not_stored;
} rows[] = {
    {"first, then hit", first_then_hit, 1, 0, 0, 0, 0, 0},
    {"TTL passed", ttl_passed, 1, 1, 0, 0, 0, 0},
    {"TTL just passing", ttl_just_passing, 0, 1, 0, 0, 0, 0},
    {"TTL renewed", ttl_renewed, 0, 0, 1, 0, 0, 0},
    {"TTL kept", ttl_kept, 0, 1, 0, 0, 0, 0},
    {"no TTL", no_ttl, 0, 0, 1, 0, 0, 0},
    {"deleted", deleted, 0, 0, 0, 1, 0, 0},
    {"deleted and written", deleted_and_written, 0, 1, 0, 0, 0, 0},
    {"flushed", flushed, 1, 0, 0, 1, 0, 0},
    {"not stored", not_stored, 1, 0, 0, 0, 0, 2},
    {"stampede", stampede, 1, 0, 0, 0, 2, 0},
    {"stored at the second try", stored_at_the_second_try, 1, 0, 0, 0, 0, 1},
    {"written elsewhere", written_elsewhere, 1, 0, 0, 0, 1, 0},
    {"write on its way", write_on_its_way, 1, 0, 0, 0, 1, 0},
    {"refused write", refused_write, 1, 0, 0, 0, 0, 1},
    {"failed write", failed_write, 1, 0, 0, 0, 0, 1},
    {"written before the capture", written_before_the_capture, 0, 0, 1, 0, 0, 0},
    {"expires as others do", expires_as_others_do, 0, 1, 0, 0, 0, 0},
    {"pipelined", pipelined, 0, 1, 0, 0, 0, 0},
    {"twice gone", twice_gone, 0, 2, 0, 0, 0, 0},
    {"deleted when gone", deleted_when_gone, 0, 1, 0, 0, 0, 0},
    {"EXPIRE refused", expire_refused, 0, 1, 0, 0, 0, 0},
    {"emptied", emptied, 0, 0, 0, 1, 0, 0},
    {"emptied and filled", emptied_and_filled, 0, 0, 1, 1, 0, 0},
    {"stored", stored, 0, 0, 1, 0, 0, 0},
    {"stored nothing", stored_nothing, 0, 0, 0, 1, 0, 0},
    {"store discarded", store_discarded, 0, 0, 1, 0, 0, 0},
    {"renamed", renamed, 0, 1, 0, 1, 0, 0},
    {"renamed without expiry", renamed_without_expiry, 0, 0, 1, 0, 0, 0},
    {"another database", another_database, 1, 0, 0, 0, 0, 0},
    {"deleted in another database", deleted_in_another_database, 0, 0, 1, 0, 0, 0},
    {"another database flushed", another_database_flushed, 0, 0, 1, 0, 0, 0},
    {"all databases flushed", all_databases_flushed, 0, 0, 0, 1, 0, 0},
    {"another server", another_server, 1, 0, 0, 0, 0, 0},
    {"another server flushed", another_server_flushed, 0, 0, 1, 0, 0, 0},
    {"same server", same_server, 0, 0, 0, 1, 0, 0},
    {"connection of the one server", connection_of_the_one_server, 0, 0, 0, 1, 0, 0},
    {"connection of an unknown server", connection_of_an_unknown_server, 0, 0, 1, 0, 0, 0},
};

static void check_row(void **state)
{
    const struct row *row = *state;
    struct builder *builder = builder_new();
    struct script script = {0};
    const struct miss_causes *causes;

    row->build(builder);
    script_save(&script, builder);
    script_analyse(&script);
    causes = &script.report->cache.causes;
    assert_int_equal(causes->first_seen, row->first_seen);
    assert_int_equal(causes->expired, row->expired);
    assert_int_equal(causes->evicted, row->evicted);
    assert_int_equal(causes->deleted, row->deleted);
    assert_int_equal(causes->concurrent, row->concurrent);
    assert_int_equal(causes->not_stored, row->not_stored);
    assert_int_equal(causes->duplicate_input, 0);
    assert_true(script.report->cache.causes_exact);
    script_clear(&script);
}

int main(void)
{
    struct CMUnitTest tests[G_N_ELEMENTS(rows)];

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        tests[i] =
            (struct CMUnitTest){rows[i].name, check_row, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
