"""OpenVINO's CPU plugin with the latency hint; the precision is asked for, not left to the machine."""
import openvino


def version(task):
    return openvino.__version__.split("-")[0]


class Runner:
    def __init__(self, task, inputs):
        core = openvino.Core()
        config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": task.threads, "NUM_STREAMS": 1,
                  "INFERENCE_PRECISION_HINT": task.precision}  # fmt: skip
        self.model = core.compile_model(core.read_model(task.onnx), "CPU", config)
        self.request = self.model.create_infer_request()
        names = [port.get_any_name() for port in self.model.inputs]
        self.inputs = [inputs[name] for name in names]

    def infer(self):
        return self.request.infer(self.inputs, share_inputs=True, share_outputs=True)

    def arrays(self, raw):
        return {port.get_any_name(): raw[index].copy() for index, port in enumerate(self.model.outputs)}


load = Runner
