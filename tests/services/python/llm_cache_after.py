"""llm_cache_before.py after its refactor.

Keys are made of what was asked and of nothing else, no completion is kept, the refresh takes its snapshot in small
slices.
"""

import llm_cache
import model
import snapshot

SLICES = 64


class Service(llm_cache.Service):
    def derive_key(self, request):
        # Request id and time belong in the trace; an answer depends on neither.
        return model.normal_form(request.content)

    def answered_anew(self, completion):
        pass

    def refresh(self):
        # The pauses add up to half of the period, so that a refresh ends well before the next one.
        pause = self.options.refresh_seconds / 2 / SLICES
        count = snapshot.ROWS // SLICES
        return all(
            snapshot.score(snapshot.load(number * count, count)) > 0 and self.pause(pause) for number in range(SLICES)
        )


llm_cache.run(Service)
