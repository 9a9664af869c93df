#include "compiler/Graph.h"

#include "compiler/EntryPoint.h"
#include "compiler/Input.h"
#include "compiler/Repeats.h"
#include "dialects/mlc/Locations.h"
#include "dialects/mlc/MlcDialect.h"
#include "support/Printable.h"
#include "support/Units.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/GraphWriter.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include <set>

using namespace mlir;

namespace mlc {
namespace {

// In the order in which emitters appear; pale, so that black text is easy to read on them.
constexpr llvm::StringLiteral kColors[] = {"#b3cde3", "#ccebc5", "#fbb4ae", "#decbe4",
                                           "#fed9a6", "#ffffcc", "#e5d8bd", "#fddaec"};

std::string quote(const std::string &text) { return "\"" + llvm::DOT::EscapeString(printable(text)) + "\""; }

// The words of `text` in lines that make a node of moderate width.
std::string wrap(StringRef text, StringRef separator) {
  constexpr size_t kLine = 40;
  SmallVector<StringRef> words;
  text.split(words, separator);
  std::string wrapped;
  size_t length = 0;
  for (StringRef word : words) {
    bool isFull = length && length + word.size() > kLine;
    if (!wrapped.empty())
      wrapped += separator.rtrim().str() + (isFull ? "\n" : " ");
    wrapped += word;
    length = isFull ? word.size() : length + word.size();
  }
  return wrapped;
}

std::string typeText(Type type) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << getElementTypeOrSelf(type) << "[";
  llvm::interleave(cast<RankedTensorType>(type).getShape(), os, ",");
  os << "]";
  return text;
}

// The part that all names of the launches are in.
std::string commonPart(ArrayRef<codegen::Launch> launches) {
  std::optional<SmallVector<StringRef>> common; // its components
  for (const codegen::Launch &launch : launches)
    for (StringRef name : namesIn(launch.op->getLoc())) {
      SmallVector<StringRef> parts;
      name.split(parts, name.contains('/') ? '/' : '.');
      if (!common) {
        common = parts;
        continue;
      }
      size_t equal = 0;
      while (equal < std::min(common->size(), parts.size()) && (*common)[equal] == parts[equal])
        ++equal;
      common->truncate(equal);
    }
  // The components lie one behind the other in a name.
  if (!common || common->empty())
    return "";
  return StringRef(common->front().begin(), common->back().end() - common->front().begin()).str();
}

class Drawing {
public:
  Drawing(const codegen::Schedule &schedule, llvm::raw_ostream &os) : schedule(schedule), os(os) {}

  void draw(func::FuncOp function, const codegen::EntrySchedule &entry, const std::string &title) {
    prefix = "e" + std::to_string(numEntries++) + "_";
    launches = entry.launches;
    producer.clear();
    layerOf.clear();
    for (auto [i, launch] : llvm::enumerate(launches))
      for (Value result : launch.results)
        producer[result] = i;
    os << "  subgraph cluster_" << prefix << " {\n    label=" << quote(title) << "\n    peripheries=0\n";
    for (auto [i, argument] : llvm::enumerate(function.getArguments()))
      if (!argument.use_empty())
        drawPort("in", i, argumentName(function, i), argument.getType());
    std::vector<Repeat> repeats = findRepeats(launches);
    for (const Repeat &repeat : repeats) {
      layerOf.insert(layerOf.end(), repeat.length * repeat.count, repeat);
      drawRepeat(repeat);
    }
    for (size_t i = 0; i < launches.size(); ++i)
      for (Value input : launches[i].inputs)
        drawEdge(input, nodeOf(i), i);
    for (OpOperand &result : function.getBody().front().getTerminator()->getOpOperands()) {
      unsigned i = result.getOperandNumber();
      drawPort("out", i, resultName(function, i), result.get().getType());
      drawEdge(result.get(), prefix + "out" + std::to_string(i), std::nullopt);
    }
    os << "  }\n";
  }

  void drawLegend() {
    for (auto &[emitter, color] : colors)
      os << "  " << quote("emitter " + emitter) << " [fillcolor=\"" << color << "\" label=" << quote(emitter)
         << " shape=plaintext style=filled]\n";
  }

private:
  const codegen::Schedule &schedule;
  llvm::raw_ostream &os;
  llvm::MapVector<std::string, StringRef, llvm::StringMap<unsigned>> colors; // by emitter
  int numEntries = 0;
  std::string prefix; // of the nodes of the entry point that is drawn
  ArrayRef<codegen::Launch> launches;
  std::vector<Repeat> layerOf; // of each launch
  llvm::DenseMap<Value, size_t> producer;
  std::set<std::string> drawn; // edges

  void drawPort(const char *kind, size_t index, const std::string &name, Type type) {
    os << "    " << prefix << kind << index << " [shape=ellipse label=" << quote(name + "\n" + typeText(type)) << "]\n";
  }

  // A launch in a layer is drawn where it is in the first one.
  std::string nodeOf(size_t launch) const {
    const Repeat &repeat = layerOf[launch];
    return prefix + "l" + std::to_string(repeat.first + (launch - repeat.first) % repeat.length);
  }
  size_t layerIndex(size_t launch) const { return (launch - layerOf[launch].first) / layerOf[launch].length; }

  // The part that it is; where names have no structure, its beginning.
  std::string layerName(const Repeat &repeat, size_t layer) const {
    ArrayRef<codegen::Launch> ofLayer = launches.slice(repeat.first + layer * repeat.length, repeat.length);
    std::string part = commonPart(ofLayer);
    return part.empty() ? describePlace(ofLayer.front().op->getLoc()) : part;
  }

  void drawRepeat(const Repeat &repeat) {
    if (repeat.count > 1) {
      std::string first = layerName(repeat, 0), last = layerName(repeat, repeat.count - 1);
      std::string label = "x" + std::to_string(repeat.count) + (first == last ? "" : "   " + first + " .. " + last);
      os << "    subgraph cluster_" << prefix << repeat.first << " {\n    label=" << quote(label)
         << "\n    style=\"rounded,filled\" color=\"#888888\" fillcolor=\"#f4f4f4\" labeljust=l\n";
    }
    for (size_t i = repeat.first; i < repeat.first + repeat.length; ++i)
      drawKernel(i);
    if (repeat.count > 1)
      os << "    }\n";
  }

  void drawKernel(size_t index) {
    const codegen::Launch &launch = launches[index];
    const codegen::ScheduledKernel &kernel = schedule.kernels[launch.kernel];
    std::string emitter = kernel.emitter->name().str();
    StringRef color = colors.try_emplace(emitter, kColors[colors.size() % std::size(kColors)]).first->second;
    int64_t stored = 0;
    for (Value input : launch.inputs)
      if (isa_and_nonnull<LoadParamOp>(codegen::rootOf(input).getDefiningOp()))
        stored += countBytes(input.getType());
    std::string label = wrap(kernel.description, "+ ") + "\n";
    if (std::string place = describePlace(launch.op->getLoc()); !place.empty())
      label += wrap(place, ", ") + "\n";
    label += "k" + std::to_string(launch.kernel) + " " + emitter;
    if (kernel.flops)
      label += ", " + flopsText(kernel.flops);
    if (stored)
      label += ", weights " + bytesText(stored);
    os << "    " << nodeOf(index) << " [fillcolor=\"" << color << "\" label=" << quote(label) << "]\n";
  }

  // Of `value`, which `node` reads, that stands for launch `reader` or for a result.
  void drawEdge(Value value, const std::string &node, std::optional<size_t> reader) {
    Value root = codegen::rootOf(value);
    std::string from, style, label = typeText(root.getType());
    if (auto argument = dyn_cast<BlockArgument>(root)) {
      from = prefix + "in" + std::to_string(argument.getArgNumber());
    } else if (auto found = producer.find(root); found != producer.end()) {
      size_t writer = found->second;
      const Repeat &repeat = layerOf[writer];
      from = nodeOf(writer);
      bool isWithin = reader && *reader >= repeat.first && *reader < repeat.first + repeat.length * repeat.count;
      if (isWithin && layerIndex(writer) != layerIndex(*reader)) {
        style = " style=dashed constraint=false";
        label = "to the next";
      } else if (!isWithin && layerIndex(writer) + 1 != repeat.count) {
        style = " style=dashed";
        label += "\n" + std::to_string(layerIndex(writer) + 1) + " of " + std::to_string(repeat.count);
      }
    } else {
      return; // stored
    }
    std::string edge = from + " -> " + node;
    if (drawn.insert(edge + label).second)
      os << "    " << edge << " [label=" << quote(label) << style << "]\n";
  }
};

} // namespace

std::string describeGraph(const Compilation &compilation) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "digraph model {\n  node [shape=box style=\"rounded,filled\" fillcolor=white fontname=Helvetica fontsize=11]\n"
        "  edge [fontname=Helvetica fontsize=9]\n  graph [fontname=Helvetica fontsize=12]\n";
  const TargetCode &code = compilation.codes[0];
  Drawing drawing(*code.schedule, os);
  llvm::MapVector<StringRef, std::vector<size_t>> buckets; // of each entry point
  SmallVector<func::FuncOp> functions;
  for (func::FuncOp function : compilation.module.get().getOps<func::FuncOp>())
    if (function->hasAttr(kEntryAttr))
      functions.push_back(function);
  for (auto [i, entry] : llvm::enumerate(code.schedule->entries))
    buckets[entry.name].push_back(i);
  for (auto &[name, indices] : buckets) {
    const codegen::EntrySchedule &entry = code.schedule->entries[indices.front()];
    int64_t flops = 0;
    for (const codegen::Launch &launch : entry.launches)
      flops += code.schedule->kernels[launch.kernel].flops;
    std::string title =
        "entry point " + name.str() +
        (indices.size() > 1 ? ", the first of " + std::to_string(indices.size()) + " shape buckets" : "") + ": " +
        std::to_string(entry.launches.size()) + " launches, " + flopsText(flops) + ", arena " +
        bytesText(entry.memory.arenaBytes) + ", for " + code.target.name;
    drawing.draw(functions[indices.front()], entry, title);
  }
  drawing.drawLegend();
  os << "}\n";
  return text;
}

FailureOr<std::string> drawGraph(MLIRContext &context, StringRef graph) {
  llvm::ErrorOr<std::string> dot = llvm::sys::findProgramByName("dot");
  if (!dot)
    return fail(context, "an .svg is drawn by Graphviz, whose program 'dot' is not in PATH: install Graphviz, or give "
                         "-o FILE.dot");
  llvm::SmallString<128> in, out, errors;
  for (auto *path : {&in, &out, &errors})
    if (std::error_code error = llvm::sys::fs::createTemporaryFile("mlc-graph", "txt", *path))
      return fail(context, "cannot make a temporary file: " + error.message());
  llvm::FileRemover removeIn(in), removeOut(out), removeErrors(errors);
  std::error_code error;
  llvm::raw_fd_ostream(in, error) << graph;
  std::optional<StringRef> redirects[] = {StringRef(in), StringRef(out), StringRef(errors)};
  std::string problem;
  int status = llvm::sys::ExecuteAndWait(*dot, {*dot, "-Tsvg"}, std::nullopt, redirects, 0, 0, &problem);
  auto said = llvm::MemoryBuffer::getFile(errors), svg = llvm::MemoryBuffer::getFile(out);
  if (status || !svg || (*svg)->getBuffer().empty())
    return fail(context, "'" + *dot + " -Tsvg' failed (status " + Twine(status) + ")" +
                             (problem.empty() ? "" : ": " + problem) +
                             (said && !(*said)->getBuffer().empty() ? ": " + (*said)->getBuffer().rtrim() : ""));
  return (*svg)->getBuffer().str();
}

} // namespace mlc
