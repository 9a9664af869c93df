// A file chooses schedules, and what it may not say. Measuring is test/e2e/test_tune.py's.
// RUN: mlc-opt %s --target-cpu=x86-64-v3 --export-schedules=%t.json -o %t.plain.mlc
// RUN: FileCheck %s --check-prefix=FILE --input-file=%t.json
// RUN: mlc-opt %s --target-cpu=x86-64-v3 --schedules=%t.json --compile-to=tune | FileCheck %s --check-prefix=PLAIN

// Another choice is an attribute of the kernel function, which the emitter obeys.
// RUN: sed 's/"schedule": "6x16,/"schedule": "5x16,/' %t.json > %t.other.json
// RUN: mlc-opt %s --target-cpu=x86-64-v3 --schedules=%t.other.json --compile-to=tune | FileCheck %s --check-prefix=OTHER
// RUN: mlc-opt %s --target-cpu=x86-64-v3 --schedules=%t.other.json --emit=asm | FileCheck %s --check-prefix=ASM
// RUN: mlc-opt %s --target-cpu=x86-64-v3 --schedules=%t.other.json --report | tr -s " " | FileCheck %s --check-prefix=REPORT
// RUN: mlc-opt %s --target-cpu=x86-64-v3 --schedules=%t.other.json -o %t.other.mlc
// RUN: mlc-run --inspect %t.other.mlc | FileCheck %s --check-prefix=INSPECT
// The bits are the same.
// RUN: mlc-run %t.plain.mlc --input x=random:1 --output %t.npz
// RUN: mlc-run %t.other.mlc --input x=random:1 --expect %t.npz --tolerance 0

// RUN: sed 's/"schedule": "6x16,/"schedule": "7x16,/' %t.json > %t.wrong.json
// RUN: not mlc-opt %s --target-cpu=x86-64-v3 --schedules=%t.wrong.json --compile-to=tune 2>&1 | FileCheck %s --check-prefix=WRONG
// RUN: not mlc-opt %s --target-cpu=x86-64-v4 --schedules=%t.json --compile-to=tune 2>&1 | FileCheck %s --check-prefix=TARGET
// RUN: sed 's/"kernel": "/"kernel": "0/' %t.json > %t.foreign.json
// RUN: mlc-opt %s --target-cpu=x86-64-v3 --schedules=%t.foreign.json --compile-to=tune 2>&1 | FileCheck %s --check-prefix=FOREIGN

// FILE: "target": "x86-64-v3"
// FILE: "ops": "packed_matmul"
// FILE-NEXT: "type": "(tensor<33x64xf32>, tensor<3x64x16xf32>) -> tensor<33x48xf32>"
// FILE-NEXT: "emitter": "vector"
// FILE-NEXT: "schedule": "[[CHOSEN:6x16,tile=33x48,order=columns,prefetch=1]]"
// FILE-NEXT: "choices": [
// FILE-NEXT: "[[CHOSEN]]",
// FILE: "5x16,tile=33x48,order=columns,prefetch=1"
// The softmax has no choice.
// FILE-NOT: "kernel"
// PLAIN: func.func @k0_packed_matmul
// PLAIN-NOT: mlc.schedule
// OTHER: func.func @k0_packed_matmul{{.*}} mlc.schedule = "5x16,tile=33x48,order=columns,prefetch=1"
// ASM: k0_packed_matmul.micro_5x16:
// REPORT: 0 1 {{.*}} 5x16, 1 tiles of 33 rows packed_matmul
// REPORT: schedules: 1 kernels have a choice
// REPORT: 0 file 6 5x16,tile=33x48,order=columns,prefetch=1
// INSPECT: "schedules": "{\"schedules\":[{\"target\":\"x86-64-v3\",{{.*}}\"schedule\":\"5x16,tile=33x48,order=columns,prefetch=1\"}]}]}"
// WRONG: mlc-opt: error: --schedules: '{{.*}}.wrong.json' asks for the schedule '7x16,tile=33x48,order=columns,prefetch=1' of the kernel '{{[0-9a-f]+}}' (packed_matmul), which the emitter 'vector' does not have; it has '6x16,
// TARGET: mlc-opt: error: --schedules: '{{.*}}.json' has no schedules for the target 'x86-64-v4', only for x86-64-v3
// FOREIGN: mlc-opt: {{.*}}--schedules: 1 kernels of '{{.*}}.foreign.json' are none of this model's
// FOREIGN: func.func @k0_packed_matmul

mlc.param @w : tensor<64x48xf32> = #mlc.seeded<7, normal, 0.0 : f64, 0.1 : f64>
func.func @main(%x: tensor<33x64xf32> {mlc.name = "x"}) -> (tensor<33x48xf32> {mlc.name = "y"})
    attributes {mlc.entry = "infer"} {
  %w = mlc.load_param @w : tensor<64x48xf32>
  %0 = mlc.matmul %x, %w : (tensor<33x64xf32>, tensor<64x48xf32>) -> tensor<33x48xf32>
  %1 = mlc.softmax %0 {axis = 1 : i64} : (tensor<33x48xf32>) -> tensor<33x48xf32>
  return %1 : tensor<33x48xf32>
}
