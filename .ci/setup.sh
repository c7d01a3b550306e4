#!/bin/sh
# Makes .venv, with this checkout installed in it for development, and does nothing when that is up to date.
#
#   sh .ci/setup.sh           set up
#   sh .ci/setup.sh --find    only print the Python that a new .venv would be made with
#
# BAYESMETA_PYTHON       the Python to use, instead of looking for one
# BAYESMETA_PYTHON_DIRS  where to look besides PATH, pyenv and uv, colon-separated, instead of the usual folders
set -eu
cd "$(dirname "$0")/.."
root=$(pwd -P)
venv=$root/.venv
stamp=$venv/.setup-done  # what the last complete set-up was made from
unfinished=$venv/.setup-unfinished  # there while an install runs, so that a killed one is noticed
log=$venv/setup.log
lock=$root/.setup-lock

say() { printf '%s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }

# Prints "version path" of a Python that fits, or "version:" and what else is wrong with it. A name on PATH proves
# nothing (pyenv's shims for versions that are not switched on exist, and fail), so each candidate is run. PyMC does
# not support 3.15 yet.
probe() {
    "$1" -I -c '
import sys
version = "%d.%d.%d" % sys.version_info[:3]
try:
    import ensurepip, venv
except ImportError:
    ensurepip = None
if not (3, 12) <= sys.version_info[:2] <= (3, 14):
    answer = version + ":"
elif ensurepip is None:
    answer = version + ":, but cannot make a virtual environment (on Debian or Ubuntu: apt-get install python3-venv)"
else:
    answer = version + " " + getattr(sys, "_base_executable", sys.executable)  # outlives a .venv it was called through
sys.stdout.write(answer)
' </dev/null 2>/dev/null
}

# Sets python and version from a candidate; if it will not do, keeps in `unfit` why, of the newest such Python.
try() {
    answer=$(probe "$1") || answer=
    case ${answer%% *} in
        "") return 1 ;;
        *:*) ;;
        *)
            version=${answer%% *}
            python=${answer#* }
            return 0
            ;;
    esac
    case $unfit:$answer in
        :* | *:3.1[2-9].*) unfit="$1 is Python ${answer%%:*}${answer#*:}." ;;
    esac
    return 1
}

usual_dirs() {
    printf '%s:' /usr/local/bin /usr/bin /opt/homebrew/bin /opt/local/bin "$home/.local/bin" "$home"/*conda*/bin \
        "$home"/*forge*/bin /opt/conda/bin "$home"/.local/share/uv/python/*/bin \
        "$home"/.local/share/mise/installs/python/*/bin "$home"/.asdf/installs/python/*/bin
}

find_python() {
    unfit=
    home=${HOME:-/nonexistent}
    names="python3.14 python3.13 python3.12 python3"
    if [ -n "${BAYESMETA_PYTHON:-}" ]; then
        try "$BAYESMETA_PYTHON" && return 0
        fail "BAYESMETA_PYTHON must name a working Python 3.12, 3.13 or 3.14." \
            "${unfit:-$BAYESMETA_PYTHON does not run.}"
    fi
    for name in $names; do
        if command -v "$name" >/dev/null && try "$name"; then return 0; fi
    done
    for minor in 14 13 12; do
        for candidate in "${PYENV_ROOT:-$home/.pyenv}"/versions/3."$minor".*/bin/python \
            "$home"/.pyenv/versions/3."$minor".*/bin/python; do
            if [ -x "$candidate" ] && try "$candidate"; then return 0; fi
        done
    done
    if command -v uv >/dev/null; then
        candidate=$(uv python find '>=3.12,<3.15' 2>/dev/null </dev/null) && try "$candidate" && return 0
    fi
    dirs=${BAYESMETA_PYTHON_DIRS-$(usual_dirs)}
    for name in $names; do
        old_ifs=$IFS
        IFS=:
        for dir in $dirs; do
            IFS=$old_ifs
            if [ -x "$dir/$name" ] && try "$dir/$name"; then return 0; fi
        done
        IFS=$old_ifs
    done
    return 1
}

no_python() {
    say "bayesmeta needs Python 3.12, 3.13 or 3.14, and none was found. ${unfit:-}"
    fail "Install one (python.org, your system's packages, 'pyenv install 3.13' or 'uv python install 3.13')," \
        "or name it: BAYESMETA_PYTHON=/path/to/python make setup"
}

# All that the environment is made from; the path is part of it because an environment cannot be moved.
fingerprint() { cksum pyproject.toml .ci/setup.sh && printf '%s\n' "$root"; }

# Whether .venv is whole: its Python still runs and fits, the packages are that Python's (not those of a version
# since replaced), pip is there, it was made for this path, and no install in it was cut off.
healthy() {
    [ ! -e "$unfinished" ] && "$venv/bin/python" -I -c '
import os, re, sys, sysconfig
venv = sys.argv[1]
with open(os.path.join(venv, "bin", "activate")) as activate:
    made_here = re.search("VIRTUAL_ENV=.?" + re.escape(venv) + "[^/]?$", activate.read(), re.MULTILINE)
fits = (3, 12) <= sys.version_info[:2] <= (3, 14) and sys.prefix != sys.base_prefix
sys.exit(not (made_here and fits and os.path.isdir(os.path.join(sysconfig.get_path("purelib"), "pip"))))
' "$venv" </dev/null >/dev/null 2>&1
}

up_to_date() { [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint)" ] && healthy; }

# One set-up at a time: the lock is a link whose target is the process that holds it, made in one step.
take_lock() {
    tries=0
    until ln -s "$$" "$lock" 2>/dev/null; do
        tries=$((tries + 1))
        if holder=$(readlink "$lock"); then
            if ! kill -0 "$holder" 2>/dev/null; then
                rm -f "$lock"
                continue
            fi
            [ "$tries" -gt 1 ] || say "Waiting for another set-up of this checkout (process $holder)"
        elif [ "$tries" -gt 10 ]; then
            fail "Cannot set up: no link can be made in $root (is it writable?)."
        fi
        sleep 1
    done
    trap 'rm -f "$lock"' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

make_venv() {
    if find_python; then
        say "Setting up .venv with Python $version (first time: a few minutes)"
        rm -rf "$venv"
        mkdir "$venv"
        : >"$unfinished"
        "$python" -I -m venv "$venv" >"$log" 2>&1 </dev/null || fail_with_log "$python could not make .venv."
    elif command -v uv >/dev/null; then
        say "Setting up .venv with a Python that uv downloads (first time: a few minutes)"
        rm -rf "$venv"
        uv venv --quiet --seed --python '>=3.12,<3.15' "$venv" </dev/null >&2 || no_python
        : >"$unfinished"
    else
        no_python
    fi
}

# A browser for the tests of the living report, where it may be installed; without one they say so and skip.
install_browser() {
    for name in chromium chromium-browser google-chrome; do
        if command -v "$name" >/dev/null; then return 0; fi
    done
    command -v apt-get >/dev/null || return 0
    as_root=
    [ "$(id -u)" -eq 0 ] || as_root="sudo -n"
    [ -z "$as_root" ] || sudo -n true 2>/dev/null || return 0
    say "Installing Chromium for the tests of the living report"
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y --no-install-recommends chromium >>"$log" 2>&1 </dev/null ||
        { $as_root apt-get update >>"$log" 2>&1 </dev/null &&
            DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y --no-install-recommends chromium >>"$log" 2>&1 </dev/null; } ||
        say "Chromium could not be installed; the tests of the living report will be skipped (see $log)"
}

fail_with_log() {
    say "$1 The end of its log:"
    tail -n 25 "$log" | sed 's/^/    /' >&2
    say "Set-up did not finish. Run it again once the cause is removed."
    exit 1
}

install() {
    : >"$unfinished"
    rm -f "$stamp"
    made_from=$(fingerprint)
    "$venv/bin/python" -I -m pip install --disable-pip-version-check --no-input --progress-bar off \
        --editable ".[dev]" >"$log" 2>&1 </dev/null || {
        # pip undoes an update that fails, so an environment that worked before still does.
        [ "$1" = new ] || rm -f "$unfinished"
        fail_with_log "pip could not install bayesmeta and what it needs."
    }
    install_browser
    printf '%s\n' "$made_from" >"$stamp"
    rm -f "$unfinished"
}

if [ "${1:-}" = --find ]; then
    find_python || no_python
    printf '%s\n' "$python"
    exit 0
fi

up_to_date && exit 0
take_lock
up_to_date && exit 0
if healthy; then
    say "Updating .venv"
    install old
else
    make_venv
    install new
fi
say "Done: .venv is ready"
