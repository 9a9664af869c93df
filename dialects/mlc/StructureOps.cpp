// Constants, parameters, variables, fused regions: verifiers and the syntax of `fused`.
#include "dialects/mlc/Inference.h"
#include "dialects/mlc/MlcDialect.h"

#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlc;

#define GET_OP_CLASSES
#include "dialects/mlc/MlcStructureOps.cpp.inc"

void MlcDialect::registerStructureOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/mlc/MlcStructureOps.cpp.inc"
      >();
}

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

//===-- param, param_pack, variable
//---------------------------------------------------------------------------------------===//

// (C2) and (C3) of param and variable; (C1) is the attribute's own constraint.
static LogicalResult verifyStored(Operation *op, Type type, Attribute source) {
  if (auto file = dyn_cast<FileAttr>(source); file && file.getOffset() < 0)
    return op->emitOpError("(C2) expects #mlc.file with an offset of at least 0, got ") << file.getOffset();
  if (isa<FileAttr, SeededAttr>(source))
    return success();
  auto elements = dyn_cast<ElementsAttr>(source);
  if (!elements)
    return op->emitOpError("(C2) expects #mlc.file, #mlc.seeded or a dense attribute as source, got ") << source;
  if (elements.getType() != type)
    return op->emitOpError("(C3) expects a dense source of type ") << type << ", got " << elements.getType();
  return success();
}

LogicalResult ParamOp::verify() { return verifyStored(*this, getType(), getSource()); }

LogicalResult VariableOp::verify() {
  constexpr StringLiteral kRoles[] = {"state",          "weight",    "optimizer_state",
                                      "hyperparameter", "rng_state", "statistics"};
  if (!llvm::is_contained(kRoles, getRole()))
    return emitOpError("(C4) expects a role of ")
           << llvm::join(std::begin(kRoles), std::end(kRoles), ", ") << ", got '" << getRole() << "'";
  return verifyStored(*this, getType(), getSource());
}

LogicalResult ParamPackOp::verifyRegions() {
  if (getBody().getNumArguments() != 0)
    return emitOpError("(C4) expects a body without arguments, got ") << getBody().getNumArguments();
  auto yield = dyn_cast<YieldOp>(getBody().front().getTerminator());
  if (!yield || yield.getNumOperands() != 1 || yield.getOperand(0).getType() != getType())
    return emitOpError("(C2) expects a body that yields one value of type ") << getType();
  for (Operation &op : getBody().front())
    if (!isPure(&op))
      return emitOpError("(C3) expects pure ops, got ") << op.getName();
  return success();
}

LogicalResult LoadParamOp::verifySymbolUses(SymbolTableCollection &symbols) {
  Operation *target = symbols.lookupNearestSymbolFrom(*this, getParamAttr());
  Type type;
  if (auto param = dyn_cast_or_null<ParamOp>(target))
    type = param.getType();
  else if (auto pack = dyn_cast_or_null<ParamPackOp>(target))
    type = pack.getType();
  else
    return emitOpError("(C1) expects a param or param_pack, but there is none of the name ") << getParamAttr();
  if (type != getType())
    return emitOpError("(C2) expects the parameter's type ") << type << ", got " << getType();
  return success();
}

//===-- fused
//---------------------------------------------------------------------------------------------------------------===//

int64_t FusedOp::flops() {
  int64_t flops = 0;
  for (Operation &op : getBody().front())
    if (auto counted = dyn_cast<FlopsOp>(op))
      flops += counted.flops();
  return flops;
}

LogicalResult FusedOp::verifyRegions() {
  Block &block = getBody().front();
  if (block.getArgumentTypes() != getInputs().getTypes())
    return emitOpError("(C1) expects body arguments of the operands' types");
  auto yield = dyn_cast<YieldOp>(block.getTerminator());
  if (!yield || yield.getOperandTypes() != getResultTypes())
    return emitOpError("(C2) expects a body that yields the results' types");
  return success();
}

// fused <root> (%arg = %operand, ...) attr-dict : functional-type { body }
ParseResult FusedOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  FunctionType type;
  StringRef root;
  SMLoc rootLoc = parser.getCurrentLocation();
  if (parser.parseKeyword(&root))
    return failure();
  std::optional<FusionClass> fusionClass = symbolizeFusionClass(root);
  if (!fusionClass)
    return parser.emitError(rootLoc, "expects a fusion class, got ") << root;
  result.addAttribute(getRootAttrName(result.name), FusionClassAttr::get(parser.getContext(), *fusionClass));
  auto parseBinding = [&]() -> ParseResult {
    return failure(parser.parseArgument(arguments.emplace_back()) || parser.parseEqual() ||
                   parser.parseOperand(operands.emplace_back()));
  };
  SMLoc operandsLoc = parser.getCurrentLocation();
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parseBinding) ||
      parser.parseOptionalAttrDict(result.attributes) || parser.parseColonType(type))
    return failure();
  if (type.getNumInputs() != arguments.size())
    return parser.emitError(operandsLoc, "expects as many operands as types");
  for (auto [argument, argumentType] : llvm::zip(arguments, type.getInputs()))
    argument.type = argumentType;
  result.addTypes(type.getResults());
  return failure(parser.resolveOperands(operands, type.getInputs(), operandsLoc, result.operands) ||
                 parser.parseRegion(*result.addRegion(), arguments));
}

void FusedOp::print(OpAsmPrinter &printer) {
  printer << ' ' << stringifyFusionClass(getRoot()) << " (";
  llvm::interleaveComma(llvm::zip(getBody().getArguments(), getInputs()), printer,
                        [&](auto pair) { printer << std::get<0>(pair) << " = " << std::get<1>(pair); });
  printer << ')';
  printer.printOptionalAttrDict((*this)->getAttrs(), {getRootAttrName()});
  printer << " : ";
  printer.printFunctionalType(*this);
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}
