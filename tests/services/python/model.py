"""The model stand-in: passes over a working buffer for as long as asked, then an answer that the question decides."""

import array
import json
import random
import time

ACTIVATIONS, SCORES = 128 * 1024, 16 * 1024  # floats

SENTENCES = (
    "Thank you for reaching out to us about this.",
    "Please open Settings, choose Account and then Security.",
    "You will find the option under Billing and payments.",
    "The change takes effect within a few minutes on every device you are signed in to.",
    "If the problem stays, restart the device and try once more.",
    "Our team reviews such cases within one working day.",
    "A refund usually reaches the original payment method in three to five days.",
    "Make sure that the latest firmware is installed before you continue.",
    "You can follow the progress on the order page at any time.",
    "Nothing is deleted by this step, so it is safe to repeat it.",
)


class Completion:
    """An answer, and how sure the model was of each of its tokens."""

    def __init__(self, answer, scores):
        self.answer = answer
        self.scores = scores


def normal_text(text, fold_case):
    text = " ".join(text.split())
    return text.lower() if fold_case else text


def normal_value(value, fold_case=False):
    if isinstance(value, str):
        return normal_text(value, fold_case)
    if isinstance(value, dict):
        return {name: normal_value(member, name == "prompt") for name, member in value.items()}
    if isinstance(value, list):
        return [normal_value(element) for element in value]
    return value


def normal_form(request):
    """What the model is asked: order of members, white space and the prompt's case do not matter to it."""
    return json.dumps(normal_value(request), sort_keys=True, separators=(",", ":"))


def run_inference(seed, cpu_ms):
    stop = time.thread_time() + cpu_ms / 1000
    activations = array.array("f", bytes(4 * ACTIVATIONS))
    mixed = float(seed % 1000) / 1000
    at = 0
    while time.thread_time() < stop:
        for _ in range(200):
            mixed = 0.75 * mixed + 0.5 * activations[at] + 0.1
            activations[at] = mixed = mixed / (1 + mixed * mixed)
            at = (at + 1) % ACTIVATIONS
    return activations[:SCORES]


def complete(request, cpu_ms):
    chance = random.Random(normal_form(request))
    scores = run_inference(chance.getrandbits(32), cpu_ms)
    sentences = [chance.choice(SENTENCES) for _ in range(chance.randint(4, 11))]
    text = " ".join(sentences) + f" Help article {chance.randint(100000, 999999)} has the details."
    choice = {"index": 0, "text": text, "finish_reason": "stop"}
    answer = {"object": "text_completion", "model": request.get("model", "default"), "choices": [choice]}
    return Completion(json.dumps(answer, separators=(",", ":")).encode(), scores)
