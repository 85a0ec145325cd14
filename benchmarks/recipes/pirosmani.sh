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
train() {
  accelerate launch train.py cyclegan --output "$OUT/$1" --init-from "$OUT/$2" --source "$ART/photos/train" \
    --target "$ART/pirosmani/train" --sample-photos hfstyle/assets/examples --title "Pirosmani (CycleGAN)" \
    --about "$OUT/pirosmani.md" --inner-crop 0.9 --aspect-jitter 0.1 --norm instance_blocks --ngf 24 --n-blocks 6 \
    --ndf 32 --sample-every 250 --checkpoint-every 100 --resume latest --eval-every 0 --crop 160 --resize 160 320 \
    --lr 2e-4 --lr-discriminator 1e-4 --lambda-identity 0.4 --cycle-noise 0.05 --lambda-tradition 1 --lambda-gram 1 \
    --photo-negatives "${@:3}"
}
train pirosmani-first alone/kuindzhi --ema 0.998 --max-steps 1500 \
  --lambda-features 1 --lambda-cycle 4 --lambda-content 0.5 --lambda-tv 1 "$@"
# Then closer to the paintings, and calmer at last.
freer=(--ema 0.995 --lambda-features 1.5 --lambda-cycle 3 --lambda-content 0.2)
train pirosmani-second pirosmani-first --max-steps 1600 "${freer[@]}" --lambda-tv 1 "$@"
train pirosmani-third pirosmani-second --max-steps 700 --decay-start 0.4 "${freer[@]}" --lambda-tv 4 "$@"
python benchmarks/recipes/mean.py "$OUT/pirosmani-first=2" "$OUT/pirosmani-second=3" "$OUT/pirosmani-third=3" \
  "$OUT/pirosmani-mean"
# Then without marks that nothing in the photo explains, and back to the paintings.
larger=(--crop 192 --resize 192 384 --lr 1.5e-4 --lr-discriminator 7e-5 --decay-start 0.3 --ema 0.995 --lambda-cycle 3)
train pirosmani-fourth pirosmani-mean --max-steps 400 "${larger[@]}" \
  --lambda-features 1.5 --lambda-content 0.2 --lambda-tv 4 --lambda-invented 100 "$@"
train pirosmani-fifth pirosmani-fourth --max-steps 500 "${larger[@]}" \
  --lambda-features 2.5 --lambda-content 0.05 --lambda-tv 4 --lambda-invented 60 "$@"
python benchmarks/recipes/mean.py "$OUT/pirosmani-fourth=1" "$OUT/pirosmani-fifth=2" "$OUT/pirosmani"
