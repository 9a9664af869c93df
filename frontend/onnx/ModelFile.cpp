#include "frontend/onnx/ModelFile.h"

#include <charconv>
#include <filesystem>
#include <limits>

namespace mlc::frontend {

namespace fs = std::filesystem;

std::optional<DType> fromOnnxType(int32_t type) {
  switch (type) {
  case onnx::TensorProto::FLOAT: return DType::F32;
  case onnx::TensorProto::DOUBLE: return DType::F64;
  case onnx::TensorProto::FLOAT16: return DType::F16;
  case onnx::TensorProto::BFLOAT16: return DType::BF16;
  case onnx::TensorProto::BOOL: return DType::I1;
  case onnx::TensorProto::INT8: return DType::I8;
  case onnx::TensorProto::UINT8: return DType::U8;
  case onnx::TensorProto::INT16: return DType::I16;
  case onnx::TensorProto::UINT16: return DType::U16;
  case onnx::TensorProto::INT32: return DType::I32;
  case onnx::TensorProto::UINT32: return DType::U32;
  case onnx::TensorProto::INT64: return DType::I64;
  case onnx::TensorProto::UINT64: return DType::U64;
  default: return std::nullopt;
  }
}

std::string onnxTypeName(int32_t type) {
  return onnx::TensorProto::DataType_IsValid(type)
             ? onnx::TensorProto::DataType_Name(static_cast<onnx::TensorProto::DataType>(type))
             : "type " + std::to_string(type);
}

Result<std::unique_ptr<ModelFile>> ModelFile::load(const std::string &path) {
  auto result = std::make_unique<ModelFile>();
  result->path = path;
  Result<std::shared_ptr<const MappedFile>> mapped = MappedFile::open(path);
  if (!mapped.ok())
    return mapped.status();
  result->file = *mapped;
  std::span<const std::byte> bytes = result->file->bytes();
  if (bytes.empty())
    return Status::error("'" + path + "' is empty; expected an ONNX model");
  if (std::string_view(reinterpret_cast<const char *>(bytes.data()), std::min<size_t>(bytes.size(), 8)) == "MLCMODUL")
    return Status::error("'" + path + "' is a compiled module already: mlc-run runs it");
  if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max()))
    return Status::error("'" + path +
                         "' exceeds 2 GB, protobuf's limit; save the model with external data "
                         "(onnx.save_model(..., save_as_external_data=True))");
  // Unparsable text in a protobuf string is logged by the library; the Status says it all.
  google::protobuf::LogSilencer silence;
  if (!result->model.ParseFromString(withoutTensorContents(bytes)))
    return Status::error("'" + path +
                         "' cannot be parsed as an ONNX model: it is truncated or of another format; "
                         "check it with onnx.checker.check_model (graphs in each other more than 32 deep are beyond "
                         "protobuf's limit, too)");
  if (!result->model.has_graph() || result->model.opset_import_size() == 0)
    return Status::error("'" + path + "' is not an ONNX model: it has no " +
                         (result->model.has_graph() ? "opset_import" : "graph"));
  result->places = takeTensorPlaces(bytes, result->model);
  return result;
}

// Numbers of the typed *_data fields, when raw_data is not used.
template <typename T, typename Field>
static HostTensor fromField(DType type, const std::vector<int64_t> &shape, const Field &field) {
  std::vector<T> values;
  values.reserve(static_cast<size_t>(field.size()));
  for (auto value : field)
    values.push_back(static_cast<T>(value));
  return HostTensor::from(type, shape, values);
}

Result<TensorData> ModelFile::read(const onnx::TensorProto &tensor) {
  auto bad = [&](const std::string &what) { return Status::error("tensor '" + tensor.name() + "': " + what); };
  std::optional<DType> type = fromOnnxType(tensor.data_type());
  if (!type)
    return bad("element type " + onnxTypeName(tensor.data_type()) + " is not supported");
  std::vector<int64_t> shape(tensor.dims().begin(), tensor.dims().end());
  std::optional<int64_t> count = elementCount(shape);
  if (!count)
    return bad("its dims are negative or too large");
  if (tensor.has_segment())
    return bad("segments are not supported");
  if (tensor.data_location() == onnx::TensorProto::EXTERNAL)
    return readExternal(tensor, *type, std::move(shape));

  size_t size = static_cast<size_t>(*count) * sizeOf(*type);
  if (auto found = places.find(&tensor); found != places.end()) {
    WirePlace place = found->second;
    if (place.size != size)
      return bad(describe(*type, shape) + " needs " + std::to_string(size) + " bytes, " + std::to_string(place.size) +
                 " are there");
    return TensorData{HostTensor::borrow(*type, shape, file->bytes().data() + place.offset, file), path, place.offset};
  }
  if (tensor.has_raw_data()) {
    if (tensor.raw_data().size() != size)
      return bad(describe(*type, shape) + " needs " + std::to_string(size) + " bytes, " +
                 std::to_string(tensor.raw_data().size()) + " are there");
    return TensorData{
        HostTensor::from(*type, shape, std::vector<char>(tensor.raw_data().begin(), tensor.raw_data().end()))};
  }
  auto has = [&](int elements) { return elements == *count; };
  const auto &ints = tensor.int32_data();
  HostTensor host;
  bool complete = true;
  switch (*type) {
  case DType::F32:
    if ((complete = has(tensor.float_data_size())))
      host = fromField<float>(*type, shape, tensor.float_data());
    break;
  case DType::F64:
    if ((complete = has(tensor.double_data_size())))
      host = fromField<double>(*type, shape, tensor.double_data());
    break;
  case DType::I64:
    if ((complete = has(tensor.int64_data_size())))
      host = fromField<int64_t>(*type, shape, tensor.int64_data());
    break;
  case DType::U64:
  case DType::U32:
    if ((complete = has(tensor.uint64_data_size())))
      host = *type == DType::U64 ? fromField<uint64_t>(*type, shape, tensor.uint64_data())
                                 : fromField<uint32_t>(*type, shape, tensor.uint64_data());
    break;
  default:
    if (!(complete = has(ints.size())))
      break;
    if (sizeOf(*type) == 4)
      host = fromField<int32_t>(*type, shape, ints);
    else if (sizeOf(*type) == 2)
      host = fromField<uint16_t>(*type, shape, ints);
    else
      host = fromField<uint8_t>(*type, shape, ints);
  }
  if (!complete)
    return bad("its data does not have the " + std::to_string(*count) + " elements of its dims");
  return TensorData{std::move(host)};
}

// Canonical, so that neither `..` nor a symbolic link leads out of the model's folder.
static bool isInside(const fs::path &path, const fs::path &folder) {
  auto [end, rest] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return end == folder.end();
}

Result<TensorData> ModelFile::readExternal(const onnx::TensorProto &tensor, DType type, std::vector<int64_t> shape) {
  auto bad = [&](const std::string &what) { return Status::error("tensor '" + tensor.name() + "': " + what); };
  std::string location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
  for (const onnx::StringStringEntryProto &entry : tensor.external_data()) {
    const std::string &value = entry.value();
    uint64_t number = 0;
    auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    bool isNumber = error == std::errc() && end == value.data() + value.size();
    if (entry.key() == "location")
      location = value;
    else if (entry.key() == "offset" || entry.key() == "length") {
      if (!isNumber)
        return bad("external data has the " + entry.key() + " '" + value + "', not a number");
      (entry.key() == "offset" ? offset : length.emplace()) = number;
    } else if (entry.key() != "checksum")
      return bad("external data has the unknown key '" + entry.key() + "'");
  }
  if (location.empty())
    return bad("external data has no location");
  fs::path folder = fs::path(path).parent_path();
  if (folder.empty())
    folder = ".";
  std::error_code error;
  fs::path realFolder = fs::canonical(folder, error);
  if (error)
    return bad("cannot resolve the model's folder '" + folder.string() + "': " + error.message());
  fs::path target = fs::weakly_canonical(folder / location, error);
  if (error || fs::path(location).is_absolute() || !isInside(target, realFolder))
    return bad("external data '" + location + "' is outside of the model's folder; move the file beside the model");
  std::string name =
      (folder == "." && !fs::path(path).has_parent_path() ? fs::path(location) : folder / location).string();
  auto &mapped = externals[name];
  if (!mapped) {
    Result<std::shared_ptr<const MappedFile>> opened = MappedFile::open(name);
    if (!opened.ok())
      return bad("external data: " + opened.message() + "; keep it beside the model");
    mapped = *opened;
  }
  uint64_t size = static_cast<uint64_t>(*elementCount(shape)) * sizeOf(type), available = mapped->bytes().size();
  if (length && *length != size)
    return bad("external data has length " + std::to_string(*length) + ", " + describe(type, shape) + " needs " +
               std::to_string(size));
  if (offset > available || available - offset < size)
    return bad("external data '" + name + "' is too short: " + std::to_string(size) + " bytes at offset " +
               std::to_string(offset) + ", the file has " + std::to_string(available) + "; fetch it again");
  return TensorData{HostTensor::borrow(type, std::move(shape), mapped->bytes().data() + offset, mapped), name, offset};
}

} // namespace mlc::frontend
