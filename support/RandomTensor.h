// Tensors of seeded random values: what tools and tests feed where nobody gives an input.
#pragma once

#include "support/HostTensor.h"

namespace mlc {

// Floating-point elements are uniform in [-1, 1), integers in [0, bound): by default valid as a mask, and as an index
// of any table. The same seed gives the same values on every machine.
HostTensor randomTensor(DType type, std::vector<int64_t> shape, uint64_t seed, int64_t bound = 2);

} // namespace mlc
