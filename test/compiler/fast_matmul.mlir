// --fast-matmul: in the pipeline, in provenance, in the report, and by the emitter that is meant for it.
// RUN: mlc-opt %s --fast-matmul --report --target-cpu=x86-64-v4 | tr -s " " | FileCheck %s
// RUN: mlc-opt %s --report --target-cpu=x86-64-v4 | FileCheck %s --check-prefix=OFF
// RUN: mlc-opt %s --fast-matmul --target-cpu=x86-64-v3 --per-op-compare | FileCheck %s --check-prefix=COMPARED
// RUN: mlc-opt %s --fast-matmul --target-cpu=x86-64-v4 --emit=asm -o - | FileCheck %s --check-prefix=ASM

// CHECK: vector {{.*}}sums of quadrants, {{.*}} strassen_sums
// CHECK: vector panels of 16 {{.*}}Strassen, 8x48, {{.*}} strassen_matmul + add + relu
// CHECK: fast matmul: 1 products by Strassen's algorithm, with weights of {{.*}} instead of 1.2 MB; their relative L2 error
// OFF-NOT: trassen
// COMPARED: agree

// The micro-kernel: 24 sums, four steps of k, an element of lhs broadcast from memory, and no stack.
// ASM-LABEL: {{^}}k1_strassen_matmul_add_relu.strassen_8x48:
// ASM-NOT: subq {{.*}}, %rsp
// ASM: [[LOOP:.LBB[0-9_]+]]:
// ASM-COUNT-96: vfmadd231ps
// ASM: j{{[a-z]+}} [[LOOP]]

mlc.param @w : tensor<384x768xf32> = #mlc.seeded<16, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @b : tensor<768xf32> = #mlc.seeded<17, uniform, -1.0 : f64, 1.0 : f64>
func.func @main(%x: tensor<128x384xf32> {mlc.name = "x"}) -> (tensor<128x768xf32> {mlc.name = "y"}) attributes {mlc.entry = "infer"} {
  %w = mlc.load_param @w : tensor<384x768xf32>
  %b = mlc.load_param @b : tensor<768xf32>
  %0 = mlc.matmul %x, %w : (tensor<128x384xf32>, tensor<384x768xf32>) -> tensor<128x768xf32>
  %1 = mlc.add %0, %b : (tensor<128x768xf32>, tensor<768xf32>) -> tensor<128x768xf32>
  %2 = mlc.relu %1 : (tensor<128x768xf32>) -> tensor<128x768xf32>
  return %2 : tensor<128x768xf32>
}
