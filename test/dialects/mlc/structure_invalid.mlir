// What the verifier says of ill-formed constants, parameters, variables and regions.
// RUN: mlc-opt %s --split-input-file --verify-diagnostics

// expected-error@+1 {{'mlc.param' op attribute 'type' failed to satisfy constraint: (C1) a tensor type of static shape}}
mlc.param @w : tensor<?x4xf32> = #mlc.file<"w.npy", 128>

// -----

// expected-error@+1 {{'mlc.param' op attribute 'type' failed to satisfy constraint: (C1) a tensor type of static shape}}
mlc.param @w : f32 = #mlc.file<"w.npy", 128>

// -----

// expected-error@+1 {{'mlc.param' op attribute 'type' failed to satisfy constraint: (C1) a tensor type of static shape}}
mlc.param @w : tensor<4xindex> = dense<0> : tensor<4xindex>

// -----

// expected-error@+1 {{'mlc.param' op (C2) expects #mlc.file, #mlc.seeded or a dense attribute as source, got "w.npy"}}
mlc.param @w : tensor<4xf32> = "w.npy"

// -----

// expected-error@+1 {{'mlc.param' op (C3) expects a dense source of type 'tensor<4xf32>', got 'tensor<5xf32>'}}
mlc.param @w : tensor<4xf32> = dense<0.0> : tensor<5xf32>

// -----

// expected-error@+1 {{'mlc.param' op (C2) expects #mlc.file with an offset of at least 0, got -4}}
mlc.param @w : tensor<4xf32> = #mlc.file<"w.npy", -4>

// -----

// expected-error@+1 {{'mlc.variable' op (C4) expects a role of state, weight, optimizer_state, hyperparameter, rng_state, statistics, got 'step'}}
mlc.variable @w : tensor<4xf32> = dense<0.0> : tensor<4xf32> {role = "step"}

// -----

// expected-error@+1 {{'mlc.variable' op attribute 'type' failed to satisfy constraint: (C1) a tensor type of static shape}}
mlc.variable @w : tensor<?xf32> = #mlc.file<"w.npy", 128>

// -----

// expected-error@+1 {{'mlc.variable' op (C2) expects #mlc.file, #mlc.seeded or a dense attribute as source, got 7}}
mlc.variable @w : tensor<4xf32> = 7 : i64

// -----

// expected-error@+1 {{'mlc.variable' op (C3) expects a dense source of type 'tensor<i64>', got 'tensor<i32>'}}
mlc.variable @step : tensor<i64> = dense<0> : tensor<i32>

// -----

// expected-error@+1 {{'mlc.param_pack' op attribute 'type' failed to satisfy constraint: (C1) a tensor type of static shape}}
mlc.param_pack @p : tensor<?xf32> {
  %0 = mlc.constant dense<0.0> : tensor<4xf32>
  mlc.yield %0 : tensor<4xf32>
}

// -----

// expected-error@+1 {{'mlc.param_pack' op (C2) expects a body that yields one value of type 'tensor<5xf32>'}}
mlc.param_pack @p : tensor<5xf32> {
  %0 = mlc.constant dense<0.0> : tensor<4xf32>
  mlc.yield %0 : tensor<4xf32>
}

// -----

// expected-error@+1 {{'mlc.param_pack' op (C2) expects a body that yields one value of type 'tensor<4xf32>'}}
mlc.param_pack @p : tensor<4xf32> {
  %0 = mlc.constant dense<0.0> : tensor<4xf32>
  mlc.yield %0, %0 : tensor<4xf32>, tensor<4xf32>
}

// -----

func.func private @effect()

// expected-error@+1 {{'mlc.param_pack' op (C3) expects pure ops, got func.call}}
mlc.param_pack @p : tensor<4xf32> {
  func.call @effect() : () -> ()
  %0 = mlc.constant dense<0.0> : tensor<4xf32>
  mlc.yield %0 : tensor<4xf32>
}

// -----

// expected-error@+1 {{'mlc.param_pack' op (C4) expects a body without arguments, got 1}}
mlc.param_pack @p : tensor<4xf32> {
^bb0(%x: tensor<4xf32>):
  mlc.yield %x : tensor<4xf32>
}

// -----

func.func @f() {
  // expected-error@+1 {{'mlc.load_param' op (C1) expects a param or param_pack, but there is none of the name @w}}
  %0 = mlc.load_param @w : tensor<4xf32>
  return
}

// -----

// A variable is an argument of the entry point; it is not loaded.
mlc.variable @w : tensor<4xf32> = dense<0.0> : tensor<4xf32>
func.func @f() {
  // expected-error@+1 {{'mlc.load_param' op (C1) expects a param or param_pack, but there is none of the name @w}}
  %0 = mlc.load_param @w : tensor<4xf32>
  return
}

// -----

mlc.param @w : tensor<4xf32> = dense<0.0> : tensor<4xf32>
func.func @f() {
  // expected-error@+1 {{'mlc.load_param' op (C2) expects the parameter's type 'tensor<4xf32>', got 'tensor<2x2xf32>'}}
  %0 = mlc.load_param @w : tensor<2x2xf32>
  return
}

// -----

mlc.param_pack @p : tensor<4xf32> {
  %0 = mlc.constant dense<0.0> : tensor<4xf32>
  mlc.yield %0 : tensor<4xf32>
}
func.func @f() {
  // expected-error@+1 {{'mlc.load_param' op (C2) expects the parameter's type 'tensor<4xf32>', got 'tensor<4xf64>'}}
  %0 = mlc.load_param @p : tensor<4xf64>
  return
}

// -----

func.func @f(%x: tensor<4xf32>) {
  // expected-error@+1 {{'mlc.fused' op (C1) expects body arguments of the operands' types}}
  %0 = "mlc.fused"(%x) <{root = #mlc<fusion_class elementwise>}> ({
  ^bb0(%a: tensor<5xf32>):
    mlc.yield %a : tensor<5xf32>
  }) : (tensor<4xf32>) -> tensor<5xf32>
  return
}

// -----

func.func @f(%x: tensor<4xf32>) {
  // expected-error@+1 {{'mlc.fused' op (C1) expects body arguments of the operands' types}}
  %0 = "mlc.fused"(%x) <{root = #mlc<fusion_class elementwise>}> ({
    %1 = mlc.constant dense<0.0> : tensor<4xf32>
    mlc.yield %1 : tensor<4xf32>
  }) : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @f(%x: tensor<4xf32>) {
  // expected-error@+1 {{'mlc.fused' op (C2) expects a body that yields the results' types}}
  %0 = mlc.fused elementwise (%a = %x) : (tensor<4xf32>) -> tensor<4xf64> {
    mlc.yield %a : tensor<4xf32>
  }
  return
}

// -----

func.func @f(%x: tensor<4xf32>) {
  // expected-error@+1 {{expects a fusion class, got fast}}
  %0 = mlc.fused fast (%a = %x) : (tensor<4xf32>) -> tensor<4xf32> {
    mlc.yield %a : tensor<4xf32>
  }
  return
}

// -----

func.func @f(%x: tensor<4xf32>) {
  // expected-error@+1 {{expects as many operands as types}}
  %0 = mlc.fused elementwise (%a = %x) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> {
    mlc.yield %a : tensor<4xf32>
  }
  return
}

// -----

// Isolated from above: what the body uses is an operand.
func.func @f(%x: tensor<4xf32>, %y: tensor<4xf32>) {
  // expected-note@+1 {{required by region isolation constraints}}
  %0 = mlc.fused elementwise (%a = %x) : (tensor<4xf32>) -> tensor<4xf32> {
    // expected-error@+1 {{using value defined outside the region}}
    %1 = mlc.add %a, %y : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    mlc.yield %1 : tensor<4xf32>
  }
  return
}

// -----

func.func @f(%x: tensor<4xf32>) {
  // expected-error@+1 {{'mlc.yield' op expects parent op to be one of 'mlc.fused, mlc.param_pack'}}
  mlc.yield %x : tensor<4xf32>
}

// -----

func.func @f() {
  // expected-error@+1 {{'mlc.constant' op failed to verify that all of {value, result} have same type}}
  %0 = "mlc.constant"() <{value = dense<0.0> : tensor<4xf32>}> : () -> tensor<5xf32>
  return
}
