// What the verifier says of ill-formed movements.
// RUN: mlc-opt %s --split-input-file --verify-diagnostics

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error@+2 {{'mlc.transpose' op (C1) expects a permutation of [0, 2), got [0]}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.transpose %x {permutation = array<i64: 0>} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error@+2 {{'mlc.transpose' op (C1) expects a permutation of [0, 2), got [0, 0]}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.transpose %x {permutation = array<i64: 0, 0>} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error@+2 {{'mlc.transpose' op (C1) expects a permutation of [0, 2), got [0, 2]}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.transpose %x {permutation = array<i64: 0, 2>} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error@+2 {{'mlc.transpose' op (C1) expects a permutation of [0, 2), got [0, 1, 2]}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.transpose %x {permutation = array<i64: 0, 1, 2>} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error@+2 {{'mlc.reshape' op (C1) expects a shape of 32 elements, got 31}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.reshape %x {shape = array<i64: 31>} : (tensor<4x8xf32>) -> tensor<31xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error@+2 {{'mlc.reshape' op (C1) expects sizes of at least 0, got -1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.reshape %x {shape = array<i64: 4, -1>} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error@+2 {{'mlc.broadcast' op (C1) expects an operand that broadcasts to 4x4, got 4x8}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.broadcast %x {shape = array<i64: 4, 4>} : (tensor<4x8xf32>) -> tensor<4x4xf32>
  return
}

// -----

// The shape has fewer dimensions than the operand.
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error@+2 {{'mlc.broadcast' op (C1) expects an operand that broadcasts to 8, got 4x8}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.broadcast %x {shape = array<i64: 8>} : (tensor<4x8xf32>) -> tensor<8xf32>
  return
}

// -----

// Broadcasting never shrinks.
func.func @f(%x: tensor<8xf32>) {
  // expected-error@+2 {{'mlc.broadcast' op (C1) expects an operand that broadcasts to 1, got 8}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.broadcast %x {shape = array<i64: 1>} : (tensor<8xf32>) -> tensor<1xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error@+2 {{'mlc.slice' op (C1) expects offsets, sizes and strides with 2 entries, got 1, 2 and 2}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.slice %x {offsets = array<i64: 0>, sizes = array<i64: 4, 3>, strides = array<i64: 1, 1>} : (tensor<4x8xf32>) -> tensor<4x3xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error@+2 {{'mlc.slice' op (C1) expects offsets, sizes and strides with 2 entries, got 2, 1 and 2}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.slice %x {offsets = array<i64: 0, 0>, sizes = array<i64: 4>, strides = array<i64: 1, 1>} : (tensor<4x8xf32>) -> tensor<4x3xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error@+2 {{'mlc.slice' op (C1) expects offsets, sizes and strides with 2 entries, got 2, 2 and 1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.slice %x {offsets = array<i64: 0, 0>, sizes = array<i64: 4, 3>, strides = array<i64: 1>} : (tensor<4x8xf32>) -> tensor<4x3xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error@+2 {{'mlc.slice' op (C1) expects sizes of at least 0 and strides that are not 0, got size -1 and stride 1 in dimension 1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.slice %x {offsets = array<i64: 0, 0>, sizes = array<i64: 4, -1>, strides = array<i64: 1, 1>} : (tensor<4x8xf32>) -> tensor<4x3xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error@+2 {{'mlc.slice' op (C1) expects sizes of at least 0 and strides that are not 0, got size 3 and stride 0 in dimension 1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.slice %x {offsets = array<i64: 0, 0>, sizes = array<i64: 4, 3>, strides = array<i64: 1, 0>} : (tensor<4x8xf32>) -> tensor<4x3xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error@+2 {{'mlc.slice' op (C2) expects elements inside [0, 8), got 6 to 8 in dimension 1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.slice %x {offsets = array<i64: 0, 6>, sizes = array<i64: 4, 3>, strides = array<i64: 1, 1>} : (tensor<4x8xf32>) -> tensor<4x3xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error@+2 {{'mlc.slice' op (C2) expects elements inside [0, 4), got -1 to 2 in dimension 0}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.slice %x {offsets = array<i64: -1, 0>, sizes = array<i64: 4, 3>, strides = array<i64: 1, 1>} : (tensor<4x8xf32>) -> tensor<4x3xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error@+2 {{'mlc.slice' op (C2) expects elements inside [0, 8), got 1 to -1 in dimension 1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.slice %x {offsets = array<i64: 0, 1>, sizes = array<i64: 4, 3>, strides = array<i64: 1, -1>} : (tensor<4x8xf32>) -> tensor<4x3xf32>
  return
}

// -----

func.func @f() {
  // expected-error@+2 {{'mlc.concat' op (C1) expects an operand}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.concat {axis = 0 : i64} : () -> tensor<0xf32>
  return
}

// -----

func.func @f(%a: tensor<4xf32>, %b: tensor<4xf64>) {
  // expected-error@+2 {{'mlc.concat' op (C2) expects operands of one element type, got f32 and f64}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.concat %a, %b {axis = 0 : i64} : (tensor<4xf32>, tensor<4xf64>) -> tensor<8xf32>
  return
}

// -----

func.func @f(%a: tensor<4xf32>, %b: tensor<4xf32>) {
  // expected-error@+2 {{'mlc.concat' op (C3) expects axis in [0, 1), got 1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.concat %a, %b {axis = 1 : i64} : (tensor<4xf32>, tensor<4xf32>) -> tensor<8xf32>
  return
}

// -----

func.func @f(%a: tensor<4x8xf32>, %b: tensor<4x7xf32>) {
  // expected-error@+2 {{'mlc.concat' op (C4) expects shapes that differ in dimension 0 only, got 4x8 and 4x7}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.concat %a, %b {axis = 0 : i64} : (tensor<4x8xf32>, tensor<4x7xf32>) -> tensor<8x8xf32>
  return
}

// -----

func.func @f(%a: tensor<4x8xf32>, %b: tensor<4xf32>) {
  // expected-error@+2 {{'mlc.concat' op (C4) expects shapes that differ in dimension 1 only, got 4x8 and 4}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.concat %a, %b {axis = 1 : i64} : (tensor<4x8xf32>, tensor<4xf32>) -> tensor<4x9xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error@+2 {{'mlc.pad' op (C1) expects low and high with 2 entries, got 1 and 2}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.pad %x {high = array<i64: 0, 0>, low = array<i64: 0>, value = 0.0 : f64} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error@+2 {{'mlc.pad' op (C1) expects low and high with 2 entries, got 2 and 3}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.pad %x {high = array<i64: 0, 0, 0>, low = array<i64: 0, 0>, value = 0.0 : f64} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error@+2 {{'mlc.pad' op (C1) expects low and high of at least 0, got -1 and 0 in dimension 0}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.pad %x {high = array<i64: 0, 0>, low = array<i64: -1, 0>, value = 0.0 : f64} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error@+2 {{'mlc.pad' op (C1) expects low and high of at least 0, got 0 and -2 in dimension 1}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.pad %x {high = array<i64: 0, -2>, low = array<i64: 0, 0>, value = 0.0 : f64} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%d: tensor<100x8xf32>, %i: tensor<4xi64>) {
  // expected-error@+2 {{'mlc.gather' op (C1) expects axis in [0, 2), got 2}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.gather %d, %i {axis = 2 : i64} : (tensor<100x8xf32>, tensor<4xi64>) -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%d: tensor<0x8xf32>, %i: tensor<4xi64>) {
  // expected-error@+2 {{'mlc.gather' op (C2) expects a dimension that is not empty, got size 0}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.gather %d, %i {axis = 0 : i64} : (tensor<0x8xf32>, tensor<4xi64>) -> tensor<4x8xf32>
  return
}

// -----

// Indices are i32 or i64.
func.func @f(%d: tensor<100x8xf32>, %i: tensor<4xf32>) {
  // expected-error@+1 {{'mlc.gather' op operand #1 must be statically shaped tensor of 32-bit signless integer or 64-bit signless integer values}}
  %r = mlc.gather %d, %i {axis = 0 : i64} : (tensor<100x8xf32>, tensor<4xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%d: tensor<f32>, %i: tensor<4xi64>, %u: tensor<4xf32>) {
  // expected-error@+2 {{'mlc.scatter' op (C1) expects data of rank 1 or more, got a scalar}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.scatter set %d, %i, %u : (tensor<f32>, tensor<4xi64>, tensor<4xf32>) -> tensor<f32>
  return
}

// -----

func.func @f(%d: tensor<9xf32>, %i: tensor<4xi64>, %u: tensor<4xf64>) {
  // expected-error@+2 {{'mlc.scatter' op (C2) expects}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.scatter set %d, %i, %u : (tensor<9xf32>, tensor<4xi64>, tensor<4xf64>) -> tensor<9xf32>
  return
}

// -----

func.func @f(%d: tensor<9x8xf32>, %i: tensor<4xi64>, %u: tensor<8x4xf32>) {
  // expected-error@+2 {{'mlc.scatter' op (C3) expects updates of shape 4x8, got 8x4}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.scatter set %d, %i, %u : (tensor<9x8xf32>, tensor<4xi64>, tensor<8x4xf32>) -> tensor<9x8xf32>
  return
}

// -----

func.func @f(%d: tensor<9xbf16>, %i: tensor<4xi64>, %u: tensor<4xbf16>) {
  // expected-error@+2 {{'mlc.scatter' op (C4) expects elements of f64, f32, or integers of 8 to 64 bits for kind 'add'}}
  // expected-error@+1 {{failed to infer returned types}}
  %r = mlc.scatter add %d, %i, %u : (tensor<9xbf16>, tensor<4xi64>, tensor<4xbf16>) -> tensor<9xbf16>
  return
}

// -----

// Indices are i32 or i64.
func.func @f(%d: tensor<9xf32>, %i: tensor<4xf32>, %u: tensor<4xf32>) {
  // expected-error@+1 {{'mlc.scatter' op operand #1 must be statically shaped tensor of 32-bit signless integer or 64-bit signless integer values}}
  %r = mlc.scatter set %d, %i, %u : (tensor<9xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<9xf32>
  return
}
