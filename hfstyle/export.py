"""Networks as ONNX files, which run without torch: in Python (`OnnxGenerator`), in browsers, on phones.

The file's inputs are `pixels`, float32 of shape (batch, channels, height, width) in [-1, 1], and for a network of many
styles `numbers`, float32 (1, n), a style or any blend of styles; for one that takes no photo `latents` (batch, n). Its
output is `painting`. Batch, height and width are free, but for the multiples that the entry `hfstyle` of the file's
metadata names, beside all else that is needed to use the network rightly: see `OnnxGenerator`.
"""

import base64
import contextlib
import copy
import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from hfstyle import __version__
from hfstyle.errors import MissingExtraError, OptionError, WeightsError
from hfstyle.generators.dcgan import DCGANGenerator
from hfstyle.hub import PreTrainedModel
from hfstyle.image_to_image import ImageToImageModel
from hfstyle.images import write_whole
from hfstyle.onnx_generator import FORMAT, HEADER, open_session
from hfstyle.styles import StyledModel

OPSET = 18
TOLERANCE = 1e-4
"""How far ONNX Runtime's output may be from torch's, in a range of 2."""


def export(
    model: PreTrainedModel,
    path: str | os.PathLike,
    *,
    fp16: bool = False,
    check: bool = False,
    title: str | None = None,
    license: str | None = None,
) -> float | None:
    """Write a generator as an ONNX file, whole or not at all.

    Args:
        model: What makes pictures.
        path: The file.
        fp16: Store weights in half precision: half the file, the same inputs, outputs and speed, and weights that are
            rounded. The graph computes in float32.
        check: Run the file with ONNX Runtime at two sizes, and compare with what torch computes.
        title: What the file says it is.
        license: The Hub's short name of a licence.

    Returns:
        With `check`, the largest difference.

    Raises:
        OptionError: The model makes no pictures.
        WeightsError: By `check`, the file would compute something else than the model. Nothing is written.
        MissingExtraError: onnx, onnxscript or onnxruntime is not installed.
    """
    if not isinstance(model, (ImageToImageModel, DCGANGenerator)):
        raise OptionError(f"a {type(model).__name__} makes no pictures, so there is nothing to export")
    model = copy.deepcopy(model).to("cpu", torch.float32).eval()
    if fp16:
        model.half().float()
    # Joining batch norms to convolutions would round weights once more.
    proto = _to_onnx(model, optimize=not (fp16 and any(isinstance(m, nn.BatchNorm2d) for m in model.modules())))
    if fp16:
        _store_half(proto)
    header = _header(model, title, license)
    for key, value in {HEADER: json.dumps(header, ensure_ascii=False), **_for_readers(model, header)}.items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = key, value
    data = proto.SerializeToString()
    difference = _difference(model, data) if check else None
    if difference is not None and not difference <= TOLERANCE:
        raise WeightsError(f"ONNX Runtime computes {difference:.2g} off what torch does, more than {TOLERANCE}")
    with write_whole(path) as file:
        file.write(data)
    return difference


def _inputs(model: PreTrainedModel, batch: int, height: int, width: int) -> dict[str, torch.Tensor]:
    """Something to run a model on, by the names of its inputs."""
    random = torch.Generator().manual_seed(0)
    if isinstance(model, DCGANGenerator):
        return {"latents": torch.randn(batch, model.config.latent_dim, generator=random)}
    pixels = torch.rand(batch, model.in_channels, height, width, generator=random) * 2 - 1
    if not isinstance(model, StyledModel):
        return {"pixels": pixels}
    numbers = model.numbers.detach()[:1] if model.styles else torch.zeros(1, model.n_numbers)
    return {"pixels": pixels, "numbers": numbers}


def _size(model: PreTrainedModel, height: int, width: int) -> tuple[int, int]:
    """The next size that the network takes."""
    if isinstance(model, DCGANGenerator):
        return height, width
    step = model.size_multiple
    return tuple(-(-max(side, model.min_size) // step) * step for side in (height, width))


def _to_onnx(model: PreTrainedModel, optimize: bool) -> Any:
    """The network as an ONNX model, whose operations are those of its layers."""
    inputs = _inputs(model, 2, *_size(model, 64, 96))
    free = torch.export.Dim.DYNAMIC
    shapes = {
        "pixels": {0: free, 2: free, 3: free},
        "numbers": None,
        "latents": {0: free},
    }
    try:
        import onnx  # noqa: F401  (torch's exporter does, with a longer error)
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("exporting to ONNX", "export") from error
    with torch.no_grad(), _quietly():
        program = torch.onnx.export(
            model,
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=["painting"],
            dynamic_shapes=tuple(shapes[name] for name in inputs),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
            optimize=optimize,
        )
    return program.model_proto


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without the exporter's remarks on packages that nobody asked for."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


def _store_half(proto: Any) -> None:
    """Keep weights in half precision, and cast them back where they are used."""
    import onnx
    from onnx import helper, numpy_helper

    casts = []
    for tensor in proto.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or np.prod(tensor.dims) < 64:
            continue
        name = tensor.name
        half = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), f"{name}.half")
        tensor.CopyFrom(half)
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *proto.graph.node]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)


def _header(model: PreTrainedModel, title: str | None, license: str | None) -> dict[str, Any]:
    """What `OnnxGenerator` reads."""
    title, license = (text if isinstance(text, str) else None for text in (title, license))
    header: dict[str, Any] = {
        "format": FORMAT,
        "version": __version__,
        "class": type(model).__name__,
        "title": title,
        "license": license,
    }
    if isinstance(model, DCGANGenerator):
        return header | {"latent_dim": model.config.latent_dim}
    header |= {
        "channels": model.in_channels,
        "size_multiple": model.size_multiple,
        "min_size": model.min_size,
        "margin": model.margin,
    }
    if isinstance(model, StyledModel):
        numbers = model.numbers.detach().half().numpy().astype("<f2")
        header |= {
            "styles": list(model.styles),
            "n_numbers": model.n_numbers,
            "numbers": base64.b64encode(numbers.tobytes()).decode(),
        }
    return header


def _for_readers(model: PreTrainedModel, header: Mapping[str, Any]) -> dict[str, str]:
    """The same in words, for whoever looks at the file with another tool."""
    said = {"license": header["license"], "title": header["title"]}
    said["postprocessing"] = "RGB = round((clip(painting, -1, 1) + 1) * 127.5)"
    if "latent_dim" in header:
        said["preprocessing"] = f"latents (batch, {header['latent_dim']}) are drawn from N(0, 1)"
        return {key: value for key, value in said.items() if value}
    kind = "grey" if header["channels"] == 1 else "sRGB"
    said["preprocessing"] = (
        f"pixels (batch, {header['channels']}, height, width) = {kind} / 127.5 - 1; mirror {header['margin']} pixels "
        f"on to each side, and more up to a multiple of {header['size_multiple']} from {header['min_size']}, and cut "
        "them away from the painting"
    )
    if "styles" in header:
        said["styles"] = ", ".join(header["styles"])
        said["blending"] = (
            f"numbers (1, {header['n_numbers']}) = weights @ table, weights adding up to 1; the table, float16, a row "
            "a style, stands in base64 under 'numbers' of the JSON in the entry 'hfstyle'"
        )
    return {key: value for key, value in said.items() if value}


def _difference(model: PreTrainedModel, data: bytes) -> float:
    """The largest difference between ONNX Runtime and torch at two sizes and numbers of pictures."""
    session = open_session(data)
    worst = 0.0
    for batch, height, width in ((1, 64, 128), (3, 160, 96)):
        inputs = _inputs(model, batch, *_size(model, height, width))
        (ours,) = session.run(None, {name: value.numpy() for name, value in inputs.items()})
        with torch.inference_mode():
            expected = model(*inputs.values()).numpy()
        if ours.shape != expected.shape:
            raise WeightsError(f"ONNX Runtime makes pictures of shape {ours.shape}, torch of {expected.shape}")
        worst = max(worst, float(np.abs(ours - expected).max()))
    return worst
