// Makes mlc ops from a frontend's graph: inference errors become values, not aborts; weights stay references.
#ifndef MLC_FRONTEND_GRAPHBUILDER_H
#define MLC_FRONTEND_GRAPHBUILDER_H

#include "dialects/mlc/ConstantTensor.h"
#include "dialects/mlc/MlcDialect.h"
#include "support/HostTensor.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringMap.h"
#include <string>
#include <vector>

namespace mlc::frontend {

struct Port {
  std::string name;
  mlir::RankedTensorType type;
};

class GraphBuilder {
public:
  GraphBuilder(mlir::ModuleOp module)
      : module(module), builder(module.getContext()), location(builder.getUnknownLoc()) {}

  mlir::MLIRContext *context() { return builder.getContext(); }
  mlir::Builder &attrs() { return builder; }
  void setLocation(mlir::Location loc) { location = loc; }
  mlir::Location getLocation() const { return location; }

  // Opens an entry function of the entry point `entry`; returns its arguments.
  llvm::SmallVector<mlir::Value> beginEntry(llvm::StringRef entry, llvm::ArrayRef<Port> inputs);
  // Returns `values` under the given names.
  void endEntry(llvm::ArrayRef<std::pair<std::string, mlir::Value>> results);
  // Removes an entry whose import failed.
  void abandonEntry();

  // Creates an op whose result types are inferred; null, and a diagnostic, where its constraints are violated or an
  // operand is null (then without another diagnostic).
  template <typename OpT>
  mlir::Value make(mlir::ValueRange operands, llvm::ArrayRef<mlir::NamedAttribute> attributes = {}) {
    for (mlir::Value operand : operands)
      if (!operand)
        return {};
    return makeOp(OpT::getOperationName(), operands, attributes);
  }
  mlir::NamedAttribute attr(llvm::StringRef name, mlir::Attribute value) { return builder.getNamedAttr(name, value); }
  mlir::NamedAttribute ints(llvm::StringRef name, llvm::ArrayRef<int64_t> values) {
    return attr(name, builder.getDenseI64ArrayAttr(values));
  }
  mlir::NamedAttribute integer(llvm::StringRef name, int64_t value) {
    return attr(name, builder.getI64IntegerAttr(value));
  }
  mlir::NamedAttribute real(llvm::StringRef name, double value) { return attr(name, builder.getF64FloatAttr(value)); }
  mlir::NamedAttribute unit(llvm::StringRef name) { return attr(name, builder.getUnitAttr()); }

  mlir::Value constant(const HostTensor &tensor);
  // A scalar of a floating-point or integer element type; null, and a diagnostic, where an integer cannot be `value`.
  mlir::Value scalar(mlir::Type elementType, double value);
  mlir::Value reshape(mlir::Value value, llvm::ArrayRef<int64_t> shape);
  mlir::Value transpose(mlir::Value value, llvm::ArrayRef<int64_t> permutation);
  mlir::Value cast(mlir::Value value, mlir::Type elementType);
  mlir::Value slice(mlir::Value value, llvm::ArrayRef<int64_t> offsets, llvm::ArrayRef<int64_t> sizes,
                    llvm::ArrayRef<int64_t> strides);

  // A parameter of the module, declared once per name and source, and its value here.
  mlir::Value param(llvm::StringRef name, mlir::RankedTensorType type, mlir::Attribute source);
  // A parameter whose bytes the frontend has made: it is in memory, in the IR.
  mlir::Value table(llvm::StringRef name, const HostTensor &tensor);

  // What was made so far, for limits.
  int64_t numOps() const { return opCount; }
  uint64_t numTableBytes() const { return tableBytes; }

private:
  mlir::DictionaryAttr named(llvm::StringRef name);
  mlir::Value makeOp(llvm::StringRef name, mlir::ValueRange operands, llvm::ArrayRef<mlir::NamedAttribute> attributes);

  mlir::ModuleOp module;
  mlir::OpBuilder builder;
  mlir::Location location;
  mlir::func::FuncOp entryFunc;
  int entryCount = 0;
  int64_t opCount = 0;
  uint64_t tableBytes = 0;
  llvm::StringMap<mlir::Attribute> params;
  llvm::StringMap<mlir::Value> loaded;
};

// While it lives, ops are of the part `name` of the model.
class NamedPart {
public:
  NamedPart(GraphBuilder &graph, llvm::StringRef name) : graph(graph), outer(graph.getLocation()) {
    graph.setLocation(mlir::NameLoc::get(graph.attrs().getStringAttr(name)));
  }
  ~NamedPart() { graph.setLocation(outer); }
  NamedPart(const NamedPart &) = delete;
  NamedPart &operator=(const NamedPart &) = delete;

private:
  GraphBuilder &graph;
  mlir::Location outer;
};

} // namespace mlc::frontend

#endif // MLC_FRONTEND_GRAPHBUILDER_H
