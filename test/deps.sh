#!/usr/bin/env bash
# Installs what tests start as real programs. On Debian it uses apt; elsewhere
# it says what is missing, and the tests that need it skip with a word.
set -euo pipefail
missing=()
command -v redis-server >/dev/null || missing+=(redis-server)
command -v chromium-headless-shell >/dev/null || missing+=(chromium-headless-shell)
[ ${#missing[@]} -gt 0 ] || exit 0
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
  echo "not installed, tests that need them will skip: ${missing[*]}"
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
# A package must not start its server here: tests start their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then printf '#!/bin/sh\nexit 101\n' >$policy; chmod +x $policy; trap 'rm -f $policy' EXIT; fi
install() { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" fonts-dejavu-core >/dev/null; }
# The shell spares work; where the whole browser is there, tests can do without it.
if [ "${missing[*]}" = chromium-headless-shell ] && command -v chromium >/dev/null; then
  install || echo "chromium-headless-shell cannot be installed; tests use chromium"
else
  install
fi
