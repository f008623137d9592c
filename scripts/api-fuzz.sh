#!/usr/bin/env bash
# The API against a tester that knows nothing of it but its OpenAPI document: good and bad requests by the thousand, at a real demo.
# No answer may be a server error, or another than the document says. LEADLINE_FUZZ_CASES says how many requests a route (100).
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=scripts/demo.sh
. "$ROOT/scripts/demo.sh"

cd "$ROOT"
version=4.32.5
venv="$CACHE/schemathesis-$version"
if [ ! -x "$venv/bin/schemathesis" ]; then
    say "installing schemathesis $version into .cache"
    python3 -m venv "$venv" || die "a Python environment can't be made" "apt-get install python3-venv"
    "$venv/bin/pip" install --quiet "schemathesis==$version"
fi
demo_start --api-rate-limit 1000000 --api-anonymous-read never --market-pairs 2
export SCHEMATHESIS_HOOKS=api_fuzz_hooks PYTHONPATH="$ROOT/scripts" PYTHONDONTWRITEBYTECODE=1
# It leaves files where it runs.
cd "$demo_data"
# The stream is no request with an answer; host/tests/it/api/stream.rs has it.
"$venv/bin/schemathesis" --no-color run "$demo_url/api/v1/openapi.json" \
    --header "Authorization: Bearer $(cat "$demo_data/api-token")" \
    --exclude-path /api/v1/stream \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,unsupported_method,ignored_auth \
    --max-examples "${LEADLINE_FUZZ_CASES:-100}" --continue-on-failure "$@"
