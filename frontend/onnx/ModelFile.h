// An ONNX file: parsed, checked, with the place of every tensor's bytes, so that weights are referred to, not copied.
#ifndef MLC_FRONTEND_ONNX_MODELFILE_H
#define MLC_FRONTEND_ONNX_MODELFILE_H

#include "frontend/onnx/onnx-ml.pb.h"
#include "support/HostTensor.h"
#include "support/MappedFile.h"

#include <map>
#include <memory>
#include <string>
#include <unordered_map>

namespace mlc::frontend {

struct WirePlace {
  uint64_t offset, size; // in bytes
};
using WirePlaces = std::unordered_map<const onnx::TensorProto *, WirePlace>;
// The message of `bytes`, a ModelProto, for the parser: large contents of tensors are empty in it, so that weights are
// never copied. A tensor whose content is ambiguous (fields that occur twice) keeps it.
std::string withoutTensorContents(std::span<const std::byte> bytes);
// Where in `bytes` the raw_data or the packed float_data of the tensors is, for `model`, which withoutTensorContents of
// them was parsed to; what the parser has of these fields is cleared. An ambiguous content has no place.
WirePlaces takeTensorPlaces(std::span<const std::byte> bytes, onnx::ModelProto &model);

struct TensorData {
  HostTensor tensor;
  // Where the bytes are, when they are a file's.
  std::string file{};
  uint64_t offset = 0;
};

class ModelFile {
public:
  static Result<std::unique_ptr<ModelFile>> load(const std::string &path);
  const onnx::ModelProto &proto() const { return model; }
  // The bytes of an initializer or attribute: in the model, or external.
  Result<TensorData> read(const onnx::TensorProto &tensor);

private:
  Result<TensorData> readExternal(const onnx::TensorProto &tensor, DType type, std::vector<int64_t> shape);

  std::string path;
  std::shared_ptr<const MappedFile> file;
  onnx::ModelProto model;
  WirePlaces places;
  std::map<std::string, std::shared_ptr<const MappedFile>> externals;
};

// Of TensorProto.DataType.
std::optional<DType> fromOnnxType(int32_t type);
std::string onnxTypeName(int32_t type);

} // namespace mlc::frontend

#endif // MLC_FRONTEND_ONNX_MODELFILE_H
