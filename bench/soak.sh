#!/bin/bash
# The full numbers of the test with three servers over one store: 600 uploads, 200 kills, on a directory and on Ceph's
# gateway, with apt, dnf and a strict reader reading all the while. About ten minutes. Prints one line of numbers for each
# store; anything lost, torn or missing fails it.
#
#   bench/soak.sh [UPLOADS [KILLS]]
set -euo pipefail
cd "$(dirname "$0")/.."
tests/setup
trap 'tests/s3-servers stop || true' EXIT
tests/s3-servers start
set -a
. "${RWS_TEST_CACHE:-target/test-cache}/s3/env"
set +a
RWS_TEST_PLAIN=1 RWS_TEST_UPLOADS=${1:-600} RWS_TEST_KILLS=${2:-200} cargo test --release --locked -p rws --test replicas -- --nocapture
