// Throws exceptions through frames that have just allocated, with destructors that allocate while
// the exception is in flight, and catches, rethrows and goes on at the same depth by other ways.
// libs: -lstdc++
#include "planted.h"

enum { ROUNDS = 1500 };
enum { HANDLE, PARSE, REJECT, CLEAN_UP, RETRY, SITES };
static site sites[SITES] = {{"handle(unsigned int)", 0, 0, 0, 0, 0, 0, 0},
                            {"parse_field(unsigned int)", 0, 0, 0, 0, 0, 0, 0},
                            {"reject(unsigned int)", 0, 0, 0, 0, 0, 0, 0},
                            {"Guard::~Guard()", 0, 0, 0, 0, 0, 0, 0},
                            {"retry()", 0, 0, 0, 0, 0, 0, 0}};
static volatile unsigned returns;
static void *volatile kept;

// Counts alone: how large an exception object is, only libstdc++ knows. All is below handle.
static void took(int site)
{
    site_took_too(&sites[site], 0);
    site_took_too(&sites[HANDLE], 0);
}

static void gave(int site)
{
    site_gave_too(&sites[site], 0);
    site_gave_too(&sites[HANDLE], 0);
}

// Allocates and frees while the stack is being unwound.
struct Guard {
    size_t bytes;
    explicit Guard(size_t size) : bytes(size) {}
    OWN_FRAME ~Guard()
    {
        took(CLEAN_UP);
        void *block = operator new(bytes);
        took(CLEAN_UP);
        kept = malloc(16);
        gave(CLEAN_UP);
        operator delete(block);
        returns++;
    }
};

// The exception itself is allocated here and below parse_field, and freed where it is caught.
OWN_FRAME void reject(unsigned turn)
{
    took(REJECT);
    site_took_too(&sites[PARSE], 0);
    throw turn;
}

static void caught()
{
    gave(REJECT);
    site_gave_too(&sites[PARSE], 0);
}

// Loses the field when it is rejected.
OWN_FRAME void parse_field(unsigned turn)
{
    took(PARSE);
    char *field = new char[300 + turn % 100];
    kept = field;
    if (turn % 3)
        reject(turn);
    gave(PARSE);
    delete[] field;
}

OWN_FRAME void read_record(unsigned turn)
{
    Guard outer(100), inner(200 + turn % 5);
    try {
        parse_field(turn);
    } catch (unsigned) {
        if (turn % 2)
            throw;
        caught();
    }
    returns++;
}

OWN_FRAME void retry()
{
    took(RETRY);
    kept = malloc(50);
    returns++;
}

OWN_FRAME void handle(unsigned turn)
{
    try {
        read_record(turn);
    } catch (unsigned) {
        retry();
        caught();
    }
    returns++;
}

int main()
{
    for (unsigned turn = 0; turn < ROUNDS; turn++)
        handle(turn);
    print_sites_and_exit(sites, SITES);
}
