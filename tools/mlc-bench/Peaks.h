// What this machine can do at most, measured on the spot: the yardstick of each kernel.
#ifndef MLC_TOOLS_BENCH_PEAKS_H
#define MLC_TOOLS_BENCH_PEAKS_H

#include <cstdint>
#include <string>

namespace mlc::tools {

// Of all threads together. 0: the CPU has no such instruction that the compiler would use.
struct Peaks {
  uint32_t threads = 1;
  double f32 = 0;      // GFLOP/s of fused multiply-adds in the widest vectors
  double bf16 = 0;     // GFLOP/s of vdpbf16ps
  double int8 = 0;     // GOP/s of vpdpbusd
  double readGBs = 0;  // reading memory that is in no cache
  double movedGBs = 0; // copying such memory, what is read and what is written both counted

  // The arithmetic peak of a kernel that multiplies such elements (Kernel.arithmetic of runtime/program.fbs).
  double ofArithmetic(const std::string &elementType) const;
  double bandwidth() const { return readGBs > movedGBs ? readGBs : movedGBs; }
};

// Takes about a tenth of a second and 128 MiB or more, more than the last-level cache holds.
Peaks measurePeaks(uint32_t threads);

} // namespace mlc::tools

#endif // MLC_TOOLS_BENCH_PEAKS_H
