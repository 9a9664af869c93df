// Budget, cache and choice over the kernels of a schedule, with times that are made up; and the real thing, once.
#include "codegen/tune/Tuner.h"
#include "codegen/cpu/VectorEmitter.h"
#include "codegen/tune/Candidates.h"
#include "test/unit/FolderTest.h"
#include "test/unit/codegen/Harness.h"

#include "mlir/Parser/Parser.h"

namespace mlc::codegen {
namespace {

using namespace test;
namespace fs = std::filesystem;

// Three schedules for every kernel, but one that is called @fixed.
class Choosy final : public Emitter {
public:
  llvm::StringRef name() const override { return "choosy"; }
  bool accepts(mlir::func::FuncOp, const TargetDesc &) const override { return true; }
  mlir::FailureOr<EmittedKernel> emit(mlir::func::FuncOp, const TargetDesc &, llvm::LLVMContext &) const override {
    return mlir::failure();
  }
  std::vector<std::string> schedules(mlir::func::FuncOp kernel, const TargetDesc &) const override {
    return kernel.getName() == "fixed" ? std::vector<std::string>{"only"} : std::vector<std::string>{"a", "b", "c"};
  }
};

// What a turn of each candidate takes; a turn makes the clock go on by as much.
class FakeRun final : public CandidateRun {
public:
  FakeRun(std::vector<double> times, double &clock) : times(std::move(times)), clock(clock) {}
  double time(size_t candidate) override {
    clock += times[candidate];
    return times[candidate];
  }

private:
  std::vector<double> times;
  double &clock;
};

class TunerTest : public mlc::test::FolderTest {
protected:
  void SetUp() override {
    FolderTest::SetUp();
    context.loadDialect<mlir::func::FuncDialect>();
    schedule.kernelModule = mlir::parseSourceString<mlir::ModuleOp>(R"(
      func.func private @small(tensor<1xf32>) -> tensor<1xf32>
      func.func private @fixed(tensor<2xf32>) -> tensor<2xf32>
      func.func private @large(tensor<3xf32>) -> tensor<3xf32>)",
                                                                    &context);
    ASSERT_TRUE(schedule.kernelModule);
    EntrySchedule &entry = schedule.entries.emplace_back();
    for (auto function : schedule.kernelModule->getOps<mlir::func::FuncOp>()) {
      ScheduledKernel &kernel = schedule.kernels.emplace_back();
      kernel.function = function;
      kernel.emitter = &choosy;
      kernel.flops = function.getName() == "large" ? 300 : 100;
      entry.launches.emplace_back().kernel = schedule.kernels.size() - 1;
    }
    winners.emplace(folder.string(), "some cpu");
    options.winners = &*winners;
    options.seconds = 1000;
    options.now = [this] { return clock; };
    options.load = [this](size_t i, const ScheduleChoice &) -> mlir::FailureOr<std::unique_ptr<CandidateRun>> {
      loaded.push_back(i);
      clock += loadSeconds;
      return std::unique_ptr<CandidateRun>(std::make_unique<FakeRun>(times, clock));
    };
  }

  std::vector<ScheduleChoice> run() {
    loaded.clear();
    std::vector<ScheduleChoice> choices = choicesOf(schedule, target);
    EXPECT_TRUE(succeeded(tune(schedule, target, choices, options)));
    return choices;
  }
  llvm::StringRef askedFor(size_t kernel) {
    auto name = schedule.kernels[kernel].function->getAttrOfType<mlir::StringAttr>(kScheduleAttr);
    return name ? name.getValue() : "";
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    if (fs::exists(folder / "schedules"))
      for (const auto &entry : fs::recursive_directory_iterator(folder / "schedules"))
        if (entry.is_regular_file())
          found.push_back(entry.path());
    return found;
  }

  mlir::MLIRContext context;
  Choosy choosy;
  Schedule schedule;
  TargetDesc target = targetOf("x86-64-v3");
  std::optional<ScheduleCache> winners;
  TuneOptions options;
  double clock = 5, loadSeconds = 0.25;
  std::vector<double> times{0.010, 0.008, 0.009};
  std::vector<size_t> loaded;
};

TEST_F(TunerTest, MeasuresWhatHasAChoice) {
  std::vector<ScheduleChoice> choices = run();
  EXPECT_EQ(loaded, (std::vector<size_t>{2, 0})); // most work first
  for (size_t i : {0, 2}) {
    EXPECT_EQ(choices[i].by, ChosenBy::Measurement);
    EXPECT_EQ(choices[i].name(), "b");
    EXPECT_DOUBLE_EQ(choices[i].gain, 10.0 / 8);
    EXPECT_EQ(askedFor(i), "b");
  }
  EXPECT_FALSE(choices[1].isOpen());
  EXPECT_EQ(askedFor(1), "");
  EXPECT_EQ(files().size(), 2u);
}

TEST_F(TunerTest, TakesWhatWasKept) {
  run();
  for (double seconds : {1000, 0}) {
    options.seconds = seconds;
    std::vector<ScheduleChoice> choices = run();
    EXPECT_TRUE(loaded.empty());
    EXPECT_EQ(choices[0].by, ChosenBy::Cache);
    EXPECT_EQ(askedFor(0), "b");
  }
  // Without the cache, or on another machine, nothing is known.
  ScheduleCache other(folder.string(), "another cpu");
  for (ScheduleCache *cache : {static_cast<ScheduleCache *>(nullptr), &other}) {
    options.winners = cache;
    EXPECT_EQ(run()[0].by, ChosenBy::CostModel);
  }
}

// The cost model's choice is kept like any other, and asks for nothing: the kernel is the same as without tuning.
TEST_F(TunerTest, TheCostModelIsRight) {
  times = {0.008, 0.009, 0.010};
  EXPECT_EQ(run()[0].by, ChosenBy::Measurement);
  EXPECT_EQ(askedFor(0), "");
  EXPECT_EQ(run()[0].by, ChosenBy::Cache);
  EXPECT_EQ(askedFor(0), "");
}

TEST_F(TunerTest, NamesThatAreNoMoreAreMeasured) {
  winners->store(schedule.kernels[0].function, target, "choosy", "of old");
  EXPECT_EQ(run()[0].by, ChosenBy::Measurement);
}

TEST_F(TunerTest, DamagedFilesAreMeasured) {
  run();
  for (const fs::path &path : files())
    fs::resize_file(path, fs::file_size(path) - 1);
  EXPECT_EQ(run()[0].by, ChosenBy::Measurement);
  options.seconds = 0;
  EXPECT_EQ(run()[0].by, ChosenBy::Cache);
}

TEST_F(TunerTest, WhatIsChosenAlreadyStays) {
  std::vector<ScheduleChoice> choices = choicesOf(schedule, target);
  ASSERT_TRUE(choose(schedule.kernels[2].function, choices[2], "c", ChosenBy::File));
  EXPECT_FALSE(choose(schedule.kernels[0].function, choices[0], "d", ChosenBy::File));
  EXPECT_TRUE(succeeded(tune(schedule, target, choices, options)));
  EXPECT_EQ(loaded, (std::vector<size_t>{0}));
  EXPECT_EQ(choices[2].name(), "c");
  EXPECT_EQ(askedFor(2), "c");
}

// The first kernel takes its share, and leaves too little for the second.
TEST_F(TunerTest, TheTimeIsOver) {
  options.seconds = 1;
  loadSeconds = 1;
  std::vector<ScheduleChoice> choices = run();
  EXPECT_EQ(loaded, (std::vector<size_t>{2}));
  EXPECT_EQ(choices[2].by, ChosenBy::NotReached);
  EXPECT_EQ(choices[0].by, ChosenBy::NotReached);
  EXPECT_EQ(askedFor(2), "");
  EXPECT_TRUE(files().empty()); // is measured next time
}

TEST_F(TunerTest, TimeIsSharedByWork) {
  options.seconds = 40;
  times = {1, 1, 1}; // three seconds a round
  run();
  double ofLarge = 0, start = clock;
  options.winners = nullptr;
  options.load = [&](size_t i, const ScheduleChoice &) -> mlir::FailureOr<std::unique_ptr<CandidateRun>> {
    if (i == 0)
      ofLarge = clock - start;
    return std::unique_ptr<CandidateRun>(std::make_unique<FakeRun>(times, clock));
  };
  run();
  EXPECT_GE(ofLarge, 30); // three quarters of the work
  EXPECT_LT(ofLarge, 34);
}

TEST_F(TunerTest, AFolderThatCannotBeMade) {
  ScheduleCache nowhere("/dev/null/cache", "some cpu");
  options.winners = &nowhere;
  EXPECT_EQ(run()[0].by, ChosenBy::Measurement);
  EXPECT_NE(nowhere.problem().find("cannot make the folder"), std::string::npos);
}

// Candidates as machine code in this process: they run, and take some time. With weights in one place and in several.
TEST(Candidates, AreCompiledAndTimed) {
  Kernel kernel(R"(func.func @k(%a: tensor<33x64xf32>, %p: tensor<3x64x16xf32>) -> tensor<33x40xf32> {
    %0 = mlc.packed_matmul %a, %p {n = 40 : i64}
      : (tensor<33x64xf32>, tensor<3x64x16xf32>) -> tensor<33x40xf32>
    return %0 : tensor<33x40xf32>
  })");
  ASSERT_TRUE(kernel.function);
  auto emitter = createVectorEmitter();
  for (const std::string &name : runnableTargets()) {
    TargetDesc target = targetOf(name);
    std::vector<std::string> names = emitter->schedules(kernel.function, target);
    ASSERT_GT(names.size(), 1u);
    auto candidates = compileCandidates(kernel.function, *emitter, names, target, /*jobs=*/1, /*cache=*/nullptr);
    ASSERT_TRUE(succeeded(candidates));
    EXPECT_FALSE(kernel.function->hasAttr(kScheduleAttr));
    llvm::BitVector stored(2);
    stored.set(1);
    for (uint64_t storedBytes : {uint64_t(0), uint64_t(1) << 40}) {
      auto runs = loadCandidates(kernel.function, *candidates, stored, storedBytes);
      ASSERT_TRUE(bool(runs)) << llvm::toString(runs.takeError());
      for (size_t i = 0; i < names.size(); ++i)
        EXPECT_GT((*runs)->time(i), 0) << names[i];
    }
  }
}

} // namespace
} // namespace mlc::codegen
