// Weights of the zoo: each is drawn by its own name and the model's seed, so that it is the same in every network, at
// every shape and on every machine. Nothing is allocated: the draw is an attribute, evaluated when a module is written.
#ifndef MLC_FRONTEND_ZOO_SEEDEDWEIGHTS_H
#define MLC_FRONTEND_ZOO_SEEDEDWEIGHTS_H

#include "frontend/GraphBuilder.h"
#include "frontend/nets/Weights.h"

namespace mlc::frontend {

class SeededWeights final : public Weights {
public:
  SeededWeights(GraphBuilder &graph, uint64_t seed) : graph(graph), seed(seed) {}
  mlir::Value get(const std::string &name, llvm::ArrayRef<int64_t> shape, Fill fill) override;

private:
  GraphBuilder &graph;
  uint64_t seed;
};

} // namespace mlc::frontend

#endif // MLC_FRONTEND_ZOO_SEEDEDWEIGHTS_H
