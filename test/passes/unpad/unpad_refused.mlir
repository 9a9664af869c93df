// What is in the way of packing tokens is named.
// NO-COMPARE: nothing is changed
// RUN: mlc-opt %s --split-input-file --mlc-unpad --verify-diagnostics
// RUN: not mlc-opt %S/unpad.mlir --mlc-unpad=tokens=none 2>&1 | FileCheck %s
// CHECK: --unpad: 'none' is no number of tokens; expected numbers such as 512,1024, auto, or off

// expected-error@+1 {{--unpad: there is no attention in entry point "infer", whose mask would say what is padding}}
func.func @f(%x: tensor<2x4xf32>) -> tensor<2x4xf32> attributes {mlc.entry = "infer"} {
  return %x : tensor<2x4xf32>
}

// -----

func.func @f(%x: tensor<2x4x2x3xf32>) -> tensor<2x4x2x3xf32> attributes {mlc.entry = "infer"} {
  // expected-error@+1 {{--unpad: this attention has no mask, which would say what is padding}}
  %h = mlc.attention %x, %x, %x {scale = 0.5 : f64, layout = #mlc<head_layout bshd>} : (tensor<2x4x2x3xf32>, tensor<2x4x2x3xf32>, tensor<2x4x2x3xf32>) -> tensor<2x4x2x3xf32>
  return %h : tensor<2x4x2x3xf32>
}

// -----

// The mask itself is an input, as it is added to scores.
func.func @f(%x: tensor<2x4x2x3xf32>, %m: tensor<2x1x1x4xf32> {mlc.name = "bias"}) -> tensor<2x4x2x3xf32> attributes {mlc.entry = "infer"} {
  // expected-error@+1 {{--unpad: the mask of this attention is computed from input 'bias', 'tensor<2x1x1x4xf32>'; expected one input of 2 sequences of 4 positions}}
  %h = mlc.attention %x, %x, %x, %m {scale = 0.5 : f64, layout = #mlc<head_layout bshd>} : (tensor<2x4x2x3xf32>, tensor<2x4x2x3xf32>, tensor<2x4x2x3xf32>, tensor<2x1x1x4xf32>) -> tensor<2x4x2x3xf32>
  return %h : tensor<2x4x2x3xf32>
}

// -----

// Keys are given a bias, not hidden.
func.func @f(%x: tensor<2x4x2x3xf32>, %m: tensor<2x4xf32>) -> tensor<2x4x2x3xf32> attributes {mlc.entry = "infer"} {
  %k = mlc.reshape %m {shape = array<i64: 2, 1, 1, 4>} : (tensor<2x4xf32>) -> tensor<2x1x1x4xf32>
  // expected-error@+1 {{--unpad: this attention does not hide exactly the keys at which the mask is 0}}
  %h = mlc.attention %x, %x, %x, %k {scale = 0.5 : f64, layout = #mlc<head_layout bshd>} : (tensor<2x4x2x3xf32>, tensor<2x4x2x3xf32>, tensor<2x4x2x3xf32>, tensor<2x1x1x4xf32>) -> tensor<2x4x2x3xf32>
  return %h : tensor<2x4x2x3xf32>
}

// -----

// The mean over all positions sees what is computed at padding.
func.func @f(%x: tensor<2x4x2x3xf32>, %m: tensor<2x4xi1>) -> tensor<2x2x3xf32> attributes {mlc.entry = "infer"} {
  %zero = mlc.constant dense<0.0> : tensor<f32>
  %low = mlc.constant dense<-1.0e9> : tensor<f32>
  %k = mlc.reshape %m {shape = array<i64: 2, 1, 1, 4>} : (tensor<2x4xi1>) -> tensor<2x1x1x4xi1>
  %mask = mlc.select %k, %zero, %low : (tensor<2x1x1x4xi1>, tensor<f32>, tensor<f32>) -> tensor<2x1x1x4xf32>
  %h = mlc.attention %x, %x, %x, %mask {scale = 0.5 : f64, layout = #mlc<head_layout bshd>} : (tensor<2x4x2x3xf32>, tensor<2x4x2x3xf32>, tensor<2x4x2x3xf32>, tensor<2x1x1x4xf32>) -> tensor<2x4x2x3xf32>
  // expected-error@+1 {{--unpad: 'mlc.reduce' mixes tokens, so that it would see padding, which is not computed}}
  %r = mlc.reduce mean %h {axes = array<i64: 1>} : (tensor<2x4x2x3xf32>) -> tensor<2x2x3xf32>
  return %r : tensor<2x2x3xf32>
}

// -----

func.func @f(%x: tensor<2x4x2x3xf64>, %m: tensor<2x4xi1>) -> tensor<2x4x2x3xf64> attributes {mlc.entry = "infer"} {
  %zero = mlc.constant dense<0.0> : tensor<f64>
  %low = mlc.constant dense<-1.0e9> : tensor<f64>
  %k = mlc.reshape %m {shape = array<i64: 2, 1, 1, 4>} : (tensor<2x4xi1>) -> tensor<2x1x1x4xi1>
  %mask = mlc.select %k, %zero, %low : (tensor<2x1x1x4xi1>, tensor<f64>, tensor<f64>) -> tensor<2x1x1x4xf64>
  // expected-error@+1 {{--unpad: attention in f64 has no packed form}}
  %h = mlc.attention %x, %x, %x, %mask {scale = 0.5 : f64, layout = #mlc<head_layout bshd>} : (tensor<2x4x2x3xf64>, tensor<2x4x2x3xf64>, tensor<2x4x2x3xf64>, tensor<2x1x1x4xf64>) -> tensor<2x4x2x3xf64>
  return %h : tensor<2x4x2x3xf64>
}
