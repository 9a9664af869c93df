// NumPy's .npy and .npz files. Formats: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html;
// an .npz is a zip archive (stored or deflated) of .npy members. bf16 has no NumPy type: it is read from ml_dtypes'
// 2-byte void ('<V2'), and written as that.
#pragma once

#include "support/HostTensor.h"

#include <string>
#include <utility>
#include <vector>

namespace mlc {

using NamedTensors = std::vector<std::pair<std::string, HostTensor>>;

// `name` stands in messages. The result shares `bytes` where it can.
Result<HostTensor> parseNpy(const std::string &name, std::span<const std::byte> bytes,
                            std::shared_ptr<const void> owner);
Result<HostTensor> readNpy(const std::string &path);
Status writeNpy(const std::string &path, const HostTensor &tensor);

Result<NamedTensors> readNpz(const std::string &path);
// What writeNpz refuses about names, to be asked before work is done.
Status checkMemberName(const std::string &name);
Status writeNpz(const std::string &path, const NamedTensors &tensors);

} // namespace mlc
