#!/usr/bin/env bash
# The bank of styles goes on from what bank.sh made of it, with the CycleGANs of its traditions as teachers:
# ART=pictures OUT=runs benchmarks/recipes/bank-taught.sh. It is then in OUT/all/bank. With two cores or GPUs:
# PROCESSES=2 beside them. Run again after an interruption, it goes on where it stopped. To train on what is there
# already: TAUGHT=benchmarks/restart/bank, and the first two trainings are left out. The third asks for a GPU: 9 minutes
# on an NVIDIA H100, beside three other trainings. Further arguments go to all trainings.
set -euo pipefail
cd "$(dirname "$0")/../.."
ART=${ART:?set ART to the folder of pictures}
OUT=${OUT:?set OUT to a folder for the training}
INIT=${INIT:-$OUT/bank}
train=(torchrun --nproc_per_node "${PROCESSES:-1}" train.py bank)
paintings() {
  styles=()
  for style in "$@"; do
    styles+=("$style=$ART/$style/train")
  done
}
names=(monet vangogh pointillism impressionism ukiyoe shanshui kuindzhi pirosmani)
paintings "${names[@]}"
# What the teachers keep of the photo stands in place of most of the content term.
teachers=(monet=monet vangogh=vangogh ukiyoe=ukiyoe shanshui=shanshui kuindzhi=kuindzhi pirosmani=pirosmani)
every=(
  --source "$ART/photos/train" --sample-photos hfstyle/assets/examples --inner-crop 0.9 --aspect-jitter 0.1 --ndf 32
  --checkpoint-every 100 --resume latest --eval-every 0 --sample-every 200 --title "A bank of styles"
)
all=("${every[@]}" --styles "${styles[@]}" --teachers "${teachers[@]}")
paint=(--lambda-adversarial 1 --lambda-features 1 --lambda-gram 1 --lambda-tv 0.05 --lambda-tradition 1)
# Discriminators start afresh, for earlier ones seem to know the few paintings by heart.
alone() {
  mkdir -p "$OUT/alone/${1##*/}"
  cp "$1/config.json" "$1/model.safetensors" "$OUT/alone/${1##*/}"
}
mkdir -p "$OUT"
{ cat benchmarks/recipes/bank.md; python benchmarks/recipes/traditions.py "${names[@]}"; } >"$OUT/bank.md"
if [ -z "${TAUGHT:-}" ]; then
  # First it only looks on as the teachers paint.
  "${train[@]}" --output "$OUT/bank-looking-on" "${all[@]}" --init-from "$INIT" --ema 0.998 \
    --crop 192 --resize 192 384 --batch-size 3 --max-steps 3400 --lr 4e-4 --decay-start 0.5 \
    --lambda-adversarial 0 --lambda-features 0 --lambda-gram 0 --lambda-content 0 --lambda-tv 0 "$@"
  alone "$OUT/bank-looking-on"
  # Then it paints, small crops first.
  "${train[@]}" --output "$OUT/bank-128" "${all[@]}" --init-from "$OUT/alone/bank-looking-on" --ema 0.998 \
    --crop 128 --resize 144 256 --batch-size 4 --max-steps 1500 --lr 5e-4 --lr-discriminator 1e-4 --decay-start 0.65 \
    "${paint[@]}" --lambda-teacher 0.4 --lambda-content 0.1 "$@"
  TAUGHT=$OUT/bank-128
fi
alone "$TAUGHT"
# Many larger crops. DiffAugment is against knowing by heart.
"${train[@]}" --output "$OUT/bank-taught" "${all[@]}" --init-from "$OUT/alone/${TAUGHT##*/}" --about "$OUT/bank.md" \
  --crop 192 --resize 192 320 --batch-size 32 --max-steps 1229 --lr 4e-4 --lr-discriminator 1e-4 --decay-start 0.6 \
  "${paint[@]}" --lambda-teacher 0.4 --lambda-content 0.1 --diffaugment translation,cutout "$@"
# The numbers of some styles alone, the discriminators going on too where they are not left behind.
further() {
  paintings $1
  "${train[@]}" --output "$OUT/$2" "${every[@]}" --styles "${styles[@]}" --init-from "$OUT/$3" --freeze-network \
    --ema 0.99 --crop 192 --resize 192 320 --batch-size 2 --decay-start 0.5 "${paint[@]}" \
    --diffaugment translation,cutout "${@:4}"
}
# Styles without a teacher kept too little of the photo with so little of the content term.
further "pointillism impressionism" bank-dots bank-taught \
  --max-steps 350 --lr 2e-3 --lr-discriminator 5e-5 --lambda-content 0.35 "$@"
python benchmarks/recipes/gather.py "$OUT/bank-taught" "$OUT/bank-dots" "$OUT/bank-six"
# Two were still further from their paintings than the others.
freer=(--lr 1.5e-3 --lr-discriminator 1e-4 --lambda-features 2)
further ukiyoe bank-ukiyoe-first bank-six --max-steps 300 "${freer[@]}" --lambda-content 0.1 "$@"
further ukiyoe bank-ukiyoe-second bank-ukiyoe-first --max-steps 500 "${freer[@]}" --lambda-content 0.1 "$@"
# Pirosmani had light tufts from an earlier teacher.
alone "$OUT/bank-six"
further pirosmani bank-pirosmani-first alone/bank-six --teachers pirosmani=pirosmani --lambda-teacher 0.7 \
  --max-steps 350 --lr 2e-3 --lr-discriminator 1e-4 --lambda-features 1.5 --lambda-content 0.1 "$@"
alone "$OUT/bank-pirosmani-first"
cp -R "$OUT/bank-six/discriminator" "$OUT/alone/bank-pirosmani-first"
further pirosmani bank-pirosmani-second alone/bank-pirosmani-first --max-steps 420 "${freer[@]}" --lambda-content 0.2 "$@"
mean=(python benchmarks/recipes/mean.py)
"${mean[@]}" "$OUT/bank-ukiyoe-first=1" "$OUT/bank-ukiyoe-second=2" "$OUT/bank-ukiyoe"
"${mean[@]}" "$OUT/bank-pirosmani-first=1" "$OUT/bank-pirosmani-second=1" "$OUT/bank-pirosmani"
python benchmarks/recipes/gather.py "$OUT/bank-taught" "$OUT/bank-dots" "$OUT/bank-ukiyoe" "$OUT/bank-pirosmani" \
  "$OUT/bank-eight"
# So the numbers of others, before the discriminators of all styles.
further pointillism bank-pointillism bank-eight --max-steps 700 --decay-start 0.6 "${freer[@]}" --lambda-content 0.25 "$@"
further impressionism bank-impressionism bank-eight --max-steps 700 --decay-start 0.6 "${freer[@]}" --lambda-content 0.35 "$@"
further vangogh bank-vangogh bank-eight --max-steps 360 --decay-start 0.4 "${freer[@]}" --lambda-content 0.2 "$@"
# Pirosmani goes to and fro: the mean of three stages of one training.
for steps in 200 300 400; do
  stage=$OUT/alone/bank-pirosmani-$steps
  [ -e "$stage" ] && continue
  further pirosmani bank-pirosmani-third bank-eight --max-steps "$steps" --decay-start 1 "${freer[@]}" \
    --lambda-content 0.2 "$@"
  alone "$OUT/bank-pirosmani-third"
  mv "$OUT/alone/bank-pirosmani-third" "$stage"
done
"${mean[@]}" "$OUT/alone/bank-pirosmani-200=1" "$OUT/alone/bank-pirosmani-300=1" "$OUT/bank-pirosmani-third=1" \
  "$OUT/bank-pirosmani-calm"
apart=("$OUT/bank-ukiyoe" "$OUT/bank-pointillism" "$OUT/bank-impressionism" "$OUT/bank-vangogh")
python benchmarks/recipes/gather.py "$OUT/bank-taught" "${apart[@]}" "$OUT/bank-pirosmani-calm" "$OUT/bank-nine"
# His numbers alone do not bring him near enough: the network learns for him, and remembers the other styles.
alone "$OUT/bank-nine"
remembering() {
  paintings pirosmani
  "${train[@]}" --output "$OUT/$1" "${every[@]}" --styles "${styles[@]}" --init-from "$OUT/$2" --lambda-remembered 10 \
    --remember "$OUT/alone/bank-nine" --ema 0.995 --crop 192 --resize 192 320 --lr 4e-4 --lr-discriminator 1e-4 \
    "${paint[@]}" --diffaugment translation,cutout "${@:3}"
}
remembering bank-all-first alone/bank-nine --batch-size 2 --max-steps 1000 --decay-start 0.6 --lambda-content 0.35 "$@"
remembering bank-all-second bank-all-first --batch-size 2 --max-steps 700 --decay-start 0.5 --lambda-content 0.25 "$@"
remembering bank-all-third bank-all-second --batch-size 4 --max-steps 250 --decay-start 0.3 --lambda-content 0.4 "$@"
"${mean[@]}" "$OUT/bank-all-second=2" "$OUT/bank-all-third=3" "$OUT/bank-all"
# He now hangs light streaks in the dark. Half-way to Kuindzhi's, who paints it dark too, he starts anew, and may no longer
# paint what is not in the photo: first close to his teacher, then, from 400 steps on, further from it.
python benchmarks/recipes/halfway.py "$OUT/bank-all" pirosmani kuindzhi "$OUT/bank-halfway"
calm() {
  remembering "$1" "$2" --batch-size "$((4 / ${PROCESSES:-1}))" --lambda-tv 0.3 --teachers pirosmani=pirosmani "${@:3}"
}
if [ ! -e "$OUT/bank-calm-400" ]; then
  calm bank-calm bank-halfway --max-steps 400 --decay-start 1 --lambda-invented 25 --lambda-teacher 0.3 \
    --lambda-content 0.05 "$@"
  touch "$OUT/bank-calm-400"
fi
calm bank-calm bank-halfway --max-steps 1150 --decay-start 0.5 --lambda-invented 25 --lambda-teacher 0.1 \
  --lambda-content 0.2 --lambda-features 1.5 "$@"
calmer=(--lr 3e-4 --lambda-remembered 20 --lambda-content 0.05)
calm bank-calmer bank-calm --max-steps 400 --decay-start 0.3 "${calmer[@]}" --lambda-invented 20 --lambda-teacher 0.05 \
  --lambda-features 2 "$@"
# Pods of light are clearest on large photos. Where there are none any more, he may paint more freely.
calm bank-clear bank-calmer --max-steps 500 --decay-start 0.5 "${calmer[@]}" --lambda-invented 80 --lambda-teacher 0.05 \
  --lambda-features 2 --resize 192 384 "$@"
calm bank-free bank-clear --max-steps 200 --decay-start 1 "${calmer[@]}" --lambda-invented 120 --teachers \
  --lambda-features 3 --resize 192 384 --lambda-tv 0.1 "$@"
# At last he and shan shui look on as they themselves paint, and leave out the marks.
alone "$OUT/bank-free"
paintings pirosmani shanshui
"${train[@]}" --output "$OUT/bank-settled" "${every[@]}" --styles "${styles[@]}" --init-from "$OUT/alone/bank-free" \
  --teachers "pirosmani=$OUT/alone/bank-free:pirosmani" "shanshui=$OUT/alone/bank-nine:shanshui" \
  --lambda-remembered 40 --remember "$OUT/alone/bank-nine" --ema 0.99 --crop 192 --resize 192 384 \
  --batch-size "$((4 / ${PROCESSES:-1}))" --max-steps 300 --lr 2e-4 --decay-start 0.2 --lambda-teacher 5 \
  --lambda-invented 100 --lambda-adversarial 0 --lambda-features 0 --lambda-gram 0 --lambda-content 0 --lambda-tv 0 "$@"
mkdir -p "$OUT/all"
python benchmarks/recipes/gather.py "$OUT/bank-taught" "${apart[@]}" "$OUT/bank-settled" "$OUT/all/bank"
