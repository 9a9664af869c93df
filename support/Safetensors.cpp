#include "support/Safetensors.h"

#include "support/HostTensor.h"
#include "support/MappedFile.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

namespace mlc {

using Json = nlohmann::json;

// The limit of the format's own reader.
static constexpr uint64_t kMaxHeaderBytes = 100'000'000;

static std::optional<DType> parseType(const std::string &name) {
  static const std::map<std::string, DType> kTypes = {
      {"F32", DType::F32}, {"F64", DType::F64}, {"F16", DType::F16}, {"BF16", DType::BF16}, {"BOOL", DType::I1},
      {"I8", DType::I8},   {"U8", DType::U8},   {"I16", DType::I16}, {"U16", DType::U16},   {"I32", DType::I32},
      {"U32", DType::U32}, {"I64", DType::I64}, {"U64", DType::U64}};
  auto found = kTypes.find(name);
  return found == kTypes.end() ? std::nullopt : std::optional(found->second);
}

namespace {
struct Extent {
  uint64_t begin, end;
  std::string name;
};
} // namespace

static Status parseEntry(const std::string &name, const Json &entry, const std::string &path, uint64_t dataStart,
                         uint64_t dataBytes, TensorIndex &index, std::vector<Extent> &extents) {
  auto bad = [&](const std::string &what) { return Status::error("'" + path + "': tensor '" + name + "': " + what); };
  auto unsignedArray = [](const Json &value) {
    return value.is_array() &&
           std::all_of(value.begin(), value.end(), [](const Json &item) { return item.is_number_unsigned(); });
  };
  if (!entry.is_object() || !entry.contains("dtype") || !entry["dtype"].is_string() || !entry.contains("shape") ||
      !unsignedArray(entry["shape"]) || !entry.contains("data_offsets") || !unsignedArray(entry["data_offsets"]) ||
      entry["data_offsets"].size() != 2)
    return bad("the header entry needs dtype, shape and data_offsets [begin, end]");
  std::string typeName = entry["dtype"];
  std::optional<DType> type = parseType(typeName);
  if (!type)
    return bad("unsupported dtype '" + typeName + "'; convert the checkpoint to F32, F16 or BF16");
  std::vector<int64_t> shape = entry["shape"].get<std::vector<int64_t>>();
  std::optional<int64_t> count = elementCount(shape);
  if (!count)
    return bad("the shape is too large");
  uint64_t begin = entry["data_offsets"][0], end = entry["data_offsets"][1];
  if (begin > end || end > dataBytes)
    return bad("data_offsets [" + std::to_string(begin) + ", " + std::to_string(end) + "] are outside of the " +
               std::to_string(dataBytes) + " bytes of data; the file is truncated or damaged, fetch it again");
  uint64_t expected = static_cast<uint64_t>(*count) * sizeOf(*type);
  if (end - begin != expected)
    return bad(describe(*type, shape) + " needs " + std::to_string(expected) + " bytes, data_offsets give " +
               std::to_string(end - begin));
  index[name] = StoredTensor{*type, std::move(shape), path, dataStart + begin};
  if (begin != end)
    extents.push_back({begin, end, name});
  return Status::success();
}

Result<TensorIndex> readSafetensors(const std::string &path) {
  Result<std::shared_ptr<const MappedFile>> file = MappedFile::open(path);
  if (!file.ok())
    return file.status();
  std::span<const std::byte> bytes = (*file)->bytes();
  auto bad = [&](const std::string &what) {
    return Status::error("'" + path + "' is not a usable safetensors file: " + what);
  };
  uint64_t length = 0;
  if (bytes.size() < sizeof(length))
    return bad("it is shorter than its 8-byte header length");
  std::memcpy(&length, bytes.data(), sizeof(length));
  if (length > kMaxHeaderBytes && length <= bytes.size() - sizeof(length))
    return bad("the header length " + std::to_string(length) + " is above the format's limit of " +
               std::to_string(kMaxHeaderBytes));
  if (length > bytes.size() - sizeof(length))
    return bad("the header length " + std::to_string(length) + " exceeds the file of " + std::to_string(bytes.size()) +
               " bytes; it is truncated or of another format");
  const char *text = reinterpret_cast<const char *>(bytes.data()) + sizeof(length);
  bool duplicate = false;
  std::vector<std::set<std::string>> keys;
  Json header = Json::parse(
      text, text + length,
      [&](int depth, Json::parse_event_t event, Json &value) {
        if (event == Json::parse_event_t::object_start)
          keys.emplace_back();
        else if (event == Json::parse_event_t::object_end && !keys.empty())
          keys.pop_back();
        else if (event == Json::parse_event_t::key && !keys.empty())
          duplicate |= !keys.back().insert(value.get<std::string>()).second;
        return true;
      },
      /*allow_exceptions=*/false);
  if (header.is_discarded() || !header.is_object())
    return bad("its header is not a JSON object");
  if (duplicate)
    return bad("a name occurs twice in its header");

  TensorIndex index;
  std::vector<Extent> extents;
  uint64_t dataStart = sizeof(length) + length;
  for (auto &[name, entry] : header.items()) {
    if (name == "__metadata__")
      continue;
    Status status = parseEntry(name, entry, path, dataStart, bytes.size() - dataStart, index, extents);
    if (!status.ok())
      return status;
  }
  std::sort(extents.begin(), extents.end(), [](const Extent &a, const Extent &b) { return a.begin < b.begin; });
  for (size_t i = 1; i < extents.size(); ++i)
    if (extents[i].begin < extents[i - 1].end)
      return bad("tensors '" + extents[i - 1].name + "' and '" + extents[i].name + "' overlap");
  return index;
}

Result<TensorIndex> readSafetensorsFolder(const std::string &folder) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  fs::path single = fs::path(folder) / "model.safetensors";
  fs::path sharded = fs::path(folder) / "model.safetensors.index.json";
  if (fs::exists(single, ignored))
    return readSafetensors(single.string());
  if (!fs::exists(sharded, ignored)) {
    // Under another name, if there is but one.
    std::vector<fs::path> others;
    for (const fs::directory_entry &entry : fs::directory_iterator(folder, ignored))
      if (entry.path().extension() == ".safetensors")
        others.push_back(entry.path());
    if (others.size() == 1)
      return readSafetensors(others[0].string());
    return Status::error("'" + folder +
                         "' has neither model.safetensors nor model.safetensors.index.json; save the "
                         "model with save_pretrained(..., safe_serialization=True)");
  }
  Result<std::shared_ptr<const MappedFile>> file = MappedFile::open(sharded.string());
  if (!file.ok())
    return file.status();
  const char *text = reinterpret_cast<const char *>((*file)->bytes().data());
  Json json = Json::parse(text, text + (*file)->bytes().size(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object())
    return Status::error("'" + sharded.string() + "' is not a JSON object with a weight_map");

  std::map<std::string, TensorIndex> shards;
  TensorIndex index;
  for (auto &[name, value] : json["weight_map"].items()) {
    // A shard is a file of the same folder, not a path.
    if (!value.is_string() || fs::path(value.get<std::string>()).filename() != value.get<std::string>())
      return Status::error("'" + sharded.string() + "': the shard of '" + name + "' must be a file name");
    std::string shard = value;
    if (!shards.contains(shard)) {
      Result<TensorIndex> read = readSafetensors((fs::path(folder) / shard).string());
      if (!read.ok())
        return read.status();
      shards[shard] = *std::move(read);
    }
    auto found = shards[shard].find(name);
    if (found == shards[shard].end())
      return Status::error("'" + sharded.string() + "' puts tensor '" + name + "' into " + shard +
                           ", where it is missing; fetch the shard again");
    index.insert(*found);
  }
  return index;
}

} // namespace mlc
