/* Builds synthetic captures for tests; see capture_builder.h. */
#include "common/capture_builder_parts.h"

#include <math.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define COUNT_Q16 65536.0

struct builder *builder_new(void)
{
    struct builder *b = g_new0(struct builder, 1);
    struct lk_header *header = &b->header;
    memcpy(header->magic, LK_MAGIC, sizeof(header->magic));
    header->byte_order = LK_BYTE_ORDER;
    header->version = LK_VERSION;
    header->header_bytes = sizeof(*header);
    header->granule_bytes = LK_GRANULE;
    header->flags = LK_FLAG_HEAP | LK_FLAG_CACHE;
    header->pid = 4242;
    header->ppid = 1;
    header->sample_bytes = 1;
    header->ring_bytes = 256u << 20;
    header->start_realtime_ns = 1700000000ull * BUILDER_S;
    header->start_monotonic_ns = 1000ull * BUILDER_S;
    header->end = LK_END_EXIT;
    b->command = g_string_new(NULL);
    b->sites = g_array_new(FALSE, TRUE, sizeof(struct lk_site));
    b->frames = g_array_new(FALSE, TRUE, sizeof(uint64_t));
    b->modules = g_byte_array_new();
    b->templates = g_array_new(FALSE, TRUE, sizeof(struct lk_template));
    b->sketches = g_ptr_array_new_with_free_func(g_free);
    b->verbs = g_array_new(FALSE, TRUE, sizeof(struct lk_verb));
    b->live = g_array_new(FALSE, TRUE, sizeof(struct lk_live));
    b->blocks = g_array_new(FALSE, TRUE, sizeof(struct lk_live));
    b->live_by_key = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    for (size_t lane = 0; lane < LK_SHARED_LANES; lane++)
        b->counts[lane] = g_array_new(FALSE, TRUE, sizeof(struct lk_counts));
    b->changes = g_array_new(FALSE, TRUE, sizeof(struct change));
    b->segments = g_array_new(FALSE, TRUE, sizeof(struct segment));
    b->open = g_hash_table_new(NULL, NULL);
    b->open_heap = g_hash_table_new(NULL, NULL);
    g_array_set_size(b->sites, 1);
    g_array_set_size(b->templates, 1);
    g_ptr_array_add(b->sketches, NULL);
    g_array_set_size(b->verbs, 1);
    builder_process(b, "/usr/bin/service", (const char *const[]){"service", "--port", "80", NULL});
    return b;
}

void builder_free(struct builder *b)
{
    for (guint i = 0; i < b->segments->len; i++)
        g_free(g_array_index(b->segments, struct segment, i).room);
    for (size_t i = 0; i < LK_TIMELINE_LEVELS; i++)
        g_free(b->timeline[i]);
    g_free(b->executable);
    g_string_free(b->command, TRUE);
    g_array_free(b->sites, TRUE);
    g_array_free(b->frames, TRUE);
    g_byte_array_free(b->modules, TRUE);
    g_array_free(b->templates, TRUE);
    g_ptr_array_free(b->sketches, TRUE);
    g_array_free(b->verbs, TRUE);
    g_array_free(b->live, TRUE);
    g_array_free(b->blocks, TRUE);
    g_hash_table_destroy(b->live_by_key);
    g_array_free(b->segments, TRUE);
    g_hash_table_destroy(b->open);
    g_hash_table_destroy(b->open_heap);
    for (size_t lane = 0; lane < LK_SHARED_LANES; lane++)
        g_array_free(b->counts[lane], TRUE);
    g_array_free(b->changes, TRUE);
    g_free(b);
}

struct lk_header *builder_header(struct builder *b)
{
    return &b->header;
}

void builder_process(struct builder *b, const char *executable, const char *const *command)
{
    g_free(b->executable);
    b->executable = g_strdup(executable);
    g_string_truncate(b->command, 0);
    for (; *command != NULL; command++)
        g_string_append_len(b->command, *command, (gssize)strlen(*command) + 1);
}

/* ---- Tables ---- */

uint32_t builder_site(struct builder *b, const uint64_t *frames, size_t depth)
{
    struct lk_site site = {.hash = XXH3_64bits(frames, depth * sizeof(*frames)),
                           .frames_offset = b->frames->len,
                           .depth = (uint32_t)depth};
    g_array_append_vals(b->frames, frames, (guint)depth);
    g_array_append_val(b->sites, site);
    return b->sites->len - 1;
}

struct lk_site *builder_site_at(struct builder *b, uint32_t id)
{
    return &g_array_index(b->sites, struct lk_site, id);
}

struct lk_counts *builder_counts_at(struct builder *b, uint32_t site, uint32_t lane)
{
    if (site >= b->counts[lane]->len)
        g_array_set_size(b->counts[lane], site + 1);
    return &g_array_index(b->counts[lane], struct lk_counts, site);
}

size_t builder_module(struct builder *b, const char *path, uint64_t start, uint64_t end,
                      uint64_t bias, const uint8_t *build_id, size_t build_id_bytes)
{
    static const uint8_t zeros[8];
    uint32_t path_bytes = (uint32_t)strlen(path);
    uint32_t padding = (8 - path_bytes % 8) % 8;
    struct lk_module module = {.bytes = (uint32_t)sizeof(module) + path_bytes + padding,
                               .path_bytes = path_bytes,
                               .start = start,
                               .end = end,
                               .bias = bias,
                               .last_epoch = UINT32_MAX,
                               .build_id_bytes = (uint32_t)build_id_bytes};
    if (build_id != NULL)
        memcpy(module.build_id, build_id, MIN(build_id_bytes, sizeof(module.build_id)));
    g_byte_array_append(b->modules, (const guint8 *)&module, sizeof(module));
    g_byte_array_append(b->modules, (const guint8 *)path, path_bytes);
    g_byte_array_append(b->modules, zeros, padding);
    return b->module_count++;
}

uint32_t builder_template(struct builder *b, const char *text)
{
    if (text == NULL || *text == '\0')
        return 0;
    uint32_t bytes = (uint32_t)MIN(strlen(text), LK_TEMPLATE_TEXT);
    for (uint32_t id = 1; id < b->templates->len; id++) {
        const struct lk_template *known = &g_array_index(b->templates, struct lk_template, id);
        if (known->text_bytes == bytes && memcmp(known->text, text, bytes) == 0)
            return id;
    }
    struct lk_template template = {.hash = XXH3_64bits(text, bytes), .text_bytes = bytes};
    memcpy(template.text, text, bytes);
    g_array_append_val(b->templates, template);
    g_ptr_array_add(b->sketches, NULL);
    return b->templates->len - 1;
}

struct lk_template *builder_template_at(struct builder *b, uint32_t id)
{
    return &g_array_index(b->templates, struct lk_template, id);
}

void builder_sketch_key(struct builder *b, uint32_t id, uint64_t key_hash)
{
    uint8_t *sketch = g_ptr_array_index(b->sketches, id);
    if (sketch == NULL) {
        sketch = g_malloc0(LK_SKETCH_BYTES);
        g_ptr_array_index(b->sketches, id) = sketch;
        builder_template_at(b, id)->sketch_offset = 1;
    }
    uint64_t rest = key_hash << LK_SKETCH_PRECISION | 1ull << (LK_SKETCH_PRECISION - 1);
    uint8_t rank = (uint8_t)(1 + __builtin_clzll(rest));
    uint8_t *slot = &sketch[key_hash >> (64 - LK_SKETCH_PRECISION)];
    *slot = MAX(*slot, rank);
}

uint32_t builder_verb(struct builder *b, const char *name)
{
    for (uint32_t id = 1; id < b->verbs->len; id++)
        if (strncmp(builder_verb_at(b, id)->name, name, sizeof(struct lk_verb)) == 0)
            return id;
    struct lk_verb verb = {.calls = 0};
    memcpy(verb.name, name, MIN(strlen(name), sizeof(verb.name)));
    g_array_append_val(b->verbs, verb);
    return b->verbs->len - 1;
}

struct lk_verb *builder_verb_at(struct builder *b, uint32_t id)
{
    return &g_array_index(b->verbs, struct lk_verb, id);
}

struct lk_bucket *builder_bucket(struct builder *b, unsigned level, unsigned index)
{
    if (b->timeline[level] == NULL)
        b->timeline[level] = g_new0(struct lk_bucket, LK_TIMELINE_BUCKETS);
    return &b->timeline[level][index];
}

static void touch(struct builder *b, uint64_t time_ns)
{
    b->latest_ns = MAX(b->latest_ns, time_ns);
}

void builder_live(struct builder *b, enum lk_live_kind kind, uint64_t address, uint64_t size,
                  uint64_t time_ns, uint32_t site, uint32_t tag)
{
    struct lk_live entry = {.key = address ^ ((uint64_t)kind << 60),
                            .size = size,
                            .time_ns = time_ns,
                            .site = site,
                            .tag = tag};
    gint64 *key = g_new(gint64, 1);
    *key = (gint64)entry.key;
    g_array_append_val(b->live, entry);
    g_hash_table_insert(b->live_by_key, key, GUINT_TO_POINTER(b->live->len));
    touch(b, time_ns);
}

void builder_block(struct builder *b, uint64_t address, uint64_t size, uint64_t time_ns,
                   uint32_t site, uint32_t tag)
{
    struct lk_live entry = {
        .key = address, .size = size, .time_ns = time_ns, .site = site, .tag = tag};
    g_array_append_val(b->blocks, entry);
    touch(b, time_ns);
}

/* ---- Records ---- */

void builder_thread(struct builder *b, uint32_t thread)
{
    b->thread = thread;
}

static struct segment *open_segment(struct builder *b, GHashTable *open)
{
    guint index = GPOINTER_TO_UINT(g_hash_table_lookup(open, GUINT_TO_POINTER(b->thread)));
    return index == 0 ? NULL : &g_array_index(b->segments, struct segment, index - 1);
}

static struct segment *new_segment(struct builder *b, GHashTable *open, enum lk_extent_kind kind)
{
    struct segment *full = open_segment(b, open);
    uint64_t *sequence = kind == LK_EXTENT_SEGMENT ? &b->sequence : &b->heap_sequence;
    struct segment fresh = {
        .head = {.kind = kind,
                 .granules = 1,
                 .sequence = (*sequence)++,
                 .state = kind == LK_EXTENT_SEGMENT ? LK_SEGMENT_OPEN : LK_SEGMENT_PARKED,
                 .thread = b->thread},
        .room = g_malloc0(LK_SEGMENT_ROOM)};
    if (full != NULL)
        full->head.state = LK_SEGMENT_SEALED;
    g_array_append_val(b->segments, fresh);
    g_hash_table_insert(open, GUINT_TO_POINTER(b->thread), GUINT_TO_POINTER(b->segments->len));
    return &g_array_index(b->segments, struct segment, b->segments->len - 1);
}

/* The thread's segment with that much room: a new one begins with a THREAD record. */
static struct segment *segment_with_room(struct builder *b, size_t bytes, uint64_t time_ns)
{
    struct segment *segment = open_segment(b, b->open);
    if (segment != NULL && segment->head.committed + bytes <= LK_SEGMENT_ROOM)
        return segment;
    segment = new_segment(b, b->open, LK_EXTENT_SEGMENT);
    struct lk_record_thread *opening = (struct lk_record_thread *)(void *)segment->room;
    opening->head =
        (struct lk_record){.type = LK_RECORD_THREAD, .bytes = sizeof(*opening), .time_ns = time_ns};
    opening->thread = b->thread;
    opening->tid = b->header.pid + b->thread;
    segment->head.committed = sizeof(*opening);
    return segment;
}

void *builder_record(struct builder *b, uint16_t type, size_t bytes, uint64_t time_ns)
{
    size_t whole = (bytes + 7) & ~(size_t)7;
    struct segment *segment = segment_with_room(b, whole, time_ns);
    struct lk_record *record =
        (struct lk_record *)(void *)(segment->room + segment->head.committed);
    record->type = type;
    record->bytes = (uint16_t)whole;
    record->time_ns = time_ns;
    segment->head.committed += (uint32_t)whole;
    segment->head.records++;
    touch(b, time_ns);
    return record;
}

static void put_heap(struct segment *segment, uint64_t event, uint64_t place)
{
    struct lk_heap_event *at =
        (struct lk_heap_event *)(void *)(segment->room + segment->head.committed);
    *at = (struct lk_heap_event){event, place};
    segment->head.committed += (uint32_t)sizeof(*at);
}

/* Each event has a mark of its own before it: its time is exact. */
void builder_heap_event(struct builder *b, enum lk_heap_event_type type, uint64_t time_ns,
                        uint64_t address, uint64_t size, uint32_t site, uint32_t tag)
{
    struct segment *segment = open_segment(b, b->open_heap);
    if (segment == NULL ||
        segment->head.committed + 2 * sizeof(struct lk_heap_event) > LK_SEGMENT_ROOM)
        segment = new_segment(b, b->open_heap, LK_EXTENT_HEAP_SEGMENT);
    put_heap(segment, LK_HEAP_MARK | (uint64_t)b->thread << 3, time_ns);
    put_heap(segment,
             (uint64_t)type | size << 3 | (uint64_t)site << (LK_HEAP_SIZE_BITS + 3) |
                 (uint64_t)LK_TAG_TEMPLATE(tag) << 54,
             (uint64_t)LK_TAG_OUTCOME(tag) << LK_HEAP_TIME_BITS | address / 8
                                                                      << (LK_HEAP_TIME_BITS + 3));
    segment->head.records++;
    touch(b, time_ns);
}

/* Their oldest segments, as many as hold no more than that share of the records. */
static void lose_kind(struct builder *b, double share, uint32_t kind, uint64_t *overwritten)
{
    uint64_t records = 0, lost = 0;
    for (guint i = 0; i < b->segments->len; i++) {
        const struct segment *segment = &g_array_index(b->segments, struct segment, i);
        records += segment->head.kind == kind ? segment->head.records : 0;
    }
    for (guint i = 0; i < b->segments->len; i++) { /* in the order of opening */
        struct segment *segment = &g_array_index(b->segments, struct segment, i);
        if (segment->head.kind != kind)
            continue;
        lost += segment->head.records;
        if ((double)lost > share * (double)records)
            return;
        *overwritten += segment->head.records;
        segment->head.kind = 0; /* the granule looks as if it had never been filled */
    }
}

void builder_lose(struct builder *b, double share)
{
    lose_kind(b, share, LK_EXTENT_SEGMENT, &b->header.overwritten_count);
    lose_kind(b, share, LK_EXTENT_HEAP_SEGMENT, &b->header.overwritten_heap_count);
}

/* The chance with which an allocation of that size was sampled. */
static double sampling_chance(const struct builder *b, uint64_t size)
{
    if (b->header.sample_bytes <= 1)
        return 1;
    return -expm1(-(double)MAX(size, 1) / (double)b->header.sample_bytes);
}

static void count_alloc(struct lk_counts *totals, double size, double chance)
{
    totals->allocated_bytes += (uint64_t)llround(size / chance);
    totals->allocated_count_q16 += (uint64_t)llround(COUNT_Q16 / chance);
    totals->samples++;
    totals->allocated_variance += size / chance * (size / chance) * (1 - chance);
}

static void count_free(struct lk_counts *totals, double size, double chance)
{
    totals->freed_bytes += (uint64_t)llround(size / chance);
    totals->freed_count_q16 += (uint64_t)llround(COUNT_Q16 / chance);
    totals->sample_frees++;
}

void builder_alloc(struct builder *b, uint64_t time_ns, uint64_t address, uint64_t size,
                   uint32_t site, uint32_t tag)
{
    double chance = sampling_chance(b, size);
    struct change change = {time_ns, site, llround((double)size / chance)};
    g_array_append_val(b->changes, change);
    builder_heap_event(b, LK_HEAP_ALLOC, time_ns, address, size, site, tag);
    builder_live(b, LK_LIVE_HEAP, address, size, time_ns, site, tag);
    count_alloc(builder_counts_at(b, site, b->thread % LK_SHARED_LANES), (double)size, chance);
    b->header.live_bytes += llround((double)size / chance);
    b->header.live_count_q16 += llround(COUNT_Q16 / chance);
    if (b->header.live_bytes > (int64_t)b->header.peak_live_bytes) {
        b->header.peak_live_bytes = (uint64_t)b->header.live_bytes;
        b->header.peak_ns = time_ns;
    }
}

bool builder_release(struct builder *b, uint64_t time_ns, uint64_t address)
{
    gint64 key = (gint64)address;
    guint found = GPOINTER_TO_UINT(g_hash_table_lookup(b->live_by_key, &key));
    if (found == 0)
        return false;
    struct lk_live entry = g_array_index(b->live, struct lk_live, found - 1);
    double chance = sampling_chance(b, entry.size);
    struct change change = {time_ns, entry.site, -llround((double)entry.size / chance)};
    g_array_append_val(b->changes, change);
    builder_heap_event(b, LK_HEAP_FREE, time_ns, address, entry.size, entry.site, entry.tag);
    count_free(builder_counts_at(b, entry.site, b->thread % LK_SHARED_LANES), (double)entry.size,
               chance);
    b->header.live_bytes -= llround((double)entry.size / chance);
    b->header.live_count_q16 -= llround(COUNT_Q16 / chance);
    g_hash_table_remove(b->live_by_key, &key);
    g_array_remove_index_fast(b->live, found - 1);
    if (found - 1 < b->live->len) {
        gint64 *moved = g_new(gint64, 1);
        *moved = (gint64)g_array_index(b->live, struct lk_live, found - 1).key;
        g_hash_table_replace(b->live_by_key, moved, GUINT_TO_POINTER(found));
    }
    return true;
}

/* ---- Cache commands ---- */

static uint64_t text_hash(const char *text)
{
    return text == NULL ? 0 : XXH3_64bits(text, strlen(text));
}

static void write_input(struct builder *b, const struct builder_command *c)
{
    size_t bytes = strlen(c->input), stored = MIN(bytes, LK_TEXT_MAX);
    struct lk_record_input *input =
        builder_record(b, LK_RECORD_INPUT, sizeof(*input) + stored, c->time_ns);
    input->key_hash = text_hash(c->key);
    input->fingerprint = text_hash(c->input);
    input->input_bytes = bytes;
    input->algorithm = c->algorithm != 0 ? c->algorithm : LK_DIGEST_SHA256;
    input->encoding = LK_ENCODING_HEX;
    const char *colon = strrchr(c->key, ':');
    size_t offset = colon == NULL ? 0 : (size_t)(colon + 1 - c->key);
    input->digest_offset = c->digest_bytes != 0 ? c->digest_offset : (uint16_t)offset;
    input->digest_bytes =
        c->digest_bytes != 0 ? c->digest_bytes : (uint16_t)strlen(c->key + offset);
    input->text_bytes = (uint32_t)stored;
    memcpy(input + 1, c->input, stored);
}

static uint64_t value_bytes(const struct builder_command *c)
{
    if (c->value_bytes != 0)
        return c->value_bytes;
    return c->value == NULL ? 0 : strlen(c->value);
}

static int64_t ttl_of(const struct builder_command *c)
{
    if (c->ttl_ms != 0)
        return c->ttl_ms;
    return (c->flags & LK_COMMAND_WRITE) != 0 ? LK_TTL_NONE : LK_TTL_UNKNOWN;
}

static void write_command(struct builder *b, const struct builder_command *c, uint32_t connection,
                          uint64_t sequence)
{
    size_t key_bytes = c->key == NULL ? 0 : strlen(c->key), stored = MIN(key_bytes, LK_TEXT_MAX);
    bool write = (c->flags & LK_COMMAND_WRITE) != 0;
    uint16_t cut = key_bytes > stored ? LK_COMMAND_CUT : 0;
    uint32_t template_id = builder_template(b, c->template_name);
    struct lk_record_command *record =
        builder_record(b, LK_RECORD_COMMAND, sizeof(*record) + stored, c->time_ns);
    record->connection = connection;
    record->site = c->site;
    record->sequence = sequence;
    record->verb = (uint16_t)builder_verb(b, c->verb);
    record->flags = c->flags | cut;
    record->key_index = c->key == NULL ? LK_NO_KEY : c->key_index;
    record->key_count = (uint16_t)(c->key == NULL ? 0 : MAX(c->key_count, 1));
    record->database = c->database;
    record->template_id = template_id;
    record->key_hash = text_hash(c->key);
    record->value_hash = write ? text_hash(c->value) : 0;
    record->value_bytes = write ? value_bytes(c) : 0;
    record->ttl_ms = ttl_of(c);
    record->key_bytes = (uint32_t)key_bytes;
    record->text_bytes = (uint32_t)stored;
    if (stored != 0)
        memcpy(record + 1, c->key, stored);
    if (c->key_index == 0)
        builder_verb_at(b, record->verb)->calls++;
}

static void write_reply(struct builder *b, const struct builder_command *c, uint32_t connection,
                        uint64_t sequence)
{
    bool hit = c->outcome == LK_OUTCOME_HIT;
    uint64_t when = c->reply_ns != 0 ? c->reply_ns : c->time_ns + 100 * BUILDER_US;
    struct lk_record_reply *record = builder_record(b, LK_RECORD_REPLY, sizeof(*record), when);
    record->connection = connection;
    record->outcome = c->outcome;
    record->flags = c->replied;
    record->sequence = sequence;
    record->value_hash = hit ? text_hash(c->value) : 0;
    record->value_bytes = hit ? value_bytes(c) : 0;
    record->key_index = c->key == NULL ? LK_NO_KEY : c->key_index;
}

static unsigned histogram_bucket(uint64_t ns)
{
    double us = (double)ns / 1000;
    return us <= 1 ? 0 : MIN((unsigned)(4 * log2(us)), LK_HISTOGRAM_BUCKETS - 1);
}

static void count_command(struct builder *b, const struct builder_command *c)
{
    uint32_t id = builder_template(b, c->template_name);
    struct lk_template *t = builder_template_at(b, id);
    uint64_t latency = c->reply_ns != 0 ? c->reply_ns - c->time_ns : 100 * BUILDER_US;
    bool read_or_write = (c->flags & (LK_COMMAND_READ | LK_COMMAND_WRITE)) != 0;
    t->hits += c->outcome == LK_OUTCOME_HIT;
    t->misses += c->outcome == LK_OUTCOME_MISS;
    t->reads = t->hits + t->misses;
    t->read_bytes += c->outcome == LK_OUTCOME_HIT ? value_bytes(c) : 0;
    t->errors += c->outcome == LK_OUTCOME_ERROR;
    b->header.errors += c->outcome == LK_OUTCOME_ERROR;
    t->deletes += (c->flags & LK_COMMAND_DELETE) != 0;
    if (c->outcome == LK_OUTCOME_WRITE) {
        t->writes++;
        t->written_bytes += value_bytes(c);
        t->no_ttl_writes += ttl_of(c) == LK_TTL_NONE;
    }
    if (t->first_ns == 0)
        t->first_ns = c->time_ns;
    t->last_ns = MAX(t->last_ns, c->time_ns);
    if (read_or_write && c->outcome != LK_OUTCOME_NONE)
        t->latency[histogram_bucket(latency)]++;
    if (read_or_write && id != 0)
        builder_sketch_key(b, id, text_hash(c->key));
}

uint64_t builder_command(struct builder *b, const struct builder_command *c)
{
    uint32_t connection = c->connection != 0 ? c->connection : 1;
    uint64_t *next = &b->sequences[connection % BUILDER_CONNECTIONS];
    uint64_t sequence = c->sequence;
    if (sequence == 0)
        sequence = c->key_index > 0 && *next > 0 ? *next - 1 : *next;
    *next = MAX(*next, sequence + 1);
    if (c->input != NULL)
        write_input(b, c);
    write_command(b, c, connection, sequence);
    if (c->outcome != LK_OUTCOME_NONE)
        write_reply(b, c, connection, sequence);
    if (c->key != NULL)
        count_command(b, c);
    return sequence;
}

void builder_connect(struct builder *b, uint64_t time_ns, uint32_t connection, const char *peer)
{
    size_t bytes = strlen(peer);
    struct lk_record_connect *record =
        builder_record(b, LK_RECORD_CONNECT, sizeof(*record) + bytes, time_ns);
    record->connection = connection;
    record->peer_bytes = (uint32_t)bytes;
    memcpy(record + 1, peer, bytes);
}
