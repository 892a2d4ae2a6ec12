#!/bin/sh
# Make the virtual environment that a make target needs: setup.sh PYTHON VENV run|test|bench
# Debian packages are installed only where something is missing and we may (root, apt-get present);
# otherwise a sentence says what to install.
set -eu
python=$1 venv=$2 purpose=$3

fail() { echo "meseta: $*" >&2; exit 1; }

may_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }

install_packages() {
    may_install || fail "cannot install Debian packages here (not root, or no apt-get): please install $*"
    echo "meseta: installing Debian packages: $*"
    apt-get update -qq >/dev/null 2>&1 || true
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
        fail "apt-get could not install $*: please install them by hand"
}

command -v "$python" >/dev/null 2>&1 || install_packages python3 python3-venv
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "Python 3.11 or newer is needed, but $python is $("$python" -V 2>&1): set PYTHON=/path/to/python3.11"

if ! [ -x "$venv/bin/pip" ]; then
    rm -rf "$venv"
    if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
        rm -rf "$venv"
        install_packages python3-venv
        "$python" -m venv "$venv" || fail "$python cannot make a virtual environment"
    fi
fi

pip() { "$venv/bin/pip" install -q "$@" 2>&1 | grep -v '^WARNING: Location' || true; }

case $purpose in
    run)   echo "meseta: setting up $venv"; pip -e . ;;
    test)  echo "meseta: setting up $venv for the tests"; pip -e '.[test]'
           "$venv/bin/python" tools/install_pymesos.py ;;
    bench) echo "meseta: setting up $venv for the benchmarks"; pip -e '.[bench]' ;;
esac
"$venv/bin/python" -c 'import meseta, msgspec, httptools, google.protobuf' ||
    fail "the Python packages could not be installed: see the messages above"
touch "$venv/.$purpose"
[ "$purpose" = run ] || touch "$venv/.run"
