// The kernel laboratory: one kernel alone, compiled by mlc-opt and measured.
#ifndef MLC_TOOLS_BENCH_LABORATORY_H
#define MLC_TOOLS_BENCH_LABORATORY_H

#include "tools/mlc-bench/KernelText.h"
#include <vector>

namespace CLI {
class App;
}

namespace mlc::tools {

struct LaboratoryOptions {
  KernelSpec spec;
  std::vector<std::string> candidates; // options of mlc-opt, beside its defaults
  uint32_t threads = 1;
  double seconds = 1;
  bool schedules = false; // all that the kernel could be built with
  bool assembly = false, json = false;
};

// The subcommand `kernel` and its options.
CLI::App *addLaboratory(CLI::App &app, LaboratoryOptions &options);
int runLaboratory(const LaboratoryOptions &options);

} // namespace mlc::tools

#endif // MLC_TOOLS_BENCH_LABORATORY_H
