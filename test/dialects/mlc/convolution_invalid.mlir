// What the verifier says of ill-formed convolutions.
// RUN: mlc-opt %s --split-input-file --verify-diagnostics

func.func @f(%x: tensor<1x8x14x14xf32>, %f: tensor<16x8x3x3xf64>) {
  // expected-error@+2 {{'mlc.conv' op (C1) expects operands of one element type, got f32 and f64}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.conv %x, %f {dilations = array<i64: 1, 1>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x8x14x14xf32>, tensor<16x8x3x3xf64>) -> tensor<1x16x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x14x14xf32>, %f: tensor<16x8x3xf32>) {
  // expected-error@+2 {{'mlc.conv' op (C2) expects input and filter of one rank, 3 or more, got 1x8x14x14 and 16x8x3}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.conv %x, %f {dilations = array<i64: 1, 1>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x8x14x14xf32>, tensor<16x8x3xf32>) -> tensor<1x16x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8xf32>, %f: tensor<16x8xf32>) {
  // expected-error@+2 {{'mlc.conv' op (C2) expects input and filter of one rank, 3 or more, got 1x8 and 16x8}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.conv %x, %f {dilations = array<i64: 1, 1>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x8xf32>, tensor<16x8xf32>) -> tensor<1x16x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x14x14xf32>, %f: tensor<16x8x3x3xf32>) {
  // expected-error@+2 {{'mlc.conv' op (C3) expects strides with one entry for each of 2 spatial dimensions, got 1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.conv %x, %f {dilations = array<i64: 1, 1>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 1>} : (tensor<1x8x14x14xf32>, tensor<16x8x3x3xf32>) -> tensor<1x16x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x14x14xf32>, %f: tensor<16x8x3x3xf32>) {
  // expected-error@+2 {{'mlc.conv' op (C3) expects pad_low with one entry for each of 2 spatial dimensions, got 3}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.conv %x, %f {dilations = array<i64: 1, 1>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x8x14x14xf32>, tensor<16x8x3x3xf32>) -> tensor<1x16x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x14x14xf32>, %f: tensor<16x8x3x3xf32>) {
  // expected-error@+2 {{'mlc.conv' op (C3) expects pad_high with one entry for each of 2 spatial dimensions, got 1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.conv %x, %f {dilations = array<i64: 1, 1>, pad_high = array<i64: 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x8x14x14xf32>, tensor<16x8x3x3xf32>) -> tensor<1x16x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x14x14xf32>, %f: tensor<16x8x3x3xf32>) {
  // expected-error@+2 {{'mlc.conv' op (C3) expects dilations with one entry for each of 2 spatial dimensions, got 1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.conv %x, %f {dilations = array<i64: 1>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x8x14x14xf32>, tensor<16x8x3x3xf32>) -> tensor<1x16x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x14x14xf32>, %f: tensor<16x8x3x3xf32>) {
  // expected-error@+2 {{'mlc.conv' op (C3) expects strides of at least 1, got 0}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.conv %x, %f {dilations = array<i64: 1, 1>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 0>} : (tensor<1x8x14x14xf32>, tensor<16x8x3x3xf32>) -> tensor<1x16x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x14x14xf32>, %f: tensor<16x8x3x3xf32>) {
  // expected-error@+2 {{'mlc.conv' op (C3) expects dilations of at least 1, got -1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.conv %x, %f {dilations = array<i64: -1, 1>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x8x14x14xf32>, tensor<16x8x3x3xf32>) -> tensor<1x16x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x14x14xf32>, %f: tensor<16x8x3x3xf32>) {
  // expected-error@+2 {{'mlc.conv' op (C3) expects pad_low of at least 0, got -1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.conv %x, %f {dilations = array<i64: 1, 1>, pad_high = array<i64: 0, 0>, pad_low = array<i64: -1, 0>, strides = array<i64: 1, 1>} : (tensor<1x8x14x14xf32>, tensor<16x8x3x3xf32>) -> tensor<1x16x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x14x14xf32>, %f: tensor<16x8x3x3xf32>) {
  // expected-error@+2 {{'mlc.conv' op (C3) expects pad_high of at least 0, got -2}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.conv %x, %f {dilations = array<i64: 1, 1>, pad_high = array<i64: 0, -2>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x8x14x14xf32>, tensor<16x8x3x3xf32>) -> tensor<1x16x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x14x14xf32>, %f: tensor<16x7x3x3xf32>) {
  // expected-error@+2 {{'mlc.conv' op (C4) expects groups that divide the channels, and a filter of channels / groups inputs, got 8 input and 16 output channels in 1 groups, and a filter of 7}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.conv %x, %f {dilations = array<i64: 1, 1>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x8x14x14xf32>, tensor<16x7x3x3xf32>) -> tensor<1x16x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x14x14xf32>, %f: tensor<16x8x3x3xf32>) {
  // expected-error@+2 {{'mlc.conv' op (C4) expects groups that divide the channels, and a filter of channels / groups inputs, got 8 input and 16 output channels in 3 groups}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.conv %x, %f {dilations = array<i64: 1, 1>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 1>, groups = 3 : i64} : (tensor<1x8x14x14xf32>, tensor<16x8x3x3xf32>) -> tensor<1x16x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x14x14xf32>, %f: tensor<15x4x3x3xf32>) {
  // expected-error@+2 {{'mlc.conv' op (C4) expects groups that divide the channels, and a filter of channels / groups inputs, got 8 input and 15 output channels in 2 groups}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.conv %x, %f {dilations = array<i64: 1, 1>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 1>, groups = 2 : i64} : (tensor<1x8x14x14xf32>, tensor<15x4x3x3xf32>) -> tensor<1x16x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x14x14xf32>, %f: tensor<16x8x3x3xf32>) {
  // expected-error@+2 {{'mlc.conv' op (C4) expects groups that divide the channels, and a filter of channels / groups inputs, got 8 input and 16 output channels in 0 groups}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.conv %x, %f {dilations = array<i64: 1, 1>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 1>, groups = 0 : i64} : (tensor<1x8x14x14xf32>, tensor<16x8x3x3xf32>) -> tensor<1x16x12x12xf32>
  return
}

// -----

// Channels last: the same filter has its channels elsewhere.
func.func @f(%x: tensor<1x14x14x8xf32>, %f: tensor<16x8x3x3xf32>) {
  // expected-error@+2 {{'mlc.conv' op (C4) expects groups that divide the channels, and a filter of channels / groups inputs, got 8 input and 3 output channels in 1 groups, and a filter of 3}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.conv %x, %f {dilations = array<i64: 1, 1>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 1>, layout = #mlc<layout channels_last>} : (tensor<1x14x14x8xf32>, tensor<16x8x3x3xf32>) -> tensor<1x16x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x2x14xf32>, %f: tensor<16x8x3x3xf32>) {
  // expected-error@+2 {{'mlc.conv' op (C5) expects a window that fits into the padded input, got a window of 3 in 2 (spatial dimension 0)}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.conv %x, %f {dilations = array<i64: 1, 1>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x8x2x14xf32>, tensor<16x8x3x3xf32>) -> tensor<1x16x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x14x14xf32>, %f: tensor<16x8x3x3xf32>) {
  // expected-error@+2 {{'mlc.conv' op (C5) expects a window that fits into the padded input, got a window of 17 in 16 (spatial dimension 1)}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.conv %x, %f {dilations = array<i64: 1, 8>, pad_high = array<i64: 0, 1>, pad_low = array<i64: 0, 1>, strides = array<i64: 1, 1>} : (tensor<1x8x14x14xf32>, tensor<16x8x3x3xf32>) -> tensor<1x16x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x16x16x8xf32>, %f: tensor<2x3x3x8x16xf16>) {
  // expected-error@+2 {{'mlc.packed_conv' op (C1) expects operands of one element type, got f32 and f16}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.packed_conv %x, %f {dilations = array<i64: 1, 1>, out_channels = 20 : i64, strides = array<i64: 1, 1>} : (tensor<1x16x16x8xf32>, tensor<2x3x3x8x16xf16>) -> tensor<1x14x14x20xf32>
  return
}

// -----

func.func @f(%x: tensor<1x16x16x8xf32>, %f: tensor<2x3x8x16xf32>) {
  // expected-error@+2 {{'mlc.packed_conv' op (C2) expects an input of rank 3 or more and a filter of one or two ranks more, got 1x16x16x8 and 2x3x8x16}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.packed_conv %x, %f {dilations = array<i64: 1, 1>, out_channels = 20 : i64, strides = array<i64: 1, 1>} : (tensor<1x16x16x8xf32>, tensor<2x3x8x16xf32>) -> tensor<1x14x14x20xf32>
  return
}

// -----

func.func @f(%x: tensor<1x16x16x8xf32>, %f: tensor<2x3x3x8x16xf32>) {
  // expected-error@+2 {{'mlc.packed_conv' op (C3) expects strides with one entry for each of 2 spatial dimensions, got 1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.packed_conv %x, %f {dilations = array<i64: 1, 1>, out_channels = 20 : i64, strides = array<i64: 1>} : (tensor<1x16x16x8xf32>, tensor<2x3x3x8x16xf32>) -> tensor<1x14x14x20xf32>
  return
}

// -----

func.func @f(%x: tensor<1x16x16x8xf32>, %f: tensor<2x3x3x8x16xf32>) {
  // expected-error@+2 {{'mlc.packed_conv' op (C3) expects strides of at least 1, got 0}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.packed_conv %x, %f {dilations = array<i64: 1, 1>, out_channels = 20 : i64, strides = array<i64: 0, 1>} : (tensor<1x16x16x8xf32>, tensor<2x3x3x8x16xf32>) -> tensor<1x14x14x20xf32>
  return
}

// -----

func.func @f(%x: tensor<1x16x16x8xf32>, %f: tensor<2x3x3x8x16xf32>) {
  // expected-error@+2 {{'mlc.packed_conv' op (C3) expects dilations with one entry for each of 2 spatial dimensions, got 3}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.packed_conv %x, %f {dilations = array<i64: 1, 1, 1>, out_channels = 20 : i64, strides = array<i64: 1, 1>} : (tensor<1x16x16x8xf32>, tensor<2x3x3x8x16xf32>) -> tensor<1x14x14x20xf32>
  return
}

// -----

func.func @f(%x: tensor<1x16x16x8xf32>, %f: tensor<2x3x3x8x16xf32>) {
  // expected-error@+2 {{'mlc.packed_conv' op (C3) expects dilations of at least 1, got 0}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.packed_conv %x, %f {dilations = array<i64: 1, 0>, out_channels = 20 : i64, strides = array<i64: 1, 1>} : (tensor<1x16x16x8xf32>, tensor<2x3x3x8x16xf32>) -> tensor<1x14x14x20xf32>
  return
}

// -----

func.func @f(%x: tensor<1x16x16x8xf32>, %f: tensor<2x3x3x4x16xf32>) {
  // expected-error@+2 {{'mlc.packed_conv' op (C4) expects equal channels, got 8 and 4}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.packed_conv %x, %f {dilations = array<i64: 1, 1>, out_channels = 20 : i64, strides = array<i64: 1, 1>} : (tensor<1x16x16x8xf32>, tensor<2x3x3x4x16xf32>) -> tensor<1x14x14x20xf32>
  return
}

// -----

func.func @f(%x: tensor<1x16x16x7xbf16>, %f: tensor<2x3x3x4x16x2xbf16>) {
  // expected-error@+2 {{'mlc.packed_conv' op (C4) expects equal channels, got 7 and 8}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.packed_conv %x, %f {dilations = array<i64: 1, 1>, out_channels = 20 : i64, strides = array<i64: 1, 1>} : (tensor<1x16x16x7xbf16>, tensor<2x3x3x4x16x2xbf16>) -> tensor<1x14x14x20xbf16>
  return
}

// -----

func.func @f(%x: tensor<1x16x16x8xf32>, %f: tensor<2x3x3x8x16xf32>) {
  // expected-error@+2 {{'mlc.packed_conv' op (C5) expects out_channels that fill 2 panels of 16, got 33}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.packed_conv %x, %f {dilations = array<i64: 1, 1>, out_channels = 33 : i64, strides = array<i64: 1, 1>} : (tensor<1x16x16x8xf32>, tensor<2x3x3x8x16xf32>) -> tensor<1x14x14x20xf32>
  return
}

// -----

func.func @f(%x: tensor<1x16x16x8xf32>, %f: tensor<2x3x3x3x16xf32>) {
  // expected-error@+2 {{'mlc.packed_conv' op (C4) expects equal channels, got 8 and 3 in each of 2 groups}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.packed_conv %x, %f {dilations = array<i64: 1, 1>, groups = 2 : i64, out_channels = 20 : i64, strides = array<i64: 1, 1>} : (tensor<1x16x16x8xf32>, tensor<2x3x3x3x16xf32>) -> tensor<1x14x14x20xf32>
  return
}

// -----

func.func @f(%x: tensor<1x16x16x9xf32>, %f: tensor<2x3x3x3x16xf32>) {
  // expected-error@+2 {{'mlc.packed_conv' op (C5) expects groups that divide out_channels, got 3 and 20}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.packed_conv %x, %f {dilations = array<i64: 1, 1>, groups = 3 : i64, out_channels = 20 : i64, strides = array<i64: 1, 1>} : (tensor<1x16x16x9xf32>, tensor<2x3x3x3x16xf32>) -> tensor<1x14x14x20xf32>
  return
}

// -----

func.func @f(%x: tensor<1x16x16x8xf32>, %f: tensor<3x3x3x4x16xf32>) {
  // expected-error@+2 {{'mlc.packed_conv' op (C5) expects out_channels that fill 3 panels of 16, got 40 in 2 groups}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.packed_conv %x, %f {dilations = array<i64: 1, 1>, groups = 2 : i64, out_channels = 40 : i64, strides = array<i64: 1, 1>} : (tensor<1x16x16x8xf32>, tensor<3x3x3x4x16xf32>) -> tensor<1x14x14x40xf32>
  return
}

// -----

func.func @f(%x: tensor<1x2x16x8xf32>, %f: tensor<2x3x3x8x16xf32>) {
  // expected-error@+2 {{'mlc.packed_conv' op (C6) expects a window that fits into the padded input, got a window of 3 in 2 (spatial dimension 0)}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.packed_conv %x, %f {dilations = array<i64: 1, 1>, out_channels = 20 : i64, strides = array<i64: 1, 1>} : (tensor<1x2x16x8xf32>, tensor<2x3x3x8x16xf32>) -> tensor<1x14x14x20xf32>
  return
}

// -----

func.func @f(%x: tensor<2x14x15x8xf32>, %f: tensor<2x36x8x16xf64>) {
  // expected-error@+2 {{'mlc.winograd_conv' op (C1) expects operands of one element type, got f32 and f64}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.winograd_conv %x, %f {out_channels = 20 : i64, pad_high = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, tile = 4 : i64} : (tensor<2x14x15x8xf32>, tensor<2x36x8x16xf64>) -> tensor<2x14x15x20xf32>
  return
}

// -----

func.func @f(%x: tensor<2x14x15x8xf32>, %f: tensor<2x36x8xf32>) {
  // expected-error@+2 {{'mlc.winograd_conv' op (C2) expects an input of rank 4 and a filter of rank 4 or 5, got 2x14x15x8 and 2x36x8}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.winograd_conv %x, %f {out_channels = 20 : i64, pad_high = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, tile = 4 : i64} : (tensor<2x14x15x8xf32>, tensor<2x36x8xf32>) -> tensor<2x14x15x20xf32>
  return
}

// -----

func.func @f(%x: tensor<2x14x15x8xf32>, %f: tensor<2x25x8x16xf32>) {
  // expected-error@+2 {{'mlc.winograd_conv' op (C3) expects a tile of 2 or 4, got 3}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.winograd_conv %x, %f {out_channels = 20 : i64, pad_high = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, tile = 3 : i64} : (tensor<2x14x15x8xf32>, tensor<2x25x8x16xf32>) -> tensor<2x14x15x20xf32>
  return
}

// -----

func.func @f(%x: tensor<2x14x15x8xf32>, %f: tensor<2x16x8x16xf32>) {
  // expected-error@+2 {{'mlc.winograd_conv' op (C4) expects a filter of 36 positions and 8 channels, got 16 and 8}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.winograd_conv %x, %f {out_channels = 20 : i64, pad_high = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, tile = 4 : i64} : (tensor<2x14x15x8xf32>, tensor<2x16x8x16xf32>) -> tensor<2x14x15x20xf32>
  return
}

// -----

func.func @f(%x: tensor<2x14x15x8xf32>, %f: tensor<2x36x7x16xf32>) {
  // expected-error@+2 {{'mlc.winograd_conv' op (C4) expects a filter of 36 positions and 8 channels, got 36 and 7}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.winograd_conv %x, %f {out_channels = 20 : i64, pad_high = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, tile = 4 : i64} : (tensor<2x14x15x8xf32>, tensor<2x36x7x16xf32>) -> tensor<2x14x15x20xf32>
  return
}

// -----

func.func @f(%x: tensor<2x14x15x8xf32>, %f: tensor<2x36x8x16xf32>) {
  // expected-error@+2 {{'mlc.winograd_conv' op (C5) expects out_channels that fill 2 panels of 16, got 33}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.winograd_conv %x, %f {out_channels = 33 : i64, pad_high = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, tile = 4 : i64} : (tensor<2x14x15x8xf32>, tensor<2x36x8x16xf32>) -> tensor<2x14x15x20xf32>
  return
}

// -----

func.func @f(%x: tensor<2x14x15x8xf32>, %f: tensor<2x36x8x16xf32>) {
  // expected-error@+2 {{'mlc.winograd_conv' op (C6) expects pad_low with one entry for each of 2 spatial dimensions, got 1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.winograd_conv %x, %f {out_channels = 20 : i64, pad_high = array<i64: 1, 1>, pad_low = array<i64: 1>, tile = 4 : i64} : (tensor<2x14x15x8xf32>, tensor<2x36x8x16xf32>) -> tensor<2x14x15x20xf32>
  return
}

// -----

func.func @f(%x: tensor<2x14x15x8xf32>, %f: tensor<2x36x8x16xf32>) {
  // expected-error@+2 {{'mlc.winograd_conv' op (C6) expects pad_high of at least 0, got -1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.winograd_conv %x, %f {out_channels = 20 : i64, pad_high = array<i64: 1, -1>, pad_low = array<i64: 1, 1>, tile = 4 : i64} : (tensor<2x14x15x8xf32>, tensor<2x36x8x16xf32>) -> tensor<2x14x15x20xf32>
  return
}

// -----

func.func @f(%x: tensor<2x2x15x8xf32>, %f: tensor<2x36x8x16xf32>) {
  // expected-error@+2 {{'mlc.winograd_conv' op (C6) expects a window that fits into the padded input, got a window of 3 in 2 (spatial dimension 0)}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.winograd_conv %x, %f {out_channels = 20 : i64, pad_high = array<i64: 0, 1>, pad_low = array<i64: 0, 1>, tile = 4 : i64} : (tensor<2x2x15x8xf32>, tensor<2x36x8x16xf32>) -> tensor<2x14x15x20xf32>
  return
}
