/* The table of normalisers is whole, and names of fields tell what they should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "find/normalise.h"

/* Every word of spec section 5, once, with all that the table must say of it. */
static void test_table(void **state)
{
    static const char *const names[] = {"timestamp",     "uuid",    "counter",    "random",
                                        "whitespace",    "case",    "unicode",    "order",
                                        "number-format", "salt",    "signed-url", "temp-path",
                                        "version",       "address", "identifier"};

    (void)state;
    assert_int_equal(G_N_ELEMENTS(names), NORMALISERS);
    for (unsigned i = 0; i < NORMALISERS; i++) {
        bool found = false;

        for (unsigned k = 0; k < NORMALISERS; k++)
            found |= strcmp(names[i], normalisers[k].name) == 0;
        assert_true(found);
        assert_true(strlen(normalisers[i].varies) > 0 && strlen(normalisers[i].cure) > 0);
        assert_true((normalisers[i].kind == NORMALISER_SPELLS) ==
                    (strstr(normalisers[i].cure, "%s") == NULL));
        if (normalisers[i].kind == NORMALISER_SPELLS)
            assert_int_equal(feature_normaliser(normalisers[i].feature), i);
    }
    assert_int_equal(feature_normaliser(FEATURE_TAIL), NORMALISER_NONE);
}

static void test_names(void **state)
{
    static const struct {
        const char *name;
        enum name_hint hint;
    } rows[] = {
        {"ts", HINT_CLOCK},
        {"created_at", HINT_CLOCK},
        {"X-Request-Id", HINT_NONCE},
        {"requestId", HINT_NONCE},
        {"trace_id", HINT_NONCE},
        {"nonce", HINT_NONCE},
        {"user_id", HINT_IDENTIFIER},
        {"userId", HINT_IDENTIFIER},
        {"id", HINT_IDENTIFIER},
        {"session", HINT_IDENTIFIER},
        {"X-Amz-Signature", HINT_SIGNATURE},
        {"prompt", HINT_NONE},
        {"temperature", HINT_NONE},
        {"design", HINT_NONE},
        {"", HINT_NONE},
        {"seed", HINT_NONE},
        {"message", HINT_NONE},
        {"client_request_id", HINT_NONCE},
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        assert_int_equal(name_hint(rows[i].name, strlen(rows[i].name)), rows[i].hint);
}

static void test_slots(void **state)
{
    static const struct {
        uint8_t token_class, flags;
        enum name_hint hint;
        enum normaliser normaliser;
    } rows[] = {
        {LK_CLASS_TIMESTAMP, 0, HINT_NONE, NORMALISER_TIMESTAMP},
        {LK_CLASS_UUID, PART_FIELD, HINT_IDENTIFIER, NORMALISER_UUID},
        {LK_CLASS_HEX, 0, HINT_NONE, NORMALISER_RANDOM},
        {LK_CLASS_RANDOM, PART_TEMPORARY, HINT_NONE, NORMALISER_TEMP_PATH},
        {LK_CLASS_WORD, PART_FIELD, HINT_SIGNATURE, NORMALISER_SIGNED_URL},
        {LK_CLASS_WORD, PART_FIELD, HINT_NONCE, NORMALISER_RANDOM},
        {LK_CLASS_WORD, PART_FIELD, HINT_IDENTIFIER, NORMALISER_IDENTIFIER},
        {LK_CLASS_WORD, 0, HINT_NONE, NORMALISER_NONE},
        {LK_CLASS_WORD, PART_FIELD, HINT_NONE, NORMALISER_NONE},
        {LK_CLASS_NUMBER, PART_FIELD, HINT_CLOCK, NORMALISER_TIMESTAMP},
        {LK_CLASS_NUMBER, 0, HINT_NONE, NORMALISER_COUNTER},
        {LK_CLASS_NUMBER, PART_FIELD, HINT_IDENTIFIER, NORMALISER_IDENTIFIER},
        {LK_CLASS_FLOAT, PART_FIELD, HINT_NONE, NORMALISER_NONE},
        {LK_CLASS_VERSION, 0, HINT_NONE, NORMALISER_VERSION},
        {LK_CLASS_ADDRESS, 0, HINT_NONE, NORMALISER_ADDRESS},
        {LK_CLASS_BINARY, 0, HINT_NONE, NORMALISER_NONE},
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct part part = {
            .kind = PART_TOKEN, .token_class = rows[i].token_class, .flags = rows[i].flags};

        assert_int_equal(slot_normaliser(&part, rows[i].hint), rows[i].normaliser);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_slots),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
