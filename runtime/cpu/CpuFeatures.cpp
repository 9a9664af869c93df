// CPUID leaves and bits: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2A, "CPUID"; the names
// are those of Linux (arch/x86/include/asm/cpufeatures.h).
#include "runtime/cpu/CpuFeatures.h"

#include <cpuid.h>
#include <cstdint>
#include <dlfcn.h>

// libc has it, but no header does.
extern "C" int arch_prctl(int code, unsigned long address);

namespace mlc::runtime {
namespace {

enum Register : uint8_t { eax, ebx, ecx, edx };
// State components that the operating system must have enabled in XCR0.
enum State : uint32_t { none = 0, avx = 0x6, avx512 = 0xe6, amx = 0x60000 };

struct Feature {
  const char *name;
  uint32_t leaf, subleaf;
  Register reg;
  uint8_t bit;
  State state;
};

constexpr Feature features[] = {
    {"sse2", 1, 0, edx, 26, none},
    {"pni", 1, 0, ecx, 0, none},
    {"sse3", 1, 0, ecx, 0, none}, // "pni" is what Linux calls it; both are accepted
    {"ssse3", 1, 0, ecx, 9, none},
    {"fma", 1, 0, ecx, 12, avx},
    {"cx16", 1, 0, ecx, 13, none},
    {"sse4_1", 1, 0, ecx, 19, none},
    {"sse4_2", 1, 0, ecx, 20, none},
    {"movbe", 1, 0, ecx, 22, none},
    {"popcnt", 1, 0, ecx, 23, none},
    {"avx", 1, 0, ecx, 28, avx},
    {"f16c", 1, 0, ecx, 29, avx},
    {"lahf_lm", 0x80000001, 0, ecx, 0, none},
    {"abm", 0x80000001, 0, ecx, 5, none}, // lzcnt
    {"bmi1", 7, 0, ebx, 3, none},
    {"avx2", 7, 0, ebx, 5, avx},
    {"bmi2", 7, 0, ebx, 8, none},
    {"avx512f", 7, 0, ebx, 16, avx512},
    {"avx512dq", 7, 0, ebx, 17, avx512},
    {"avx512ifma", 7, 0, ebx, 21, avx512},
    {"avx512cd", 7, 0, ebx, 28, avx512},
    {"avx512bw", 7, 0, ebx, 30, avx512},
    {"avx512vl", 7, 0, ebx, 31, avx512},
    {"avx512vbmi", 7, 0, ecx, 1, avx512},
    {"avx512_vbmi2", 7, 0, ecx, 6, avx512},
    {"gfni", 7, 0, ecx, 8, none},
    {"avx512_vnni", 7, 0, ecx, 11, avx512},
    {"avx512_bitalg", 7, 0, ecx, 12, avx512},
    {"avx512_vpopcntdq", 7, 0, ecx, 14, avx512},
    {"amx_bf16", 7, 0, edx, 22, amx},
    {"avx512_fp16", 7, 0, edx, 23, avx512},
    {"amx_tile", 7, 0, edx, 24, amx},
    {"amx_int8", 7, 0, edx, 25, amx},
    {"avx_vnni", 7, 1, eax, 4, avx},
    {"avx512_bf16", 7, 1, eax, 5, avx512},
};

uint64_t enabledStates() {
  uint32_t a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 27 & 1)) // OSXSAVE
    return 0;
  uint32_t low, high;
  asm("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

bool cpuHas(const Feature &feature) {
  uint32_t registers[4];
  if (!__get_cpuid_count(feature.leaf, feature.subleaf, &registers[eax], &registers[ebx], &registers[ecx],
                         &registers[edx]))
    return false;
  return (registers[feature.reg] >> feature.bit & 1) && (enabledStates() & feature.state) == feature.state;
}

// An emulator that lies in the process (LD_PRELOAD) executes what the CPU does not, and cannot change what CPUID says.
// It says so by this function of its own; no process without one has it.
bool isEmulated(const Feature &feature) {
  using EmulatedFn = bool (*)(const char *);
  static const auto emulated = reinterpret_cast<EmulatedFn>(dlsym(RTLD_DEFAULT, "mlc_emulated_cpu_feature"));
  return emulated && emulated(feature.name);
}

// Linux gives the state of AMX's tiles, 8 KB a thread, to processes that ask for it, and then to all of their threads
// (Documentation/arch/x86/xstate.rst).
bool getTiles() {
  constexpr int requestPermission = 0x1023; // ARCH_REQ_XCOMP_PERM
  constexpr unsigned long tileData = 18;    // XFEATURE_XTILE_DATA
  static const bool isGranted = arch_prctl(requestPermission, tileData) == 0;
  return isGranted;
}

} // namespace

CpuSupport cpuSupport(std::string_view name) {
  for (const Feature &feature : features) {
    if (name != feature.name)
      continue;
    if (!cpuHas(feature) && !isEmulated(feature))
      return CpuSupport::absent;
    return feature.state != amx || getTiles() ? CpuSupport::usable : CpuSupport::refused;
  }
  return CpuSupport::absent;
}

} // namespace mlc::runtime
