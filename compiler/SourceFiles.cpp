#include "compiler/SourceFiles.h"

#include "dialects/mlc/MlcDialect.h"
#include "support/MappedFile.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/xxhash.h"
#include <algorithm>
#include <filesystem>
#include <set>

using namespace mlir;

namespace mlc {

namespace fs = std::filesystem;
using codegen::SourceFileDesc;

// What `xxh128sum` prints.
static std::string hashOf(std::span<const std::byte> bytes) {
  auto hash = llvm::xxh3_128bits({reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()});
  return llvm::utohexstr(hash.high64, /*LowerCase=*/true, 16) + llvm::utohexstr(hash.low64, /*LowerCase=*/true, 16);
}

namespace {

class SourceFiles {
public:
  explicit SourceFiles(const fs::path &model) : folder(fs::is_directory(model) ? model : model.parent_path()) {}

  Status addWhole(const fs::path &path) {
    Result<std::shared_ptr<const MappedFile>> file = MappedFile::open(path.string());
    if (!file.ok())
      return file.status();
    if (known.insert(path).second)
      files.push_back({nameOf(path), (*file)->bytes().size(), hashOf((*file)->bytes())});
    return Status::success();
  }
  void addSize(const fs::path &path) {
    std::error_code error;
    uint64_t bytes = fs::file_size(path, error);
    if (!error && known.insert(path).second)
      files.push_back({nameOf(path), bytes, ""});
  }

  std::vector<SourceFileDesc> files;

private:
  // No name of a folder that is the machine's alone.
  std::string nameOf(const fs::path &path) const {
    fs::path relative = path.lexically_relative(folder.empty() ? "." : folder);
    if (folder.empty() && path.is_relative())
      relative = path.lexically_normal();
    bool isInside = !relative.empty() && *relative.begin() != "..";
    return (isInside ? relative : path.filename()).generic_string();
  }

  fs::path folder;
  std::set<fs::path> known;
};

} // namespace

// What of a checkpoint says how its tensors are meant, and which files they are in.
static std::vector<fs::path> configurationOf(const fs::path &checkpoint) {
  std::vector<fs::path> paths;
  std::error_code error;
  auto add = [&](const fs::path &path) {
    if (fs::exists(path, error))
      paths.push_back(path);
  };
  for (const char *name : {"config.json", "model.safetensors.index.json", "modules.json"})
    add(checkpoint / name);
  if (fs::exists(checkpoint / "modules.json", error)) // of sentence-transformers, each module in a folder
    for (const fs::directory_entry &entry : fs::directory_iterator(checkpoint, error))
      add(entry.path() / "config.json");
  std::sort(paths.begin(), paths.end());
  return paths;
}

Result<std::vector<SourceFileDesc>> sourceFiles(const InputOptions &input, ModuleOp module) {
  fs::path model = input.path;
  SourceFiles sources(model);
  std::vector<fs::path> whole;
  if (fs::is_directory(model))
    whole = configurationOf(model);
  else if (input.path != "-" && !StringRef(input.path).starts_with(kZooPrefix) && model.extension() != ".safetensors")
    whole.push_back(model);
  for (const std::string &binding : input.constants)
    if (auto split = splitBinding(*module.getContext(), "const", binding); succeeded(split))
      whole.push_back(split->second);
  for (const fs::path &path : whole)
    if (Status status = sources.addWhole(path); !status.ok())
      return status;
  std::set<fs::path> parameters;
  module.walk([&](ParamOp param) {
    if (auto file = dyn_cast<FileAttr>(param.getSource()))
      parameters.insert(file.getPath().str());
  });
  for (const fs::path &path : parameters)
    sources.addSize(path);
  return std::move(sources.files);
}

} // namespace mlc
