// A read-only memory mapping of a whole file.
#pragma once

#include "support/Status.h"

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace mlc {

class MappedFile {
public:
  static Result<std::shared_ptr<const MappedFile>> open(const std::string &path);
  ~MappedFile();
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;

  std::span<const std::byte> bytes() const { return content; }
  const std::string &path() const { return name; }

private:
  MappedFile(std::string path, std::span<const std::byte> bytes) : name(std::move(path)), content(bytes) {}
  std::string name;
  std::span<const std::byte> content;
};

} // namespace mlc
