#include "passes/unpad/MaskProbe.h"

#include "dialects/mlc/ConstantTensor.h"
#include "passes/Rewriting.h"

using namespace mlir;

namespace mlc {

// Exporters hide with -inf, the lowest number, -1e9 or -1e4: exp gives 0 for any of them.
constexpr double kHidden = -1e4;

static HostTensor ofBits(DType type, ArrayRef<int64_t> shape, ArrayRef<bool> bits) {
  HostTensor tensor(type, shape.vec());
  for (size_t i = 0; i < bits.size(); ++i) {
    if (!bits[i])
      continue;
    std::byte *element = tensor.mutableBytes() + i * sizeOf(type);
    switch (type) { // the number 1
    case DType::F64: *reinterpret_cast<double *>(element) = 1; break;
    case DType::F32: *reinterpret_cast<float *>(element) = 1; break;
    case DType::F16: *reinterpret_cast<uint16_t *>(element) = 0x3c00; break;
    case DType::BF16: *reinterpret_cast<uint16_t *>(element) = 0x3f80; break;
    default: *element = std::byte{1}; // little-endian
    }
  }
  return tensor;
}

MaskProbe::MaskProbe(BlockArgument mask)
    : mask(mask), sequences(shapeOfTensor(mask)[0]), length(shapeOfTensor(mask)[1]) {
  // Tokens here and there, and the opposite: what holds for both holds for a token and for padding at every position.
  SmallVector<bool> bits, opposite;
  uint64_t state = 1;
  for (int64_t i = 0; i < sequences * length; ++i) {
    state = state * 6364136223846793005 + 1442695040888963407;
    bits.push_back(state >> 63);
    opposite.push_back(!bits.back());
  }
  DType type = dtypeOf(mask.getType());
  probes[0].mask = ofBits(type, shapeOfTensor(mask), bits);
  probes[1].mask = ofBits(type, shapeOfTensor(mask), opposite);
}

std::optional<HostTensor> MaskProbe::evaluate(Value value, Probe &probe) {
  if (value == mask)
    return probe.mask;
  if (auto known = probe.values.find(value); known != probe.values.end())
    return known->second;
  std::optional<HostTensor> result;
  if (value.getDefiningOp<LoadParamOp>())
    result = parameters.of(value);
  auto op = dyn_cast_or_null<ReferenceOp>(value.getDefiningOp());
  if (op && isPure(op) && op->getNumRegions() == 0 && op->getNumResults() == 1) {
    SmallVector<HostTensor> operands, results;
    for (Value operand : op->getOperands())
      if (std::optional<HostTensor> tensor = evaluate(operand, probe))
        operands.push_back(std::move(*tensor));
    std::string error;
    if (operands.size() == op->getNumOperands() && succeeded(op.evaluate(operands, results, error)))
      result = std::move(results[0]);
  }
  probe.values[value] = result;
  return result;
}

bool MaskProbe::hides(const HostTensor &value, const Probe &probe, bool later) const {
  // Sizes and strides of [B, H, S, S]; a dimension of size 1 stretches.
  int64_t sizes[4] = {1, 1, 1, 1}, strides[4], stride = 1;
  size_t rank = value.shape().size();
  if (rank > 4)
    return false;
  for (size_t i = 0; i < rank; ++i)
    sizes[4 - rank + i] = value.shape()[i];
  for (int i = 4; i-- > 0; stride *= sizes[i])
    strides[i] = sizes[i] == 1 ? 0 : stride;
  for (int64_t b = 0; b < sequences; ++b)
    for (int64_t h = 0; h < sizes[1]; ++h)
      for (int64_t q = 0; q < (later ? length : sizes[2]); ++q) {
        if (sizes[2] > 1 && !isToken(probe, b * length + q))
          continue; // what padding attends to is nobody's
        for (int64_t k = 0; k < length; ++k) {
          double element = value.floatAt(b * strides[0] + h * strides[1] + q * strides[2] + k * strides[3]);
          bool visible = isToken(probe, b * length + k) && (!later || k <= q);
          if (visible ? element != 0 : !(element <= kHidden))
            return false;
        }
      }
  return true;
}

MaskProbe::Hiding MaskProbe::hides(Value value) {
  for (bool later : {false, true}) {
    bool all = true;
    for (Probe &probe : probes) {
      std::optional<HostTensor> tensor = evaluate(value, probe);
      all = all && tensor && hides(*tensor, probe, later);
    }
    if (all)
      return later ? Hiding::PaddingAndLater : Hiding::Padding;
  }
  return Hiding::None;
}

std::optional<double> MaskProbe::constantAtPadding(Value value, int64_t tokenDims) {
  std::optional<double> constant;
  for (Probe &probe : probes) {
    std::optional<HostTensor> tensor = evaluate(value, probe);
    if (!tensor)
      return std::nullopt;
    int64_t each = 1;
    for (int64_t size : ArrayRef(tensor->shape()).drop_front(tokenDims))
      each *= size;
    for (int64_t i = 0; i < tensor->numElements(); ++i) {
      if (isToken(probe, i / each))
        continue;
      double element = tensor->floatAt(i);
      if (constant && *constant != element)
        return std::nullopt;
      constant = element;
    }
  }
  return constant;
}

} // namespace mlc
