#!/usr/bin/env bash
# A bundled CycleGAN: STYLE=monet TITLE=Monet ART=pictures OUT=runs benchmarks/recipes/cyclegan.sh
# Run again after an interruption, it goes on where it stopped. Further arguments go to all trainings, those after --last
# to the last one only, which is in OUT/STYLE, or OUT/NAME.
set -euo pipefail
cd "$(dirname "$0")/../.."
STYLE=${STYLE:?set STYLE to shanshui, monet, vangogh ...}
ART=${ART:?set ART to the folder of pictures}
OUT=${OUT:?set OUT to a folder for the training}
last=()
for ((n = 1; n <= $#; n++)); do
  if [ "${!n}" = --last ]; then
    last=("${@:n+1}")
    set -- "${@:1:n-1}"
  fi
done
mkdir -p "$OUT"
{ python benchmarks/recipes/traditions.py "$STYLE"; cat benchmarks/recipes/cyclegan.md; } >"$OUT/$STYLE.md"
common=(
  --source "$ART/photos/train" --target "$ART/$STYLE/train" --sample-photos hfstyle/assets/examples
  --inner-crop 0.9 --aspect-jitter 0.1 --norm instance_blocks --ngf 24 --n-blocks 6 --ndf 32
  --ema 0.998 --sample-every 250 --checkpoint-every 100 --resume latest --title "${TITLE:-$STYLE} (CycleGAN)"
)
# First both ways learn to give pictures back, so that painting starts from the photo; INIT may name another style's
# first training instead.
if [ -z "${INIT:-}" ]; then
  INIT=$OUT/$STYLE-photo
  accelerate launch train.py cyclegan --output "$INIT" "${common[@]}" \
    --crop 64 --resize 72 256 --batch-size 4 --max-steps 800 --lr 1e-3 --decay-start 0.7 --eval-every 0 \
    --lambda-cycle 100 --lambda-identity 1 "$@"
fi
# Small crops: palette, light, first strokes. A discriminator of VGG16 features sees what a PatchGAN learns only slowly.
terms=(--lambda-identity 0.4 --cycle-noise 0.05 --lambda-features 0.5 --lambda-tradition 1 --lambda-gram 1)
accelerate launch train.py cyclegan --output "$OUT/$STYLE-128" "${common[@]}" --init-from "$INIT" \
  --crop 128 --resize 144 256 --batch-size 2 --max-steps 1500 --decay-start 1 --lr-discriminator 1e-4 \
  --eval-every 500 "${terms[@]}" --lambda-cycle 4 --lambda-tv 0.5 "$@"
# Larger crops, from larger pictures: instance norm then sees what it sees in use, skies and dark land in one picture.
accelerate launch train.py cyclegan --output "$OUT/${NAME:-$STYLE}" "${common[@]}" --init-from "$OUT/$STYLE-128" \
  --about "$OUT/$STYLE.md" --crop 192 --resize 192 384 --max-steps 1500 --lr 1.5e-4 --lr-discriminator 7e-5 \
  --decay-start 0.3 --eval-every 500 "${terms[@]}" --lambda-cycle 3 --lambda-tv 1 --photo-negatives "$@" "${last[@]}"
