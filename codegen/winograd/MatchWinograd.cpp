// The kernel taken apart.
#include "codegen/cpu/DotProduct.h"
#include "codegen/cpu/VectorEmitter.h"
#include "codegen/winograd/Kernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace mlc::codegen {

// Everything but the convolution is computed element by element where a result is known.
static bool isEpilogue(Operation &op) {
  if (auto generic = dyn_cast<linalg::GenericOp>(op))
    return generic.getNumReductionLoops() == 0 && cpu::bodyIsSupported(generic);
  return isa<WinogradConvOp, linalg::FillOp, tensor::EmptyOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp,
             tensor::ExtractSliceOp, tensor::PadOp, arith::ConstantOp, func::ReturnOp>(op);
}

std::optional<WinogradKernel> matchWinograd(func::FuncOp function, const TargetDesc &target) {
  if (!function.getBody().hasOneBlock() || function.getNumResults() != 1)
    return std::nullopt;
  Block &body = function.getBody().front();
  auto convolutions = body.getOps<WinogradConvOp>();
  if (!llvm::hasSingleElement(convolutions) || !llvm::all_of(body, isEpilogue))
    return std::nullopt;
  WinogradConvOp op = *convolutions.begin();
  auto input = dyn_cast<BlockArgument>(op.getInput()), filter = dyn_cast<BlockArgument>(op.getFilter());
  auto result = op.getType();
  if (!input || !filter || !result.getElementType().isF32() || result.getNumElements() == 0)
    return std::nullopt;
  auto imageType = cast<RankedTensorType>(input.getType());
  ArrayRef<int64_t> image = imageType.getShape(), to = result.getShape();
  PanelShape panels = op.panels();
  if (image[3] == 0 || panels.lanes % (target.vector_bytes / 4) != 0 ||
      panels.interleave != (imageType.getElementType().isBF16() ? 2 : 1))
    return std::nullopt;
  WinogradKernel k(op);
  k.images = image[0];
  k.height = image[1];
  k.width = image[2];
  k.channels = image[3];
  k.interleave = panels.interleave;
  k.top = op.getPadLow()[0];
  k.left = op.getPadLow()[1];
  k.rows = to[1];
  k.columns = to[2];
  k.outputs = to[3];
  k.panels = panels.count;
  k.panelWidth = panels.lanes;
  k.input = input.getArgNumber();
  k.filter = filter.getArgNumber();
  k.sums.interleave = k.interleave;
  k.sums.lhs.type = imageType;
  k.sums.rhs.type = cast<RankedTensorType>(filter.getType());
  if (k.interleave == 2 && cpu::multipliesPairsOfBF16(target))
    k.sums.dot = cpu::Dot::BF16;
  k.sums.result = op.getResult();
  k.sums.value = body.getTerminator()->getOperand(0);
  k.sums.n = k.outputs;
  k.sums.rows = k.images * k.rows * k.columns;
  k.sums.bare = k.sums.value == k.sums.result;
  auto value = cast<RankedTensorType>(k.sums.value.getType());
  if (value.getNumElements() != result.getNumElements() || value.getRank() == 0 ||
      value.getShape().back() % k.outputs != 0)
    return std::nullopt;
  return k;
}

} // namespace mlc::codegen
