// mlc-opt MODEL --emit=graph: a picture of what will run.
#ifndef MLC_COMPILER_GRAPH_H
#define MLC_COMPILER_GRAPH_H

#include "compiler/Pipeline.h"
#include <string>

namespace mlc {

// The launches of each entry point in Graphviz's language, behind phase `schedule`: a node is a kernel with its ops,
// its place in the model, its work and weights, coloured by emitter; an edge is a tensor. Equal layers are drawn once.
// Of several shape buckets the first is drawn.
std::string describeGraph(const Compilation &compilation);

// Draws it: `dot` of Graphviz makes SVG of it. Fails with a diagnostic where there is no `dot`.
mlir::FailureOr<std::string> drawGraph(mlir::MLIRContext &context, llvm::StringRef graph);

} // namespace mlc

#endif // MLC_COMPILER_GRAPH_H
