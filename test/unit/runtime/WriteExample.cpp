// mlc_write_example PATH: writes the example module.
#include "test/unit/runtime/TestModules.h"

#include <cstdio>
#include <filesystem>

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: mlc_write_example PATH\n");
    return 2;
  }
  std::string path = mlc::test::writeExample(mlc::test::exampleProgram(), "example.mlc");
  std::filesystem::copy_file(path, argv[1], std::filesystem::copy_options::overwrite_existing);
  return 0;
}
