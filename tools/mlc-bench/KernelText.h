// One kernel alone, as IR for mlc-opt.
#ifndef MLC_TOOLS_BENCH_KERNELTEXT_H
#define MLC_TOOLS_BENCH_KERNELTEXT_H

#include <cstdint>
#include <string>

namespace mlc::tools {

// What the user asked for; texts as on the command line.
struct KernelSpec {
  std::string kind;           // matmul, conv, attention
  std::string shape;          // matmul: MxKxN; conv: NxHxWxC; attention: batch x heads x tokens x size
  std::string filter = "3x3"; // conv: HxWxO, or HxW for as many channels as there are
  // int8: u8 by i8, summed in i32, whose f32 multiple goes through the epilogue, and is quantised to u8.
  std::string dtype = "f32";
  std::string epilogue; // of bias, residual, relu, gelu, with commas, in the order of the work
  uint64_t stride = 1;
};

struct KernelText {
  std::string ir;
  uint64_t weightBytes = 0; // of one entry point; 0: the kernel has none
  uint64_t copies = 1;      // entry points main0, main1, ...: the same kernel, each on weights of its own
};

// Copies: as many as hold `coldBytes` of weights, at most `mostCopies`. Throws std::runtime_error with a message for
// the user.
KernelText kernelText(const KernelSpec &spec, uint64_t coldBytes, uint64_t mostCopies);

} // namespace mlc::tools

#endif // MLC_TOOLS_BENCH_KERNELTEXT_H
