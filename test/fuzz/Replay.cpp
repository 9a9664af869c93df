// A fuzz target without libFuzzer: over its seeds, and over the files of folders, which are what fuzzing found.
//   replay FOLDER...             runs
//   replay --write-seeds FOLDER  writes the seeds, for libFuzzer to start from
#include "test/fuzz/FuzzTarget.h"
#include "test/fuzz/Mutator.h"

#include <algorithm>
#include <cstdio>
#include <vector>

using namespace mlc::test;
namespace fs = std::filesystem;

static void runFolder(const fs::path &folder) {
  if (!fs::exists(folder)) // nothing was found so far
    return;
  std::vector<fs::path> files;
  for (const fs::directory_entry &file : fs::directory_iterator(folder))
    files.push_back(file.path());
  std::sort(files.begin(), files.end());
  for (const fs::path &file : files) {
    printf("%s\n", file.c_str()); // the last one is the one that ends the process
    fflush(stdout);
    std::ifstream stream(file, std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(stream), {});
    alarm(60);
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
  }
}

int main(int argc, char **argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 2 && arguments[0] == "--write-seeds") {
    fs::create_directories(arguments[1]);
    writeSeeds(arguments[1]);
    return 0;
  }
  limitProcess();
  const fs::path seeds = scratchFolder() / "seeds";
  fs::create_directories(seeds);
  writeSeeds(seeds);
  runFolder(seeds);
  for (const std::string &folder : arguments)
    runFolder(folder);
}
