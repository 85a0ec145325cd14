#!/usr/bin/env bash
# The bundled CycleGAN of Pirosmani: ART=pictures OUT=runs benchmarks/recipes/pirosmani.sh; it is then in OUT/pirosmani.
# On the black grounds of this tradition cyclegan.sh learns to hang light strokes. This starts from Kuindzhi's generators,
# to whom dark land is dark land, before discriminators that start afresh, and holds on to what the photo shows.
# Run again after an interruption, it goes on where it stopped. Further arguments go to the training.
set -euo pipefail
cd "$(dirname "$0")/../.."
ART=${ART:?set ART to the folder of pictures}
OUT=${OUT:?set OUT to a folder for the training}
for part in . reverse; do
  mkdir -p "$OUT/alone/kuindzhi/$part"
  cp "benchmarks/restart/kuindzhi/$part/config.json" "benchmarks/restart/kuindzhi/$part/model.safetensors" \
    "$OUT/alone/kuindzhi/$part"
done
{
  python benchmarks/recipes/traditions.py pirosmani
  cat benchmarks/recipes/pirosmani.md
} >"$OUT/pirosmani.md"
accelerate launch train.py cyclegan --output "$OUT/pirosmani" --source "$ART/photos/train" \
  --target "$ART/pirosmani/train" --sample-photos hfstyle/assets/examples --title "Pirosmani (CycleGAN)" \
  --about "$OUT/pirosmani.md" --init-from "$OUT/alone/kuindzhi" --inner-crop 0.9 --aspect-jitter 0.1 \
  --norm instance_blocks --ngf 24 --n-blocks 6 --ndf 32 --ema 0.998 --sample-every 250 --checkpoint-every 100 \
  --resume latest --eval-every 0 --crop 160 --resize 160 320 --max-steps 1500 --lr 2e-4 --lr-discriminator 1e-4 \
  --lambda-identity 0.4 --cycle-noise 0.05 --lambda-features 1 --lambda-tradition 1 --lambda-gram 1 \
  --lambda-cycle 4 --lambda-content 0.5 --lambda-tv 1 --photo-negatives "$@"
