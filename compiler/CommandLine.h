// The options of mlc-opt: each declared once, here. LLVM keeps them in one registry a process.
#ifndef MLC_COMPILER_COMMANDLINE_H
#define MLC_COMPILER_COMMANDLINE_H

#include "compiler/Compile.h"
#include "mlir/IR/DialectRegistry.h"
#include "llvm/Support/CommandLine.h"

namespace mlc {

enum class CodePlace { Embedded, External };
enum class Precision { Keep, BF16 };

struct CommandLine {
  llvm::cl::OptionCategory compiling{"Options to compile"};
  llvm::cl::OptionCategory evaluating{"Options to evaluate by the reference interpreter"};
  llvm::cl::OptionCategory looking{"Options to look into a compilation"};

  llvm::cl::opt<std::string> input{llvm::cl::Positional,
                                   llvm::cl::desc("<model.onnx | checkpoint | zoo:NAME | IR.mlir>"),
                                   llvm::cl::init("-"), llvm::cl::cat(compiling)};
  llvm::cl::opt<std::string> output{"o", llvm::cl::desc("Output file; - is stdout"), llvm::cl::value_desc("file"),
                                    llvm::cl::init("-"), llvm::cl::cat(compiling)};
  llvm::cl::list<std::string> shapes{"shape",
                                     llvm::cl::desc("Binds symbolic dimensions (batch=8,seq=128) or an input's shape "
                                                    "(ids=8x128); repeat for one shape bucket each"),
                                     llvm::cl::value_desc("binding"), llvm::cl::cat(compiling)};
  llvm::cl::opt<std::string> pad{
      "pad",
      llvm::cl::desc("Dimensions that --shape binds in which a run may be smaller: inputs are filled up with zeros to "
                     "the smallest bucket that they fit into, outputs are cut. mask=INPUT, whose zeros hide what is "
                     "filled up, is needed unless positions do not see each other, as in a batch"),
      llvm::cl::value_desc("dimension,...,mask=INPUT"), llvm::cl::cat(compiling)};
  llvm::cl::list<std::string> constants{"const", llvm::cl::desc("Freezes an input of an ONNX model to a value"),
                                        llvm::cl::value_desc("NAME=FILE.npy"), llvm::cl::cat(compiling)};
  llvm::cl::opt<Head> head{
      "head", llvm::cl::desc("What a checkpoint's network ends in:"), llvm::cl::init(Head::Auto),
      llvm::cl::values(
          clEnumValN(Head::Auto, "auto", "what modules.json says, else what it was saved with (default)"),
          clEnumValN(Head::None, "none", "last_hidden_state alone"),
          clEnumValN(Head::Mean, "mean", "sentence_embedding: the mean over the mask"),
          clEnumValN(Head::FirstToken, "cls", "sentence_embedding: the first token"),
          clEnumValN(Head::Pooler, "pooler", "pooler_output: tanh of a dense layer on the first token"),
          clEnumValN(Head::MaskedLm, "masked-lm", "logits [batch, seq, vocabulary]"),
          clEnumValN(Head::PreTraining, "pretraining", "the logits that bert or electra is trained by"),
          clEnumValN(Head::SequenceClassification, "sequence-classification", "logits [batch, labels]"),
          clEnumValN(Head::TokenClassification, "token-classification", "logits [batch, seq, labels]"),
          clEnumValN(Head::QuestionAnswering, "question-answering", "start_logits, end_logits [batch, seq]"),
          clEnumValN(Head::ImageClassification, "image-classification", "logits [batch, labels]")),
      llvm::cl::cat(compiling)};
  llvm::cl::list<std::string> keep{
      "keep", llvm::cl::CommaSeparated,
      llvm::cl::desc("Intermediate values as further outputs: nodes or values of an ONNX model, parts of another "
                     "(encoder.layer.0)"),
      llvm::cl::value_desc("name,..."), llvm::cl::cat(compiling)};
  llvm::cl::opt<std::string> unpad{
      "unpad",
      llvm::cl::ValueOptional,
      llvm::cl::desc(
          "Compute only the tokens that the attention mask keeps. The module holds a bucket for each of "
          "these numbers of tokens (auto by default), and a run takes the smallest that its mask's fit into"),
      llvm::cl::value_desc("auto | off | tokens,..."),
      llvm::cl::init("off"),
      llvm::cl::cat(compiling)};
  llvm::cl::opt<Precision> precision{
      "precision", llvm::cl::desc("Element type of products in f32, and of what kernels hand to each other:"),
      llvm::cl::init(Precision::Keep),
      llvm::cl::values(clEnumValN(Precision::Keep, "keep", "the model's (default)"),
                       clEnumValN(Precision::BF16, "bf16",
                                  "bf16, summed in f32; inputs and outputs keep their types (docs/numerics.md)")),
      llvm::cl::cat(compiling)};
  llvm::cl::opt<std::string> targetCpu{
      "target-cpu",
      llvm::cl::desc("x86-64-v3, x86-64-v4, either with features (x86-64-v4+avx512bf16), or native (default); several "
                     "with commas between: the module runs the best one that the CPU has"),
      llvm::cl::init("native"), llvm::cl::cat(compiling)};
  llvm::cl::opt<std::string> winograd{
      "winograd",
      llvm::cl::desc(
          "3x3 convolutions by Winograd's filtering: off, f2 or f4 (2x2 or 4x4 results at a time, all that can "
          "be), or auto (default): where it is faster; f32 stays within 1e-5 of f64, relative L2"),
      llvm::cl::value_desc("off|f2|f4|auto"), llvm::cl::init("auto"), llvm::cl::cat(compiling)};
  llvm::cl::opt<bool> fastMatmul{
      "fast-matmul",
      llvm::cl::desc("Large f32 matrix products by one level of Strassen's algorithm: about 1.1x as fast, with larger "
                     "weights and rounding errors; --report lists them"),
      llvm::cl::cat(compiling)};
  llvm::cl::opt<std::string> tune{
      "tune",
      llvm::cl::ValueOptional,
      llvm::cl::desc("Measure on this machine which schedule of each kernel is the fastest, for so many seconds (60 "
                     "where none are given), and keep what was found beside the cache of kernels; cached: use what was "
                     "found earlier, measure nothing"),
      llvm::cl::value_desc("seconds | cached | off"),
      llvm::cl::init("off"),
      llvm::cl::cat(compiling)};
  llvm::cl::opt<std::string> schedules{
      "schedules", llvm::cl::desc("Build kernels with the schedules of a file that --export-schedules wrote"),
      llvm::cl::value_desc("file.json"), llvm::cl::cat(compiling)};
  llvm::cl::opt<std::string> exportSchedules{
      "export-schedules", llvm::cl::desc("Write the schedules of the kernels that have a choice, with all choices"),
      llvm::cl::value_desc("file.json"), llvm::cl::cat(compiling)};
  llvm::cl::opt<Emit> emit{"emit", llvm::cl::desc("What to write:"), llvm::cl::init(Emit::Module),
                           llvm::cl::values(clEnumValN(Emit::Module, "module", "a module for mlc-run (default)"),
                                            clEnumValN(Emit::Mlir, "mlir", "IR behind the graph phases"),
                                            clEnumValN(Emit::Graph, "graph",
                                                       "a picture of the kernels: Graphviz's language, or SVG where "
                                                       "the output is named *.svg"),
                                            clEnumValN(Emit::Llvm, "llvm", "LLVM IR of all kernels, optimised"),
                                            clEnumValN(Emit::Asm, "asm", "assembly of all kernels"),
                                            clEnumValN(Emit::Obj, "obj", "an object file of all kernels")),
                           llvm::cl::cat(compiling)};
  llvm::cl::opt<std::string> compileTo{"compile-to", llvm::cl::desc("Stop behind a phase and print what it made"),
                                       llvm::cl::value_desc("phase"), llvm::cl::cat(looking)};
  llvm::cl::opt<std::string> compileFrom{"compile-from",
                                         llvm::cl::desc("The input is IR behind this phase: import, simplify, "
                                                        "precision, layout or fuse"),
                                         llvm::cl::value_desc("phase"), llvm::cl::cat(looking)};
  llvm::cl::opt<bool> report{"report",
                             llvm::cl::desc("Print kernels (ops, precision, emitter, layout, bytes, work), memory, "
                                            "copies, weights; without -o, only that"),
                             llvm::cl::cat(looking)};
  llvm::cl::opt<CodePlace> code{
      "code", llvm::cl::desc("Where the module's code goes:"), llvm::cl::init(CodePlace::Embedded),
      llvm::cl::values(clEnumValN(CodePlace::Embedded, "embedded", "into the module (default)"),
                       clEnumValN(CodePlace::External, "external",
                                  "into MODULE.so beside it, for sites that sign code or forbid it in memory")),
      llvm::cl::cat(compiling)};
  llvm::cl::opt<bool> timing{"timing", llvm::cl::desc("Print the time of each phase"), llvm::cl::cat(looking)};

  llvm::cl::list<std::string> addPasses{
      "add-passes", llvm::cl::desc("Run these passes at the end of a phase on IR, to try a pass in its place"),
      llvm::cl::value_desc("phase:pipeline"), llvm::cl::cat(looking)};
  llvm::cl::opt<unsigned> jobs{"jobs", llvm::cl::desc("Threads that generate code; 0 (default): all"),
                               llvm::cl::value_desc("n"), llvm::cl::init(0), llvm::cl::cat(compiling)};

  llvm::cl::opt<bool> noCache{"no-cache",
                              llvm::cl::desc("Neither use nor fill the cache of kernels: $MLC_CACHE_DIR (`off`: none), "
                                             "else $XDG_CACHE_HOME/mlc or ~/.cache/mlc"),
                              llvm::cl::cat(compiling)};
  llvm::cl::opt<bool> check{"check", llvm::cl::desc("Report what is not supported, memory, kernels; compile nothing"),
                            llvm::cl::cat(looking)};

  llvm::cl::opt<bool> listOnnxOps{
      "list-onnx-ops",
      llvm::cl::desc("Print the ops of ONNX that are read, the first opset and the limits of "
                     "each"),
      llvm::cl::cat(looking)};
  llvm::cl::opt<bool> listZoo{"list-zoo", llvm::cl::desc("Print the models of zoo: and what can be chosen about each"),
                              llvm::cl::cat(looking)};

  llvm::cl::opt<bool> interpret{"interpret",
                                llvm::cl::desc("Evaluate the model with the reference interpreter; -o OUT.npz"),
                                llvm::cl::cat(evaluating)};
  llvm::cl::opt<bool> interpretF64{"interpret-f64", llvm::cl::desc("As --interpret, in f64 throughout"),
                                   llvm::cl::cat(evaluating)};
  llvm::cl::opt<std::string> compareWith{
      "compare-with",
      llvm::cl::desc("Are the numbers those of this model? Both are interpreted; what is given as passes or "
                     "--compile-to is done to the first"),
      llvm::cl::value_desc("model"), llvm::cl::cat(evaluating)};
  llvm::cl::opt<bool> perOpCompare{"per-op-compare",
                                   llvm::cl::desc("Compile, and find the first kernel that disagrees with the "
                                                  "reference interpreter"),
                                   llvm::cl::cat(evaluating)};
  llvm::cl::opt<bool> bisect{"bisect",
                             llvm::cl::desc("Find the first pass that changes the model's numbers or fails; where "
                                            "none does, the first kernel that disagrees"),
                             llvm::cl::cat(evaluating)};
  llvm::cl::opt<double> tolerance{
      "tolerance",
      llvm::cl::desc("Largest relative L2 difference of --compare-with, --per-op-compare and --bisect; default: f32 "
                     "1e-6, 1e-5 and 1e-5, f64 1e-13, f16 4e-3, bf16 3e-2"),
      llvm::cl::cat(evaluating)};
  llvm::cl::list<std::string> inputs{
      "input",
      llvm::cl::desc("Input of --interpret and of comparisons, which make random ones where it is missing; an .npz "
                     "names its tensors"),
      llvm::cl::value_desc("NAME=FILE.npy | NAME=random:SEED | FILE.npz"), llvm::cl::cat(evaluating)};
  llvm::cl::opt<std::string> entry{"entry", llvm::cl::desc("Entry point of --interpret and of comparisons"),
                                   llvm::cl::init("infer"), llvm::cl::cat(evaluating)};

  // The name of an option, given, that is none of these: one of LLVM's or MLIR's own. Empty where there is none.
  llvm::StringRef foreignOption() const;
  // Is this a command about a model, rather than passes over IR?
  bool isAboutModel() const;
  // Does it say one thing, with values, that overwrites nothing that is read? Fails with a message on stderr.
  mlir::LogicalResult validate() const;
  // Fails with a message on stderr.
  mlir::FailureOr<CompileOptions> compileOptions() const;
};

// Parses `argv`; declares the options when first called. Null after an error whose message was printed.
const CommandLine *parseCommandLine(int argc, const char *const *argv, mlir::DialectRegistry &registry);

} // namespace mlc

#endif // MLC_COMPILER_COMMANDLINE_H
