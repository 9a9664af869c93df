// Inputs of the sweep, and the comparison of results.
#ifndef MLC_TEST_SWEEP_DRAW_H
#define MLC_TEST_SWEEP_DRAW_H

#include "test/sweep/Sweep.h"

namespace mlc::sweep {

HostTensor draw(const Input &input, uint64_t seed);

// Empty where `got` is what `want` says within `tolerance`, else the first element that is not.
std::string difference(const HostTensor &got, const HostTensor &want, const Tolerance &tolerance);

} // namespace mlc::sweep

#endif // MLC_TEST_SWEEP_DRAW_H
