/* Function names as people read them; see names.h. */
#include "model/names.h"

#include <glib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define RUST_HASH_BYTES 19 /* "::h" and 16 digits */
#define LAMBDA_CALL     "}::operator()"
#define ARGUMENTS_MOST  24 /* bytes of template arguments that a short name keeps */

/* libstdc++'s, of the C++ ABI. */
char *__cxa_demangle(const char *mangled, char *buffer, size_t *length, int *status);

/* ---- From the linker's name ---- */

/* Where a compiler's suffix begins: foo.isra.0, foo.part.1.cold, foo.lto_priv.7. */
static size_t plain_length(const char *name)
{
    static const char *const suffixes[] = {".isra.",     ".part.",      ".constprop.", ".cold",
                                           ".lto_priv.", ".localalias", ".llvm."};
    size_t length = strlen(name);
    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        const char *found = strstr(name, suffixes[i]);
        if (found != NULL && found != name)
            length = MIN(length, (size_t)(found - name));
    }
    return length;
}

/* Rust's legacy names are C++ names with a hash at their end. */
static bool cut_rust_hash(char *name)
{
    size_t length = strlen(name);
    if (length <= RUST_HASH_BYTES || strncmp(name + length - RUST_HASH_BYTES, "::h", 3) != 0 ||
        strspn(name + length - 16, "0123456789abcdef") != 16)
        return false;
    name[length - RUST_HASH_BYTES] = '\0';
    return true;
}

/* How Rust's legacy names write what C++ names cannot hold. */
static const char *const rust_escapes[][2] = {
    {"$LT$", "<"},  {"$GT$", ">"},  {"$RF$", "&"},   {"$BP$", "*"},  {"$LP$", "("},
    {"$RP$", ")"},  {"$C$", ","},   {"$SP$", "@"},   {"$u20$", " "}, {"$u27$", "'"},
    {"$u5b$", "["}, {"$u5d$", "]"}, {"$u7b$", "{"},  {"$u7d$", "}"}, {"$u7e$", "~"},
    {"$u3b$", ";"}, {"$u2b$", "+"}, {"$u22$", "\""}, {"..", "::"},
};

static char *rust_unescaped(const char *name)
{
    GString *out = g_string_new(NULL);
    for (const char *at = name; *at != '\0';) {
        size_t i = 0;
        if (*at == '_' && at[1] == '$' && (at == name || at[-1] == ':')) {
            at++; /* an identifier may not begin with $ */
            continue;
        }
        while (i < G_N_ELEMENTS(rust_escapes) && !g_str_has_prefix(at, rust_escapes[i][0]))
            i++;
        if (i < G_N_ELEMENTS(rust_escapes)) {
            g_string_append(out, rust_escapes[i][1]);
            at += strlen(rust_escapes[i][0]);
        } else {
            g_string_append_c(out, *at++);
        }
    }
    return g_string_free(out, FALSE);
}

char *name_demangled(const char *name)
{
    char *plain = g_strndup(name, plain_length(name));
    if (strncmp(plain, "_Z", 2) != 0)
        return plain;
    int status = -1;
    char *demangled = __cxa_demangle(plain, NULL, NULL, &status);
    if (demangled == NULL)
        return plain;
    g_free(plain);
    plain = cut_rust_hash(demangled) ? rust_unescaped(demangled) : g_strdup(demangled);
    free(demangled);
    return plain;
}

/* ---- To one that fits a line ---- */

static bool is_word(char c)
{
    return g_ascii_isalnum(c) || c == '_' || (unsigned char)c >= 0x80;
}

/* How many bytes the name of an operator has here ("operator<<", "operator()", "operator new[]"); 0
 * where there is none. Its signs are no brackets. */
static size_t operator_bytes(const char *name, const char *at)
{
    static const char *const signs[] = {
        "()", "[]", "->*", "->", "<=>",    "<<=",       ">>=",  "<<",     ">>",
        "<=", ">=", "<",   ">",  " new[]", " delete[]", " new", " delete"};
    const size_t word = strlen("operator");
    if (!g_str_has_prefix(at, "operator") || (at > name && is_word(at[-1])) || is_word(at[word]))
        return 0;
    for (size_t i = 0; i < G_N_ELEMENTS(signs); i++)
        if (g_str_has_prefix(at + word, signs[i]))
            return word + strlen(signs[i]);
    return word;
}

/* The end of the group that begins with the bracket at `at`: behind its closing one; NULL when it
 * has none. */
static const char *group_end(const char *name, const char *at)
{
    static const char open[] = "(<{[", close[] = ")>}]";
    GString *awaited = g_string_new(NULL);
    const char *end = NULL;
    for (; *at != '\0' && end == NULL; at++) {
        size_t skip = operator_bytes(name, at);
        const char *opens = strchr(open, *at);
        if (skip != 0) {
            at += skip - 1;
        } else if (opens != NULL) {
            g_string_append_c(awaited, close[opens - open]);
        } else if (*at == '>' && at[-1] == '-') {
            continue; /* a trailing return type */
        } else if (strchr(close, *at) != NULL) {
            if (awaited->str[awaited->len - 1] != *at)
                break;
            g_string_truncate(awaited, awaited->len - 1);
            end = awaited->len == 0 ? at + 1 : NULL;
        }
    }
    g_string_free(awaited, TRUE);
    return end;
}

/* What stands for a group in a short name. */
static void append_group(GString *out, const char *at, const char *end)
{
    static const char anonymous[] = "(anonymous namespace)";
    if (*at == '(' && !g_str_has_prefix(at, anonymous))
        return;
    if (*at == '<' && end - at > ARGUMENTS_MOST) {
        g_string_append(out, "<...>");
        return;
    }
    const char *parameters = *at == '{' ? memchr(at, '(', (size_t)(end - at)) : NULL;
    if (parameters != NULL) {                                  /* {lambda(int)#1} */
        const char *number = g_strrstr_len(at, end - at, ")"); /* the group is closed */
        g_string_append_len(out, at, parameters - at);
        g_string_append_len(out, number + 1, end - number - 1);
        return;
    }
    g_string_append_len(out, at, end - at);
}

/* The name's groups made short. `name_start` is where the function's own name begins: behind the
 * last space that stands in no group, that is, behind a return type. False: its brackets do not
 * match. */
static bool append_groups(GString *out, const char *name, size_t *name_start)
{
    bool in_operator = false, had_parameters = false;
    *name_start = 0;
    for (const char *at = name; *at != '\0';) {
        size_t skip = operator_bytes(name, at);
        const char *end;
        if (skip != 0) {
            g_string_append_len(out, at, (gssize)skip);
            at += skip;
            in_operator = true;
            had_parameters = false;
        } else if (strchr("(<{[", *at) != NULL) {
            if ((end = group_end(name, at)) == NULL)
                return false;
            had_parameters |= *at == '(' && !g_str_has_prefix(at, "(anonymous namespace)");
            append_group(out, at, end);
            at = end;
        } else if (*at == ' ' && had_parameters && !g_str_has_prefix(name, "decltype")) {
            at += strcspn(at, ":("); /* const, &, [abi:...] behind the parameters */
            had_parameters = false;
        } else {
            if (*at == ' ' && !in_operator)
                *name_start = out->len + 1;
            if (*at == ':')
                in_operator = had_parameters = false;
            g_string_append_c(out, *at++);
        }
    }
    return true;
}

static void replace_all(GString *name, const char *what, const char *by)
{
    g_string_replace(name, what, by, 0);
}

char *name_short(const char *name)
{
    GString *out = g_string_new(NULL);
    size_t start = 0;
    if (strpbrk(name, "(<{") == NULL)
        return g_string_free(g_string_assign(out, name), FALSE);
    GString *plain = g_string_new(name);
    replace_all(plain, "std::__cxx11::", "std::");
    replace_all(plain, "std::basic_string<char, std::char_traits<char>, std::allocator<char> >",
                "std::string");
    if (!append_groups(out, plain->str, &start) || start >= out->len)
        g_string_assign(out, name);
    else
        g_string_erase(out, 0, (gssize)start);
    if (g_str_has_suffix(out->str, LAMBDA_CALL))
        g_string_truncate(out, out->len - strlen(LAMBDA_CALL) + 1);
    g_string_free(plain, TRUE);
    return g_string_free(out, FALSE);
}
