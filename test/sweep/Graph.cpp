// Random small graphs: elementwise chains around contractions, reductions and movement, values with several uses,
// residuals, several results. What fusion makes of them must not change what they compute.
#include "test/sweep/Sweep.h"
#include <random>

using namespace mlir;

namespace mlc::sweep {
namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

class RandomGraph {
public:
  RandomGraph(GraphBuilder &g, uint64_t seed, ValueRange arguments)
      : g(g), random(seed), values(arguments.begin(), arguments.end()) {}

  Values build() {
    for (int i = 0, count = 3 + pick(8); i < count; ++i)
      if (Value value = step())
        values.push_back(value);
    Values results = {values.back()};
    if (pick(3) == 0) // a value that another one reads is a result as well
      for (Value value : values)
        if (!isa<BlockArgument>(value) && value != results[0] && pick(4) == 0) {
          results.push_back(value);
          break;
        }
    return results;
  }

private:
  int pick(int count) { return int(random() % uint64_t(count)); }
  Value any() {
    return values[size_t(pick(4) ? std::max<int>(0, int(values.size()) - 1 - pick(3)) : pick(int(values.size())))];
  }

  // Bounded functions, so that errors stay what one op makes of them.
  Value unary(Value x) {
    switch (pick(7)) {
    case 0: return g.make<ReluOp>(x);
    case 1: return g.make<TanhOp>(x);
    case 2: return g.make<SigmoidOp>(x);
    case 3: return g.make<GeluOp>(x);
    case 4: return g.make<NegOp>(x);
    case 5: return g.make<AbsOp>(x);
    default: return g.make<ClampOp>(x, {g.real("low", -2), g.real("high", 2)});
    }
  }

  Value binary(Value x, Value y) {
    switch (pick(5)) {
    case 0: return g.make<AddOp>({x, y});
    case 1: return g.make<SubOp>({x, y});
    case 2: return g.make<MulOp>({g.make<TanhOp>(x), y});
    case 3: return g.make<MaxOp>({x, y});
    default: return g.make<MinOp>({x, y});
    }
  }

  // Some value that broadcasts with x, or a scalar.
  Value partner(Value x) {
    for (int tries = 0; tries < 6; ++tries) {
      Value y = any();
      if (typeOf(y).getShape() == typeOf(x).getShape())
        return y;
      auto a = typeOf(x).getShape(), b = typeOf(y).getShape();
      bool fits = true;
      for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
        int64_t p = a[a.size() - 1 - i], q = b[b.size() - 1 - i];
        fits &= p == q || p == 1 || q == 1;
      }
      if (fits && std::max(a.size(), b.size()) <= 3)
        return y;
    }
    return g.scalar(typeOf(x).getElementType(), 0.5 * (1 + pick(3)));
  }

  Value step() {
    Value x = any();
    auto shape = typeOf(x).getShape();
    int64_t rank = typeOf(x).getRank();
    switch (pick(10)) {
    case 0:
    case 1: return unary(x);
    case 2:
    case 3:
    case 4: return binary(x, partner(x));
    case 5: { // a matrix product with a weight of the last argument's shape, scaled down
      Value w = values[1];
      if (rank < 2 || shape.back() != typeOf(w).getDimSize(0))
        return unary(x);
      return g.make<MulOp>({g.make<MatmulOp>({x, w}), g.scalar(typeOf(x).getElementType(), 0.25)});
    }
    case 6:
      if (rank == 0)
        return unary(x);
      return g.make<ReduceOp>(
          x, {g.attr("kind", ReduceKindAttr::get(g.context(), pick(2) ? ReduceKind::Mean : ReduceKind::Max)),
              g.ints("axes", {pick(int(rank))}), g.unit("keep_dims")});
    case 7:
      if (rank == 0)
        return unary(x);
      return g.make<SoftmaxOp>(x, g.integer("axis", rank - 1));
    case 8: {
      SmallVector<int64_t> permutation = llvm::to_vector(llvm::seq<int64_t>(0, rank));
      if (rank >= 2 && shape[rank - 1] == shape[rank - 2])
        std::swap(permutation[size_t(rank) - 1], permutation[size_t(rank) - 2]);
      return g.make<TransposeOp>(x, g.ints("permutation", permutation));
    }
    default: {
      Value condition =
          g.make<CompareOp>({x, g.scalar(typeOf(x).getElementType(), 0.125)},
                            g.attr("predicate", ComparePredicateAttr::get(g.context(), ComparePredicate::GT)));
      return g.make<SelectOp>({condition, unary(x), x});
    }
    }
  }

  GraphBuilder &g;
  std::mt19937_64 random;
  std::vector<Value> values;
};

} // namespace

std::vector<Case> graphCases() {
  std::vector<Case> cases;
  int count = isFull() ? 1000 : 96;
  for (int i = 0; i < count; ++i) {
    DType dtype = kFloats[size_t(i % 8 < 4 ? 0 : i % 4)];
    int64_t n = std::vector<int64_t>{1, 5, 8, 16, 17, 33}[size_t(i % 6)];
    int64_t m = std::vector<int64_t>{7, 1, 16, 9}[size_t(i % 4)];
    std::vector<Input> inputs = {{dtype, {m, n}, {Fill::Moderate}},
                                 {dtype, {n, n}, {Fill::Moderate}},
                                 {dtype, {n}, {Fill::Moderate}},
                                 {dtype, {2, m, n}, {Fill::Moderate}}};
    uint64_t seed = 7919 * uint64_t(i) + 1;
    // Errors of one op pass through a few others.
    Tolerance tolerance = dtype == DType::F32 || dtype == DType::F64 ? Tolerance{256, 4} : Tolerance{16, 4};
    cases.push_back(
        {"graph " + std::to_string(i) + " " + textOf(dtype) + " " + std::to_string(m) + "x" + std::to_string(n), inputs,
         [seed](GraphBuilder &g, ValueRange x) { return RandomGraph(g, seed, x).build(); }, tolerance});
  }
  return cases;
}

} // namespace mlc::sweep
