/*
 * What was digested lately in this process, so that a key that holds a digest leads back to its
 * input. Bounded: of 16,384 digests and 8 MiB of inputs the oldest are forgotten. Nobody waits.
 */
#ifndef LK_CACHE_INPUTS_H
#define LK_CACHE_INPUTS_H

#include <stddef.h>
#include <stdint.h>

#include "capture/layout.h"

/* Inside the shim's own code (lk_self.depth above 0); needs no capture and opens none.
 * A digest was computed: its output (at most 64 bytes, big-endian for xxHash numbers), and the
 * input's whole length, whole fingerprint (plain XXH3-64) and first bytes (at most LK_TEXT_MAX). */
void lk_input_remember(enum lk_digest_algorithm algorithm, const void *digest, size_t digest_bytes,
                       uint64_t fingerprint, uint64_t input_bytes, const void *text,
                       size_t text_bytes);

/* Between lk_enter and lk_leave.
 * Looks for a remembered digest in the key (hex of any case, base64 or base64url, decimal, raw;
 * whole or a part from its beginning on, see keydigest.h) and, if there is one, writes the
 * LK_RECORD_INPUT that goes before the key's COMMAND. */
void lk_input_write(const void *key, size_t bytes, uint64_t key_hash, uint64_t time_ns);

#endif
