#include "frontend/onnx/Activations.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

template <typename OpT> Value plain(Compose &c, Value x, double, double) { return c.apply<OpT>(x); }
template <typename OpT> Value withAlpha(Compose &c, Value x, double alpha, double) {
  return c.g.make<OpT>(x, c.g.real("alpha", alpha));
}
Value affine(Compose &c, Value x, double alpha, double beta) { return c.add(c.mul(x, alpha), beta); }
Value scaledTanh(Compose &c, Value x, double alpha, double beta) {
  return c.mul(c.apply<TanhOp>(c.mul(x, beta)), alpha);
}
Value thresholdedRelu(Compose &c, Value x, double alpha, double) {
  return c.select(c.compare(ComparePredicate::GE, x, alpha), x, c.like(x, 0));
}
Value hardSigmoid(Compose &c, Value x, double alpha, double beta) {
  return c.g.make<HardSigmoidOp>(x, {c.g.real("alpha", alpha), c.g.real("beta", beta)});
}
Value softsign(Compose &c, Value x, double, double) { return c.div(x, c.add(c.apply<AbsOp>(x), 1)); }
Value clip(Compose &c, Value x, double low, double high) { return c.clamp(x, low, high); }

} // namespace

std::optional<Activation> Activation::named(StringRef name) {
  constexpr std::nullopt_t none = std::nullopt;
  static const llvm::StringMap<Activation> known = {
      {"relu", {none, none, plain<ReluOp>}},
      {"tanh", {none, none, plain<TanhOp>}},
      {"sigmoid", {none, none, plain<SigmoidOp>}},
      {"softplus", {none, none, plain<SoftplusOp>}},
      {"softsign", {none, none, softsign}},
      {"leakyrelu", {0.01f, none, withAlpha<LeakyReluOp>}},
      {"elu", {1, none, withAlpha<EluOp>}},
      {"thresholdedrelu", {1, none, thresholdedRelu}},
      {"affine", {1, 0, affine}},
      {"scaledtanh", {1, 1, scaledTanh}},
      {"hardsigmoid", {0.2f, 0.5, hardSigmoid}},
      {"clip", {std::numeric_limits<float>::lowest(), std::numeric_limits<float>::max(), clip}},
  };
  auto found = known.find(name.lower());
  return found == known.end() ? std::nullopt : std::optional(found->second);
}
