#include "frontend/nets/MobileNetV2.h"

#include <algorithm>

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

// To a multiple of 8 that is at most a tenth below.
static int64_t roundChannels(double channels) {
  int64_t rounded = std::max<int64_t>(8, static_cast<int64_t>(channels + 4) / 8 * 8);
  return static_cast<double>(rounded) < 0.9 * channels ? rounded + 8 : rounded;
}

Value frontend::buildMobileNetV2(GraphBuilder &graph, Weights &weights, const MobileNetV2Config &config, Value image) {
  Layers l(graph, weights);
  auto unit = [&](Value x, const std::string &conv, const std::string &norm, const Layers::ConvShape &shape, bool act) {
    Value y = l.batchNorm(l.conv(x, conv, shape), norm);
    return act ? l.activate(y, Activation::Relu6) : y;
  };
  struct Group {
    int64_t expansion, channels, blocks, stride;
  };
  constexpr Group kGroups[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                               {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
  int64_t channels = roundChannels(32 * config.width), index = 0;
  auto next = [&] { return "features." + std::to_string(index++); };
  std::string name = next();
  Value x = unit(image, name + ".0", name + ".1", {.out = channels, .window = 3, .stride = 2}, true);
  for (const Group &group : kGroups)
    for (int64_t b = 0; b < group.blocks; ++b) {
      name = next();
      NamedPart part(graph, name);
      int64_t out = roundChannels(static_cast<double>(group.channels) * config.width),
              wide = channels * group.expansion;
      int64_t stride = b == 0 ? group.stride : 1, part0 = 0;
      auto inner = [&](int64_t i) { return name + ".conv." + std::to_string(i); };
      Value y = x;
      if (group.expansion != 1)
        y = unit(y, inner(part0) + ".0", inner(part0) + ".1", {.out = wide, .window = 1}, true), ++part0;
      y = unit(y, inner(part0) + ".0", inner(part0) + ".1",
               {.out = wide, .window = 3, .stride = stride, .groups = wide}, true);
      y = unit(y, inner(part0 + 1), inner(part0 + 2), {.out = out, .window = 1}, false);
      x = stride == 1 && channels == out ? l.c.add(x, y) : y;
      channels = out;
    }
  name = next();
  x = unit(x, name + ".0", name + ".1", {.out = roundChannels(1280 * std::max(1.0, config.width)), .window = 1}, true);
  return l.dense(l.globalMean(x), "classifier.1", config.labels);
}
