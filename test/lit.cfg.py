# lit: every .mlir and .test file under test/ is a test, run by its RUN lines.
# https://llvm.org/docs/CommandGuide/lit.html
import os

import lit.formats

config.name = "mlc"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["lit.cfg.py", "lit.site.cfg.py.in"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.mlc_binary_dir, "test")

# The tools of this build come before anything that is installed; FileCheck and `not` are LLVM's.
config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.mlc_binary_dir, "bin"), config.llvm_tools_dir, config.environment["PATH"]])

# Tests neither use nor fill the user's cache of kernels.
config.environment["MLC_CACHE_DIR"] = "off"

# Passes that fail and crash on purpose: --load-pass-plugin=%test_passes
config.substitutions.append(("%test_passes", os.path.join(config.mlc_binary_dir, "lib", "mlc_test_passes.so")))
