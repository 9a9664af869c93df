// --report: kernels, memory, copies, weights, on stdout; with an output, too. --check: the same before code generation.
// RUN: mlc-opt %s --report --target-cpu=x86-64-v3 | tr -s " " | FileCheck %s --check-prefixes=BOTH,REPORT
// RUN: mlc-opt %s --report --target-cpu=x86-64-v3 -o %t.mlc | tr -s " " | FileCheck %s --check-prefixes=BOTH,REPORT
// RUN: mlc-opt %s --check --target-cpu=x86-64-v3 | tr -s " " | FileCheck %s --check-prefixes=BOTH,CHECK
// Text for another tool is alone on stdout.
// RUN: mlc-opt %s --report --compile-to=schedule 2>/dev/null | FileCheck %s --check-prefix=TEXT
// RUN: not mlc-opt %s --report --compile-to=layout 2>&1 | FileCheck %s --check-prefix=EARLY

// BOTH: target x86-64-v3
// BOTH: entry point infer
// BOTH-NEXT: input ids: i64[3]
// BOTH-NEXT: output y: f32[3,16]
// BOTH-NEXT: output z: f32[48]
// BOTH-NEXT: work {{.*}} in 2 launches
// BOTH-NEXT: memory arena 192 B, at most 192 B live at a time (1.000x)
// REPORT-SAME: scratch {{.*}} a thread
// BOTH-NEXT: between kernels 192 B written, 192 B read
// BOTH-NEXT: copies 192 B: output 'z': its value is returned twice
// BOTH: kernels: 2, launched 2 times; figures of one launch
// REPORT: launches work in out precision device emitter layout tiles scratch schedule ops
// CHECK: launches work in out precision device emitter layout ops
// BOTH: 0 1 0.0 kFLOP {{.*}} f32 cpu gather {{.*}}gather
// BOTH: 1 1 1.{{.*}} kFLOP {{.*}} f32 cpu {{[a-z]+}} panels of 16 {{.*}}packed_matmul + relu
// The table is gathered from and multiplied with: two layouts, two copies.
// BOTH: weights: {{[0-9]+}} parameters in 1 tensors of 1.0 kB; stored as 2 tensors of 2.0 kB
// BOTH-NEXT: copies @table is stored 2 times: @table (row-major, 1.0 kB), @table_pack ([N/16][K][16], 1.0 kB)
// CHECK: everything is supported; nothing was compiled
// TEXT: module {
// TEXT-NOT: launches
// EARLY: mlc-opt: error: --report needs the phase schedule, but --compile-to=layout stops before it

mlc.param @table : tensor<16x16xf32> = #mlc.seeded<7, normal, 0.0 : f64, 1.0 : f64>
func.func @main(%ids: tensor<3xi64> {mlc.name = "ids"})
    -> (tensor<3x16xf32> {mlc.name = "y"}, tensor<48xf32> {mlc.name = "z"}) attributes {mlc.entry = "infer"} {
  %w = mlc.load_param @table : tensor<16x16xf32>
  %rows = mlc.gather %w, %ids {axis = 0 : i64} : (tensor<16x16xf32>, tensor<3xi64>) -> tensor<3x16xf32>
  %0 = mlc.matmul %rows, %w : (tensor<3x16xf32>, tensor<16x16xf32>) -> tensor<3x16xf32>
  %1 = mlc.relu %0 : (tensor<3x16xf32>) -> tensor<3x16xf32>
  %2 = mlc.reshape %1 {shape = array<i64: 48>} : (tensor<3x16xf32>) -> tensor<48xf32>
  return %1, %2 : tensor<3x16xf32>, tensor<48xf32>
}
