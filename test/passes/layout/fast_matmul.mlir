// RUN: mlc-opt %s --mlc-pack-weights --mlc-fast-matmul --cse | FileCheck %s
// RUN: mlc-opt %s --mlc-pack-weights --mlc-fast-matmul --compare-with=%s
// RUN: mlc-opt %s --mlc-pack-weights --mlc-fast-matmul=enabled=false | FileCheck %s --check-prefix=OFF
// OFF-NOT: strassen

mlc.param @w : tensor<256x512xf32> = #mlc.seeded<16, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @v : tensor<256x512xf32> = #mlc.seeded<17, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @odd_weight : tensor<301x511xf32> = #mlc.seeded<18, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @narrow : tensor<256x16xf32> = #mlc.seeded<19, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @double : tensor<256x512xf64> = #mlc.seeded<20, uniform, -1.0 : f64, 1.0 : f64>

// Two products of one matrix share its sums.
// CHECK-LABEL: func @shared
// CHECK-SAME: (%[[X:.*]]: tensor
// CHECK-DAG: %[[S:.*]] = mlc.strassen_sums %[[X]] : (tensor<2x100x256xf32>) -> tensor<7x100x128xf32>
// CHECK-DAG: %[[W:.*]] = mlc.load_param @w
// CHECK-DAG: %[[B:.*]] = mlc.strassen_sums %[[W]] {of_rhs} : (tensor<256x512xf32>) -> tensor<7x128x256xf32>
// CHECK-DAG: %[[P:.*]] = mlc.pack %[[B]] {lanes = 16 : i64} : (tensor<7x128x256xf32>) -> tensor<16x7x128x16xf32>
// CHECK: mlc.strassen_matmul %[[S]], %[[P]] {shape = array<i64: 2, 100, 512>} : (tensor<7x100x128xf32>, tensor<16x7x128x16xf32>) -> tensor<2x100x512xf32>
// CHECK: mlc.strassen_matmul %[[S]], %{{.*}} {shape = array<i64: 2, 100, 512>}
// CHECK-NOT: packed_matmul
func.func @shared(%x: tensor<2x100x256xf32>) -> (tensor<2x100x512xf32>, tensor<2x100x512xf32>) {
  %w = mlc.load_param @w : tensor<256x512xf32>
  %v = mlc.load_param @v : tensor<256x512xf32>
  %0 = mlc.matmul %x, %w : (tensor<2x100x256xf32>, tensor<256x512xf32>) -> tensor<2x100x512xf32>
  %1 = mlc.matmul %x, %v : (tensor<2x100x256xf32>, tensor<256x512xf32>) -> tensor<2x100x512xf32>
  return %0, %1 : tensor<2x100x512xf32>, tensor<2x100x512xf32>
}

// CHECK-LABEL: func @odd
// CHECK: mlc.strassen_matmul %{{.*}} {shape = array<i64: 199, 511>} : (tensor<7x100x151xf32>, tensor<16x7x151x16xf32>) -> tensor<199x511xf32>
func.func @odd(%x: tensor<199x301xf32>) -> tensor<199x511xf32> {
  %w = mlc.load_param @odd_weight : tensor<301x511xf32>
  %0 = mlc.matmul %x, %w : (tensor<199x301xf32>, tensor<301x511xf32>) -> tensor<199x511xf32>
  return %0 : tensor<199x511xf32>
}

// Few rows, few columns, rows that leave the caches, another type: the product as it is defined.
// CHECK-LABEL: func @kept
// CHECK-NOT: strassen
// CHECK-COUNT-4: mlc.packed_matmul
func.func @kept(%few: tensor<32x256xf32>, %x: tensor<200x256xf32>, %many: tensor<4100x256xf32>, %d: tensor<200x256xf64>)
    -> (tensor<32x512xf32>, tensor<200x16xf32>, tensor<4100x512xf32>, tensor<200x512xf64>) {
  %w = mlc.load_param @w : tensor<256x512xf32>
  %narrow = mlc.load_param @narrow : tensor<256x16xf32>
  %double = mlc.load_param @double : tensor<256x512xf64>
  %0 = mlc.matmul %few, %w : (tensor<32x256xf32>, tensor<256x512xf32>) -> tensor<32x512xf32>
  %1 = mlc.matmul %x, %narrow : (tensor<200x256xf32>, tensor<256x16xf32>) -> tensor<200x16xf32>
  %2 = mlc.matmul %many, %w : (tensor<4100x256xf32>, tensor<256x512xf32>) -> tensor<4100x512xf32>
  %3 = mlc.matmul %d, %double : (tensor<200x256xf64>, tensor<256x512xf64>) -> tensor<200x512xf64>
  return %0, %1, %2, %3 : tensor<32x512xf32>, tensor<200x16xf32>, tensor<4100x512xf32>, tensor<200x512xf64>
}
