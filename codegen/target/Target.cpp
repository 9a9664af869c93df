#include "codegen/target/Target.h"
#include "mlc/runtime.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/TargetParser/Host.h"
#include <cpuid.h>
#include <cstring>
#include <unistd.h>

namespace mlc::codegen {
namespace {

// LLVM's name of a feature and the kernel's in /proc/cpuinfo.
struct Feature {
  llvm::StringLiteral llvmName, cpuinfoName;
};

constexpr Feature kLevel3[] = {{"avx", "avx"},   {"avx2", "avx2"}, {"bmi", "bmi1"},  {"bmi2", "bmi2"},
                               {"f16c", "f16c"}, {"fma", "fma"},   {"lzcnt", "abm"}, {"movbe", "movbe"}};
constexpr Feature kLevel4[] = {{"avx512f", "avx512f"},
                               {"avx512bw", "avx512bw"},
                               {"avx512cd", "avx512cd"},
                               {"avx512dq", "avx512dq"},
                               {"avx512vl", "avx512vl"}};
// Beyond level 4; used where the machine that `native` names has them.
constexpr Feature kOptional[] = {{"amx-bf16", "amx_bf16"},      {"amx-int8", "amx_int8"},
                                 {"amx-tile", "amx_tile"},      {"avx512bf16", "avx512_bf16"},
                                 {"avx512fp16", "avx512_fp16"}, {"avx512vbmi", "avx512vbmi"},
                                 {"avx512vnni", "avx512_vnni"}};

constexpr llvm::StringLiteral kNames[] = {"x86-64-v3", "x86-64-v4", "native"};

void add(TargetDesc &target, llvm::ArrayRef<Feature> features) {
  for (const Feature &feature : features) {
    if (!target.features.empty())
      target.features += ",";
    target.features += "+" + feature.llvmName.str();
    target.required_features.push_back(feature.cpuinfoName.str());
  }
}

TargetDesc level(bool four) {
  TargetDesc target;
  target.name = target.cpu = four ? "x86-64-v4" : "x86-64-v3";
  add(target, kLevel3);
  if (four)
    add(target, kLevel4);
  target.vector_bytes = four ? 64 : 32;
  target.vector_registers = four ? 32 : 16;
  return target;
}

// The level and features that `native` resolves to can be named: "x86-64-v4+avx512bf16".
llvm::Expected<TargetDesc> addOptional(TargetDesc target, llvm::StringRef name, llvm::StringRef features) {
  llvm::SmallVector<llvm::StringRef> wanted;
  features.split(wanted, '+', -1, /*KeepEmpty=*/false);
  target.name = name.str();
  for (llvm::StringRef one : wanted) {
    const Feature *feature = llvm::find_if(kOptional, [&](const Feature &known) { return known.llvmName == one; });
    if (feature == std::end(kOptional)) {
      auto names = llvm::map_range(kOptional, [](const Feature &known) { return known.llvmName; });
      return llvm::createStringError("target '" + name + "': unknown feature '" + one + "'; known are " +
                                     llvm::join(names, ", "));
    }
    add(target, *feature);
  }
  return target;
}

bool isIntel() {
  unsigned eax, ebx, ecx, edx;
  if (!__get_cpuid(0, &eax, &ebx, &ecx, &edx))
    return false;
  char vendor[12];
  std::memcpy(vendor, &ebx, 4);
  std::memcpy(vendor + 4, &edx, 4);
  std::memcpy(vendor + 8, &ecx, 4);
  return std::memcmp(vendor, "GenuineIntel", 12) == 0;
}

llvm::Expected<TargetDesc> native() {
  auto has = [](const Feature &feature) { return mlc_cpu_has_feature(feature.cpuinfoName.data()) != 0; };
  for (const Feature &feature : kLevel3)
    if (!has(feature))
      return llvm::createStringError("target 'native': this machine lacks '%s'; code for x86-64-v3 is the least that "
                                     "can be generated",
                                     feature.cpuinfoName.data());
  TargetDesc target = level(llvm::all_of(kLevel4, has));
  if (target.vector_bytes == 64)
    for (const Feature &feature : kOptional)
      if (has(feature)) {
        add(target, feature);
        target.name += "+" + feature.llvmName.str();
      }
  if (int64_t bytes = sysconf(_SC_LEVEL1_DCACHE_SIZE); bytes > 0)
    target.l1_bytes = bytes;
  if (int64_t bytes = sysconf(_SC_LEVEL2_CACHE_SIZE); bytes > 0)
    target.l2_bytes = bytes;
  target.prefetch_next_panel = isIntel(); // measured: 70 -> 86 % of peak on Sapphire Rapids, a loss on Zen 4
  target.halves_vectors = target.vector_bytes == 64 && llvm::sys::getHostCPUName() == "znver4";
  return target;
}

} // namespace

llvm::ArrayRef<llvm::StringLiteral> knownTargets() { return kNames; }

llvm::Expected<TargetDesc> resolveTarget(llvm::StringRef name) {
  auto [base, features] = name.split('+');
  if (name == "x86-64-v3" || base == "x86-64-v4") {
    TargetDesc target = level(base == "x86-64-v4");
    return addOptional(std::move(target), name, features);
  }
  if (name == "native")
    return native();
  return llvm::createStringError("unknown target '" + name + "'; known are " + llvm::join(knownTargets(), ", "));
}

std::string missingFeatures(const TargetDesc &target) {
  llvm::SmallVector<llvm::StringRef> names, missing;
  llvm::StringRef(target.features).split(names, ','); // "+avx2"
  for (auto [name, cpuinfoName] : llvm::zip_equal(names, target.required_features))
    if (!mlc_cpu_has_feature(cpuinfoName.c_str()))
      missing.push_back(name.drop_front());
  return llvm::join(missing, ", ");
}

std::string describe(const TargetDesc &target) {
  // Names every field, so that one that is added is not forgotten.
  const auto &[name, cpu, features, required, vectorBytes, vectorRegisters, l1, l2, prefetch, halves] = target;
  std::string text = name + ";" + cpu + ";" + features + ";" + llvm::join(required, ",");
  for (int64_t number : {vectorBytes, vectorRegisters, l1, l2, int64_t(prefetch), int64_t(halves)})
    text += ";" + std::to_string(number);
  return text;
}

} // namespace mlc::codegen
