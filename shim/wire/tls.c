/*
 * What goes through a dynamic libssl, before it is encrypted and after. The socket below carries
 * ciphertext, which does not look like commands, so nothing is seen twice; and what hiredis sends
 * through TLS its own wrappers have seen.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "config.h"
#include "loader.h"
#include "real.h"
#include "sys.h"
#include "thread.h"
#include "wire/owned.h"
#include "wire/sent.h"
#include "wire/stream.h"
#include "wire/wire.h"

#define SLOTS    8192u
#define PROBES   32u
#define GIVEN_UP 1u

/* Which stream a connection is, as owned.h has it for descriptors. */
struct slot {
    uint64_t ssl;   /* its address; 0: never used, 1: given up */
    uint32_t entry; /* enum lk_fd */
};

static struct slot *slots;

static struct slot *slot_at(uint64_t ssl, uint32_t probe)
{
    uint64_t first = (ssl >> 4) * 0x9e3779b97f4a7c15u >> 40;
    return &slots[(first + probe) % SLOTS];
}

static struct slot *find(const void *ssl)
{
    uint64_t address = (uintptr_t)ssl;
    struct slot *all = __atomic_load_n(&slots, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; all && i < PROBES; i++) {
        struct slot *slot = slot_at(address, i);
        uint64_t held = __atomic_load_n(&slot->ssl, __ATOMIC_ACQUIRE);
        if (held == address)
            return slot;
        if (!held)
            return NULL;
    }
    return NULL;
}

/* A connection is one thread's at a time, so nobody else adds the same one meanwhile. False: there
 * is no room. */
static bool add(const void *ssl, uint32_t entry)
{
    uint64_t address = (uintptr_t)ssl;
    if (!lk_sys_once_wiped((void **)&slots, SLOTS * sizeof *slots))
        return false;
    for (uint32_t i = 0; i < PROBES; i++) {
        struct slot *slot = slot_at(address, i);
        uint64_t held = __atomic_load_n(&slot->ssl, __ATOMIC_RELAXED);
        if (held > GIVEN_UP)
            continue;
        if (__atomic_compare_exchange_n(&slot->ssl, &held, address, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED)) {
            __atomic_store_n(&slot->entry, entry, __ATOMIC_RELEASE);
            return true;
        }
    }
    return false;
}

static uint64_t owner_of(const void *ssl)
{
    return (uintptr_t)ssl;
}

static uint32_t entry_of(const void *ssl)
{
    struct slot *slot = lk_fds && ssl ? find(ssl) : NULL;
    if (!lk_fds)
        return LK_FD_IGNORED;
    return slot ? __atomic_load_n(&slot->entry, __ATOMIC_ACQUIRE) : LK_FD_UNKNOWN;
}

static void forget(const void *ssl)
{
    struct slot *slot = lk_fds && ssl ? find(ssl) : NULL;
    int kept = errno;
    if (!slot)
        return;
    uint32_t entry = __atomic_load_n(&slot->entry, __ATOMIC_ACQUIRE);
    if (entry >= LK_FD_STREAM)
        lk_stream_end(entry - LK_FD_STREAM, owner_of(ssl));
    __atomic_store_n(&slot->ssl, GIVEN_UP, __ATOMIC_RELEASE);
    errno = kept;
}

/* Above depth 0 a stream stays to be ended by the next call. */
static void ignore(const void *ssl, uint32_t entry)
{
    struct slot *slot = find(ssl);
    if (entry >= LK_FD_STREAM) {
        lk_stream_end(entry - LK_FD_STREAM, owner_of(ssl));
        if (lk_self.depth)
            return;
    }
    if (slot)
        __atomic_store_n(&slot->entry, LK_FD_IGNORED, __ATOMIC_RELEASE);
    else
        add(ssl, LK_FD_IGNORED);
}

/* Of a memory BIO there is no descriptor, and so no other end that we could name. */
static size_t peer_of(const struct lk_traffic *traffic, char *out, size_t room)
{
    LK_REAL_TYPE(SSL_get_fd) get_fd = LK_REAL_FOUND(SSL_get_fd);
    const void *ssl = (const void *)(uintptr_t)lk_stream_owner(traffic->context);
    int fd = get_fd ? get_fd(ssl) : -1;
    return fd >= 0 ? lk_wire_peer(fd, out, room) : 0;
}

static const struct lk_stream_kind tls_kind = {.peer = peer_of};

/* hiredis_ssl and kin send what the wrappers of hiredis have recorded already. */
static bool is_hiredis(const void *caller)
{
    Dl_info info;
    return lk_loader.addr(caller, &info) && info.dli_fname &&
           (strstr(info.dli_fname, "libhiredis") || strstr(info.dli_fname, "libvalkey"));
}

static uint32_t judge(const void *ssl, const struct iovec *part, const void *caller)
{
    uint32_t entry = LK_FD_IGNORED, place;
    int kept = errno;
    if (!part->iov_len)
        return LK_FD_IGNORED; /* this time */
    bool plausible = lk_sent_plausible(part->iov_base, part->iov_len);
    if (plausible && lk_self.depth) {
        lk_stream_missed();
    } else if (plausible) {
        lk_self.depth++;
        bool recorded = is_hiredis(caller);
        lk_self.depth--;
        if (!recorded && (place = lk_stream_begin(owner_of(ssl), &tls_kind)) < LK_STREAMS)
            entry = LK_FD_STREAM + place;
    }
    if (!add(ssl, entry) && entry >= LK_FD_STREAM) {
        lk_stream_end(entry - LK_FD_STREAM, owner_of(ssl));
        entry = LK_FD_IGNORED;
    }
    errno = kept;
    return entry;
}

static uint32_t sending(const void *ssl, const struct iovec *part, const void *caller)
{
    uint32_t entry = entry_of(ssl);
    if (entry == LK_FD_UNKNOWN)
        entry = judge(ssl, part, caller);
    if (entry < LK_FD_STREAM || lk_stream_sending(entry - LK_FD_STREAM, owner_of(ssl), part, 1))
        return entry;
    ignore(ssl, entry);
    return LK_FD_IGNORED;
}

/* A write that could not be done must be repeated with the same bytes. */
static void sent(const void *ssl, uint32_t entry, const struct iovec *part, size_t accepted)
{
    if (entry >= LK_FD_STREAM && accepted < part->iov_len)
        lk_stream_sent(entry - LK_FD_STREAM, owner_of(ssl), part, 1, accepted);
}

static void received(const void *ssl, void *buffer, size_t bytes)
{
    uint32_t entry = entry_of(ssl);
    struct iovec part = {buffer, bytes};
    int kept = errno;
    if (!bytes || entry == LK_FD_IGNORED)
        return;
    /* A connection on which the other end speaks first is no client's. */
    if (entry == LK_FD_UNKNOWN ||
        !lk_stream_received(entry - LK_FD_STREAM, owner_of(ssl), &part, 1, bytes))
        ignore(ssl, entry);
    errno = kept;
}

int SSL_write(void *ssl, const void *buffer, int bytes)
{
    LK_REAL_TYPE(SSL_write) original = LK_REAL_FOUND(SSL_write);
    struct iovec part = {(void *)(uintptr_t)buffer, bytes > 0 ? (size_t)bytes : 0};
    if (!original)
        return -1;
    uint32_t entry = sending(ssl, &part, __builtin_return_address(0));
    int result = original(ssl, buffer, bytes);
    sent(ssl, entry, &part, result > 0 ? (size_t)result : 0);
    return result;
}

int SSL_write_ex(void *ssl, const void *buffer, size_t bytes, size_t *written)
{
    LK_REAL_TYPE(SSL_write_ex) original = LK_REAL_FOUND(SSL_write_ex);
    struct iovec part = {(void *)(uintptr_t)buffer, bytes};
    if (!original)
        return 0;
    uint32_t entry = sending(ssl, &part, __builtin_return_address(0));
    int result = original(ssl, buffer, bytes, written);
    sent(ssl, entry, &part, result > 0 && written ? *written : 0);
    return result;
}

int SSL_read(void *ssl, void *buffer, int bytes)
{
    LK_REAL_TYPE(SSL_read) original = LK_REAL_FOUND(SSL_read);
    if (!original)
        return -1;
    int result = original(ssl, buffer, bytes);
    if (result > 0)
        received(ssl, buffer, (size_t)result);
    return result;
}

int SSL_read_ex(void *ssl, void *buffer, size_t bytes, size_t *count)
{
    LK_REAL_TYPE(SSL_read_ex) original = LK_REAL_FOUND(SSL_read_ex);
    if (!original)
        return 0;
    int result = original(ssl, buffer, bytes, count);
    if (result > 0 && count)
        received(ssl, buffer, *count);
    return result;
}

/* Its address may have been another's, that was freed where we do not see it. */
void *SSL_new(void *settings)
{
    LK_REAL_TYPE(SSL_new) original = LK_REAL_FOUND(SSL_new);
    void *ssl = original ? original(settings) : NULL;
    forget(ssl);
    return ssl;
}

int SSL_clear(void *ssl)
{
    LK_REAL_TYPE(SSL_clear) original = LK_REAL_FOUND(SSL_clear);
    if (!original)
        return 0;
    forget(ssl);
    return original(ssl);
}

/* Another holder may go on with it: then it is seen anew. */
void SSL_free(void *ssl)
{
    LK_REAL_TYPE(SSL_free) original = LK_REAL_FOUND(SSL_free);
    if (!original)
        return;
    forget(ssl);
    original(ssl);
}
