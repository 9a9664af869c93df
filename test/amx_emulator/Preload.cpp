// libmlc_amx_emulator.so, for LD_PRELOAD: a process on a CPU without AMX executes AMX instructions.
//
// Such a CPU raises SIGILL at one; the handler executes it and steps over it. Everything else that raises SIGILL gets
// to the handler that the process has, or kills it. As on a CPU that has tiles, a process must ask for them first
// (arch_prctl); what does not is killed as it would be there. On a machine with AMX nothing of this is done.
//
// Environment: MLC_AMX_EMULATOR_REFUSE, if set, makes arch_prctl refuse, as a kernel does that a filter of system calls
// or a small sigaltstack keeps from it.
#include "test/amx_emulator/Tiles.h"

#include <atomic>
#include <cerrno>
#include <cpuid.h>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace mlc::amx {
namespace {

using SigactionFn = int (*)(int, const struct sigaction *, struct sigaction *);
SigactionFn realSigaction() {
  static const auto function = reinterpret_cast<SigactionFn>(dlsym(RTLD_NEXT, "sigaction"));
  return function;
}

bool isEmulating = false;       // set before main
std::atomic<bool> isPermitted;  // by arch_prctl; a child of fork keeps it, exec forgets it, as in the kernel
std::atomic<uint64_t> executed; // instructions
// What the process has asked for SIGILL: there are programs that install a handler for all deadly signals.
struct sigaction theirs;
// A signal handler may not allocate memory for a thread's variables, as the usual model of a shared object would.
[[gnu::tls_model("initial-exec")]] thread_local Tiles tiles;

bool cpuHasAmx() {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 27 & 1) || !__get_cpuid_count(7, 0, &a, &b, &c, &d))
    return false;
  constexpr unsigned bf16 = 1u << 22, tile = 1u << 24, int8 = 1u << 25, states = 0x60000;
  unsigned low, high;
  asm("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (d & (bf16 | tile | int8)) == (bf16 | tile | int8) && (low & states) == states;
}

// To the handler of the process.
void passOn(int signal, siginfo_t *info, void *context) {
  struct sigaction next = theirs;
  if (next.sa_flags & SA_RESETHAND)
    theirs.sa_handler = SIG_DFL;
  if (next.sa_flags & SA_SIGINFO)
    return next.sa_sigaction(signal, info, context);
  if (next.sa_handler != SIG_DFL && next.sa_handler != SIG_IGN)
    return next.sa_handler(signal);
  if (next.sa_handler == SIG_IGN && info->si_code <= 0)
    return; // sent by someone; one that an instruction raises cannot be ignored
  struct sigaction standard{};
  standard.sa_handler = SIG_DFL;
  realSigaction()(signal, &standard, nullptr);
  if (info->si_code <= 0)
    raise(signal); // else the instruction does it again
}

void report(const Instruction &instruction, const void *code, const char *why) {
  char text[256];
  int length = snprintf(text, sizeof(text), "amx emulator: %s tmm%d, tmm%d, tmm%d at %p: %s\n",
                        nameOf(instruction.opcode), instruction.tile, instruction.left, instruction.right, code, why);
  if (instruction.opcode < Opcode::tdpbf16ps) // has but one tile
    length = snprintf(text, sizeof(text), "amx emulator: %s tmm%d at %p: %s\n", nameOf(instruction.opcode),
                      instruction.tile, code, why);
  [[maybe_unused]] ssize_t ignored = write(STDERR_FILENO, text, size_t(length));
}

uint64_t valueOf(int8_t number, const Instruction &instruction, const greg_t *registers) {
  constexpr int order[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                           REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  if (number == kNoRegister)
    return 0;
  if (number == kInstructionPointer) // that of the next one
    return uint64_t(registers[REG_RIP]) + instruction.length;
  return uint64_t(registers[order[number]]);
}

void onIllegalInstruction(int signal, siginfo_t *info, void *context) {
  greg_t *registers = static_cast<ucontext_t *>(context)->uc_mcontext.gregs;
  const auto *code = reinterpret_cast<const uint8_t *>(registers[REG_RIP]);
  std::optional<Instruction> instruction;
  if (info->si_code > 0) // not sent by someone
    instruction = decode(code);
  if (!instruction)
    return passOn(signal, info, context);
  if (!isPermitted) {
    report(*instruction, code, "the process did not get the tiles' state, arch_prctl(ARCH_REQ_XCOMP_PERM, 18)");
    return passOn(signal, info, context);
  }
  const uint64_t memory =
      valueOf(instruction->base, *instruction, registers) + uint64_t(int64_t(instruction->displacement));
  const uint64_t index = valueOf(instruction->index, *instruction, registers) << instruction->scale;
  // LDTILECFG and STTILECFG have one address; of loads and stores the index is the distance of rows.
  const bool isOneAddress = instruction->opcode == Opcode::ldtilecfg || instruction->opcode == Opcode::sttilecfg;
  Fault fault = tiles.execute(*instruction, reinterpret_cast<std::byte *>(isOneAddress ? memory + index : memory),
                              isOneAddress ? 0 : ptrdiff_t(index));
  if (!fault) {
    registers[REG_RIP] += instruction->length;
    executed.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  report(*instruction, code, fault.why);
  if (fault.signal == signal)
    return passOn(signal, info, context);
  raise(fault.signal);
}

[[gnu::constructor]] void install() {
  if (cpuHasAmx())
    return;
  struct sigaction ours{};
  ours.sa_sigaction = onIllegalInstruction;
  ours.sa_flags = SA_SIGINFO;
  realSigaction()(SIGILL, &ours, &theirs);
  isEmulating = true;
}

} // namespace
} // namespace mlc::amx

using namespace mlc::amx;

// What mlc asks an emulator for (runtime/cpu/CpuFeatures.cpp).
EXPORT bool mlc_emulated_cpu_feature(const char *name) {
  return isEmulating && (!strcmp(name, "amx_tile") || !strcmp(name, "amx_bf16") || !strcmp(name, "amx_int8"));
}

// For tests: how many instructions the emulator has executed in this process.
EXPORT uint64_t mlc_amx_emulator_executed() { return executed; }

// The functions of libc that have to do with it.

EXPORT int arch_prctl(int code, unsigned long address) {
  constexpr int requestPermission = 0x1023;
  constexpr unsigned long tileData = 18;
  if (!isEmulating || code != requestPermission || address != tileData)
    return int(syscall(SYS_arch_prctl, code, address));
  if (getenv("MLC_AMX_EMULATOR_REFUSE")) {
    errno = EPERM;
    return -1;
  }
  isPermitted = true;
  return 0;
}

EXPORT int sigaction(int signal, const struct sigaction *action, struct sigaction *old) noexcept {
  if (signal != SIGILL || !isEmulating)
    return realSigaction()(signal, action, old);
  const struct sigaction before = theirs;
  if (action)
    theirs = *action;
  if (old)
    *old = before;
  return 0;
}

EXPORT sighandler_t signal(int number, sighandler_t handler) noexcept {
  struct sigaction action{}, old{};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  return sigaction(number, &action, &old) == 0 ? old.sa_handler : SIG_ERR;
}
