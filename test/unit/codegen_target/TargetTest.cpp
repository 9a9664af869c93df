#include "codegen/target/Target.h"
#include "codegen/target/MachineCode.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/SourceMgr.h"
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace mlc::codegen {
namespace {

std::string errorOf(llvm::Error error) { return llvm::toString(std::move(error)); }

EmittedKernel parse(llvm::LLVMContext &context, std::string name, const std::string &text) {
  llvm::SMDiagnostic diagnostic;
  EmittedKernel kernel;
  kernel.name = name;
  kernel.module = llvm::parseAssemblyString(text, diagnostic, context);
  EXPECT_TRUE(kernel.module) << diagnostic.getMessage().str();
  return kernel;
}

// A loop that -O3 would turn into a call of memcpy.
std::string copyLoop(const std::string &name) {
  return "define i32 @" + name + R"((ptr noalias %dst, ptr noalias %src, i64 %begin, i64 %end) {
entry:
  br label %loop
loop:
  %i = phi i64 [ %begin, %entry ], [ %next, %loop ]
  %from = getelementptr i8, ptr %src, i64 %i
  %to = getelementptr i8, ptr %dst, i64 %i
  %byte = load i8, ptr %from
  store i8 %byte, ptr %to
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %end
  br i1 %more, label %loop, label %done
done:
  ret i32 0
})";
}

TargetDesc level3() { return llvm::cantFail(resolveTarget("x86-64-v3")); }

TEST(Target, KnownNames) {
  EXPECT_EQ(level3().vector_bytes, 32);
  EXPECT_EQ(llvm::cantFail(resolveTarget("x86-64-v4")).vector_bytes, 64);
  EXPECT_FALSE(llvm::cantFail(resolveTarget("x86-64-v4")).has("avx512_bf16"));
  EXPECT_TRUE(llvm::cantFail(resolveTarget("x86-64-v4+avx512bf16")).has("avx512_bf16"));
  EXPECT_EQ(
      errorOf(resolveTarget("x86-64-v4+avx1024").takeError()),
      "target 'x86-64-v4+avx1024': unknown feature 'avx1024'; known are amx-bf16, amx-int8, amx-tile, avx512bf16, "
      "avx512fp16, avx512vbmi, avx512vnni");
  EXPECT_EQ(errorOf(resolveTarget("arm").takeError()), "unknown target 'arm'; known are x86-64-v3, x86-64-v4, native");
}

TEST(Target, NativeIsExplicit) {
  auto target = resolveTarget("native");
  ASSERT_TRUE(bool(target)) << errorOf(target.takeError());
  EXPECT_EQ(target->name.rfind("x86-64-v", 0), 0u);
  EXPECT_FALSE(target->required_features.empty());
}

TEST(Target, MissingFeatures) {
  EXPECT_EQ(missingFeatures(llvm::cantFail(resolveTarget("native"))), "");
  TargetDesc target;
  target.features = "+avx1024,+avx2,+quantum-tile";
  target.required_features = {"avx1024", "avx2", "quantum_tile"};
  EXPECT_EQ(missingFeatures(target), "avx1024, quantum-tile");
}

TEST(MachineCode, NeedsNothingAndRuns) {
  llvm::LLVMContext contexts[2];
  std::vector<EmittedKernel> kernels;
  kernels.push_back(parse(contexts[0], "copy_a", copyLoop("copy_a")));
  kernels.push_back(parse(contexts[1], "copy_b", R"(
    declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
    define i32 @copy_b(ptr %dst, ptr %src, i64 %begin, i64 %end) {
      call void @llvm.memcpy.p0.p0.i64(ptr %dst, ptr %src, i64 %end, i1 false)
      ret i32 0
    })"));
  auto objects = compileKernels(kernels, level3());
  ASSERT_TRUE(bool(objects)) << errorOf(objects.takeError());
  KernelObject parts[] = {{"copy_a", (*objects)[0]}, {"copy_b", (*objects)[1]}};
  auto shared = linkSharedObject(parts);
  ASSERT_TRUE(bool(shared)) << errorOf(shared.takeError());
  EXPECT_EQ(*shared, llvm::cantFail(linkSharedObject(parts)));

  int file;
  llvm::SmallString<64> path;
  ASSERT_FALSE(llvm::sys::fs::createTemporaryFile("kernels", "so", file, path));
  ASSERT_EQ(write(file, shared->data(), shared->size()), ssize_t(shared->size()));
  void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  llvm::sys::fs::remove(path);
  close(file);
  ASSERT_TRUE(library) << dlerror();
  for (const char *name : {"copy_a", "copy_b"}) {
    auto *copy = reinterpret_cast<int (*)(char *, const char *, int64_t, int64_t)>(dlsym(library, name));
    ASSERT_TRUE(copy);
    std::string source(1000, 'x'), destination(1000, ' ');
    EXPECT_EQ(copy(destination.data(), source.data(), 0, 1000), 0);
    EXPECT_EQ(source, destination);
  }
  dlclose(library);
}

TEST(MachineCode, UndefinedSymbolIsNamed) {
  llvm::LLVMContext context;
  EmittedKernel kernel = parse(context, "k", R"(
    declare float @expf(float)
    define i32 @k(ptr %a) {
      %x = load float, ptr %a
      %y = call float @expf(float %x)
      store float %y, ptr %a
      ret i32 0
    })");
  auto object = llvm::cantFail(compileToObject(*kernel.module, level3()));
  EXPECT_EQ(errorOf(linkSharedObject(KernelObject{"k", object}).takeError()),
            "kernel 'k' needs the symbol 'expf'; generated code may need nothing from outside");
}

TEST(MachineCode, AbsoluteAddressIsRefused) {
  llvm::LLVMContext context;
  EmittedKernel kernel = parse(context, "k", R"(
    @data = internal constant i32 7
    @table = constant [2 x ptr] [ptr @data, ptr @data]
    define i32 @k(ptr %a, i64 %i) {
      %p = getelementptr ptr, ptr @table, i64 %i
      %q = load ptr, ptr %p
      %x = load i32, ptr %q
      ret i32 %x
    })");
  auto object = llvm::cantFail(compileToObject(*kernel.module, level3()));
  std::string error = errorOf(linkSharedObject(KernelObject{"k", object}).takeError());
  EXPECT_NE(error.find("kernel 'k' holds the absolute address"), std::string::npos) << error;
}

TEST(MachineCode, AssemblyUsesTheTargetsVectors) {
  llvm::LLVMContext context;
  const char *text = R"(
    define i32 @k(ptr %a) {
      %x = load <16 x float>, ptr %a
      %y = fadd <16 x float> %x, %x
      store <16 x float> %y, ptr %a
      ret i32 0
    })";
  EmittedKernel narrow = parse(context, "k", text), wide = parse(context, "k", text);
  std::string narrowText = llvm::cantFail(compileToAssembly(*narrow.module, level3()));
  std::string wideText = llvm::cantFail(compileToAssembly(*wide.module, llvm::cantFail(resolveTarget("x86-64-v4"))));
  EXPECT_EQ(narrowText.find("zmm"), std::string::npos);
  EXPECT_NE(wideText.find("zmm"), std::string::npos);
}

} // namespace
} // namespace mlc::codegen
