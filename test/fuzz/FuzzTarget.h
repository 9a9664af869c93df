// What the targets of libFuzzer share (`make fuzz`). In other builds Replay.cpp runs them over the inputs in
// test/fuzz/found and over the seeds.
#ifndef MLC_TEST_FUZZ_FUZZTARGET_H
#define MLC_TEST_FUZZ_FUZZTARGET_H

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <unistd.h>

extern "C" {
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned seed);
// libFuzzer's own mutations; none where there is no libFuzzer.
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);
}

namespace mlc::test {

// Writes an input of each kind that the target knows into `folder`: what fuzzing starts from.
void writeSeeds(const std::filesystem::path &folder);

inline void writeBytes(const std::filesystem::path &path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// A folder of this process, in memory where the system has such a place.
inline const std::filesystem::path &scratchFolder() {
  namespace fs = std::filesystem;
  static const struct Folder {
    Folder() {
      const fs::path memory = "/dev/shm";
      path = (access(memory.c_str(), W_OK) == 0 ? memory : fs::temp_directory_path()) /
             ("mlc-fuzz-" + std::to_string(getpid()));
      fs::create_directories(path);
    }
    ~Folder() {
      std::error_code ignored;
      fs::remove_all(path, ignored);
    }
    fs::path path;
  } folder;
  return folder.path;
}

// A part of an input, changed by libFuzzer's mutations; it grows by at most `room` bytes.
inline std::string mutateBytes(std::string part, size_t room) {
  const size_t size = part.size(), most = size + room;
  part.resize(most);
  part.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t *>(part.data()), size, most));
  return part;
}

// The mutator's result: into libFuzzer's buffer, or nothing changed where it is too long for that.
inline size_t giveBack(const std::string &changed, uint8_t *data, size_t size, size_t maxSize) {
  if (changed.size() > maxSize)
    return size;
  changed.copy(reinterpret_cast<char *>(data), changed.size());
  return changed.size();
}

} // namespace mlc::test

#endif // MLC_TEST_FUZZ_FUZZTARGET_H
