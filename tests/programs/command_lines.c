// Issues the commands that it reads: a line "N WORD...", N being the server's place among the
// arguments (from 0), a word "" the empty string. What is asked and what must come of it is the
// caller's. Arguments: SOCKET...

// libs: -lhiredis
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SERVERS_MAX 8
#define WORDS_MAX   64
#define LINE_MAX    4096

static void fail(const char *what)
{
    fprintf(stderr, "command_lines: %s\n", what);
    exit(2);
}

static int split(char *line, const char **words)
{
    char *save = NULL;
    int count = 0;
    for (char *word = strtok_r(line, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
        if (count == WORDS_MAX)
            fail("too many words");
        words[count++] = strcmp(word, "\"\"") == 0 ? "" : word;
    }
    return count;
}

int main(int argc, char **argv)
{
    redisContext *servers[SERVERS_MAX];
    char line[LINE_MAX];
    int count = argc - 1;
    if (count < 1 || count > SERVERS_MAX)
        fail("arguments: SOCKET...");
    for (int i = 0; i < count; i++) {
        servers[i] = redisConnectUnix(argv[i + 1]);
        if (!servers[i] || servers[i]->err)
            fail(argv[i + 1]);
    }
    while (fgets(line, sizeof line, stdin)) {
        const char *words[WORDS_MAX];
        int found = split(line, words), server = found ? atoi(words[0]) : 0;
        if (!found)
            continue;
        if (found < 2 || server < 0 || server >= count)
            fail("a line is N WORD...");
        if (strcmp(words[1], "WAIT-MS") == 0 && found == 3) { /* none of a server's */
            usleep((useconds_t)atoi(words[2]) * 1000);
            continue;
        }
        redisReply *reply = redisCommandArgv(servers[server], found - 1, words + 1, NULL);
        if (!reply)
            fail("no answer");
        if (reply->type == REDIS_REPLY_ERROR)
            printf("%s: %s\n", words[1], reply->str);
        freeReplyObject(reply);
    }
    for (int i = 0; i < count; i++)
        redisFree(servers[i]);
    return 0;
}
