"""A peer for tests of the contest: doubles its input, or misbehaves as its settings say."""
import os
import time

from peers import Missing


def version(task):
    print("a library that prints to the standard output")
    return "1.2"


class Runner:
    compile_s = 0.0

    def __init__(self, task, inputs):
        self.settings, self.inputs = task.settings, inputs
        if "missing" in self.settings:
            raise Missing(self.settings["missing"])
        if "raise" in self.settings:
            raise ValueError(self.settings["raise"])
        if "die" in self.settings:
            print("its last words")
            os._exit(3)

    def infer(self):
        time.sleep(self.settings.get("sleep_s", 0))
        return self.inputs["x"] * self.settings.get("factor", 2)

    def arrays(self, raw):
        return {"y": raw}


load = Runner
