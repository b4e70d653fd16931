# ruff: noqa: RUF012 - as a plugin author writes it
import orchharness_example

from orchharness.testing import AgentConformance, CriticConformance, Work


class TestFill(AgentConformance):
    plugin = orchharness_example
    kind = "fill"
    quick = Work(options={"text": "You said: {prompt}"})
    slow = Work(options={"text": "later", "seconds": 600})
    unsupported = {
        "absent": "it needs no client",
        "failure": "all it does is to print a text",
        "tree": "it starts nothing",
    }


class TestWordList(CriticConformance):
    plugin = orchharness_example
    kind = "wordlist"
    options = {"forbid": ["some"]}
