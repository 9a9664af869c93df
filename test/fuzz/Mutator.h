// Seeded damage to files and messages. What a test does with seed and count is the same on every machine;
// MLC_FUZZ_ROUNDS multiplies the count (`make test-full`), MLC_FUZZ_SEED moves it elsewhere.
#ifndef MLC_TEST_FUZZ_MUTATOR_H
#define MLC_TEST_FUZZ_MUTATOR_H

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <new>
#include <random>
#include <string>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace mlc::test {

inline uint64_t numberFromEnvironment(const char *name, uint64_t otherwise) {
  const char *text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

class Mutator {
public:
  explicit Mutator(uint64_t seed) : random(seed) {}

  // Below `limit`, which is positive.
  uint64_t below(uint64_t limit) { return random() % limit; }
  bool chance(uint64_t oneIn) { return below(oneIn) == 0; }

  // A number that readers tend to get wrong.
  int64_t trickyNumber() {
    static constexpr int64_t kTricky[] = {0,         1,         -1,        2,         3,         7,           8,
                                          16,        64,        127,       128,       255,       256,         4096,
                                          65535,     1 << 20,   INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN,   -2,
                                          1LL << 32, 1LL << 40, 1LL << 59, 1LL << 60, 1LL << 62, -(1LL << 40)};
    return chance(4) ? static_cast<int64_t>(random()) : kTricky[below(std::size(kTricky))];
  }

  // One to four changes.
  std::string bytes(std::string text) {
    for (uint64_t count = 1 + below(4); count > 0 && !text.empty(); --count)
      change(text);
    return text;
  }

private:
  void change(std::string &text) {
    const size_t at = below(text.size()), length = 1 + below(std::min<size_t>(text.size() - at, 16));
    switch (below(7)) {
    case 0: text[at] ^= static_cast<char>(1 << below(8)); break;
    case 1: text[at] = static_cast<char>(random()); break;
    case 2: text.resize(at); break;
    case 3: text.erase(at, length); break;
    case 4: text.insert(at, text.substr(at, length)); break;
    case 5: text.replace(at, length, length, static_cast<char>(chance(2) ? 0xff : 0)); break;
    default: {
      int64_t number = trickyNumber();
      for (size_t i = 0, end = chance(2) ? 8 : 4; i < end && at + i < text.size(); ++i)
        text[at + i] = static_cast<char>(static_cast<uint64_t>(number) >> (8 * i));
    }
    }
  }

  std::mt19937_64 random;
};

// Memory that runs away is a crash of this process, not of the machine.
inline void limitProcess() {
#if !defined(__has_feature) || !(__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
  rlimit limit{uint64_t{4} << 30, uint64_t{4} << 30};
  setrlimit(RLIMIT_AS, &limit);
#endif
}

// Calls body(mutator) for `count` seeds, each in a process that is forked in batches, so that a crash, a hang or an
// endless allocation is a failure that names its seed, and the rest still runs. Returns how often body returned true.
template <typename Body> uint64_t forEachSeed(uint64_t count, Body body) {
  struct Progress {
    uint64_t seed, trues;
  };
  void *shared = mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  Progress &progress = *new (shared) Progress{};
  const uint64_t first = numberFromEnvironment("MLC_FUZZ_SEED", 1);
  const uint64_t end = first + count * numberFromEnvironment("MLC_FUZZ_ROUNDS", 1);
  std::string failures;
  for (uint64_t seed = first; seed < end; seed = progress.seed + 1) {
    const uint64_t last = std::min(seed + 250, end) - 1;
    fflush(nullptr);
    const pid_t child = fork();
    if (child == 0) {
      limitProcess();
      for (; seed <= last; ++seed) {
        progress.seed = seed;
        alarm(20);
        Mutator mutator(seed);
        try {
          progress.trues += body(mutator);
        } catch (const std::exception &error) {
          ADD_FAILURE() << "exception: " << error.what();
        }
        if (testing::Test::HasFailure())
          break;
      }
      fflush(nullptr);
      _exit(testing::Test::HasFailure());
    }
    int status = 0;
    waitpid(child, &status, 0);
    // Reported at the end: a failure now would be inherited by the next child.
    if (WIFSIGNALED(status) || WEXITSTATUS(status) != 0)
      failures += "\n  MLC_FUZZ_SEED=" + std::to_string(progress.seed) + ": " +
                  (WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "failed as said above");
  }
  EXPECT_EQ(failures, "");
  const uint64_t trues = progress.trues;
  munmap(shared, sizeof(Progress));
  return trues;
}

} // namespace mlc::test

#endif // MLC_TEST_FUZZ_MUTATOR_H
