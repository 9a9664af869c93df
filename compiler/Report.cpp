#include "compiler/Report.h"

#include "dialects/mlc/Locations.h"
#include "dialects/mlc/MlcDialect.h"
#include "support/Units.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"

using namespace mlir;

namespace mlc {
namespace {

using codegen::Base;

// Columns as wide as their widest cell, but for the last, which is as long as it is.
class Table {
public:
  explicit Table(std::vector<std::string> head) { rows.push_back(std::move(head)); }
  void add(std::vector<std::string> row) { rows.push_back(std::move(row)); }
  void print(llvm::raw_ostream &os) const {
    std::vector<size_t> widths(rows[0].size());
    for (const auto &row : rows)
      for (size_t i = 0; i < row.size(); ++i)
        widths[i] = std::max(widths[i], row[i].size());
    for (const auto &row : rows) {
      os << " ";
      for (size_t i = 0; i < row.size(); ++i) {
        bool isNumber = rows.size() > 1 && !rows[1][i].empty() && llvm::isDigit(rows[1][i][0]);
        os << " ";
        if (i + 1 == row.size())
          os << row[i];
        else if (isNumber)
          os << llvm::right_justify(row[i], widths[i]);
        else
          os << llvm::left_justify(row[i], widths[i]);
      }
      os << "\n";
    }
  }

private:
  std::vector<std::vector<std::string>> rows;
};

std::string specText(const codegen::TensorSpecDesc &spec) {
  std::string text = spec.name + ": " + program::EnumNameDType(spec.dtype) + "[";
  for (size_t i = 0; i < spec.shape.size(); ++i) {
    bool isPadded = !spec.padded.empty() && !spec.padded[i].empty();
    text += (i ? "," : "") + (isPadded ? spec.padded[i] + "<=" : "") + std::to_string(spec.shape[i]);
  }
  return text + "]";
}

class Reporter {
public:
  Reporter(Compilation &c, const TargetCode &code, llvm::raw_ostream &os)
      : c(c), code(code), schedule(*code.schedule), os(os) {}

  void printTarget() {
    os << "target " << code.target.name << "\n";
    for (const codegen::EntrySchedule &entry : schedule.entries)
      printEntry(entry);
    printKernels();
    printSchedules();
  }
  // The same for all targets.
  void printStored() {
    printWinograd();
    printFastMatmul();
    printWeights();
    printVariables();
  }

private:
  Compilation &c;
  const TargetCode &code;
  const codegen::Schedule &schedule;
  llvm::raw_ostream &os;

  void printEntry(const codegen::EntrySchedule &entry) {
    const codegen::MemoryMap &memory = entry.memory;
    int64_t flops = 0, scratch = 0, written = 0, read = 0;
    for (const codegen::Launch &launch : entry.launches) {
      flops += schedule.kernels[launch.kernel].flops;
      if (code.kernels)
        scratch = std::max(scratch, code.kernels->emitted[launch.kernel].scratch_bytes);
      std::vector<codegen::BindingDesc> bindings = memory.bindingsOf(launch);
      for (auto [i, binding] : llvm::enumerate(bindings))
        if (binding.base == Base::arena)
          (i < launch.inputs.size() ? read : written) += binding.size;
    }
    os << "\nentry point " << entry.name << "\n";
    for (const auto &input : memory.inputs)
      os << "  input    " << specText(input) << "\n";
    for (auto [i, output] : llvm::enumerate(memory.outputs)) {
      auto tied = llvm::find_if(memory.tiedResults, [&](auto &pair) { return pair.first == i; });
      if (tied == memory.tiedResults.end())
        os << "  output   " << specText(output) << "\n";
      else
        os << "  updates  @" << schedule.tensors.variables[tied->second].name << "\n";
    }
    os << "  work     " << flopsText(flops) << " in " << entry.launches.size() << " launches\n";
    os << "  memory   arena " << bytesText(memory.arenaBytes) << ", at most " << bytesText(memory.maxLiveBytes)
       << " live at a time";
    if (memory.maxLiveBytes)
      os << formatted(" (%.3fx)", double(memory.arenaBytes) / memory.maxLiveBytes);
    if (code.kernels)
      os << "; scratch " << bytesText(scratch) << " a thread";
    os << "\n  between kernels  " << bytesText(written) << " written, " << bytesText(read) << " read\n";
    for (const auto &stage : memory.finalStages)
      for (const codegen::PlannedCopy &copy : stage)
        os << "  copies   " << bytesText(copy.copy.source.size) << ": " << copy.reason << "\n";
  }

  void printKernels() {
    std::vector<int64_t> launches(schedule.kernels.size());
    for (const codegen::EntrySchedule &entry : schedule.entries)
      for (const codegen::Launch &launch : entry.launches)
        ++launches[launch.kernel];
    os << "\nkernels: " << schedule.kernels.size() << ", launched "
       << std::accumulate(launches.begin(), launches.end(), int64_t(0)) << " times; figures of one launch\n";
    if (schedule.kernels.empty())
      return;
    std::vector<std::string> head = {"#", "launches", "work", "in", "out", "precision", "device", "emitter", "layout"};
    if (code.kernels)
      for (const char *column : {"tiles", "scratch", "schedule"})
        head.push_back(column);
    head.push_back("ops");
    Table table(head);
    for (auto [i, kernel] : llvm::enumerate(schedule.kernels)) {
      std::vector<std::string> row = {std::to_string(i),
                                      std::to_string(launches[i]),
                                      flopsText(kernel.flops),
                                      bytesText(kernel.bytesIn),
                                      bytesText(kernel.bytesOut),
                                      kernel.precision,
                                      "cpu",
                                      kernel.emitter->name().str(),
                                      kernel.layout};
      if (code.kernels) {
        const codegen::EmittedKernel &emitted = code.kernels->emitted[i];
        row.push_back(std::to_string(emitted.tiles));
        row.push_back(bytesText(emitted.scratch_bytes));
        row.push_back(emitted.schedule);
      }
      row.push_back(kernel.description);
      table.add(row);
    }
    table.print(os);
  }

  // Which schedules --tune and --schedules chose, and which are left to the cost model, and why.
  void printSchedules() {
    auto isOpen = [](const codegen::ScheduleChoice &choice) { return choice.isOpen(); };
    int64_t numOpen = llvm::count_if(code.choices, isOpen);
    if (code.choices.empty())
      return;
    os << "\nschedules: " << numOpen << " kernels have a choice\n";
    if (!numOpen)
      return;
    Table table({"#", "chosen by", "gain", "of", "schedule"});
    for (auto [i, choice] : llvm::enumerate(code.choices))
      if (choice.isOpen())
        table.add({std::to_string(i), describe(choice.by).str(),
                   choice.by == codegen::ChosenBy::Measurement ? formatted("%.2fx", choice.gain) : "",
                   std::to_string(choice.names.size()), choice.name()});
    table.print(os);
  }

  static StringRef describe(codegen::ChosenBy by) {
    switch (by) {
    case codegen::ChosenBy::CostModel: return "cost model";
    case codegen::ChosenBy::NotReached: return "cost model (not reached: give --tune more seconds)";
    case codegen::ChosenBy::Measurement: return "measurement";
    case codegen::ChosenBy::Cache: return "earlier measurement";
    case codegen::ChosenBy::File: return "file";
    }
    llvm_unreachable("all are described");
  }

  // Whose rounding errors are larger than those of plain sums.
  void printWinograd() {
    llvm::MapVector<int64_t, std::vector<std::string>> layers; // by the size of a tile
    for (const codegen::EntrySchedule &entry : schedule.entries)
      for (const codegen::Launch &launch : entry.launches)
        launch.op->walk([&](WinogradConvOp op) { layers[op.getTile()].push_back(describePlace(op.getLoc())); });
    if (layers.empty())
      return;
    os << "\nby Winograd's filtering; --winograd=off computes plain sums\n";
    for (auto &[tile, places] : layers)
      os << "  F(" << tile << "x" << tile << ",3x3)  " << llvm::join(places, ", ") << "\n";
  }

  // What --fast-matmul did.
  void printFastMatmul() {
    int64_t products = 0, bytes = 0, bytesBefore = 0;
    c.module->walk([&](StrassenMatmulOp) { ++products; });
    if (!products)
      return;
    for (ParamPackOp stored : c.module->getOps<ParamPackOp>()) {
      auto pack = stored.getBody().front().getTerminator()->getOperand(0).getDefiningOp<PackOp>();
      auto sums = pack ? pack.getOperand().getDefiningOp<StrassenSumsOp>() : StrassenSumsOp();
      if (!sums)
        continue;
      bytes += countBytes(stored.getType());
      bytesBefore += countBytes(sums.getOperand().getType());
    }
    os << "\nfast matmul: " << products << " products by Strassen's algorithm, with weights of " << bytesText(bytes)
       << " instead of " << bytesText(bytesBefore)
       << "; their relative L2 error is about twice that of direct products, and is not bounded element by "
          "element\n";
  }

  // The parameters that a stored tensor holds a form of: its largest ones. Smaller ones are arithmetic on these.
  SmallVector<StringRef> holds(Operation *stored) {
    if (isa<ParamOp>(stored))
      return {SymbolTable::getSymbolName(stored)};
    SmallVector<StringRef> names;
    int64_t largest = 0;
    stored->walk([&](LoadParamOp load) {
      int64_t bytes = countBytes(load.getType());
      if (bytes > largest)
        names.clear();
      largest = std::max(largest, bytes);
      if (bytes == largest)
        names.push_back(load.getParam());
    });
    return names;
  }

  void printWeights() {
    int64_t count = 0, elements = 0, bytes = 0, storedBytes = 0;
    for (ParamOp param : c.module->getOps<ParamOp>()) {
      ++count;
      elements += mlir::cast<RankedTensorType>(param.getType()).getNumElements();
      bytes += countBytes(param.getType());
    }
    llvm::MapVector<StringRef, SmallVector<size_t>> forms; // of each parameter
    for (auto [i, stored] : llvm::enumerate(schedule.tensors.paramOps)) {
      storedBytes += schedule.tensors.params[i].size;
      if (!isa<VariableOp>(stored))
        for (StringRef name : holds(stored))
          if (hasAllElements(stored, name)) // sums of its columns are no form of it
            forms[name].push_back(i);
    }
    os << "\nweights: " << elements << " parameters in " << count << " tensors of " << bytesText(bytes)
       << "; stored as " << schedule.tensors.params.size() << " tensors of " << bytesText(storedBytes) << "\n";
    for (auto &[name, stored] : forms) {
      printWidened(name, stored);
      if (stored.size() < 2)
        continue;
      os << "  copies   @" << name << " is stored " << stored.size() << " times:";
      for (auto [i, index] : llvm::enumerate(stored)) {
        const codegen::ParamDesc &param = schedule.tensors.params[index];
        os << (i ? ", " : " ") << "@" << param.name << " (" << (param.layout.empty() ? "row-major" : param.layout)
           << ", " << bytesText(param.size) << ")";
      }
      os << "\n";
    }
  }

  Type storedType(Operation *stored) {
    auto pack = dyn_cast<ParamPackOp>(stored);
    return pack ? pack.getType() : cast<ParamOp>(stored).getType();
  }

  bool hasAllElements(Operation *stored, StringRef name) {
    auto param = c.module->lookupSymbol<ParamOp>(name);
    return param && countElements(storedType(stored)) >= countElements(param.getType());
  }

  // Weights of 8 bits that are stored in more: what reads them is no product of integers.
  void printWidened(StringRef name, ArrayRef<size_t> stored) {
    auto param = c.module->lookupSymbol<ParamOp>(name);
    constexpr int64_t leastElements = 1024;
    if (!cast<RankedTensorType>(param.getType()).getElementType().isInteger(8) ||
        countElements(param.getType()) < leastElements)
      return;
    for (size_t index : stored) {
      const codegen::ParamDesc &to = schedule.tensors.params[index];
      if (!getElementTypeOrSelf(storedType(schedule.tensors.paramOps[index])).isInteger(8))
        os << "  widened  @" << name << " of " << bytesText(countBytes(param.getType())) << " is stored as "
           << program::EnumNameDType(to.dtype) << " in " << bytesText(to.size)
           << ": it is not multiplied with 8-bit integers of one scale\n";
    }
  }

  void printVariables() {
    if (schedule.tensors.variables.empty())
      return;
    os << "\nvariables\n";
    for (const codegen::VariableDesc &variable : schedule.tensors.variables)
      os << "  @" << specText({variable.name, variable.dtype, variable.shape, 0, {}}) << ", "
         << program::EnumNameVariableRole(variable.role) << ", " << bytesText(variable.size) << "\n";
  }
};

} // namespace

void printReport(Compilation &compilation, llvm::raw_ostream &os) {
  for (auto [i, code] : llvm::enumerate(compilation.codes)) {
    os << (i ? "\n" : "");
    Reporter(compilation, code, os).printTarget();
  }
  Reporter(compilation, compilation.codes[0], os).printStored();
}

} // namespace mlc
