// Plants a leak inside nested templates that are inlined into one another: one function in the
// machine code, four in the source. Prints the file's line of each level, innermost first.
// flags: -O2
// libs: -lstdc++
#include "planted.h"

#define ALWAYS_INLINED inline __attribute__((always_inline))

enum { ROUNDS = 1500, NODE_BYTES = 130000 };
static site sites[] = {{"serve_request(unsigned int)", 0, 0, 0, 0, 0, 0, 0}};
static int lines[4]; // of the call in each level
static void *volatile head;

namespace store
{
template <size_t Bytes> struct Arena {
    static ALWAYS_INLINED void *grow()
    {
        lines[0] = __LINE__ + 1;
        void *block = malloc(Bytes);
        *static_cast<void **>(block) = head;
        head = block;
        return block;
    }
};

template <typename Key, typename Source> class Index
{
  public:
    template <typename Value> ALWAYS_INLINED void *insert(Key key, Value value)
    {
        lines[1] = __LINE__ + 1;
        void *block = Source::grow();
        static_cast<Key *>(block)[1] = key;
        static_cast<Value *>(block)[4] = value;
        return block;
    }
};
} // namespace store

using Sessions = store::Index<unsigned long, store::Arena<NODE_BYTES>>;

template <typename Table> ALWAYS_INLINED void *remember(Table &table, unsigned turn)
{
    lines[2] = __LINE__ + 1;
    return table.insert(turn, 0.5f * static_cast<float>(turn));
}

OWN_FRAME void serve_request(unsigned turn)
{
    Sessions sessions;
    lines[3] = __LINE__ + 1;
    site_took(sites, remember(sessions, turn), NODE_BYTES);
}

int main(int argc, char **argv)
{
    read_noise(argc, argv);
    for (unsigned turn = 0; turn < ROUNDS; turn++) {
        serve_request(turn);
        nap_us(900);
    }
    printf("{\"lines\":[%d,%d,%d,%d],", lines[0], lines[1], lines[2], lines[3]);
    print_sites(sites, 1);
    printf("}\n");
    fflush(stdout);
    _Exit(0);
}
