#!/usr/bin/env bash
# What `make demo` shows: a fortnight of somebody's entries, from an empty home to a summary of the week.
# Needs COMPANION (the program) and COMPANION_HOME (a home to play in). Can be run again and again: entries
# that are there already stay as they are.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${COMPANION:?the program to show}" "${COMPANION_HOME:?a home to play in}"
export COMPANION_HOME

bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' plain=$'\e[0m'; fi

# Says what a step is for, shows the command as one would type it, and runs it.
step() {
  local why=$1
  shift
  printf '\n%s# %s%s\n%s$ companion' "$bold" "$why" "$plain" "$bold"
  local word
  for word in "$@"; do
    if [[ $word == *' '* ]]; then printf ' "%s"' "$word"; else printf ' %s' "$word"; fi
  done
  printf '%s\n' "$plain"
  "$COMPANION" "$@"
}

step 'The encoder: 91 MB once, into a cache that outlives this home' model pull minilm
step 'A fortnight, written by somebody who does not exist' import examples/fortnight.jsonl
step 'What is there' list --limit 6
step 'By meaning: the entries have other words' search 'learning to play as a grown-up' --limit 3
step 'By word' search cello --limit 2
step 'What resembles the first entry' similar 1 --limit 3
step 'How it went' trends --from 2026-03-02 --to 2026-03-15
step 'The second week, every line with the entry it comes from' summary --from 2026-03-09 --to 2026-03-15
step 'A question to go on with' prompt

program=${COMPANION#"$PWD"/}
cat <<END

${bold}Now your own.${plain} It goes to ~/.companion, not here; the encoder comes from the cache:

  $program model pull minilm
  $program new "today: the first thing I want to remember"
END
