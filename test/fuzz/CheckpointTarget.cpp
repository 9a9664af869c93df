// libFuzzer target: a Hugging Face folder, through import. The input is three texts with a NUL character between them:
// config.json, modules.json (none where it is empty), and the header of model.safetensors, whose length and data are
// made to fit, so that changes reach what reads the header.
#include "support/Check.h"
#include "test/fuzz/FuzzTarget.h"
#include "test/fuzz/Importing.h"
#include "test/fuzz/Models.h"

#include <nlohmann/json.hpp>
#include <sstream>

using namespace mlc;
using namespace mlc::test;

namespace {

constexpr size_t kParts = 3;

std::array<std::string, kParts> split(const uint8_t *data, size_t size) {
  std::istringstream stream(std::string(reinterpret_cast<const char *>(data), size));
  std::array<std::string, kParts> parts;
  for (std::string &part : parts)
    std::getline(stream, part, '\0');
  return parts;
}

std::string join(const std::array<std::string, kParts> &parts) { return parts[0] + '\0' + parts[1] + '\0' + parts[2]; }

// As many bytes as the header speaks of, up to 1 MiB.
size_t dataSize(const std::string &header) {
  const auto json = nlohmann::json::parse(header, nullptr, /*allow_exceptions=*/false);
  uint64_t size = 0;
  if (json.is_object())
    for (const auto &[name, tensor] : json.items()) {
      const auto offsets = tensor.is_object() ? tensor.value("data_offsets", nlohmann::json()) : nlohmann::json();
      if (offsets.is_array() && offsets.size() == 2 && offsets[1].is_number_unsigned())
        size = std::max(size, offsets[1].get<uint64_t>());
    }
  return std::min<uint64_t>(size, 1 << 20);
}

// A number of the text replaced: the file still parses.
void replaceNumber(std::string &text, Mutator &mutator) {
  std::vector<size_t> starts;
  for (size_t i = 0; i < text.size(); ++i)
    if (isdigit(static_cast<unsigned char>(text[i])) && (i == 0 || !isdigit(static_cast<unsigned char>(text[i - 1]))))
      starts.push_back(i);
  if (starts.empty())
    return;
  const size_t at = starts[mutator.below(starts.size())];
  const size_t end = std::min(text.find_first_not_of("0123456789", at), text.size());
  text.replace(at, end - at, std::to_string(mutator.chance(2) ? mutator.trickyNumber() : int64_t(mutator.below(9))));
}

} // namespace

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  namespace fs = std::filesystem;
  static const std::vector<ImportOptions> tried = [] {
    std::vector<ImportOptions> made;
    for (const char *shapes : {"batch=2,seq=3", "batch=1,height=32,width=32"})
      made.emplace_back().shapes.push_back(llvm::cantFail(parseShapeBinding(shapes)));
    fs::create_directories(scratchFolder() / "1_Pooling");
    writeBytes(scratchFolder() / "1_Pooling/config.json", kPooling);
    return made;
  }();
  const auto [config, modules, header] = split(data, size);
  writeBytes(scratchFolder() / "config.json", config);
  if (modules.empty())
    fs::remove(scratchFolder() / "modules.json");
  else
    writeBytes(scratchFolder() / "modules.json", modules);
  const uint64_t length = header.size();
  writeBytes(scratchFolder() / "model.safetensors",
             std::string(reinterpret_cast<const char *>(&length), 8) + header + std::string(dataSize(header), '\x3e'));
  for (const ImportOptions &options : tried) {
    const Imported imported = importOnce(scratchFolder().string(), options);
    MLC_CHECK(imported.fault.empty(), imported.fault.c_str());
  }
  return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned seed) {
  Mutator mutator(seed);
  auto parts = split(data, size);
  std::string &part = parts[mutator.below(kParts)];
  if (mutator.chance(2))
    replaceNumber(part, mutator);
  else
    part = mutateBytes(part, std::min<size_t>(maxSize - std::min(maxSize, size), 64));
  std::erase(part, '\0');
  return giveBack(join(parts), data, size, maxSize);
}

void mlc::test::writeSeeds(const std::filesystem::path &folder) {
  const std::string file = makeSafetensors();
  uint64_t length = 0;
  memcpy(&length, file.data(), sizeof(length));
  const std::string header = file.substr(8, length);
  writeBytes(folder / "bert", join({kConfig, kModules, header}));
  writeBytes(folder / "bert_without_modules", join({kConfig, "", header}));
}
