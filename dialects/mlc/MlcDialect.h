// The dialect `mlc`: tensor programs of transformers and CNNs, on static shapes. See MlcDialect.td.
#ifndef MLC_DIALECTS_MLC_MLCDIALECT_H
#define MLC_DIALECTS_MLC_MLCDIALECT_H

#include "dialects/mlc/MlcInterfaces.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/mlc/MlcDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/mlc/MlcAttrs.h.inc"

#define GET_OP_CLASSES
#include "dialects/mlc/MlcContractionOps.h.inc"
#define GET_OP_CLASSES
#include "dialects/mlc/MlcElementwiseOps.h.inc"
#define GET_OP_CLASSES
#include "dialects/mlc/MlcNormalizationOps.h.inc"
#define GET_OP_CLASSES
#include "dialects/mlc/MlcReductionOps.h.inc"
#define GET_OP_CLASSES
#include "dialects/mlc/MlcShapeOps.h.inc"
#define GET_OP_CLASSES
#include "dialects/mlc/MlcStrassenOps.h.inc"
#define GET_OP_CLASSES
#include "dialects/mlc/MlcStructureOps.h.inc"
#define GET_OP_CLASSES
#include "dialects/mlc/MlcVarlenOps.h.inc"

namespace mlc {

// Attributes of entry points and of their arguments and results.
inline constexpr llvm::StringLiteral kEntryAttr = "mlc.entry";       // on a func.func: the entry point's name
inline constexpr llvm::StringLiteral kNameAttr = "mlc.name";         // on an argument or result: its public name
inline constexpr llvm::StringLiteral kVariableAttr = "mlc.variable"; // on an argument or result: the variable's symbol
// On an argument: this bucket is for values with at most so many elements that are not 0.
inline constexpr llvm::StringLiteral kCapacityAttr = "mlc.capacity";
// On an argument or result: for each dimension the symbolic one that a run's may be smaller in, or an empty string.
inline constexpr llvm::StringLiteral kPaddedAttr = "mlc.padded";

} // namespace mlc

#endif // MLC_DIALECTS_MLC_MLCDIALECT_H
