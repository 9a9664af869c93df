// The left-hand side of a contraction whose lanes are several small groups side by side (Contraction::laneGroup): each
// group's lanes share an element of its own.
#ifndef MLC_CODEGEN_CPU_LANEGROUPS_H
#define MLC_CODEGEN_CPU_LANEGROUPS_H

#include "codegen/cpu/BodyEvaluator.h"
#include "codegen/cpu/Contraction.h"

namespace mlc::codegen::cpu {

// The elements for vector `j` of the lanes. `pointer` is to the first of `channels` elements of the first group that
// steps of k which follow each other read; `channel` is this step's. Such steps share their loads.
mlir::Value loadLaneGroups(BodyEvaluator &evaluator, const Contraction &contraction, mlir::Value pointer, int64_t j,
                           int64_t channel, int64_t channels);

} // namespace mlc::codegen::cpu

#endif // MLC_CODEGEN_CPU_LANEGROUPS_H
