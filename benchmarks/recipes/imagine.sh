#!/usr/bin/env bash
# Pictures from noise, after 751 impressionist and pointillist landscapes: ART=pictures OUT=runs benchmarks/recipes/imagine.sh
# Run again after an interruption, it goes on where it stopped. Further arguments go to train.py.
set -euo pipefail
cd "$(dirname "$0")/../.."
ART=${ART:?set ART to the folder of pictures}
OUT=${OUT:?set OUT to a folder for the training}
mkdir -p "$OUT/landscapes"
for set in monet impressionism pointillism; do
  [ -d "$OUT/landscapes/$set" ] || cp -r "$ART/$set/train" "$OUT/landscapes/$set"
done
python train.py dcgan --target "$OUT/landscapes" --output "$OUT/imagine" --crop 64 --resize 64 76 --batch-size 32 --ngf 48 --ndf 48 \
  --upsample resize --diffaugment translation --lr-discriminator 4e-4 --max-steps 20000 --ema 0.998 --eval-every 500 --eval-samples 256 \
  --sample-every 500 --checkpoint-every 250 --resume latest --about benchmarks/recipes/imagine.md --title "Imagined landscapes" "$@"
