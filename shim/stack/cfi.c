/*
 * The part of .eh_frame that compilers emit: a binary search in .eh_frame_hdr, then the
 * instructions of CIE and FDE up to the address. (LSB Core, "Exception Frames"; DWARF 5, 6.4.)
 * What is beyond it gives LK_RULE_UNKNOWN.
 */
#include "stack/cfi.h"

#include <stddef.h>
#include <string.h>

enum { REGISTER_BP = 6, REGISTER_SP = 7, REGISTER_RA = 16 };

enum { /* pointer encodings */
       ENCODING_OMIT = 0xff,
       ENCODING_FORMAT = 0x0f,
       ENCODING_RELATIVE = 0x70,
       ENCODING_PC = 0x10,
       ENCODING_DATA = 0x30,
       ENCODING_INDIRECT = 0x80,
};

/* ---- Reading ---- */

struct reader {
    const uint8_t *at, *end;
    bool bad; /* ran over the end, or met what it cannot read */
};

static uint64_t read_fixed(struct reader *r, size_t bytes)
{
    uint64_t value = 0;
    if ((size_t)(r->end - r->at) < bytes) {
        r->bad = true;
        r->at = r->end;
        return 0;
    }
    memcpy(&value, r->at, bytes);
    r->at += bytes;
    return value;
}

static uint8_t read_byte(struct reader *r)
{
    return (uint8_t)read_fixed(r, 1);
}

static uint64_t read_uleb(struct reader *r)
{
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint8_t byte = read_byte(r);
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80) || r->bad)
            return value;
    }
}

static int64_t read_sleb(struct reader *r)
{
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte;
    do {
        byte = read_byte(r);
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80 && !r->bad);
    if (byte & 0x40 && shift < 64)
        value |= ~(uint64_t)0 << shift;
    return (int64_t)value;
}

/* A value in one of the formats that compilers use; `data` is what data-relative ones start from.
 */
static uint64_t read_encoded(struct reader *r, uint8_t encoding, uint64_t data)
{
    uint64_t from = (uint64_t)(uintptr_t)r->at, value = 0;
    switch (encoding & ENCODING_FORMAT) {
    case 0x00: /* absolute */
    case 0x04: /* udata8 */
    case 0x0c: /* sdata8 */
        value = read_fixed(r, 8);
        break;
    case 0x03:
        value = read_fixed(r, 4);
        break;
    case 0x0b:
        value = (uint64_t)(int64_t)(int32_t)read_fixed(r, 4);
        break;
    case 0x02:
        value = read_fixed(r, 2);
        break;
    case 0x0a:
        value = (uint64_t)(int64_t)(int16_t)read_fixed(r, 2);
        break;
    case 0x01:
        value = read_uleb(r);
        break;
    case 0x09:
        value = (uint64_t)read_sleb(r);
        break;
    default:
        r->bad = true;
    }
    switch (encoding & ENCODING_RELATIVE) {
    case 0:
        return value;
    case ENCODING_PC:
        return value + from;
    case ENCODING_DATA:
        return value + data;
    default:
        r->bad = true;
        return 0;
    }
}

/* ---- Rules while the instructions run ---- */

enum saved { SAVED_SAME, SAVED_AT, SAVED_AT_BP, SAVED_UNDEFINED, SAVED_ELSEHOW };

struct place {
    uint8_t saved;  /* enum saved */
    int64_t offset; /* SAVED_AT: from the CFA; SAVED_AT_BP: from the frame pointer */
};

struct row {
    bool by_expression; /* CFA = what stands at register + offset */
    uint64_t cfa_register;
    int64_t cfa_offset;
    struct place bp, ra;
};

#define ROWS_MAX 8u

struct program {
    uint64_t code_align;
    int64_t data_align;
    uint8_t encoding; /* of addresses in FDEs */
    bool signal, augmented;
    struct row row, initial, kept[ROWS_MAX];
    unsigned kept_count;
    uint64_t location;
    bool bad;
};

/* A factored offset, whatever it overflows to. */
static int64_t factored(const struct program *p, uint64_t offset)
{
    return (int64_t)(offset * (uint64_t)p->data_align);
}

static void set_place(struct program *p, uint64_t reg, enum saved saved, int64_t offset)
{
    struct place place = {(uint8_t)saved, offset};
    if (reg == REGISTER_BP)
        p->row.bp = place;
    else if (reg == REGISTER_RA)
        p->row.ra = place;
}

static void restore_place(struct program *p, uint64_t reg)
{
    if (reg == REGISTER_BP)
        p->row.bp = p->initial.bp;
    else if (reg == REGISTER_RA)
        p->row.ra = p->initial.ra;
}

/* DW_OP_breg6 N; DW_OP_deref: how a function that realigned its stack keeps its CFA. */
static void set_expression(struct program *p, struct reader *r)
{
    uint64_t bytes = read_uleb(r);
    if (r->bad || bytes > (uint64_t)(r->end - r->at)) {
        p->bad = true;
        return;
    }
    struct reader e = {r->at, r->at + bytes, false};
    r->at += bytes;
    bool is_breg6 = read_byte(&e) == 0x76;
    int64_t offset = read_sleb(&e);
    bool is_deref = read_byte(&e) == 0x06;
    p->row.by_expression = true;
    p->row.cfa_register = is_breg6 && is_deref && !e.bad && e.at == e.end ? REGISTER_BP : 0;
    p->row.cfa_offset = offset;
}

/* DW_OP_breg6 N: how such a function says where it saved the frame pointer. */
static void set_saved_expression(struct program *p, struct reader *r)
{
    uint64_t reg = read_uleb(r), bytes = read_uleb(r);
    if (r->bad || bytes > (uint64_t)(r->end - r->at)) {
        p->bad = true;
        return;
    }
    struct reader e = {r->at, r->at + bytes, false};
    r->at += bytes;
    bool is_breg6 = read_byte(&e) == 0x76;
    int64_t offset = read_sleb(&e);
    bool known = is_breg6 && !e.bad && e.at == e.end && reg == REGISTER_BP;
    set_place(p, reg, known ? SAVED_AT_BP : SAVED_ELSEHOW, offset);
}

static void skip_block(struct reader *r)
{
    uint64_t bytes = read_uleb(r);
    if (bytes > (uint64_t)(r->end - r->at))
        r->bad = true;
    else
        r->at += bytes;
}

static void set_cfa(struct program *p, uint64_t reg, int64_t offset)
{
    p->row.by_expression = false;
    p->row.cfa_register = reg;
    p->row.cfa_offset = offset;
}

static void keep_row(struct program *p)
{
    if (p->kept_count == ROWS_MAX)
        p->bad = true;
    else
        p->kept[p->kept_count++] = p->row;
}

static void take_row(struct program *p)
{
    if (p->kept_count == 0)
        p->bad = true;
    else
        p->row = p->kept[--p->kept_count];
}

/* The instructions whose first byte says all but their operands. */
static void run_extended(struct program *p, struct reader *r, uint8_t op)
{
    uint64_t reg;
    switch (op) {
    case 0x00: /* nop */
        break;
    case 0x01: /* set_loc */
        p->location = read_encoded(r, p->encoding, 0);
        break;
    case 0x02: /* advance_loc1, 2, 4 */
    case 0x03:
    case 0x04:
        p->location += read_fixed(r, (size_t)1 << (op - 2)) * p->code_align;
        break;
    case 0x05: /* offset_extended */
        reg = read_uleb(r);
        set_place(p, reg, SAVED_AT, factored(p, read_uleb(r)));
        break;
    case 0x06: /* restore_extended */
        restore_place(p, read_uleb(r));
        break;
    case 0x07: /* undefined */
        set_place(p, read_uleb(r), SAVED_UNDEFINED, 0);
        break;
    case 0x08: /* same_value */
        set_place(p, read_uleb(r), SAVED_SAME, 0);
        break;
    case 0x09: /* register */
        set_place(p, read_uleb(r), SAVED_ELSEHOW, 0);
        read_uleb(r);
        break;
    case 0x0a:
        keep_row(p);
        break;
    case 0x0b:
        take_row(p);
        break;
    case 0x0c: /* def_cfa */
        reg = read_uleb(r);
        set_cfa(p, reg, (int64_t)read_uleb(r));
        break;
    case 0x0d: /* def_cfa_register */
        set_cfa(p, read_uleb(r), p->row.cfa_offset);
        break;
    case 0x0e: /* def_cfa_offset */
        p->row.cfa_offset = (int64_t)read_uleb(r);
        break;
    case 0x0f: /* def_cfa_expression */
        set_expression(p, r);
        break;
    case 0x10: /* expression */
        set_saved_expression(p, r);
        break;
    case 0x16: /* val_expression */
        set_place(p, read_uleb(r), SAVED_ELSEHOW, 0);
        skip_block(r);
        break;
    case 0x11: /* offset_extended_sf */
        reg = read_uleb(r);
        set_place(p, reg, SAVED_AT, factored(p, (uint64_t)read_sleb(r)));
        break;
    case 0x12: /* def_cfa_sf */
        reg = read_uleb(r);
        set_cfa(p, reg, factored(p, (uint64_t)read_sleb(r)));
        break;
    case 0x13: /* def_cfa_offset_sf */
        p->row.cfa_offset = factored(p, (uint64_t)read_sleb(r));
        break;
    case 0x14: /* val_offset, val_offset_sf */
    case 0x15:
        set_place(p, read_uleb(r), SAVED_ELSEHOW, 0);
        read_uleb(r);
        break;
    case 0x2e: /* GNU_args_size */
        read_uleb(r);
        break;
    default:
        p->bad = true;
    }
}

/* Runs up to the row that holds at `ip`. */
static void run(struct program *p, struct reader *r, uint64_t ip)
{
    while (r->at < r->end && !r->bad && !p->bad && p->location <= ip) {
        uint8_t op = read_byte(r), operand = op & 0x3f;
        switch (op >> 6) {
        case 1:
            p->location += operand * p->code_align;
            break;
        case 2:
            set_place(p, operand, SAVED_AT, factored(p, read_uleb(r)));
            break;
        case 3:
            restore_place(p, operand);
            break;
        default:
            run_extended(p, r, op);
        }
    }
    p->bad |= r->bad;
}

/* ---- CIE, FDE and the table that finds them ---- */

/* The module's bytes from an address on; none (and bad) where that is outside of it. */
static struct reader bytes_from(const struct lk_memory *module, uint64_t address)
{
    uint64_t start = (uint64_t)(uintptr_t)module->start, end = (uint64_t)(uintptr_t)module->end;
    struct reader r = {module->end, module->end, true};
    if (address >= start && address < end) {
        r.at = (const uint8_t *)module->start + (address - start);
        r.bad = false;
    }
    return r;
}

/* The entry at an address: its contents after the length. */
static struct reader entry_at(const struct lk_memory *module, uint64_t address)
{
    struct reader r = bytes_from(module, address);
    uint32_t bytes = (uint32_t)read_fixed(&r, sizeof bytes);
    r.bad |= bytes == 0 || bytes >= 0xfffffff0u || bytes > (uint64_t)(r.end - r.at);
    r.end = r.at + (r.bad ? 0 : bytes);
    return r;
}

/* The letters of a CIE's augmentation; the data for them follows in `r`. */
static bool read_augmentation(struct program *p, struct reader *r, const char *letters)
{
    if (*letters != 'z')
        return *letters == '\0';
    uint64_t bytes = read_uleb(r);
    if (r->bad || bytes > (uint64_t)(r->end - r->at))
        return false;
    struct reader data = {r->at, r->at + bytes, false};
    r->at += bytes;
    p->augmented = true;
    for (letters++; *letters; letters++) {
        if (*letters == 'R')
            p->encoding = read_byte(&data);
        else if (*letters == 'S')
            p->signal = true;
        else if (*letters == 'L')
            read_byte(&data);
        else if (*letters == 'P')
            read_encoded(&data, read_byte(&data) & (uint8_t)~ENCODING_INDIRECT, 0);
        else
            return false;
    }
    return !data.bad;
}

static bool run_cie(struct program *p, const struct lk_memory *module, uint64_t cie)
{
    struct reader r = entry_at(module, cie);
    bool is_cie = read_fixed(&r, 4) == 0;
    uint8_t version = read_byte(&r);
    const char *letters = (const char *)r.at;
    const uint8_t *nul = r.bad ? NULL : memchr(r.at, '\0', (size_t)(r.end - r.at));
    if (!is_cie || !nul || (version != 1 && version != 3))
        return false;
    r.at = nul + 1;
    p->code_align = read_uleb(&r);
    p->data_align = read_sleb(&r);
    uint64_t ra = version == 1 ? read_byte(&r) : read_uleb(&r);
    if (ra != REGISTER_RA || !read_augmentation(p, &r, letters))
        return false;
    p->location = 0;
    run(p, &r, UINT64_MAX);
    p->initial = p->row;
    return !p->bad;
}

static bool run_fde(struct program *p, const struct lk_memory *module, uint64_t fde, uint64_t ip)
{
    struct reader r = entry_at(module, fde);
    uint64_t field = (uint64_t)(uintptr_t)r.at;
    uint32_t back = (uint32_t)read_fixed(&r, 4);
    if (r.bad || back == 0 || !run_cie(p, module, field - back))
        return false;
    uint64_t start = read_encoded(&r, p->encoding, 0);
    uint64_t bytes = read_encoded(&r, p->encoding & ENCODING_FORMAT, 0);
    if (r.bad || ip - start >= bytes)
        return false;
    if (p->augmented)
        skip_block(&r);
    p->location = start;
    run(p, &r, ip);
    return !p->bad;
}

/* Where the FDE is whose function begins nearest before `ip`, by the sorted table of the header; 0:
 * none. */
static uint64_t find_fde(const struct lk_memory *module, uint64_t header, uint64_t ip)
{
    struct reader r = bytes_from(module, header);
    uint8_t version = read_byte(&r), encodings[3];
    for (int i = 0; i < 3; i++)
        encodings[i] = read_byte(&r);
    /* version 1; a table of pairs of 32-bit offsets from the header: what every linker makes */
    if (version != 1 || encodings[1] == ENCODING_OMIT || encodings[2] != (ENCODING_DATA | 0x0b))
        return 0;
    read_encoded(&r, encodings[0], header);
    uint64_t count = read_encoded(&r, encodings[1], header), low = 0;
    const uint8_t *table = r.at;
    int32_t pair[2];
    if (r.bad || count == 0 || count > (uint64_t)(r.end - r.at) / sizeof pair)
        return 0;
    for (uint64_t high = count; high - low > 1;) {
        uint64_t middle = low + (high - low) / 2;
        memcpy(pair, table + middle * sizeof pair, sizeof pair);
        if (header + (uint64_t)(int64_t)pair[0] <= ip)
            low = middle;
        else
            high = middle;
    }
    memcpy(pair, table + low * sizeof pair, sizeof pair);
    return header + (uint64_t)(int64_t)pair[0] <= ip ? header + (uint64_t)(int64_t)pair[1] : 0;
}

static struct lk_rule rule_of(const struct program *p)
{
    const struct row *row = &p->row;
    struct lk_rule rule = {.kind = LK_RULE_UNKNOWN};
    if (p->signal)
        rule.kind = LK_RULE_SIGNAL;
    else if (row->ra.saved == SAVED_UNDEFINED)
        rule.kind = LK_RULE_END;
    if (rule.kind != LK_RULE_UNKNOWN)
        return rule;
    if (row->ra.saved != SAVED_AT || row->ra.offset != -8 || row->bp.saved > SAVED_AT_BP ||
        row->cfa_offset != (int32_t)row->cfa_offset || row->bp.offset != (int16_t)row->bp.offset)
        return rule;
    if (row->cfa_register == REGISTER_BP)
        rule.kind = row->by_expression ? LK_RULE_BP_DEREF : LK_RULE_BP;
    else if (row->cfa_register == REGISTER_SP && !row->by_expression)
        rule.kind = LK_RULE_SP;
    rule.cfa_offset = (int32_t)row->cfa_offset;
    rule.bp_saved = row->bp.saved; /* SAVED_SAME, SAVED_AT, SAVED_AT_BP */
    rule.bp_offset = (int16_t)row->bp.offset;
    return rule;
}

struct lk_rule lk_cfi_rule(const void *eh_frame_hdr, const struct lk_memory *module, uint64_t ip)
{
    struct program p = {.bad = false};
    uint64_t fde = find_fde(module, (uint64_t)(uintptr_t)eh_frame_hdr, ip);
    if (!fde || !run_fde(&p, module, fde, ip))
        return (struct lk_rule){.kind = LK_RULE_UNKNOWN};
    return rule_of(&p);
}
