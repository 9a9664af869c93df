// What the machine's CPU can do, by the names of /proc/cpuinfo.
#ifndef MLC_RUNTIME_CPU_CPUFEATURES_H
#define MLC_RUNTIME_CPU_CPUFEATURES_H

#include <string_view>

namespace mlc::runtime {

// Whether CPU and operating system support the feature. False for a name that this runtime does not know.
bool cpuHasFeature(std::string_view name);

} // namespace mlc::runtime

#endif // MLC_RUNTIME_CPU_CPUFEATURES_H
