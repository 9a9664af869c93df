// One test per op family; MLC_SWEEP=full runs the whole product.
#include "test/sweep/Sweep.h"
#include <gtest/gtest.h>

namespace mlc::sweep {

TEST(Sweep, Elementwise) { run(elementwiseCases()); }
TEST(Sweep, Movement) { run(movementCases()); }
TEST(Sweep, Reduction) { run(reductionCases()); }
TEST(Sweep, Normalization) { run(normalizationCases()); }
TEST(Sweep, Contraction) { run(contractionCases()); }
TEST(Sweep, Fusion) { run(fusionCases()); }
TEST(Sweep, Strassen) { run(strassenCases()); }
TEST(Sweep, Graph) { run(graphCases()); }

} // namespace mlc::sweep
