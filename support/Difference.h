// How far a tensor is from what was expected.
#pragma once

#include "support/HostTensor.h"

namespace mlc {

struct Difference {
  double relativeL2 = 0; // |actual - expected| / |expected|; against zeros, |actual - expected|
  // The same, with elements scaled down that are far larger than most, each with its error: so that the -1e4 or -3e38
  // that a mask leaves in scores hides nothing.
  double robustL2 = 0;
  double maxAbs = 0;
  // In units of the last place of the actual tensor's type, of the worst element; 0 for integers.
  double maxUlp = 0;
  int64_t worst = -1; // index of the element that is farthest off; -1 where all are equal
  int64_t finite = 0; // how many expected elements are finite: with none, a comparison proves little
};

// Shapes are equal. `expected` may have a wider type: it is what an exact computation gives. NaN is equal to NaN, an
// infinity to itself; where just one is, all measures are infinite.
Difference differenceOf(const HostTensor &actual, const HostTensor &expected);

// The relative L2 difference that rounding alone may leave in results of this type: of one kernel, or of a few ops in
// another order. 0 for integers.
double defaultTolerance(DType type);

} // namespace mlc
