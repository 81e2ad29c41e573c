#!/usr/bin/env bash
# Replays a plan against staging and judges the run: what the pipelines of GitHub and GitLab have in common.
#
#   REHEARSAL_PLAN        plan to replay; empty: REHEARSAL_CANDIDATE is a finished run, which is only judged
#   REHEARSAL_TARGET      targets, one a line: URL or HOST=URL
#   REHEARSAL_SCALE       times production's load (default 1)
#   REHEARSAL_OPTIONS     further options of `replay run`, one argument a line
#   REHEARSAL_BASELINE    run to judge against
#   REHEARSAL_CANDIDATE   where the run goes (default rehearsal/candidate)
#   REHEARSAL_REPORT      where the reports go (default rehearsal/report)
#   REHEARSAL_GATE        gate file; empty: ./gate.toml where there is one
#   REHEARSAL_GATE_OPTIONS  further options of `replay gate`, one argument a line
#
# Ends with the exit code of the verdict (0 READY, 1 NOT READY, 3 INCONCLUSIVE, 4 INVALID), or with that of a run that
# could not be judged (2, 5, 6, 7). A run that the breaker ended is judged too: the verdict says what broke it.
set -uo pipefail

baseline=${REHEARSAL_BASELINE:?REHEARSAL_BASELINE: no run to judge against is named}
candidate=${REHEARSAL_CANDIDATE:-rehearsal/candidate}
report=${REHEARSAL_REPORT:-rehearsal/report}

lines() { # the lines of $1 that are not empty
  printf '%s\n' "$1" | sed '/^[[:space:]]*$/d'
}

mkdir -p "$(dirname "$candidate")" "$(dirname "$report")" || exit 2
if [ -n "${REHEARSAL_PLAN:-}" ]; then
  mapfile -t targets < <(lines "${REHEARSAL_TARGET:-}")
  mapfile -t options < <(lines "${REHEARSAL_OPTIONS:-}")
  order=("$REHEARSAL_PLAN" --scale "${REHEARSAL_SCALE:-1}" -o "$candidate")
  for target in "${targets[@]}"; do order+=(--target "$target"); done
  replay run "${order[@]}" "${options[@]}"
  code=$?
  if [ "$code" -ne 0 ] && ! { [ "$code" -eq 6 ] && [ -f "$candidate/run.json" ]; }; then exit "$code"; fi
fi

mapfile -t options < <(lines "${REHEARSAL_GATE_OPTIONS:-}")
[ -z "${REHEARSAL_GATE:-}" ] || options+=(--gate "$REHEARSAL_GATE")
replay gate "$baseline" "$candidate" -o "$report" "${options[@]}"
