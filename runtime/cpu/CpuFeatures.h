// What the machine's CPU can do, by the names of /proc/cpuinfo.
#ifndef MLC_RUNTIME_CPU_CPUFEATURES_H
#define MLC_RUNTIME_CPU_CPUFEATURES_H

#include <string_view>

namespace mlc::runtime {

enum class CpuSupport {
  usable,
  absent,  // the CPU lacks it, the operating system does not save its registers, or this runtime does not know it
  refused, // CPU and operating system have it, but this process does not get it
};

// The first question for a feature of AMX asks the kernel for the tiles; if it grants them, the process keeps them.
CpuSupport cpuSupport(std::string_view name);

inline bool cpuHasFeature(std::string_view name) { return cpuSupport(name) == CpuSupport::usable; }

} // namespace mlc::runtime

#endif // MLC_RUNTIME_CPU_CPUFEATURES_H
