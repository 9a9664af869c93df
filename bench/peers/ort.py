"""onnxruntime, all graph optimisations, one session of `threads` threads."""
import onnxruntime


def version(task):
    return onnxruntime.__version__


class Runner:
    def __init__(self, task, inputs):
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads, options.inter_op_num_threads = task.threads, 1
        self.session = onnxruntime.InferenceSession(str(task.onnx), options, providers=["CPUExecutionProvider"])
        wanted = {spec.name for spec in self.session.get_inputs()}
        self.inputs = {name: value for name, value in inputs.items() if name in wanted}

    def infer(self):
        return self.session.run(None, self.inputs)

    def arrays(self, raw):
        return dict(zip((spec.name for spec in self.session.get_outputs()), raw))


load = Runner
