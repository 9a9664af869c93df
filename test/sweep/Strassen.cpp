// Strassen products: halves around the tiles, odd sizes, epilogues; and their sums alone.
#include "test/sweep/Sweep.h"

using namespace mlir;

namespace mlc::sweep {
namespace {

struct Product {
  Shape rows; // of the result
  int64_t n, k;
};

const std::vector<Product> kProducts = {{{1}, 1, 1},    {{2}, 2, 2},     {{3}, 5, 7},      {{5}, 33, 16},
                                        {{16}, 96, 32}, {{17}, 97, 33},  {{2, 9}, 95, 34}, {{31}, 200, 5},
                                        {{15}, 31, 65}, {{33}, 130, 64}, {{143}, 40, 9},   {{4, 1, 33}, 193, 10}};

Shape lhsOf(const Product &p) {
  Shape shape = p.rows;
  shape.push_back(p.k);
  return shape;
}

Value product(GraphBuilder &g, const Product &p, ValueRange x, int64_t lanes) {
  Value weights = g.make<PackOp>(g.make<StrassenSumsOp>(x[1], g.unit("of_rhs")), g.integer("lanes", lanes));
  Shape shape = p.rows;
  shape.push_back(p.n);
  return g.make<StrassenMatmulOp>({g.make<StrassenSumsOp>(x[0]), weights}, g.ints("shape", shape));
}

// Errors grow with what the quadrants around an element hold, not with the element.
Tolerance toleranceOf(DType dtype, int64_t depth) {
  if (dtype == DType::F16 || dtype == DType::BF16) // the sums of quadrants are rounded, too
    return {4, 16};
  return {8 + 4 * std::sqrt(double(depth)), 16};
}

void products(std::vector<Case> &cases) {
  for (DType dtype : kFloats)
    for (const Product &p : sample(kProducts, dtype == DType::F32 ? kProducts.size() : 4, "strassen" + textOf(dtype)))
      for (int64_t lanes : {8, 16}) {
        if (lanes == 8 && dtype != DType::F32)
          continue;
        std::string name =
            textOf(dtype) + " " + textOf(lhsOf(p)) + " to " + std::to_string(p.n) + " lanes " + std::to_string(lanes);
        std::vector<Input> inputs{{dtype, lhsOf(p), {Fill::Moderate}}, {dtype, {p.k, p.n}, {Fill::Moderate}}};
        cases.push_back({"strassen_matmul " + name, inputs,
                         [p, lanes](GraphBuilder &g, ValueRange x) { return Values{product(g, p, x, lanes)}; },
                         toleranceOf(dtype, p.k)});
        if (dtype != DType::F32)
          continue;
        Shape result = p.rows;
        result.push_back(p.n);
        inputs.push_back({dtype, {p.n}, {Fill::Moderate}});
        inputs.push_back({dtype, result, {Fill::Moderate}});
        cases.push_back({"strassen_matmul, bias, gelu, residual " + name, inputs,
                         [p, lanes](GraphBuilder &g, ValueRange x) {
                           Value biased = g.make<AddOp>({product(g, p, x, lanes), x[2]});
                           return Values{g.make<AddOp>({g.make<GeluOp>(biased), x[3]})};
                         },
                         toleranceOf(dtype, p.k)});
      }
}

void sums(std::vector<Case> &cases) {
  for (DType dtype : kFloats)
    for (const Shape &shape : std::vector<Shape>{{1, 1}, {2, 3}, {7, 33}, {4, 5, 32}, {65, 31}, {3, 130}, {0, 4}})
      for (bool ofRhs : {false, true})
        cases.push_back({"strassen_sums " + textOf(dtype) + " " + textOf(shape) + (ofRhs ? " of rhs" : ""),
                         {{dtype, shape, {Fill::Sparse}}},
                         [ofRhs](GraphBuilder &g, ValueRange x) {
                           std::vector<NamedAttribute> attributes;
                           if (ofRhs)
                             attributes.push_back(g.unit("of_rhs"));
                           return Values{g.make<StrassenSumsOp>(x, attributes)};
                         },
                         {0}});
}

} // namespace

std::vector<Case> strassenCases() {
  std::vector<Case> cases;
  products(cases);
  sums(cases);
  return cases;
}

} // namespace mlc::sweep
