// What values that are computed from a mask do: found by evaluating them on masks, since exporters write the same in
// many ways.
#ifndef MLC_PASSES_UNPAD_MASKPROBE_H
#define MLC_PASSES_UNPAD_MASKPROBE_H

#include "dialects/mlc/MlcDialect.h"
#include "passes/simplify/KnownValues.h"
#include "support/HostTensor.h"
#include <optional>

namespace mlc {

class MaskProbe {
public:
  // `mask` is an argument of shape [B, S].
  explicit MaskProbe(mlir::BlockArgument mask);

  enum class Hiding { None, Padding, PaddingAndLater }; // of keys behind the query
  // Which keys the addend `value` of attention's scores, which broadcasts to [B, H, S, S], hides: it is 0 where they
  // are visible, and so low that their weight is 0 elsewhere. None: others than those, or it is something else.
  Hiding hides(mlir::Value value);

  // The element that `value`, whose first `tokenDims` dimensions are the positions of the batch ([B, S], or [B * S]),
  // has wherever the mask is 0: nothing where that depends on anything.
  std::optional<double> constantAtPadding(mlir::Value value, int64_t tokenDims);

private:
  struct Probe {
    HostTensor mask;
    llvm::DenseMap<mlir::Value, std::optional<HostTensor>> values;
  };
  std::optional<HostTensor> evaluate(mlir::Value value, Probe &probe);
  bool hides(const HostTensor &value, const Probe &probe, bool later) const;
  bool isToken(const Probe &probe, int64_t position) const { return probe.mask.floatAt(position) != 0; }

  mlir::BlockArgument mask;
  KnownValues parameters; // positions and the like, which exporters write as tensors
  int64_t sequences, length;
  Probe probes[2]; // each position is a token in one of them
};

} // namespace mlc

#endif // MLC_PASSES_UNPAD_MASKPROBE_H
