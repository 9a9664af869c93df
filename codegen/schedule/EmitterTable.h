// Which emitters are asked for a region: those of the class of its root, in the order in which they were added.
#ifndef MLC_CODEGEN_SCHEDULE_EMITTERTABLE_H
#define MLC_CODEGEN_SCHEDULE_EMITTERTABLE_H

#include "codegen/Kernel.h"
#include "dialects/mlc/MlcDialect.h"

namespace mlc::codegen {

class EmitterTable {
public:
  // No classes: asked for every region.
  void add(std::unique_ptr<Emitter> emitter, llvm::ArrayRef<FusionClass> classes = {}) {
    rows.push_back({std::move(emitter), {classes.begin(), classes.end()}});
  }

  // The first that takes the kernel; null where none does.
  const Emitter *choose(mlir::func::FuncOp kernel, FusionClass root, const TargetDesc &target) const {
    for (const Row &row : rows)
      if ((row.classes.empty() || llvm::is_contained(row.classes, root)) && row.emitter->accepts(kernel, target))
        return row.emitter.get();
    return nullptr;
  }

  // By name, as #mlc.schedule gives it.
  const Emitter *find(llvm::StringRef name) const {
    for (const Row &row : rows)
      if (row.emitter->name() == name)
        return row.emitter.get();
    return nullptr;
  }

  std::string names() const {
    std::string text;
    for (const Row &row : rows)
      text += (text.empty() ? "" : ", ") + row.emitter->name().str();
    return text;
  }

private:
  struct Row {
    std::unique_ptr<Emitter> emitter;
    std::vector<FusionClass> classes;
  };
  std::vector<Row> rows;
};

} // namespace mlc::codegen

#endif // MLC_CODEGEN_SCHEDULE_EMITTERTABLE_H
