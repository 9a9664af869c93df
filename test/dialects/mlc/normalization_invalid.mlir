// What the verifier says of ill-formed normalisations.
// RUN: mlc-opt %s --split-input-file --verify-diagnostics

func.func @f(%x: tensor<2x4x8xf32>) {
  // expected-error@+2 {{'mlc.softmax' op (C1) expects axis in [0, 3), got 3}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.softmax %x {axis = 3 : i64} : (tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4x8xf32>) {
  // expected-error@+2 {{'mlc.softmax' op (C1) expects axis in [0, 3), got -1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.softmax %x {axis = -1 : i64} : (tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4x8xf32>) {
  // expected-error@+2 {{'mlc.log_softmax' op (C1) expects axis in [0, 3), got 3}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.log_softmax %x {axis = 3 : i64} : (tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4x8xf32>) {
  // expected-error@+2 {{'mlc.log_softmax' op (C1) expects axis in [0, 3), got -1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.log_softmax %x {axis = -1 : i64} : (tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4x8xf32>) {
  // expected-error@+2 {{'mlc.layer_norm' op (C1) expects axis in [0, 3), got 3}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.layer_norm %x {axis = 3 : i64, epsilon = 1.0e-05 : f64} : (tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4x8xf32>) {
  // expected-error@+2 {{'mlc.layer_norm' op (C1) expects axis in [0, 3), got -1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.layer_norm %x {axis = -1 : i64, epsilon = 1.0e-05 : f64} : (tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4x8xf32>, %s: tensor<4xf32>) {
  // expected-error@+2 {{'mlc.layer_norm' op (C2) expects scale of shape 8, got 4}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.layer_norm %x scale(%s) {axis = 2 : i64, epsilon = 1.0e-05 : f64} : (tensor<2x4x8xf32>, tensor<4xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4x8xf32>, %s: tensor<4x8xf32>, %b: tensor<8xf32>) {
  // expected-error@+2 {{'mlc.layer_norm' op (C2) expects bias of shape 4x8, got 8}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.layer_norm %x scale(%s) bias(%b) {axis = 1 : i64, epsilon = 1.0e-05 : f64} : (tensor<2x4x8xf32>, tensor<4x8xf32>, tensor<8xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4x8xf32>, %s: tensor<8xf64>) {
  // expected-error@+2 {{'mlc.layer_norm' op (C3) expects operands of one element type, got f32 and f64}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.layer_norm %x scale(%s) {axis = 2 : i64, epsilon = 1.0e-05 : f64} : (tensor<2x4x8xf32>, tensor<8xf64>) -> tensor<2x4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4x8xf32>, %s: tensor<4xf32>, %b: tensor<4xf32>, %m: tensor<4xf32>, %v: tensor<4xf32>) {
  // expected-error@+2 {{'mlc.batch_norm' op (C1) expects axis in [0, 3), got 3}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.batch_norm %x, %s, %b, %m, %v {axis = 3 : i64, epsilon = 1.0e-05 : f64} : (tensor<2x4x8xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4x8xf32>, %s: tensor<4x1xf32>, %b: tensor<4xf32>, %m: tensor<4xf32>, %v: tensor<4xf32>) {
  // expected-error@+2 {{'mlc.batch_norm' op (C2) expects scale of shape 4, got 4x1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.batch_norm %x, %s, %b, %m, %v {axis = 1 : i64, epsilon = 1.0e-05 : f64} : (tensor<2x4x8xf32>, tensor<4x1xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4x8xf32>, %s: tensor<4xf32>, %b: tensor<8xf32>, %m: tensor<4xf32>, %v: tensor<4xf32>) {
  // expected-error@+2 {{'mlc.batch_norm' op (C2) expects bias of shape 4, got 8}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.batch_norm %x, %s, %b, %m, %v {axis = 1 : i64, epsilon = 1.0e-05 : f64} : (tensor<2x4x8xf32>, tensor<4xf32>, tensor<8xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4x8xf32>, %s: tensor<4xf32>, %b: tensor<4xf32>, %m: tensor<4x1xf32>, %v: tensor<4xf32>) {
  // expected-error@+2 {{'mlc.batch_norm' op (C2) expects mean of shape 4, got 4x1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.batch_norm %x, %s, %b, %m, %v {axis = 1 : i64, epsilon = 1.0e-05 : f64} : (tensor<2x4x8xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4x1xf32>, tensor<4xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4x8xf32>, %s: tensor<4xf32>, %b: tensor<4xf32>, %m: tensor<4xf32>, %v: tensor<8xf32>) {
  // expected-error@+2 {{'mlc.batch_norm' op (C2) expects variance of shape 4, got 8}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.batch_norm %x, %s, %b, %m, %v {axis = 1 : i64, epsilon = 1.0e-05 : f64} : (tensor<2x4x8xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<8xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4x8xf32>, %s: tensor<4xf32>, %b: tensor<4xf32>, %m: tensor<4xf32>, %v: tensor<4xf64>) {
  // expected-error@+2 {{'mlc.batch_norm' op (C3) expects operands of one element type, got f32 and f64}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.batch_norm %x, %s, %b, %m, %v {axis = 1 : i64, epsilon = 1.0e-05 : f64} : (tensor<2x4x8xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf64>) -> tensor<2x4x8xf32>
  return
}
