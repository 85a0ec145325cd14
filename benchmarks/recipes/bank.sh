#!/usr/bin/env bash
# The bank of styles: ART=pictures OUT=runs benchmarks/recipes/bank.sh
# To train on from an earlier bank: INIT=benchmarks/restart/bank beside them.
# Run again after an interruption, it goes on where it stopped. Further arguments go to all trainings.
set -euo pipefail
cd "$(dirname "$0")/../.."
ART=${ART:?set ART to the folder of pictures}
OUT=${OUT:?set OUT to a folder for the training}
names=(monet vangogh pointillism impressionism ukiyoe shanshui kuindzhi pirosmani)
styles=()
for style in "${names[@]}"; do
  styles+=("$style=$ART/$style/train")
done
mkdir -p "$OUT"
{ cat benchmarks/recipes/bank.md; python benchmarks/recipes/traditions.py "${names[@]}"; } >"$OUT/bank.md"
common=(
  --source "$ART/photos/train" --styles "${styles[@]}" --sample-photos hfstyle/assets/examples
  --inner-crop 0.9 --aspect-jitter 0.1 --crop 128 --resize 144 256 --batch-size 4 --ndf 32
  --ema 0.998 --checkpoint-every 100 --resume latest --title "A bank of styles"
)
# First it learns to give photos back, so that painting starts from the photo and not from grey.
if [ -z "${INIT:-}" ]; then
  INIT=$OUT/bank-photo
  accelerate launch train.py bank --output "$INIT" "${common[@]}" \
    --max-steps 5000 --lr 1e-3 --decay-start 0.7 --eval-every 0 --sample-every 500 \
    --lambda-adversarial 0 --lambda-features 0 --lambda-gram 0 --lambda-content 0 --lambda-tv 0 "$@"
fi
accelerate launch train.py bank --output "$OUT/bank" "${common[@]}" --init-from "$INIT" --about "$OUT/bank.md" \
  --max-steps 6000 --lr 4e-4 --lr-discriminator 2e-4 --lambda-features 0.5 --lambda-tradition 1 --decay-start 0.5 \
  --eval-every 1000 --eval-samples 512 --sample-every 100 "$@"
