// What the verifier says of ill-formed reductions.
// RUN: mlc-opt %s --split-input-file --verify-diagnostics

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error@+2 {{'mlc.reduce' op (C1) expects strictly ascending axes in [0, 2), got 2}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.reduce sum %x {axes = array<i64: 2>} : (tensor<4x8xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error@+2 {{'mlc.reduce' op (C1) expects strictly ascending axes in [0, 2), got -1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.reduce sum %x {axes = array<i64: -1>} : (tensor<4x8xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error@+2 {{'mlc.reduce' op (C1) expects strictly ascending axes in [0, 2), got 0 after 1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.reduce max %x {axes = array<i64: 1, 0>} : (tensor<4x8xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error@+2 {{'mlc.reduce' op (C1) expects strictly ascending axes in [0, 2), got 1 after 1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.reduce prod %x {axes = array<i64: 1, 1>} : (tensor<4x8xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xi32>) {
  // expected-error@+2 {{'mlc.reduce' op (C2) expects a floating-point operand for mean}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.reduce mean %x {axes = array<i64: 1>} : (tensor<4x8xi32>) -> tensor<4xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error@+2 {{'mlc.arg_max' op (C1) expects axis in [0, 2), got 2}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.arg_max %x {axis = 2 : i64} : (tensor<4x8xf32>) -> tensor<4xi64>
  return
}

// -----

func.func @f(%x: tensor<4x0xf32>) {
  // expected-error@+2 {{'mlc.arg_max' op (C2) expects a dimension that is not empty, got size 0}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.arg_max %x {axis = 1 : i64} : (tensor<4x0xf32>) -> tensor<4xi64>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error@+2 {{'mlc.arg_min' op (C1) expects axis in [0, 2), got 2}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.arg_min %x {axis = 2 : i64} : (tensor<4x8xf32>) -> tensor<4xi64>
  return
}

// -----

func.func @f(%x: tensor<4x0xf32>) {
  // expected-error@+2 {{'mlc.arg_min' op (C2) expects a dimension that is not empty, got size 0}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.arg_min %x {axis = 1 : i64} : (tensor<4x0xf32>) -> tensor<4xi64>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error@+2 {{'mlc.cum_sum' op (C1) expects axis in [0, 2), got -1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.cum_sum %x {axis = -1 : i64} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8xf32>) {
  // expected-error@+2 {{'mlc.pool' op (C1) expects an operand of rank 3 or more, got rank 2}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.pool max %x {dilations = array<i64: 1, 1>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 1>, window = array<i64: 3, 3>} : (tensor<1x8xf32>) -> tensor<1x8x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x14x14xf32>) {
  // expected-error@+2 {{'mlc.pool' op (C2) expects window with one entry for each of 2 spatial dimensions, got 1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.pool max %x {dilations = array<i64: 1, 1>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 1>, window = array<i64: 1>} : (tensor<1x8x14x14xf32>) -> tensor<1x8x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x14x14xf32>) {
  // expected-error@+2 {{'mlc.pool' op (C2) expects window of at least 1, got 0}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.pool max %x {dilations = array<i64: 1, 1>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 1>, window = array<i64: 1, 0>} : (tensor<1x8x14x14xf32>) -> tensor<1x8x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x14x14xf32>) {
  // expected-error@+2 {{'mlc.pool' op (C2) expects strides with one entry for each of 2 spatial dimensions, got 1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.pool max %x {dilations = array<i64: 1, 1>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 1>, window = array<i64: 3, 3>} : (tensor<1x8x14x14xf32>) -> tensor<1x8x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x14x14xf32>) {
  // expected-error@+2 {{'mlc.pool' op (C2) expects strides of at least 1, got 0}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.pool max %x {dilations = array<i64: 1, 1>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 0>, window = array<i64: 3, 3>} : (tensor<1x8x14x14xf32>) -> tensor<1x8x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x14x14xf32>) {
  // expected-error@+2 {{'mlc.pool' op (C2) expects pad_low with one entry for each of 2 spatial dimensions, got 1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.pool max %x {dilations = array<i64: 1, 1>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 1>, strides = array<i64: 1, 1>, window = array<i64: 3, 3>} : (tensor<1x8x14x14xf32>) -> tensor<1x8x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x14x14xf32>) {
  // expected-error@+2 {{'mlc.pool' op (C2) expects pad_low of at least 0, got -1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.pool max %x {dilations = array<i64: 1, 1>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 1, -1>, strides = array<i64: 1, 1>, window = array<i64: 3, 3>} : (tensor<1x8x14x14xf32>) -> tensor<1x8x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x14x14xf32>) {
  // expected-error@+2 {{'mlc.pool' op (C2) expects pad_high with one entry for each of 2 spatial dimensions, got 1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.pool max %x {dilations = array<i64: 1, 1>, pad_high = array<i64: 1>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 1>, window = array<i64: 3, 3>} : (tensor<1x8x14x14xf32>) -> tensor<1x8x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x14x14xf32>) {
  // expected-error@+2 {{'mlc.pool' op (C2) expects pad_high of at least 0, got -1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.pool max %x {dilations = array<i64: 1, 1>, pad_high = array<i64: 1, -1>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 1>, window = array<i64: 3, 3>} : (tensor<1x8x14x14xf32>) -> tensor<1x8x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x14x14xf32>) {
  // expected-error@+2 {{'mlc.pool' op (C2) expects dilations with one entry for each of 2 spatial dimensions, got 1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.pool max %x {dilations = array<i64: 1>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 1>, window = array<i64: 3, 3>} : (tensor<1x8x14x14xf32>) -> tensor<1x8x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x14x14xf32>) {
  // expected-error@+2 {{'mlc.pool' op (C2) expects dilations of at least 1, got 0}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.pool max %x {dilations = array<i64: 1, 0>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 1>, window = array<i64: 3, 3>} : (tensor<1x8x14x14xf32>) -> tensor<1x8x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x14x14xf32>) {
  // expected-error@+2 {{'mlc.pool' op (C2) expects ceil_pad with one entry for each spatial dimension}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.pool max %x {ceil_pad = array<i64: 1>, dilations = array<i64: 1, 1>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 1>, window = array<i64: 3, 3>} : (tensor<1x8x14x14xf32>) -> tensor<1x8x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x14x14xf32>) {
  // expected-error@+2 {{'mlc.pool' op (C3) expects a window that fits into the padded input, got a window of 15 in 14 (spatial dimension 1)}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.pool max %x {dilations = array<i64: 1, 1>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 1>, window = array<i64: 3, 15>} : (tensor<1x8x14x14xf32>) -> tensor<1x8x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x14x14xf32>) {
  // expected-error@+2 {{'mlc.pool' op (C4) expects paddings smaller than the window of 3, got 3 (spatial dimension 1)}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.pool max %x {dilations = array<i64: 1, 1>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 3>, strides = array<i64: 1, 1>, window = array<i64: 3, 3>} : (tensor<1x8x14x14xf32>) -> tensor<1x8x12x12xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x14x14xf32>) {
  // expected-error@+2 {{'mlc.pool' op (C4) expects paddings smaller than the window of 5, got 5 (spatial dimension 0)}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.pool max %x {dilations = array<i64: 2, 1>, pad_high = array<i64: 5, 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 1>, window = array<i64: 3, 3>} : (tensor<1x8x14x14xf32>) -> tensor<1x8x12x12xf32>
  return
}
