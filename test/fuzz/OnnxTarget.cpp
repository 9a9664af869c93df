// libFuzzer target: the bytes of an ONNX file, through import.
#include "support/Check.h"
#include "test/fuzz/FuzzTarget.h"
#include "test/fuzz/Importing.h"
#include "test/fuzz/Models.h"

#include <google/protobuf/stubs/logging.h>

using namespace mlc;
using namespace mlc::test;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const ImportOptions options = [] {
    ImportOptions made;
    made.shapes.push_back(llvm::cantFail(parseShapeBinding("n=2,N=2,batch=2,seq=3")));
    // What external data may name.
    writeBytes(scratchFolder() / "w", std::string(64, '\x3e'));
    return made;
  }();
  const std::filesystem::path path = scratchFolder() / "m.onnx";
  writeBytes(path, {reinterpret_cast<const char *>(data), size});
  const Imported imported = importOnce(path.string(), options);
  MLC_CHECK(imported.fault.empty(), imported.fault.c_str());
  return 0;
}

// Mostly changes of fields, so that what comes out parses; now and then of bytes, for the parsers.
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned seed) {
  google::protobuf::LogSilencer silence;
  Mutator mutator(seed);
  onnx_reflected::ModelProto model;
  if (mutator.chance(8) || !model.ParsePartialFromArray(data, static_cast<int>(size)))
    return LLVMFuzzerMutate(data, size, maxSize);
  const std::vector<std::string> words = collectWords(model);
  for (uint64_t changes = 1 + mutator.below(3); changes > 0; --changes)
    MessageMutator(mutator, words).change(model);
  return giveBack(model.SerializePartialAsString(), data, size, maxSize);
}

// The nodes and tensors of both, so that ops meet what other models compute.
extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2,
                                            uint8_t *out, size_t maxSize, unsigned seed) {
  google::protobuf::LogSilencer silence;
  onnx_reflected::ModelProto model, other;
  if (!model.ParsePartialFromArray(data1, static_cast<int>(size1)) ||
      !other.ParsePartialFromArray(data2, static_cast<int>(size2)))
    return 0;
  model.mutable_graph()->mutable_node()->MergeFrom(other.graph().node());
  model.mutable_graph()->mutable_initializer()->MergeFrom(other.graph().initializer());
  return giveBack(model.SerializePartialAsString(), out, 0, maxSize);
}

void mlc::test::writeSeeds(const std::filesystem::path &folder) {
  writeBytes(folder / "model.onnx", makeModel().SerializeAsString());
}
