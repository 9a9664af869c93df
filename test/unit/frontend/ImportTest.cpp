// Importers on models made here: what they build, and what they say about bad ones.
#include "frontend/Import.h"
#include "frontend/onnx/onnx-ml.pb.h"

#include "dialects/mlc/MlcDialect.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "test/unit/FolderTest.h"
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

using namespace mlc;
namespace fs = std::filesystem;

namespace {

class ImportTest : public mlc::test::FolderTest {
protected:
  void SetUp() override {
    FolderTest::SetUp();
    model.set_ir_version(8);
    model.add_opset_import()->set_version(17);
    model.mutable_graph()->set_name("g");
  }

  void value(onnx::ValueInfoProto *info, const char *name, std::vector<std::string> dims, int type = 1) {
    info->set_name(name);
    auto *tensor = info->mutable_type()->mutable_tensor_type();
    tensor->set_elem_type(type);
    tensor->mutable_shape();
    for (const std::string &dim : dims)
      if (isdigit(dim[0]))
        tensor->mutable_shape()->add_dim()->set_dim_value(std::stoll(dim));
      else
        tensor->mutable_shape()->add_dim()->set_dim_param(dim);
  }
  void input(const char *name, std::vector<std::string> dims, int type = 1) {
    value(model.mutable_graph()->add_input(), name, dims, type);
  }
  void output(const char *name) { value(model.mutable_graph()->add_output(), name, {}); }
  onnx::NodeProto *node(const char *op, std::vector<std::string> inputs, std::vector<std::string> outputs) {
    onnx::NodeProto *node = model.mutable_graph()->add_node();
    node->set_op_type(op);
    node->set_name(std::string("the_") + op);
    for (auto &name : inputs)
      node->add_input(name);
    for (auto &name : outputs)
      node->add_output(name);
    return node;
  }
  onnx::TensorProto *weight(const char *name, std::vector<int64_t> dims, float fill = 1) {
    onnx::TensorProto *tensor = model.mutable_graph()->add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(onnx::TensorProto::FLOAT);
    int64_t count = 1;
    for (int64_t dim : dims) {
      tensor->add_dims(dim);
      count *= dim;
    }
    std::vector<float> values(static_cast<size_t>(count), fill);
    tensor->set_raw_data(values.data(), values.size() * 4);
    return tensor;
  }
  onnx::AttributeProto *intAttr(onnx::NodeProto *node, const char *name, int64_t i) {
    onnx::AttributeProto *attribute = node->add_attribute();
    attribute->set_name(name);
    attribute->set_type(onnx::AttributeProto::INT);
    attribute->set_i(i);
    return attribute;
  }

  // The printed module, or the diagnostics.
  std::string importFile(const std::string &path, const ImportOptions &options = {}) {
    mlir::MLIRContext context;
    std::string text;
    mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
      text += "error: " + diagnostic.str() + "\n";
      return mlir::success();
    });
    auto module = importModel(context, path, options);
    if (mlir::failed(module))
      return text;
    EXPECT_TRUE(mlir::succeeded(mlir::verify(**module)));
    llvm::raw_string_ostream(text) << **module;
    return text;
  }
  std::string import(const ImportOptions &options = {}) {
    std::ofstream(at("m.onnx"), std::ios::binary) << model.SerializeAsString();
    return importFile(at("m.onnx"), options);
  }
  static ImportOptions bind(const char *text) {
    ImportOptions options;
    options.shapes.push_back(llvm::cantFail(parseShapeBinding(text)));
    return options;
  }

  onnx::ModelProto model;
};

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)
#define EXPECT_LACKS(text, part) EXPECT_EQ((text).find(part), std::string::npos) << (text)

TEST_F(ImportTest, WeightsAreReferredToByTheirPlaceInTheFile) {
  input("x", {"n", "16"});
  weight("w", {16, 8}, 0.5f);
  node("MatMul", {"x", "w"}, {"y"});
  output("y");
  std::string text = import(bind("n=4"));
  EXPECT_HAS(text, "mlc.param @w : tensor<16x8xf32> = #mlc.file<");
  EXPECT_HAS(text, "tensor<4x8xf32>");
  std::string file = model.SerializeAsString(),
              bytes(reinterpret_cast<const char *>(std::vector<float>(128, 0.5f).data()), 512);
  EXPECT_HAS(text, "m.onnx\", " + std::to_string(file.find(bytes)) + ">");
}

TEST_F(ImportTest, ShapeArithmeticIsFolded) {
  input("x", {"n", "6"});
  node("Shape", {"x"}, {"s"});
  onnx::TensorProto *two = model.mutable_graph()->add_initializer();
  two->set_name("two");
  two->set_data_type(onnx::TensorProto::INT64);
  two->add_dims(2);
  two->add_int64_data(2);
  two->add_int64_data(1);
  node("Mul", {"s", "two"}, {"t"});
  onnx::TensorProto *last = model.mutable_graph()->add_initializer();
  last->set_name("minus");
  last->set_data_type(onnx::TensorProto::INT64);
  last->add_dims(1);
  last->add_int64_data(-1);
  onnx::TensorProto *zero = model.mutable_graph()->add_initializer();
  zero->set_name("zero");
  zero->set_data_type(onnx::TensorProto::INT64);
  zero->add_dims(1);
  zero->add_int64_data(0);
  node("Gather", {"t", "zero"}, {"rows"});
  intAttr(node("Concat", {"rows", "minus"}, {"target"}), "axis", 0);
  node("Reshape", {"x", "target"}, {"y"});
  output("y");
  std::string text = import(bind("n=5"));
  EXPECT_HAS(text, "tensor<10x3xf32>");
  EXPECT_LACKS(text, "mlc.mul");
}

TEST_F(ImportTest, FunctionsAreInlinedWithTheirAttributes) {
  onnx::FunctionProto *function = model.add_functions();
  function->set_name("Act");
  function->set_domain("own");
  function->add_input("a");
  function->add_output("b");
  function->add_attribute("slope");
  function->add_opset_import()->set_version(17);
  onnx::NodeProto *body = function->add_node();
  body->set_op_type("LeakyRelu");
  body->add_input("a");
  body->add_output("b");
  onnx::AttributeProto *reference = body->add_attribute();
  reference->set_name("alpha");
  reference->set_ref_attr_name("slope");
  reference->set_type(onnx::AttributeProto::FLOAT);
  input("x", {"3"});
  onnx::NodeProto *call = node("Act", {"x"}, {"y"});
  call->set_domain("own");
  onnx::AttributeProto *slope = call->add_attribute();
  slope->set_name("slope");
  slope->set_type(onnx::AttributeProto::FLOAT);
  slope->set_f(0.25f);
  output("y");
  std::string text = import();
  EXPECT_HAS(text, "mlc.leaky_relu");
  EXPECT_HAS(text, "2.500000e-01");
}

TEST_F(ImportTest, EverythingUnsupportedIsListedAtOnce) {
  input("x", {"2", "3"});
  node("Fancy", {"x"}, {"a"});
  node("Unique", {"a"}, {"b"});
  intAttr(node("Relu", {"x"}, {"c"}), "mystery", 1);
  node("MatMul", {"x", "x"}, {"d"});
  output("b");
  std::string text = import();
  EXPECT_HAS(text, "node 'the_Fancy': op Fancy, domain ai.onnx, opset 17: the op is not supported");
  EXPECT_HAS(text, "op Unique");
  EXPECT_HAS(text, "attribute 'mystery' is not supported");
  EXPECT_HAS(text, "node 'the_MatMul'");
  EXPECT_HAS(text, "(C3)");
}

TEST_F(ImportTest, ShapesThatAreUnboundOrContradictAreNamed) {
  input("x", {"batch", "3"});
  node("Relu", {"x"}, {"y"});
  output("y");
  EXPECT_HAS(import(), "'batch') of input 'x' is unbound; pass --shape batch=SIZE");
  EXPECT_HAS(import(bind("x=2x4")), "the model declares 3");
  EXPECT_HAS(import(bind("batch=2,other=3")), "--shape names 'other'");
  EXPECT_HAS(import(bind("x=2x3")), "tensor<2x3xf32>");
}

// As optimum names the length of a decoder's mask.
TEST_F(ImportTest, DimensionsThatAreSumsFollowFromTheirTerms) {
  input("mask", {"batch", "past + seq + 1"});
  node("Relu", {"mask"}, {"y"});
  output("y");
  EXPECT_HAS(import(bind("batch=2,past=4,seq=3")), "tensor<2x8xf32>");
  EXPECT_HAS(import(bind("batch=2,past + seq + 1=5")), "tensor<2x5xf32>");
  EXPECT_HAS(import(bind("batch=2,past=4")), "is unbound; pass --shape past=SIZE,seq=SIZE");
  EXPECT_HAS(import(bind("batch=2,past=9223372036854775807,seq=3")), "is unbound");
  EXPECT_HAS(import(bind("mask=2x7,past=4,seq=3")), "its symbol is bound to 8");
  EXPECT_HAS(import(bind("batch=2,past=4,seq=3,all=7")), "--shape names 'all'");
}

TEST_F(ImportTest, BadFilesAreNamed) {
  EXPECT_HAS(importFile(at("none.onnx")), "No such file");
  std::ofstream(at("empty.onnx")).close();
  EXPECT_HAS(importFile(at("empty.onnx")), "is empty");
  std::ofstream(at("foreign.onnx")) << "GIF89a, not a model at all";
  EXPECT_HAS(importFile(at("foreign.onnx")), "ONNX model");
  input("x", {"8"});
  weight("w", {8});
  node("Add", {"x", "w"}, {"y"});
  output("y");
  EXPECT_HAS(import(), "mlc.add");
  fs::resize_file(at("m.onnx"), fs::file_size(at("m.onnx")) - 9);
  EXPECT_HAS(importFile(at("m.onnx")), "truncated");
}

TEST_F(ImportTest, ExternalDataStaysBesideTheModel) {
  input("x", {"100"});
  onnx::TensorProto *tensor = weight("w", {100});
  tensor->clear_raw_data();
  tensor->set_data_location(onnx::TensorProto::EXTERNAL);
  onnx::StringStringEntryProto *location = tensor->add_external_data();
  location->set_key("location");
  location->set_value("w.bin");
  node("Add", {"x", "w"}, {"y"});
  output("y");
  EXPECT_HAS(import(), "No such file");
  std::ofstream(at("w.bin")) << std::string(399, '\0');
  EXPECT_HAS(import(), "is too short");
  std::ofstream(at("w.bin")) << std::string(400, '\0');
  EXPECT_HAS(import(), "w.bin\", 0>");
  location->set_value("../w.bin");
  EXPECT_HAS(import(), "outside of the model's folder");
  fs::create_symlink("/etc/hostname", at("link.bin"));
  location->set_value("link.bin");
  EXPECT_HAS(import(), "outside of the model's folder");
}

TEST_F(ImportTest, FrozenInputsAreConstants) {
  input("x", {"2", "3"});
  input("shape", {"2"}, onnx::TensorProto::INT64);
  node("Reshape", {"x", "shape"}, {"y"});
  output("y");
  EXPECT_HAS(import(), "--const NAME=file.npy");
  ImportOptions options;
  options.constants["shape"] = HostTensor::from(DType::I64, {2}, std::vector<int64_t>{3, 2});
  EXPECT_HAS(import(options), "tensor<3x2xf32>");
}

TEST_F(ImportTest, CheckpointProblemsAreListedAtOnce) {
  std::ofstream(at("config.json")) << R"({"model_type":"bert","hidden_act":"mish"})";
  std::string text = importFile(folder.string());
  EXPECT_HAS(text, "hidden_act 'mish'");
  EXPECT_HAS(text, "'hidden_size' must be a positive integer");
  EXPECT_HAS(text, "neither model.safetensors");
  EXPECT_HAS(text, "--shape batch=1,seq=128");
}

} // namespace
