"""Training, as a user runs it: `accelerate launch train.py cyclegan ...` in processes of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
import torch
import yaml
from float64_training import to_float64
from huggingface_hub import HfApi
from PIL import Image
from safetensors.torch import load_file
from toy_training import ROOT, assert_same_run, given, kill_and_resume, launch, make_pictures, options, weights

from hfstyle import (
    AutoModel,
    CycleGANGenerator,
    PatchGANDiscriminator,
    Pix2PixGenerator,
    StyleBankGenerator,
    read_image,
)
from hfstyle.auto import load_painter
from hfstyle.discriminators import FeatureDiscriminator, MultiScaleDiscriminator
from hfstyle.errors import CheckpointError, DataError, ModelNotFoundError, OptionError
from hfstyle.losses import discriminator_loss, generator_loss, l1_loss
from hfstyle.training.adversary import Adversary, ImagePool
from hfstyle.training.bank import Bank
from hfstyle.training.checkpoints import checkpoints
from hfstyle.training.config import UnpairedConfig
from hfstyle.training.cut import CUT
from hfstyle.training.cyclegan import CycleGAN
from hfstyle.training.dcgan import DCGAN
from hfstyle.training.lanes import Lanes
from hfstyle.training.main import METHODS, main
from hfstyle.training.noise import Noise
from hfstyle.training.pix2pix import Pix2Pix
from hfstyle.training.stylegram import StyleGram
from hfstyle.training.trainer import Trainer, rate_factor


def config(pictures, output, method: type = CycleGAN, **more) -> UnpairedConfig:
    quiet = {"output": output, "cpu": True, "sample_every": 0, "eval_every": 0}
    return method.Config(**(given(method.name, pictures) | quiet | more))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return make_pictures(tmp_path_factory.mktemp("pictures"))


# ---- the command ----
@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_one_step_leaves_a_whole_model(method, pictures, tmp_path):
    """With the README's own command, shortened: everything a user finds afterwards is there and works."""
    one_step = ["--max-steps", "1", "--threads", "0", "--eval-samples", "8"]
    if method != "dcgan":
        one_step += ["--sample-photos", str(pictures / "photos")]
    result = launch(method, pictures, tmp_path / "run", *one_step)
    assert f" {len(os.sched_getaffinity(0))} threads" in result.stdout, "accelerate's one thread was left in place"
    assert "the model is in" in result.stdout
    model = AutoModel.from_pretrained(tmp_path / "run")
    if method == "dcgan":
        assert model.generate(2)[1].size == (32, 32)
    else:
        classes = {"pix2pix": Pix2PixGenerator, "bank": StyleBankGenerator}
        assert isinstance(model, classes.get(method, CycleGANGenerator))
        style = ["waves"] if method == "bank" else []
        assert model.stylize(Image.new("RGB", (50, 30)), *style).size == (50, 30)
    if method == "cyclegan":
        assert isinstance(AutoModel.from_pretrained(tmp_path / "run", subfolder="reverse"), CycleGANGenerator)
    judge = AutoModel.from_pretrained(tmp_path / "run", subfolder="discriminator")
    beside = {"pix2pix": {"condition": Image.new("RGB", (64, 64))}, "bank": {"style": "waves"}}.get(method, {})
    assert 0 <= judge.score(Image.new("RGB", (64, 64)), **beside).value <= 1
    card = (tmp_path / "run" / "README.md").read_text()
    said = {
        "pix2pix": "6 pairs",
        "dcgan": "6 pictures",
        "bank": "6 photographs and paintings in 2 styles: 6 waves, 6 noise",
    }
    pictures_said = said.get(method, "6 photographs and 6 paintings")
    assert "library_name: hfstyle" in card and pictures_said in card
    assert f"accelerate launch train.py {method} " in card
    assert str(pictures) not in card, "a path of the user's machine in the card"
    assert "| step 1, this model | step 1, the best by kid |" in card and "](curves.png)" in card
    sheet = Image.open(tmp_path / "run" / "samples" / "step-0000001.jpg")
    assert sheet.width > 256
    shown = Image.open(tmp_path / "run" / "samples.jpg")
    assert (f"![{'Thirty-two pictures' if method == 'dcgan' else 'Photographs and what'}") in card
    assert "](samples.jpg)" in card and (method == "dcgan" or shown.height / shown.width < sheet.height / sheet.width)
    record = json.loads((tmp_path / "run" / "metrics.jsonl").read_text())
    measures = {"eval_kid"} | {"cyclegan": {"eval_cycle", "cycle"}, "pix2pix": {"eval_l1", "l1"}}.get(method, set())
    assert record["step"] == 1 and {"adversarial", "discriminator"} | measures <= record.keys()
    assert json.loads((tmp_path / "run" / "options.json").read_text())["ngf"] == 4
    table = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    assert len(table) == 2 and "eval_kid" in table[0].split(",")
    assert Image.open(tmp_path / "run" / "curves.png").width > 500
    best = tmp_path / "run" / "best"
    assert json.loads((best / "evaluation.json").read_text())["step"] == 1
    assert Image.open(best / "sheet.jpg").width > 256 and type(AutoModel.from_pretrained(best)) is type(model)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_killed_three_times_it_ends_bit_for_bit_the_same(method, pictures, tmp_path):
    assert kill_and_resume(method, pictures, tmp_path, kills=3) == 3


@pytest.mark.slow
def test_help_explains_every_option():
    result = subprocess.run(
        [sys.executable, str(ROOT / "train.py"), "cyclegan", "--help"], capture_output=True, text=True
    )
    assert result.returncode == 0
    named = (
        "source target output ngf n-blocks crop batch-size max-steps lambda-cycle lambda-identity mixed-precision seed"
    )
    for name in [*named.split(), "resume", "init-from", "push-to-hub"]:
        assert f"--{name} " in result.stdout
    explained = " ".join(result.stdout.replace("│", " ").split())
    assert "Weight of the cycle loss. (The paper: 10.) (default: 10.0)" in explained
    listing = subprocess.run([sys.executable, str(ROOT / "train.py"), "--help"], capture_output=True, text=True)
    assert listing.returncode == 0 and "cyclegan" in listing.stdout


# ---- in this process ----
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_checkpoints_do_not_disturb_the_run(method, pictures, tmp_path):
    Trainer(method, config(pictures, tmp_path / "whole", method, max_steps=6, pool_size=3)).train()
    parts = tmp_path / "parts"
    often = {"checkpoint_every": 2, "sample_every": 1}
    Trainer(method, config(pictures, parts, method, max_steps=6, pool_size=3, **often)).train()
    assert_same_run(tmp_path / "whole", parts)


def test_checkpoints_load_and_are_limited(pictures, tmp_path):
    trainer = Trainer(CycleGAN, config(pictures, tmp_path, max_steps=5, checkpoint_every=1, checkpoints_limit=3))
    trainer._finish = lambda: None  # as if killed before the end, where the checkpoints go
    trainer.train()
    assert [path.name for path in checkpoints(tmp_path)] == ["checkpoint-3", "checkpoint-4", "checkpoint-5"]
    for path in checkpoints(tmp_path):
        assert AutoModel.from_pretrained(path).config.ngf == 4
        AutoModel.from_pretrained(path, subfolder="reverse")
        AutoModel.from_pretrained(path, subfolder="discriminator")


def test_an_output_folder_is_not_trained_over_by_accident(pictures, tmp_path):
    Trainer(CycleGAN, config(pictures, tmp_path, max_steps=1)).train()
    before = weights(tmp_path)
    with pytest.raises(OptionError, match="go on with --resume latest"):
        Trainer(CycleGAN, config(pictures, tmp_path, max_steps=2))
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights(tmp_path).items())
    Trainer(CycleGAN, config(pictures, tmp_path, max_steps=2, resume="latest")).train()
    assert any(not torch.equal(tensor, before[name]) for name, tensor in weights(tmp_path).items())


def test_resume_refuses_what_does_not_fit(pictures, tmp_path):
    Trainer(CycleGAN, config(pictures, tmp_path / "a", max_steps=2)).train()
    with pytest.raises(CheckpointError, match="does not fit this training"):
        Trainer(
            CycleGAN, config(pictures, tmp_path / "b", max_steps=3, ngf=5, resume=str(tmp_path / "a" / "checkpoint-2"))
        )
    with pytest.raises(OptionError, match="past --max-steps"):
        Trainer(CycleGAN, config(pictures, tmp_path / "b", max_steps=1, resume=str(tmp_path / "a" / "checkpoint-2")))
    with pytest.raises(CheckpointError, match="is not a checkpoint"):
        Trainer(CycleGAN, config(pictures, tmp_path / "b", resume=str(pictures)))
    with pytest.raises(DataError, match="are not those"):
        swapped = {"source": pictures / "paintings", "target": pictures}
        Trainer(
            CycleGAN,
            config(pictures, tmp_path / "b", max_steps=3, resume=str(tmp_path / "a" / "checkpoint-2"), **swapped),
        )


@pytest.mark.parametrize("damage", ["cut", "flipped", "text", "empty", "gone"])
def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(pictures, tmp_path, damage, capsys, caplog):
    often = {"max_steps": 3, "checkpoint_every": 1}
    trainer = Trainer(CycleGAN, config(pictures, tmp_path, **often))
    trainer._finish = lambda: None
    trainer.train()
    whole = weights(tmp_path / "checkpoint-3")
    path = tmp_path / "checkpoint-3" / "training_state.pt"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    damaged = {"cut": data[:-100], "flipped": data, "text": b"no", "empty": b""}
    path.unlink() if damage == "gone" else path.write_bytes(damaged[damage])
    Trainer(CycleGAN, config(pictures, tmp_path, **often, resume="latest")).train()
    assert "checkpoint-3 is damaged" in caplog.text and "trying the one before" in caplog.text
    assert "checkpoint-2 at step 2" in capsys.readouterr().out
    assert all(torch.equal(tensor, whole[name]) for name, tensor in weights(tmp_path).items())
    for state in tmp_path.glob("checkpoint-*/training_state.pt"):
        state.write_bytes(b"")
    with pytest.raises(CheckpointError, match="none of the checkpoints"):
        Trainer(CycleGAN, config(pictures, tmp_path, **often, resume="latest"))


def test_a_full_disk_stops_cleanly(pictures, tmp_path, monkeypatch):
    trainer = Trainer(CycleGAN, config(pictures, tmp_path, max_steps=3, checkpoint_every=1))
    save, calls = torch.save, []

    def full_at_the_second(state, file):
        calls.append(1)
        if len(calls) == 2:
            file.write(b"half")
            raise OSError(28, "No space left on device")
        save(state, file)

    monkeypatch.setattr(torch, "save", full_at_the_second)
    with pytest.raises(
        CheckpointError, match=r"step 2 \(No space left on device\); the last good one is checkpoint-1"
    ):
        trainer.train()
    assert [path.name for path in tmp_path.iterdir() if "checkpoint" in path.name] == ["checkpoint-1"]
    monkeypatch.setattr(torch, "save", save)
    Trainer(CycleGAN, config(pictures, tmp_path, max_steps=3, resume="latest")).train()


class Killed(BaseException):
    """As final as a SIGKILL: no handler of ours catches it."""


def test_a_kill_at_any_moment_of_writing_loses_nothing(pictures, tmp_path, monkeypatch):
    """Ended at each rename, each deletion and each flush in turn, the run resumes and ends the same."""
    run = {"max_steps": 4, "checkpoint_every": 1, "checkpoints_limit": 1, "resume": "latest"}
    Trainer(CycleGAN, config(pictures, tmp_path / "whole", **run)).train()
    moments = 0

    def count_down(function):
        def wrapped(*arguments, **options):
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed
            return function(*arguments, **options)

        return wrapped

    for moment in range(1, 10_000, 7):
        left = moment
        output = tmp_path / f"killed-{moment}"
        with monkeypatch.context() as patch:
            for module, name in ((os, "replace"), (os, "fsync"), (shutil, "rmtree")):
                patch.setattr(module, name, count_down(getattr(module, name)))
            try:
                Trainer(CycleGAN, config(pictures, output, **run)).train()
            except Killed:
                moments += 1
        if left > 0:
            break  # it ended before the moment came
        Trainer(CycleGAN, config(pictures, output, **run)).train()
        assert_same_run(tmp_path / "whole", output)
        assert [path.name for path in checkpoints(output)] == ["checkpoint-4"]
        assert not list(output.glob(".*"))
    assert moments > 10


@pytest.mark.slow
def test_two_processes_train_one_model(pictures, tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command += [
        str(ROOT / "train.py"),
        "stylegram",
        *options("stylegram", pictures, tmp_path, "--max-steps", "3"),
    ]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}  # without --cpu, as on a machine that has nothing else
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("2 processes") == 1 and result.stdout.count("the model is in") == 1
    names = load_file(tmp_path / "model.safetensors").keys()
    assert not any(name.startswith("module.") for name in names)
    assert [json.loads(line)["step"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()] == [1, 2, 3]
    AutoModel.from_pretrained(tmp_path).stylize(Image.new("RGB", (40, 40)))
    # One process goes on where two stopped, with the samples that neither has seen.
    alone = Trainer(StyleGram, config(pictures, tmp_path, StyleGram, max_steps=5, resume="latest"))
    assert (alone.step, alone.samples) == (3, 3 * 2 * 2)
    assert next(iter(alone._loader()))[0].tolist() == [12, 13]
    alone.train()
    assert alone.samples == 16


@pytest.mark.slow
@pytest.mark.parametrize("number, processes", [(signal.SIGINT, 1), (signal.SIGTERM, 1), (signal.SIGTERM, 2)])
def test_asked_to_stop_it_saves_and_says_how_to_go_on(pictures, tmp_path, number, processes):
    """As by Ctrl-C, and by a cluster, which tells each process: the launcher tells its processes once more."""
    run = ["--max-steps", "100000", "--checkpoint-every", "0", "--sample-every", "0", "--resume", "latest"]
    run += ["--gradient-accumulation", "10"]  # long steps, within which the launcher passes the signal on
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"] if processes == 2 else []
    command = [sys.executable, *launcher, str(ROOT / "train.py"), "stylegram"]
    command += options("stylegram", pictures, tmp_path, *run)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    metrics = tmp_path / "metrics.jsonl"
    while not metrics.exists() or not metrics.read_text().count("\n") > 2:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    for each in [*psutil.Process(process.pid).children(recursive=True), process]:
        each.send_signal(number)
    _, said = process.communicate(timeout=60)
    if processes == 1:  # torchrun itself has a traceback
        assert process.returncode == 130 and "Traceback" not in said
    (saved,) = checkpoints(tmp_path)
    assert f"stopped at {saved.name.replace('checkpoint-', 'step ')} and saved; go on with --resume latest" in said


def test_a_finished_run_can_be_trained_on_and_killed_again(pictures, tmp_path):
    Trainer(CycleGAN, config(pictures, tmp_path / "whole", max_steps=4, decay_start=1.0)).train()
    run = tmp_path / "parts"
    Trainer(CycleGAN, config(pictures, run, max_steps=2, decay_start=1.0)).train()
    more = config(pictures, run, max_steps=4, decay_start=1.0, resume="latest", checkpoint_every=1)
    killed = Trainer(CycleGAN, more)
    killed._finish = lambda: None
    killed.train()
    Trainer(CycleGAN, more).train()
    assert_same_run(tmp_path / "whole", run)


def kill_at(trainer, step):
    """Train until the checkpoint of that step is written."""
    save = trainer._save_checkpoint

    def save_and_stop():
        save()
        if trainer.step == step:
            raise Killed

    trainer._save_checkpoint = save_and_stop
    with pytest.raises(Killed):
        trainer.train()


def test_going_on_from_an_older_checkpoint_drops_the_later_ones(pictures, tmp_path):
    run = {"max_steps": 9, "checkpoint_every": 1, "checkpoints_limit": 3}
    kill_at(Trainer(CycleGAN, config(pictures, tmp_path, **run)), 7)
    kill_at(Trainer(CycleGAN, config(pictures, tmp_path, **run, resume=str(tmp_path / "checkpoint-5"))), 6)
    assert [path.name for path in checkpoints(tmp_path)] == ["checkpoint-5", "checkpoint-6"]


def test_a_damaged_checkpoint_does_not_outlive_a_good_one(pictures, tmp_path):
    run = {"max_steps": 9, "checkpoint_every": 2, "checkpoints_limit": 2}
    kill_at(Trainer(CycleGAN, config(pictures, tmp_path, **run)), 4)
    (tmp_path / "checkpoint-4" / "training_state.pt").unlink()
    once_more = run | {"checkpoint_every": 1, "checkpoints_limit": 1, "resume": "latest"}
    kill_at(Trainer(CycleGAN, config(pictures, tmp_path, **once_more)), 3)
    assert [path.name for path in checkpoints(tmp_path)] == ["checkpoint-3"]


def test_a_resumed_training_obeys_a_new_rate_and_needs_no_longer_what_it_started_from(pictures, tmp_path):
    Trainer(CycleGAN, config(pictures, tmp_path / "a", max_steps=1)).train()
    run = {"max_steps": 4, "checkpoint_every": 1, "init_from": str(tmp_path / "a")}
    kill_at(Trainer(CycleGAN, config(pictures, tmp_path / "b", **run)), 1)
    (tmp_path / "a").rename(tmp_path / "gone")
    trainer = Trainer(CycleGAN, config(pictures, tmp_path / "b", **run, lr=1e-6, resume="latest"))
    trainer._set_rates()
    assert [o.param_groups[0]["lr"] for o in trainer.optimizers.values()] == [1e-6, 1e-6]


def test_weights_that_are_no_numbers_are_never_written(pictures, tmp_path):
    trainer = Trainer(CycleGAN, config(pictures, tmp_path, max_steps=9, checkpoint_every=2))
    backward = trainer.method.backward

    def breaks(images, noise, share):
        losses = backward(images, noise, share)
        if trainer.step == 3:
            trainer.networks["generator"].head[1].weight.grad.fill_(float("nan"))
        return losses

    trainer.method.backward = breaks
    with pytest.raises(CheckpointError, match="no longer numbers at step 4"):
        trainer.train()
    assert [path.name for path in checkpoints(tmp_path)] == ["checkpoint-2"]


def test_a_short_training_does_not_save_its_first_weights(pictures, tmp_path):
    trainer = Trainer(CycleGAN, config(pictures, tmp_path, max_steps=1))
    first, last = [torch.zeros(3)], [torch.ones(3)]
    for trainer.step in range(1, 100):
        trainer._average(first, last, None)
    assert first[0].min() > 0.99


def test_init_from_takes_over_architecture_and_all_networks(pictures, tmp_path):
    Trainer(CycleGAN, config(pictures, tmp_path / "a", max_steps=1, ngf=6)).train()
    trainer = Trainer(CycleGAN, config(pictures, tmp_path / "b", init_from=str(tmp_path / "a"), max_steps=1, lr=0.0))
    assert trainer.networks["generator"].config.ngf == 6
    trainer.train()
    first, second = weights(tmp_path / "a"), weights(tmp_path / "b")
    assert all(torch.equal(first[name], second[name]) for name in first)
    card = (tmp_path / "b" / "README.md").read_text()
    assert tmp_path.name not in card and "the weights of `a`" in card
    # A generator alone is enough to start from.
    AutoModel.from_pretrained(tmp_path / "a").save_pretrained(tmp_path / "alone")
    trainer = Trainer(CycleGAN, config(pictures, tmp_path / "c", init_from=str(tmp_path / "alone")))
    assert torch.equal(trainer.networks["generator"].head[1].weight, first["model.safetensors:head.1.weight"])


@pytest.mark.parametrize("kind", ["pixel", "multiscale"])
@pytest.mark.parametrize("method", [CycleGAN, CUT, StyleGram, Pix2Pix])
def test_other_discriminators_judge_learn_and_are_kept(method, kind, pictures, tmp_path):
    size = {"crop": 96, "resize": (96, 96), "batch_size": 1} if kind == "multiscale" else {}
    run = {"discriminator": kind, "max_steps": 12, "lr": 1e-6, "lr_discriminator": 2e-3, "ema": 0, **size}
    run |= {"lambda_gram": 0, "lambda_content": 0} if method is StyleGram else {}
    Trainer(method, config(pictures, tmp_path / "a", method, **run)).train()
    lines = [json.loads(line) for line in (tmp_path / "a" / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["discriminator"] < lines[0]["discriminator"]
    kept = AutoModel.from_pretrained(tmp_path / "a", subfolder="discriminator")
    assert type(kept).__name__ == {"pixel": "PixelDiscriminator", "multiscale": "MultiScaleDiscriminator"}[kind]
    again = config(pictures, tmp_path / "b", method, init_from=str(tmp_path / "a"), **run)
    state = Trainer(method, again).networks["discriminator"].state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in kept.state_dict().items())
    other = config(pictures, tmp_path / "c", method, init_from=str(tmp_path / "a"), **run | {"discriminator": "patch"})
    with pytest.raises(OptionError, match=f"has a {type(kept).__name__}, not .*; say --discriminator {kind}"):
        Trainer(method, other)


def test_several_scales_count_alike():
    """In the losses, with the scales' outputs split into real and fake."""
    judge = MultiScaleDiscriminator(ndf=2, n_layers=1, n_scales=2)
    real, fake = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)
    adversary, noise = Adversary("lsgan", 0, ""), Noise(0, range(2))
    expected = [
        0.5 * ((on_real - 1).square().mean() + on_fake.square().mean())
        for on_real, on_fake in zip(judge(real), judge(fake), strict=True)
    ]
    torch.testing.assert_close(adversary.discriminator_loss(judge, real, fake, noise), sum(expected) / 2)
    fooled = [(on_fake - 1).square().mean() for on_fake in judge(fake)]
    torch.testing.assert_close(adversary.generator_loss(judge, fake, noise), sum(fooled) / 2)


@pytest.mark.parametrize("options", [{"downsample": "blur", "upsample": "bilinear"}, {"upsample": "bilinear"}])
def test_generators_without_aliasing(options, pictures, tmp_path):
    """As CUT's own code has them; both ways of CycleGAN."""
    Trainer(CycleGAN, config(pictures, tmp_path, max_steps=1, **options)).train()
    for subfolder in ("", "reverse"):
        assert options.items() <= AutoModel.from_pretrained(tmp_path, subfolder=subfolder).config.to_dict().items()


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_every_method_goes_on_from_the_small_folder_alone(method, pictures, tmp_path):
    """In half precision, on another machine: generators and discriminators are those of before."""
    before = Trainer(method, config(pictures, tmp_path / "a", method, max_steps=2, ema=0))
    before.train()
    before.method.save_pretrained(before.networks, tmp_path / "small", card="", dtype=torch.float16)
    sizes = {DCGAN: {"image_size": 32}, Pix2Pix: {"n_downs": 2}, Bank: {"n_blocks": 1}}
    size = sizes.get(method, {"margin": 16})
    more = {"n_downs": 3} if method is Pix2Pix else {}  # the architecture is that of the model
    after = Trainer(method, config(pictures, tmp_path / "b", method, init_from=str(tmp_path / "small"), **more))
    assert size.items() <= after.networks["generator"].config.to_dict().items()
    kept = set(after.networks) - {"projector"}  # CUT's, which belongs to the loss
    assert len(kept) == {CycleGAN: 4, Bank: 3}.get(method, 2)
    for name in kept:
        for one, other in zip(before.networks[name].parameters(), after.networks[name].parameters(), strict=True):
            assert torch.equal(one.half().float(), other)


def test_training_is_pushed_to_the_hub(pictures, tmp_path, hub, monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", "hf_alice")
    shown = {"sample_every": 1, "sample_photos": pictures / "photos"}
    Trainer(
        CycleGAN, config(pictures, tmp_path, max_steps=1, push_to_hub="alice/waves", private=True, **shown)
    ).train()
    assert "pushed: " in capsys.readouterr().out
    repo = hub.repo("alice/waves")
    files = repo.files("main")
    assert {
        "model.safetensors",
        "config.json",
        "README.md",
        "reverse/config.json",
        "discriminator/config.json",
    } <= set(files)
    private = ("training_state", "checkpoint", "samples/")  # the sheets show the training pictures
    assert not [name for name in files if any(word in name for word in private)]
    assert list((tmp_path / "samples").iterdir()) and "samples.jpg" in files
    assert repo.private
    assert "alice/waves" in files["README.md"].decode()
    pulled = AutoModel.from_pretrained("alice/waves", token="hf_alice")
    first = AutoModel.from_pretrained(tmp_path)
    assert torch.equal(pulled.head[1].weight, first.head[1].weight)


@pytest.mark.parametrize("method", [method for method in METHODS.values() if method is not Bank], ids=lambda m: m.name)
def test_it_learns(method, pictures, tmp_path):
    """In sixty steps a tiny network makes pictures in the paintings' colour, which the photos do not have."""
    more = {"lambda_identity": 0.1} if method is CycleGAN else {}
    Trainer(method, config(pictures, tmp_path, method, max_steps=60, ngf=8, lr=2e-3, ema=0.9, **more)).train()
    model = AutoModel.from_pretrained(tmp_path)
    made = model.generate(8) if method is DCGAN else [model.stylize(pictures / "photos" / "0.png")]
    colour = np.stack([np.asarray(picture, float).mean((0, 1)) for picture in made]).mean(0)
    assert colour[2] > colour[0] + 20, colour  # blue over red; the photo is grey
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    term = {"cyclegan": "cycle", "cut": "nce", "stylegram": "gram", "pix2pix": "l1"}.get(method.name)
    assert term is None or lines[-1][term] < 0.8 * lines[0][term]


def test_a_bank_learns_first_photos_and_then_styles(pictures, tmp_path):
    """As the recipe: first it gives pictures back; from there, one style keeps their blue and the other loses it."""
    blue = pictures / "paintings"
    none = dict.fromkeys(("lambda_adversarial", "lambda_features", "lambda_gram", "lambda_content", "lambda_tv"), 0.0)
    run = {"source": blue, "ngf": 8, "ema": 0.9}
    Trainer(Bank, config(pictures, tmp_path / "a", Bank, max_steps=100, lr=3e-3, **run, **none)).train()
    line = (tmp_path / "a" / "metrics.jsonl").read_text().splitlines()[-1]
    assert json.loads(line)["photo"] < 0.2 and "gram" not in line
    run |= {"init_from": str(tmp_path / "a")}
    Trainer(Bank, config(pictures, tmp_path / "b", Bank, max_steps=60, lr=2e-3, **run)).train()

    def blueness(style, **options):
        painted = AutoModel.from_pretrained(tmp_path / "b").stylize(blue / "0.png", style, **options)
        red, _, blue_ = np.asarray(painted, float).mean((0, 1))
        return blue_ - red

    assert blueness("waves") > 50 > 30 > blueness("noise")
    assert blueness("noise") < blueness("noise", strength=0.5) < blueness("waves")
    between = blueness({"noise": 0.5, "waves": 0.5})
    assert blueness("noise") < between < blueness("waves")


NOISY = {
    "cyclegan": {"cycle_noise": 0.1, "lambda_invented": 1.0},
    "cut": {"fast": True},
    "stylegram": {"lambda_features": 0.5},
    "bank": {"lambda_tradition": 1.0, "teachers": ("waves=bank:ukiyoe",)},
    "pix2pix": {"dropout": False},
    "dcgan": {"lambda_gram": 0.5},
}
"""What draws random numbers for each sample, and nothing that draws them for a batch."""


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_gradient_accumulation_equals_the_larger_batch(method, pictures, tmp_path):
    more = NOISY[method.name] | {"diffaugment": "color,translation,cutout", "pool_size": 0}
    trainer = Trainer(method, config(pictures, tmp_path, method, mixed_precision="no", **more))
    to_float64(trainer)
    _, *samples = zip(*(trainer.material.stream[n] for n in range(4)), strict=True)
    samples = [torch.stack(column) for column in samples]
    gradients = []
    for part in (4, 2, 1):
        for network in trainer.networks.values():
            network.zero_grad()
        for first in range(0, 4, part):
            images = [column[first : first + part] for column in samples]
            trainer.method.backward(images, Noise(0, range(first, first + part)), part / 4)
        parameters = [p for network in trainer.networks.values() for p in network.parameters()]
        gradients.append(torch.cat([p.grad.ravel().clone() for p in parameters]))
    assert gradients[0].abs().max() > 1e-3
    worst = max(((gradient - gradients[0]).abs() / gradients[0].abs().clamp_min(1)).max() for gradient in gradients)
    assert worst < 1e-12


@pytest.mark.parametrize("threads", [1, 3])
def test_a_step_has_the_gradients_of_the_whole_loss(pictures, tmp_path, threads):
    """One direction after the other with passes batched, or both in two lanes: six passes and one sum of losses."""
    plain = config(pictures, tmp_path, pool_size=0, mixed_precision="no", lambda_tv=0.0, threads=threads)
    trainer = Trainer(CycleGAN, plain)
    assert bool(trainer.method.lanes) == (threads > 1)
    networks = trainer.networks
    for network in networks.values():
        network.double()
    photos, paintings = (torch.rand(2, 3, 32, 32, dtype=torch.float64) * 2 - 1 for _ in range(2))
    trainer.method.backward([photos, paintings], Noise(0, [0, 1]), 1.0)
    ours = {name: [p.grad.clone() for p in network.parameters()] for name, network in networks.items()}

    there, back, judge, reverse_judge = networks.values()
    fake_paintings, fake_photos = there(photos), back(paintings)
    loss = generator_loss(judge(fake_paintings)) + generator_loss(reverse_judge(fake_photos))
    loss = loss + 10 * (l1_loss(back(fake_paintings), photos) + l1_loss(there(fake_photos), paintings))
    loss = loss + 5 * (l1_loss(there(paintings), paintings) + l1_loss(back(photos), photos))
    expected = dict.fromkeys(("generator", "reverse_generator"), loss)
    expected["discriminator"] = discriminator_loss(judge(paintings), judge(fake_paintings.detach()))
    expected["reverse_discriminator"] = discriminator_loss(reverse_judge(photos), reverse_judge(fake_photos.detach()))
    for name, network in networks.items():
        gradients = torch.autograd.grad(expected[name], list(network.parameters()), retain_graph=True)
        torch.testing.assert_close(ours[name], list(gradients), atol=1e-12, rtol=1e-9)


def test_lanes_change_nothing_but_the_time(pictures, tmp_path, monkeypatch):
    """With every term, and noise in each place that has any; and with dropout, which cannot be had twice, there are
    none."""
    everything = {"cycle_noise": 0.1, "photo_negatives": True, "diffaugment": "color,translation", "pool_size": 1}
    terms = ("tv", "gram", "content", "features", "tradition", "invented")
    weights = {f"lambda_{term}": 1.0 for term in terms}
    options = {"mixed_precision": "no", "threads": 2, **everything, **weights}
    trainer = Trainer(CycleGAN, config(pictures, tmp_path / "run", **options))
    to_float64(trainer)
    paintings = torch.rand(2, 2, 3, 32, 32, dtype=torch.float64) * 2 - 1
    batches = [(painting / 20, painting) for painting in paintings]  # photos that hide no marks
    found = []
    for lanes in (trainer.method.lanes, Lanes(False)):
        trainer.method.lanes = lanes
        for pool in trainer.method.pools.values():
            pool.images.clear()
        losses = [trainer.method.backward(batch, Noise(0, [n, n + 1]), 1.0) for n, batch in enumerate(batches)]
        found.append((losses, [p.grad.clone() for network in trainer.networks.values() for p in network.parameters()]))
        for network in trainer.networks.values():
            network.zero_grad()
        assert torch.get_num_threads() == 2
    assert len(found[0][0][0]) == 17 and min(found[0][0][0].values()) > 0
    torch.testing.assert_close(*found, atol=1e-9, rtol=1e-6)

    CycleGANGenerator(ngf=4, n_blocks=1, dropout=True).save_pretrained(tmp_path / "dropout")
    assert not Trainer(
        CycleGAN, config(pictures, tmp_path / "run", init_from=str(tmp_path / "dropout"), **options)
    ).method.lanes


def test_without_norms_outside_the_blocks_training_starts_from_a_signal(pictures, tmp_path):
    """Of the size that came in, with blocks that add nothing; and it is taken over by what starts from it."""
    trainer = Trainer(CycleGAN, config(pictures, tmp_path / "a", norm="instance_blocks", max_steps=1))
    photo = torch.rand(1, 3, 32, 32) * 2 - 1
    for name in ("generator", "reverse_generator"):
        network = trainer.networks[name]
        seen = network.down(network.head(photo))
        assert 0.3 < seen.square().mean().sqrt() / photo.square().mean().sqrt() < 3
        assert torch.equal(network.blocks(seen), seen)
    trainer.train()
    again = Trainer(CycleGAN, config(pictures, tmp_path / "b", init_from=str(tmp_path / "a")))
    assert {again.networks[name].config.norm for name in ("generator", "reverse_generator")} == {"instance_blocks"}


def test_what_goes_wrong_in_a_lane_is_raised_when_both_are_done():
    torch.set_num_threads(2)
    done = []

    def wrong():
        raise FloatingPointError("no number")

    with pytest.raises(FloatingPointError, match="no number"):
        Lanes(True).run(wrong, lambda: (time.sleep(0.1), done.append(torch.get_num_threads())))
    assert done == [1] and torch.get_num_threads() == 2


@pytest.mark.slow
def test_two_processes_equal_one_with_twice_the_batch(pictures, tmp_path, capsys):
    """After ten steps in float64, for every method; and gradient accumulation of two, too."""
    common = {"max_steps": 10, "mixed_precision": "no", "pool_size": 0, "diffaugment": "color,translation,cutout"}
    common |= {"cpu": True, "sample_every": 0, "eval_every": 0, "ema": 0}
    runs = {}
    for run, processes, batch, parts in (("one", 1, 4, 1), ("two", 2, 2, 1), ("parts", 1, 2, 2)):
        (tmp_path / run).mkdir()
        sizes = {"batch_size": batch, "gradient_accumulation": parts}
        asked = {name: given(name, pictures) | common | sizes | NOISY[name] for name in METHODS}
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
        command += [str(ROOT / "tests" / "float64_training.py"), str(tmp_path / run), json.dumps(asked, default=str)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        result = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
        assert result.returncode == 0, result.stdout + result.stderr
        runs[run] = {name: torch.load(tmp_path / run / f"{name}.pt") for name in METHODS}
        assert {found.pop("processes") for found in runs[run].values()} == {processes}
    differences = {
        (run, name): max((runs[run][name][key] - value).abs().max().item() for key, value in found.items())
        for run in ("two", "parts")
        for name, found in runs["one"].items()
    }
    with capsys.disabled():
        print("\n" + "\n".join(f"{run} {name}: {value:.1e}" for (run, name), value in differences.items()))
    assert max(differences.values()) < 1e-12


@pytest.mark.parametrize("method", [CycleGAN, CUT, StyleGram], ids=lambda method: method.name)
def test_with_photo_negatives_the_score_tells_photos_from_paintings(method, pictures, tmp_path):
    run = {"max_steps": 60, "lr": 1e-6, "lr_discriminator": 2e-3, "ema": 0, "ndf": 8, "photo_negatives": True}
    Trainer(method, config(pictures, tmp_path, method, **run)).train()
    discriminator = PatchGANDiscriminator.from_pretrained(tmp_path, subfolder="discriminator")
    photo, painting = (discriminator.score(pictures / name / "1.png").value for name in ("photos", "paintings"))
    assert painting > photo + 0.3


def test_gram_and_content_terms(pictures, tmp_path):
    """They are logged, and each does what it is for: the painted photo nearer to the style, or to the photo."""
    from hfstyle.training.perceptual import FeatureTerms

    trainer = Trainer(CycleGAN, config(pictures, tmp_path, max_steps=1, lambda_gram=2.0, lambda_content=0.5))
    trainer.train()
    record = json.loads((tmp_path / "metrics.jsonl").read_text())
    assert record["gram"] > 0 and record["content"] > 0
    stream = trainer.material.stream
    photo, painting = (image[None] for image in stream[0][1:])

    def terms(painted, **weights):
        terms = FeatureTerms(config(pictures, tmp_path, **weights), stream, trainer.accelerator)
        return terms.losses(terms.features(painted, Noise(0, [0])), photo)

    both = {"lambda_gram": 2.0, "lambda_content": 0.5}
    unpainted, copied = terms(photo, **both), terms(painting, **both)
    assert unpainted["content"] == 0 and copied["gram"] < unpainted["gram"] / 2
    assert record["gram"] == pytest.approx(unpainted["gram"].item(), rel=2)
    assert terms(photo) == {}
    single = terms(photo, lambda_gram=1.0)
    assert list(single) == ["gram"] and single["gram"] * 2 == pytest.approx(unpainted["gram"].item(), rel=0.02)


def test_diffaugment_is_for_the_discriminator_of_features_too(pictures, tmp_path):
    """It is shown neither a painted photo nor a painting as it is; the terms beside it are of the whole picture."""
    from hfstyle.training.perceptual import FeatureTerms

    trainer = Trainer(CycleGAN, config(pictures, tmp_path, max_steps=1, mixed_precision="no"))
    stream = trainer.material.stream
    photo, painting = (image[None] for image in stream[0][1:])

    def losses(policy):
        torch.manual_seed(0)
        weights = {"lambda_gram": 1.0, "lambda_content": 1.0, "lambda_features": 1.0, "diffaugment": policy}
        terms = FeatureTerms(config(pictures, tmp_path, **weights), stream, trainer.accelerator)
        noise = Noise(0, [0])
        features = terms.features(photo, noise)
        return terms.losses(features, photo) | terms.discriminator_losses(features.detach(), painting, noise)

    plain, augmented = losses(""), losses("cutout")
    assert {name for name in plain if plain[name] != augmented[name]} == {
        "adversarial_features", "discriminator_features",
    }  # fmt: skip


@pytest.mark.parametrize("method", [StyleGram, Bank], ids=lambda method: method.name)
def test_a_discriminator_of_features_learns_to_tell_paintings_from_photos(method, pictures, tmp_path):
    """And is kept with the model, so that a training can go on from it."""
    run = {"max_steps": 40, "lr": 1e-6, "lr_discriminator": 2e-3, "ema": 0, "lambda_features": 0.5}
    Trainer(method, config(pictures, tmp_path / "a", method, **run)).train()
    lines = [json.loads(line) for line in (tmp_path / "a" / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["discriminator_features"] < 0.6 * lines[0]["discriminator_features"]
    kept = FeatureDiscriminator.from_pretrained(tmp_path / "a", subfolder="discriminator/features")
    again = Trainer(method, config(pictures, tmp_path / "b", method, **run, init_from=str(tmp_path / "a")))
    started = again.networks["feature_discriminator"].state_dict()
    assert all(torch.equal(started[name], value) for name, value in kept.state_dict().items())
    assert "feature_discriminator" not in Trainer(CUT, config(pictures, tmp_path / "c", CUT)).networks


def test_a_bank_goes_on_with_other_styles(pictures, tmp_path):
    """Styles that both know are taken over by name, those that are new start as the photo; the order is free."""
    Trainer(Bank, config(pictures, tmp_path / "a", Bank, max_steps=3, ema=0)).train()
    before = AutoModel.from_pretrained(tmp_path / "a")
    styles = [f"new={pictures / 'paintings'}", f"noise={pictures / 'photos'}"]
    run = {"styles": styles, "init_from": str(tmp_path / "a"), "max_steps": 1}
    trainer = Trainer(Bank, config(pictures, tmp_path / "b", Bank, **run))
    bank, judge = trainer.networks["generator"], trainer.networks["discriminator"]
    assert bank.config.styles == judge.config.styles == ("new", "noise")
    assert torch.equal(bank.numbers[1], before.numbers[1])
    assert bank.numbers[0].abs().max() < 0.02 < before.numbers.abs().max() + 1
    kept = AutoModel.from_pretrained(tmp_path / "a", subfolder="discriminator")
    assert torch.equal(judge.embedding.weight[1], kept.embedding.weight[1])
    trainer.train()
    with pytest.raises(OptionError, match="NAME=PICTURES"):
        Trainer(Bank, config(pictures, tmp_path / "c", Bank, styles=["monet"]))
    with pytest.raises(OptionError, match="twice"):
        Trainer(Bank, config(pictures, tmp_path / "c", Bank, styles=["a=b", "a=c"]))
    with pytest.raises(OptionError, match="lies in the folder of --styles waves"):
        Trainer(Bank, config(pictures, pictures / "paintings" / "run", Bank))


def test_styles_are_learnt_for_a_bank_that_stays_as_it_is(pictures, tmp_path):
    """What one learns so belongs to the bundled bank, whose styles all stay."""
    run = {"init_from": "bank", "freeze_network": True, "max_steps": 4, "lr": 1e-2, "ema": 0}
    Trainer(Bank, config(pictures, tmp_path / "a", Bank, **run)).train()
    lines = [json.loads(line) for line in (tmp_path / "a" / "metrics.jsonl").read_text().splitlines()]
    assert "gram" in lines[-1] and "photo" not in lines[-1], "the photo comes back as before"
    learnt, bank = AutoModel.from_pretrained(tmp_path / "a"), AutoModel.from_pretrained("bank")
    assert learnt.fingerprint == bank.fingerprint
    learnt.save_style("waves", tmp_path / "waves.safetensors")
    bank.load_style(tmp_path / "waves.safetensors")
    photo = read_image(pictures / "photos" / "0.png")
    painted, nearest = (np.asarray(bank.stylize(photo, style), float) for style in ("waves", bank.styles[0]))
    assert np.abs(painted - np.asarray(learnt.stylize(photo, "waves"), float)).max() <= 1, "rounded"
    assert np.abs(painted - nearest).mean() > 5
    with pytest.raises(OptionError, match="--init-from"):
        config(pictures, tmp_path / "b", Bank, freeze_network=True).check()
    none = dict.fromkeys(("lambda_adversarial", "lambda_features", "lambda_gram", "lambda_content", "lambda_tv"), 0.0)
    with pytest.raises(OptionError, match="nothing to learn"):
        Trainer(Bank, config(pictures, tmp_path / "b", Bank, **run, **none))


def test_a_bank_remembers_its_styles_while_its_network_learns_others(pictures, tmp_path):
    """The others stay in it, and paint nearly as they did; without the term they would not."""
    before, photo = AutoModel.from_pretrained("bank"), read_image(pictures / "photos" / "0.png")
    run = {"init_from": "bank", "max_steps": 25, "lr": 2e-4, "ema": 0, "crop": 64, "resize": (64, 72)}
    run |= dict.fromkeys(("lambda_features", "lambda_gram", "lambda_content"), 0.0)  # no VGG16, for speed

    def drift(name: str, **more) -> float:
        Trainer(Bank, config(pictures, tmp_path / name, Bank, **(run | more))).train()
        bank = AutoModel.from_pretrained(tmp_path / name)
        assert bank.styles == ("waves", "noise", *before.styles)
        was, now = (
            np.asarray([np.asarray(model.stylize(photo, style), float) for style in ("ukiyoe", "monet", "kuindzhi")])
            for model in (before, bank)
        )
        return np.abs(now - was).mean()

    forgetful = drift("forgetful", lambda_remembered=1e-6)
    assert 0 < drift("10.0", lambda_remembered=10.0) < 0.6 * forgetful
    # what one training forgot the next can be held to again
    forgot = {"init_from": str(tmp_path / "forgetful"), "lambda_remembered": 10.0}
    assert drift("again", **forgot, remember="bank") < 0.8 * forgetful
    for name, styles in (("tiny", before.styles), ("few", ("ukiyoe",))):
        StyleBankGenerator(styles=styles, ngf=4, n_blocks=1).save_pretrained(tmp_path / name)
    for wrong, words in (
        ({"lambda_remembered": 0.0}, "give --lambda-remembered"),
        ({"remember": str(tmp_path / "tiny")}, "another size"),
        ({"remember": str(tmp_path / "few")}, "no style impressionism, kuindzhi"),
    ):
        with pytest.raises(OptionError, match=words):
            Trainer(Bank, config(pictures, tmp_path / "b", Bank, **(run | forgot | {"remember": "bank"} | wrong)))
    lines = [json.loads(line) for line in (tmp_path / "10.0" / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["remembered"] > 0
    run = {"init_from": str(tmp_path / "10.0"), "lambda_remembered": 1.0}
    with pytest.raises(OptionError, match="give --init-from"):
        config(pictures, tmp_path / "b", Bank, lambda_remembered=1.0).check()
    learnt = [f"{name}={pictures / 'paintings'}" for name in ("waves", "noise", *before.styles)]
    with pytest.raises(OptionError, match="no styles beside"):
        Trainer(Bank, config(pictures, tmp_path / "b", Bank, styles=learnt, **run))


def test_a_resumed_training_remembers_what_the_first_one_started_from(pictures, tmp_path):
    """Not what the styles had become by the time it was ended."""
    none = dict.fromkeys(("lambda_features", "lambda_gram", "lambda_content"), 0.0)  # no VGG16, for speed
    Trainer(Bank, config(pictures, tmp_path / "base", Bank, max_steps=1, **none)).train()
    waves = [f"waves={pictures / 'paintings'}"]
    run = {"init_from": str(tmp_path / "base"), "styles": waves, "max_steps": 6, "checkpoint_every": 2, "lr": 1e-2}
    run |= {"lambda_remembered": 10.0, "resume": "latest", **none}
    Trainer(Bank, config(pictures, tmp_path / "a", Bank, **run)).train()
    kill_at(Trainer(Bank, config(pictures, tmp_path / "b", Bank, **run)), 4)
    Trainer(Bank, config(pictures, tmp_path / "b", Bank, **run)).train()
    assert_same_run(tmp_path / "a", tmp_path / "b")


def test_a_bank_unlearns_what_is_not_in_the_photo(pictures, tmp_path):
    none = dict.fromkeys(("lambda_adversarial", "lambda_features", "lambda_gram", "lambda_content", "lambda_tv"), 0.0)
    dots = [f"pointillism={pictures / 'paintings'}"]
    run = {"init_from": "bank", "freeze_network": True, "styles": dots, "max_steps": 12, "lr": 1e-2, "ema": 0}
    Trainer(Bank, config(pictures, tmp_path, Bank, **run, **none, lambda_invented=15.0)).train()
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["invented"] < 0.1 * lines[0]["invented"]


def test_a_bank_learns_from_a_model_that_paints_already(pictures, tmp_path):
    """What has a teacher comes nearer to it; a teacher may be a style of a bank; of what has none, nothing is said."""
    none = dict.fromkeys(("lambda_adversarial", "lambda_features", "lambda_gram", "lambda_content", "lambda_tv"), 0.0)
    teachers = ("waves=bank:shanshui",)
    run = {"max_steps": 140, "lr": 3e-3, "ngf": 8, "ema": 0.9, "teachers": teachers, **none}
    Trainer(Bank, config(pictures, tmp_path / "a", Bank, **run)).train()
    lines = [json.loads(line) for line in (tmp_path / "a" / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["teacher"] < 0.8 * lines[0]["teacher"] and "adversarial" not in lines[0]
    photo = read_image(pictures / "photos" / "0.png")
    shown = np.asarray(load_painter("bank:shanshui").stylize(photo), float)
    taught, untaught = (
        np.abs(np.asarray(AutoModel.from_pretrained(tmp_path / "a").stylize(photo, style), float) - shown).mean()
        for style in ("waves", "noise")
    )
    assert taught < 0.9 * untaught
    for wrong, words in (
        (("dots=monet",), "not one of --styles"),
        (("waves",), "NAME=MODEL"),
        (teachers * 2, "twice"),
    ):
        with pytest.raises(OptionError, match=words):
            Trainer(Bank, config(pictures, tmp_path / "b", Bank, teachers=wrong))
    with pytest.raises(ModelNotFoundError, match="no style named"):
        Trainer(Bank, config(pictures, tmp_path / "b", Bank, teachers=("waves=nobody",)))


def test_a_style_may_keep_more_of_the_photo_than_others(pictures, tmp_path):
    trainer = Trainer(Bank, config(pictures, tmp_path, Bank, content_of=("waves=0.3",), lambda_content=0.1))
    _, photo, _, painting = trainer.material.stream[0]
    terms = trainer.method.feature_terms

    def content(*styles):
        photos, painted = (image.expand(len(styles), -1, -1, -1) for image in (photo, painting))
        numbers = torch.tensor([list(trainer.config.pictures_of).index(style) for style in styles])
        return terms.losses(terms.features(painted, Noise(0, numbers)), photos, numbers)["content"].item()

    assert content("waves") == pytest.approx(3 * content("noise"), rel=0.02)
    assert content("waves", "noise") == pytest.approx(2 * content("noise"), rel=0.02)
    for wrong, words in (
        (("dots=1",), "not one of --styles"),
        (("waves=much",), "numbers of at least 0"),
        (("waves=-1",), "numbers of at least 0"),
    ):
        with pytest.raises(OptionError, match=words):
            config(pictures, tmp_path, Bank, content_of=wrong).check()


def test_the_average_is_what_is_saved(pictures, tmp_path):
    Trainer(CycleGAN, config(pictures, tmp_path / "raw", max_steps=3, ema=0)).train()
    Trainer(CycleGAN, config(pictures, tmp_path / "averaged", max_steps=3, ema=0.9)).train()
    raw, averaged = weights(tmp_path / "raw"), weights(tmp_path / "averaged")
    name = "model.safetensors:head.1.weight"
    assert not torch.equal(raw[name], averaged[name])
    judge = "discriminator/model.safetensors:layers.0.weight"
    assert torch.equal(raw[judge], averaged[judge])  # only generators are averaged


# ---- knowing when to stop ----
def evaluations(trainer: Trainer, values: list[float]) -> None:
    """Let the evaluations of a training find these, whatever it does."""
    found = iter(values)
    trainer.validation = lambda method, networks: {"kid": next(found), "content": 0.5}


def test_the_best_step_is_kept_and_a_training_that_gains_nothing_stops(pictures, tmp_path, capsys):
    run = {"max_steps": 100, "eval_every": 2, "eval_samples": 8, "early_stop": 3, "checkpoint_every": 0}
    trainer = Trainer(CycleGAN, config(pictures, tmp_path, **run))
    evaluations(trainer, [0.5, 0.3, 0.4, 0.31, 0.35, 0.1])
    trainer.train()
    assert trainer.step == 10
    best = json.loads((tmp_path / "best" / "evaluation.json").read_text())
    assert best == {"step": 4, "kid": 0.3, "content": 0.5}
    assert "step 4: kid 0.3000, content 0.5000 (the best kid so far)" in capsys.readouterr().out
    final, kept = (CycleGANGenerator.from_pretrained(folder) for folder in (tmp_path, tmp_path / "best"))
    assert not torch.equal(final.head[1].weight, kept.head[1].weight)
    assert "| step 10, this model | step 4, the best by kid |" in (tmp_path / "README.md").read_text()
    # What has stopped stays stopped; with more patience it goes on.
    Trainer(CycleGAN, config(pictures, tmp_path, **run, resume="latest")).train()
    assert checkpoints(tmp_path)[-1].name == "checkpoint-10"
    patient = Trainer(CycleGAN, config(pictures, tmp_path, **(run | {"early_stop": 4}), resume="latest"))
    evaluations(patient, [0.6])
    patient.train()
    assert patient.step == 12
    assert json.loads((tmp_path / "best" / "evaluation.json").read_text())["step"] == 4


def test_the_best_of_a_killed_run_is_that_of_its_checkpoint(pictures, tmp_path, monkeypatch):
    """Killed after the checkpoint and before best/ was written, the resumed run writes it."""
    run = {"max_steps": 4, "eval_every": 2, "eval_samples": 8, "resume": "latest"}
    trainer = Trainer(CycleGAN, config(pictures, tmp_path, **run))
    evaluations(trainer, [0.5])
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(trainer, "_keep_best", lambda checkpoint: (_ for _ in ()).throw(Killed))
        trainer.train()
    assert not (tmp_path / "best").exists()
    resumed = Trainer(CycleGAN, config(pictures, tmp_path, **run))
    assert json.loads((tmp_path / "best" / "evaluation.json").read_text())["step"] == 2
    evaluations(resumed, [0.7])
    resumed.train()
    assert json.loads((tmp_path / "best" / "evaluation.json").read_text())["step"] == 2
    kept = AutoModel.from_pretrained(tmp_path / "best")
    assert not torch.equal(kept.head[1].weight, AutoModel.from_pretrained(tmp_path).head[1].weight)


def test_evaluation_tells_a_painter_from_a_copier(pictures, tmp_path):
    """Pictures like the paintings have a low KID, pictures like the photos a low content distance."""
    trainer = Trainer(StyleGram, config(pictures, tmp_path, StyleGram, eval_every=1, eval_samples=12, ema=0))
    measure = trainer.validation

    class Copier(torch.nn.Module):
        def forward(self, photos):
            return photos

    class Painter(torch.nn.Module):
        def forward(self, photos):
            return torch.stack([trainer.material.stream.style(n) for n in range(len(photos))])

    copied, painted = (measure(trainer.method, {"generator": network}) for network in (Copier(), Painter()))
    assert copied["content"] == 0 < painted["content"]
    assert painted["kid"] < copied["kid"] / 5
    assert measure(trainer.method, {"generator": Painter()}) == painted


def test_a_tenth_is_held_back_and_never_learnt_from(tmp_path):
    for domain, count in (("photos", 30), ("paintings", 21)):
        (tmp_path / domain).mkdir()
        for index in range(count):
            Image.new("RGB", (40, 40), (index * 8, 0, 0)).save(tmp_path / domain / f"{index:02}.png")
    trainer = Trainer(CUT, config(tmp_path, tmp_path / "run", CUT, eval_every=5, hold_back=0.1))
    assert "30 photographs and 21 paintings, 5 of them held back to judge by" in trainer.material.described

    def reds(stream, domain):
        return {round((stream[n][1 + domain][0].mean().item() + 1) * 127.5) for n in range(100)}

    for domain, count in ((0, 30), (1, 21)):
        learnt = reds(trainer.material.stream, domain)
        judged = reds(trainer.material.held_back, domain)
        assert not learnt & judged and learnt | judged == {index * 8 for index in range(count)}
        assert len(judged) == count // 10
    everything = Trainer(CUT, config(tmp_path, tmp_path / "run", CUT, eval_every=0))
    assert len(reds(everything.material.stream, 1)) == 21 and "held back" not in everything.material.described


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_a_dry_run_does_everything_once_and_keeps_nothing(method, pictures, tmp_path, capfd):
    asked = options(method, pictures, tmp_path / "run", "--dry-run", "--max-steps", "5000", "--eval-samples", "8")
    assert main([method, *asked, "--push-to-hub", "nobody/nothing", "--cpu"]) == 0
    said = capfd.readouterr().out
    line = next(line for line in said.splitlines() if line.startswith("dry run: "))
    assert {"step", "evaluation", "samples", "checkpoint"} <= set(line.replace(",", " ").split())
    assert "5000 steps take about " in said and "GiB" in said
    assert not (tmp_path / "run").exists()


def test_too_little_memory_is_one_sentence(pictures, tmp_path, monkeypatch):
    trainer = Trainer(CycleGAN, config(pictures, tmp_path, max_steps=2))

    def allocate_too_much(*_):
        torch.empty(2**50)  # what a CPU says; a GPU raises torch.OutOfMemoryError

    for error in (allocate_too_much, lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("CUDA out of memory."))):
        monkeypatch.setattr(trainer.method, "backward", error)
        with pytest.raises(OptionError, match="out of memory: try a smaller --batch-size"):
            trainer.train()
    monkeypatch.setattr(trainer.method, "backward", lambda *_: (_ for _ in ()).throw(RuntimeError("a bug")))
    with pytest.raises(RuntimeError, match="a bug"):
        trainer.train()


@pytest.mark.slow
@pytest.mark.parametrize("tracker", ["tensorboard", "trackio"])
def test_a_tracker_is_told_losses_and_measures(pictures, tmp_path, monkeypatch, tracker):
    pytest.importorskip(tracker)
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    asked = ["--max-steps", "2", "--eval-samples", "8", "--track", tracker]
    launch("stylegram", pictures, tmp_path / "run", *asked)
    if tracker == "tensorboard":
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        log = EventAccumulator(str(tmp_path / "run" / "hfstyle")).Reload()
        assert [event.step for event in log.Scalars("gram")] == [1, 2]
        assert [event.step for event in log.Scalars("eval_kid")] == [2]
    else:
        assert list((tmp_path / "trackio").glob("hfstyle*"))


def test_the_best_of_a_course_that_was_left_is_forgotten(pictures, tmp_path):
    run = {"max_steps": 4, "eval_every": 2, "eval_samples": 8, "checkpoint_every": 1, "checkpoints_limit": 9}
    left = Trainer(CycleGAN, config(pictures, tmp_path, **run))
    evaluations(left, [0.5, 0.3])
    left._finish = lambda: None
    left.train()
    again = Trainer(CycleGAN, config(pictures, tmp_path, **run, lr=1e-3, resume=str(tmp_path / "checkpoint-3")))
    evaluations(again, [0.4])
    again.train()
    assert json.loads((tmp_path / "best" / "evaluation.json").read_text()) == again.evaluations["best"]
    assert again.evaluations["best"] == {"step": 4, "kid": 0.4, "content": 0.5}
    one, other = (AutoModel.from_pretrained(tmp_path / name) for name in ("best", "checkpoint-4"))
    assert torch.equal(one.head[1].weight, other.head[1].weight)


def test_another_metric_starts_anew(pictures, tmp_path):
    run = {"eval_every": 2, "eval_samples": 8, "early_stop": 1}
    first = Trainer(CycleGAN, config(pictures, tmp_path, **run, max_steps=4))
    evaluations(first, [0.3, 0.4])
    first.train()
    other = Trainer(CycleGAN, config(pictures, tmp_path, **run, max_steps=6, metric="content", resume="latest"))
    evaluations(other, [0.9])
    other.train()
    assert other.step == 6 and other.evaluations["best"]["step"] == 6


def test_which_pictures_are_held_back_stays_as_it_is(pictures, tmp_path):
    run = {"eval_every": 2, "eval_samples": 8, "max_steps": 2, "hold_back": 0.5}
    Trainer(CycleGAN, config(pictures, tmp_path, **run)).train()
    for change in ({"seed": 1}, {"eval_every": 0}, {"hold_back": 0.4}):
        with pytest.raises(DataError, match="or which are held back"):
            Trainer(CycleGAN, config(pictures, tmp_path, **(run | change), resume="latest"))


def test_fp16_scales_all_optimisers_by_one_number(pictures, tmp_path):
    """A gradient that overflows in the generators must not change by what the discriminators' are divided."""
    trainer = Trainer(CycleGAN, config(pictures, tmp_path, max_steps=1, mixed_precision="no"))
    trainer.accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=4.0, growth_interval=1)
    before = {name: [p.detach().clone() for p in n.parameters()] for name, n in trainer.networks.items()}
    trainer.optimizers = {
        name: torch.optim.SGD([p for group in adam.param_groups for p in group["params"]], lr=1.0)
        for name, adam in trainer.optimizers.items()
    }
    trainer.base_rates = dict.fromkeys(trainer.optimizers, 1.0)

    def backward(images, noise, share):
        scale = trainer.accelerator.scaler.scale(torch.ones(())).item()
        for name, network in trainer.networks.items():
            for parameter in network.parameters():
                scaled = float("inf") if "generator" in name else scale * 0.25
                parameter.grad = torch.full_like(parameter, scaled)
        return {"adversarial": torch.zeros(())}

    trainer.method.backward = backward
    trainer._take_step(iter([[torch.tensor([0, 1]), torch.zeros(2)]]))
    for name, network in trainer.networks.items():
        moved = 0.0 if "generator" in name else 0.25
        for parameter, old in zip(network.parameters(), before[name], strict=True):
            torch.testing.assert_close(old - parameter, torch.full_like(old, moved))
    assert trainer.accelerator.scaler.get_scale() == 2.0


def test_an_output_folder_keeps_what_is_not_ours(pictures, tmp_path):
    (tmp_path / "project" / ".bestiary").mkdir(parents=True)
    (tmp_path / "project" / "README.md").write_text("mine")
    with pytest.raises(OptionError, match="holds other files"):
        Trainer(CUT, config(pictures, tmp_path / "project", CUT))
    assert (tmp_path / "project" / "README.md").read_text() == "mine" and (tmp_path / "project" / ".bestiary").exists()
    with pytest.raises(OptionError, match="is a file"):
        Trainer(CUT, config(pictures, tmp_path / "project" / "README.md", CUT))
    with pytest.raises(OptionError, match="lies in the folder of --target"):
        Trainer(CUT, config(pictures, pictures / "paintings" / "run", CUT))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_picture_that_vanishes_ends_with_a_checkpoint(pictures, tmp_path, workers):
    shutil.copytree(pictures / "photos", tmp_path / "photos")
    given = {"source": tmp_path / "photos", "max_steps": 50, "num_workers": workers}
    trainer = Trainer(CUT, config(pictures, tmp_path / "run", CUT, **given))
    trainer.material.stream.domains[0][0]._cache.clear()
    (tmp_path / "photos" / "3.png").unlink()
    with pytest.raises(
        DataError, match=r"could not be loaded \(cannot open .*3.png: .*\); saved at step \d+"
    ) as caught:
        trainer.train()
    assert "\n" not in str(caught.value)
    assert checkpoints(tmp_path / "run")[-1].name == f"checkpoint-{trainer.step}"


def test_a_full_disk_is_one_sentence_wherever_it_comes(pictures, tmp_path, monkeypatch):
    from hfstyle.training import trainer as module

    trainer = Trainer(CUT, config(pictures, tmp_path, CUT, max_steps=2, checkpoint_every=1, sample_every=2))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "save_image", full)
    with pytest.raises(CheckpointError, match=r"No space left on device\); the last good checkpoint is checkpoint-1"):
        trainer.train()


# ---- pictures ----
def test_it_learns_from_what_a_data_set_brings(pictures, tmp_path):
    """One folder with both domains, a zip, and pairs in either direction."""
    both = tmp_path / "both"
    shutil.copytree(pictures / "photos", both / "trainA")
    shutil.copytree(pictures / "paintings", both / "trainB")
    (both / "testA").mkdir()
    Image.new("RGB", (64, 48), "red").save(both / "testA" / "secret.png")
    trainer = Trainer(CUT, config(pictures, tmp_path / "a", CUT, source=str(both), target=None))
    assert trainer.material.described == "6 photographs and 6 paintings"
    shutil.make_archive(str(tmp_path / "zipped"), "zip", both)
    zipped = Trainer(CUT, config(pictures, tmp_path / "b", CUT, source=str(tmp_path / "zipped.zip"), target=None))
    for one, other in zip(trainer.material.stream[3], zipped.material.stream[3], strict=True):
        assert torch.equal(torch.as_tensor(one), torch.as_tensor(other))
    with pytest.raises(OptionError, match="--target"):
        Trainer(CUT, config(pictures, tmp_path / "c", CUT, target=None))
    ways = [
        Trainer(Pix2Pix, config(pictures, tmp_path / way, Pix2Pix, direction=way)).material.stream[1]
        for way in ("AtoB", "BtoA")
    ]
    assert torch.equal(ways[0][1], ways[1][2]) and torch.equal(ways[0][2], ways[1][1])
    assert (ways[0][1][0] - ways[0][1][2]).abs().max() < 0.02, "A is the grey photo"
    two = Trainer(Pix2Pix, config(both, tmp_path / "d", Pix2Pix, source=str(both), target=None))
    assert two.material.described == "6 pairs"


def test_it_learns_from_a_data_set_on_the_hub(pictures, tmp_path, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_alice")
    api = HfApi()
    api.create_repo("alice/waves", repo_type="dataset")
    api.upload_folder(repo_id="alice/waves", repo_type="dataset", folder_path=pictures / "paintings")
    trainer = Trainer(CUT, config(pictures, tmp_path / "hub", CUT, target="alice/waves", max_steps=1))
    local = Trainer(CUT, config(pictures, tmp_path / "local", CUT))
    assert torch.equal(trainer.material.stream[4][2], local.material.stream[4][2])
    trainer.train()
    front_matter = yaml.safe_load((tmp_path / "hub" / "README.md").read_text().split("---")[1])
    assert front_matter["datasets"] == ["alice/waves"]
    few = Trainer(CUT, config(pictures, tmp_path / "few", CUT, target="alice/waves", limit=2))
    assert few.material.described == "2 photographs and 2 paintings"


def test_near_duplicates_are_reported(pictures, tmp_path, caplog):
    shutil.copytree(pictures / "photos", tmp_path / "photos")
    Image.open(pictures / "photos" / "0.png").resize((128, 96)).save(tmp_path / "photos" / "again.jpg")
    Trainer(CUT, config(pictures, tmp_path / "run", CUT, source=tmp_path / "photos"))
    assert "look" in caplog.text and "again.jpg" in caplog.text


# ---- parts ----
def test_rate_stays_and_then_falls_to_zero():
    rates = [rate_factor(step, 10, 0.5) for step in range(11)]
    assert rates == pytest.approx([1] * 6 + [0.8, 0.6, 0.4, 0.2, 0])
    assert rate_factor(9, 10, 1.0) == 1.0


def test_image_pool():
    pool = ImagePool(3)
    first = torch.arange(3.0).reshape(3, 1)
    assert torch.equal(pool.exchange(first, Noise(0, [0, 1, 2])), first)
    shown = torch.cat([pool.exchange(torch.full((1, 1), float(n)), Noise(0, [n])) for n in range(3, 203)]).ravel()
    fresh = (shown == torch.arange(3.0, 203.0)).float().mean().item()
    assert 0.35 < fresh < 0.65  # even chances
    assert len(pool.images) == 3 and len(set(shown.tolist())) > 150
    assert torch.equal(ImagePool(0).exchange(first, Noise(0, [0])), first)


def test_weights_start_as_in_the_paper(pictures, tmp_path):
    trainer = Trainer(CycleGAN, config(pictures, tmp_path, ngf=32, n_blocks=2))
    weight = trainer.networks["generator"].blocks[0].body[1].weight
    assert weight.std().item() == pytest.approx(0.02, rel=0.02) and abs(weight.mean().item()) < 1e-3


# ---- bad input ----
@pytest.mark.parametrize(
    "arguments,words",
    [
        (["--lambda-cycles", "3"], "--lambda-cycles"),
        (["--batch-size", "two"], "--batch-size: invalid literal for int()"),
        (["--diffaugment", "blur"], "--diffaugment is any of color"),
        (["--batch-size", "0"], "--batch-size must be at least 1"),
        (["--crop", "34"], "--crop must be a multiple of 4"),
        (["--resize", "16", "20"], "--resize must be two sizes"),
        (["--ema", "1.5"], "--ema must lie between 0 and 1"),
        (["--inner-crop", "0"], "--inner-crop must lie between"),
        (["--lr", "nan"], "--lr must be at least 0"),
        (["--lr", "inf"], "--lr must be at most 1"),
        (["--beta1", "1"], "--beta1 must be less than 1"),
        (["--seed", "5000000000"], "--seed must be at most"),
        (["--num-workers", "100000"], "--num-workers must be at most 256"),
        (["--mixed-precision", "fp16", "--cpu"], "fp16 does nothing on a CPU"),
        (["--init-from", "./nowhere"], "there is no folder ./nowhere"),
        (["--ngf", "100000"], "CycleGANConfig.ngf must lie between"),
        (["--source", "/nowhere"], "there is no folder /nowhere"),
        (["--about", "/nowhere.md"], "cannot read --about"),
        (["--push-to-hub", "noslash"], "owner/name"),
    ],
)
def test_bad_options_are_one_line_and_exit_code_2(pictures, tmp_path, capfd, arguments, words):
    code = main(["cyclegan", *options("cyclegan", pictures, tmp_path / "run"), *arguments])
    captured = capfd.readouterr()
    error = [line for line in captured.err.splitlines() if line.startswith("error: ")]
    assert code == 2 and len(error) == 1 and words in error[0]
    assert "Traceback" not in captured.err


def test_an_unknown_method_lists_the_known(capsys):
    assert main(["pix3pix"]) == 2
    assert "cyclegan" in capsys.readouterr().err


def test_a_loss_that_is_no_number_stops_the_run(pictures, tmp_path):
    trainer = Trainer(CycleGAN, config(pictures, tmp_path, max_steps=3))
    with torch.no_grad():
        trainer.networks["generator"].head[1].weight.fill_(float("nan"))
    with pytest.raises(CheckpointError, match=r"no longer a number at step 1 .*cycle.*before the first checkpoint"):
        trainer.train()
