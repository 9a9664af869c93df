// The scalar body of an elementwise op, evaluated on a vector of lanes in LLVM IR. Only ops that x86 has
// instructions for: functions of the mathematical library are expected to be expanded before.
#ifndef MLC_CODEGEN_CPU_VECTORBODY_H
#define MLC_CODEGEN_CPU_VECTORBODY_H

#include "mlir/IR/Block.h"
#include "llvm/IR/IRBuilder.h"

namespace mlc::codegen {

// Whether emitVectorBody knows every op of the body.
bool isVectorBody(mlir::Block &body);

// The value that the body yields, given the vectors of its arguments; an argument without a vector is unused.
llvm::Value *emitVectorBody(llvm::IRBuilder<> &builder, mlir::Block &body, llvm::ArrayRef<llvm::Value *> arguments,
                            unsigned lanes);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_CPU_VECTORBODY_H
