// Files in and out, and the messages for bad ones.
#include "support/FileWriter.h"
#include "support/GuardedMemory.h"
#include "support/Npy.h"
#include "support/ParamStore.h"
#include "support/Printable.h"
#include "support/RandomTensor.h"
#include "support/Safetensors.h"
#include "test/unit/FolderTest.h"

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/resource.h>

using namespace mlc;
namespace fs = std::filesystem;

namespace {

class SupportTest : public mlc::test::FolderTest {
protected:
  std::string safetensors(const std::string &header, size_t dataBytes) const {
    uint64_t length = header.size();
    return put("m.safetensors", std::string(reinterpret_cast<char *>(&length), 8) + header + std::string(dataBytes, 0));
  }
  size_t filesInFolder() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
  }
};

void expectError(const Status &status, const char *part) {
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
}

TEST_F(SupportTest, NpzKeepsTypesShapesAndBits) {
  NamedTensors tensors;
  tensors.emplace_back("f", HostTensor::from(DType::F32, {2, 2}, std::vector<float>{1, -2, 3.5, 4}));
  tensors.emplace_back("i", HostTensor::from(DType::I64, {}, std::vector<int64_t>{-7}));
  tensors.emplace_back("h", HostTensor::from(DType::BF16, {1}, std::vector<uint16_t>{0x3F80}));
  tensors.emplace_back("e", HostTensor(DType::F64, {0, 3}));
  ASSERT_TRUE(writeNpz(at("a.npz"), tensors).ok());
  ASSERT_TRUE(writeNpz(at("b.npz"), tensors).ok());
  Result<NamedTensors> read = readNpz(at("a.npz"));
  ASSERT_TRUE(read.ok()) << read.message();
  ASSERT_EQ(read->size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ((*read)[i].first, tensors[i].first);
    EXPECT_EQ((*read)[i].second.dtype(), tensors[i].second.dtype());
    EXPECT_EQ((*read)[i].second.shape(), tensors[i].second.shape());
  }
  EXPECT_EQ((*read)[0].second.at<float>(2), 3.5f);
  EXPECT_EQ((*read)[1].second.intAt(0), -7);
  EXPECT_EQ((*read)[2].second.floatAt(0), 1.0);
  std::ifstream a(at("a.npz")), b(at("b.npz"));
  EXPECT_TRUE(std::equal(std::istreambuf_iterator<char>(a), {}, std::istreambuf_iterator<char>(b)));
}

TEST_F(SupportTest, NpyBringsFortranOrderIntoRowMajorOrder) {
  std::string header = "{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3), }\n";
  std::string content = std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size()) + '\0' + header;
  for (int32_t value : {0, 3, 1, 4, 2, 5})
    content.append(reinterpret_cast<char *>(&value), 4);
  Result<HostTensor> tensor = readNpy(put("f.npy", content));
  ASSERT_TRUE(tensor.ok()) << tensor.message();
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(tensor->intAt(i), i);
}

class NpyHeaderTest : public SupportTest {
protected:
  // Of two i4.
  Result<HostTensor> read(const std::string &dict, size_t dataBytes = 8) {
    const std::string header = dict + "\n";
    return readNpy(put("h.npy", std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size()) + '\0' + header +
                                    std::string(dataBytes, '\0')));
  }
};

TEST_F(NpyHeaderTest, EveryLiteralThatNumpyReads) {
  for (const char *dict : {"{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }",
                           "{'descr': '=i4', 'fortran_order': False, 'shape': (2,)}",
                           "{'descr': 'i4', 'shape': (2,), 'fortran_order': False}",
                           "{\"descr\": \"<i4\", \"fortran_order\": False, \"shape\": (2,)}"}) {
    Result<HostTensor> tensor = read(dict);
    EXPECT_TRUE(tensor.ok() && tensor->dtype() == DType::I32) << dict;
  }
}

TEST_F(NpyHeaderTest, WrongOnesAreRefused) {
  for (const char *order : {"Yes", "0", "Truely", "'True'"}) {
    const std::string dict = std::string("{'descr': '<i4', 'fortran_order': ") + order + ", 'shape': (2,)}";
    expectError(read(dict).status(), "lacks fortran_order, True or False");
  }
  expectError(read("{'fortran_order': False, 'shape': (2,)}").status(), "lacks descr");
  expectError(read("{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (2,)}").status(), "structured arrays");
  expectError(read("{'descr': '<i4', 'fortran_order': False, 'shape': (2,)}", 11).status(),
              "3 bytes follow the data of i32[2]");
}

TEST_F(SupportTest, NamesThatLeaveTheFolderAreNotWritten) {
  NamedTensors tensors;
  tensors.emplace_back("", HostTensor(DType::F32, {1}));
  for (const char *name : {"../../evil", "..", "a/..", "a\\..\\b"}) {
    tensors[0].first = name;
    expectError(writeNpz(at("a.npz"), tensors), "outside of its folder");
  }
  EXPECT_EQ(filesInFolder(), 0u);
  for (const char *name : {"/model/out", "a..b", "...", "output:0"}) {
    tensors[0].first = name;
    EXPECT_TRUE(writeNpz(at("a.npz"), tensors).ok()) << name;
  }
}

TEST(Printable, EscapesWhatTerminalsObey) {
  EXPECT_EQ(printable("caf\u00e9 \U0001f600\n"), "caf\u00e9 \U0001f600\n");
  EXPECT_EQ(printable("a\x1b[31mb\r\t\x7f"), "a\\x1b[31mb\\x0d\\x09\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");                            // a control character of two bytes
  EXPECT_EQ(printable("\xff\xc3"), "\\xff\\xc3");                            // no UTF-8; cut off
  EXPECT_EQ(printable("\xc0\x80\xed\xa0\x80"), "\\xc0\\x80\\xed\\xa0\\x80"); // too long; half of a pair
}

TEST_F(SupportTest, BadNpyIsNamed) {
  expectError(readNpy(at("none.npy")).status(), "No such file");
  expectError(readNpy(put("x.npy", "hello world, no array")).status(), "magic");
  ASSERT_TRUE(writeNpy(at("t.npy"), HostTensor(DType::F32, {100})).ok());
  fs::resize_file(at("t.npy"), 200);
  expectError(readNpy(at("t.npy")).status(), "truncated");
  expectError(readNpz(put("x.npz", "not a zip")).status(), "x.npz' is not a usable .npz file: ");
}

TEST_F(SupportTest, UncommittedFileLeavesTheOldOne) {
  put("out", "old");
  {
    Result<FileWriter> writer = FileWriter::create(at("out"));
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE(writer->write("new").ok());
  }
  EXPECT_EQ(fs::file_size(at("out")), 3u);
  EXPECT_EQ(filesInFolder(), 1u);
  Result<FileWriter> complete = FileWriter::create(at("complete"));
  ASSERT_TRUE(complete.ok() && complete->commit().ok());
  expectError(complete->write("more"), "complete': an earlier write failed or the file is complete");
  expectError(complete->commit(), "complete': an earlier write failed or the file is complete");
  expectError(FileWriter::create(at("no/such/folder/x")).status(), "No such file");
}

TEST_F(SupportTest, ReplacedFileKeepsItsMode) {
  const std::string path = put("private", "old");
  for (mode_t mode : {0600u, 0444u, 0755u}) {
    fs::permissions(path, fs::perms(mode));
    ASSERT_TRUE(writeFile(path, std::vector<std::byte>(3)).ok());
    EXPECT_EQ(fs::status(path).permissions(), fs::perms(mode));
  }
}

TEST_F(SupportTest, LongestNamesAreWritten) {
  const std::string path = (folder / std::string(255, 'n')).string();
  Status status = writeFile(path, std::vector<std::byte>(3));
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(fs::file_size(path), 3u);
  EXPECT_EQ(filesInFolder(), 1u);
}

// Blocks go to the file at once, what is in front of and behind them later.
TEST_F(SupportTest, WritesOfAnySizeAreInOrder) {
  const size_t block = 2 << 20;
  std::string all;
  Result<FileWriter> writer = FileWriter::create(at("out"));
  ASSERT_TRUE(writer.ok());
  for (size_t size : {size_t(5), block - 6, size_t(1), size_t(0), 2 * block, 3 * block + 7, block, size_t(9)}) {
    std::string part(size, char('a' + all.size() % 23));
    ASSERT_TRUE(writer->write(part).ok());
    all += part;
    EXPECT_EQ(writer->position(), all.size());
  }
  ASSERT_TRUE(writer->writeAt(all.size() - 4, std::as_bytes(std::span("last", 4))).ok());
  all.replace(all.size() - 4, 4, "last");
  ASSERT_TRUE(writer->write("!").ok() && writer->commit().ok());
  std::ifstream file(at("out"), std::ios::binary);
  EXPECT_TRUE(std::string(std::istreambuf_iterator<char>(file), {}) == all + "!");
}

TEST_F(SupportTest, FailedWriteIsReportedAndRemoved) {
  put("out", "old");
  Result<FileWriter> writer = FileWriter::create(at("out"));
  ASSERT_TRUE(writer.ok());
  // A file size limit stands for a full disk.
  std::vector<std::byte> chunk(4 << 20);
  struct sigaction ignore{}, before{};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGXFSZ, &ignore, &before);
  rlimit limit, small{1024, RLIM_INFINITY};
  getrlimit(RLIMIT_FSIZE, &limit);
  small.rlim_max = limit.rlim_max;
  setrlimit(RLIMIT_FSIZE, &small);
  Status first = writer->write(chunk), second = writer->commit();
  setrlimit(RLIMIT_FSIZE, &limit);
  sigaction(SIGXFSZ, &before, nullptr);
  expectError(first, "File too large");
  expectError(second, "earlier write failed");
  EXPECT_EQ(filesInFolder(), 1u);
  EXPECT_EQ(fs::file_size(at("out")), 3u);
}

TEST_F(SupportTest, SafetensorsIndexPointsAtTheBytes) {
  std::string header = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]},"b":{"dtype":"BF16","shape":[2],)"
                       R"("data_offsets":[0,4]},"__metadata__":{"format":"pt"}})";
  Result<TensorIndex> index = readSafetensors(safetensors(header, 12));
  ASSERT_TRUE(index.ok()) << index.message();
  EXPECT_EQ(index->size(), 2u);
  EXPECT_EQ(index->at("a").offset, 8 + header.size() + 4);
  EXPECT_EQ(index->at("b").dtype, DType::BF16);
}

TEST_F(SupportTest, BadSafetensorsAreNamed) {
  auto read = [&](const char *entry, size_t bytes) { return readSafetensors(safetensors(entry, bytes)).status(); };
  expectError(readSafetensors(put("s", "abc")).status(), "shorter");
  expectError(readSafetensors(put("s", std::string(16, '\xff'))).status(), "header length");
  expectError(read("nonsense", 0), "JSON");
  expectError(read(R"({"a":{"dtype":"Q4","shape":[1],"data_offsets":[0,4]}})", 4), "unsupported dtype");
  expectError(read(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 2), "outside");
  expectError(read(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4), "needs 8 bytes");
  expectError(read(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                   R"("b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})",
                   6),
              "overlap");
  expectError(read(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4), "needs dtype, shape");
  put("another.safetensors", "");
  expectError(readSafetensorsFolder(folder.string()).status(), "neither model.safetensors nor");
}

TEST_F(SupportTest, TheOnlySafetensorsOfAFolder) {
  safetensors(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4); // m.safetensors
  Result<TensorIndex> read = readSafetensorsFolder(folder.string());
  ASSERT_TRUE(read.ok()) << read.message();
  EXPECT_EQ(read->count("a"), 1u);
}

TEST_F(SupportTest, ShardThatLacksATensorIsNamed) {
  safetensors(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4);
  put("model.safetensors.index.json", R"({"weight_map":{"a":"m.safetensors"}})");
  EXPECT_TRUE(readSafetensorsFolder(folder.string()).ok());
  put("model.safetensors.index.json", R"({"weight_map":{"b":"m.safetensors"}})");
  expectError(readSafetensorsFolder(folder.string()).status(), "'b'");
  put("model.safetensors.index.json", R"({"weight_map":{"a":"../m.safetensors"}})");
  expectError(readSafetensorsFolder(folder.string()).status(), "file name");
}

TEST_F(SupportTest, ParamStoreReadsFilesAndSeeds) {
  float values[3] = {1, 2, 3};
  std::string path = put("w", std::string("x") + std::string(reinterpret_cast<char *>(values), 12));
  ParamStore store;
  Result<HostTensor> tensor = store.read({DType::F32, {3}, FileSource{path, 1}});
  ASSERT_TRUE(tensor.ok()) << tensor.message();
  EXPECT_EQ(tensor->at<float>(2), 3);
  expectError(store.read({DType::F32, {4}, FileSource{path, 1}}).status(), "too short");
  expectError(store.read({DType::F32, {1}, FileSource{path, UINT64_MAX}}).status(), "too short");
  expectError(store.read({DType::F32, {INT64_MAX, 8}, FileSource{path, 1}}).status(),
              "a parameter's shape must be static and of a size that fits in memory");
  expectError(store.read({DType::F32, {2}, InlineSource{std::vector<std::byte>(3)}}).status(),
              "f32[2] needs 8 bytes, 3 are given");
  expectError(store.read({DType::I32, {2}, SeededSource{7, SeededSource::Distribution::Ones}}).status(),
              "seeded parameters are f32, f64 or bf16, not i32");

  SeededSource normal{7, SeededSource::Distribution::Normal, 1, 2};
  Result<HostTensor> a = store.read({DType::F32, {20000}, normal}), b = store.read({DType::F32, {20000}, normal});
  ASSERT_TRUE(a.ok() && b.ok());
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < 20000; ++i) {
    EXPECT_EQ(a->at<float>(i), b->at<float>(i));
    sum += a->floatAt(i);
    squares += a->floatAt(i) * a->floatAt(i);
  }
  EXPECT_NEAR(sum / 20000, 1, 0.05);
  EXPECT_NEAR(squares / 20000 - 1, 4, 0.3);
}

TEST_F(SupportTest, RandomTensorsStayInTheirRange) {
  for (int type = 0; type <= static_cast<int>(DType::U64); ++type) {
    DType dtype = static_cast<DType>(type);
    HostTensor tensor = randomTensor(dtype, {1000}, 3, 300), again = randomTensor(dtype, {1000}, 3, 300);
    EXPECT_EQ(std::memcmp(tensor.bytes(), again.bytes(), tensor.sizeBytes()), 0);
    double low = INFINITY, high = -INFINITY;
    for (int64_t i = 0; i < 1000; ++i) {
      low = std::min(low, tensor.floatAt(i));
      high = std::max(high, tensor.floatAt(i));
    }
    EXPECT_GE(low, isFloat(dtype) ? -1 : 0) << nameOf(dtype);
    EXPECT_LT(low, isFloat(dtype) ? -0.9 : 10) << nameOf(dtype);
    double limit = dtype == DType::I1 ? 1 : dtype == DType::I8 ? 127 : dtype == DType::U8 ? 255 : 299;
    EXPECT_LE(high, isFloat(dtype) ? 1 : limit) << nameOf(dtype);
    EXPECT_GT(high, isFloat(dtype) ? 0.9 : limit * 0.95) << nameOf(dtype);
  }
}

// Bytes inside are there, zero at first; the next one on either side is not.
TEST(GuardedMemory, EndsAtItsEdges) {
  for (size_t bytes : {size_t(1), size_t(4096), size_t(5000)}) {
    GuardedMemory end(bytes, GuardedMemory::Side::End), start(bytes, GuardedMemory::Side::Start);
    for (GuardedMemory *memory : {&end, &start})
      for (size_t i = 0; i < bytes; ++i)
        EXPECT_EQ(std::exchange(memory->data()[i], std::byte(7)), std::byte(0));
    volatile std::byte *behind = end.data() + bytes, *before = start.data() - 1;
    EXPECT_DEATH((void)*behind, "");
    EXPECT_DEATH((void)*before, "");
    start.protect();
    EXPECT_EQ(start.data()[0], std::byte(7));
    EXPECT_DEATH(start.data()[0] = std::byte(1), "");
  }
  GuardedMemory empty(0);
  EXPECT_DEATH((void)*static_cast<volatile std::byte *>(empty.data()), "");
}

} // namespace
