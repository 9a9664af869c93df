// Inputs and outputs of a module on the command line: files, random values, memory.
#ifndef MLC_TOOLS_COMMON_INPUTS_H
#define MLC_TOOLS_COMMON_INPUTS_H

#include "mlc/runtime.hpp"
#include "support/HostTensor.h"
#include "support/Npy.h"
#include <optional>
#include <string>
#include <vector>

namespace mlc::tools {

// What the user asked for: NAME=FILE.npy, NAME=random:SEED, or an .npz that holds several.
struct InputArguments {
  std::vector<std::string> inputs;
  std::vector<std::string> archives;
  std::string entry; // empty: "main", or the only one
  std::optional<size_t> bucket;
  std::optional<uint64_t> randomSeed; // set: inputs that are not given are random
};

// A call that is ready to run: an entry point, one of its buckets, and tensors for it.
struct Call {
  size_t entry = 0, bucket = 0;
  std::vector<HostTensor> inputs;
  std::vector<Buffer> outputs;
  std::vector<mlc_tensor> inputViews, outputViews;
};

// Throws std::runtime_error with a message for the user.
Call prepareCall(const Module &module, const InputArguments &arguments);

DType toSupport(mlc_dtype dtype);
mlc_dtype toRuntime(DType dtype);
// Shares the buffer's memory.
HostTensor toHostTensor(Buffer &buffer);
std::string describeSpec(const Spec &spec); // "x: f32[1,8]"

} // namespace mlc::tools

#endif // MLC_TOOLS_COMMON_INPUTS_H
