// A test with a temporary folder of its own, gone behind it.
#ifndef MLC_TEST_UNIT_FOLDERTEST_H
#define MLC_TEST_UNIT_FOLDERTEST_H

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>

namespace mlc::test {

class FolderTest : public testing::Test {
protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "mlc_test_XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::string at(const char *name) const { return (folder / name).string(); }
  // Writes a file; gives its path.
  std::string put(const char *name, const std::string &content) const {
    std::filesystem::remove(folder / name); // a file truncated and written again is flushed to the disk by ext4
    std::ofstream(folder / name, std::ios::binary) << content;
    return at(name);
  }

  std::filesystem::path folder;
};

} // namespace mlc::test

#endif // MLC_TEST_UNIT_FOLDERTEST_H
