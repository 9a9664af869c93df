// What the verifier says of ill-formed packed sequences.
// RUN: mlc-opt %s --split-input-file --verify-diagnostics

func.func @f(%m: tensor<8xi64>) {
  // expected-error@+2 {{'mlc.cu_seqlens' op (C1) expects a mask of rank 2, got 8}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.cu_seqlens %m {capacity = 4 : i64} : (tensor<8xi64>) -> tensor<2xi32>
  return
}

// -----

func.func @f(%m: tensor<2x8xi64>) {
  // expected-error@+2 {{'mlc.cu_seqlens' op (C2) expects capacity of at least 1, got 0}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.cu_seqlens %m {capacity = 0 : i64} : (tensor<2x8xi64>) -> tensor<3xi32>
  return
}

// -----

func.func @f(%x: tensor<2x8x5xf32>, %m: tensor<16xi64>, %c: tensor<3xi32>) {
  // expected-error@+2 {{'mlc.unpad' op (C1) expects a mask of rank 2, got 16}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.unpad %x, %m, %c {capacity = 4 : i64} : (tensor<2x8x5xf32>, tensor<16xi64>, tensor<3xi32>) -> tensor<4x5xf32>
  return
}

// -----

func.func @f(%x: tensor<2x8x5xf32>, %m: tensor<2x8xi64>, %c: tensor<2xi32>) {
  // expected-error@+2 {{'mlc.unpad' op (C1) expects cu_seqlens of i32 and shape 3, got 2 of 32 bits}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.unpad %x, %m, %c {capacity = 4 : i64} : (tensor<2x8x5xf32>, tensor<2x8xi64>, tensor<2xi32>) -> tensor<4x5xf32>
  return
}

// -----

func.func @f(%x: tensor<2x8x5xf32>, %m: tensor<2x8xi64>, %c: tensor<3xi64>) {
  // expected-error@+2 {{'mlc.unpad' op (C1) expects cu_seqlens of i32 and shape 3, got 3 of 64 bits}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.unpad %x, %m, %c {capacity = 4 : i64} : (tensor<2x8x5xf32>, tensor<2x8xi64>, tensor<3xi64>) -> tensor<4x5xf32>
  return
}

// -----

func.func @f(%x: tensor<2x7x5xf32>, %m: tensor<2x8xi64>, %c: tensor<3xi32>) {
  // expected-error@+2 {{'mlc.unpad' op (C2) expects x whose first dimensions stretch to 2x8, got 2x7x5}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.unpad %x, %m, %c {capacity = 4 : i64} : (tensor<2x7x5xf32>, tensor<2x8xi64>, tensor<3xi32>) -> tensor<4x5xf32>
  return
}

// -----

func.func @f(%x: tensor<8xf32>, %m: tensor<2x8xi64>, %c: tensor<3xi32>) {
  // expected-error@+2 {{'mlc.unpad' op (C2) expects x whose first dimensions stretch to 2x8, got 8}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.unpad %x, %m, %c {capacity = 4 : i64} : (tensor<8xf32>, tensor<2x8xi64>, tensor<3xi32>) -> tensor<4x5xf32>
  return
}

// -----

func.func @f(%x: tensor<2x8x5xf32>, %m: tensor<2x8xi64>, %c: tensor<3xi32>) {
  // expected-error@+2 {{'mlc.unpad' op (C3) expects capacity of at least 1, got 0}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.unpad %x, %m, %c {capacity = 0 : i64} : (tensor<2x8x5xf32>, tensor<2x8xi64>, tensor<3xi32>) -> tensor<4x5xf32>
  return
}

// -----

func.func @f(%x: tensor<4x5xf32>, %m: tensor<2x8xi64>, %c: tensor<4xi32>) {
  // expected-error@+2 {{'mlc.repad' op (C1) expects cu_seqlens of i32 and shape 3, got 4 of 32 bits}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.repad %x, %m, %c : (tensor<4x5xf32>, tensor<2x8xi64>, tensor<4xi32>) -> tensor<2x8x5xf32>
  return
}

// -----

func.func @f(%x: tensor<f32>, %m: tensor<2x8xi64>, %c: tensor<3xi32>) {
  // expected-error@+2 {{'mlc.repad' op (C2) expects x of rank 1 or more, got a scalar}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.repad %x, %m, %c : (tensor<f32>, tensor<2x8xi64>, tensor<3xi32>) -> tensor<2x8xf32>
  return
}

// -----

func.func @f(%q: tensor<9x4x6xf32>, %k: tensor<9x4x6xf32>, %v: tensor<9x4x6xf16>, %c: tensor<3xi32>) {
  // expected-error@+2 {{'mlc.varlen_attention' op (C1) expects operands of one element type, got f32 and f16}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.varlen_attention %q, %k, %v, %c {max_seqlen = 8 : i64, scale = 1.0 : f64} : (tensor<9x4x6xf32>, tensor<9x4x6xf32>, tensor<9x4x6xf16>, tensor<3xi32>) -> tensor<9x4x6xf32>
  return
}

// -----

func.func @f(%q: tensor<9x24xf32>, %k: tensor<9x4x6xf32>, %v: tensor<9x4x6xf32>, %c: tensor<3xi32>) {
  // expected-error@+2 {{'mlc.varlen_attention' op (C2) expects query, key and value of rank 3, got 9x24, 9x4x6 and 9x4x6}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.varlen_attention %q, %k, %v, %c {max_seqlen = 8 : i64, scale = 1.0 : f64} : (tensor<9x24xf32>, tensor<9x4x6xf32>, tensor<9x4x6xf32>, tensor<3xi32>) -> tensor<9x4x6xf32>
  return
}

// -----

func.func @f(%q: tensor<9x4x6xf32>, %k: tensor<9x3x6xf32>, %v: tensor<9x3x6xf32>, %c: tensor<3xi32>) {
  // expected-error@+2 {{'mlc.varlen_attention' op (C3) expects equal tokens and head size, key heads that divide the query heads, and nothing empty, got 9x4x6, 9x3x6 and 9x3x6}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.varlen_attention %q, %k, %v, %c {max_seqlen = 8 : i64, scale = 1.0 : f64} : (tensor<9x4x6xf32>, tensor<9x3x6xf32>, tensor<9x3x6xf32>, tensor<3xi32>) -> tensor<9x4x6xf32>
  return
}

// -----

func.func @f(%q: tensor<9x4x6xf32>, %k: tensor<8x4x6xf32>, %v: tensor<8x4x6xf32>, %c: tensor<3xi32>) {
  // expected-error@+2 {{'mlc.varlen_attention' op (C3) expects equal tokens}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.varlen_attention %q, %k, %v, %c {max_seqlen = 8 : i64, scale = 1.0 : f64} : (tensor<9x4x6xf32>, tensor<8x4x6xf32>, tensor<8x4x6xf32>, tensor<3xi32>) -> tensor<9x4x6xf32>
  return
}

// -----

func.func @f(%q: tensor<9x4x6xf32>, %k: tensor<9x4x6xf32>, %v: tensor<9x4x0xf32>, %c: tensor<3xi32>) {
  // expected-error@+2 {{'mlc.varlen_attention' op (C3) expects equal tokens}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.varlen_attention %q, %k, %v, %c {max_seqlen = 8 : i64, scale = 1.0 : f64} : (tensor<9x4x6xf32>, tensor<9x4x6xf32>, tensor<9x4x0xf32>, tensor<3xi32>) -> tensor<9x4x6xf32>
  return
}

// -----

func.func @f(%q: tensor<9x4x6xf32>, %k: tensor<9x4x6xf32>, %v: tensor<9x4x6xf32>, %c: tensor<1xi32>) {
  // expected-error@+2 {{'mlc.varlen_attention' op (C4) expects cu_seqlens of i32 with 2 elements or more, got 1 of 32 bits}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.varlen_attention %q, %k, %v, %c {max_seqlen = 8 : i64, scale = 1.0 : f64} : (tensor<9x4x6xf32>, tensor<9x4x6xf32>, tensor<9x4x6xf32>, tensor<1xi32>) -> tensor<9x4x6xf32>
  return
}

// -----

func.func @f(%q: tensor<9x4x6xf32>, %k: tensor<9x4x6xf32>, %v: tensor<9x4x6xf32>, %c: tensor<3xi64>) {
  // expected-error@+2 {{'mlc.varlen_attention' op (C4) expects cu_seqlens of i32}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.varlen_attention %q, %k, %v, %c {max_seqlen = 8 : i64, scale = 1.0 : f64} : (tensor<9x4x6xf32>, tensor<9x4x6xf32>, tensor<9x4x6xf32>, tensor<3xi64>) -> tensor<9x4x6xf32>
  return
}

// -----

func.func @f(%q: tensor<9x4x6xf32>, %k: tensor<9x4x6xf32>, %v: tensor<9x4x6xf32>, %c: tensor<3xi32>) {
  // expected-error@+2 {{'mlc.varlen_attention' op (C5) expects max_seqlen of at least 1, got 0}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.varlen_attention %q, %k, %v, %c {max_seqlen = 0 : i64, scale = 1.0 : f64} : (tensor<9x4x6xf32>, tensor<9x4x6xf32>, tensor<9x4x6xf32>, tensor<3xi32>) -> tensor<9x4x6xf32>
  return
}
