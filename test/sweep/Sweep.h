// The sweep: small graphs go through the real pipeline (mlc-opt in.mlir -o m.mlc, then the C runtime) and must give
// what the reference interpreter gives.
//
// Each case is one entry point; many share a module, so that the link and the load cost little. Every case runs for
// each target on memory that ends at a guard page and on memory that starts behind one, inputs write-protected, with 1,
// 2, 3, 4 and 7 threads: the bits must be the same each time. The compiler's own link step refuses undefined symbols.
#ifndef MLC_TEST_SWEEP_SWEEP_H
#define MLC_TEST_SWEEP_SWEEP_H

#include "frontend/GraphBuilder.h"
#include "support/HostTensor.h"
#include <functional>
#include <string>
#include <vector>

namespace mlc::sweep {

using frontend::GraphBuilder;
using Shape = std::vector<int64_t>;

// How the elements of an input are drawn; the generator is seeded with the case's name.
struct Fill {
  enum Kind {
    Any,      // half special values (NaN, infinities, zeros, subnormals, extremes), half numbers of all sizes
    Moderate, // in [-2, 2]: sums do not overflow. Integers: any
    Sparse,   // Moderate with a NaN or an infinity in about one element of 40
    Range     // integers, or integral numbers, of [low, high]
  } kind = Any;
  int64_t low = 0, high = 0;
};
inline Fill range(int64_t low, int64_t high) { return {Fill::Range, low, high}; }

struct Input {
  DType dtype;
  Shape shape;
  Fill fill;
};

// |got - want| <= ulps * ulp(max(|want|, floor)), ulp being the distance of numbers of the result's type. A NaN equals
// any NaN. With 0 ulps results are equal, zeros with their sign where `signedZeros`.
struct Tolerance {
  double ulps = 0, floor = 0;
  bool signedZeros = true;
};

using Values = llvm::SmallVector<mlir::Value>;

struct Case {
  std::string name; // unique
  std::vector<Input> inputs;
  std::function<Values(GraphBuilder &, mlir::ValueRange)> build;
  Tolerance tolerance;
  bool refuses = false; // the run ends with an error of the kernel, and so does the interpreter
};

// Builds, compiles, runs and compares all of them; failures name the case.
void run(const std::vector<Case> &cases);

// The whole product of ops, types and shapes (MLC_SWEEP=full), or a part of it that is the same each time?
bool isFull();
// All of `items` in the full sweep; else `count` of them, another choice for each `salt`.
template <typename T> std::vector<T> sample(const std::vector<T> &items, size_t count, const std::string &salt) {
  if (isFull() || items.size() <= count)
    return items;
  std::vector<T> chosen;
  size_t first = std::hash<std::string>{}(salt) % items.size();
  for (size_t i = 0; i < count; ++i)
    chosen.push_back(items[(first + i * items.size() / count) % items.size()]);
  return chosen;
}

std::string textOf(const Shape &shape);
inline std::string textOf(DType dtype) { return std::string(mlc::nameOf(dtype)); }

extern const std::vector<DType> kFloats, kSigned, kUnsigned, kIntegers, kNumbers, kAll;

// The families, each in its own file.
std::vector<Case> elementwiseCases();
std::vector<Case> movementCases();
std::vector<Case> reductionCases();
std::vector<Case> normalizationCases();
std::vector<Case> contractionCases();
std::vector<Case> strassenCases();
std::vector<Case> fusionCases();
std::vector<Case> graphCases();

} // namespace mlc::sweep

#endif // MLC_TEST_SWEEP_SWEEP_H
