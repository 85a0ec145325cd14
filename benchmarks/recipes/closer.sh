#!/usr/bin/env bash
# A CycleGAN goes on and comes closer to what the photo shows: first with a content term,
#   STYLE=shanshui TITLE=Shanshui ART=pictures OUT=runs benchmarks/recipes/closer.sh --lambda-content 0.4
# from OUT/STYLE, where cyclegan.sh left it, to OUT/closer/STYLE. Then with the loss of marks that nothing in the photo
# explains, from INIT to OUT/NAME/STYLE, where ABOUT names the texts that say on the card what was done:
#   STYLE=shanshui TITLE=Shanshui INIT=runs/closer/shanshui NAME=calmer ABOUT="cyclegan closer calmer" ART=pictures \
#     OUT=runs benchmarks/recipes/closer.sh --lambda-invented 100 --max-steps 300 --lambda-content 0.5 \
#     --lambda-tradition 2 --lambda-tv 4
# Run again after an interruption, it goes on where it stopped. Arguments go to the training.
set -euo pipefail
cd "$(dirname "$0")/../.."
STYLE=${STYLE:?set STYLE to shanshui, vangogh ...}
ART=${ART:?set ART to the folder of pictures}
OUT=${OUT:?set OUT to a folder for the training}
trained=$OUT/${NAME:-closer}/$STYLE
mkdir -p "$(dirname "$trained")"
{
  python benchmarks/recipes/traditions.py "$STYLE"
  for part in ${ABOUT:-cyclegan closer}; do
    sed '/^The command below/d' "benchmarks/recipes/$part.md"
  done
  echo "The command below is that of the last training."
} >"$trained.md"
accelerate launch train.py cyclegan --output "$trained" --source "$ART/photos/train" \
  --target "$ART/$STYLE/train" --sample-photos hfstyle/assets/examples --title "${TITLE:-$STYLE} (CycleGAN)" \
  --about "$trained.md" --init-from "${INIT:-$OUT/$STYLE}" --inner-crop 0.9 --aspect-jitter 0.1 \
  --norm instance_blocks --ngf 24 --n-blocks 6 --ndf 32 --ema 0.995 --sample-every 250 --checkpoint-every 100 \
  --resume latest --eval-every 0 --crop 192 --resize 192 384 --max-steps 500 --lr 1.5e-4 --lr-discriminator 7e-5 \
  --decay-start 0.3 --lambda-identity 0.4 --cycle-noise 0.05 --lambda-features 0.5 --lambda-tradition 1 \
  --lambda-gram 1 --lambda-cycle 3 --lambda-tv 1 --photo-negatives "$@"
