// Inputs and initializers of an ONNX graph: shapes from the declaration and --shape, constants from the file and
// --const.
#include "frontend/onnx/Importer.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

// A dimension's name as the terms of a sum, as optimum calls what follows from others: "past_sequence_length +
// sequence_length"; else the name alone.
static SmallVector<StringRef> termsOf(StringRef symbol) {
  SmallVector<StringRef> terms;
  symbol.split(terms, '+');
  for (StringRef &term : terms)
    term = term.trim();
  return is_contained(terms, "") ? SmallVector<StringRef>{symbol} : terms;
}

std::optional<int64_t> OnnxImporter::boundSize(StringRef symbol, const ShapeBinding &shape) {
  auto bound = [&](StringRef name) -> std::optional<int64_t> {
    auto found = shape.symbols.find(name.str());
    if (found == shape.symbols.end())
      return std::nullopt;
    usedBindings.insert(found->first);
    return found->second;
  };
  SmallVector<StringRef> terms = termsOf(symbol);
  std::optional<int64_t> whole = bound(symbol);
  if (whole || terms.size() == 1)
    return whole;
  int64_t sum = 0;
  for (StringRef term : terms) {
    unsigned number;
    std::optional<int64_t> size = term.getAsInteger(10, number) ? bound(term) : std::optional<int64_t>(number);
    if (!size || llvm::AddOverflow(sum, *size, sum))
      return std::nullopt;
  }
  return sum;
}

// What to pass to --shape for an unbound dimension.
static std::string adviceFor(StringRef input, StringRef symbol) {
  if (symbol.empty())
    return input.str() + "=AxBxC";
  SmallVector<std::string> bindings;
  SmallVector<StringRef> terms = termsOf(symbol);
  unsigned number;
  for (StringRef term : terms)
    if (terms.size() == 1 || term.getAsInteger(10, number))
      bindings.push_back(term.str() + "=SIZE");
  return llvm::join(bindings, ",");
}

std::optional<SmallVector<int64_t>> OnnxImporter::bindShape(const onnx::ValueInfoProto &input,
                                                            const ShapeBinding &shape) {
  const onnx::TypeProto_Tensor &type = input.type().tensor_type();
  const std::string &name = input.name();
  auto given = shape.inputs.find(name);
  auto vector = shape.symbols.find(name);
  std::vector<int64_t> dims;
  if (given != shape.inputs.end())
    dims = given->second;
  else if (vector != shape.symbols.end() && type.shape().dim_size() == 1)
    dims = {vector->second};
  bool whole = !dims.empty();
  if (whole)
    usedBindings.insert(name);
  if (!type.has_shape()) {
    if (whole)
      return SmallVector<int64_t>(ArrayRef<int64_t>(dims));
    problem("input '" + name + "' has no shape; pass --shape " + name + "=AxBxC");
    return std::nullopt;
  }
  if (whole && static_cast<int>(dims.size()) != type.shape().dim_size()) {
    problem("--shape gives input '" + name + "' " + Twine(dims.size()) + " dimensions, the model declares " +
            Twine(type.shape().dim_size()));
    return std::nullopt;
  }
  SmallVector<int64_t> result;
  bool ok = true;
  for (int i = 0; i < type.shape().dim_size(); ++i) {
    const onnx::TensorShapeProto_Dimension &dim = type.shape().dim(i);
    bool fixed = dim.has_dim_value() && dim.dim_value() >= 0;
    std::optional<int64_t> size;
    if (fixed)
      size = dim.dim_value();
    else if (!dim.dim_param().empty())
      size = boundSize(dim.dim_param(), shape);
    if (whole && size && *size != dims[i]) {
      problem("--shape gives dimension " + Twine(i) + " of input '" + name + "' the size " + Twine(dims[i]) +
              (fixed ? ", the model declares " : ", its symbol is bound to ") + Twine(*size));
      ok = false;
    } else if (!whole && !size) {
      const std::string &symbol = dim.dim_param();
      problem("dimension " + Twine(i) + (symbol.empty() ? "" : " ('" + symbol + "')") + " of input '" + name +
              "' is unbound; pass --shape " + adviceFor(name, symbol));
      ok = false;
    }
    result.push_back(whole ? dims[i] : size.value_or(1));
  }
  return ok ? std::optional(result) : std::nullopt;
}

// The declared shape of `input` as text, where the value does not have it. A symbolic dimension may have any size.
static std::string shapeThatDiffers(const onnx::ValueInfoProto &input, const HostTensor &value) {
  const onnx::TypeProto_Tensor &type = input.type().tensor_type();
  bool differs = type.has_shape() && type.shape().dim_size() != static_cast<int>(value.shape().size());
  std::string text;
  for (int i = 0; i < type.shape().dim_size(); ++i) {
    const onnx::TensorShapeProto_Dimension &dim = type.shape().dim(i);
    bool fixed = dim.has_dim_value() && dim.dim_value() >= 0;
    text += (i ? "," : "") + (fixed ? std::to_string(dim.dim_value()) : "?");
    differs = differs || (fixed && dim.dim_value() != value.shape()[static_cast<size_t>(i)]);
  }
  return differs ? "[" + text + "]" : "";
}

bool OnnxImporter::bindInputs(const ShapeBinding &shape, SmallVector<Port> &ports) {
  bool ok = true;
  for (const onnx::ValueInfoProto &input : file->proto().graph().input()) {
    // Before IR version 4 initializers were listed as inputs too.
    if (initializers.contains(input.name()))
      continue;
    if (!input.type().has_tensor_type()) {
      problem("input '" + input.name() + "' is not a tensor");
      ok = false;
      continue;
    }
    int32_t onnxType = input.type().tensor_type().elem_type();
    std::optional<DType> type = fromOnnxType(onnxType);
    if (!type) {
      problem("input '" + input.name() + "': element type " + onnxTypeName(onnxType) + " is not supported");
      ok = false;
      continue;
    }
    if (auto frozen = options.constants.find(input.name()); frozen != options.constants.end()) {
      if (frozen->second.dtype() != *type) {
        problem("--const gives input '" + input.name() + "' elements of " +
                std::string(nameOf(frozen->second.dtype())) + ", the model declares " + std::string(nameOf(*type)));
        ok = false;
      }
      if (std::string declared = shapeThatDiffers(input, frozen->second); !declared.empty()) {
        problem("--const gives input '" + input.name() + "' the value " +
                describe(frozen->second.dtype(), frozen->second.shape()) + ", the model declares the shape " +
                declared);
        ok = false;
      }
      continue;
    }
    std::optional<SmallVector<int64_t>> dims = bindShape(input, shape);
    if (dims && !elementCount(*dims)) {
      problem("input '" + input.name() + "' is " + describe(*type, *dims) + ", which is too large for any memory");
      ok = false;
    } else if (dims)
      ports.push_back({input.name(), toTensorType(graph.context(), *type, *dims)});
    else
      ok = false;
  }
  return ok;
}

void OnnxImporter::defineInitializers(const onnx::GraphProto &proto, Scope &scope) {
  for (const onnx::SparseTensorProto &tensor : proto.sparse_initializer())
    problem("sparse initializer '" + tensor.values().name() + "' is not supported; make it dense");
  for (const onnx::TensorProto &tensor : proto.initializer()) {
    // --const speaks of the model's inputs, which initializers are defaults of.
    if (!scope.outer && options.constants.contains(tensor.name()))
      continue;
    Result<TensorData> data = file->read(tensor);
    GraphValue value;
    if (data.ok()) {
      value.host = data->tensor;
      value.file = data->file;
      value.offset = data->offset;
    } else {
      value.poisoned = true;
      if (fromOnnxType(tensor.data_type())) // a damaged file
        problem(data.message());
      else
        value.unreadable = data.message();
    }
    define(scope, tensor.name(), std::move(value));
  }
  if (scope.outer)
    return;
  for (auto &[name, tensor] : options.constants) {
    GraphValue value;
    value.host = tensor;
    define(scope, name, std::move(value));
  }
}
