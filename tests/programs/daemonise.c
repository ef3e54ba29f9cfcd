// Becomes a daemon by hand, having worked before, and works on: forks, makes a session, forks
// again, goes to /, closes every descriptor, and has /dev/null for 0 to 2. Usage: daemonise FILE;
// what each process did is in FILE when that appears, and no descriptors but its own were left.
// libs: -lhiredis
#define _GNU_SOURCE
#define WORK_GETS
#include "work.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static int truth;

static void next_generation(void)
{
    pid_t child = fork();
    if (child < 0)
        abort();
    if (child > 0) {
        tell_into(truth, "");
        _exit(0);
    }
    work_anew();
    work(200);
}

static void close_all(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    for (int fd = 0; fd < (int)(limit.rlim_cur < 65536 ? limit.rlim_cur : 65536); fd++)
        if (fd != truth)
            close(fd);
    work_redis = NULL;
}

static int count_descriptors(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (readdir(directory))
        count++;
    closedir(directory);
    return count - 3; /* . and .. and the directory */
}

int main(int argc, char **argv)
{
    char line[100], unfinished[4096], *name = argc == 2 ? realpath(".", NULL) : NULL;
    if (!name)
        return 2;
    snprintf(unfinished, sizeof unfinished, "%s/unfinished", name);
    truth = open(unfinished, O_RDWR | O_CREAT | O_APPEND, 0600);
    work(100);
    next_generation();
    setsid();
    next_generation();
    umask(0);
    if (chdir("/") != 0)
        return 3;
    close_all();
    int null = open("/dev/null", O_RDWR);
    dup2(null, 1);
    dup2(null, 2);
    int bytes = snprintf(line, sizeof line, "first free %d, open %d\n", null, count_descriptors());
    work(3000); /* more than was reserved at first, where every one is recorded */
    for (int i = 0; i < 60000; i++)
        use_block(64);
    tell_into(truth, "");
    if (write(truth, line, (size_t)bytes) != bytes)
        return 4;
    char final[4200];
    snprintf(final, sizeof final, "%s/%s", name, argv[1]);
    return rename(unfinished, final) != 0;
}
