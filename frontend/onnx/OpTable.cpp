#include "frontend/Import.h"
#include "frontend/onnx/NodeContext.h"

using namespace mlc;
using namespace mlc::frontend;

const OpTable &frontend::opTable() {
  static const OpTable table = [] {
    OpTable ops;
    addAttentionOps(ops);
    addContribAttentionOps(ops);
    addContribOps(ops);
    addContribQuantizationOps(ops);
    addConvolutionOps(ops);
    addDeformConvOps(ops);
    addEinsumOps(ops);
    addImageOps(ops);
    addIndexOps(ops);
    addLinearAttentionOps(ops);
    addLossOps(ops);
    addMathOps(ops);
    addNeuralNetOps(ops);
    addNormalizationOps(ops);
    addPoolingOps(ops);
    addQuantizationOps(ops);
    addRecurrentOps(ops);
    addReductionOps(ops);
    addResizeOps(ops);
    addSamplingOps(ops);
    addShapeOps(ops);
    addSignalOps(ops);
    addTrigonometryOps(ops);
    return ops;
  }();
  return table;
}

void mlc::listOnnxOps(llvm::raw_ostream &out) {
  std::vector<llvm::StringRef> names;
  for (const auto &entry : opTable())
    names.push_back(entry.getKey());
  llvm::sort(names);
  for (llvm::StringRef name : names) {
    const OpImport &op = opTable().find(name)->second;
    out << name << '\t' << op.sinceOpset << '\t' << op.limits << '\n';
  }
}
