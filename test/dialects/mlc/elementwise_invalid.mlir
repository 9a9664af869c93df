// What the verifier says of ill-formed elementwise ops.
// RUN: mlc-opt %s --split-input-file --verify-diagnostics

func.func @f(%a: tensor<4xf32>, %b: tensor<4xf64>) {
  // expected-error@+2 {{'mlc.add' op (C1) expects operands of one element type, got f32 and f64}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.add %a, %b : (tensor<4xf32>, tensor<4xf64>) -> tensor<4xf32>
  return
}

// -----

func.func @f(%a: tensor<4xf32>, %b: tensor<4xf16>) {
  // expected-error@+2 {{'mlc.sub' op (C1) expects operands of one element type, got f32 and f16}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.sub %a, %b : (tensor<4xf32>, tensor<4xf16>) -> tensor<4xf32>
  return
}

// -----

func.func @f(%a: tensor<4xi32>, %b: tensor<4xi64>) {
  // expected-error@+2 {{'mlc.mul' op (C1) expects operands of one element type, got i32 and i64}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.mul %a, %b : (tensor<4xi32>, tensor<4xi64>) -> tensor<4xi32>
  return
}

// -----

func.func @f(%a: tensor<4xf32>, %b: tensor<4xbf16>) {
  // expected-error@+2 {{'mlc.div' op (C1) expects operands of one element type, got f32 and bf16}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.div %a, %b : (tensor<4xf32>, tensor<4xbf16>) -> tensor<4xf32>
  return
}

// -----

func.func @f(%a: tensor<4xi8>, %b: tensor<4xui8>) {
  // expected-error@+2 {{'mlc.rem' op (C1) expects operands of one element type, got i8 and ui8}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.rem %a, %b : (tensor<4xi8>, tensor<4xui8>) -> tensor<4xi8>
  return
}

// -----

func.func @f(%a: tensor<4xf64>, %b: tensor<4xf32>) {
  // expected-error@+2 {{'mlc.pow' op (C1) expects operands of one element type, got f64 and f32}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.pow %a, %b : (tensor<4xf64>, tensor<4xf32>) -> tensor<4xf64>
  return
}

// -----

func.func @f(%a: tensor<4xf32>, %b: tensor<4xi32>) {
  // expected-error@+2 {{'mlc.max' op (C1) expects operands of one element type, got f32 and i32}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.max %a, %b : (tensor<4xf32>, tensor<4xi32>) -> tensor<4xf32>
  return
}

// -----

func.func @f(%a: tensor<4xi16>, %b: tensor<4xi32>) {
  // expected-error@+2 {{'mlc.min' op (C1) expects operands of one element type, got i16 and i32}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.min %a, %b : (tensor<4xi16>, tensor<4xi32>) -> tensor<4xi16>
  return
}

// -----

func.func @f(%a: tensor<4x8xf32>, %b: tensor<4xf32>) {
  // expected-error@+2 {{'mlc.add' op (C2) expects shapes that broadcast, got 4x8 and 4}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.add %a, %b : (tensor<4x8xf32>, tensor<4xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%a: tensor<4x8xf32>, %b: tensor<4xf32>) {
  // expected-error@+2 {{'mlc.sub' op (C2) expects shapes that broadcast, got 4x8 and 4}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.sub %a, %b : (tensor<4x8xf32>, tensor<4xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%a: tensor<4x8xf32>, %b: tensor<4xf32>) {
  // expected-error@+2 {{'mlc.mul' op (C2) expects shapes that broadcast, got 4x8 and 4}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.mul %a, %b : (tensor<4x8xf32>, tensor<4xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%a: tensor<4x8xf32>, %b: tensor<4xf32>) {
  // expected-error@+2 {{'mlc.div' op (C2) expects shapes that broadcast, got 4x8 and 4}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.div %a, %b : (tensor<4x8xf32>, tensor<4xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%a: tensor<4x8xf32>, %b: tensor<4xf32>) {
  // expected-error@+2 {{'mlc.rem' op (C2) expects shapes that broadcast, got 4x8 and 4}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.rem %a, %b : (tensor<4x8xf32>, tensor<4xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%a: tensor<4x8xf32>, %b: tensor<4xf32>) {
  // expected-error@+2 {{'mlc.pow' op (C2) expects shapes that broadcast, got 4x8 and 4}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.pow %a, %b : (tensor<4x8xf32>, tensor<4xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%a: tensor<4x8xf32>, %b: tensor<4xf32>) {
  // expected-error@+2 {{'mlc.max' op (C2) expects shapes that broadcast, got 4x8 and 4}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.max %a, %b : (tensor<4x8xf32>, tensor<4xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%a: tensor<4x8xf32>, %b: tensor<4xf32>) {
  // expected-error@+2 {{'mlc.min' op (C2) expects shapes that broadcast, got 4x8 and 4}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.min %a, %b : (tensor<4x8xf32>, tensor<4xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%a: tensor<4xi1>, %b: tensor<3xi1>) {
  // expected-error@+2 {{'mlc.and' op (C2) expects shapes that broadcast, got 4 and 3}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.and %a, %b : (tensor<4xi1>, tensor<3xi1>) -> tensor<4xi1>
  return
}

// -----

func.func @f(%a: tensor<4xi1>, %b: tensor<3xi1>) {
  // expected-error@+2 {{'mlc.or' op (C2) expects shapes that broadcast, got 4 and 3}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.or %a, %b : (tensor<4xi1>, tensor<3xi1>) -> tensor<4xi1>
  return
}

// -----

func.func @f(%a: tensor<4xi1>, %b: tensor<3xi1>) {
  // expected-error@+2 {{'mlc.xor' op (C2) expects shapes that broadcast, got 4 and 3}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.xor %a, %b : (tensor<4xi1>, tensor<3xi1>) -> tensor<4xi1>
  return
}

// -----

func.func @f(%a: tensor<4xi1>, %b: tensor<4xi8>) {
  // expected-error@+2 {{'mlc.and' op (C1) expects operands of one element type, got i1 and i8}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.and %a, %b : (tensor<4xi1>, tensor<4xi8>) -> tensor<4xi1>
  return
}

// -----

func.func @f(%a: tensor<4xi1>, %b: tensor<4xi8>) {
  // expected-error@+2 {{'mlc.or' op (C1) expects operands of one element type, got i1 and i8}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.or %a, %b : (tensor<4xi1>, tensor<4xi8>) -> tensor<4xi1>
  return
}

// -----

func.func @f(%a: tensor<4xi1>, %b: tensor<4xi8>) {
  // expected-error@+2 {{'mlc.xor' op (C1) expects operands of one element type, got i1 and i8}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.xor %a, %b : (tensor<4xi1>, tensor<4xi8>) -> tensor<4xi1>
  return
}

// -----

func.func @f(%a: tensor<4xf32>, %b: tensor<4xi32>) {
  // expected-error@+2 {{'mlc.compare' op (C1) expects operands of one element type, got f32 and i32}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.compare lt %a, %b : (tensor<4xf32>, tensor<4xi32>) -> tensor<4xi1>
  return
}

// -----

func.func @f(%a: tensor<2x4xf32>, %b: tensor<2xf32>) {
  // expected-error@+2 {{'mlc.compare' op (C2) expects shapes that broadcast, got 2x4 and 2}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.compare eq %a, %b : (tensor<2x4xf32>, tensor<2xf32>) -> tensor<2x4xi1>
  return
}

// -----

func.func @f(%c: tensor<4xi1>, %a: tensor<4xf32>, %b: tensor<4xf64>) {
  // expected-error@+2 {{'mlc.select' op (C1) expects operands of one element type, got f32 and f64}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.select %c, %a, %b : (tensor<4xi1>, tensor<4xf32>, tensor<4xf64>) -> tensor<4xf32>
  return
}

// -----

func.func @f(%c: tensor<3xi1>, %a: tensor<4xf32>, %b: tensor<4xf32>) {
  // expected-error@+2 {{'mlc.select' op (C2) expects shapes that broadcast, got 3 and 4}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.select %c, %a, %b : (tensor<3xi1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

// The condition and the first choice broadcast, the second does not.
func.func @f(%c: tensor<4xi1>, %a: tensor<1xf32>, %b: tensor<5xf32>) {
  // expected-error@+2 {{'mlc.select' op (C2) expects shapes that broadcast, got 4 and 5}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.select %c, %a, %b : (tensor<4xi1>, tensor<1xf32>, tensor<5xf32>) -> tensor<4xf32>
  return
}

// -----

// The result has the inferred type.
func.func @f(%a: tensor<4xf32>) {
  // expected-error@+2 {{'mlc.exp' op inferred type(s) 'tensor<4xf32>' are incompatible with return type(s) of operation 'tensor<5xf32>'}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.exp %a : (tensor<4xf32>) -> tensor<5xf32>
  return
}

// -----

func.func @f(%a: tensor<4xf32>) {
  // expected-error@+2 {{'mlc.compare' op inferred type(s) 'tensor<4xi1>' are incompatible with return type(s) of operation 'tensor<4xf32>'}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.compare lt %a, %a : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

// Transcendental functions take floating-point elements.
func.func @f(%a: tensor<4xi32>) {
  // expected-error@+1 {{'mlc.exp' op operand #0 must be statically shaped tensor of}}
  %r = mlc.exp %a : (tensor<4xi32>) -> tensor<4xi32>
  return
}

// -----

// Shapes are static.
func.func @f(%a: tensor<?xf32>) {
  // expected-error@+1 {{'mlc.abs' op operand #0 must be statically shaped tensor of}}
  %r = mlc.abs %a : (tensor<?xf32>) -> tensor<?xf32>
  return
}

// -----

// Arithmetic is not defined on i1.
func.func @f(%a: tensor<4xi1>) {
  // expected-error@+1 {{'mlc.add' op operand #0 must be statically shaped tensor of}}
  %r = mlc.add %a, %a : (tensor<4xi1>, tensor<4xi1>) -> tensor<4xi1>
  return
}

// -----

func.func @f(%a: tensor<4xf32>) {
  // expected-error@+1 {{'mlc.cast' op result #0 must be statically shaped tensor of}}
  %r = mlc.cast %a to index : tensor<4xf32> -> tensor<4xindex>
  return
}

// -----

func.func @f(%a: tensor<4xf32>) {
  // expected-error@+2 {{'mlc.cast' op inferred type(s) 'tensor<4xf64>' are incompatible with return type(s) of operation 'tensor<4xf16>'}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.cast %a to f64 : tensor<4xf32> -> tensor<4xf16>
  return
}

// -----

func.func @f(%a: tensor<4xf32>) {
  // expected-error@+1 {{'mlc.and' op operand #0 must be statically shaped tensor of 1-bit signless integer or 8-bit signless integer}}
  %r = mlc.and %a, %a : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @f(%a: tensor<4xi1>) {
  // expected-error@+1 {{'mlc.shift_left' op operand #0 must be statically shaped tensor of 8-bit signless integer}}
  %r = mlc.shift_left %a, %a : (tensor<4xi1>, tensor<4xi1>) -> tensor<4xi1>
  return
}

// -----

func.func @f(%a: tensor<4xi8>, %b: tensor<4xi32>) {
  // expected-error@+2 {{'mlc.shift_left' op (C1) expects operands of one element type, got i8 and i32}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.shift_left %a, %b : (tensor<4xi8>, tensor<4xi32>) -> tensor<4xi8>
  return
}

// -----

func.func @f(%a: tensor<4xi8>, %b: tensor<3xi8>) {
  // expected-error@+2 {{'mlc.shift_left' op (C2) expects shapes that broadcast, got 4 and 3}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.shift_left %a, %b : (tensor<4xi8>, tensor<3xi8>) -> tensor<4xi8>
  return
}

// -----

func.func @f(%a: tensor<4xi8>, %b: tensor<4xi32>) {
  // expected-error@+2 {{'mlc.shift_right' op (C1) expects operands of one element type, got i8 and i32}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.shift_right %a, %b : (tensor<4xi8>, tensor<4xi32>) -> tensor<4xi8>
  return
}

// -----

func.func @f(%a: tensor<4xi8>, %b: tensor<3xi8>) {
  // expected-error@+2 {{'mlc.shift_right' op (C2) expects shapes that broadcast, got 4 and 3}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.shift_right %a, %b : (tensor<4xi8>, tensor<3xi8>) -> tensor<4xi8>
  return
}

// -----

func.func @f(%a: tensor<4x8xf32>, %z: tensor<4xi8>) {
  // expected-error@+2 {{'mlc.quantize' op (C1) expects shapes that broadcast, got 4x8 and 4}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.quantize %a, %z : (tensor<4x8xf32>, tensor<4xi8>) -> tensor<4x8xi8>
  return
}
