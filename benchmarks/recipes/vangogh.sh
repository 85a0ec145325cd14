#!/usr/bin/env bash
# The bundled CycleGAN of Van Gogh, from what cyclegan.sh left in OUT/vangogh: ART=pictures OUT=runs
# benchmarks/recipes/vangogh.sh; it is then in OUT/bold/vangogh. Run again after an interruption, it goes on where it
# stopped. Arguments go to the trainings.
set -euo pipefail
cd "$(dirname "$0")/../.."
OUT=${OUT:?set OUT to a folder for the training}
export STYLE=vangogh TITLE="Van Gogh" ABOUT="cyclegan vangogh" OUT
benchmarks/recipes/closer.sh --lambda-content 0.2 "$@"
# Long touches everywhere, at the cost of the photo; from half of that, nearer to the photo again.
NAME=bolder INIT=$OUT/closer/vangogh benchmarks/recipes/closer.sh \
  --max-steps 600 --lambda-content 0.1 --lambda-features 2 --lambda-gram 2 "$@"
python benchmarks/recipes/mean.py "$OUT/closer/vangogh=1" "$OUT/bolder/vangogh=1" "$OUT/bolder/mean"
NAME=bold INIT=$OUT/bolder/mean benchmarks/recipes/closer.sh --ema 0.998 \
  --lambda-content 0.3 --lambda-features 1.5 --lambda-gram 2 --lambda-cycle 4 --lambda-tv 2 "$@"
