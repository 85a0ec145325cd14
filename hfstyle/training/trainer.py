"""The one training loop. A method (cyclegan.py, ...) says what a step minimises; all else is here."""

import contextlib
import dataclasses
import io
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast, broadcast_object_list, gather_object, set_seed
from PIL import Image
from torch import nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader
from tqdm import tqdm

from hfstyle.card import renewed_card
from hfstyle.data.streams import StepSampler
from hfstyle.errors import CheckpointError, DataError, HfstyleError, ImageError, OptionError
from hfstyle.images import contact_sheet, save_image, write_whole
from hfstyle.machine import cores, peak_memory
from hfstyle.repo import CARD_NAME, SAMPLES_NAME, create_repo, push_folder
from hfstyle.training.checkpoints import (
    BEST_NAME,
    STATE_NAME,
    checkpoints,
    find_state,
    reason,
    remove_folder,
    remove_leftovers,
    replace_folder,
    step_of,
)
from hfstyle.training.config import PictureConfig
from hfstyle.training.machine import StopSignal, make_accelerator, memory_errors
from hfstyle.training.method import Method
from hfstyle.training.noise import Noise, mix
from hfstyle.training.report import MEASURED, METRICS_NAME, make_card, shell, write_curves
from hfstyle.training.validation import Validation, evaluating

OPTIONS_NAME = "options.json"
EVALUATION_NAME = "evaluation.json"


class Trainer:
    """Trains one method. `Trainer(CycleGAN, config).train()` leaves a folder that `from_pretrained` loads.

    Several processes share each step: every one computes the gradients of its own samples, then all take the mean.
    Random numbers belong to samples and losses are means over samples, so N processes do what one does with N times
    the batch, but for batch norm, dropout and image pools, which are each process's own.
    """

    def __init__(self, method_class: type[Method], config: PictureConfig):
        config.check()
        self.config = config
        self.about = config.about_text()
        self.accelerator = make_accelerator(config)
        self.main = self.accelerator.is_main_process
        self.output = Path(config.output)
        # What is cheap to check comes first: a wrong folder should not cost the time to build networks.
        self._on_main(self._check_output)
        # On several machines only the first may have the files.
        found = self._on_main(lambda: find_state(self.output, config.resume))
        self.resume_from, state = found or (None, None)
        self.material = method_class.material(config, quiet=not self.main)
        self._on_main(self._make_output)
        self._build(method_class)
        self.step = 0
        self.samples = 0
        """Samples seen by all processes, and so the number of the next."""
        self.evaluations: dict[str, Any] = {"last": None, "best": None, "by": config.metric, "without_gain": 0}
        """Step and measures of the newest evaluation and of the best by a measure, and how many there were since."""
        self.timings: dict[str, list[float]] = {}
        if state is not None:
            self._load_state(state)
        self._share_weights()
        self.validation = None
        if config.eval_every and self.main:
            self.validation = Validation(self.material, config.eval_samples, self.accelerator)
        if self.main:
            precision = {"no": "float32"}.get(self.accelerator.mixed_precision, self.accelerator.mixed_precision)
            processes = f"{self.accelerator.num_processes} processes, " if self.accelerator.num_processes > 1 else ""
            print(
                f"{self.material.described}; training in {precision} on {self.accelerator.device.type}, "
                f"{processes}{torch.get_num_threads()} threads"
            )

    def _build(self, method_class: type[Method]) -> None:
        """Networks, their averages and optimisers, with the weights that a training starts from."""
        config = self.config
        set_seed(config.seed)
        # A checkpoint holds all networks: what the training once started from may be gone, or be another by now.
        restart = self.resume_from is not None and config.init_from is not None
        start = config.resumed_from(self.resume_from) if restart else config
        self.method = method_class(start, self.accelerator, self.material.stream)
        self.networks = self.method.networks
        for network in self.networks.values():
            # To its device and into mixed precision. Gradients are averaged here (see `_share_gradients`), because
            # DistributedDataParallel takes one forward pass a step for granted, and renames parameters.
            self.accelerator.prepare_model(network, evaluation_mode=True)
        self.optimizers = {}
        self.base_rates = {}  # not in the optimisers, whose state would bring back the old ones on --resume
        for name, parameters in self.method.optimizers.items():
            own = config.lr_discriminator if name == "discriminators" else None
            lr = config.lr if own is None else own
            adam = torch.optim.Adam(parameters, lr=lr, betas=(config.beta1, 0.999), fused=True)
            self.base_rates[name] = lr
            self.optimizers[name] = adam
        self.averages = {
            name: AveragedModel(self.networks[name], multi_avg_fn=self._average, use_buffers=True)
            for name in self.method.averaged
            if config.ema
        }

    def train(self) -> None:
        """Run to `max_steps`, or until evaluations bring nothing new; then save and, where asked, push."""
        try:
            with memory_errors():
                self._train()
        except OSError as error:
            if isinstance(error, HfstyleError):
                raise
            kept = checkpoints(self.output)
            raise CheckpointError(
                f"cannot write to {self.output} ({reason(error)}); the last good checkpoint is "
                f"{kept[-1].name if kept else 'none'}: make room, then go on with --resume latest"
            ) from error
        finally:
            for tracker in self.accelerator.trackers:
                tracker.finish()

    def _train(self) -> None:
        config = self.config
        since_log: list[dict[str, torch.Tensor]] = []
        metrics = self._open_metrics()
        bar = tqdm(
            total=config.max_steps, initial=self.step, unit="step", dynamic_ncols=True, smoothing=0.05,
            disable=not self.main, desc=f"training {self.output.name}",
        )  # fmt: skip
        with bar, metrics, StopSignal(self.accelerator) as stop:
            batches = iter(self._loader())  # here, so that Ctrl-C does not end the processes that load pictures
            while not self._done():
                with self._timed("step"):
                    since_log.append(self._take_step_or_save(batches))
                bar.update()
                evaluate = config.eval_every and (_due(self.step, config.eval_every) or self._done())
                measured = self._evaluate(bar) if evaluate else {}
                last = self._done()
                stopped = stop.asked()
                gained = bool(measured) and self.evaluations["best"]["step"] == self.step
                save = last or stopped or gained or _due(self.step, config.checkpoint_every)
                # Losses are looked at before every checkpoint, so that none holds numbers that are no numbers.
                if save or measured or _due(self.step, config.log_every):
                    self._log(metrics, bar, since_log, measured)
                    since_log = []
                if _due(self.step, config.sample_every) or (last and config.sample_every):
                    self._write_samples()
                if save:
                    with self._timed("checkpoint"):
                        self._save_checkpoint()
                if stopped and not last:
                    raise KeyboardInterrupt(f"stopped at step {self.step} and saved; go on with --resume latest")
        self._finish()

    def _take_step_or_save(self, batches: Iterator[list[torch.Tensor]]) -> dict[str, torch.Tensor]:
        """A step. If a picture cannot be read any more, what was learnt so far is saved."""
        try:
            return self._take_step(batches)
        except (ImageError, RuntimeError) as error:
            said = str(error).strip().splitlines() or [""]
            if isinstance(error, RuntimeError) and not said[0].startswith("DataLoader worker"):
                raise
            # Of an error in a loading process, the last line says what it was, behind its class.
            why = said[-1].removeprefix(f"{ImageError.__module__}.{ImageError.__name__}: ")
            kept = "the last checkpoint is whole"
            if self.accelerator.num_processes == 1:
                self._save_checkpoint()
                kept = f"saved at step {self.step}"
            raise DataError(f"a picture could not be loaded ({why}); {kept}, go on with --resume latest") from error

    def _take_step(self, batches: Iterator[list[torch.Tensor]]) -> dict[str, torch.Tensor]:
        """One step of all optimisers; returns its losses."""
        config, parts = self.config, self.config.gradient_accumulation
        self._set_rates()
        # What is not drawn for a sample, such as dropout, follows from the step: there is no random state to save.
        torch.manual_seed(mix(config.seed, self.step, self.accelerator.process_index))
        sums: dict[str, torch.Tensor] = {}
        for _ in range(parts):
            numbers, *images = next(batches)
            images = [image.to(self.accelerator.device) for image in images]
            losses = self.method.backward(images, Noise(config.seed, numbers.tolist()), 1 / parts)
            for name, loss in losses.items():
                sums[name] = sums.get(name, 0) + loss / parts
        self._share_gradients()
        scaler = self.accelerator.scaler  # of fp16
        for optimizer in self.optimizers.values():
            optimizer.step() if scaler is None else scaler.step(optimizer)
        if scaler is not None:
            # Once all have stepped, else the second would divide by another number than its gradients were scaled by.
            # (So accelerate's own wrapper of optimisers is of no use here.)
            scaler.update()
        for optimizer in self.optimizers.values():
            optimizer.zero_grad(set_to_none=True)
        for name, average in self.averages.items():
            average.update_parameters(self.networks[name])
        self.step += 1
        self.samples += config.batch_size * parts * self.accelerator.num_processes
        return sums

    def _done(self) -> bool:
        patience = self.config.early_stop
        return self.step >= self.config.max_steps or 0 < patience <= self.evaluations["without_gain"]

    # ---- processes ----
    def _on_main(self, work: Callable[[], Any]) -> Any:
        """What the main process finds, or the error that it meets, in all processes."""
        if self.accelerator.num_processes == 1:
            return work()
        result: Any = None
        if self.main:
            try:
                result = work()
            except HfstyleError as error:
                result = error
        (result,) = broadcast_object_list([result])
        if isinstance(result, HfstyleError):
            result.said_elsewhere = not self.main
            raise result
        return result

    def _share_weights(self) -> None:
        """The main process's weights in all: on another processor even the same seed may draw other digits."""
        if self.accelerator.num_processes > 1:
            modules = [*self.networks.values(), *self.averages.values()]
            for tensor in (tensor for module in modules for tensor in module.state_dict().values()):
                tensor.copy_(broadcast(tensor))

    def _share_gradients(self) -> None:
        """The mean of all processes' gradients in each, as one flat tensor, which travels fastest."""
        if self.accelerator.num_processes == 1:
            return
        gradients = [
            parameter.grad
            for optimizer in self.optimizers.values()
            for group in optimizer.param_groups
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        flat = torch.cat([gradient.ravel() for gradient in gradients])
        flat = self.accelerator.reduce(flat, "mean")
        for gradient, shared in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(shared.view_as(gradient))

    # ---- data ----
    def _loader(self) -> DataLoader:
        c = self.config
        batches = (c.max_steps - self.step) * c.gradient_accumulation
        sampler = StepSampler(
            self.samples, batches, c.batch_size, self.accelerator.process_index, self.accelerator.num_processes
        )
        # Beside other devices, processes are spawned, and each would get a copy of all pictures.
        on_gpu = self.accelerator.device.type == "cuda"
        workers = c.num_workers if c.num_workers is not None else (min(8, cores()) if on_gpu else 0)
        return DataLoader(
            self.material.stream, batch_size=c.batch_size, sampler=sampler, num_workers=workers, pin_memory=on_gpu,
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

    # ---- measuring ----
    def _evaluate(self, bar: tqdm) -> dict[str, float]:
        """Measure the averaged networks; the same answer in all processes."""

        def measure() -> dict[str, float]:
            with self._timed("evaluation"):
                return self.validation(self.method, self._averaged())

        measured = self._on_main(measure)
        by = self.config.metric
        best = self.evaluations["best"]
        newest = {"step": self.step, **measured}
        gained = best is None or measured[by] < best[by]
        self.evaluations |= {
            "last": newest,
            "best": newest if gained else best,
            "without_gain": 0 if gained else self.evaluations["without_gain"] + 1,
        }
        if self.main:
            numbers = ", ".join(f"{name} {value:.4f}" for name, value in measured.items())
            bar.write(f"step {self.step}: {numbers}{f' (the best {by} so far)' if gained else ''}")
        return measured

    @contextlib.contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.timings.setdefault(what, []).append(time.perf_counter() - start)

    # ---- what is written ----
    def _check_output(self) -> None:
        """Raises OptionError for an output folder in which something could be lost."""
        output = self.output.resolve()
        samples = getattr(self.config, "sample_photos", None)
        for option, folder in [*self.config.sources.items(), *([("sample-photos", samples)] if samples else [])]:
            if Path(folder).is_dir() and output.is_relative_to(Path(folder).resolve()):
                raise OptionError(
                    f"--output lies in the folder of --{option}, which would take its sheets for pictures"
                )
        if output.is_file():
            raise OptionError(f"--output {self.output} is a file")
        if output.is_dir() and any(output.iterdir()) and not (output / OPTIONS_NAME).exists():
            raise OptionError(f"{self.output} holds other files: choose another --output")

    def _make_output(self) -> None:
        try:
            self.output.mkdir(parents=True, exist_ok=True)
            remove_leftovers(self.output)
            with write_whole(self.output / OPTIONS_NAME) as file:
                file.write(self.config.to_json().encode())
        except OSError as error:
            raise OptionError(f"cannot write to the folder {self.output}: {reason(error)}") from error
        if self.config.push_to_hub:
            # Whoever is not logged in should hear it now, not after days.
            create_repo(self.config.push_to_hub, private=self.config.private or None)

    def _open_metrics(self) -> Any:
        """The metrics log, without what a killed run wrote after the checkpoint that this one goes on from."""
        if not self.main:
            return contextlib.nullcontext()
        if self.config.track != "none":
            self.accelerator.init_trackers("hfstyle", {k: shell(v) for k, v in self.config.changed().items()})
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

    def _log(self, metrics: Any, bar: tqdm, steps: list[dict[str, torch.Tensor]], measured: dict[str, float]) -> None:
        """The mean losses since the last time, over all processes."""
        names = list(steps[0])
        values = torch.stack([torch.stack([losses[name].float() for name in names]) for losses in steps])
        values = self.accelerator.reduce(values, "mean").double().cpu()  # (steps, losses)
        for row, step in zip(values, range(self.step - len(steps) + 1, self.step + 1), strict=True):
            if not row.isfinite().all():
                broken = [name for name, fine in zip(names, row.isfinite(), strict=True) if not fine]
                raise self._diverged(f"the loss is no longer a number at step {step} ({', '.join(broken)})")
        if not self.main:
            return
        means = dict(zip(names, values.mean(0).tolist(), strict=True))
        rates = {f"lr_{name}": group["lr"] for name, o in self.optimizers.items() for group in o.param_groups}
        record = {"step": self.step, **{name: round(value, 5) for name, value in means.items()}, **rates}
        # A loss may have the name of a measure: the loss "cycle" is weighted, and on what is learnt from.
        record |= {f"{MEASURED}{name}": round(value, 6) for name, value in measured.items()}
        seconds = statistics.mean(self.timings["step"][-len(steps) :])
        metrics.write(json.dumps({**record, "seconds_per_step": round(seconds, 4)}) + "\n")
        metrics.flush()
        self.accelerator.log({name: value for name, value in record.items() if name != "step"}, step=self.step)
        bar.set_postfix_str(
            f"generator {sum(v for k, v in means.items() if not k.startswith('discriminator')):.2f} "
            f"discriminator {means.get('discriminator', 0):.3f}"
        )

    def _diverged(self, what: str) -> CheckpointError:
        kept = checkpoints(self.output)
        if not kept:
            return CheckpointError(f"{what}, before the first checkpoint: start again with a lower --lr")
        return CheckpointError(
            f"{what}; the last good checkpoint is {kept[-1].name}: go on from it with --resume latest and a lower --lr"
        )

    def _averaged(self) -> dict[str, nn.Module]:
        """The networks as they are saved and shown: averaged where there is an average."""
        return {
            name: self.averages[name].module if name in self.averages else network
            for name, network in self.networks.items()
        }

    def _write_samples(self) -> None:
        if self.main:
            with self._timed("samples"):
                folder = self.output / "samples"
                folder.mkdir(exist_ok=True)
                save_image(contact_sheet(self._sample_rows()), folder / f"step-{self.step:07d}.jpg")

    def _sample_rows(self) -> list[list[Image.Image]]:
        networks = self._averaged()
        with evaluating(networks):
            return self.method.sample(networks, self.material.photos, self.material.paintings)

    def _save_checkpoint(self) -> None:
        for name, network in self.networks.items():  # a finite loss may still have had gradients that were not
            if not all(parameter.isfinite().all() for parameter in network.parameters()):
                raise self._diverged(f"the weights of {name} are no longer numbers at step {self.step}")
        own = {name: [image.cpu() for image in pool.images] for name, pool in self.method.pools.items()}
        pools = gather_object([own])
        self._on_main(lambda: self._write_checkpoint(pools))

    def _write_checkpoint(self, pools: list[dict[str, list[torch.Tensor]]]) -> None:
        final = self.output / f"checkpoint-{self.step}"
        partial = self.output / f".checkpoint-{self.step}"
        shutil.rmtree(partial, ignore_errors=True)
        try:
            if self.evaluations["last"] is not None and self.evaluations["last"]["step"] == self.step:
                write_curves(self.output)
            partial.mkdir()
            self.method.save_pretrained(self._averaged(), partial, card=self._card(partial))
            with write_whole(partial / STATE_NAME) as file:
                torch.save(self._state(pools), file)
            replace_folder(partial, final)  # under its name a checkpoint is always whole
            self._keep_best(final)
        except (OSError, RuntimeError) as error:  # torch.save turns a full disk into a RuntimeError
            shutil.rmtree(partial, ignore_errors=True)
            kept = checkpoints(self.output)
            raise CheckpointError(
                f"cannot write the checkpoint of step {self.step} ({reason(error)}); the last good one is "
                f"{kept[-1].name if kept else 'none'}: make room, then go on with --resume latest"
            ) from error
        self._tidy(self.config.checkpoints_limit)

    def _keep_best(self, checkpoint: Path) -> None:
        """Copy the model of the best evaluation's checkpoint to best/, with its figures and a sheet.

        Only ever from a checkpoint: so after a kill, best/ is never of a step that the resumed run has yet to take.
        """
        best, folder = self.evaluations["best"], self.output / BEST_NAME
        if best is None or best["step"] != self.step or _evaluation_of(folder) == best:
            return
        partial = self.output / f".{BEST_NAME}"
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(checkpoint, partial, ignore=shutil.ignore_patterns(STATE_NAME))
        save_image(contact_sheet(self._sample_rows()), partial / "sheet.jpg")
        with write_whole(partial / EVALUATION_NAME) as file:
            file.write((json.dumps(best, indent=2) + "\n").encode())
        replace_folder(partial, folder)

    def _tidy(self, limit: int) -> None:
        """Keep the newest checkpoints up to this step. Later ones are damaged, or of a course that was left."""
        found = checkpoints(self.output)
        kept = [path for path in found if step_of(path) <= self.step][-limit:]
        for path in found:
            if path not in kept:
                with contextlib.suppress(OSError):
                    remove_folder(path)

    def _finish(self) -> None:
        """The model at the top of the output folder; of the checkpoints only the last stays, to train on from."""
        if self.main:
            write_curves(self.output)
            (self.output / SAMPLES_NAME).unlink(missing_ok=True)  # of an earlier training, with other photos
            if count := self.method.publishable_rows:
                rows = self._sample_rows()[:count]
                largest = max(max(picture.size) for row in rows for picture in row)
                sheet = contact_sheet(rows, cell=min(384 if count < 6 else 224, 2 * largest))
                save_image(sheet, self.output / SAMPLES_NAME)
            self.method.save_pretrained(self._averaged(), self.output, card=self._card(self.output))
            self._tidy(1)
            best = self.evaluations["best"]
            earlier = best is not None and best["step"] != self.step
            better = (
                f", that of the best {self.config.metric} (step {best['step']}) in its folder best" if earlier else ""
            )
            print(f"the model is in {self.output}{better}")
            if self.config.push_to_hub:
                url = push_folder(
                    self.output, self.config.push_to_hub, private=self.config.private or None,
                    commit_message=f"Train {type(self.method).__name__} for {self.step} steps",
                )  # fmt: skip
                print(f"pushed: {url}")
        self.accelerator.wait_for_everyone()

    def _card(self, folder: Path) -> str:
        """The model card for a folder; of one that is there, and was perhaps edited, what hfstyle wrote is renewed."""
        card = str(make_card(self.config, self.method, self.material, folder, self.step, self.evaluations, self.about))
        return renewed_card(folder / CARD_NAME, card)

    # ---- resuming ----
    def _state(self, pools: list[dict[str, list[torch.Tensor]]]) -> dict[str, Any]:
        return {
            "step": self.step,
            "samples": self.samples,
            "networks": {name: network.state_dict() for name, network in self.networks.items()},
            "references": {name: network.state_dict() for name, network in self.method.references.items()},
            "averages": {name: average.state_dict() for name, average in self.averages.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "pools": pools,
            "scaler": self.accelerator.scaler.state_dict() if self.accelerator.scaler is not None else None,  # fp16
            "pictures": self.material.fingerprints,
            "evaluations": self.evaluations,
        }

    def _load_state(self, state: dict[str, Any]) -> None:
        folder = self.resume_from
        if state["pictures"] != self.material.fingerprints:
            raise DataError(
                "the pictures, or which are held back (--seed, --hold-back, --eval-every 0), are not those of "
                f"{folder}: resume with the same ones"
            )
        if state["step"] > self.config.max_steps:
            step = state["step"]
            raise OptionError(f"{folder} is at step {step} already, past --max-steps {self.config.max_steps}")
        try:
            for name, network in self.networks.items():
                network.load_state_dict(state["networks"][name])
            for name, reference in self.method.references.items():
                reference.load_state_dict(state["references"][name])
            for name, average in self.averages.items():
                average.load_state_dict(state["averages"][name])
            for name, optimizer in self.optimizers.items():
                optimizer.load_state_dict(state["optimizers"][name])
        except (KeyError, RuntimeError, ValueError) as error:
            raise CheckpointError(
                f"{folder} does not fit this training ({reason(error)}): resume with the options it was trained with"
            ) from error
        if self.accelerator.scaler is not None and state["scaler"] is not None:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        pools = state["pools"][self.accelerator.process_index % len(state["pools"])]
        for name, pool in self.method.pools.items():
            pool.images = [image.to(self.accelerator.device) for image in pools[name]]
        self.step, self.samples = state["step"], state["samples"]
        self.evaluations = state["evaluations"]
        if self.main:
            print(f"going on from {folder} at step {self.step}")
            self._keep_best(folder)
        self._forget_what_cannot_be_compared()

    def _forget_what_cannot_be_compared(self) -> None:
        """The best by another --metric, and one that is not in best/, which is then of a course that was left."""
        folder = self.output / BEST_NAME

        def forget() -> bool:
            best = self.evaluations["best"]
            known = self.evaluations["by"] == self.config.metric and _evaluation_of(folder) == best
            if not known and folder.exists():
                remove_folder(folder)
            return not known

        if self._on_main(forget):
            self.evaluations |= {"best": None, "without_gain": 0}
        self.evaluations["by"] = self.config.metric


def dry_run(method_class: type[Method], config: PictureConfig) -> None:
    """Two steps of everything in a folder that is thrown away, then what the whole would cost."""
    with tempfile.TemporaryDirectory() as folder:
        trial = dataclasses.replace(
            config,
            output=Path(folder) / config.output.name,
            max_steps=3,  # the first is slow, and not counted
            log_every=1,
            checkpoint_every=2,
            sample_every=2 if config.sample_every else 0,
            eval_every=2 if config.eval_every else 0,
            early_stop=0,
            resume=None,
            push_to_hub=None,
            track="none",
        )
        trainer = Trainer(method_class, trial)
        with contextlib.redirect_stdout(io.StringIO()):  # where the model is, which will be gone
            trainer.train()
    times = {what: min(seconds[-2:]) for what, seconds in trainer.timings.items()}
    counts = {
        "step": config.max_steps,
        "evaluation": config.max_steps / config.eval_every if config.eval_every else 0,
        "samples": config.max_steps / config.sample_every if config.sample_every else 0,
        "checkpoint": config.max_steps / config.checkpoint_every if config.checkpoint_every else 1,
    }
    total = sum(counts[what] * seconds for what, seconds in times.items())
    memory = peak_memory(trainer.accelerator.device)
    if trainer.main:
        each = ", ".join(f"{what} {seconds:.2f} s" for what, seconds in times.items())
        peak = "" if memory is None else f"; peak memory of each process {memory / 2**30:.1f} GiB"
        print(f"dry run: {each}\n{config.max_steps} steps take about {_duration(total)}{peak}")


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    first = next((i for i, (count, _) in enumerate(units) if count), 3)
    return " ".join(f"{count} {unit}" for count, unit in units[first : first + 2])


def rate_factor(step: int, max_steps: int, decay_start: float) -> float:
    """Learning rate as a part of the first: 1 up to `decay_start` of all steps, then linearly towards 0."""
    first = max_steps * decay_start
    return 1.0 if step < first else max(0.0, (max_steps - step) / max(max_steps - first, 1))


def _evaluation_of(folder: Path) -> dict[str, Any] | None:
    """The step and measures of the model in best/, or None where there is none."""
    try:
        return json.loads((folder / EVALUATION_NAME).read_text())
    except (OSError, ValueError):
        return None


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0
