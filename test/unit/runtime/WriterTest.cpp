#include "test/unit/runtime/TestModules.h"

#include <csignal>
#include <filesystem>
#include <gtest/gtest.h>
#include <sys/resource.h>

using namespace mlc::codegen;
using namespace mlc::test;

namespace {

size_t filesBeside(const std::string &path) {
  auto folder = std::filesystem::directory_iterator(std::filesystem::path(path).parent_path());
  return size_t(std::distance(begin(folder), end(folder)));
}

std::string zeros(size_t, const ByteSink &sink) {
  char bytes[64] = {};
  sink(bytes, sizeof(bytes));
  return "";
}

TEST(ModuleWriter, SameBytesTwice) {
  EXPECT_EQ(readFile(writeExample(exampleProgram(), "first.mlc")),
            readFile(writeExample(exampleProgram(), "second.mlc")));
}

TEST(ModuleWriter, SectionsArePageAligned) {
  std::string bytes = readFile(writeExample(exampleProgram(), "aligned.mlc"));
  const auto &header = *reinterpret_cast<const mlc::program::FileHeader *>(bytes.data());
  EXPECT_EQ(bytes.substr(0, 8), "MLCMODUL");
  EXPECT_EQ(header.file_size(), bytes.size());
  ASSERT_EQ(header.section_count(), 3u);
  const auto *sections = reinterpret_cast<const mlc::program::SectionHeader *>(bytes.data() + sizeof(header));
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(sections[i].offset() % 4096, 0u);
}

TEST(ModuleWriter, LayoutOfParams) {
  std::vector<ParamDesc> params{{"a", DType::f32, {1}, "", 0, 4},
                                {"b", DType::f32, {0}, "", 0, 0},
                                {"c", DType::f32, {33}, "", 0, 132},
                                {"d", DType::i8, {1}, "", 0, 1}};
  EXPECT_EQ(layoutParams(params), 320u);
  EXPECT_EQ(params[1].offset, 64u);
  EXPECT_EQ(params[2].offset, 64u);
  EXPECT_EQ(params[3].offset, 256u);
}

TEST(ModuleWriter, FailureKeepsTheOldFile) {
  std::string path = temporaryPath("kept.mlc");
  writeFile(path, "the old output");
  size_t files = filesBeside(path);
  auto refuse = [](size_t, const ByteSink &) { return std::string("no such tensor in the file"); };
  EXPECT_EQ(writeModule(exampleProgram(), refuse, path), "parameter 'w': no such tensor in the file");
  auto tooShort = [](size_t, const ByteSink &sink) { return sink("abc", 3), std::string(); };
  EXPECT_EQ(writeModule(exampleProgram(), tooShort, path), "parameter 'w': 3 bytes were given, but it is stored as 64");
  ProgramDesc program = exampleProgram();
  program.params[0].offset = 64;
  EXPECT_NE(writeModule(program, zeros, path).find("see layoutParams"), std::string::npos);
  EXPECT_EQ(readFile(path), "the old output");
  EXPECT_EQ(filesBeside(path), files);
}

TEST(ModuleWriter, UnwritableOutput) {
  EXPECT_NE(writeModule(exampleProgram(), zeros, "/no-such-folder/x.mlc").find("/no-such-folder/x.mlc"),
            std::string::npos);
  std::string folder = std::filesystem::path(temporaryPath("x")).parent_path();
  EXPECT_NE(writeModule(exampleProgram(), zeros, folder).find("it is a directory; name a file"), std::string::npos);
}

// A file-size limit stands in for a full disk: the write fails in the same place.
TEST(ModuleWriter, FullDiskKeepsTheOldFile) {
  std::string path = temporaryPath("full.mlc");
  writeFile(path, "the old output");
  size_t files = filesBeside(path);
  rlimit old, limit;
  getrlimit(RLIMIT_FSIZE, &old);
  limit = old;
  limit.rlim_cur = 6000;
  auto oldHandler = signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &limit);
  std::string error = writeModule(exampleProgram(), zeros, path);
  setrlimit(RLIMIT_FSIZE, &old);
  signal(SIGXFSZ, oldHandler);
  EXPECT_NE(error.find("cannot write"), std::string::npos) << error;
  EXPECT_EQ(readFile(path), "the old output");
  EXPECT_EQ(filesBeside(path), files);
}

} // namespace
