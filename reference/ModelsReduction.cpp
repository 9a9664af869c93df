// Reductions over dimensions and windows.
#include "reference/ModelSupport.h"

#include <cmath>

using namespace mlir;

namespace mlc::reference {
namespace {

template <typename T> T neutral(ReduceKind kind, DType dtype) {
  switch (kind) {
  case ReduceKind::Sum:
  case ReduceKind::Mean: return 0;
  case ReduceKind::Prod: return 1;
  case ReduceKind::Max: return extreme<T>(dtype, false);
  case ReduceKind::Min: return extreme<T>(dtype, true);
  }
  llvm_unreachable("kinds are covered");
}

template <typename T> T fold(ReduceKind kind, T a, T b) {
  switch (kind) {
  case ReduceKind::Sum:
  case ReduceKind::Mean: return add(a, b);
  case ReduceKind::Prod: return multiply(a, b);
  case ReduceKind::Max: return maximum(a, b);
  case ReduceKind::Min: return minimum(a, b);
  }
  llvm_unreachable("kinds are covered");
}

HostTensor evaluateReduce(ReduceOp op, Operands operands) {
  Values x = unpack(operands[0]), result = emptyResult(op, operands);
  // The result's strides seen from the operand: 0 where dimensions fold.
  std::vector<int64_t> kept = x.shape, strides, from = rowMajorStrides(x.shape);
  for (int64_t axis : op.getAxes())
    kept[static_cast<size_t>(axis)] = 1;
  strides = rowMajorStrides(kept);
  int64_t folded = 1;
  for (int64_t axis : op.getAxes()) {
    strides[static_cast<size_t>(axis)] = 0;
    folded *= x.shape[static_cast<size_t>(axis)];
  }
  dispatch(x, [&](auto *in) {
    using T = std::remove_cvref_t<decltype(*in)>;
    T *out = elements<T>(result);
    std::fill_n(out, result.size(), neutral<T>(op.getKind(), x.dtype));
    for (int64_t i = 0; i < x.size(); ++i) {
      int64_t at = 0;
      for (size_t d = 0; d < from.size(); ++d)
        at += i / from[d] % x.shape[d] * strides[d];
      out[at] = fold(op.getKind(), out[at], in[i]);
    }
  });
  if (op.getKind() == ReduceKind::Mean)
    for (double &value : result.reals)
      value /= static_cast<double>(folded);
  return pack(result);
}

template <bool largest, typename Op> HostTensor evaluateArgReduce(Op op, Operands operands) {
  Values x = unpack(operands[0]), result = emptyResult(op, operands);
  int64_t axis = static_cast<int64_t>(op.getAxis()), stride = lineStride(x.shape, axis);
  size_t line = 0;
  forEachLine(x.shape, axis, [&](int64_t base) {
    dispatch(x, [&](auto *in) {
      int64_t best = 0;
      for (int64_t i = 1; i < x.shape[static_cast<size_t>(axis)]; ++i) {
        auto value = in[base + i * stride], winner = in[base + best * stride];
        if (winner != winner) // the first NaN wins
          break;
        bool better = largest ? value > winner : value < winner;
        if (better || value != value || (op.getSelectLast() && value == winner))
          best = i;
      }
      result.ints[line++] = best;
    });
  });
  return pack(result);
}

HostTensor evaluateCumSum(CumSumOp op, Operands operands) {
  Values x = unpack(operands[0]), result = emptyResult(op, operands);
  int64_t axis = static_cast<int64_t>(op.getAxis()), stride = lineStride(x.shape, axis);
  int64_t size = x.shape[static_cast<size_t>(axis)];
  dispatch(x, [&](auto *in) {
    using T = std::remove_cvref_t<decltype(*in)>;
    T *out = elements<T>(result);
    forEachLine(x.shape, axis, [&](int64_t base) {
      T sum = 0;
      for (int64_t i = 0; i < size; ++i) {
        int64_t at = base + (op.getReverse() ? size - 1 - i : i) * stride;
        T next = add(sum, in[at]);
        out[at] = op.getExclusive() ? sum : next;
        sum = next;
      }
    });
  });
  return pack(result);
}

// The spatial dimensions of a pool. Positions count from the input's first element; paddings lie outside.
class Windows {
public:
  Windows(PoolOp op, ArrayRef<int64_t> input, ArrayRef<int64_t> output) : op(op), input(input), output(output) {
    taps = product(op.getWindow());
  }

  struct Elements {
    SmallVector<int64_t> offsets; // of those inside the input
    int64_t padded = 0;           // how many are inside the padded input, without what ceil_mode added
  };
  Elements at(int64_t place) {
    Elements elements;
    for (int64_t tap = 0; tap < taps; ++tap) {
      int64_t offset = 0, scale = 1, restOfPlace = place, restOfTap = tap;
      bool inside = true, padded = true;
      for (size_t d = input.size(); d-- > 0;) {
        int64_t position = restOfPlace % output[d] * op.getStrides()[d] +
                           restOfTap % op.getWindow()[d] * op.getDilations()[d] - op.getPadLow()[d];
        restOfPlace /= output[d];
        restOfTap /= op.getWindow()[d];
        int64_t ceilPad = op.getCeilPad() ? (*op.getCeilPad())[d] : 0;
        inside &= position >= 0 && position < input[d];
        padded &= position < input[d] + op.getPadHigh()[d] - ceilPad;
        offset += position * scale;
        scale *= input[d];
      }
      elements.padded += padded;
      if (inside)
        elements.offsets.push_back(offset);
    }
    return elements;
  }

private:
  PoolOp op;
  ArrayRef<int64_t> input, output;
  int64_t taps;
};

// Of a channels-first operand; `shape` is the channels-first result's.
HostTensor poolChannelsFirst(PoolOp op, const HostTensor &operand, DType dtype, std::vector<int64_t> shape) {
  Values x = unpack(operand), result(dtype, std::move(shape));
  ArrayRef<int64_t> input = ArrayRef(x.shape).drop_front(2), output = ArrayRef(result.shape).drop_front(2);
  Windows windows(op, input, output);
  int64_t inputs = product(input), outputs = product(output), images = product(ArrayRef(x.shape).take_front(2));
  bool average = op.getKind() == PoolKind::Average;
  ReduceKind kind = average ? ReduceKind::Sum : ReduceKind::Max;
  for (int64_t place = 0; place < outputs; ++place) {
    Windows::Elements window = windows.at(place);
    int64_t divisor = op.getCountIncludePad() ? window.padded : static_cast<int64_t>(window.offsets.size());
    bool isDivided = average && (divisor > 0 || isFloat(x.dtype));
    dispatch(x, [&](auto *in) {
      using T = std::remove_cvref_t<decltype(*in)>;
      for (int64_t image = 0; image < images; ++image) {
        T value = neutral<T>(kind, x.dtype);
        for (int64_t offset : window.offsets)
          value = fold(kind, value, in[image * inputs + offset]);
        elements<T>(result)[image * outputs + place] = isDivided ? value / static_cast<T>(divisor) : value;
      }
    });
  }
  return pack(result);
}

HostTensor evaluatePool(PoolOp op, Operands operands) {
  DType dtype = resultType(op, operands);
  std::vector<int64_t> shape = shapeOf(op.getType());
  if (op.getLayout() == Layout::ChannelsFirst)
    return poolChannelsFirst(op, operands[0], dtype, shape);
  size_t rank = shape.size();
  std::vector<int64_t> toFirst = {0, static_cast<int64_t>(rank) - 1}, toLast = {0}, first = {shape[0], shape.back()};
  for (size_t d = 1; d + 1 < rank; ++d) {
    toFirst.push_back(static_cast<int64_t>(d));
    toLast.push_back(static_cast<int64_t>(d) + 1);
    first.push_back(shape[d]);
  }
  toLast.push_back(1);
  return transpose(poolChannelsFirst(op, transpose(operands[0], toFirst), dtype, first), toLast);
}

} // namespace

void attachReductionModels(MLIRContext &c) {
  attach<ReduceOp, evaluateReduce>(c);
  attach<ArgMaxOp, evaluateArgReduce<true, ArgMaxOp>>(c);
  attach<ArgMinOp, evaluateArgReduce<false, ArgMinOp>>(c);
  attach<CumSumOp, evaluateCumSum>(c);
  attach<PoolOp, evaluatePool>(c);
}

} // namespace mlc::reference
