/* libxxhash's functions: their numbers are digests like others, most significant byte first. Each
 * family of functions has one shape, made by a macro and used once a name. */
#include "cache/digest_context.h"
#include "real.h"

#define OK 0 /* XXH_OK */

struct number {
    uint8_t bytes[16];
};

static void put_big_endian(uint8_t *out, uint64_t value, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

static struct number bytes_of_32(uint32_t value)
{
    struct number number = {{0}};
    put_big_endian(number.bytes, value, 4);
    return number;
}

static struct number bytes_of_64(uint64_t value)
{
    struct number number = {{0}};
    put_big_endian(number.bytes, value, 8);
    return number;
}

static struct number bytes_of_128(struct lk_u128 value)
{
    struct number number = {{0}};
    put_big_endian(number.bytes, value.high64, 8);
    put_big_endian(number.bytes + 8, value.low64, 8);
    return number;
}

/* ---- All at once ---- */

#define NONE_32  (0)
#define NONE_64  (0)
#define NONE_128 ((struct lk_u128){0, 0})

/* NAME returns TYPE, of BITS; ARGUMENTS are its parameters' names. */
#define ONCE(NAME, ALGORITHM, BITS, TYPE, PARAMETERS, ARGUMENTS)                    \
    TYPE NAME PARAMETERS                                                            \
    {                                                                               \
        LK_REAL_TYPE(NAME) real = LK_REAL_FOUND(NAME);                              \
        if (!real)                                                                  \
            return NONE_##BITS;                                                     \
        lk_digest_call();                                                           \
        TYPE result = real ARGUMENTS;                                               \
        lk_digest_return();                                                         \
        struct number number = bytes_of_##BITS(result);                             \
        lk_digest_once(LK_DIGEST_##ALGORITHM, number.bytes, BITS / 8, data, bytes); \
        return result;                                                              \
    }

#define PLAIN  (const void *data, size_t bytes)
#define SEEDED (const void *data, size_t bytes, uint64_t seed)
#define SECRET (const void *data, size_t bytes, const void *secret, size_t secret_bytes)
#define SECRET_AND_SEED \
    (const void *data, size_t bytes, const void *secret, size_t secret_bytes, uint64_t seed)

ONCE(XXH32, XXH32, 32, uint32_t, (const void *data, size_t bytes, uint32_t seed),
     (data, bytes, seed))
ONCE(XXH64, XXH64, 64, uint64_t, SEEDED, (data, bytes, seed))
ONCE(XXH128, XXH3_128, 128, struct lk_u128, SEEDED, (data, bytes, seed))

#define ONCE_XXH3(BITS, TYPE)                                                              \
    ONCE(XXH3_##BITS##bits, XXH3_##BITS, BITS, TYPE, PLAIN, (data, bytes))                 \
    ONCE(XXH3_##BITS##bits_withSeed, XXH3_##BITS, BITS, TYPE, SEEDED, (data, bytes, seed)) \
    ONCE(XXH3_##BITS##bits_withSecret, XXH3_##BITS, BITS, TYPE, SECRET,                    \
         (data, bytes, secret, secret_bytes))                                              \
    ONCE(XXH3_##BITS##bits_withSecretandSeed, XXH3_##BITS, BITS, TYPE, SECRET_AND_SEED,    \
         (data, bytes, secret, secret_bytes, seed))                                        \
    ONCE(XXH3_##BITS##bits_dispatch, XXH3_##BITS, BITS, TYPE, PLAIN, (data, bytes))        \
    ONCE(XXH3_##BITS##bits_withSeed_dispatch, XXH3_##BITS, BITS, TYPE, SEEDED,             \
         (data, bytes, seed))                                                              \
    ONCE(XXH3_##BITS##bits_withSecret_dispatch, XXH3_##BITS, BITS, TYPE, SECRET,           \
         (data, bytes, secret, secret_bytes))

ONCE_XXH3(64, uint64_t)
ONCE_XXH3(128, struct lk_u128)

/* ---- In pieces ---- */

#define FAILED 1 /* XXH_ERROR */

#define RESET(NAME, PARAMETERS, ARGUMENTS)             \
    int NAME PARAMETERS                                \
    {                                                  \
        LK_REAL_TYPE(NAME) real = LK_REAL_FOUND(NAME); \
        if (!real)                                     \
            return FAILED;                             \
        lk_digest_call();                              \
        int result = real ARGUMENTS;                   \
        lk_digest_return();                            \
        if (result == OK)                              \
            lk_digest_begin(state);                    \
        else                                           \
            lk_digest_forget(state);                   \
        return result;                                 \
    }

#define UPDATE(NAME)                                      \
    int NAME(void *state, const void *data, size_t bytes) \
    {                                                     \
        LK_REAL_TYPE(NAME) real = LK_REAL_FOUND(NAME);    \
        if (!real)                                        \
            return FAILED;                                \
        lk_digest_call();                                 \
        int result = real(state, data, bytes);            \
        lk_digest_return();                               \
        if (result == OK)                                 \
            lk_digest_update(state, data, bytes);         \
        else                                              \
            lk_digest_forget(state);                      \
        return result;                                    \
    }

#define RESULT(NAME, ALGORITHM, BITS, TYPE)                                     \
    TYPE NAME(const void *state)                                                \
    {                                                                           \
        LK_REAL_TYPE(NAME) real = LK_REAL_FOUND(NAME);                          \
        if (!real)                                                              \
            return NONE_##BITS;                                                 \
        lk_digest_call();                                                       \
        TYPE result = real(state);                                              \
        lk_digest_return();                                                     \
        struct number number = bytes_of_##BITS(result);                         \
        lk_digest_result(state, LK_DIGEST_##ALGORITHM, number.bytes, BITS / 8); \
        return result;                                                          \
    }

/* A state is forgotten before it is free: then another thread may have the address. */
#define COPY_AND_FREE(NAME)                                                    \
    void NAME##_copyState(void *out, const void *in)                           \
    {                                                                          \
        LK_REAL_TYPE(NAME##_copyState) real = LK_REAL_FOUND(NAME##_copyState); \
        if (!real)                                                             \
            return;                                                            \
        lk_digest_call();                                                      \
        real(out, in);                                                         \
        lk_digest_return();                                                    \
        lk_digest_copy(out, in);                                               \
    }                                                                          \
                                                                               \
    int NAME##_freeState(void *state)                                          \
    {                                                                          \
        LK_REAL_TYPE(NAME##_freeState) real = LK_REAL_FOUND(NAME##_freeState); \
        if (!real)                                                             \
            return FAILED;                                                     \
        lk_digest_forget(state);                                               \
        lk_digest_call();                                                      \
        int result = real(state);                                              \
        lk_digest_return();                                                    \
        return result;                                                         \
    }

RESET(XXH32_reset, (void *state, uint32_t seed), (state, seed))
UPDATE(XXH32_update)
RESULT(XXH32_digest, XXH32, 32, uint32_t)
COPY_AND_FREE(XXH32)

RESET(XXH64_reset, (void *state, uint64_t seed), (state, seed))
UPDATE(XXH64_update)
RESULT(XXH64_digest, XXH64, 64, uint64_t)
COPY_AND_FREE(XXH64)

#define PIECES_XXH3(BITS, TYPE)                                                                  \
    RESET(XXH3_##BITS##bits_reset, (void *state), (state))                                       \
    RESET(XXH3_##BITS##bits_reset_withSeed, (void *state, uint64_t seed), (state, seed))         \
    RESET(XXH3_##BITS##bits_reset_withSecret,                                                    \
          (void *state, const void *secret, size_t secret_bytes), (state, secret, secret_bytes)) \
    RESET(XXH3_##BITS##bits_reset_withSecretandSeed,                                             \
          (void *state, const void *secret, size_t secret_bytes, uint64_t seed),                 \
          (state, secret, secret_bytes, seed))                                                   \
    UPDATE(XXH3_##BITS##bits_update)                                                             \
    UPDATE(XXH3_##BITS##bits_update_dispatch)                                                    \
    RESULT(XXH3_##BITS##bits_digest, XXH3_##BITS, BITS, TYPE)

PIECES_XXH3(64, uint64_t)
PIECES_XXH3(128, struct lk_u128)
COPY_AND_FREE(XXH3)
