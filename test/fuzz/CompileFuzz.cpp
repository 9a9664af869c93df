// Damaged models through the whole compiler, as its users call it: exit status 0 and an output, or a message and none.
#include "compiler/include/mlc/compiler.h"
#include "test/fuzz/Models.h"
#include "test/unit/FolderTest.h"

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

using namespace mlc::test;
namespace fs = std::filesystem;

namespace {

class CompileFuzz : public mlc::test::FolderTest {
protected:
  // Whether the model compiled.
  bool compiles(const onnx_reflected::ModelProto &model, std::vector<std::string> options, const char *output) {
    const std::string in = (folder / "m.onnx").string(), out = (folder / output).string();
    fs::remove(in);
    fs::remove(out);
    std::ofstream(in, std::ios::binary) << model.SerializePartialAsString();
    options.insert(options.begin(), {"mlc-opt", in, "--shape=n=2", "-o", out, "--mlir-disable-threading"});
    std::vector<const char *> arguments;
    for (const std::string &option : options)
      arguments.push_back(option.c_str());

    // The compiler's messages go to the descriptor.
    const std::string log = (folder / "log").string();
    const int saved = dup(2), file = open(log.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
    dup2(file, 2);
    const int status = mlc_compiler_main(static_cast<int>(arguments.size()), arguments.data());
    dup2(saved, 2);
    close(saved);
    close(file);
    std::stringstream text;
    text << std::ifstream(log).rdbuf();
    EXPECT_EQ(status == 0, fs::exists(out)) << text.str();
    if (status != 0)
      EXPECT_NE(text.str().find("error: "), std::string::npos) << text.str();
    EXPECT_EQ(text.str().find("failed to legalize"), std::string::npos) << text.str();
    return status == 0;
  }

  onnx_reflected::ModelProto damaged(Mutator &mutator) {
    onnx_reflected::ModelProto model = whole;
    for (uint64_t changes = 1 + mutator.below(3); changes > 0; --changes)
      MessageMutator(mutator, words).change(model);
    return model;
  }

  const onnx_reflected::ModelProto whole = makeModel();
  const std::vector<std::string> words = collectWords(whole);
};

TEST_F(CompileFuzz, GraphPhases) {
  EXPECT_GT(
      forEachSeed(600, [&](Mutator &mutator) { return compiles(damaged(mutator), {"--compile-to=fuse"}, "o.mlir"); }),
      20u);
}

TEST_F(CompileFuzz, Modules) {
  EXPECT_GT(forEachSeed(60, [&](Mutator &mutator) { return compiles(damaged(mutator), {}, "o.mlc"); }), 2u);
}

} // namespace
