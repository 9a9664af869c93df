// Evaluation of one op or one module written as text.
#pragma once

#include "dialects/mlc/MlcDialect.h"
#include "mlir/Parser/Parser.h"
#include "reference/Interpreter.h"
#include "reference/Models.h"
#include "reference/Values.h"

#include <cmath>
#include <gtest/gtest.h>

namespace mlc::reference {

class Reference : public testing::Test {
protected:
  Reference() {
    mlir::DialectRegistry registry;
    registry.insert<MlcDialect, mlir::func::FuncDialect>();
    registerReferenceModels(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  mlir::OwningOpRef<mlir::ModuleOp> parse(const std::string &text) {
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(module) << text;
    return module;
  }

  // The results of the module's only function.
  Result<std::vector<HostTensor>> runModule(const std::string &text, std::vector<HostTensor> inputs = {},
                                            const InterpretOptions &options = {}) {
    auto module = parse(text);
    if (!module)
      return Status::error("does not parse");
    ParamStore params;
    return interpret(*module->getOps<mlir::func::FuncOp>().begin(), std::move(inputs), params, options);
  }

  // `op` uses %0, %1, ... for the operands of the types in `signature`, as in "(tensor<2xf32>) -> tensor<2xf32>".
  Result<HostTensor> run(const std::string &op, const std::string &signature, std::vector<HostTensor> inputs,
                         const InterpretOptions &options = {}) {
    std::string arguments, results = signature.substr(signature.find("->") + 3);
    std::string types = signature.substr(1, signature.find(") ->") - 1);
    for (size_t i = 0, start = 0; i < inputs.size(); ++i) {
      // Commas inside of <...> do not occur in tensor types without an encoding.
      size_t end = std::min(types.find(',', start), types.size());
      arguments += (i ? ", %" : "%") + std::to_string(i) + ": " + types.substr(start, end - start);
      start = end + 1;
    }
    auto values = runModule("func.func @main(" + arguments + ") -> " + results + " {\n  %r = " + op +
                                "\n  func.return %r : " + results + "\n}",
                            std::move(inputs), options);
    if (!values.ok())
      return values.status();
    return std::move(values->front());
  }
  Result<HostTensor> runPlain(const std::string &op, const std::string &signature, std::vector<HostTensor> inputs) {
    return run(op + " : " + signature, signature, std::move(inputs));
  }

  mlir::MLIRContext context;
};

inline HostTensor f32(std::vector<int64_t> shape, const std::vector<float> &values) {
  return HostTensor::from(DType::F32, std::move(shape), values);
}
inline HostTensor f64(std::vector<int64_t> shape, const std::vector<double> &values) {
  return HostTensor::from(DType::F64, std::move(shape), values);
}
inline HostTensor i64(std::vector<int64_t> shape, const std::vector<int64_t> &values) {
  return HostTensor::from(DType::I64, std::move(shape), values);
}
inline HostTensor i32(std::vector<int64_t> shape, const std::vector<int32_t> &values) {
  return HostTensor::from(DType::I32, std::move(shape), values);
}
inline HostTensor i1(std::vector<int64_t> shape, const std::vector<uint8_t> &values) {
  return HostTensor::from(DType::I1, std::move(shape), values);
}

// Shape and elements; NaN equals NaN.
inline void expectValues(const Result<HostTensor> &result, std::vector<int64_t> shape, std::vector<double> expected,
                         double tolerance = 0) {
  ASSERT_TRUE(result.ok()) << result.message();
  EXPECT_EQ(result->shape(), shape);
  ASSERT_EQ(result->numElements(), static_cast<int64_t>(expected.size()));
  for (size_t i = 0; i < expected.size(); ++i) {
    double actual = result->floatAt(static_cast<int64_t>(i));
    if (std::isnan(expected[i]))
      EXPECT_TRUE(std::isnan(actual)) << "element " << i << " is " << actual;
    else if (std::isinf(expected[i]))
      EXPECT_EQ(actual, expected[i]) << "element " << i;
    else
      EXPECT_LE(std::fabs(actual - expected[i]), tolerance)
          << "element " << i << " is " << actual << ", expected " << expected[i];
  }
}

} // namespace mlc::reference
