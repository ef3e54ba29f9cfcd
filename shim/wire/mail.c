/* Mail from a stream's other threads. */
#define _GNU_SOURCE
#include "wire/mail.h"

#include <string.h>

#include "sys.h"
#include "wire/buffers.h"

static struct lk_mail *take_sheet(size_t bytes)
{
    char *sheet = bytes <= LK_BUFFER_SMALL ? lk_buffer_take(LK_BUFFER_SMALL) : NULL;
    if (!sheet && bytes <= LK_BUFFER_LARGE)
        sheet = lk_buffer_take(LK_BUFFER_LARGE);
    return (struct lk_mail *)(void *)sheet;
}

bool lk_mail_post(struct lk_mail **box, const struct lk_mail *mail, const struct iovec *parts,
                  size_t count)
{
    struct lk_mail *sheet = take_sheet(sizeof *sheet + mail->count);
    size_t left = mail->count;
    char *to = sheet ? sheet->bytes : NULL;
    if (!sheet)
        return false;
    memcpy(sheet, mail, sizeof *sheet);
    sheet->time_ns = lk_sys_monotonic_ns();
    for (size_t i = 0; i < count && left; i++) {
        size_t part = parts[i].iov_len < left ? parts[i].iov_len : left;
        if (part)
            to = mempcpy(to, parts[i].iov_base, part);
        left -= part;
    }
    sheet->next = __atomic_load_n(box, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(box, &sheet->next, sheet, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED))
        ;
    return true;
}

struct lk_mail *lk_mail_take(struct lk_mail **box)
{
    struct lk_mail *newest = __atomic_exchange_n(box, NULL, __ATOMIC_SEQ_CST), *oldest = NULL;
    while (newest) {
        struct lk_mail *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

struct lk_mail *lk_mail_next(struct lk_mail *mail)
{
    struct lk_mail *next = mail->next;
    lk_buffer_give((const char *)mail);
    return next;
}
