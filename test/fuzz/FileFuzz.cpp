// Damaged .npy, .npz, safetensors and .mlc files through their readers: a value or an error with a message that names
// the file, never a crash.
#include "mlc/runtime.h"
#include "support/Npy.h"
#include "support/Safetensors.h"
#include "test/fuzz/Mutator.h"
#include "test/unit/FolderTest.h"
#include "test/unit/runtime/TestModules.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

using namespace mlc;
using namespace mlc::test;
namespace fs = std::filesystem;

namespace {

class FileFuzz : public mlc::test::FolderTest {
protected:
  // Whether the file was read; an error must name it.
  template <typename T> static bool good(const Result<T> &result, const std::string &path) {
    if (!result.ok())
      EXPECT_NE(result.message().find(fs::path(path).filename().string()), std::string::npos) << result.message();
    return result.ok();
  }

  // Every element, so that bytes outside of the file would be touched.
  static bool readAll(const Result<HostTensor> &tensor, const std::string &path) {
    if (!good(tensor, path))
      return false;
    double sum = 0;
    for (int64_t i = 0; i < tensor->numElements(); ++i)
      sum += tensor->floatAt(i);
    volatile double sink = sum;
    (void)sink;
    return true;
  }
};

TEST_F(FileFuzz, Npy) {
  // Fortran order, so that elements are moved by the header's shape.
  std::string header = "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 4, 5), }";
  header.resize(117, ' ');
  header += '\n';
  const std::string whole =
      std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size()) + '\0' + header + std::string(240, '\x3e');
  ASSERT_TRUE(readAll(readNpy(put("whole.npy", whole)), "whole.npy"));
  const uint64_t read = forEachSeed(4000, [&](Mutator &mutator) {
    const std::string path = put("damaged.npy", mutator.bytes(whole));
    return readAll(readNpy(path), path);
  });
  EXPECT_GT(read, 100u);
}

TEST_F(FileFuzz, Npz) {
  NamedTensors tensors;
  tensors.emplace_back("a", HostTensor::from(DType::F32, {2, 2}, std::vector<float>{1, -2, 3.5, 4}));
  tensors.emplace_back("b", HostTensor::from(DType::I64, {3}, std::vector<int64_t>{1, 2, 3}));
  const std::string path = (folder / "whole.npz").string();
  ASSERT_TRUE(writeNpz(path, tensors).ok());
  const std::string whole = readFile(path);
  forEachSeed(2000, [&](Mutator &mutator) {
    const std::string damaged = put("damaged.npz", mutator.bytes(whole));
    return good(readNpz(damaged), damaged);
  });
}

TEST_F(FileFuzz, Safetensors) {
  const std::string header =
      R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
      R"("b":{"dtype":"I64","shape":[2],"data_offsets":[24,40]},"__metadata__":{"format":"pt"}})";
  const uint64_t length = header.size();
  const std::string whole = std::string(reinterpret_cast<const char *>(&length), 8) + header + std::string(40, '\x3e');
  const uint64_t read = forEachSeed(4000, [&](Mutator &mutator) {
    const std::string path = put("damaged.safetensors", mutator.bytes(whole));
    Result<TensorIndex> index = readSafetensors(path);
    if (!good(index, path))
      return false;
    // What the index says lies inside of the file.
    for (const auto &[name, tensor] : *index)
      EXPECT_LE(tensor.offset + static_cast<uint64_t>(*elementCount(tensor.shape)) * sizeOf(tensor.dtype),
                fs::file_size(path));
    return true;
  });
  EXPECT_GT(read, 50u);
}

// Damage without right checksums. LoaderTest's ChangedProgramsAreSafe makes the checksums right.
TEST_F(FileFuzz, Module) {
  const std::string whole = readFile(writeExample(exampleProgram(), "fuzz.mlc"));
  forEachSeed(3000, [&](Mutator &mutator) {
    const std::string damaged = mutator.bytes(whole), path = put("damaged.mlc", damaged);
    mlc_module *module = nullptr;
    bool ok = mlc_module_load(path.c_str(), &module) == MLC_OK && mlc_module_verify(module) == MLC_OK;
    EXPECT_EQ(ok, damaged == whole) << mlc_last_error();
    if (!ok)
      EXPECT_NE(std::string(mlc_last_error()).find("damaged.mlc"), std::string::npos) << mlc_last_error();
    mlc_module_destroy(module);
    return ok;
  });
}

} // namespace
