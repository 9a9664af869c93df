// What the verifier says of ill-formed contractions.
// RUN: mlc-opt %s --split-input-file --verify-diagnostics

func.func @f(%a: tensor<4x8xui8>, %b: tensor<8x16xi8>) {
  // expected-error@+2 {{'mlc.matmul' op (C1) expects operands of one element type, got ui8 and i8}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.matmul %a, %b : (tensor<4x8xui8>, tensor<8x16xi8>) -> tensor<4x16xui8>
  return
}

// -----

func.func @f(%a: tensor<4x8xui8>, %b: tensor<8x16xi16>) {
  // expected-error@+2 {{'mlc.matmul' op (C1) expects operands of one element type, got ui8 and i16}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.matmul %a, %b {wide_result} : (tensor<4x8xui8>, tensor<8x16xi16>) -> tensor<4x16xi32>
  return
}

// -----

func.func @f(%a: tensor<4x8xf32>, %b: tensor<8x16xf16>) {
  // expected-error@+2 {{'mlc.matmul' op (C1) expects operands of one element type, got f32 and f16}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.matmul %a, %b : (tensor<4x8xf32>, tensor<8x16xf16>) -> tensor<4x16xf32>
  return
}

// -----

func.func @f(%a: tensor<8xf32>, %b: tensor<8x16xf32>) {
  // expected-error@+2 {{'mlc.matmul' op (C2) expects operands of rank 2 or more, got 8 and 8x16}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.matmul %a, %b : (tensor<8xf32>, tensor<8x16xf32>) -> tensor<16xf32>
  return
}

// -----

func.func @f(%a: tensor<4x8xf32>, %b: tensor<8xf32>) {
  // expected-error@+2 {{'mlc.matmul' op (C2) expects operands of rank 2 or more, got 4x8 and 8}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.matmul %a, %b : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @f(%a: tensor<4x8xf32>, %b: tensor<7x16xf32>) {
  // expected-error@+2 {{'mlc.matmul' op (C3) expects equal contracted sizes, got 8 in lhs 4x8 and 7 in rhs 7x16}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.matmul %a, %b : (tensor<4x8xf32>, tensor<7x16xf32>) -> tensor<4x16xf32>
  return
}

// -----

func.func @f(%a: tensor<4x8xf32>, %b: tensor<8x16xf32>) {
  // expected-error@+2 {{'mlc.matmul' op (C3) expects equal contracted sizes, got 8 in lhs 4x8 and 16 in rhs 8x16}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.matmul %a, %b {transpose_rhs} : (tensor<4x8xf32>, tensor<8x16xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%a: tensor<4x8xf32>, %b: tensor<8x16xf32>) {
  // expected-error@+2 {{'mlc.matmul' op (C3) expects equal contracted sizes, got 4 in lhs 4x8 and 8 in rhs 8x16}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.matmul %a, %b {transpose_lhs} : (tensor<4x8xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  return
}

// -----

func.func @f(%a: tensor<2x4x8xf32>, %b: tensor<3x8x16xf32>) {
  // expected-error@+2 {{'mlc.matmul' op (C4) expects batch dimensions that broadcast, got 2 and 3}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.matmul %a, %b : (tensor<2x4x8xf32>, tensor<3x8x16xf32>) -> tensor<2x4x16xf32>
  return
}

// -----

func.func @f(%a: tensor<f32>) {
  // expected-error@+2 {{'mlc.pack' op (C1) expects an operand of rank 1 or more, got a scalar}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.pack %a {lanes = 16 : i64} : (tensor<f32>) -> tensor<1x16xf32>
  return
}

// -----

func.func @f(%a: tensor<4xf32>) {
  // expected-error@+2 {{'mlc.pack' op (C2) expects lanes of at least 1, got 0}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.pack %a {lanes = 0 : i64} : (tensor<4xf32>) -> tensor<1x16xf32>
  return
}

// -----

func.func @f(%a: tensor<4xf32>) {
  // expected-error@+2 {{'mlc.pack' op (C1) expects an operand of rank 2 or more, whose rows are interleaved, got 4}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.pack %a {interleave = 2 : i64, lanes = 16 : i64} : (tensor<4xf32>) -> tensor<1x16x2xf32>
  return
}

// -----

func.func @f(%a: tensor<4x8xf32>) {
  // expected-error@+2 {{'mlc.pack' op (C2) expects an interleave of at least 1, got 0}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.pack %a {interleave = 0 : i64, lanes = 16 : i64} : (tensor<4x8xf32>) -> tensor<1x4x16xf32>
  return
}

// -----

func.func @f(%a: tensor<1x16x2xf32>) {
  // expected-error@+2 {{'mlc.unpack' op (C1) expects an operand of rank 4 or more, got 1x16x2}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.unpack %a {depth = 2 : i64, size = 16 : i64} : (tensor<1x16x2xf32>) -> tensor<2x16xf32>
  return
}

// -----

func.func @f(%a: tensor<3x4x16x2xf32>) {
  // expected-error@+2 {{'mlc.unpack' op (C3) expects a depth that fills 4 groups of 2 rows, got 6}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.unpack %a {depth = 6 : i64, size = 48 : i64} : (tensor<3x4x16x2xf32>) -> tensor<6x48xf32>
  return
}

// -----

func.func @f(%a: tensor<4xf32>) {
  // expected-error@+2 {{'mlc.unpack' op (C1) expects an operand of rank 2 or more, got 4}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.unpack %a {size = 4 : i64} : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @f(%a: tensor<3x8x16xf32>) {
  // expected-error@+2 {{'mlc.unpack' op (C2) expects a size that fills 3 panels of 16, got 49}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.unpack %a {size = 49 : i64} : (tensor<3x8x16xf32>) -> tensor<8x49xf32>
  return
}

// -----

// The last panel would be empty.
func.func @f(%a: tensor<3x8x16xf32>) {
  // expected-error@+2 {{'mlc.unpack' op (C2) expects a size that fills 3 panels of 16, got 32}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.unpack %a {size = 32 : i64} : (tensor<3x8x16xf32>) -> tensor<8x32xf32>
  return
}

// -----

func.func @f(%a: tensor<4x8xf32>, %b: tensor<3x8x16xf64>) {
  // expected-error@+2 {{'mlc.packed_matmul' op (C1) expects operands of one element type, got f32 and f64}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.packed_matmul %a, %b {n = 48 : i64} : (tensor<4x8xf32>, tensor<3x8x16xf64>) -> tensor<4x48xf32>
  return
}

// -----

func.func @f(%a: tensor<f32>, %b: tensor<3x8x16xf32>) {
  // expected-error@+2 {{'mlc.packed_matmul' op (C2) expects lhs of rank 1 or more and rhs of rank 3 or 4, got scalar and 3x8x16}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.packed_matmul %a, %b {n = 48 : i64} : (tensor<f32>, tensor<3x8x16xf32>) -> tensor<48xf32>
  return
}

// -----

func.func @f(%a: tensor<4x8xf32>, %b: tensor<8x16xf32>) {
  // expected-error@+2 {{'mlc.packed_matmul' op (C2) expects lhs of rank 1 or more and rhs of rank 3 or 4, got 4x8 and 8x16}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.packed_matmul %a, %b {n = 16 : i64} : (tensor<4x8xf32>, tensor<8x16xf32>) -> tensor<4x16xf32>
  return
}

// -----

func.func @f(%a: tensor<4x7xf32>, %b: tensor<3x8x16xf32>) {
  // expected-error@+2 {{'mlc.packed_matmul' op (C3) expects equal contracted sizes, got 7 and 8}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.packed_matmul %a, %b {n = 48 : i64} : (tensor<4x7xf32>, tensor<3x8x16xf32>) -> tensor<4x48xf32>
  return
}

// -----

// An odd depth is padded on both sides.
func.func @f(%a: tensor<4x7xbf16>, %b: tensor<3x4x16x2xbf16>) {
  // expected-error@+2 {{'mlc.packed_matmul' op (C3) expects equal contracted sizes, got 7 and 8}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.packed_matmul %a, %b {n = 48 : i64} : (tensor<4x7xbf16>, tensor<3x4x16x2xbf16>) -> tensor<4x48xbf16>
  return
}

// -----

func.func @f(%a: tensor<4x8xf32>, %b: tensor<3x8x16xf32>) {
  // expected-error@+2 {{'mlc.packed_matmul' op (C4) expects n that fills 3 panels of 16, got 49}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.packed_matmul %a, %b {n = 49 : i64} : (tensor<4x8xf32>, tensor<3x8x16xf32>) -> tensor<4x49xf32>
  return
}

// -----

func.func @f(%q: tensor<2x8x10x64xf32>, %k: tensor<2x8x12x64xf32>, %v: tensor<2x8x12x64xf64>) {
  // expected-error@+2 {{'mlc.attention' op (C1) expects operands of one element type, got f32 and f64}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.attention %q, %k, %v {scale = 1.0 : f64} : (tensor<2x8x10x64xf32>, tensor<2x8x12x64xf32>, tensor<2x8x12x64xf64>) -> tensor<2x8x10x64xf32>
  return
}

// -----

func.func @f(%q: tensor<2x8x10x64xf32>, %k: tensor<8x12x64xf32>, %v: tensor<8x12x64xf32>) {
  // expected-error@+2 {{'mlc.attention' op (C2) expects query, key and value of rank 4, got 2x8x10x64, 8x12x64 and 8x12x64}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.attention %q, %k, %v {scale = 1.0 : f64} : (tensor<2x8x10x64xf32>, tensor<8x12x64xf32>, tensor<8x12x64xf32>) -> tensor<2x8x10x64xf32>
  return
}

// -----

func.func @f(%q: tensor<2x8x10x64xf32>, %k: tensor<1x8x12x64xf32>, %v: tensor<1x8x12x64xf32>) {
  // expected-error@+2 {{'mlc.attention' op (C3) expects equal batch, head size, key count and key heads that divide the query heads, got 2x8x10x64, 1x8x12x64 and 1x8x12x64}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.attention %q, %k, %v {scale = 1.0 : f64} : (tensor<2x8x10x64xf32>, tensor<1x8x12x64xf32>, tensor<1x8x12x64xf32>) -> tensor<2x8x10x64xf32>
  return
}

// -----

func.func @f(%q: tensor<2x8x10x64xf32>, %k: tensor<2x8x12x32xf32>, %v: tensor<2x8x12x64xf32>) {
  // expected-error@+2 {{'mlc.attention' op (C3) expects equal batch, head size, key count and key heads that divide the query heads, got }}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.attention %q, %k, %v {scale = 1.0 : f64} : (tensor<2x8x10x64xf32>, tensor<2x8x12x32xf32>, tensor<2x8x12x64xf32>) -> tensor<2x8x10x64xf32>
  return
}

// -----

func.func @f(%q: tensor<2x8x10x64xf32>, %k: tensor<2x8x12x64xf32>, %v: tensor<2x8x11x64xf32>) {
  // expected-error@+2 {{'mlc.attention' op (C3) expects equal batch, head size, key count and key heads that divide the query heads, got }}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.attention %q, %k, %v {scale = 1.0 : f64} : (tensor<2x8x10x64xf32>, tensor<2x8x12x64xf32>, tensor<2x8x11x64xf32>) -> tensor<2x8x10x64xf32>
  return
}

// -----

func.func @f(%q: tensor<2x8x10x64xf32>, %k: tensor<2x8x12x64xf32>, %v: tensor<2x4x12x64xf32>) {
  // expected-error@+2 {{'mlc.attention' op (C3) expects equal batch, head size, key count and key heads that divide the query heads, got }}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.attention %q, %k, %v {scale = 1.0 : f64} : (tensor<2x8x10x64xf32>, tensor<2x8x12x64xf32>, tensor<2x4x12x64xf32>) -> tensor<2x8x10x64xf32>
  return
}

// -----

func.func @f(%q: tensor<2x8x10x64xf32>, %k: tensor<2x3x12x64xf32>, %v: tensor<2x3x12x64xf32>) {
  // expected-error@+2 {{'mlc.attention' op (C3) expects equal batch, head size, key count and key heads that divide the query heads, got }}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.attention %q, %k, %v {scale = 1.0 : f64} : (tensor<2x8x10x64xf32>, tensor<2x3x12x64xf32>, tensor<2x3x12x64xf32>) -> tensor<2x8x10x64xf32>
  return
}

// -----

func.func @f(%q: tensor<2x10x8x64xf32>, %k: tensor<2x12x3x64xf32>, %v: tensor<2x12x3x64xf32>) {
  // expected-error@+2 {{'mlc.attention' op (C3) expects equal batch, head size, key count and key heads that divide the query heads, got }}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.attention %q, %k, %v {layout = #mlc<head_layout bshd>, scale = 1.0 : f64} : (tensor<2x10x8x64xf32>, tensor<2x12x3x64xf32>, tensor<2x12x3x64xf32>) -> tensor<2x8x10x64xf32>
  return
}

// -----

func.func @f(%q: tensor<2x8x10x64xf32>, %k: tensor<2x8x12x64xf32>, %v: tensor<2x8x12x64xf32>, %m: tensor<2x12xf32>) {
  // expected-error@+2 {{'mlc.attention' op (C4) expects a mask that broadcasts to 2x8x10x12, got 2x12}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.attention %q, %k, %v, %m {scale = 1.0 : f64} : (tensor<2x8x10x64xf32>, tensor<2x8x12x64xf32>, tensor<2x8x12x64xf32>, tensor<2x12xf32>) -> tensor<2x8x10x64xf32>
  return
}

// -----

func.func @f(%q: tensor<2x8x10x64xf32>, %k: tensor<2x8x12x64xf32>, %v: tensor<2x8x12x64xf32>, %m: tensor<3x1x1x1x12xf32>) {
  // expected-error@+2 {{'mlc.attention' op (C4) expects a mask that broadcasts to 2x8x10x12, got 3x1x1x1x12}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.attention %q, %k, %v, %m {scale = 1.0 : f64} : (tensor<2x8x10x64xf32>, tensor<2x8x12x64xf32>, tensor<2x8x12x64xf32>, tensor<3x1x1x1x12xf32>) -> tensor<2x8x10x64xf32>
  return
}
