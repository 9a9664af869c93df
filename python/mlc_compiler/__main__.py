"""python -m mlc_compiler: mlc-opt."""

import sys

from . import _driver


def main() -> int:
    return _driver.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
