// Which schedule was the fastest: what comes back is what went in, or nothing.
#include "codegen/cache/ScheduleCache.h"
#include "codegen/cache/KernelCache.h"
#include "codegen/target/Target.h"
#include "test/unit/FolderTest.h"

#include "mlir/Parser/Parser.h"
#include <thread>

namespace mlc::codegen {
namespace {

namespace fs = std::filesystem;

class ScheduleCacheTest : public mlc::test::FolderTest {
protected:
  void SetUp() override {
    FolderTest::SetUp();
    context.loadDialect<mlir::func::FuncDialect>();
    module = mlir::parseSourceString<mlir::ModuleOp>(R"(
      func.func private @k1(tensor<1xf32>) -> tensor<1xf32>
      func.func private @k2(tensor<1xf32>) -> tensor<1xf32>
      func.func private @other(tensor<2xf32>) -> tensor<2xf32>)",
                                                     &context);
    ASSERT_TRUE(module);
    cache.emplace(folder.string(), "cpu");
  }
  mlir::func::FuncOp kernel(llvm::StringRef name) { return module->lookupSymbol<mlir::func::FuncOp>(name); }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  TargetDesc target = llvm::cantFail(resolveTarget("x86-64-v3"));
  std::optional<ScheduleCache> cache;
};

TEST_F(ScheduleCacheTest, FindsWhatWasStored) {
  EXPECT_FALSE(cache->find(kernel("k1"), target, "vector"));
  cache->store(kernel("k1"), target, "vector", "8x48");
  EXPECT_EQ(cache->find(kernel("k1"), target, "vector"), "8x48");
  EXPECT_EQ(cache->find(kernel("k2"), target, "vector"), "8x48"); // the name is none of a kernel's content
  kernel("k2")->setAttr(kScheduleAttr, mlir::StringAttr::get(&context, "6x64"));
  EXPECT_EQ(cache->find(kernel("k2"), target, "vector"), "8x48"); // nor is the schedule that it asks for
  EXPECT_TRUE(kernel("k2")->hasAttr(kScheduleAttr));
  cache->store(kernel("k1"), target, "vector", "6x64");
  EXPECT_EQ(cache->find(kernel("k1"), target, "vector"), "6x64");
  EXPECT_FALSE(cache->find(kernel("other"), target, "vector"));
  EXPECT_FALSE(cache->find(kernel("k1"), llvm::cantFail(resolveTarget("x86-64-v4")), "vector"));
  EXPECT_FALSE(cache->find(kernel("k1"), target, "winograd"));
  EXPECT_FALSE(ScheduleCache(folder.string(), "another").find(kernel("k1"), target, "vector"));
  EXPECT_EQ(cache->problem(), "");
}

TEST_F(ScheduleCacheTest, DamageIsFound) {
  cache->store(kernel("k1"), target, "vector", "8x48");
  fs::path path;
  for (const auto &entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file())
      path = entry.path();
  std::string good(fs::file_size(path), 0);
  std::ifstream(path, std::ios::binary).read(good.data(), good.size());
  for (size_t size = 0; size < good.size(); ++size) {
    std::ofstream(path, std::ios::binary) << good.substr(0, size);
    EXPECT_FALSE(cache->find(kernel("k1"), target, "vector"));
    std::string flipped = good;
    flipped[size] ^= 1;
    std::ofstream(path, std::ios::binary) << flipped;
    EXPECT_FALSE(cache->find(kernel("k1"), target, "vector"));
  }
  cache->store(kernel("k1"), target, "vector", "8x48");
  EXPECT_EQ(cache->find(kernel("k1"), target, "vector"), "8x48");
}

TEST_F(ScheduleCacheTest, TrimmingTheKernelsTrimsThese) {
  cache->store(kernel("k1"), target, "vector", "8x48");
  KernelCache(folder.string()).trim();
  EXPECT_TRUE(cache->find(kernel("k1"), target, "vector"));
  KernelCache(folder.string(), /*mostBytes=*/1).trim();
  EXPECT_FALSE(cache->find(kernel("k1"), target, "vector"));
}

// Readers see one of the names that were written, whole.
TEST_F(ScheduleCacheTest, SeveralAtTheSameTime) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      mlir::MLIRContext own;
      own.loadDialect<mlir::func::FuncDialect>();
      auto mine = mlir::parseSourceString<mlir::ModuleOp>("func.func private @k(tensor<1xf32>) -> tensor<1xf32>", &own);
      auto function = mine->lookupSymbol<mlir::func::FuncOp>("k");
      ScheduleCache ofThread(folder.string(), "cpu");
      const std::string name(size_t(1) << (2 * t), 'a');
      for (int i = 0; i < 50; ++i) {
        ofThread.store(function, target, "vector", name);
        auto found = ofThread.find(function, target, "vector");
        EXPECT_TRUE(found && !found->empty() && found->find_first_not_of('a') == std::string::npos);
      }
      EXPECT_EQ(ofThread.problem(), "");
    });
  for (std::thread &thread : threads)
    thread.join();
}

} // namespace
} // namespace mlc::codegen
