#include "frontend/nets/UNet3D.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

class UNet3D {
public:
  UNet3D(GraphBuilder &graph, Weights &weights) : l(graph, weights) {}
  Value build(const UNet3DConfig &config, Value x);

private:
  Value unit(Value x, const std::string &name, int64_t out, int64_t stride);
  Value pair(Value x, const std::string &name, int64_t out, int64_t stride) {
    NamedPart part(l.c.g, name);
    return unit(unit(x, name + ".conv1", out, stride), name + ".conv2", out, 1);
  }
  Value up(Value x, Value skip, const std::string &name, int64_t out);

  Layers l;
};

Value UNet3D::unit(Value x, const std::string &name, int64_t out, int64_t stride) {
  x = l.conv(x, name + ".0", {.out = out, .window = 3, .stride = stride});
  return l.activate(l.instanceNorm(x, name + ".1"), Activation::Relu);
}

Value UNet3D::up(Value x, Value skip, const std::string &name, int64_t out) {
  NamedPart part(l.c.g, name);
  x = l.upsample(x, name + ".upsample_conv.0", out, 2);
  return x && skip ? pair(l.c.concat({x, skip}, 1), name, out, 1) : Value();
}

Value UNet3D::build(const UNet3DConfig &config, Value x) {
  ArrayRef<int64_t> filters = config.filters;
  SmallVector<Value> skips = {pair(x, "input_block", filters[0], 1)};
  for (size_t i = 1; i < filters.size(); ++i)
    skips.push_back(pair(skips.back(), "downsample." + std::to_string(i - 1), filters[i], 2));
  x = pair(skips.back(), "bottleneck", filters.back(), 2);
  for (size_t i = 0; i < filters.size(); ++i)
    x = up(x, skips[filters.size() - 1 - i], "upsample." + std::to_string(i), filters[filters.size() - 1 - i]);
  return l.conv(x, "output.conv.0", {.out = config.labels, .window = 1, .bias = true});
}

} // namespace

Value frontend::buildUNet3D(GraphBuilder &graph, Weights &weights, const UNet3DConfig &config, Value image) {
  return UNet3D(graph, weights).build(config, image);
}
