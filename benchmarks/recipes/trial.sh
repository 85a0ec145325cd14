#!/usr/bin/env bash
# A short training of one method on one tradition, to look at: ART=pictures OUT=runs benchmarks/recipes/trial.sh cut ukiyoe
# Run again after an interruption, it goes on where it stopped. Further arguments go to train.py.
set -euo pipefail
cd "$(dirname "$0")/../.."
ART=${ART:?set ART to the folder of pictures}
OUT=${OUT:?set OUT to a folder for the training}
method=$1 tradition=$2
shift 2
python train.py "$method" --source "$ART/photos/train" --target "$ART/$tradition/train" \
  --output "$OUT/$method-$tradition" --sample-photos hfstyle/assets/examples --inner-crop 0.88 --aspect-jitter 0.1 \
  --ngf 32 --n-blocks 6 --ndf 32 --crop 128 --resize 144 260 --batch-size 2 --max-steps 2500 --decay-start 0.5 \
  --lr-discriminator 1e-4 --ema 0.998 --sample-every 250 --checkpoint-every 100 --resume latest "$@"
