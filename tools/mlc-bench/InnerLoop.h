// The loop of an assembly listing in which a kernel spends its time.
#ifndef MLC_TOOLS_BENCH_INNERLOOP_H
#define MLC_TOOLS_BENCH_INNERLOOP_H

#include <string>
#include <vector>

namespace mlc::tools {

struct InnerLoop {
  std::string function;           // the label of the function that it is in
  std::vector<std::string> lines; // from its label to the jump back; empty: there is none that accumulates
  unsigned multiplies = 0;        // multiply-adds and dot products
  unsigned accumulations = 0;     // those of them that add to a register which nothing else in the loop writes
  unsigned stackAccesses = 0;     // spills, as a rule
  unsigned prefetches = 0;
};

// Of all basic blocks that end in a jump to their own label, the one with most accumulations: the polynomials of an
// epilogue have many multiply-adds, too, but begin each sum anew. Where no loop has any, of all basic blocks.
InnerLoop findInnerLoop(const std::string &assembly);

} // namespace mlc::tools

#endif // MLC_TOOLS_BENCH_INNERLOOP_H
