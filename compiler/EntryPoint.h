// Entry points of a model, and the tensors that a command feeds them.
#ifndef MLC_COMPILER_ENTRYPOINT_H
#define MLC_COMPILER_ENTRYPOINT_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "support/HostTensor.h"

#include <map>
#include <string>
#include <vector>

namespace mlc {

// The functions of the entry point of this name, one for each shape bucket; at least one.
mlir::FailureOr<llvm::SmallVector<mlir::func::FuncOp>> findBuckets(mlir::ModuleOp module, llvm::StringRef name);

// The public name of an argument or result; without one, "input0", "output0", ..., as in a module
std::string argumentName(mlir::func::FuncOp function, unsigned index);
std::string resultName(mlir::func::FuncOp function, unsigned index);

// What --input says.
struct GivenInputs {
  std::map<std::string, HostTensor> tensors;
  std::map<std::string, uint64_t> seeds; // of NAME=random:SEED
};

// Of several buckets the one whose inputs have the shapes of the given tensors, and room for what is not 0 in them: the
// first that fits.
mlir::FailureOr<mlir::func::FuncOp> chooseBucket(llvm::ArrayRef<mlir::func::FuncOp> buckets, const GivenInputs &given);

// The buckets of the entry point that a comparison is about: tensors have the shapes of one; without any, all are.
mlir::FailureOr<llvm::SmallVector<mlir::func::FuncOp>> findBuckets(mlir::ModuleOp module, llvm::StringRef name,
                                                                   const GivenInputs &given);

// Reads NAME=FILE.npy, NAME=random:SEED, and FILE.npz, which names its tensors.
mlir::FailureOr<GivenInputs> readInputs(mlir::MLIRContext &context, llvm::ArrayRef<std::string> texts);

enum class Missing {
  IsError,
  IsRandom // sensible for the function: an integer that becomes an index stays within its table
};
// One tensor for each argument of `function`; a variable that is not given has its initial value. NAME=random:SEED
// gives what `mlc-run --input NAME=random:SEED` gives.
mlir::FailureOr<std::vector<HostTensor>> bindInputs(mlir::func::FuncOp function, GivenInputs given, Missing missing);

} // namespace mlc

#endif // MLC_COMPILER_ENTRYPOINT_H
