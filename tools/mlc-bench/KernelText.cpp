#include "tools/mlc-bench/KernelText.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <vector>

namespace mlc::tools {
namespace {

using Dims = std::vector<uint64_t>;

[[noreturn]] void fail(const std::string &message) { throw std::runtime_error(message); }

// "128x768" of `least` to `most` numbers from 1 to 2^20: products of a few of them stay far from overflow.
Dims parseDims(const std::string &what, const std::string &text, size_t least, size_t most, const char *expected) {
  Dims dims;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, 'x');) {
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc() || end != part.data() + part.size() || value < 1 || value > (1 << 20))
      fail(what + " '" + text + "': expected " + expected);
    dims.push_back(value);
  }
  if (dims.size() < least || dims.size() > most || text.ends_with('x'))
    fail(what + " '" + text + "': expected " + expected);
  return dims;
}

std::string tensor(const Dims &dims, const std::string &dtype) {
  std::string text = "tensor<";
  for (uint64_t dim : dims)
    text += std::to_string(dim) + "x";
  return text + dtype + ">";
}

uint64_t product(const Dims &dims) {
  uint64_t count = 1;
  for (uint64_t dim : dims)
    count *= dim;
  return count;
}

// Writes one entry point.
class Writer {
public:
  Writer(const KernelSpec &spec, uint64_t copy)
      : spec(spec), copy(std::to_string(copy)), isQuantized(spec.dtype == "int8"),
        inside(isQuantized ? "f32" : spec.dtype) {}

  void input(const std::string &name, const Dims &dims) {
    arguments += (arguments.empty() ? "" : ", ") + ("%" + name) + ": " + tensor(dims, outside()) + " {mlc.name = \"" +
                 name + "\"}";
  }
  // Drawn with the deviation that keeps the result's size about that of the input.
  void weight(const std::string &name, const Dims &dims, double deviation) {
    param(name, tensor(dims, inside), "normal, 0.0", deviation);
  }
  // lhs times weights by the op, which become numbers that the epilogue takes.
  void multiply(const std::string &name, const std::string &lhs, const Dims &lhsDims, const Dims &weights,
                uint64_t depth, const std::string &attributes, const Dims &result) {
    if (!isQuantized) {
      weight("w", weights, 1 / std::sqrt(double(depth)));
      op(name, {{lhs, lhsDims}, {"w", weights}}, attributes.empty() ? "" : " {" + attributes + "}", result);
      return;
    }
    // Stored in i8: what is computed from parameters alone is computed by the compiler.
    param("drawn", tensor(weights, inside), "uniform, -127.0", 127);
    body << "  %none = mlc.constant dense<0> : tensor<i8>\n  %w = mlc.quantize %drawn, %none : ("
         << tensor(weights, inside) << ", tensor<i8>) -> " << tensor(weights, "i8") << "\n";
    const std::string sums = tensor(result, "i32"), numbers = tensor(result, inside);
    body << "  %sums = mlc." << name << " %" << lhs << ", %w {" << attributes << (attributes.empty() ? "" : ", ")
         << "wide_result} : (" << tensor(lhsDims, outside()) << ", " << tensor(weights, "i8") << ") -> " << sums
         << "\n  %wide = mlc.cast %sums to f32 : " << sums << " -> " << numbers << "\n  %scale = mlc.constant dense<"
         << std::scientific << 0.01 / std::sqrt(double(depth)) << "> : tensor<f32>\n";
    last = "product";
    body << "  %product = mlc.mul %wide, %scale : (" << numbers << ", tensor<f32>) -> " << numbers << "\n";
  }
  void op(const std::string &name, const std::vector<std::pair<std::string, Dims>> &operands,
          const std::string &attributes, const Dims &result) {
    std::string values, types;
    for (const auto &[operand, dims] : operands) {
      values += (values.empty() ? "%" : ", %") + operand;
      types += (types.empty() ? "" : ", ") + tensor(dims, inside);
    }
    last = "r" + std::to_string(results++);
    body << "  %" << last << " = mlc." << name << " " << values << attributes << " : (" << types << ") -> "
         << tensor(result, inside) << "\n";
  }
  void epilogue(const Dims &result) {
    std::stringstream stream(spec.epilogue);
    for (std::string part; std::getline(stream, part, ',');) {
      if (part == "bias") {
        weight("bias", {result.back()}, 0.1);
        op("add", {{last, result}, {"bias", {result.back()}}}, "", result);
      } else if (part == "residual") {
        input("residual", result);
        std::string residual = "residual";
        if (isQuantized) {
          body << "  %numbers = mlc.cast %residual to f32 : " << tensor(result, outside()) << " -> "
               << tensor(result, inside) << "\n";
          residual = "numbers";
        }
        op("add", {{last, result}, {residual, result}}, "", result);
      } else if (part == "relu" || part == "gelu") {
        op(part, {{last, result}}, "", result);
      } else {
        fail("--epilogue '" + spec.epilogue + "': '" + part + "' is none of bias, residual, relu, gelu");
      }
    }
  }
  std::string finish(const Dims &result) {
    const std::string type = tensor(result, outside());
    if (isQuantized) {
      body << "  %zero = mlc.constant dense<128> : tensor<ui8>\n  %y = mlc.quantize %" << last << ", %zero : ("
           << tensor(result, inside) << ", tensor<ui8>) -> " << type << "\n";
      last = "y";
    }
    return params.str() + "func.func @main" + copy + "(" + arguments + ") -> (" + type +
           " {mlc.name = \"y\"}) attributes {mlc.entry = \"main" + copy + "\"} {\n" + body.str() + "  return %" + last +
           " : " + type + "\n}\n";
  }

private:
  // Element type of inputs and the result.
  std::string outside() const { return isQuantized ? "ui8" : spec.dtype; }
  // `distribution`: its name and first number; `second` is the deviation, or the upper bound.
  void param(const std::string &name, const std::string &type, const std::string &distribution, double second) {
    params << "mlc.param @" << name << copy << " : " << type << " = #mlc.seeded<" << copy << ", " << distribution
           << " : f64, " << std::scientific << second << " : f64>\n";
    body << "  %" << name << " = mlc.load_param @" << name << copy << " : " << type << "\n";
  }

  const KernelSpec &spec;
  std::string copy, arguments, last;
  bool isQuantized;
  std::string inside; // element type of what an epilogue computes
  std::stringstream params, body;
  unsigned results = 0;
};

// What a kind makes of its shapes: each checks them once, then writes any number of copies.
struct Kind {
  uint64_t weights = 0; // elements
  Dims result;
  std::function<void(Writer &)> write;
};

Kind matmul(const KernelSpec &spec) {
  const Dims d = parseDims("matmul", spec.shape, 3, 3, "MxKxN, as 128x768x3072");
  const Dims x = {d[0], d[1]}, w = {d[1], d[2]}, y = {d[0], d[2]};
  return {product(w), y, [=](Writer &writer) {
            writer.input("x", x);
            writer.multiply("matmul", "x", x, w, d[1], "", y);
          }};
}

Kind conv(const KernelSpec &spec) {
  const Dims x = parseDims("conv", spec.shape, 4, 4, "NxHxWxC, as 1x56x56x64");
  Dims w = parseDims("--filter", spec.filter, 2, 3, "HxWxO, as 3x3x64");
  w.insert(w.begin() + 2, x[3]);
  if (w.size() == 3)
    w.push_back(x[3]);
  Dims y = {x[0], 0, 0, w[3]};
  std::string low, strides = std::to_string(spec.stride) + ", " + std::to_string(spec.stride);
  for (size_t axis = 0; axis < 2; ++axis) {
    // Half of the window on both sides, as nearly all networks have it.
    const uint64_t pad = w[axis] / 2, padded = x[axis + 1] + 2 * pad;
    if (padded < w[axis])
      fail("--filter '" + spec.filter + "': the window is larger than the padded image");
    y[axis + 1] = (padded - w[axis]) / spec.stride + 1;
    low += (axis ? ", " : "") + std::to_string(pad);
  }
  const std::string attributes = "dilations = array<i64: 1, 1>, layout = #mlc<layout channels_last>, pad_high = "
                                 "array<i64: " +
                                 low + ">, pad_low = array<i64: " + low + ">, strides = array<i64: " + strides + ">";
  return {product(w), y, [=](Writer &writer) {
            writer.input("x", x);
            writer.multiply("conv", "x", x, w, w[0] * w[1] * w[2], attributes, y);
          }};
}

Kind attention(const KernelSpec &spec) {
  const Dims d = parseDims("attention", spec.shape, 4, 4, "BATCHxHEADSxTOKENSxSIZE, as 1x12x128x64");
  if (spec.dtype == "int8")
    fail("attention has no kernel in int8; --dtype f32 or bf16");
  std::ostringstream scale;
  scale << std::scientific << 1 / std::sqrt(double(d[3]));
  const std::string attributes = " {scale = " + scale.str() + " : f64}";
  return {0, d, [=](Writer &writer) {
            for (const char *name : {"q", "k", "v"})
              writer.input(name, d);
            writer.op("attention", {{"q", d}, {"k", d}, {"v", d}}, attributes, d);
          }};
}

Kind kindOf(const KernelSpec &spec) {
  if (spec.kind == "matmul")
    return matmul(spec);
  if (spec.kind == "conv")
    return conv(spec);
  if (spec.kind == "attention")
    return attention(spec);
  fail("'" + spec.kind + "' is none of matmul, conv, attention");
}

} // namespace

KernelText kernelText(const KernelSpec &spec, uint64_t coldBytes, uint64_t mostCopies) {
  const Kind kind = kindOf(spec);
  KernelText text;
  text.weightBytes = kind.weights * (spec.dtype == "f32" ? 4 : spec.dtype == "bf16" ? 2 : 1);
  if (text.weightBytes)
    text.copies = std::clamp<uint64_t>((coldBytes + text.weightBytes - 1) / text.weightBytes, 1, mostCopies);
  for (uint64_t copy = 0; copy < text.copies; ++copy) {
    Writer writer(spec, copy);
    kind.write(writer);
    writer.epilogue(kind.result);
    text.ir += writer.finish(kind.result);
  }
  return text;
}

} // namespace mlc::tools
