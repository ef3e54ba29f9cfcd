// Prints the number of the first descriptor that it gets; closes all that it may have, as daemons
// do; opens files under the same numbers; allocates on many stacks, also below code that has no
// unwind information; and looks whether its files are as they were. Arguments: DIRECTORY. x86-64.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILES 24

static const char content[] = "nobody but the program writes here";
static int files[FILES];

typedef void *allocator(size_t bytes);
static allocator *without_unwind_info;

// malloc, called by code that is made here.
static allocator *generate(void)
{
    static const unsigned char before[] = {0x55, 0x48, 0x89,
                                           0xe5, 0x48, 0xb8};      // push, mov, mov rax,
    static const unsigned char after[] = {0xff, 0xd0, 0x5d, 0xc3}; // call rax, pop, ret
    allocator *callee = malloc, *made;
    unsigned char *code = (unsigned char *)mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (code == (unsigned char *)MAP_FAILED)
        exit(1);
    memcpy(code, before, sizeof before);
    memcpy(code + sizeof before, &callee, sizeof callee);
    memcpy(code + sizeof before + sizeof callee, after, sizeof after);
    if (mprotect(code, 4096, PROT_READ | PROT_EXEC) != 0)
        exit(1);
    memcpy(&made, &code, sizeof made);
    return made;
}

__attribute__((noinline)) static void allocate(unsigned depth)
{
    volatile char room[512];

    room[depth % sizeof room] = (char)depth;
    free(malloc(depth + 1));
    free(without_unwind_info(depth + 1));
    if (depth)
        allocate(depth - 1);
    room[0] = 1;
}

static void open_files(const char *directory)
{
    char path[512];

    close_range(3, 1023, 0);
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "%s/file.%d", directory, i);
        files[i] = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
        if (files[i] < 0 || write(files[i], content, sizeof content) != sizeof content)
            exit(1);
        lseek(files[i], 0, SEEK_SET);
    }
}

static int damaged(void)
{
    int count = 0;

    for (int i = 0; i < FILES; i++) {
        char now[sizeof content + 1];
        off_t at = lseek(files[i], 0, SEEK_CUR);
        ssize_t bytes = pread(files[i], now, sizeof now, 0);

        count += at != 0 || bytes != sizeof content || memcmp(now, content, sizeof content) != 0;
    }
    return count;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    free(malloc(1000));
    without_unwind_info = generate();
    printf("first %d\n", open("/dev/null", O_RDONLY));
    open_files(argv[1]);
    printf("then %d\n", files[0]);
    for (unsigned i = 0; i < 200; i++)
        allocate(i % 100);
    printf("damaged %d\n", damaged());
    return 0;
}
