// Contractions, on the f64 matrix product of Gemm.h.
#include "reference/Gemm.h"
#include "reference/ModelSupport.h"

#include "dialects/mlc/Winograd.h"

#include <cmath>

using namespace mlir;

namespace mlc::reference {
namespace {

// Integers wrap; small enough in practice for the plain loop.
void integerProduct(int64_t m, int64_t n, int64_t k, const int64_t *a, int64_t aRow, int64_t aColumn, const int64_t *b,
                    int64_t bRow, int64_t bColumn, int64_t *c) {
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      int64_t sum = 0;
      for (int64_t p = 0; p < k; ++p)
        sum = add(sum, multiply(a[i * aRow + p * aColumn], b[p * bRow + j * bColumn]));
      c[i * n + j] = sum;
    }
}

HostTensor evaluateMatmul(MatmulOp op, Operands operands) {
  Values a = unpack(operands[0]), b = unpack(operands[1]), result = emptyResult(op, operands);
  size_t rank = result.shape.size();
  int64_t m = result.shape[rank - 2], n = result.shape[rank - 1];
  int64_t k = op.getTransposeLhs() ? a.shape.end()[-2] : a.shape.back();
  int64_t aRow = op.getTransposeLhs() ? 1 : k, aColumn = op.getTransposeLhs() ? m : 1;
  int64_t bRow = op.getTransposeRhs() ? 1 : n, bColumn = op.getTransposeRhs() ? k : 1;
  std::span batch(result.shape.data(), rank - 2);
  // Offset of an operand's matrix for a result's matrix: its batch dimensions broadcast.
  auto offset = [&](const Values &x, int64_t index, int64_t matrix) {
    int64_t at = 0, scale = matrix;
    for (size_t d = batch.size(), o = x.shape.size() - 2; d-- > 0 && o-- > 0;) {
      if (x.shape[o] != 1)
        at += index % batch[d] * scale;
      index /= batch[d];
      scale *= x.shape[o];
    }
    return at;
  };
  for (int64_t i = 0; i < product(batch); ++i) {
    int64_t atA = offset(a, i, m * k), atB = offset(b, i, k * n);
    if (isFloat(result.dtype))
      gemm(m, n, k, {a.reals.data() + atA, aRow, aColumn}, {b.reals.data() + atB, bRow, bColumn},
           result.reals.data() + i * m * n, n);
    else
      integerProduct(m, n, k, a.ints.data() + atA, aRow, aColumn, b.ints.data() + atB, bRow, bColumn,
                     result.ints.data() + i * m * n);
  }
  return pack(result);
}

// The panels of an op, without interleaving.
HostTensor plainPanels(const PanelShape &panels, const HostTensor &packed) {
  return panels.interleave == 1 ? packed : separateRows(packed, panels.depth);
}

HostTensor evaluatePackedMatmul(PackedMatmulOp op, Operands operands) {
  Values a = unpack(operands[0]);
  Values b = unpack(unpackPanels(plainPanels(op.panels(), operands[1]), static_cast<int64_t>(op.getN())));
  Values result = emptyResult(op, operands);
  int64_t n = b.shape[1], k = b.shape[0];
  int64_t m = product(std::span(result.shape).first(result.shape.size() - 1));
  if (isFloat(result.dtype))
    gemm(m, n, k, {a.reals.data(), k, 1}, {b.reals.data(), n, 1}, result.reals.data(), n);
  else
    integerProduct(m, n, k, a.ints.data(), k, 1, b.ints.data(), n, 1, result.ints.data());
  return pack(result);
}

struct ConvAttributes {
  ArrayRef<int64_t> strides, padLow, dilations;
  int64_t groups;
};

// input [N, C, spatial...], filter [O, C/groups, window...], result [N, O, spatial...].
void convChannelsFirst(const Values &input, const Values &filter, const ConvAttributes &attributes, Values &result) {
  ConvWindow conv{std::span(input.shape).subspan(2),
                  std::span(filter.shape).subspan(2),
                  std::span(result.shape).subspan(2),
                  attributes.strides,
                  attributes.padLow,
                  attributes.dilations};
  int64_t groups = attributes.groups, channels = filter.shape[1], outChannels = filter.shape[0] / groups;
  int64_t inputs = product(conv.input), outputs = product(conv.output), depth = channels * product(conv.window);
  for (int64_t i = 0; i < input.shape[0] * groups; ++i) {
    std::vector<double> columns = imageToColumns(input.reals.data() + i * channels * inputs, channels, conv);
    const double *weights = filter.reals.data() + i % groups * outChannels * depth;
    gemm(outChannels, outputs, depth, {weights, depth, 1}, {columns.data(), outputs, 1},
         result.reals.data() + i * outChannels * outputs, outputs);
  }
}

// Permutations between [N, spatial..., C] and [N, C, spatial...].
std::vector<int64_t> channelsToFront(size_t rank) {
  std::vector<int64_t> permutation = {0, static_cast<int64_t>(rank) - 1};
  for (size_t d = 1; d + 1 < rank; ++d)
    permutation.push_back(static_cast<int64_t>(d));
  return permutation;
}
std::vector<int64_t> channelsToBack(size_t rank) {
  std::vector<int64_t> permutation = {0};
  for (size_t d = 2; d < rank; ++d)
    permutation.push_back(static_cast<int64_t>(d));
  permutation.push_back(1);
  return permutation;
}
// [window..., I, O] to [O, I, window...].
std::vector<int64_t> filterToFront(size_t rank) {
  std::vector<int64_t> permutation = {static_cast<int64_t>(rank) - 1, static_cast<int64_t>(rank) - 2};
  for (size_t d = 0; d + 2 < rank; ++d)
    permutation.push_back(static_cast<int64_t>(d));
  return permutation;
}

HostTensor convolve(Operation *op, const HostTensor &input, const HostTensor &filter, const ConvAttributes &attributes,
                    Layout layout) {
  DType declared = dtypeOf(op->getResult(0).getType());
  if (!isFloat(input.dtype())) // sums of integer products are exact in f64
    return convert(convolve(op, convert(input, DType::F64), convert(filter, DType::F64), attributes, layout), declared);
  DType type = input.dtype() == DType::F64 ? DType::F64 : declared;
  std::vector<int64_t> shape = shapeOf(op->getResult(0).getType());
  if (layout == Layout::ChannelsFirst) {
    Values result(type, shape);
    convChannelsFirst(unpack(input), unpack(filter), attributes, result);
    return pack(result);
  }
  std::vector<int64_t> first;
  for (int64_t d : channelsToFront(shape.size()))
    first.push_back(shape[static_cast<size_t>(d)]);
  Values result(type, first);
  convChannelsFirst(unpack(transpose(input, channelsToFront(shape.size()))),
                    unpack(transpose(filter, filterToFront(shape.size()))), attributes, result);
  return transpose(pack(result), channelsToBack(shape.size()));
}

HostTensor evaluateConv(ConvOp op, Operands operands) {
  return convolve(op, operands[0], operands[1],
                  {op.getStrides(), op.getPadLow(), op.getDilations(), static_cast<int64_t>(op.getGroups())},
                  op.getLayout());
}

// The filter as it was before it was packed: panels without what pads each group.
HostTensor unpackGroups(PackedConvOp op, const HostTensor &filter) {
  HostTensor packed = plainPanels(op.panels(), filter);
  int64_t outputs = op.getOutChannels(), groups = op.getGroups(), each = outputs / groups;
  if (groups == 1 || op.groupsPerPanel() > 1)
    return unpackPanels(packed, outputs);
  int64_t padded = packed.shape().front() * packed.shape().back();
  Values from = unpack(unpackPanels(isFloat(packed.dtype()) ? packed : convert(packed, DType::F64), padded));
  std::vector<int64_t> shape = from.shape;
  shape.back() = outputs;
  Values to(from.dtype, shape);
  for (int64_t i = 0; i < product(shape); ++i) {
    int64_t column = i % outputs;
    to.reals[i] = from.reals[i / outputs * padded + column / each * (padded / groups) + column % each];
  }
  return pack(to);
}

HostTensor evaluatePackedConv(PackedConvOp op, Operands operands) {
  SmallVector<int64_t> noPadding(op.getStrides().size(), 0);
  return convolve(op, operands[0], unpackGroups(op, operands[1]),
                  {op.getStrides(), noPadding, op.getDilations(), static_cast<int64_t>(op.getGroups())},
                  Layout::ChannelsLast);
}

HostTensor evaluatePack(PackOp op, Operands operands) {
  HostTensor panels = packPanels(operands[0], static_cast<int64_t>(op.getLanes()));
  int64_t interleave = op.getInterleave();
  return interleave == 1 ? panels : interleaveRows(panels, interleave);
}

HostTensor evaluateUnpack(UnpackOp op, Operands operands) {
  std::optional<int64_t> depth = op.getDepth();
  return unpackPanels(depth ? separateRows(operands[0], *depth) : operands[0], static_cast<int64_t>(op.getSize()));
}

// to[i] = sum over k of matrix[i][k] * from[k], on vectors of `size`.
struct Line {
  double *first;
  int64_t stride; // between the line's vectors
};
void transformLine(std::span<const double> matrix, int64_t rows, Line from, int64_t count, Line to, int64_t size) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t c = 0; c < size; ++c) {
      double sum = 0;
      for (int64_t k = 0; k < count; ++k) // what has no part in a sum brings no NaN to it
        if (double factor = matrix[static_cast<size_t>(i * count + k)]; factor != 0)
          sum += factor * from.first[k * from.stride + c];
      to.first[i * to.stride + c] = sum;
    }
}

// matrix x matrix^T for a square x of vectors.
std::vector<double> transformSquare(std::span<const double> matrix, int64_t rows, std::vector<double> x, int64_t count,
                                    int64_t size) {
  std::vector<double> half(static_cast<size_t>(rows * count * size)), result(static_cast<size_t>(rows * rows * size));
  for (int64_t j = 0; j < count; ++j)
    transformLine(matrix, rows, {x.data() + j * size, count * size}, count, {half.data() + j * size, count * size},
                  size);
  for (int64_t i = 0; i < rows; ++i)
    transformLine(matrix, rows, {half.data() + i * count * size, size}, count, {result.data() + i * rows * size, size},
                  size);
  return result;
}

HostTensor evaluateWinogradConv(WinogradConvOp op, Operands operands) {
  Winograd w(op.getTile());
  int64_t outputs = op.getOutChannels(), m = w.tile, n = w.taps;
  Values input = unpack(operands[0]);
  int64_t height = input.shape[1], width = input.shape[2], channels = input.shape[3];
  PanelShape panels = op.panels();
  panels.depth = channels; // without what pads the last word
  Values filter = unpack(unpackPanels(plainPanels(panels, operands[1]), outputs));
  Values result = emptyResult(op, operands);
  int64_t rows = result.shape[1], columns = result.shape[2];
  int64_t down = (rows + m - 1) / m, across = (columns + m - 1) / m;
  // What is multiplied has the operands' type, by definition of the op: in f64 as well.
  DType declared = dtypeOf(op.getInput().getType());
  bool isNarrow = declared == DType::BF16 || declared == DType::F16;
  parallelFor(input.shape[0] * down * across, [&](int64_t index) {
    int64_t image = index / (down * across), y = index / across % down * m, x = index % across * m;
    std::vector<double> piece(static_cast<size_t>(n * n * channels)), sums(static_cast<size_t>(n * n * outputs));
    for (int64_t i = 0; i < n * n; ++i) {
      int64_t row = y + i / n - op.getPadLow()[0], column = x + i % n - op.getPadLow()[1];
      if (row >= 0 && row < height && column >= 0 && column < width)
        std::copy_n(input.reals.begin() + ((image * height + row) * width + column) * channels, channels,
                    piece.begin() + i * channels);
    }
    piece = transformSquare(w.input, n, std::move(piece), n, channels);
    if (isNarrow) {
      Values transformed(declared, {n * n * channels});
      transformed.reals = std::move(piece);
      piece = unpack(pack(transformed)).reals;
    }
    for (int64_t i = 0; i < n * n; ++i)
      for (int64_t c = 0; c < channels; ++c)
        for (int64_t o = 0; o < outputs; ++o)
          sums[static_cast<size_t>(i * outputs + o)] +=
              piece[static_cast<size_t>(i * channels + c)] *
              filter.reals[static_cast<size_t>((i * channels + c) * outputs + o)];
    sums = transformSquare(w.output, m, std::move(sums), n, outputs);
    for (int64_t i = 0; i < m * m; ++i)
      if (y + i / m < rows && x + i % m < columns)
        std::copy_n(sums.begin() + i * outputs, outputs,
                    result.reals.begin() + ((image * rows + y + i / m) * columns + x + i % m) * outputs);
  });
  return pack(result);
}

// Softmax of a row of scores in place; all -inf gives NaN.
void softmaxRow(double *row, int64_t size) {
  double highest = -INFINITY, sum = 0;
  for (int64_t i = 0; i < size; ++i)
    highest = maximum(highest, row[i]);
  for (int64_t i = 0; i < size; ++i)
    sum += row[i] = std::exp(row[i] - highest);
  for (int64_t i = 0; i < size; ++i)
    row[i] /= sum;
}

HostTensor evaluateAttention(AttentionOp op, Operands operands) {
  Values query = unpack(operands[0]), key = unpack(operands[1]), value = unpack(operands[2]);
  Values result = emptyResult(op, operands);
  size_t heads = op.getLayout() == HeadLayout::BHSD ? 1 : 2, sequence = 3 - heads;
  int64_t batch = query.shape[0], h = query.shape[heads], sq = query.shape[sequence], d = query.shape[3];
  int64_t hk = key.shape[heads], sk = key.shape[sequence], dv = value.shape[3];
  Values mask;
  if (op.getMask())
    mask = unpack(broadcast(operands[3], {batch, h, sq, sk}));
  double scale = op.getScale().convertToDouble();
  // Offset of a head's matrix, and the distance of its rows.
  auto place = [&](const Values &x, int64_t b, int64_t head) {
    std::vector<int64_t> strides = rowMajorStrides(x.shape);
    return std::pair(b * strides[0] + head * strides[heads], strides[sequence]);
  };
  parallelFor(batch * h, [&](int64_t index) {
    int64_t b = index / h, head = index % h;
    auto [atQuery, queryRow] = place(query, b, head);
    auto [atKey, keyRow] = place(key, b, head / (h / hk));
    auto [atValue, valueRow] = place(value, b, head / (h / hk));
    auto [atResult, resultRow] = place(result, b, head);
    std::vector<double> scores(static_cast<size_t>(sq * sk));
    gemm(sq, sk, d, {query.reals.data() + atQuery, queryRow, 1}, {key.reals.data() + atKey, 1, keyRow}, scores.data(),
         sk);
    for (int64_t i = 0; i < sq; ++i) {
      double *row = scores.data() + i * sk;
      for (int64_t j = 0; j < sk; ++j) {
        row[j] = row[j] * scale + (op.getMask() ? mask.reals[static_cast<size_t>((index * sq + i) * sk + j)] : 0);
        if (op.getCausal() && j > i)
          row[j] += -INFINITY;
      }
      softmaxRow(row, sk);
      if (op.getZeroNanRows() && sk && std::isnan(row[0])) // one NaN makes the sum one, and so the whole row
        std::fill(row, row + sk, 0);
    }
    gemm(sq, dv, sk, {scores.data(), sk, 1}, {value.reals.data() + atValue, valueRow, 1},
         result.reals.data() + atResult, resultRow);
  });
  return pack(result);
}

} // namespace

void attachContractionModels(MLIRContext &c) {
  attach<MatmulOp, evaluateMatmul>(c);
  attach<ConvOp, evaluateConv>(c);
  attach<PackOp, evaluatePack>(c);
  attach<UnpackOp, evaluateUnpack>(c);
  attach<PackedMatmulOp, evaluatePackedMatmul>(c);
  attach<PackedConvOp, evaluatePackedConv>(c);
  attach<WinogradConvOp, evaluateWinogradConv>(c);
  attach<AttentionOp, evaluateAttention>(c);
}

} // namespace mlc::reference
