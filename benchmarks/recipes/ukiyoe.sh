#!/usr/bin/env bash
# The bundled style "ukiyoe". ART is a folder with photos/train, photos-open and ukiyoe/train; OUT is where it trains.
# Run again after an interruption, it goes on where it stopped.
set -euo pipefail
cd "$(dirname "$0")/../.."
ART=${ART:?set ART to the folder of pictures}
OUT=${OUT:?set OUT to a folder for the training}
common=(
  --source "$ART/photos/train" --target "$ART/ukiyoe/train" --sample-photos "$ART/photos-open"
  --inner-crop 0.88 --aspect-jitter 0.1 --ngf 32 --n-blocks 6 --ndf 32
  --lambda-cycle 6 --lambda-identity 0.4 --lambda-tv 0.5 --cycle-noise 0.05 --lr-discriminator 1e-4
  --ema 0.998 --sample-every 250 --checkpoint-every 250 --resume latest
  --title "Ukiyo-e" --about benchmarks/recipes/ukiyoe.md
)
# Small crops, two a step: palette, flatness, first contours.
accelerate launch train.py cyclegan --output "$OUT/1" "${common[@]}" \
  --crop 128 --resize 144 260 --batch-size 2 --max-steps 3000 --decay-start 1
# Larger crops: instance norm then sees what it sees in use, skies and dark land in one picture.
accelerate launch train.py cyclegan --output "$OUT/2" "${common[@]}" --init-from "$OUT/1" \
  --crop 224 --resize 224 320 --max-steps "${STEPS:-2500}" --lr 1.5e-4 --lr-discriminator 7e-5 --decay-start 0.3
