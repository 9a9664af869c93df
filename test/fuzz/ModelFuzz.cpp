// Damaged models, through import and the graph phases: an error or IR that verifies, never a crash. A failing run names
// its seed; MLC_FUZZ_SEED=<seed> repeats it.
#include "test/fuzz/Importing.h"
#include "test/fuzz/Models.h"
#include "test/unit/FolderTest.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

using namespace mlc;
using namespace mlc::test;
namespace fs = std::filesystem;

namespace {

class ModelFuzz : public mlc::test::FolderTest {
protected:
  void SetUp() override {
    FolderTest::SetUp();
    options.shapes.push_back(llvm::cantFail(parseShapeBinding("n=2")));
  }

  void putCheckpoint() {
    fs::create_directories(folder / "1_Pooling");
    put("config.json", kConfig);
    put("modules.json", kModules);
    put("1_Pooling/config.json", kPooling);
    put("model.safetensors", makeSafetensors());
  }

  // Imports; whether it worked.
  bool imports(const std::string &path, bool isPadded = false) {
    ImportOptions used = options;
    if (fs::is_directory(path))
      used.shapes = {llvm::cantFail(parseShapeBinding("batch=2,seq=3"))};
    if (isPadded)
      used.padding = llvm::cantFail(parsePadding(fs::is_directory(path) ? "batch,seq,mask=attention_mask" : "n"));
    const Imported imported = importOnce(path, used);
    EXPECT_EQ(imported.fault, "");
    bool works = imported.ok && imported.fault.empty();
    if (works && !isPadded)
      (void)imports(path, /*isPadded=*/true);
    return works;
  }

  ImportOptions options;
};

TEST_F(ModelFuzz, TheModelsThemselvesAreGood) {
  EXPECT_TRUE(imports(put("m.onnx", makeModel().SerializeAsString())));
  putCheckpoint();
  EXPECT_TRUE(imports(folder.string()));
}

TEST_F(ModelFuzz, Checkpoint) {
  const std::string safetensors = makeSafetensors(), config = kConfig, modules = kModules, pooling = kPooling;
  forEachSeed(2000, [&](Mutator &mutator) {
    putCheckpoint();
    switch (mutator.below(6)) {
    case 0: put("config.json", mutator.bytes(config)); break;
    case 1: put("modules.json", mutator.bytes(modules)); break;
    case 2: put("1_Pooling/config.json", mutator.bytes(pooling)); break;
    default: put("model.safetensors", mutator.bytes(safetensors));
    }
    return imports(folder.string());
  });
}

// A number of a JSON file replaced: the file still parses.
TEST_F(ModelFuzz, CheckpointNumbers) {
  const std::string whole = makeSafetensors(), header = whole.substr(8, whole.find("}}") - 6);
  auto replaceNumber = [](Mutator &mutator, const std::string &text) {
    size_t at = mutator.below(text.size());
    while (!isdigit(text[at]))
      at = (at + 1) % text.size();
    size_t end = at;
    while (isdigit(text[end]))
      ++end;
    return text.substr(0, at) + std::to_string(mutator.trickyNumber()) + text.substr(end);
  };
  forEachSeed(1500, [&](Mutator &mutator) {
    putCheckpoint();
    if (mutator.chance(3)) {
      put("config.json", replaceNumber(mutator, kConfig));
    } else {
      const std::string changed = replaceNumber(mutator, header);
      const uint64_t length = changed.size();
      put("model.safetensors",
          std::string(reinterpret_cast<const char *>(&length), 8) + changed + whole.substr(8 + header.size()));
    }
    return imports(folder.string());
  });
}

TEST_F(ModelFuzz, OnnxBytes) {
  const std::string whole = makeModel().SerializeAsString();
  forEachSeed(2000, [&](Mutator &mutator) { return imports(put("m.onnx", mutator.bytes(whole))); });
}

TEST_F(ModelFuzz, OnnxTruncatedAnywhere) {
  const std::string whole = makeModel().SerializeAsString();
  for (size_t size = 0; size < whole.size(); size += 7)
    imports(put("m.onnx", whole.substr(0, size)));
}

TEST_F(ModelFuzz, OnnxFields) {
  const onnx_reflected::ModelProto whole = makeModel();
  const std::vector<std::string> words = collectWords(whole);
  const uint64_t good = forEachSeed(3000, [&](Mutator &mutator) {
    onnx_reflected::ModelProto model = whole;
    for (uint64_t changes = 1 + mutator.below(3); changes > 0; --changes)
      MessageMutator(mutator, words).change(model);
    return imports(put("m.onnx", model.SerializePartialAsString()));
  });
  EXPECT_GT(good, 100u); // the changes are small enough to reach the importer's depths
}

} // namespace
