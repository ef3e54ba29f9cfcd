/* Walks replies, and follows contexts as objects that the host must free. */
#include "cache/hiredis_answer.h"

#include "cache/replies.h"
#include "capture/capture.h"
#include "wire/wire.h"

#define ELEMENTS_MAX (1u << 16) /* of one aggregate: those after it are not looked at */

static struct lk_value value_of(const struct lk_reply *reply)
{
    return (struct lk_value){.type = reply->type,
                             .integer = reply->integer,
                             .text = reply->text,
                             .bytes = reply->bytes,
                             .elements = reply->elements};
}

static void tell_elements(struct lk_settling *answer, const struct lk_layout *layout,
                          const struct lk_reply *reply, uint32_t depth)
{
    for (size_t i = 0; i < reply->elements && i < ELEMENTS_MAX; i++) {
        struct lk_reply element = lk_reply_read(layout, reply->element[i]);
        struct lk_value value = value_of(&element);
        /* A transaction's values are the deepest that matter: EXEC, command, element, within. */
        if (lk_answer_value(answer, depth, &value) && depth < 3)
            tell_elements(answer, layout, &element, depth + 1);
    }
}

static void tell(struct lk_settling *answer, const struct lk_layout *layout, const void *object)
{
    struct lk_reply reply = lk_reply_read(layout, object);
    struct lk_value value = value_of(&reply);
    if (lk_answer_value(answer, 0, &value))
        tell_elements(answer, layout, &reply, 1);
    lk_answer_end(answer);
}

void lk_hiredis_reply(const struct lk_traffic *traffic, const void *reply)
{
    const struct lk_layout *layout = traffic->library->layout;
    bool plain = lk_context_is_plain(traffic->library, traffic->context);
    struct lk_settling answer;
    if (lk_answer_open(&answer, traffic)) {
        if (plain)
            tell(&answer, layout, reply);
        else
            lk_answer_opaque(&answer);
        lk_answer_close(&answer);
    }
    if (reply && plain && traffic->recording)
        lk_reply_given(layout, reply, LK_TAG(answer.outcome, answer.template_id), answer.time_ns);
}

void lk_context_connected(const struct lk_traffic *traffic, bool is_new)
{
    const struct lk_layout *layout = traffic->library->layout;
    lk_traffic_connected(traffic);
    if (!is_new)
        lk_context_reconnected(layout, traffic->context);
    else if (traffic->recording)
        lk_context_given(layout, traffic->context, traffic->asynchronous, lk_now());
}

void lk_context_closing(const struct lk_traffic *traffic)
{
    lk_context_freed(traffic->context);
    lk_traffic_closing(traffic);
}

/* By the system's word first: a server has many names, and other clients of the process may use
 * another one. */
size_t lk_hiredis_peer(const struct lk_traffic *traffic, char *out, size_t room)
{
    int fd = lk_field_int(traffic->context, traffic->library->layout->fd);
    size_t bytes = fd >= 0 ? lk_wire_peer(fd, out, room) : 0;
    if (bytes)
        return bytes;
    return lk_context_peer(traffic->library->layout, traffic->context, out, room);
}
