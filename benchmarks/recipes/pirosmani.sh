#!/usr/bin/env bash
# The bundled CycleGAN of Pirosmani: ART=pictures OUT=runs benchmarks/recipes/pirosmani.sh; it is then in OUT/mean/pirosmani.
# On the black grounds of this tradition the usual last training invents light strokes. Another that holds on to what the
# photo shows has none, and less of the style; the mean of both has more of the style than strokes.
set -euo pipefail
cd "$(dirname "$0")/../.."
export STYLE=pirosmani TITLE=Pirosmani
benchmarks/recipes/cyclegan.sh "$@"
NAME=pirosmani-content benchmarks/recipes/cyclegan.sh "$@" \
  --last --max-steps 800 --lr 2e-4 --decay-start 0.4 --lambda-cycle 6 --lambda-content 1
python benchmarks/recipes/mean.py "$OUT/pirosmani" "$OUT/pirosmani-content" "$OUT/mean/pirosmani"
