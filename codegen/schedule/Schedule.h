// Phase `schedule`: every region of the entry points becomes a kernel function of linalg on tensors, equal regions one;
// an emitter is chosen for each; every value gets its place in memory. No code is generated here.
#ifndef MLC_CODEGEN_SCHEDULE_SCHEDULE_H
#define MLC_CODEGEN_SCHEDULE_SCHEDULE_H

#include "codegen/schedule/EmitterTable.h"
#include "codegen/schedule/MemoryMap.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace mlc::codegen {

struct ScheduledKernel {
  mlir::func::FuncOp function; // the kernel function of codegen/Kernel.h, in Schedule::kernelModule
  const Emitter *emitter = nullptr;
  FusionClass root = FusionClass::Opaque;
  std::string description;                      // "matmul + add + gelu"
  std::string arithmetic;                       // element type that most of its arithmetic reads: "bf16"
  std::string precision;                        // element types that its ops compute: "f32"
  std::string layout;                           // of images and weights, where it is a particular one
  int64_t flops = 0, bytesIn = 0, bytesOut = 0; // of one launch
};

struct EntrySchedule {
  std::string name; // public; shape buckets of one entry point share it
  std::vector<Launch> launches;
  MemoryMap memory;
};

struct Schedule {
  mlir::OwningOpRef<mlir::ModuleOp> kernelModule;
  std::vector<ScheduledKernel> kernels;
  std::vector<EntrySchedule> entries;
  StoredTensors tensors;
};

struct ScheduleOptions {
  const EmitterTable *emitters = nullptr;
  // Rewrites math ops of a lowered kernel into arith (mlc-expand-math); none: they stay.
  std::function<void(mlir::func::FuncOp)> expandMath;
};

// Schedules all functions of `module` that carry `mlc.entry`; what it returns refers to them. Fails with diagnostics on
// the op concerned.
mlir::FailureOr<Schedule> scheduleModule(mlir::ModuleOp module, const TargetDesc &target,
                                         const ScheduleOptions &options);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_SCHEDULE_SCHEDULE_H
