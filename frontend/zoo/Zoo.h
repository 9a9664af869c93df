// The zoo's models and what can be chosen about each.
#ifndef MLC_FRONTEND_ZOO_ZOO_H
#define MLC_FRONTEND_ZOO_ZOO_H

#include "frontend/BindDims.h"
#include "frontend/zoo/SeededWeights.h"

#include "llvm/ADT/StringMap.h"

namespace mlc::frontend {

// What can be chosen: zoo:NAME,key=value. All are whole numbers of at least 1.
struct ZooKey {
  llvm::StringRef name;
  int64_t otherwise;
  llvm::StringRef description;
};

// A model that was asked for, on its way into IR.
struct ZooRequest {
  GraphBuilder &graph;
  Weights &weights;
  Head head;
  llvm::StringMap<int64_t> values; // of the model's keys
  llvm::SmallVector<int64_t> dims; // of its dimensions, in one bucket
  llvm::function_ref<void(const llvm::Twine &)> problem;
  llvm::function_ref<bool()> hasProblems;

  int64_t operator[](llvm::StringRef key) const { return values.lookup(key); }
};

struct ZooModel {
  llvm::StringRef name, summary;
  std::vector<ZooKey> keys;
  std::vector<DimSymbol> dims;
  // Builds an entry, or reports problems.
  void (*build)(const ZooRequest &);
};

llvm::ArrayRef<ZooModel> zooModels();

} // namespace mlc::frontend

#endif // MLC_FRONTEND_ZOO_ZOO_H
