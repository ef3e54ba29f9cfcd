// libs: -lhiredis -lcrypto
//
// Puts a text of its own into everything that a client tells a server, and prints each: "key TEXT"
// and "prompt TEXT" (that a key's digest is made of), "value TEXT", "secret TEXT" (passwords),
// "verb TEXT", and "other TEXT" (scripts, names, what an error reply repeats). A capture may hold
// keys, prompts and verbs in text mode, and nothing of it with --keys hash, but for "namespace
// TEXT", what a key begins with. Usage: planted_secrets SOCKET [OPTION...]; the server's password
// is sesamsecret.
#include <hiredis/hiredis.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static redisContext *server;

static void say(const char *kind, const char *text)
{
    printf("%s %s\n", kind, text);
}

static void finish(redisReply *reply)
{
    if (reply == NULL) {
        fprintf(stderr, "no reply: %s\n", server->errstr);
        exit(1);
    }
    freeReplyObject(reply);
}

/* The key of a prompt: its SHA-256, in hex. */
static void key_of(const char *prompt, char *key, size_t room)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned bytes = 0;
    EVP_Digest(prompt, strlen(prompt), digest, &bytes, EVP_sha256(), NULL);
    size_t used = (size_t)snprintf(key, room, "llm:");
    for (unsigned i = 0; i < bytes; i++)
        used += (size_t)snprintf(key + used, room - used, "%02x", digest[i]);
}

static void authenticate(void)
{
    say("secret", "wrongpassworda");
    finish(redisCommand(server, "AUTH wrongpassworda"));
    say("secret", "sesamsecret");
    finish(redisCommand(server, "AUTH sesamsecret"));
    say("secret", "wrongpasswordb");
    finish(redisCommand(server, "HELLO 2 AUTH default wrongpasswordb"));
    say("other", "clientnameone");
    finish(redisCommand(server, "HELLO 2 AUTH default sesamsecret SETNAME clientnameone"));
    say("other", "clientnametwo");
    finish(redisCommand(server, "CLIENT SETNAME clientnametwo"));
    say("secret", "aclpassword");
    finish(redisCommand(server, "ACL SETUSER aclusername on >aclpassword ~*"));
    say("other", "aclusername");
    say("secret", "masterpassword");
    finish(redisCommand(server, "CONFIG SET masterauth masterpassword"));
    say("secret", "migratepassword");
    finish(redisCommand(server, "MIGRATE 127.0.0.1 1 plainkey 0 10 AUTH migratepassword"));
}

static void use_keys(void)
{
    char key[128];
    static const char prompt[] = "tell me about promptsecret please";
    say("key", "hunterkey");
    say("value", "plainvalue");
    finish(redisCommand(server, "SET hunterkey plainvalue"));
    finish(redisCommand(server, "GET hunterkey"));
    say("key", "Großvaterkey");
    finish(redisCommand(server, "SET Großvaterkey:v7:lastpart x"));
    say("namespace", "sessionkey");
    say("key", "userkey");
    finish(redisCommand(server, "GET sessionkey:{userkey}:17"));
    say("key", "quick brown fox");
    finish(redisCommand(server, "SET %s x", "quick brown fox"));
    say("value", "hashfieldvalue");
    finish(redisCommand(server, "HSET hashkey fieldname hashfieldvalue"));
    say("value", "streamvalue");
    finish(redisCommand(server, "XADD streamkey * f streamvalue"));
    say("value", "msetvalue");
    finish(redisCommand(server, "MSET msetkeya msetvalue msetkeyb msetvalue"));
    say("prompt", "promptsecret");
    key_of(prompt, key, sizeof key);
    finish(redisCommand(server, "GET %s", key));
    say("value", "promptanswer");
    finish(redisCommand(server, "SETEX %s 60 promptanswer", key));
}

static void use_the_rest(void)
{
    say("other", "scriptsecret");
    finish(redisCommand(server, "EVAL %s 1 evalkey evalargument", "return 'scriptsecret'"));
    say("other", "evalargument");
    say("other", "errorsecret");
    finish(redisCommand(server, "EVAL %s 0", "return redis.error_reply('ERR errorsecret')"));
    say("verb", "NOSUCHVERB");
    finish(redisCommand(server, "NOSUCHVERB nosuchargument"));
    say("other", "nosuchargument");
    say("other", "channelname");
    say("value", "channelmessage");
    finish(redisCommand(server, "PUBLISH channelname channelmessage"));
    say("other", "echotext");
    finish(redisCommand(server, "ECHO echotext"));
}

static void pipeline(void)
{
    void *reply;
    say("namespace", "pipelinekey");
    say("value", "pipelinevalue");
    for (int i = 0; i < 20; i++)
        redisAppendCommand(server, "SET pipelinekey:%d pipelinevalue", i);
    for (int i = 0; i < 20; i++) {
        if (redisGetReply(server, &reply) != REDIS_OK)
            exit(1);
        freeReplyObject(reply);
    }
}

int main(int argc, char **argv)
{
    server = argc > 1 ? redisConnectUnix(argv[1]) : NULL;
    if (server == NULL || server->err)
        return 1;
    authenticate();
    use_keys();
    use_the_rest();
    pipeline();
    redisFree(server);
    return 0;
}
