// Tensors of an ONNX file are read where they are; what is ambiguous on the wire is what the parser makes of it.
#include "frontend/onnx/ModelFile.h"
#include "test/unit/FolderTest.h"

#include <numeric>

namespace mlc::frontend {
namespace {

// A length-delimited field on the wire.
std::string field(int number, const std::string &content) {
  std::string bytes(1, char(number << 3 | 2));
  size_t size = content.size();
  for (; size > 0x7F; size >>= 7)
    bytes.push_back(char(size & 0x7F) | char(0x80));
  bytes.push_back(char(size));
  return bytes + content;
}

class ModelFileTest : public test::FolderTest {
protected:
  onnx::ModelProto model;
  ModelFileTest() {
    model.add_opset_import()->set_version(17);
    model.mutable_graph()->set_name("g");
  }

  static std::vector<float> numbers(size_t count, float first) {
    std::vector<float> values(count);
    std::iota(values.begin(), values.end(), first);
    return values;
  }
  static std::string bytesOf(const std::vector<float> &values) {
    return {reinterpret_cast<const char *>(values.data()), values.size() * sizeof(float)};
  }
  static void describe(onnx::TensorProto &tensor, size_t count) {
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    tensor.add_dims(int64_t(count));
  }

  std::unique_ptr<ModelFile> load(const std::string &bytes) {
    auto file = ModelFile::load(put("m.onnx", bytes));
    EXPECT_TRUE(file.ok()) << file.message();
    return file.ok() ? std::move(*file) : nullptr;
  }
  static std::vector<float> read(ModelFile &file, const onnx::TensorProto &tensor, bool inPlace) {
    auto data = file.read(tensor);
    EXPECT_TRUE(data.ok()) << data.message();
    EXPECT_EQ(!data->file.empty(), inPlace);
    EXPECT_EQ(tensor.raw_data().size() + size_t(tensor.float_data_size()),
              inPlace ? 0 : size_t(data->tensor.numElements()));
    const float *first = reinterpret_cast<const float *>(data->tensor.bytes());
    return {first, first + data->tensor.numElements()};
  }
};

TEST_F(ModelFileTest, SmallAndLargeOnesAreReadInPlace) {
  for (size_t count : {1, 255, 256, 257, 100000})
    for (bool raw : {true, false}) {
      onnx::TensorProto &tensor = *model.mutable_graph()->add_initializer();
      std::vector<float> values = numbers(count, float(raw));
      describe(tensor, count);
      if (raw)
        tensor.set_raw_data(bytesOf(values));
      else
        tensor.mutable_float_data()->Assign(values.begin(), values.end());
    }
  std::string bytes = model.SerializeAsString();
  EXPECT_LT(withoutTensorContents(std::as_bytes(std::span(bytes))).size(), 10 * 1100u);
  auto file = load(bytes);
  ASSERT_TRUE(file);
  for (int i = 0; i < 10; ++i) {
    const onnx::TensorProto &tensor = file->proto().graph().initializer(i);
    EXPECT_EQ(read(*file, tensor, /*inPlace=*/true), numbers(size_t(tensor.dims(0)), float(i % 2 == 0)));
  }
}

TEST_F(ModelFileTest, AttributesOfNestedGraphs) {
  onnx::GraphProto *graph = model.mutable_graph();
  for (int depth = 0; depth < 3; ++depth) {
    onnx::NodeProto &node = *graph->add_node();
    onnx::AttributeProto &value = *node.add_attribute(), &body = *node.add_attribute();
    describe(*value.mutable_t(), 1000);
    value.mutable_t()->set_raw_data(bytesOf(numbers(1000, float(depth))));
    graph = body.mutable_g();
  }
  auto file = load(model.SerializeAsString());
  ASSERT_TRUE(file);
  const onnx::GraphProto *read = &file->proto().graph();
  for (int depth = 0; depth < 3; ++depth) {
    const onnx::NodeProto &node = read->node(0);
    EXPECT_EQ(ModelFileTest::read(*file, node.attribute(0).t(), /*inPlace=*/true), numbers(1000, float(depth)));
    read = &node.attribute(1).g();
  }
}

// A field that occurs again replaces the first, or is joined with it: messages can be written one behind the other.
TEST_F(ModelFileTest, WhatOccursTwiceIsMergedByTheParser) {
  onnx::TensorProto first, second;
  describe(first, 1000);
  first.set_raw_data(bytesOf(numbers(1000, 1)));
  second.set_raw_data(bytesOf(numbers(1000, 2)));
  onnx::GraphProto graph;
  graph.add_initializer()->ParseFromString(first.SerializeAsString());
  std::string both = first.SerializeAsString() + second.SerializeAsString();
  onnx::GraphProto named;
  named.set_name("g");
  onnx::ModelProto imports;
  imports.add_opset_import()->set_version(17);
  std::string tensorTwice = imports.SerializeAsString() +
                            field(onnx::ModelProto::kGraphFieldNumber,
                                  named.SerializeAsString() + field(onnx::GraphProto::kInitializerFieldNumber, both));
  auto file = load(tensorTwice);
  ASSERT_TRUE(file);
  auto data = file->read(file->proto().graph().initializer(0));
  ASSERT_TRUE(data.ok()) << data.message();
  EXPECT_TRUE(data->file.empty());
  EXPECT_EQ(reinterpret_cast<const float *>(data->tensor.bytes())[0], 2);

  std::string graphTwice = imports.SerializeAsString() +
                           field(onnx::ModelProto::kGraphFieldNumber, named.SerializeAsString()) +
                           field(onnx::ModelProto::kGraphFieldNumber, graph.SerializeAsString());
  file = load(graphTwice);
  ASSERT_TRUE(file);
  data = file->read(file->proto().graph().initializer(0));
  ASSERT_TRUE(data.ok()) << data.message();
  EXPECT_TRUE(data->file.empty());
  EXPECT_EQ(reinterpret_cast<const float *>(data->tensor.bytes())[999], 1000);
}

TEST_F(ModelFileTest, GraphsNestedBeyondTheParsersLimitAreRefused) {
  std::string content;
  for (int depth = 0; depth < 3000; ++depth)
    content = field(onnx::GraphProto::kNodeFieldNumber,
                    field(onnx::NodeProto::kAttributeFieldNumber, field(onnx::AttributeProto::kGFieldNumber, content)));
  auto file = ModelFile::load(put("m.onnx", field(onnx::ModelProto::kGraphFieldNumber, content)));
  ASSERT_FALSE(file.ok());
  EXPECT_NE(file.message().find("cannot be parsed as an ONNX model"), std::string::npos) << file.message();
}

} // namespace
} // namespace mlc::frontend
