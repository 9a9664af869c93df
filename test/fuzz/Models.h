// Small models to damage, and changes to the messages of one.
#ifndef MLC_TEST_FUZZ_MODELS_H
#define MLC_TEST_FUZZ_MODELS_H

#include "test/fuzz/Mutator.h"
#include "test/fuzz/onnx_reflected.pb.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace mlc::test {

// A CNN and an encoder in miniature; shapes computed in the graph, as exporters do; a model-local function.
inline constexpr const char *kModel = R"pb(
  ir_version: 8
  opset_import { version: 17 }
  opset_import { domain: "local" version: 1 }
  graph {
    name: "g"
    input { name: "image" type { tensor_type { elem_type: 1 shape { dim { dim_param: "n" } dim { dim_value: 2 }
                                                                    dim { dim_value: 8 } dim { dim_value: 8 } } } } }
    input { name: "ids" type { tensor_type { elem_type: 7 shape { dim { dim_param: "n" } dim { dim_value: 3 } } } } }
    output { name: "scores" type { tensor_type { elem_type: 1 } } }
    output { name: "encoded" type { tensor_type { elem_type: 1 } } }
    node { op_type: "Conv" input: "image" input: "w" output: "c" name: "conv"
           attribute { name: "pads" type: INTS ints: 1 ints: 1 ints: 1 ints: 1 }
           attribute { name: "strides" type: INTS ints: 2 ints: 2 } }
    node { op_type: "BatchNormalization" input: "c" input: "four" input: "four" input: "four" input: "four"
           output: "bn" attribute { name: "epsilon" type: FLOAT f: 1e-5 } }
    node { op_type: "Relu" input: "bn" output: "r" }
    node { op_type: "MaxPool" input: "r" output: "p" attribute { name: "kernel_shape" type: INTS ints: 2 ints: 2 }
           attribute { name: "strides" type: INTS ints: 2 ints: 2 } }
    node { op_type: "GlobalAveragePool" input: "p" output: "ga" }
    node { op_type: "Flatten" input: "ga" output: "flat" attribute { name: "axis" type: INT i: 1 } }
    node { op_type: "Gemm" input: "flat" input: "gw" input: "five" output: "logits"
           attribute { name: "transB" type: INT i: 1 } }
    node { op_type: "Softmax" input: "logits" output: "scores" attribute { name: "axis" type: INT i: -1 } }
    node { op_type: "Gather" input: "table" input: "ids" output: "e" attribute { name: "axis" type: INT i: 0 } }
    node { op_type: "LayerNormalization" input: "e" input: "four" input: "four" output: "ln" }
    node { op_type: "Shape" input: "ln" output: "shape" }
    node { op_type: "Gather" input: "shape" input: "zero" output: "batch" }
    node { op_type: "Unsqueeze" input: "batch" input: "axis0" output: "batch1" }
    node { op_type: "Concat" input: "batch1" input: "rest" output: "target" attribute { name: "axis" type: INT i: 0 } }
    node { op_type: "Reshape" input: "ln" input: "target" output: "heads" }
    node { op_type: "Transpose" input: "heads" output: "kt"
           attribute { name: "perm" type: INTS ints: 0 ints: 2 ints: 3 ints: 1 } }
    node { op_type: "Transpose" input: "heads" output: "q"
           attribute { name: "perm" type: INTS ints: 0 ints: 2 ints: 1 ints: 3 } }
    node { op_type: "MatMul" input: "q" input: "kt" output: "qk" }
    node { op_type: "Softmax" input: "qk" output: "prob" }
    node { op_type: "MatMul" input: "prob" input: "q" output: "ctx" }
    node { op_type: "Squash" domain: "local" input: "ctx" output: "squashed" }
    node { op_type: "ReduceMean" input: "squashed" output: "encoded"
           attribute { name: "axes" type: INTS ints: 1 } attribute { name: "keepdims" type: INT i: 0 } }
    initializer { name: "zero" data_type: 7 int64_data: 0 }
    initializer { name: "axis0" data_type: 7 dims: 1 int64_data: 0 }
    initializer { name: "rest" data_type: 7 dims: 3 int64_data: -1 int64_data: 2 int64_data: 2 }
    initializer { name: "four" data_type: 1 dims: 4 float_data: 1 float_data: 2 float_data: 3 float_data: 4 }
    initializer { name: "five" data_type: 1 dims: 5
                  raw_data: "\0\0\200?\0\0\200?\0\0\200?\0\0\200?\0\0\200?" }
  }
  functions {
    name: "Squash" domain: "local" input: "x" output: "y" opset_import { version: 17 }
    node { op_type: "Constant" output: "one" attribute { name: "value" type: TENSOR
           t { data_type: 1 float_data: 1 } } }
    node { op_type: "Add" input: "x" input: "one" output: "x1" }
    node { op_type: "Clip" input: "x1" input: "one" output: "clipped" }
    node { op_type: "Erf" input: "clipped" output: "y" }
  })pb";

inline onnx_reflected::ModelProto makeModel() {
  onnx_reflected::ModelProto model;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(kModel, &model));
  auto weight = [&](const char *name, std::vector<int64_t> dims) {
    onnx_reflected::TensorProto *tensor = model.mutable_graph()->add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(onnx_reflected::TensorProto::FLOAT);
    int64_t count = 1;
    for (int64_t dim : dims) {
      tensor->add_dims(dim);
      count *= dim;
    }
    std::vector<float> values(static_cast<size_t>(count), 0.25f);
    tensor->set_raw_data(values.data(), values.size() * 4);
  };
  weight("w", {4, 2, 3, 3});
  weight("gw", {5, 4});
  weight("table", {10, 4});
  return model;
}

// Changes one field somewhere in the message, through its reflection: the result always parses, so that the importer,
// not the parser, has to cope.
class MessageMutator {
public:
  MessageMutator(Mutator &random, const std::vector<std::string> &words) : random(random), words(words) {}

  void change(google::protobuf::Message &message) {
    const google::protobuf::Reflection &reflection = *message.GetReflection();
    std::vector<const google::protobuf::FieldDescriptor *> fields;
    reflection.ListFields(message, &fields);
    if (fields.empty() || random.chance(12))
      return set(message, *message.GetDescriptor()->field(static_cast<int>(
                              random.below(static_cast<uint64_t>(message.GetDescriptor()->field_count())))));
    const google::protobuf::FieldDescriptor &field = *fields[random.below(fields.size())];
    if (!field.is_repeated()) {
      if (field.cpp_type() == field.CPPTYPE_MESSAGE && !random.chance(20))
        return change(*reflection.MutableMessage(&message, &field));
      return random.chance(6) ? reflection.ClearField(&message, &field) : set(message, field);
    }
    const int size = reflection.FieldSize(message, &field);
    const int at = static_cast<int>(random.below(static_cast<uint64_t>(size)));
    if (random.chance(10))
      return reflection.RemoveLast(&message, &field);
    if (random.chance(10))
      return reflection.SwapElements(&message, &field, at, size - 1);
    if (field.cpp_type() == field.CPPTYPE_MESSAGE)
      return change(*reflection.MutableRepeatedMessage(&message, &field, at));
    setRepeated(message, field, at);
  }

private:
  const std::string &word() { return words[random.below(words.size())]; }

  void set(google::protobuf::Message &message, const google::protobuf::FieldDescriptor &field) {
    const google::protobuf::Reflection &reflection = *message.GetReflection();
    if (field.is_repeated())
      return add(message, field);
    switch (field.cpp_type()) {
    case google::protobuf::FieldDescriptor::CPPTYPE_INT32:
      return reflection.SetInt32(&message, &field, static_cast<int32_t>(smallOrTricky()));
    case google::protobuf::FieldDescriptor::CPPTYPE_INT64:
      return reflection.SetInt64(&message, &field, smallOrTricky());
    case google::protobuf::FieldDescriptor::CPPTYPE_UINT64:
      return reflection.SetUInt64(&message, &field, static_cast<uint64_t>(smallOrTricky()));
    case google::protobuf::FieldDescriptor::CPPTYPE_FLOAT:
      return reflection.SetFloat(&message, &field, static_cast<float>(smallOrTricky()));
    case google::protobuf::FieldDescriptor::CPPTYPE_ENUM:
      return reflection.SetEnumValue(&message, &field, static_cast<int>(random.below(18)));
    case google::protobuf::FieldDescriptor::CPPTYPE_STRING: return reflection.SetString(&message, &field, word());
    case google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE: reflection.MutableMessage(&message, &field); return;
    default: return;
    }
  }

  void add(google::protobuf::Message &message, const google::protobuf::FieldDescriptor &field) {
    const google::protobuf::Reflection &reflection = *message.GetReflection();
    switch (field.cpp_type()) {
    case google::protobuf::FieldDescriptor::CPPTYPE_INT32:
      return reflection.AddInt32(&message, &field, static_cast<int32_t>(smallOrTricky()));
    case google::protobuf::FieldDescriptor::CPPTYPE_INT64:
      return reflection.AddInt64(&message, &field, smallOrTricky());
    case google::protobuf::FieldDescriptor::CPPTYPE_FLOAT: return reflection.AddFloat(&message, &field, 1.5f);
    case google::protobuf::FieldDescriptor::CPPTYPE_STRING: return reflection.AddString(&message, &field, word());
    case google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE: reflection.AddMessage(&message, &field); return;
    default: return;
    }
  }

  void setRepeated(google::protobuf::Message &message, const google::protobuf::FieldDescriptor &field, int at) {
    const google::protobuf::Reflection &reflection = *message.GetReflection();
    switch (field.cpp_type()) {
    case google::protobuf::FieldDescriptor::CPPTYPE_INT32:
      return reflection.SetRepeatedInt32(&message, &field, at, static_cast<int32_t>(smallOrTricky()));
    case google::protobuf::FieldDescriptor::CPPTYPE_INT64:
      return reflection.SetRepeatedInt64(&message, &field, at, smallOrTricky());
    case google::protobuf::FieldDescriptor::CPPTYPE_FLOAT:
      return reflection.SetRepeatedFloat(&message, &field, at, static_cast<float>(smallOrTricky()));
    case google::protobuf::FieldDescriptor::CPPTYPE_STRING:
      return reflection.SetRepeatedString(&message, &field, at, word());
    default: return;
    }
  }

  int64_t smallOrTricky() {
    return random.chance(3) ? random.trickyNumber() : static_cast<int64_t>(random.below(9)) - 3;
  }

  Mutator &random;
  const std::vector<std::string> &words;
};

// Names of values, ops and attributes: changing one into another makes models that nearly fit.
inline std::vector<std::string> collectWords(const onnx_reflected::ModelProto &model) {
  std::vector<std::string> words = {"",
                                    "local",
                                    "n",
                                    "Add",
                                    "Split",
                                    "Slice",
                                    "Pad",
                                    "Expand",
                                    "Range",
                                    "ConstantOfShape",
                                    "Tile",
                                    "AveragePool",
                                    "ConvTranspose",
                                    "Resize",
                                    "Where",
                                    "Cast",
                                    "Trilu",
                                    "TopK",
                                    "If",
                                    "Loop",
                                    "ScatterND",
                                    "Einsum",
                                    "ArgMax",
                                    "Pow",
                                    "Div",
                                    "Mod",
                                    "Squeeze",
                                    "SAME_UPPER",
                                    "dilations",
                                    "group",
                                    "auto_pad",
                                    "ceil_mode",
                                    "axes"};
  for (const onnx_reflected::NodeProto &node : model.graph().node()) {
    words.push_back(node.op_type());
    words.insert(words.end(), node.input().begin(), node.input().end());
    words.insert(words.end(), node.output().begin(), node.output().end());
    for (const onnx_reflected::AttributeProto &attribute : node.attribute())
      words.push_back(attribute.name());
  }
  for (const onnx_reflected::TensorProto &tensor : model.graph().initializer())
    words.push_back(tensor.name());
  return words;
}

inline constexpr const char *kConfig =
    R"({"model_type": "bert", "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8,
        "max_position_embeddings": 6, "hidden_act": "gelu", "layer_norm_eps": 1e-12, "is_decoder": false,
        "position_embedding_type": "absolute"})";
inline constexpr const char *kModules =
    R"([{"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}])";
inline constexpr const char *kPooling = R"({"pooling_mode_mean_tokens": true, "pooling_mode_cls_token": false})";

// The tensors of a BERT encoder of one layer with kConfig's sizes.
inline std::string makeSafetensors() {
  nlohmann::ordered_json header;
  uint64_t offset = 0;
  auto add = [&](const std::string &name, std::vector<int64_t> shape) {
    uint64_t bytes = 4;
    for (int64_t dim : shape)
      bytes *= static_cast<uint64_t>(dim);
    header[name] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {offset, offset + bytes}}};
    offset += bytes;
  };
  auto addDense = [&](const std::string &name, int64_t out, int64_t in) {
    add(name + ".weight", {out, in});
    add(name + ".bias", {out});
  };
  auto addNorm = [&](const std::string &name) {
    add(name + ".weight", {4});
    add(name + ".bias", {4});
  };
  add("embeddings.word_embeddings.weight", {10, 4});
  add("embeddings.position_embeddings.weight", {6, 4});
  add("embeddings.token_type_embeddings.weight", {2, 4});
  addNorm("embeddings.LayerNorm");
  const std::string layer = "encoder.layer.0.";
  for (const char *which : {"query", "key", "value"})
    addDense(layer + "attention.self." + which, 4, 4);
  addDense(layer + "attention.output.dense", 4, 4);
  addNorm(layer + "attention.output.LayerNorm");
  addDense(layer + "intermediate.dense", 8, 4);
  addDense(layer + "output.dense", 4, 8);
  addNorm(layer + "output.LayerNorm");
  const std::string text = header.dump();
  const uint64_t length = text.size();
  return std::string(reinterpret_cast<const char *>(&length), 8) + text + std::string(offset, '\x3e');
}

} // namespace mlc::test

#endif // MLC_TEST_FUZZ_MODELS_H
