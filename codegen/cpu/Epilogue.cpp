#include "codegen/cpu/Epilogue.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace mlc::codegen::cpu {

Epilogue::Epilogue(func::FuncOp kernel, const Contraction &contraction) : c(contraction) {
  names.push_back(c.result);
  for (size_t next = 0; next < names.size(); ++next)
    for (Operation *user : names[next].getUsers())
      if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(user))
        names.push_back(user->getResult(0));
  llvm::erase_if(names, [&](Value name) {
    auto type = cast<RankedTensorType>(name.getType());
    return type.getRank() == 0 || type.getShape().back() % c.n != 0;
  });
  if (c.bare)
    return;
  for (auto op : kernel.getBody().front().getOps<linalg::GenericOp>())
    if (op != c.op)
      operations += llvm::range_size(op.getBody()->without_terminator());
}

bool Epilogue::finishVector(BodyEvaluator &e, const MicroArguments &arguments, const RowPlace &place, Value n,
                            Value sum, Value mask) const {
  auto type = cast<RankedTensorType>(c.value.getType());
  auto flat = RankedTensorType::get({ShapedType::kDynamic}, type.getElementType());
  Value row = e.add(arguments.row0, place.row);
  Coord to{e.add(e.mul(row, c.n), n), 1, {}};
  Value output = arguments.bindings.back();
  if (c.bare)
    return e.store(sum, output, flat, to, mask);
  std::map<std::vector<int64_t>, SmallVector<Coord>> forms;
  auto coordsFor = [&](Value value) -> SmallVector<Coord> & {
    auto shape = cast<RankedTensorType>(value.getType()).getShape();
    auto [known, isNew] = forms.try_emplace({shape.begin(), shape.end()});
    if (isNew) {
      // The last dimension may hold several rows of sums: those of the groups.
      int64_t together = shape.back() / c.n;
      SmallVector<int64_t> sizes(shape.drop_back());
      if (together > 1)
        sizes.push_back(together);
      SmallVector<Value> places = e.delinearize(row, sizes);
      Value last = together > 1 ? e.add(e.mul(places.pop_back_val(), c.n), n) : n;
      for (Value at : places)
        known->second.push_back({at, 0, {}});
      known->second.push_back({last, 1, {}});
    }
    return known->second;
  };
  e.providers.clear();
  for (Value name : names)
    e.providers[name] = [here = coordsFor(name), sum](ArrayRef<Coord> asked) -> Value {
      for (auto [x, y] : llvm::zip_equal(here, asked))
        if (x.base != y.base || x.step != y.step || y.lanes)
          return {};
      return sum;
    };
  return e.store(e.evaluate(c.value, coordsFor(c.value), mask), output, flat, to, mask);
}

bool Epilogue::emit(BodyEvaluator &e, const Blocking &blocking, const MicroArguments &arguments,
                    const MicroShape &shape, ArrayRef<RowPlace> places, ArrayRef<Value> sums) const {
  OpBuilder &b = e.b;
  Location loc = e.loc;
  auto maskFor = [&](int64_t j) {
    return shape.tail && j == shape.vectors - 1 ? e.maskOfFirst(e.constant(shape.tail)) : Value();
  };
  bool ok = true;
  if (!isLong()) {
    for (int64_t i = 0; i < shape.rows; ++i)
      for (int64_t j = 0; j < shape.vectors; ++j)
        ok &= finishVector(e, arguments, places[i], e.add(arguments.n0, j * blocking.lanes),
                           sums[i * shape.vectors + j], maskFor(j));
    return ok;
  }
  Type element = getElementTypeOrSelf(c.result);
  unsigned alignment = BodyEvaluator::elementBytes(element);
  auto address = [&](Value row, int64_t j) {
    return e.element(arguments.sums, element, e.add(e.mul(row, blocking.nv * blocking.lanes), j * blocking.lanes));
  };
  for (int64_t i = 0; i < shape.rows; ++i)
    for (int64_t j = 0; j < shape.vectors; ++j)
      LLVM::StoreOp::create(b, loc, sums[i * shape.vectors + j], address(e.constant(i), j), alignment);
  e.loop(e.constant(0), e.constant(shape.rows), 1, [&](Value i) {
    RowPlace place = placesOf(e, c, e.add(arguments.m, i), 1).front();
    for (int64_t j = 0; j < shape.vectors; ++j)
      ok &= finishVector(e, arguments, place, e.add(arguments.n0, j * blocking.lanes),
                         e.loadVector(address(i, j), element, {}), maskFor(j));
  });
  return ok;
}

} // namespace mlc::codegen::cpu
