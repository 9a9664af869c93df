// The safetensors format (https://github.com/huggingface/safetensors#format): u64 length, JSON header, data.
// Only the index is read here; the bytes stay in the file.
#pragma once

#include "support/DType.h"
#include "support/Status.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace mlc {

struct StoredTensor {
  DType dtype;
  std::vector<int64_t> shape;
  std::string file;
  uint64_t offset;
};

// By name, hence in a fixed order.
using TensorIndex = std::map<std::string, StoredTensor>;

Result<TensorIndex> readSafetensors(const std::string &path);
// `model.safetensors` of a folder, or the shards that `model.safetensors.index.json` names, or the only .safetensors.
Result<TensorIndex> readSafetensorsFolder(const std::string &folder);

} // namespace mlc
