// What the verifier says of ill-formed Strassen products.
// RUN: mlc-opt %s --split-input-file --verify-diagnostics

func.func @f(%x: tensor<8xf32>) {
  // expected-error@+2 {{'mlc.strassen_sums' op (C1) expects an operand of rank 2 or more, got 8}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.strassen_sums %x : (tensor<8xf32>) -> tensor<7x1x4xf32>
  return
}

// -----

func.func @f(%a: tensor<7x2x4xf32>, %b: tensor<1x7x4x16xf16>) {
  // expected-error@+2 {{'mlc.strassen_matmul' op (C1) expects operands of one element type, got f32 and f16}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.strassen_matmul %a, %b {shape = array<i64: 4, 32>} : (tensor<7x2x4xf32>, tensor<1x7x4x16xf16>) -> tensor<4x32xf32>
  return
}

// -----

func.func @f(%a: tensor<6x2x4xf32>, %b: tensor<1x7x4x16xf32>) {
  // expected-error@+2 {{'mlc.strassen_matmul' op (C2) expects lhs of rank 3 with 7 matrices and rhs of rank 4 with 7 matrices, got 6x2x4 and 1x7x4x16}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.strassen_matmul %a, %b {shape = array<i64: 4, 32>} : (tensor<6x2x4xf32>, tensor<1x7x4x16xf32>) -> tensor<4x32xf32>
  return
}

// -----

func.func @f(%a: tensor<7x2x4xf32>, %b: tensor<1x7x5x16xf32>) {
  // expected-error@+2 {{'mlc.strassen_matmul' op (C3) expects equal contracted sizes, got 4 and 5}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.strassen_matmul %a, %b {shape = array<i64: 4, 32>} : (tensor<7x2x4xf32>, tensor<1x7x5x16xf32>) -> tensor<4x32xf32>
  return
}

// -----

func.func @f(%a: tensor<7x2x4xf32>, %b: tensor<1x7x4x16xf32>) {
  // expected-error@+2 {{'mlc.strassen_matmul' op (C4) expects a shape of rank 2 or more with half of its rows in lhs and half of its columns in the panels of rhs, got 5x32 of 7x2x4 and 1x7x4x16}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.strassen_matmul %a, %b {shape = array<i64: 5, 32>} : (tensor<7x2x4xf32>, tensor<1x7x4x16xf32>) -> tensor<5x32xf32>
  return
}

// -----

func.func @f(%a: tensor<7x2x4xf32>, %b: tensor<1x7x4x16xf32>) {
  // expected-error@+2 {{'mlc.strassen_matmul' op (C4) expects a shape of rank 2 or more with half of its rows in lhs and half of its columns in the panels of rhs, got 4x33 of 7x2x4 and 1x7x4x16}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.strassen_matmul %a, %b {shape = array<i64: 4, 33>} : (tensor<7x2x4xf32>, tensor<1x7x4x16xf32>) -> tensor<4x33xf32>
  return
}
