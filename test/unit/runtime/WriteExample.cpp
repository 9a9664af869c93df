// mlc_write_example PATH [FEATURE]: writes the example module, for machines with the CPU feature.
#include "test/unit/runtime/TestModules.h"

#include <cstdio>
#include <filesystem>

int main(int argc, char **argv) {
  if (argc != 2 && argc != 3) {
    fprintf(stderr, "usage: mlc_write_example PATH [FEATURE]\n");
    return 2;
  }
  mlc::codegen::ProgramDesc program = mlc::test::exampleProgram();
  if (argc == 3)
    program.targets[0].requiredFeatures.push_back(argv[2]);
  std::string path = mlc::test::writeExample(program, "example.mlc");
  std::filesystem::copy_file(path, argv[1], std::filesystem::copy_options::overwrite_existing);
  return 0;
}
