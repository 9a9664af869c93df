#include "test/unit/codegen/Schedules.h"

#include <cstring>
#include <set>

namespace mlc::codegen::test {
void expectSameBits(const Emitter &emitter, mlir::func::FuncOp kernel, const TargetDesc &target,
                    const std::vector<HostTensor> &inputs) {
  std::vector<std::string> names = emitter.schedules(kernel, target);
  EXPECT_FALSE(names.empty()) << "there is no choice";
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size()) << "names are not told apart";
  std::vector<HostTensor> expected = LoadedKernel(emitter, kernel, target).run(inputs);
  for (const std::string &name : names) {
    SCOPED_TRACE(name);
    kernel->setAttr(kScheduleAttr, mlir::StringAttr::get(kernel.getContext(), name));
    std::vector<HostTensor> results = LoadedKernel(emitter, kernel, target).run(inputs);
    ASSERT_EQ(results.size(), expected.size());
    for (size_t r = 0; r < results.size(); ++r)
      EXPECT_EQ(std::memcmp(results[r].bytes(), expected[r].bytes(), expected[r].sizeBytes()), 0)
          << "the bits of result " << r << " are not those of " << names[0];
  }
  kernel->removeAttr(kScheduleAttr);
}

void checkSchedules(const Emitter &emitter, const std::string &text, const CheckOptions &options) {
  SCOPED_TRACE(text);
  checkAgainstReference(emitter, text, options);
  Kernel graph(text, Kernel::Stage::Graph);
  ASSERT_TRUE(graph.function);
  for (const std::string &name : runnableTargets(options.moreTargets)) {
    TargetDesc target = targetOf(name);
    Kernel kernel(text, Kernel::Stage::ExpandedMath, &target);
    ASSERT_TRUE(kernel.function);
    expectSameBits(emitter, kernel.function, target,
                   randomInputs(graph.function, 1, /*special=*/!options.finite, options.bound));
  }
}

} // namespace mlc::codegen::test
