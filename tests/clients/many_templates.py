"""A service with TEMPLATES^3 templates, and one whose key holds markup. Usage: many_templates.py SOCKET TEMPLATES

Each template is three words and a number: read and missed, written, read and hit. The key with markup holds the time of
the request, so that there is evidence with it.
"""

import hashlib
import itertools
import sys

import redis

MARKUP = "</script><img src=x onerror=document.title='owned'>"
WORDS = "alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa".split()


def main(socket, templates):
    client = redis.Redis(unix_socket_path=socket)
    for number, words in enumerate(itertools.product(WORDS[:templates], repeat=3)):
        for user in range(1 + number % 3):
            key = f"{':'.join(words)}:{1000 + user}"
            client.get(key)
            client.set(key, f"value {number} {user}" * 10, ex=600)
            client.get(key)
    for request in range(300):
        answer = hashlib.sha256(str(request % 10).encode()).hexdigest() * 4
        key = f"{MARKUP}:{request % 10}:{1_700_000_000 + request}"
        if client.get(key) is None:
            client.set(key, answer, ex=600)


main(sys.argv[1], int(sys.argv[2]))
