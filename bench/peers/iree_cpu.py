"""IREE for this CPU with data tiling and microkernels."""
import subprocess
import sys
import time
from importlib.metadata import version as package_version

import numpy as np

FLAGS = ["--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu",
         "--iree-llvmcpu-target-cpu=host", "--iree-opt-level=O3", "--iree-opt-data-tiling",
         "--iree-llvmcpu-enable-ukernels=all", "--iree-llvmcpu-stack-allocation-limit=262144"]  # fmt: skip


def version(task):
    return package_version("iree-base-compiler")


class Runner:
    def __init__(self, task, inputs):
        import iree.compiler.tools
        import iree.runtime

        start = time.perf_counter()
        module = task.scratch / "model.vmfb"  # the same for all numbers of threads
        if not module.exists():
            imported = task.scratch / "model.mlir"
            subprocess.run([sys.executable, "-m", "iree.compiler.tools.import_onnx", str(task.onnx), "-o", str(imported),
                            "--opset-version", "17"], check=True)  # fmt: skip
            iree.compiler.tools.compile_file(str(imported), input_type="onnx", output_file=str(module), extra_args=FLAGS)
            imported.unlink()
        self.compile_s = time.perf_counter() - start
        iree.runtime.flags.parse_flags(f"--task_topology_group_count={task.threads}")
        config = iree.runtime.Config("local-task" if task.threads > 1 else "local-sync")
        context = iree.runtime.SystemContext(config=config)
        context.add_vm_module(iree.runtime.VmModule.mmap(context.instance, str(module)))
        functions = [name for name in context.modules.module.vm_module.function_names if not name.startswith("_")]
        self.function = context.modules.module[next(name for name in functions if not name.endswith("$async"))]
        self.inputs = [iree.runtime.asdevicearray(config.device, value) for value in inputs.values()]
        import onnx

        self.outputs = [value.name for value in onnx.load(task.onnx, load_external_data=False).graph.output]

    def infer(self):
        results = self.function(*self.inputs)
        return [np.asarray(value) for value in (results if isinstance(results, (list, tuple)) else [results])]

    def arrays(self, raw):
        return dict(zip(self.outputs, raw))


load = Runner
