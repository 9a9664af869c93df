// Softmax and normalisations.
#include "reference/ModelSupport.h"

#include <cmath>

using namespace mlir;

namespace mlc::reference {
namespace {

template <bool logarithm, typename Op> HostTensor evaluateSoftmax(Op op, Operands operands) {
  Values x = unpack(operands[0]), result = emptyResult(op, operands);
  int64_t axis = static_cast<int64_t>(op.getAxis()), size = x.shape[static_cast<size_t>(axis)];
  int64_t stride = lineStride(x.shape, axis);
  forEachLine(x.shape, axis, [&](int64_t base) {
    const double *in = x.reals.data() + base;
    double highest = -INFINITY, sum = 0;
    for (int64_t i = 0; i < size; ++i)
      highest = maximum(highest, in[i * stride]);
    for (int64_t i = 0; i < size; ++i)
      sum += std::exp(in[i * stride] - highest);
    for (int64_t i = 0; i < size; ++i) {
      double shifted = in[i * stride] - highest;
      result.reals[static_cast<size_t>(base + i * stride)] =
          logarithm ? shifted - std::log(sum) : std::exp(shifted) / sum;
    }
  });
  return pack(result);
}

HostTensor evaluateLayerNorm(LayerNormOp op, Operands operands) {
  Values x = unpack(operands[0]), result = emptyResult(op, operands), scale, bias;
  size_t next = 1;
  if (op.getScale())
    scale = unpack(operands[next++]);
  if (op.getBias())
    bias = unpack(operands[next++]);
  size_t size = static_cast<size_t>(product(std::span(x.shape).subspan(static_cast<size_t>(op.getAxis()))));
  double epsilon = op.getEpsilon().convertToDouble();
  for (size_t row = 0; row < x.reals.size(); row += size) {
    double mean = 0, variance = 0;
    for (size_t i = 0; i < size; ++i)
      mean += x.reals[row + i] / static_cast<double>(size);
    for (size_t i = 0; i < size; ++i)
      variance += (x.reals[row + i] - mean) * (x.reals[row + i] - mean) / static_cast<double>(size);
    for (size_t i = 0; i < size; ++i)
      result.reals[row + i] =
          (x.reals[row + i] - mean) / std::sqrt(variance + epsilon) * (op.getScale() ? scale.reals[i] : 1) +
          (op.getBias() ? bias.reals[i] : 0);
  }
  return pack(result);
}

HostTensor evaluateBatchNorm(BatchNormOp op, Operands operands) {
  Values x = unpack(operands[0]), scale = unpack(operands[1]), bias = unpack(operands[2]), mean = unpack(operands[3]),
         variance = unpack(operands[4]), result = emptyResult(op, operands);
  int64_t axis = static_cast<int64_t>(op.getAxis()), inner = lineStride(x.shape, axis);
  double epsilon = op.getEpsilon().convertToDouble();
  for (int64_t i = 0; i < x.size(); ++i) {
    size_t at = static_cast<size_t>(i), channel = static_cast<size_t>(i / inner % x.shape[static_cast<size_t>(axis)]);
    result.reals[at] =
        (x.reals[at] - mean.reals[channel]) / std::sqrt(variance.reals[channel] + epsilon) * scale.reals[channel] +
        bias.reals[channel];
  }
  return pack(result);
}

} // namespace

void attachNormalizationModels(MLIRContext &c) {
  attach<SoftmaxOp, evaluateSoftmax<false, SoftmaxOp>>(c);
  attach<LogSoftmaxOp, evaluateSoftmax<true, LogSoftmaxOp>>(c);
  attach<LayerNormOp, evaluateLayerNorm>(c);
  attach<BatchNormOp, evaluateBatchNorm>(c);
}

} // namespace mlc::reference
