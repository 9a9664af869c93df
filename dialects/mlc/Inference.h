// Type inference that several ops share. Functions emit a diagnostic at `location`, when there is one, that names the
// violated constraint, what was expected, and what came.
#ifndef MLC_DIALECTS_MLC_INFERENCE_H
#define MLC_DIALECTS_MLC_INFERENCE_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/ValueRange.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <optional>

namespace mlc {

using Types = llvm::SmallVectorImpl<mlir::Type>;
using MaybeLoc = std::optional<mlir::Location>;

mlir::RankedTensorType tensorType(mlir::Value value);
llvm::ArrayRef<int64_t> shapeOf(mlir::Value value);
mlir::Type elementOf(mlir::Value value);
// "4x8", or "scalar".
std::string formatShape(llvm::ArrayRef<int64_t> shape);

// Always fails; "'mlc.<op>' op <message>" where there is a location.
llvm::LogicalResult inferenceError(MaybeLoc location, llvm::StringRef op, const llvm::Twine &message);

// (Cn) Element types are equal.
llvm::LogicalResult checkSameElementType(MaybeLoc location, llvm::StringRef op, llvm::StringRef label,
                                         mlir::ValueRange operands);
// (Cn) axis is in [0, rank).
llvm::LogicalResult checkAxis(MaybeLoc location, llvm::StringRef op, llvm::StringRef label, int64_t axis, int64_t rank);
// NumPy's broadcast of two shapes; nothing when they do not broadcast.
std::optional<llvm::SmallVector<int64_t>> broadcastShapes(llvm::ArrayRef<int64_t> a, llvm::ArrayRef<int64_t> b);

// Whole inferences.
llvm::LogicalResult inferSameType(MaybeLoc location, llvm::StringRef op, mlir::ValueRange operands, Types &results);
llvm::LogicalResult inferBoolean(MaybeLoc location, llvm::StringRef op, mlir::ValueRange operands, Types &results);
llvm::LogicalResult inferBroadcast(MaybeLoc location, llvm::StringRef op, mlir::ValueRange operands, Types &results);
llvm::LogicalResult inferCompare(MaybeLoc location, llvm::StringRef op, mlir::ValueRange operands, Types &results);
llvm::LogicalResult inferSelect(MaybeLoc location, llvm::StringRef op, mlir::ValueRange operands, Types &results);

// Windows of convolutions and pools: per spatial dimension.
struct WindowAttrs {
  llvm::ArrayRef<int64_t> size, strides, padLow, padHigh, dilations;
};
// Output sizes, or an error under `label` for the attributes and `fitLabel` when a window does not fit.
mlir::FailureOr<llvm::SmallVector<int64_t>> inferWindows(MaybeLoc location, llvm::StringRef op, llvm::StringRef label,
                                                         llvm::StringRef fitLabel, llvm::ArrayRef<int64_t> spatial,
                                                         const WindowAttrs &window);

} // namespace mlc

#endif // MLC_DIALECTS_MLC_INFERENCE_H
