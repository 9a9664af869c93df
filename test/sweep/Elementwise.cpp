// Every elementwise op in every type, over shapes and broadcasts.
#include "test/sweep/Sweep.h"

using namespace mlir;

namespace mlc::sweep {
namespace {

const std::vector<Shape> kShapes = {{},      {1}, {7},       {3, 5},       {2, 3, 17}, {1, 33},
                                    {65, 1}, {0}, {4, 0, 3}, {2, 1, 3, 9}, {3, 64},    {16}};

struct Broadcast {
  Shape a, b;
};
const std::vector<Broadcast> kBroadcasts = {{{3, 5}, {3, 5}},
                                            {{3, 5}, {5}},
                                            {{5}, {3, 5}},
                                            {{3, 1}, {1, 5}},
                                            {{}, {7}},
                                            {{9}, {}},
                                            {{}, {}},
                                            {{2, 3, 17}, {3, 1}},
                                            {{1}, {33}},
                                            {{2, 1, 9}, {1, 4, 1}},
                                            {{0}, {1}},
                                            {{4, 0, 3}, {1, 3}},
                                            {{17}, {1}},
                                            {{1, 40}, {3, 1}},
                                            {{2, 1, 1, 16}, {2, 5, 16}},
                                            {{1, 1}, {1}},
                                            {{70}, {70}},
                                            {{2, 3, 4, 5}, {3, 1, 5}}};

using Attributes = std::vector<NamedAttribute>;
using MakeAttributes = std::function<Attributes(GraphBuilder &)>;

Attributes none(GraphBuilder &) { return {}; }

template <typename Op>
void unary(std::vector<Case> &cases, const std::vector<DType> &types, Tolerance tolerance,
           const std::string &suffix = "", MakeAttributes attributes = none) {
  std::string op = Op::getOperationName().str() + suffix;
  for (DType dtype : types)
    for (const Shape &shape : sample(kShapes, 3, op + textOf(dtype)))
      cases.push_back({op + " " + textOf(dtype) + " " + textOf(shape),
                       {{dtype, shape, {}}},
                       [attributes](GraphBuilder &g, ValueRange x) { return Values{g.make<Op>(x, attributes(g))}; },
                       tolerance});
}

template <typename Op>
void binary(std::vector<Case> &cases, const std::vector<DType> &types, Tolerance tolerance,
            const std::string &suffix = "", MakeAttributes attributes = none) {
  std::string op = Op::getOperationName().str() + suffix;
  for (DType dtype : types)
    for (auto [a, b] : sample(kBroadcasts, 4, op + textOf(dtype)))
      cases.push_back({op + " " + textOf(dtype) + " " + textOf(a) + " " + textOf(b),
                       {{dtype, a, {}}, {dtype, b, {}}},
                       [attributes](GraphBuilder &g, ValueRange x) { return Values{g.make<Op>(x, attributes(g))}; },
                       tolerance});
}

void casts(std::vector<Case> &cases) {
  for (DType from : kAll)
    for (DType to : kAll)
      for (const Shape &shape : sample<Shape>({{67}, {}, {3, 7}, {0}}, 1, textOf(from)))
        cases.push_back({"cast " + textOf(from) + " " + textOf(to) + " " + textOf(shape),
                         {{from, shape, {}}},
                         [to](GraphBuilder &g, ValueRange x) {
                           // An identity would be folded away: the test is of code.
                           return Values{g.cast(x[0], toElementType(g.context(), to))};
                         },
                         {}});
}

void selects(std::vector<Case> &cases) {
  struct Shapes {
    Shape condition, a, b;
  };
  for (DType dtype : kAll)
    for (const auto &[condition, a, b] : sample<Shapes>({{{3, 5}, {3, 5}, {3, 5}},
                                                         {{5}, {3, 1}, {1}},
                                                         {{}, {9}, {}},
                                                         {{2, 1, 17}, {17}, {3, 1}},
                                                         {{0}, {0}, {1}},
                                                         {{1}, {33}, {33}}},
                                                        3, textOf(dtype)))
      cases.push_back({"select " + textOf(dtype) + " " + textOf(condition) + " " + textOf(a) + " " + textOf(b),
                       {{DType::I1, condition, {}}, {dtype, a, {}}, {dtype, b, {}}},
                       [](GraphBuilder &g, ValueRange x) { return Values{g.make<SelectOp>(x)}; },
                       {}});
}

} // namespace

std::vector<Case> elementwiseCases() {
  std::vector<Case> cases;
  const Tolerance exact, anyZero{0, 0, false};
  unary<AbsOp>(cases, kNumbers, exact);
  unary<NegOp>(cases, kNumbers, exact);
  unary<SignOp>(cases, kNumbers, exact);
  unary<ReluOp>(cases, kNumbers, anyZero);
  unary<SqrtOp>(cases, kFloats, exact);
  unary<ReciprocalOp>(cases, kFloats, exact);
  unary<FloorOp>(cases, kFloats, exact);
  unary<CeilOp>(cases, kFloats, exact);
  unary<RoundOp>(cases, kFloats, exact);
  unary<IsNanOp>(cases, kFloats, exact);
  unary<IsInfOp>(cases, kFloats, exact);
  unary<NotOp>(cases, {DType::I1}, exact);
  unary<NotOp>(cases, kIntegers, exact);
  const Tolerance within4{4};
  unary<ExpOp>(cases, kFloats, within4);
  unary<LogOp>(cases, kFloats, within4);
  unary<RsqrtOp>(cases, kFloats, within4);
  unary<TanhOp>(cases, kFloats, within4);
  unary<ErfOp>(cases, kFloats, within4);
  unary<SigmoidOp>(cases, kFloats, within4);
  unary<SoftplusOp>(cases, kFloats, within4);
  // f64 promises nothing beyond 2^30: its arguments stay below.
  unary<SinOp>(cases, {DType::F32, DType::F16, DType::BF16}, within4);
  unary<CosOp>(cases, {DType::F32, DType::F16, DType::BF16}, within4);
  for (const Shape &shape : kShapes)
    for (bool sine : {true, false})
      cases.push_back(
          {std::string(sine ? "sin" : "cos") + " f64 " + textOf(shape),
           {{DType::F64, shape, {Fill::Sparse}}},
           [sine](GraphBuilder &g, ValueRange x) { return Values{sine ? g.make<SinOp>(x) : g.make<CosOp>(x)}; },
           {4, 1e-3}});
  // An absolute error of 4 ulp of 4: the left tail is x * (1 + erf), which cancels.
  unary<GeluOp>(cases, kFloats, {4, 4});
  unary<GeluOp>(cases, kFloats, {4, 4}, " tanh",
                [](GraphBuilder &g) { return Attributes{g.unit("tanh_approximation")}; });
  unary<LeakyReluOp>(cases, kFloats, {1}, "", [](GraphBuilder &g) { return Attributes{g.real("alpha", 0.01)}; });
  unary<EluOp>(cases, kFloats, within4, "", [](GraphBuilder &g) { return Attributes{g.real("alpha", 1.5)}; });
  unary<HardSigmoidOp>(cases, kFloats, {1, 1}, "",
                       [](GraphBuilder &g) { return Attributes{g.real("alpha", 0.2), g.real("beta", 0.5)}; });
  unary<ClampOp>(cases, kNumbers, anyZero, " both",
                 [](GraphBuilder &g) { return Attributes{g.real("low", -3), g.real("high", 6)}; });
  unary<ClampOp>(cases, kNumbers, anyZero, " low", [](GraphBuilder &g) { return Attributes{g.real("low", 1)}; });
  unary<ClampOp>(cases, kNumbers, anyZero, " high", [](GraphBuilder &g) { return Attributes{g.real("high", 1000)}; });
  unary<ClampOp>(cases, kNumbers, anyZero, " none", none);

  binary<AddOp>(cases, kNumbers, exact);
  binary<SubOp>(cases, kNumbers, exact);
  binary<MulOp>(cases, kNumbers, exact);
  binary<DivOp>(cases, kNumbers, exact);
  binary<RemOp>(cases, kNumbers, exact);
  binary<MaxOp>(cases, kNumbers, anyZero);
  binary<MinOp>(cases, kNumbers, anyZero);
  binary<AndOp>(cases, {DType::I1}, exact);
  binary<AndOp>(cases, kIntegers, exact);
  binary<OrOp>(cases, {DType::I1}, exact);
  binary<OrOp>(cases, kIntegers, exact);
  binary<XorOp>(cases, {DType::I1}, exact);
  binary<XorOp>(cases, kIntegers, exact);
  binary<ShiftLeftOp>(cases, kIntegers, exact);
  binary<ShiftRightOp>(cases, kIntegers, exact);
  binary<PowOp>(cases, {DType::F32, DType::F16, DType::BF16}, within4);
  // f64: docs/numerics.md bounds the error by |y log x| ulp.
  for (auto [a, b] : kBroadcasts)
    cases.push_back({"pow f64 " + textOf(a) + " " + textOf(b),
                     {{DType::F64, a, {Fill::Moderate}}, {DType::F64, b, {Fill::Moderate}}},
                     [](GraphBuilder &g, ValueRange x) { return Values{g.make<PowOp>(x)}; },
                     {16, 1e-3}});
  for (auto predicate : {ComparePredicate::EQ, ComparePredicate::NE, ComparePredicate::LT, ComparePredicate::LE,
                         ComparePredicate::GT, ComparePredicate::GE})
    binary<CompareOp>(cases, kAll, exact, " " + stringifyComparePredicate(predicate).str(), [=](GraphBuilder &g) {
      return Attributes{g.attr("predicate", ComparePredicateAttr::get(g.context(), predicate))};
    });
  casts(cases);
  selects(cases);
  return cases;
}

} // namespace mlc::sweep
