/*
 * oracleGeneral, libCacheSim's binary trace, of reads alone: a simulator lets in what it missed, so
 * that the write after a miss is in it already. A record is 24 bytes, little-endian, without gaps:
 * u32 seconds, u64 object, u32 bytes of key and value, i64 the number of the object's next record
 * (from 0; -1 none). Source: libCacheSim/traceReader/customizedReader/oracle/oracleGeneralBin.h in
 * https://github.com/1a1a11a/libCacheSim.
 *
 * Memory is 4 bytes a read, 12 a key.
 */
#include <string.h>

#include "export/exporters.h"
#include "export/trace.h"

#define RECORD_BYTES 24
#define NO_READ      UINT32_MAX

/* For each read the number of the key's next one; NO_READ. g_free. */
static uint32_t *next_reads(const struct cache_model *model)
{
    uint32_t reads = 0;

    for (guint i = 0; i < model->accesses->len; i++)
        reads += (model_access(model, i)->flags & ACCESS_READ) != 0;
    uint32_t *next = g_new(uint32_t, (size_t)reads + 1);
    uint32_t *later = g_new(uint32_t, model->keys->len + 1); /* of each key */
    memset(later, 0xff, ((size_t)model->keys->len + 1) * sizeof(*later));
    for (guint i = model->accesses->len; i-- > 0;) {
        const struct cache_access *access = model_access(model, i);

        if (!(access->flags & ACCESS_READ))
            continue;
        next[--reads] = later[access->key];
        later[access->key] = reads;
    }
    g_free(later);
    return next;
}

static void put_record(FILE *out, uint32_t seconds, uint64_t object, uint64_t bytes, int64_t next)
{
    uint8_t record[RECORD_BYTES];
    uint32_t seconds_le = GUINT32_TO_LE(seconds),
             bytes_le = GUINT32_TO_LE((uint32_t)MIN(bytes, UINT32_MAX));
    uint64_t object_le = GUINT64_TO_LE(object);
    int64_t next_le = GINT64_TO_LE(next);

    memcpy(record, &seconds_le, 4);
    memcpy(record + 4, &object_le, 8);
    memcpy(record + 12, &bytes_le, 4);
    memcpy(record + 16, &next_le, 8);
    fwrite(record, sizeof(record), 1, out);
}

bool export_oracle_general(const struct analysis *analysis, const struct export_options *options,
                           FILE *out, GError **error)
{
    const struct cache_model *model = analysis->cache;
    struct trace trace = trace_new(model);
    uint32_t *next = next_reads(model), reads = 0;

    (void)error;
    for (guint i = 0; i < model->accesses->len; i++) {
        const struct cache_access *access = model_access(model, i);

        if (access->flags & ACCESS_READ) {
            uint64_t bytes = trace_read_bytes(&trace, access);
            uint32_t later = next[reads++];

            if (bytes != TRACE_UNKNOWN)
                bytes += model_key(model, access->key)->key_bytes;
            put_record(out, trace_seconds(access), trace_key_number(access),
                       bytes == TRACE_UNKNOWN ? 0 : bytes, later == NO_READ ? -1 : (int64_t)later);
        }
        if (access->flags & ACCESS_WRITE)
            trace_write_bytes(&trace, access);
    }
    trace_remark(&trace, options);
    trace_release(&trace);
    g_free(next);
    return true;
}
