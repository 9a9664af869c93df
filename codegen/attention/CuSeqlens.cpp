// The offsets of packed sequences, which come from the user's mask.
#include "codegen/attention/Attention.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace mlc::codegen {

using cpu::BodyEvaluator;

Value offsetOfSequence(BodyEvaluator &e, const Attention &a, Value sequence) {
  Type i32 = e.b.getI32Type();
  Value place = e.element(e.buffers.lookup(a.cuSeqlens), i32, sequence);
  return arith::ExtSIOp::create(e.b, e.loc, e.b.getI64Type(), LLVM::LoadOp::create(e.b, e.loc, i32, place, 4));
}

Value emitOffsetCheck(BodyEvaluator &e, const Attention &a) {
  OpBuilder &b = e.b;
  Location loc = e.loc;
  auto both = [&](Value x, Value y) { return arith::AndIOp::create(b, loc, x, y).getResult(); };
  auto atMost = [&](Value x, Value y) -> Value {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ule, x, y);
  };
  Value none = offsetOfSequence(e, a, e.constant(0));
  Value startsAtZero = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, none, e.constant(0));
  auto all = scf::ForOp::create(b, loc, e.constant(0), e.constant(a.batches), e.constant(1), startsAtZero,
                                [&](OpBuilder &, Location, Value n, ValueRange carried) {
                                  Value begin = offsetOfSequence(e, a, n), end = offsetOfSequence(e, a, e.add(n, 1));
                                  // An end before the beginning is a length beyond any, unsigned.
                                  Value length = arith::SubIOp::create(b, loc, end, begin);
                                  Value right =
                                      both(atMost(length, e.constant(a.queries)), atMost(end, e.constant(a.rows)));
                                  scf::YieldOp::create(b, loc, both(carried[0], right));
                                });
  return all.getResult(0);
}

} // namespace mlc::codegen
