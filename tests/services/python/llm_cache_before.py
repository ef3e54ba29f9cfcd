"""The LLM cache service as it was found: the model's answers are kept in Redis, by a digest.

llm_cache_after.py is the same service after its refactor.
"""

import json

import llm_cache
import snapshot


class Service(llm_cache.Service):
    def __init__(self, options):
        super().__init__(options)
        self.to_evaluate = []

    def derive_key(self, request):
        # The key stands for the whole request, as it is traced and logged.
        return json.dumps({"request_id": request.id, "ts": request.received_unix_ms, "body": request.content})

    def answered_anew(self, completion):
        # For the nightly evaluation, which was switched off a year ago.
        self.to_evaluate.append(completion)

    def refresh(self):
        rows = snapshot.load(0, snapshot.ROWS)
        return snapshot.score(rows) > 0


llm_cache.run(Service)
