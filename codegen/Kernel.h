// The contract between regions, emitters, and the linker.
//
// A *kernel function* is a func.func on static tensors, made by convert-mlc-to-linalg from one fused region:
//
//   func.func @matmul_gelu(%a: tensor<128x768xf32>, %b: tensor<192x768x16xf32>, %bias: tensor<3072xf32>)
//       -> tensor<128x3072xf32> { linalg ops on tensors, arith bodies; return }
//
// It is the only input of every emitter. Its bindings at run time are its arguments, then its results, each a dense
// row-major buffer. An emitter turns it into one LLVM function with the calling convention of mlc/kernel_abi.h.
#ifndef MLC_CODEGEN_KERNEL_H
#define MLC_CODEGEN_KERNEL_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace mlc::codegen {

// What code is generated for. Cost models and emitters read only this, never the machine they run on.
struct TargetDesc {
  std::string name;                           // "x86-64-v3", "x86-64-v4", or what `native` resolved to
  std::string cpu;                            // LLVM's -mcpu
  std::string features;                       // LLVM's -mattr, "+avx2,+fma,..."
  std::vector<std::string> required_features; // /proc/cpuinfo names that a machine must have to run the code
  int64_t vector_bytes = 32;                  // width of the widest vector register to use: 32 (AVX2) or 64 (AVX-512)
  int64_t vector_registers = 16;
  int64_t l1_bytes = 32 << 10;
  int64_t l2_bytes = 1 << 20;
  bool prefetch_next_panel = false; // helps Sapphire Rapids, costs on Zen 4 (measured)
  bool halves_vectors = false;      // does arithmetic on the widest vectors in two halves: narrower ones lose nothing

  // `feature` by its name in /proc/cpuinfo.
  bool has(llvm::StringRef feature) const { return llvm::is_contained(required_features, feature); }
};

// On a kernel function: the name of the schedule that its emitter is to build it with, one of Emitter::schedules.
// Without it the emitter's cost model chooses.
inline constexpr llvm::StringLiteral kScheduleAttr = "mlc.schedule";

// One generated kernel, before machine code.
struct EmittedKernel {
  // Holds one externally visible function `name` of type i32 (ptr args, ptr worker, i64 begin, i64 end), no
  // undefined symbol, no mutable globals. Everything else in it is internal or private.
  std::unique_ptr<llvm::Module> module;
  std::string name;
  std::string emitter;       // "vector" or "halide", for --report
  std::string schedule;      // human-readable summary of the schedule, e.g. "8x48, KC=768"
  int64_t tiles = 1;         // launch range is [0, tiles)
  int64_t scratch_bytes = 0; // per worker
};

// Emitters. Each fails with a diagnostic on the function when the region is not of its kind; `accepts` tells without
// a diagnostic. The LLVM context outlives the result.
class Emitter {
public:
  virtual ~Emitter() = default;
  virtual llvm::StringRef name() const = 0;
  virtual bool accepts(mlir::func::FuncOp kernel, const TargetDesc &target) const = 0;
  virtual mlir::FailureOr<EmittedKernel> emit(mlir::func::FuncOp kernel, const TargetDesc &target,
                                              llvm::LLVMContext &context) const = 0;
  // The names of the schedules that the emitter could build an accepted kernel with; the first is its cost model's
  // choice. One or none: there is no choice. All compute the same bits.
  virtual std::vector<std::string> schedules(mlir::func::FuncOp /*kernel*/, const TargetDesc & /*target*/) const {
    return {};
  }
  // May the result of a kernel lie in the memory of an argument, where element i of the argument is read for element i
  // of the result alone? True for an emitter whose code loads an element before it stores to its place, and nothing
  // after.
  virtual bool allowsInPlace() const { return false; }
};

std::unique_ptr<Emitter> createVectorEmitter(); // codegen/cpu
std::unique_ptr<Emitter> createHalideEmitter(); // codegen/halide

} // namespace mlc::codegen

#endif // MLC_CODEGEN_KERNEL_H
