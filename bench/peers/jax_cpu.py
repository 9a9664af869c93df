"""JAX on the CPU: the ONNX graph as a function of arrays (bench/onnx_jax.py), under jax.jit."""
import time

import jax
import numpy as np

from peers import Missing


def version(task):
    return jax.__version__


class Runner:
    def __init__(self, task, inputs):
        import onnx_jax

        jax.config.update("jax_enable_x64", True)  # token ids stay 64-bit; floats are what the graph says
        start = time.perf_counter()
        function = onnx_jax.Function(task.onnx)
        self.weights = {name: jax.device_put(value) for name, value in function.weights.items()}
        self.inputs = {name: jax.device_put(value) for name, value in inputs.items()}
        try:
            self.function = jax.jit(function).lower(self.weights, self.inputs).compile()
        except NotImplementedError as error:
            raise Missing(f"bench/onnx_jax.py does not know {error}") from None
        self.compile_s = time.perf_counter() - start

    def infer(self):
        return jax.block_until_ready(self.function(self.weights, self.inputs))

    def arrays(self, raw):
        return {name: np.asarray(value) for name, value in raw.items()}


load = Runner
