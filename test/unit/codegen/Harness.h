// Compile-and-run harness of the tests of code generation: a kernel function written as text goes through lowering and
// an emitter to code that runs between guard pages, and is compared with the reference interpreter.
#pragma once

#include "codegen/Kernel.h"
#include "codegen/target/Target.h"
#include "mlc/kernel_abi.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "support/GuardedMemory.h"
#include "support/HostTensor.h"

#include <gtest/gtest.h>

namespace mlc::codegen::test {

using Floats = std::vector<float>;

using Side = GuardedMemory::Side;

// The x86-64 levels, and further targets, that this machine runs, and their descriptions.
std::vector<std::string> runnableTargets(const std::vector<std::string> &more = {});
TargetDesc targetOf(const std::string &name);

// The function @k of a module in text, of mlc ops or of linalg. Failures to parse or lower are test failures, and leave
// `function` null.
class Kernel {
public:
  enum class Stage { Graph, Linalg, ExpandedMath }; // how far it is lowered; emitters take the last
  // What math expands to may depend on the target, where one is given.
  explicit Kernel(const std::string &text, Stage stage = Stage::ExpandedMath, const TargetDesc *target = nullptr);
  mlir::func::FuncOp function;

private:
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

// A kernel as machine code in this process.
class LoadedKernel {
public:
  // Emission, compilation and linking must succeed: what fails is a test failure.
  LoadedKernel(const Emitter &emitter, mlir::func::FuncOp kernel, const TargetDesc &target);
  ~LoadedKernel();
  LoadedKernel(const LoadedKernel &) = delete;
  LoadedKernel &operator=(const LoadedKernel &) = delete;

  bool loaded() const { return function; }
  // Runs tiles [begin, end), with scratch at that side of its memory; returns the kernel's code.
  int32_t launch(llvm::ArrayRef<void *> bindings, int64_t begin, int64_t end, Side side = Side::End);
  // Runs it all, then tile by tile from the last, into fresh memory, with every buffer at the end of its memory and
  // again at the start: a kernel that leaves a buffer by a byte ends the test. The bits must agree. Returns the
  // results.
  std::vector<HostTensor> run(llvm::ArrayRef<HostTensor> inputs);

  int64_t tiles() const { return numTiles; }
  const std::string &schedule() const { return summary; }
  const std::vector<char> &object() const { return bytes; } // relocatable ELF
  double emissionMs() const { return emissionTime; }

private:
  std::vector<HostTensor> runAt(Side side, llvm::ArrayRef<HostTensor> inputs);

  std::vector<mlir::Type> resultTypes;
  int64_t numTiles = 0;
  std::string summary;
  std::vector<char> bytes;
  double emissionTime = 0;
  std::optional<GuardedMemory> scratch[2]; // by Side
  uint64_t scratchBytes = 0;
  void *library = nullptr;
  mlc_kernel_fn function = nullptr;
};

// Inputs of the function's types: from plain floats, or random (f32 in [-1, 1), integers in [0, bound)); with `special`
// every floating-point tensor holds NaN, infinities, -0 and subnormals here and there.
std::vector<HostTensor> inputsOf(mlir::func::FuncOp function, const std::vector<Floats> &values);
std::vector<HostTensor> randomInputs(mlir::func::FuncOp function, uint64_t seed, bool special = false,
                                     int64_t bound = 2, bool subnormals = true);
Floats floatsOf(const HostTensor &tensor);
Floats noise(size_t size, uint64_t seed); // in [-1, 1)

// |got - want| <= tolerance * (1 + |want|) for every element; NaN and infinity must be equal. Integers must be equal.
void expectClose(const HostTensor &got, const HostTensor &want, double tolerance);
void expectClose(const Floats &got, const Floats &want, double tolerance);

// Results of @k of `text` by the reference interpreter, in declared types or in f64.
std::vector<HostTensor> interpret(const std::string &text, std::vector<HostTensor> inputs, bool inF64 = false);

// Compiles @k of `text`, mlc ops, for every target that runs here and compares it with the interpreter: in f64 on
// random inputs, and in declared types on such with special values (unless `finite`).
struct CheckOptions {
  double tolerance = 2e-6;
  bool finite = false;
  int64_t bound = 2; // of integer inputs
  std::vector<std::string> moreTargets = {};
  bool subnormals = true; // are among the special values
};
void checkAgainstReference(const Emitter &emitter, const std::string &text, const CheckOptions &options = {});

} // namespace mlc::codegen::test
