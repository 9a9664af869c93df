// Strassen's algorithm as it is written, on the f64 matrix product of Gemm.h.
#include "dialects/mlc/Strassen.h"
#include "reference/Gemm.h"
#include "reference/ModelSupport.h"

namespace mlc::reference {
namespace {

HostTensor evaluateSums(StrassenSumsOp op, Operands operands) {
  Values x = unpack(operands[0]), result = emptyResult(op, operands);
  int64_t columns = x.shape.back(), rows = product(std::span(x.shape).first(x.shape.size() - 1));
  int64_t halfRows = result.shape[1], halfColumns = result.shape[2];
  auto element = [&](int quadrant, int64_t i, int64_t j) {
    i += quadrant / 2 * halfRows;
    j += quadrant % 2 * halfColumns;
    return i < rows && j < columns ? x.reals[static_cast<size_t>(i * columns + j)] : 0.0;
  };
  size_t at = 0;
  for (const strassen::Sum &sum : op.getOfRhs() ? strassen::kRhsSums : strassen::kLhsSums)
    for (int64_t i = 0; i < halfRows; ++i)
      for (int64_t j = 0; j < halfColumns; ++j, ++at) {
        double first = element(sum.first, i, j), second = sum.second < 0 ? 0 : element(sum.second, i, j);
        result.reals[at] = sum.second < 0 ? first : sum.isDifference ? first - second : first + second;
      }
  return pack(result);
}

HostTensor evaluateMatmul(StrassenMatmulOp op, Operands operands) {
  Values result = emptyResult(op, operands), a = unpack(operands[0]);
  int64_t columns = result.shape.back(), rows = product(std::span(result.shape).first(result.shape.size() - 1));
  int64_t m = a.shape[1], k = a.shape[2], n = (columns + 1) / 2;
  Values b = unpack(unpackPanels(operands[1], n)); // [7, K, N / 2]
  std::vector<double> partial(static_cast<size_t>(m * n));
  for (int64_t t = 0; t < strassen::kProducts; ++t) {
    gemm(m, n, k, {a.reals.data() + t * m * k, k, 1}, {b.reals.data() + t * k * n, n, 1}, partial.data(), n);
    for (const strassen::Target &target : strassen::kTargets[t]) {
      if (target.update == strassen::Update::None)
        continue;
      double sign = target.update == strassen::Update::Subtract ? -1 : 1;
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) {
          int64_t row = i + target.quadrant / 2 * m, column = j + target.quadrant % 2 * n;
          if (row < rows && column < columns) // the result is zeros at first
            result.reals[static_cast<size_t>(row * columns + column)] += sign * partial[static_cast<size_t>(i * n + j)];
        }
    }
  }
  return pack(result);
}

} // namespace

void attachStrassenModels(mlir::MLIRContext &c) {
  attach<StrassenSumsOp, evaluateSums>(c);
  attach<StrassenMatmulOp, evaluateMatmul>(c);
}

} // namespace mlc::reference
