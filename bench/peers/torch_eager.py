"""torch without a compiler: oneDNN and MKL behind each operation. bf16: the module and its input are in bf16."""
import torch

import models
from peers import Missing


def version(task):
    return torch.__version__


class Runner:
    def __init__(self, task, inputs):
        model = models.find(task.model) if task.model in models.MODELS else None
        if not model or not model.module:
            raise Missing("the model is an ONNX file only")
        torch.set_num_threads(task.threads)
        self.module, self.output = model.module(), model.output
        self.dtype = torch.bfloat16 if task.precision == "bf16" else torch.float32
        images = any(value.ndim == 4 for value in inputs.values())
        if images:
            self.module = self.module.to(memory_format=torch.channels_last)
        self.module = self.module.to(self.dtype)
        self.inputs = [torch.from_numpy(value) for value in inputs.values()]
        if images:
            self.inputs = [value.contiguous(memory_format=torch.channels_last) for value in self.inputs]

    def infer(self):
        with torch.inference_mode():
            return self.module(*(v.to(self.dtype) if v.is_floating_point() else v for v in self.inputs))

    def arrays(self, raw):
        return {self.output: raw.float().numpy()}


load = Runner
