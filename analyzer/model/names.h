/*
 * Function names as people read them: from the linker's name to the source's, and from the source's
 * to one that fits a line.
 */
#ifndef LEAKEY_MODEL_NAMES_H
#define LEAKEY_MODEL_NAMES_H

/* The name as a person wrote it: C++ and Rust (legacy) demangled, a compiler's clone suffixes
 * (.isra.0, .cold) left out. Rust's v0 names stay as they are. g_free. */
char *name_demangled(const char *name);

/* What of a demangled name tells it from others: without return type, parameters and long template
 * arguments. `std::vector<int>::push_back(int&&)` gives `std::vector<int>::push_back`; a C name
 * itself. g_free. */
char *name_short(const char *name);

#endif
