/*
 * Finds structure in text: JSON (strict or as Python prints it), name=value lists, paths of
 * temporary files. Pure scanning, no allocation. Positions are byte offsets; SIZE_MAX means "not
 * such a thing".
 */
#ifndef LEAKEY_MODEL_STRUCTURE_H
#define LEAKEY_MODEL_STRUCTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The end of the JSON value at `start`. With `cut`, one that the text's end cuts short ends there.
 */
size_t structure_value_end(const char *text, size_t start, size_t end, bool cut);
/* The end of a bare word or a string, as a member's name or a scalar. */
size_t structure_scalar_end(const char *text, size_t start, size_t end, bool cut);
size_t structure_skip_space(const char *text, size_t start, size_t end);

/* Name=value lists: of what joins the pairs, and whether values may hold blanks. */
struct structure_list {
    char separator; /* one of & ; , */
    bool blanks;    /* a line that is nothing but pairs joined by & */
};
/* The end of two or more name=value, and how they are joined. */
size_t structure_pairs_end(const char *text, size_t start, size_t end, struct structure_list *list);
/* The ends of one name and its value. */
bool structure_pair(const char *text, size_t start, size_t end, const struct structure_list *list,
                    size_t *name_end, size_t *value_end);

/* If a temporary file's path starts here: where the part that is made up begins, and its end. */
bool structure_temporary(const char *text, size_t start, size_t end, size_t *made_up,
                         size_t *made_up_end);

/* One escape of a JSON string, at bytes[0] == '\\': writes what it means, returns its length. */
size_t structure_escape(const char *bytes, size_t length, char out[8], size_t *out_bytes);

#endif
