// Text that came from files, on its way to a terminal.
#pragma once

#include <string>
#include <string_view>

namespace mlc {

// With "\xNN" for each byte of a control character, but the newlines that messages have, and for what is not UTF-8: a
// name in a file must not move the cursor, colour the screen, or break what reads the output.
std::string printable(std::string_view text);

} // namespace mlc
