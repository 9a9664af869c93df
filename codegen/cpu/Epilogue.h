// The rest of a contraction's region (bias, activation, residual), evaluated on a micro-kernel's sums, and stored.
#ifndef MLC_CODEGEN_CPU_EPILOGUE_H
#define MLC_CODEGEN_CPU_EPILOGUE_H

#include "codegen/cpu/MicroKernel.h"

namespace mlc::codegen::cpu {

class Epilogue {
public:
  Epilogue(mlir::func::FuncOp kernel, const Contraction &contraction);

  // Long epilogues are a loop over sums in scratch; short ones are unrolled over the registers.
  bool isLong() const { return operations > 10; }
  // Called where a micro-kernel's sums are known. False when an op cannot be evaluated.
  bool emit(BodyEvaluator &evaluator, const Blocking &blocking, const MicroArguments &arguments,
            const MicroShape &shape, llvm::ArrayRef<RowPlace> places, llvm::ArrayRef<mlir::Value> sums) const;

  // One vector of sums, from column n on of the row at `place`; the lanes that the mask has, or all. Of the arguments
  // it reads the bindings and row0.
  bool finishVector(BodyEvaluator &evaluator, const MicroArguments &arguments, const RowPlace &place, mlir::Value n,
                    mlir::Value sum, mlir::Value mask) const;

private:
  const Contraction &c;
  llvm::SmallVector<mlir::Value> names; // the contraction's value under all of its shapes that keep n
  int64_t operations = 0;
};

} // namespace mlc::codegen::cpu

#endif // MLC_CODEGEN_CPU_EPILOGUE_H
