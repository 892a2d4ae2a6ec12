#!/bin/sh
# Make the virtual environment that a make target needs: setup.sh PYTHON VENV run|test|bench
#
# Returns at once when nothing has changed since the last set-up. VENV/.home names the checkout that a
# whole environment belongs to: it is absent while something is being installed, so an environment whose
# set-up was cut short, or that was moved, is made again from nothing. VENV/.run, .test and .bench say
# from which files each purpose was set up.
# Debian packages are installed only where something is missing and we may (root, apt-get present);
# otherwise a sentence says what to install. Tests that need a server which is missing are skipped.
set -eu
python=$1 venv=$2 purpose=$3
log= policy=

say() { echo "meseta: $*" >&2; }
fail() { say "$@"; exit 1; }
trap 'rm -f "$log" "$policy"' EXIT
trap 'exit 130' INT TERM

sources() { cksum pyproject.toml tools/setup.sh tools/install_pymesos.py; }
is_ours() { [ "$(cat "$venv/.home" 2>/dev/null)" = "$(pwd)" ] && [ -x "$venv/bin/python" ]; }
is_done() { is_ours && [ "$(cat "$venv/.$purpose" 2>/dev/null)" = "$(sources)" ]; }

# Two runs of make may start at once: the second waits for what the first one makes.
await_our_turn() {
    command -v flock >/dev/null || return 0
    exec 9<tools/setup.sh
    flock -n 9 || { say "waiting for another set-up of $venv to end"; flock 9; }
}

# install_packages REASON PACKAGE...
install_packages() {
    reason=$1
    shift
    command -v apt-get >/dev/null || fail "$reason: please install what Debian calls $*, then run make again"
    [ "$(id -u)" = 0 ] || fail "$reason: please run 'apt-get install $*' as root, then run make again"
    say "$reason: installing the Debian packages $*"
    run_apt "$@" || {
        tail -n 5 "$log" >&2
        fail "apt-get could not install $* (see above): please install them by hand, then run make again"
    }
}

run_apt() {
    log=$(mktemp)
    {
        apt-get update -q || true
        DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
    } >"$log" 2>&1 </dev/null
}

# Packages of servers would start them at once: let them be told that this host wants nothing started.
without_services() {
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        policy=/usr/sbin/policy-rc.d
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod +x $policy
    fi
    status=0
    "$@" || status=$?
    rm -f "$policy"
    return $status
}

# The servers that tests start for themselves. `zookeeper` is only the program: `zookeeperd` would start it.
install_servers() {
    set --
    [ -e /usr/share/java/zookeeper.jar ] || set -- "$@" zookeeper
    command -v etcd >/dev/null || set -- "$@" etcd-server
    command -v etcdctl >/dev/null || set -- "$@" etcd-client
    [ $# -gt 0 ] || return 0
    if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
        say "tests that need the Debian packages $* are skipped: install them as root to run these"
    else
        say "installing the Debian packages $* for tests"
        without_services run_apt "$@" || say "apt-get could not install $*: tests that need them are skipped"
    fi
}

# Let $python name the interpreter itself: one in an activated environment may be about to be removed.
find_python() {
    if ! command -v "$python" >/dev/null; then
        [ "$python" = python3 ] || fail "there is no $python: give the path of Python 3.11 or newer as PYTHON=..."
        install_packages "there is no python3" python3 python3-venv
    fi
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "$python is $("$python" -V 2>&1)," \
        "and 3.11 or newer is needed: give the path of one as PYTHON=..."
    python=$("$python" -c 'import os, sys; print(os.path.realpath(sys.executable))')
}

make_venv() {
    find_python
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        [ "$python" = "$(realpath /usr/bin/python3)" ] ||
            fail "$python cannot make virtual environments: it has no module ensurepip"
        install_packages "$python cannot make virtual environments" python3-venv
    fi
    rm -rf "$venv"
    "$python" -m venv "$venv" || fail "$python could not make a virtual environment (see above)"
}

# Run a command that installs Python packages. After an error of its own pip leaves all as it was.
run_installer() {
    "$venv/bin/python" "$@" && return
    pwd >"$venv/.home"
    fail "the Python packages could not be installed (see above): is the network up? Then run make again"
}

is_done && exit 0
await_our_turn
is_done && exit 0

if ! is_ours || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    make_venv
fi
say "setting up $venv to $purpose: this takes a minute, once"
rm -f "$venv/.home"
case $purpose in
    run)   run_installer -m pip install -q -e . ;;
    test)  run_installer -m pip install -q -e '.[test]'
           run_installer tools/install_pymesos.py
           install_servers ;;
    bench) run_installer -m pip install -q -e '.[bench]' ;;
esac
sources >"$venv/.$purpose"
[ "$purpose" = run ] || cp "$venv/.$purpose" "$venv/.run"
pwd >"$venv/.home"
