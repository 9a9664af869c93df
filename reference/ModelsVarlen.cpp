// Packed sequences.
#include "reference/ModelSupport.h"

#include <cstring>

using namespace mlir;

namespace mlc::reference {
namespace {

bool isToken(const HostTensor &mask, int64_t position) {
  return isFloat(mask.dtype()) ? mask.floatAt(position) != 0 : mask.intAt(position) != 0;
}

// What is wrong with offsets of rows into `rows`; empty: nothing.
std::string checkOffsets(const HostTensor &offsets, int64_t rows, int64_t longest = INT64_MAX) {
  int64_t before = 0;
  for (int64_t i = 0; i < offsets.numElements(); ++i) {
    int64_t offset = offsets.intAt(i);
    if (offset < before || offset > rows || offset - before > longest || (i == 0 && offset != 0))
      return "cu_seqlens[" + std::to_string(i) + "] is " + std::to_string(offset) + " behind " +
             std::to_string(before) + ", of " + std::to_string(rows) + " rows" +
             (longest == INT64_MAX ? "" : " and sequences of at most " + std::to_string(longest));
    before = offset;
  }
  return {};
}

Result<HostTensor> evaluateCuSeqlens(CuSeqlensOp op, Operands operands) {
  const HostTensor &mask = operands[0];
  int64_t sequences = mask.shape()[0], length = mask.shape()[1], total = 0;
  std::vector<int32_t> offsets{0};
  for (int64_t b = 0; b < sequences; ++b) {
    for (int64_t s = 0; s < length; ++s)
      total += isToken(mask, b * length + s);
    offsets.push_back(static_cast<int32_t>(total));
  }
  if (total > static_cast<int64_t>(op.getCapacity()))
    return Status::error("the mask has " + std::to_string(total) + " tokens, the capacity is " +
                         std::to_string(op.getCapacity()));
  return HostTensor::from(DType::I32, {sequences + 1}, offsets);
}

// Calls visit(b, s, row) for each token that has a row.
void forEachToken(const HostTensor &mask, const HostTensor &offsets,
                  llvm::function_ref<void(int64_t, int64_t, int64_t)> visit) {
  int64_t length = mask.shape()[1];
  for (int64_t b = 0; b < mask.shape()[0]; ++b) {
    int64_t row = offsets.intAt(b), end = offsets.intAt(b + 1);
    for (int64_t s = 0; s < length && row < end; ++s)
      if (isToken(mask, b * length + s))
        visit(b, s, row++);
  }
}

Result<HostTensor> evaluateUnpad(UnpadOp op, Operands operands) {
  const HostTensor &x = operands[0];
  HostTensor result(x.dtype(), shapeOf(op.getType()));
  if (std::string error = checkOffsets(operands[2], result.shape()[0]); !error.empty())
    return Status::error(error);
  size_t bytes = static_cast<size_t>(lineStride(x.shape(), 1)) * sizeOf(x.dtype());
  int64_t perBatch = x.shape()[0] == 1 ? 0 : x.shape()[1], perPosition = x.shape()[1] == 1 ? 0 : 1;
  forEachToken(operands[1], operands[2], [&](int64_t b, int64_t s, int64_t row) {
    std::memcpy(result.mutableBytes() + static_cast<size_t>(row) * bytes,
                x.bytes() + static_cast<size_t>(b * perBatch + s * perPosition) * bytes, bytes);
  });
  return result;
}

Result<HostTensor> evaluateRepad(RepadOp op, Operands operands) {
  const HostTensor &x = operands[0], &mask = operands[1];
  if (std::string error = checkOffsets(operands[2], x.shape()[0]); !error.empty())
    return Status::error(error);
  HostTensor result(x.dtype(), shapeOf(op.getType()));
  size_t bytes = static_cast<size_t>(lineStride(x.shape(), 0)) * sizeOf(x.dtype());
  forEachToken(mask, operands[2], [&](int64_t b, int64_t s, int64_t row) {
    std::memcpy(result.mutableBytes() + static_cast<size_t>(b * mask.shape()[1] + s) * bytes,
                x.bytes() + static_cast<size_t>(row) * bytes, bytes);
  });
  return result;
}

// One query of one head against the keys [begin, end) of its sequence.
void attend(const double *query, int64_t size, const Values &key, const Values &value, int64_t keyHead, int64_t begin,
            int64_t end, double scale, bool zeroNanRows, double *result) {
  int64_t keyHeads = key.shape[1], valueSize = value.shape[2];
  std::vector<double> weights;
  double highest = -INFINITY, sum = 0;
  for (int64_t k = begin; k < end; ++k) {
    double score = 0;
    for (int64_t d = 0; d < size; ++d)
      score += query[d] * key.reals[static_cast<size_t>((k * keyHeads + keyHead) * size + d)];
    weights.push_back(score * scale);
    highest = maximum(highest, weights.back());
  }
  for (double &weight : weights)
    sum += weight = std::exp(weight - highest);
  if (zeroNanRows && std::isnan(sum))
    sum = 1, std::fill(weights.begin(), weights.end(), 0);
  for (int64_t k = begin; k < end; ++k)
    for (int64_t d = 0; d < valueSize; ++d)
      result[d] += weights[static_cast<size_t>(k - begin)] / sum *
                   value.reals[static_cast<size_t>((k * keyHeads + keyHead) * valueSize + d)];
}

Result<HostTensor> evaluateVarlenAttention(VarlenAttentionOp op, Operands operands) {
  const HostTensor &offsets = operands[3];
  int64_t rows = operands[0].shape()[0];
  if (std::string error = checkOffsets(offsets, rows, static_cast<int64_t>(op.getMaxSeqlen())); !error.empty())
    return Status::error(error);
  Values query = unpack(operands[0]), key = unpack(operands[1]), value = unpack(operands[2]);
  Values result = emptyResult(op, operands);
  int64_t heads = query.shape[1], size = query.shape[2], shared = heads / key.shape[1], valueSize = value.shape[2];
  double scale = op.getScale().convertToDouble();
  for (int64_t n = 0; n + 1 < offsets.numElements(); ++n)
    for (int64_t row = offsets.intAt(n); row < offsets.intAt(n + 1); ++row)
      for (int64_t h = 0; h < heads; ++h)
        attend(query.reals.data() + (row * heads + h) * size, size, key, value, h / shared, offsets.intAt(n),
               op.getCausal() ? row + 1 : offsets.intAt(n + 1), scale, op.getZeroNanRows(),
               result.reals.data() + (row * heads + h) * valueSize);
  return pack(result);
}

} // namespace

void attachVarlenModels(MLIRContext &c) {
  attach<CuSeqlensOp, evaluateCuSeqlens>(c);
  attach<UnpadOp, evaluateUnpad>(c);
  attach<RepadOp, evaluateRepad>(c);
  attach<VarlenAttentionOp, evaluateVarlenAttention>(c);
}

} // namespace mlc::reference
