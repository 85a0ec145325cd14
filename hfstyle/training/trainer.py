"""The one training loop. A method (cyclegan.py, ...) says what a step minimises; all else is here."""

import contextlib
import dataclasses
import json
import logging
import math
import os
import pickle
import shutil
import signal
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.tracking import get_available_trackers
from accelerate.utils import gather_object, set_seed
from PIL import Image
from torch import nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader
from tqdm import tqdm

from hfstyle.card import Card
from hfstyle.data.augment import Augmentation
from hfstyle.data.pictures import Pictures, open_pictures
from hfstyle.data.streams import StepSampler, UnpairedStream
from hfstyle.errors import CheckpointError, DataError, MissingExtraError, OptionError
from hfstyle.hub import create_repo, push_folder
from hfstyle.images import contact_sheet, save_image, write_whole
from hfstyle.training.config import UnpairedConfig

logger = logging.getLogger(__name__)

STATE_NAME = "training_state.pt"
OPTIONS_NAME = "options.json"
METRICS_NAME = "metrics.jsonl"
CARD_SAMPLES_NAME = "samples.jpg"
SAMPLES = 6
"""Photos, and paintings, on a sample sheet."""
SAMPLE_SIDE = 384
"""Shorter side, in pixels, at which photos of `--sample-photos` are painted."""


class Trainer:
    """Trains one method. `Trainer(CycleGAN, config).train()` leaves a folder that `from_pretrained` loads."""

    def __init__(self, method_class: type, config: UnpairedConfig):
        config.check()
        self.config = config
        self.about = config.about_text()
        self.accelerator = _accelerator(config)
        if self.accelerator.num_processes == 1:
            # `accelerate launch` gives a CPU process one thread unless told otherwise.
            torch.set_num_threads(config.threads or _cores())
        elif config.threads:
            torch.set_num_threads(config.threads)
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True
        self.main = self.accelerator.is_main_process
        self.output = Path(config.output)
        self.resume_from: Path | None = None
        state = self._find_state()
        with self.accelerator.main_process_first():
            # The pictures come first: a wrong folder should not cost the time to build networks.
            self._read_pictures()
        self._make_output()
        if self.main and config.push_to_hub:
            # Whoever is not logged in should hear it now, not after days.
            create_repo(config.push_to_hub, private=config.private or None)
        set_seed(config.seed)  # the first weights
        # A checkpoint holds all networks: what the training once started from may be gone, or be another by now.
        restart = self.resume_from is not None and config.init_from is not None
        start = dataclasses.replace(config, init_from=str(self.resume_from)) if restart else config
        self.method = method_class(start, self.accelerator, self.stream)
        self.raw: dict[str, nn.Module] = dict(self.method.networks)
        for name, network in self.raw.items():
            self.method.networks[name] = self.accelerator.prepare(network)
        self.optimizers = {}
        self.base_rates = {}  # not in the optimisers, whose state would bring back the old ones on --resume
        for name, parameters in self.method.optimizers.items():
            lr = config.lr_discriminator if name == "discriminators" and config.lr_discriminator else config.lr
            adam = torch.optim.Adam(parameters, lr=lr, betas=(config.beta1, 0.999), fused=True)
            self.base_rates[name] = lr
            self.optimizers[name] = self.accelerator.prepare(adam)
        self.averages = {
            name: AveragedModel(self.raw[name], multi_avg_fn=self._average, use_buffers=True)
            for name in self.method.averaged
            if config.ema
        }
        self.step = 0
        if state is not None:
            self._load_state(state)
        if self.main:
            with write_whole(self.output / OPTIONS_NAME) as file:
                file.write(self.config.to_json().encode())
            precision = {"no": "float32"}.get(self.accelerator.mixed_precision, self.accelerator.mixed_precision)
            processes = f"{self.accelerator.num_processes} processes, " if self.accelerator.num_processes > 1 else ""
            print(
                f"{len(self.photos)} photos, {len(self.paintings)} paintings; training in {precision} on "
                f"{self.accelerator.device.type}, {processes}{torch.get_num_threads()} threads"
            )

    def train(self) -> None:
        """Run to `max_steps`, then save and, where asked, push."""
        config = self.config
        sums: dict[str, torch.Tensor] = {}
        counted, since = 0, time.monotonic()
        metrics = self._open_metrics()
        bar = tqdm(
            total=config.max_steps, initial=self.step, unit="step", dynamic_ncols=True, smoothing=0.05,
            disable=not self.main, desc=f"training {self.output.name}",
        )  # fmt: skip
        with bar, metrics, _StopSignal(self.accelerator) as stop:
            batches = iter(self._loader())  # here, so that Ctrl-C does not end the processes that load pictures
            while self.step < config.max_steps:
                self._set_rates()
                # Noise follows from the step, so there is no random state to save.
                torch.manual_seed(_mix(config.seed, self.step, self.accelerator.process_index))
                for _ in range(config.gradient_accumulation):
                    batch = [images.to(self.accelerator.device) for images in next(batches)]
                    losses = self.method.backward(batch, 1 / config.gradient_accumulation)
                    for name, loss in losses.items():
                        sums[name] = sums.get(name, 0) + loss
                    counted += 1
                for optimizer in self.optimizers.values():
                    optimizer.step()
                    optimizer.zero_grad(set_to_none=True)
                for name, average in self.averages.items():
                    average.update_parameters(self.raw[name])
                self.step += 1
                bar.update()
                last = self.step == config.max_steps
                stopped = stop.asked()
                save = last or stopped or _due(self.step, config.checkpoint_every)
                # Losses are looked at before every checkpoint, so that none holds numbers that are no numbers.
                if save or _due(self.step, config.log_every):
                    means = {name: value.item() / counted for name, value in sums.items()}
                    seconds = (time.monotonic() - since) * config.gradient_accumulation / counted
                    self._log(metrics, bar, means, seconds)
                    sums, counted, since = {}, 0, time.monotonic()
                if _due(self.step, config.sample_every) or (last and config.sample_every):
                    self._write_samples()
                if save:
                    self._save_checkpoint()
                if stopped and not last:
                    raise KeyboardInterrupt(f"stopped at step {self.step} and saved; go on with --resume latest")
        self._finish()

    # ---- data ----
    def _read_pictures(self) -> None:
        c = self.config
        quiet = not self.main
        self.photos = open_pictures(c.source, short_side=c.resize[1], quiet=quiet)
        self.paintings = open_pictures(c.target, inner_crop=c.inner_crop, short_side=c.resize[1], quiet=quiet)
        shown = open_pictures(c.sample_photos, short_side=SAMPLE_SIDE, quiet=True) if c.sample_photos else self.photos
        self.sample_photos = _spread(shown, SAMPLES)
        self.sample_paintings = _spread(self.paintings, SAMPLES)
        photo_crops = Augmentation(c.crop, c.resize, c.flip)
        painting_crops = Augmentation(c.crop, c.resize, c.flip, c.aspect_jitter)
        self.stream = UnpairedStream(self.photos, self.paintings, photo_crops, painting_crops, c.seed)

    def _loader(self) -> DataLoader:
        c = self.config
        processes = self.accelerator.num_processes
        a_step = c.batch_size * c.gradient_accumulation
        sampler = StepSampler(self.step, c.max_steps, a_step, self.accelerator.process_index, processes)
        # Beside other devices, processes are spawned, and each would get a copy of all pictures.
        on_gpu = self.accelerator.device.type == "cuda"
        workers = c.num_workers if c.num_workers is not None else (min(8, _cores()) if on_gpu else 0)
        return DataLoader(
            self.stream, batch_size=c.batch_size, sampler=sampler, num_workers=workers, pin_memory=on_gpu,
            persistent_workers=workers > 0,
        )  # fmt: skip

    # ---- schedule ----
    def _set_rates(self) -> None:
        factor = rate_factor(self.step, self.config.max_steps, self.config.decay_start)
        for name, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = self.base_rates[name] * factor

    def _average(self, averages: list[torch.Tensor], weights: list[torch.Tensor], _: Any) -> None:
        """Running mean whose decay rises from 0.1 to `ema`, else a short training would save its first weights."""
        decay = min(self.config.ema, (1 + self.step) / (10 + self.step))
        for average, weight in zip(averages, weights, strict=True):
            if average.is_floating_point():
                average.lerp_(weight, 1 - decay)
            else:
                average.copy_(weight)

    # ---- what is written ----
    def _make_output(self) -> None:
        if not self.main:
            return
        try:
            self.output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OptionError(f"cannot make the folder {self.output}: {error.strerror}") from error
        for leftover in self.output.glob(".checkpoint-*"):
            shutil.rmtree(leftover, ignore_errors=True)  # a checkpoint that a kill cut short

    def _open_metrics(self) -> Any:
        """The metrics log, without what a killed run wrote after the checkpoint that this one goes on from."""
        if not self.main:
            return contextlib.nullcontext()
        if self.config.track != "none":
            self.accelerator.init_trackers("hfstyle", {k: _shell(v) for k, v in self.config.changed().items()})
        path = self.output / METRICS_NAME
        kept = []
        if self.resume_from is not None and path.exists():
            for line in path.read_text().splitlines():
                with contextlib.suppress(ValueError):
                    if json.loads(line)["step"] <= self.step:
                        kept.append(line + "\n")
        with write_whole(path) as file:
            file.write("".join(kept).encode())
        return path.open("a")

    def _log(self, metrics: Any, bar: tqdm, means: dict[str, float], seconds: float) -> None:
        if not all(math.isfinite(value) for value in means.values()):
            broken = ", ".join(name for name, value in means.items() if not math.isfinite(value))
            raise self._diverged(f"the loss is no longer a number at step {self.step} ({broken})")
        if not self.main:
            return
        rates = {f"lr_{name}": group["lr"] for name, o in self.optimizers.items() for group in o.param_groups}
        record = {"step": self.step, **{name: round(value, 5) for name, value in means.items()}, **rates}
        metrics.write(json.dumps({**record, "seconds_per_step": round(seconds, 4)}) + "\n")
        metrics.flush()
        self.accelerator.log({name: value for name, value in record.items() if name != "step"}, step=self.step)
        bar.set_postfix_str(
            f"generator {sum(v for k, v in means.items() if not k.startswith('discriminator')):.2f} "
            f"discriminator {means.get('discriminator', 0):.3f}"
        )

    def _diverged(self, what: str) -> CheckpointError:
        return CheckpointError(f"{what}; the last checkpoint is good: resume from it with a lower --lr")

    def _averaged(self) -> dict[str, nn.Module]:
        """The networks as they are saved and shown: averaged where there is an average."""
        return {
            name: self.averages[name].module if name in self.averages else network
            for name, network in self.raw.items()
        }

    def _write_samples(self) -> None:
        if not self.main:
            return
        folder = self.output / "samples"
        folder.mkdir(exist_ok=True)
        save_image(contact_sheet(self._sample_rows()), folder / f"step-{self.step:07d}.jpg")

    def _sample_rows(self) -> list[list[Image.Image]]:
        networks = self._averaged()
        was_training = {name: network.training for name, network in networks.items()}
        for network in networks.values():
            network.eval()
        rows = self.method.sample(networks, self.sample_photos, self.sample_paintings)
        for name, network in networks.items():
            network.train(was_training[name])
        return rows

    def _save_checkpoint(self) -> None:
        for name, network in self.raw.items():  # a finite loss may still have had gradients that were not
            if not all(parameter.isfinite().all() for parameter in network.parameters()):
                raise self._diverged(f"the weights of {name} are no longer numbers at step {self.step}")
        own = {name: [image.cpu() for image in pool.images] for name, pool in self.method.pools.items()}
        pools = gather_object([own])
        if self.main:
            final = self.output / f"checkpoint-{self.step}"
            partial = self.output / f".checkpoint-{self.step}"
            shutil.rmtree(partial, ignore_errors=True)
            try:
                partial.mkdir()
                self.method.save_pretrained(self._averaged(), partial, card=str(self._card()))
                with write_whole(partial / STATE_NAME) as file:
                    torch.save(self._state(pools), file)
                if final.exists():
                    _remove(final)
                os.replace(partial, final)  # under its name a checkpoint is always whole
            except (OSError, RuntimeError) as error:  # torch.save turns a full disk into a RuntimeError
                shutil.rmtree(partial, ignore_errors=True)
                kept = checkpoints(self.output)
                raise CheckpointError(
                    f"cannot write the checkpoint of step {self.step} ({_reason(error)}); the last good one is "
                    f"{kept[-1].name if kept else 'none'}: make room, then go on with --resume latest"
                ) from error
            self._tidy(self.config.checkpoints_limit)
        self.accelerator.wait_for_everyone()

    def _tidy(self, limit: int) -> None:
        """Keep the newest checkpoints up to this step. Later ones are damaged, or of a course that was left."""
        found = checkpoints(self.output)
        kept = [path for path in found if _step_of(path) <= self.step][-limit:]
        for path in found:
            if path not in kept:
                with contextlib.suppress(OSError):
                    _remove(path)

    def _finish(self) -> None:
        """The model at the top of the output folder; of the checkpoints only the last stays, to train on from."""
        if self.main:
            if self.config.sample_photos is not None:
                save_image(contact_sheet(self._sample_rows()[:2], cell=384), self.output / CARD_SAMPLES_NAME)
            self.method.save_pretrained(self._averaged(), self.output, card=str(self._card()))
            self._tidy(1)
            print(f"the model is in {self.output}")
            if self.config.push_to_hub:
                url = push_folder(
                    self.output, self.config.push_to_hub, private=self.config.private or None,
                    commit_message=f"Train {type(self.method).__name__} for {self.step} steps",
                )  # fmt: skip
                print(f"pushed: {url}")
        self.accelerator.end_training()

    def _card(self) -> Card:
        c = self.config
        title = c.title or self.output.name
        command = f"accelerate launch train.py {self.method.name} " + " ".join(
            f"--{name.replace('_', '-')} {_shell(value)}" if not isinstance(value, bool)
            else f"--{'' if value else 'no-'}{name.replace('_', '-')}"
            for name, value in c.changed().items()
            if name not in ("resume", "about", "title", "push_to_hub", "private")
        )  # fmt: skip
        sections = [("Training data", self._data_sentence())]
        if self.about:
            sections.insert(0, ("The style", self.about))
        sections.append(("Training", f"{self.step} steps of:\n\n```bash\n{command}\n```"))
        if c.init_from:
            sections.append(("Started from", f"the weights of `{_shell(c.init_from)}`."))
        return Card(
            title=title,
            summary=self.method.summary,
            name=c.push_to_hub or self.output.name,
            license=c.license,
            tags=[self.method.name],
            # The other sheets show the pictures that it learnt from, which may not be the user's to publish.
            samples=CARD_SAMPLES_NAME if (self.output / CARD_SAMPLES_NAME).exists() else None,
            sections=sections,
        )

    def _data_sentence(self) -> str:
        return f"{len(self.photos)} photographs and {len(self.paintings)} paintings."

    # ---- resuming ----
    def _state(self, pools: list[dict[str, list[torch.Tensor]]]) -> dict[str, Any]:
        return {
            "step": self.step,
            "networks": {name: network.state_dict() for name, network in self.raw.items()},
            "averages": {name: average.state_dict() for name, average in self.averages.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "pools": pools,
            "scaler": self.accelerator.scaler.state_dict() if self.accelerator.scaler is not None else None,  # fp16
            "pictures": [self.photos.fingerprint, self.paintings.fingerprint],
        }

    def _find_state(self) -> dict[str, Any] | None:
        """The state to resume from, or None for a fresh start; `resume_from` becomes its folder."""
        resume = self.config.resume
        found = checkpoints(self.output)
        if resume is None:
            if found:
                raise OptionError(
                    f"{self.output} holds a training already: go on with --resume latest, or choose another --output"
                )
            return None
        if resume != "latest":
            if not Path(resume, STATE_NAME).is_file():
                raise CheckpointError(f"{resume} is not a checkpoint: it has no {STATE_NAME}")
            self.resume_from = Path(resume)
            return _read_state(self.resume_from)
        for folder in reversed(found):
            try:
                state = _read_state(folder)
            except CheckpointError as error:
                logger.warning("%s; trying the one before", error)
                continue
            self.resume_from = folder
            return state
        if found:
            raise CheckpointError(f"none of the checkpoints in {self.output} can be read")
        if self.main:
            print(f"no checkpoint in {self.output} yet, starting afresh")
        return None

    def _load_state(self, state: dict[str, Any]) -> None:
        folder = self.resume_from
        if state["pictures"] != [self.photos.fingerprint, self.paintings.fingerprint]:
            raise DataError(f"the pictures of --source or --target are not those that {folder} was trained on")
        if state["step"] > self.config.max_steps:
            step = state["step"]
            raise OptionError(f"{folder} is at step {step} already, past --max-steps {self.config.max_steps}")
        try:
            for name, network in self.raw.items():
                network.load_state_dict(state["networks"][name])
            for name, average in self.averages.items():
                average.load_state_dict(state["averages"][name])
            for name, optimizer in self.optimizers.items():
                optimizer.load_state_dict(state["optimizers"][name])
        except (KeyError, RuntimeError, ValueError) as error:
            raise CheckpointError(
                f"{folder} does not fit this training ({_reason(error)}): resume with the options it was trained with"
            ) from error
        if self.accelerator.scaler is not None and state["scaler"] is not None:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        pools = state["pools"][self.accelerator.process_index % len(state["pools"])]
        for name, pool in self.method.pools.items():
            pool.images = [image.to(self.accelerator.device) for image in pools[name]]
        self.step = state["step"]
        if self.main:
            print(f"going on from {folder} at step {self.step}")


class _StopSignal:
    """Ctrl-C, or the SIGTERM of a cluster, ends the training after the step; a second one ends it at once."""

    def __init__(self, accelerator: Accelerator):
        self.accelerator = accelerator
        self.received = False
        self.before: dict[int, Any] = {}

    def __enter__(self) -> "_StopSignal":
        if threading.current_thread() is threading.main_thread():  # others cannot catch signals
            for number in (signal.SIGINT, signal.SIGTERM):
                self.before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _receive(self, *_: object) -> None:
        if self.received:
            raise KeyboardInterrupt("stopped at once; go on from the last checkpoint with --resume latest")
        self.received = True

    def asked(self) -> bool:
        """Whether any process was asked to stop, the same answer in each, so that all stop at the same step."""
        if self.accelerator.num_processes == 1:
            return self.received
        received = torch.tensor(float(self.received), device=self.accelerator.device)
        return bool(self.accelerator.reduce(received, "sum") > 0)


def _read_state(folder: Path) -> dict[str, Any]:
    """The contents of a checkpoint's state file, every byte of it checked."""
    path = folder / STATE_NAME
    try:
        with zipfile.ZipFile(path) as archive:  # torch.load does not look at the checksums
            if (damaged := archive.testzip()) is not None:
                raise CheckpointError(f"{folder} is damaged (at {damaged})")
        state = torch.load(path, map_location="cpu", weights_only=True)
        names = ("step", "networks", "averages", "optimizers", "pools", "pictures")
        return {"scaler": state.get("scaler"), **{name: state[name] for name in names}}
    except (OSError, zipfile.BadZipFile, RuntimeError, EOFError, KeyError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{folder} is damaged ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{next(iter(str(error).splitlines()), type(error).__name__):.150}"


def rate_factor(step: int, max_steps: int, decay_start: float) -> float:
    """Learning rate as a part of the first: 1 up to `decay_start` of all steps, then linearly towards 0."""
    first = max_steps * decay_start
    return 1.0 if step < first else max(0.0, (max_steps - step) / max(max_steps - first, 1))


def checkpoints(output: Path) -> list[Path]:
    """The checkpoint folders of a run, oldest first."""
    found = [path for path in output.glob("checkpoint-*") if path.name.removeprefix("checkpoint-").isdigit()]
    return sorted(found, key=_step_of)


def _step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix("checkpoint-"))


def _remove(checkpoint: Path) -> None:
    """Delete a checkpoint. A kill half way must not leave half of one under its name."""
    hidden = checkpoint.with_name(f".{checkpoint.name}-old")
    shutil.rmtree(hidden, ignore_errors=True)
    os.replace(checkpoint, hidden)
    shutil.rmtree(hidden, ignore_errors=True)


def _accelerator(config: UnpairedConfig) -> Accelerator:
    track = None if config.track == "none" else config.track
    precision = config.mixed_precision
    on_cpu = config.cpu or not (torch.cuda.is_available() or torch.backends.mps.is_available())
    if precision == "fp16" and on_cpu:
        raise OptionError("--mixed-precision fp16 does nothing on a CPU; use bf16, or no")
    if precision == "auto":
        if on_cpu:
            # Older versions of torch cannot tell; float32 is then only slower.
            capabilities = getattr(torch.cpu, "get_capabilities", dict)()
            bf16 = capabilities.get("avx512_bf16", False) or capabilities.get("amx_bf16", False)
        else:
            # Older GPUs, such as the T4 of free notebooks, only imitate it, slowly.
            bf16 = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
        precision = "bf16" if bf16 else "no"
    if track and track not in get_available_trackers():  # accelerate would only warn, and track nothing
        if track == "wandb":
            raise OptionError("--track wandb needs one more package: pip install wandb")
        raise MissingExtraError(f"--track {track}", "train")
    # A notebook may train twice with different precisions; accelerate alone would refuse the second.
    AcceleratorState._reset_state()
    try:
        return Accelerator(mixed_precision=precision, cpu=config.cpu, log_with=track, project_dir=str(config.output))
    except (ImportError, ValueError) as error:
        raise OptionError(str(error).splitlines()[0]) from error


def _cores() -> int:
    """The cores that this process may use, which in a container are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def _mix(*numbers: int) -> int:
    """One seed from several numbers, so that neighbouring steps have unrelated noise."""
    mixed = 0
    for number in numbers:
        mixed = (mixed * 6364136223846793005 + number + 1442695040888963407) % 2**63
    return mixed


def _spread(folder: Pictures, count: int) -> list[Image.Image]:
    """Up to `count` pictures, evenly spread through a folder."""
    count = min(count, len(folder))
    return [folder[round(i * (len(folder) - 1) / max(count - 1, 1))] for i in range(count)]


def _shell(value: Any) -> str:
    """An option's value for the card's command; of a path only its end, since the rest is nobody's business."""
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    if isinstance(value, str) and Path(value).is_dir():
        value = Path(value)
    return "/".join(value.parts[-2:]) if isinstance(value, Path) else str(value)
