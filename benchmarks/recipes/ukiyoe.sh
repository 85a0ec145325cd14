#!/usr/bin/env bash
# The bundled style "ukiyoe". ART is a folder with photos/train and ukiyoe/train; OUT is where it trains.
# Run again after an interruption, it goes on where it stopped. Further arguments go to both trainings.
set -euo pipefail
cd "$(dirname "$0")/../.."
ART=${ART:?set ART to the folder of pictures}
OUT=${OUT:?set OUT to a folder for the training}
common=(
  --source "$ART/photos/train" --target "$ART/ukiyoe/train" --sample-photos hfstyle/assets/examples
  --inner-crop 0.88 --aspect-jitter 0.1 --ngf 32 --n-blocks 6 --ndf 32
  --lambda-identity 0.4 --cycle-noise 0.05
  --ema 0.998 --sample-every 250 --checkpoint-every 100 --resume latest
  --title "Ukiyo-e" --about benchmarks/recipes/ukiyoe.md "$@"
)
# Small crops, two a step: palette, flatness, first contours.
accelerate launch train.py cyclegan --output "$OUT/ukiyoe-128" "${common[@]}" \
  --crop 128 --resize 144 260 --batch-size 2 --max-steps 3500 --decay-start 1 --lr-discriminator 1e-4 \
  --lambda-cycle 6 --lambda-tv 0.5
# Larger crops, from larger pictures: instance norm then sees what it sees in use, skies and dark land in one picture.
# Less weight on the cycle, in which photos hide as a weave of dots, and Gram matrices, which see such a weave.
accelerate launch train.py cyclegan --output "$OUT/ukiyoe-192" "${common[@]}" --init-from "$OUT/ukiyoe-128" \
  --crop 192 --resize 192 384 --max-steps 2000 --lr 1.5e-4 --lr-discriminator 7e-5 --decay-start 0.3 \
  --lambda-cycle 3 --lambda-tv 1 --lambda-gram 2
# At last the discriminator, which is shipped as the style's judge, learns what a photo is; the generator hardly moves.
accelerate launch train.py cyclegan --output "$OUT/ukiyoe" "${common[@]}" --init-from "$OUT/ukiyoe-192" \
  --crop 192 --resize 192 384 --max-steps 400 --lr 3e-5 --lr-discriminator 2e-4 --decay-start 0.3 --photo-negatives \
  --lambda-cycle 3 --lambda-tv 1 --lambda-gram 2
