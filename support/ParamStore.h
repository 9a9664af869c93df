// The only reader of weight bytes. IR refers to a stored tensor by its source; the bytes stay in their file, mapped,
// until a consumer reads them.
#pragma once

#include "support/HostTensor.h"
#include "support/MappedFile.h"

#include <map>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

namespace mlc {

struct FileSource {
  std::string path;
  uint64_t offset = 0;
};

struct InlineSource {
  std::vector<std::byte> bytes;
};

// Weights made from a seed: equal on every machine and at every number of threads.
struct SeededSource {
  enum class Distribution { Zeros, Ones, Normal, Uniform };
  uint64_t seed = 0;
  Distribution distribution = Distribution::Zeros;
  // Normal: mean and standard deviation. Uniform: lower and upper bound.
  double first = 0, second = 1;
};

struct ParamSource {
  DType dtype;
  std::vector<int64_t> shape;
  std::variant<FileSource, InlineSource, SeededSource> data;
};

// Thread-safe.
class ParamStore {
public:
  // File-backed tensors share the mapping, which the store caches; the others are made anew. Bytes of a file need not
  // be aligned.
  Result<HostTensor> read(const ParamSource &source);

private:
  Result<std::shared_ptr<const MappedFile>> map(const std::string &path);
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<const MappedFile>> files;
};

} // namespace mlc
