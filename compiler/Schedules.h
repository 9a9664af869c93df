// Schedules as a file: JSON that people read, edit, keep beside a model, and find in a module's provenance.
//
//   {"schedules": [{"target": "x86-64-v4", "kernels": [
//     {"kernel": "5d0c0f6f3f4b5d6a", "ops": "packed_matmul + gelu", "type": "(tensor<...>) -> tensor<...>",
//      "emitter": "vector", "schedule": "8x48,tile=16x48,order=columns,prefetch=2", "choices": [...]}]}]}
//
// `kernel` is the hash of the kernel function and its emitter, which other versions of the compiler find again as long
// as they make the same function. ops, type and choices are for people.
#ifndef MLC_COMPILER_SCHEDULES_H
#define MLC_COMPILER_SCHEDULES_H

#include "compiler/Pipeline.h"

namespace mlc {

enum class SchedulesText { Readable, Compact };

// All kernels of all targets that have a choice. Compact: on one line, without `choices`.
std::string printSchedules(const Compilation &compilation, SchedulesText how);

// Chooses what the file says. Kernels that the model does not have are a note. Fails with diagnostics that name the
// file: where it cannot be read, is no such file, has nothing for a target, or names a schedule that there is not.
mlir::LogicalResult readSchedules(Compilation &compilation, const std::string &path);

} // namespace mlc

#endif // MLC_COMPILER_SCHEDULES_H
