"""Where the shared libraries are."""

import ctypes
import os
from pathlib import Path


def _folders():
    if folder := os.environ.get("MLC_LIBRARY_DIR"):
        # Asked for: nothing else is tried, so that a wrong setting is seen.
        return [Path(folder)]
    package = Path(__file__).resolve().parent
    checkout = package.parent.parent
    return [
        package,
        checkout / "build" / "release" / "lib",
        # <prefix>/share/mlc/python/mlc_compiler of an installation
        *(package.parents[3] / name for name in ("lib", "lib/x86_64-linux-gnu", "lib64")),
    ]


def _open(path: Path) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:  # "libMLIR.so.22.1: cannot open shared object file: No such file or directory"
        raise ImportError(
            f"{path} cannot be loaded: {error}\nThe compiler needs Halide (pip install halide==21.0.0), and of the system "
            "LLVM and MLIR 22, protobuf and libzip (Debian: libllvm22 libmlir-22 libprotobuf32 libzip4); modules are loaded and "
            "run without them"
        ) from error


def load(name: str) -> ctypes.CDLL:
    """Loads `name` from the first folder that has it; ImportError says where it was looked for."""
    folders = _folders()
    for folder in folders:
        if (folder / name).exists():
            return _open(folder / name)
    places = "\n  ".join(map(str, folders))
    raise ImportError(
        f"{name} was not found in\n  {places}\nBuild it (cmake --preset release && ninja -C build/release), "
        "or set MLC_LIBRARY_DIR to the folder that holds it"
    )
