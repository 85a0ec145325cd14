#!/usr/bin/env bash
# A CycleGAN goes on with a content term, where it left the photo further behind than it need:
# STYLE=shanshui TITLE=Shanshui ART=pictures OUT=runs benchmarks/recipes/closer.sh --lambda-content 0.4
# It starts from OUT/STYLE, what cyclegan.sh made, or from INIT, and is then in OUT/closer/STYLE. Run again after an
# interruption, it goes on where it stopped. Arguments go to the training.
set -euo pipefail
cd "$(dirname "$0")/../.."
STYLE=${STYLE:?set STYLE to shanshui, vangogh ...}
ART=${ART:?set ART to the folder of pictures}
OUT=${OUT:?set OUT to a folder for the training}
mkdir -p "$OUT/closer"
{
  python benchmarks/recipes/traditions.py "$STYLE"
  sed 's/ The command below .*//' benchmarks/recipes/cyclegan.md
  cat benchmarks/recipes/closer.md
} >"$OUT/closer/$STYLE.md"
accelerate launch train.py cyclegan --output "$OUT/closer/$STYLE" --source "$ART/photos/train" \
  --target "$ART/$STYLE/train" --sample-photos hfstyle/assets/examples --title "${TITLE:-$STYLE} (CycleGAN)" \
  --about "$OUT/closer/$STYLE.md" --init-from "${INIT:-$OUT/$STYLE}" --inner-crop 0.9 --aspect-jitter 0.1 \
  --norm instance_blocks --ngf 24 --n-blocks 6 --ndf 32 --ema 0.995 --sample-every 250 --checkpoint-every 100 \
  --resume latest --eval-every 0 --crop 192 --resize 192 384 --max-steps 500 --lr 1.5e-4 --lr-discriminator 7e-5 \
  --decay-start 0.3 --lambda-identity 0.4 --cycle-noise 0.05 --lambda-features 0.5 --lambda-tradition 1 \
  --lambda-gram 1 --lambda-cycle 3 --lambda-tv 1 --photo-negatives "$@"
