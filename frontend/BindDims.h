// Dimensions of models whose inputs the frontend makes itself, from --shape.
#ifndef MLC_FRONTEND_BINDDIMS_H
#define MLC_FRONTEND_BINDDIMS_H

#include "frontend/Import.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace mlc::frontend {

struct DimSymbol {
  llvm::StringRef name;
  int64_t otherwise = 0; // its size where it is not bound; 0: it must be
};

// Sizes of `symbols` in each --shape, in order; one bucket of defaults where there is none. `model`: what has these
// dimensions, as "a checkpoint"; `advice`: an example of a binding.
std::vector<llvm::SmallVector<int64_t>> bindDims(const std::vector<ShapeBinding> &shapes,
                                                 llvm::ArrayRef<DimSymbol> symbols, llvm::StringRef model,
                                                 llvm::StringRef advice,
                                                 llvm::function_ref<void(const llvm::Twine &)> problem);

} // namespace mlc::frontend

#endif // MLC_FRONTEND_BINDDIMS_H
