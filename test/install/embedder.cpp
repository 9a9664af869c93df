// Runs the example module through the C++ wrapper of an installed runtime.
#include <cstdio>
#include <mlc/runtime.hpp>

int main(int argc, char **argv) {
  if (argc != 2)
    return 2;
  try {
    mlc::Module module(argv[1]);
    mlc::Session session(module, 2);
    std::vector<float> x{0, 1, 2, 3, 4, 5, 6, 7};
    std::vector<int64_t> ids{0, 15, 7, 1};
    auto outputs = session.run(module, "main", {{"x", mlc::view(x, {8})}, {"ids", mlc::view(ids, {4})}});
    return outputs.at(0).as<float>()[7] == 14.0f && outputs.at(1).as<float>()[1] == 7.5f ? 0 : 1;
  } catch (const std::exception &error) {
    fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
