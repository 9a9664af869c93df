// All schedules that an emitter lists for a kernel.
#pragma once

#include "test/unit/codegen/Harness.h"

namespace mlc::codegen::test {

// checkAgainstReference, and that each of them computes the same bits, between guard pages and however it is cut.
void checkSchedules(const Emitter &emitter, const std::string &text, const CheckOptions &options = {});

// The same for one target and such inputs, without the reference.
void expectSameBits(const Emitter &emitter, mlir::func::FuncOp kernel, const TargetDesc &target,
                    const std::vector<HostTensor> &inputs);

} // namespace mlc::codegen::test
