#!/bin/sh
# Makes every prompt of manifest.json anew (flite, sox), the music (music.mjs), and SHA256SUMS.
# Needs Debian's flite and sox. The result is committed; nothing at run time needs this script.
set -eu
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

node -e '
  const { prompts } = JSON.parse(require("node:fs").readFileSync("manifest.json", "utf8"));
  for (const { file, text } of prompts) if (text !== "") console.log(`${file}\t${text}`);
' >"$tmp/list"

tab=$(printf '\t')
while IFS="$tab" read -r file text; do
  mkdir -p "$(dirname "$file")"
  flite -voice rms -t "$text" -o "$tmp/x.wav"
  # The voice has a little DC: high-pass first, then the same peak for every phrase.
  sox -R "$tmp/x.wav" -r 8000 -b 16 -c 1 "$file" highpass 120 norm -3
done <"$tmp/list"

mkdir -p music
node music.mjs music/default.wav
node tones.mjs 1000 en/ring-tone.wav
node tones.mjs 500 en/busy-tone.wav
node tones.mjs 250 en/congestion-tone.wav
find en music -name '*.wav' | LC_ALL=C sort | xargs sha256sum >SHA256SUMS
