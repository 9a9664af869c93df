"""torch.compile by inductor with frozen weights; the setting max_autotune tries more templates."""
import os
import time

import torch

from peers import torch_eager

version = torch_eager.version


class Runner(torch_eager.Runner):
    def __init__(self, task, inputs):
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(task.scratch)
        start = time.perf_counter()
        super().__init__(task, inputs)
        self.module = torch.compile(self.module, options={"freezing": True, "max_autotune": task.settings["max_autotune"]})
        self.infer()
        self.compile_s = time.perf_counter() - start

    def infer(self):  # freezing is for no_grad, not for inference mode
        with torch.no_grad():
            return self.module(*(v.to(self.dtype) if v.is_floating_point() else v for v in self.inputs))


load = Runner
