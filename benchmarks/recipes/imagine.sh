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
python train.py dcgan --target "$OUT/landscapes" --output "$OUT/imagine" --crop 64 --resize 64 76 --batch-size 32 --ngf 32 --ndf 32 \
  --diffaugment color,translation,cutout --max-steps 20000 --ema 0.999 --eval-every 500 --eval-samples 256 \
  --sample-every 500 --checkpoint-every 250 --resume latest "$@"
