// A folder of kernels: what comes back is what went in, or nothing.
#include "codegen/cache/KernelCache.h"
#include "codegen/cache/CompilerId.h"
#include "codegen/target/MachineCode.h"
#include "codegen/target/Target.h"
#include "test/unit/FolderTest.h"

#include "mlir/Parser/Parser.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/Support/SourceMgr.h"
#include <thread>
#include <unistd.h>

namespace mlc::codegen {
namespace {

namespace fs = std::filesystem;

TargetDesc level3() { return llvm::cantFail(resolveTarget("x86-64-v3")); }

// A kernel that does nothing, as an object with the symbol `name`.
llvm::SmallVector<char, 0> objectOf(const std::string &name) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  auto module = llvm::parseAssemblyString("define i32 @" + name + "(ptr %a, ptr %w, i64 %b, i64 %e) { ret i32 0 }",
                                          diagnostic, context);
  return llvm::cantFail(compileToObject(*module, level3()));
}

EmittedKernel describe(const std::string &name) {
  EmittedKernel kernel;
  kernel.name = name;
  kernel.emitter = "loops";
  kernel.schedule = "one by one";
  kernel.tiles = 7;
  kernel.scratch_bytes = 64;
  return kernel;
}

class KernelCacheTest : public test::FolderTest {
protected:
  const std::string key = std::string(64, 'a');
  KernelCache cache() const { return KernelCache(folder.string()); }
  std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    for (const auto &entry : fs::recursive_directory_iterator(folder))
      if (entry.is_regular_file())
        found.push_back(entry.path());
    return found;
  }
  void storeOne() const { cache().store(key, describe("k3_add"), objectOf("k3_add")); }
};

TEST_F(KernelCacheTest, FindsWhatWasStored) {
  EXPECT_FALSE(cache().find(key, "k3_add"));
  storeOne();
  auto found = cache().find(key, "k3_add");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->kernel.emitter, "loops");
  EXPECT_EQ(found->kernel.schedule, "one by one");
  EXPECT_EQ(found->kernel.tiles, 7);
  EXPECT_EQ(found->kernel.scratch_bytes, 64);
  EXPECT_EQ(found->object, objectOf("k3_add"));
  EXPECT_FALSE(cache().find(std::string(64, 'b'), "k3_add"));
}

TEST_F(KernelCacheTest, GivesTheNameThatIsAskedFor) {
  storeOne();
  auto found = cache().find(key, "k12_add");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->kernel.name, "k12_add");
  auto linked = [](const std::string &name, llvm::ArrayRef<char> object) {
    return llvm::cantFail(linkSharedObject({{name, object}}));
  };
  EXPECT_EQ(linked("k12_add", found->object), linked("k12_add", objectOf("k12_add")));
}

TEST_F(KernelCacheTest, DamagedFilesAreNotUsedAndReplaced) {
  storeOne();
  ASSERT_EQ(files().size(), 1u);
  std::string path = files()[0].string(), whole;
  {
    std::ifstream file(path, std::ios::binary);
    whole.assign(std::istreambuf_iterator<char>(file), {});
  }
  auto overwrite = [&](const std::string &bytes) { std::ofstream(path, std::ios::binary) << bytes; };
  // Each byte flipped, each length, and another kernel's file under this name.
  for (size_t i = 0; i < whole.size(); i += 1 + i / 64) {
    std::string damaged = whole;
    damaged[i] ^= 0x10;
    overwrite(damaged);
    EXPECT_FALSE(cache().find(key, "k3_add")) << "byte " << i;
    overwrite(whole.substr(0, i));
    EXPECT_FALSE(cache().find(key, "k3_add")) << i << " bytes";
  }
  overwrite(whole + "x");
  EXPECT_FALSE(cache().find(key, "k3_add"));
  const std::string other(64, 'b');
  fs::create_directories(folder / "kernels" / "bb");
  fs::copy_file((overwrite(whole), path), folder / "kernels" / "bb" / other.substr(2));
  EXPECT_FALSE(cache().find(other, "k3_add"));
  overwrite("");
  storeOne();
  EXPECT_TRUE(cache().find(key, "k3_add"));
}

TEST_F(KernelCacheTest, KeysTellApartWhatDecidesAboutCode) {
  mlir::MLIRContext context;
  context.loadDialect<mlir::func::FuncDialect, mlir::arith::ArithDialect>();
  auto parse = [&](const std::string &name, const std::string &size) {
    return mlir::parseSourceString<mlir::ModuleOp>("func.func @other() { return }\nfunc.func @" + name +
                                                       "(%x: tensor<" + size + "xf32>) -> tensor<" + size +
                                                       "xf32> { return %x : tensor<" + size + "xf32> }",
                                                   &context);
  };
  auto module = parse("k1_add", "4"), renamed = parse("k2_add", "4"), larger = parse("k1_add", "5");
  auto keyOf = [](mlir::ModuleOp module, const TargetDesc &target, llvm::StringRef emitter) {
    return KernelCache::keyOf(*std::next(module.getOps<mlir::func::FuncOp>().begin()), target, emitter);
  };
  std::string known = keyOf(*module, level3(), "vector");
  EXPECT_EQ(known.size(), 64u);
  EXPECT_EQ(keyOf(*renamed, level3(), "vector"), known);
  EXPECT_NE(keyOf(*larger, level3(), "vector"), known);
  EXPECT_NE(keyOf(*module, level3(), "loops"), known);
  TargetDesc smaller = level3();
  smaller.l2_bytes /= 2;
  EXPECT_NE(keyOf(*module, smaller, "vector"), known);
  // The function keeps its name.
  EXPECT_TRUE(module->lookupSymbol("k1_add"));
  EXPECT_GE(compilerId().size(), 16u);
}

TEST_F(KernelCacheTest, AFolderThatCannotBeWrittenIsAProblemOnce) {
  put("file", "");
  KernelCache cache(at("file"));
  cache.store(key, describe("k3_add"), objectOf("k3_add"));
  EXPECT_NE(cache.problem().find(at("file")), std::string::npos) << cache.problem();
  EXPECT_FALSE(cache.find(key, "k3_add"));
}

TEST_F(KernelCacheTest, LeastRecentlyUsedGoFirst) {
  auto object = objectOf("k");
  for (char c : {'a', 'b', 'c', 'd'})
    cache().store(std::string(64, c), describe("k"), object);
  uint64_t each = fs::file_size(files()[0]);
  auto now = fs::file_time_type::clock::now();
  for (const fs::path &path : files()) // a: oldest
    fs::last_write_time(path, now - std::chrono::hours('z' - path.filename().string()[0]));
  std::ofstream(folder / "kernels" / "aa" / ".mlc-left.tmp") << "of a process that was killed";
  fs::last_write_time(folder / "kernels" / "aa" / ".mlc-left.tmp", now - std::chrono::hours(2));
  EXPECT_TRUE(cache().find(std::string(64, 'a'), "k")); // used
  KernelCache(folder.string(), 4 * each).trim();
  EXPECT_EQ(files().size(), 4u);
  KernelCache(folder.string(), 3 * each).trim(); // to 2.7
  EXPECT_EQ(files().size(), 2u);
  EXPECT_TRUE(cache().find(std::string(64, 'a'), "k"));
  EXPECT_TRUE(cache().find(std::string(64, 'd'), "k"));
}

// What is found is whole, whoever writes and removes meanwhile.
TEST_F(KernelCacheTest, SeveralAtTheSameTime) {
  auto object = objectOf("k");
  auto work = [&](unsigned seed) {
    KernelCache mine(folder.string(), 10 * object.size());
    for (unsigned i = 0; i < 200; ++i) {
      std::string key(64, char('a' + (i * 7 + seed) % 16));
      if (auto found = mine.find(key, "k"))
        EXPECT_EQ(found->object, object);
      else
        mine.store(key, describe("k"), object);
      if (i % 20 == 0)
        mine.trim();
    }
    EXPECT_EQ(mine.problem(), "");
  };
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 4; ++seed)
    threads.emplace_back(work, seed);
  for (std::thread &thread : threads)
    thread.join();
}

} // namespace
} // namespace mlc::codegen
