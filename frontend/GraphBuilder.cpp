#include "frontend/GraphBuilder.h"

#include "mlir/IR/Verifier.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

DictionaryAttr GraphBuilder::named(StringRef name) {
  return builder.getDictionaryAttr(builder.getNamedAttr(kNameAttr, builder.getStringAttr(name)));
}

SmallVector<Value> GraphBuilder::beginEntry(StringRef entry, ArrayRef<Port> inputs) {
  SmallVector<Type> types;
  for (const Port &input : inputs)
    types.push_back(input.type);
  builder.setInsertionPointToEnd(module.getBody());
  // Further buckets of an entry point are further functions with the same entry name.
  std::string name = entryCount ? (entry + "_" + Twine(entryCount)).str() : entry.str();
  ++entryCount;
  entryFunc = func::FuncOp::create(builder, location, name, builder.getFunctionType(types, {}));
  entryFunc->setAttr(kEntryAttr, builder.getStringAttr(entry));
  Block *block = entryFunc.addEntryBlock();
  SmallVector<DictionaryAttr> names; // all at once: one by one takes quadratic time
  for (const Port &input : inputs)
    names.push_back(named(input.name));
  entryFunc.setAllArgAttrs(names);
  builder.setInsertionPointToStart(block);
  loaded.clear();
  return SmallVector<Value>(block->getArguments());
}

void GraphBuilder::endEntry(ArrayRef<std::pair<std::string, Value>> results) {
  SmallVector<Value> values;
  SmallVector<Type> types;
  for (auto &[name, value] : results) {
    values.push_back(value);
    types.push_back(value.getType());
  }
  func::ReturnOp::create(builder, location, values);
  entryFunc.setFunctionType(builder.getFunctionType(entryFunc.getArgumentTypes(), types));
  SmallVector<DictionaryAttr> names;
  for (auto &[name, value] : results)
    names.push_back(named(name));
  entryFunc.setAllResultAttrs(names);
}

void GraphBuilder::abandonEntry() {
  entryFunc.erase();
  loaded.clear();
}

// What the ops' generated builders do, but a failed inference is returned instead of fatal.
Value GraphBuilder::makeOp(StringRef name, ValueRange operands, ArrayRef<NamedAttribute> attributes) {
  OperationState state(location, name);
  state.addOperands(operands);
  RegisteredOperationName info = *state.name.getRegisteredInfo();
  DictionaryAttr dictionary = builder.getDictionaryAttr(attributes);
  // A probe op without results holds the properties, with defaults filled in, that inference reads.
  OperationState probeState(location, name);
  probeState.addOperands(operands);
  probeState.addAttributes(attributes);
  info.populateDefaultAttrs(probeState.attributes);
  Operation *probe = Operation::create(probeState);
  SmallVector<Type> types;
  LogicalResult inferred = info.getInterface<InferTypeOpInterface>()->inferReturnTypes(
      context(), location, operands, dictionary, probe->getPropertiesStorage(), {}, types);
  state.attributes = NamedAttrList(probe->getAttrDictionary());
  probe->destroy();
  if (failed(inferred))
    return {};
  for (Type type : types)
    if (ArrayRef<int64_t> shape = mlir::cast<RankedTensorType>(type).getShape(); !elementCount(shape)) {
      emitError(location) << "'" << name << "' has a result of " << type << ", which is too large for any memory";
      return {};
    }
  state.addTypes(types);
  // Inference looks at shapes; whether operands are of a type that the op takes, its verifier says.
  Operation *op = builder.create(state);
  ++opCount;
  if (failed(verify(op, /*verifyRecursively=*/false))) {
    op->erase();
    return {};
  }
  return op->getResult(0);
}

Value GraphBuilder::constant(const HostTensor &tensor) {
  ++opCount;
  tableBytes += tensor.sizeBytes();
  return ConstantOp::create(builder, location, toDenseElements(context(), tensor)).getResult();
}

Value GraphBuilder::scalar(Type elementType, double value) {
  auto type = RankedTensorType::get({}, elementType);
  if (!isa<FloatType>(elementType) && !(value >= -0x1p63 && value < 0x1p63)) { // an attribute's, for integers: NaN, too
    emitError(location) << "the number " << value << " cannot be a constant of " << elementType;
    return {};
  }
  Attribute element = isa<FloatType>(elementType)
                          ? Attribute(builder.getFloatAttr(elementType, value))
                          : Attribute(builder.getIntegerAttr(elementType, static_cast<int64_t>(value)));
  return ConstantOp::create(builder, location, DenseElementsAttr::get(type, element)).getResult();
}

Value GraphBuilder::reshape(Value value, ArrayRef<int64_t> shape) {
  if (!value || mlir::cast<RankedTensorType>(value.getType()).getShape() == shape)
    return value;
  return make<ReshapeOp>(value, ints("shape", shape));
}

Value GraphBuilder::transpose(Value value, ArrayRef<int64_t> permutation) {
  return make<TransposeOp>(value, ints("permutation", permutation));
}

Value GraphBuilder::cast(Value value, Type elementType) {
  if (!value || mlir::cast<RankedTensorType>(value.getType()).getElementType() == elementType)
    return value;
  return make<CastOp>(value, attr("to", TypeAttr::get(elementType)));
}

Value GraphBuilder::slice(Value value, ArrayRef<int64_t> offsets, ArrayRef<int64_t> sizes, ArrayRef<int64_t> strides) {
  return make<SliceOp>(value, {ints("offsets", offsets), ints("sizes", sizes), ints("strides", strides)});
}

Value GraphBuilder::param(StringRef name, RankedTensorType type, Attribute source) {
  // Names of nodes need not be unique: what has another source is another parameter.
  std::string unique = name.str();
  for (int i = 1; params.contains(unique) && params.lookup(unique) != source; ++i)
    unique = name.str() + "." + std::to_string(i);
  name = unique;
  if (Value known = loaded.lookup(name))
    return known;
  if (params.try_emplace(name, source).second) {
    OpBuilder::InsertionGuard guard(builder);
    // Parameters stand before the entry points, in the order of their first use.
    builder.setInsertionPoint(*module.getOps<func::FuncOp>().begin());
    ParamOp::create(builder, location, name, type, source);
  }
  return loaded[name] = LoadParamOp::create(builder, location, type, name).getResult();
}

Value GraphBuilder::table(StringRef name, const HostTensor &tensor) {
  Attribute source = toDenseElements(context(), tensor);
  if (params.lookup(name) != source)
    tableBytes += tensor.sizeBytes();
  return param(name, toTensorType(context(), tensor.dtype(), tensor.shape()), source);
}
