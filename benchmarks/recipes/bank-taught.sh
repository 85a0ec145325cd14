#!/usr/bin/env bash
# The bank of styles goes on from what bank.sh made of it, with the CycleGANs of its traditions as teachers:
# ART=pictures OUT=runs benchmarks/recipes/bank-taught.sh. It is then in OUT/bank-taught. With two cores:
# PROCESSES=2 beside them. Run again after an interruption, it goes on where it stopped. To train on what is there
# already: TAUGHT=benchmarks/restart/bank-taught. Further arguments go to both trainings.
set -euo pipefail
cd "$(dirname "$0")/../.."
ART=${ART:?set ART to the folder of pictures}
OUT=${OUT:?set OUT to a folder for the training}
INIT=${INIT:-benchmarks/restart/bank}
train=(torchrun --nproc_per_node "${PROCESSES:-1}" train.py bank)
names=(monet vangogh pointillism impressionism ukiyoe shanshui kuindzhi pirosmani)
styles=()
for style in "${names[@]}"; do
  styles+=("$style=$ART/$style/train")
done
teachers=()
for style in monet vangogh ukiyoe shanshui kuindzhi pirosmani; do
  teachers+=("$style=$style")
done
common=(
  --source "$ART/photos/train" --styles "${styles[@]}" --teachers "${teachers[@]}" --sample-photos hfstyle/assets/examples
  --inner-crop 0.9 --aspect-jitter 0.1 --ndf 32 --ema 0.998 --checkpoint-every 100 --resume latest --eval-every 0
  --sample-every 200 --title "A bank of styles"
)
mkdir -p "$OUT"
{ cat benchmarks/recipes/bank.md; python benchmarks/recipes/traditions.py "${names[@]}"; } >"$OUT/bank.md"
if [ -z "${TAUGHT:-}" ]; then
  # First it only looks on as the teachers paint.
  "${train[@]}" --output "$OUT/bank-looking-on" "${common[@]}" --init-from "$INIT" \
    --crop 192 --resize 192 384 --batch-size 3 --max-steps 3400 --lr 4e-4 --decay-start 0.5 \
    --lambda-adversarial 0 --lambda-features 0 --lambda-gram 0 --lambda-content 0 --lambda-tv 0 "$@"
  # Then before discriminators that know nothing yet: the earlier ones seem to know the few paintings by heart, so that
  # nothing else passes for one. What the teachers keep of the photo stands in place of most of the content term.
  TAUGHT=$OUT/bank-alone
  mkdir -p "$TAUGHT"
  cp "$OUT/bank-looking-on/config.json" "$OUT/bank-looking-on/model.safetensors" "$TAUGHT"
fi
"${train[@]}" --output "$OUT/bank-taught" "${common[@]}" --init-from "$TAUGHT" --about "$OUT/bank.md" \
  --crop 128 --resize 144 256 --batch-size 4 --max-steps 3000 --lr 5e-4 --lr-discriminator 1e-4 --decay-start 0.65 \
  --lambda-teacher 0.4 --lambda-adversarial 1 --lambda-features 1 --lambda-gram 1 --lambda-content 0.1 --lambda-tv 0.05 \
  --lambda-tradition 1 "$@"
