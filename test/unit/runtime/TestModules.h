// Small modules for the runtime's tests, written with the compiler's ModuleWriter around kernels.c.
#ifndef MLC_TEST_UNIT_RUNTIME_TESTMODULES_H
#define MLC_TEST_UNIT_RUNTIME_TESTMODULES_H

#include "codegen/module/ModuleWriter.h"
#include <string>

namespace mlc::test {

std::string readFile(const std::string &path);
void writeFile(const std::string &path, const std::string &bytes);

// A fresh path in the tests' temporary folder.
std::string temporaryPath(const std::string &name);

// Entry point "main": x f32[n], ids i64[4] -> y f32[n] = x + w + w, z f32[4] = w[ids]; one bucket for each n; w is a
// parameter (w[i] = i / 2). Entry point "count": -> nothing; variable "steps" f32[1] += one, with one from the
// constants, `repeat` times. Entry point "rows": r f32[3x4] -> s f32[3x4], copied row by row by a Repeat.
codegen::ProgramDesc exampleProgram();
// The same, where x and y of "main" may be smaller in dimension "n".
codegen::ProgramDesc paddedProgram();
std::string writeExample(const codegen::ProgramDesc &program, const std::string &name);

} // namespace mlc::test

#endif // MLC_TEST_UNIT_RUNTIME_TESTMODULES_H
