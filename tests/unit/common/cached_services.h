/*
 * Services for the simulation, by what goes into their cache keys: some with a planted fault, and
 * healthy ones that look like them. A new one is a function, its name here, and a row in
 * test_duplicates.c.
 */
#ifndef LEAKEY_TESTS_CACHED_SERVICES_H
#define LEAKEY_TESTS_CACHED_SERVICES_H

#include "common/simulated_service.h"

#define EPOCH_MS 1790000000000ull

enum { TOPICS = 18, PRODUCTS = 6 };
extern const char *const topics[TOPICS];
extern const char *const products[PRODUCTS];

/* Small numbers more often. */
unsigned draw_question(uint64_t *random);
void write_question(unsigned question, char *out, size_t room);
/* A value that is long, and of its own for each number. */
void answer(struct request *request, uint64_t number);
/* The key is a digest of the input. */
void digest_key(struct request *request, const char *prefix);
/* As people type: case, blanks at the ends and in between; in JSON, some of them as \n. */
void respell(const char *text, uint64_t *random, char *out, bool json);
/* {"model":..,"prompt":..,"temperature":..} in any order and layout. */
void spell_body(unsigned question, uint64_t *random, char *out, size_t room);

/* planted_services.c */
make_request clock_and_uuid, clock_and_uuid_varied_answers, clock_and_uuid_labels, spelling_alone,
    spelling_varied_answers, clock_and_uuid_hidden, clock_and_uuid_hidden_varied, body_in_a_string,
    clock_before_text, nonce_after_text, nonce_in_key, uuid_in_key, clock_in_key,
    query_order_and_signature, temporary_path, number_spelling, unicode_form, counter,
    numbered_requests, idle_version, idle_user, idle_seed, object_address, spelling_in_key,
    order_in_key, clock_in_a_message, lines_of_headers, few_requests;

/* healthy_services.c */
make_request user_sometimes_matters, each_user_once, whole_minutes, few_seconds, per_user,
    per_session, per_document, per_page, document_text, labels, version_matters, last_word_matters,
    end_beyond_stored_text, normalised, case_matters, user_matters, user_matters_varied_answers,
    user_matters_often_refused, number_matters, date_matters, daily_price, per_picture,
    per_picture_all_sizes, token_matters, ordinary_kwargs, per_chat;

#endif
