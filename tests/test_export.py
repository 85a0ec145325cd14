"""Exported networks paint what their originals paint, on ONNX Runtime, without torch."""

import collections
import json
import os
import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from PIL import Image
from test_images import gradient
from test_stylebank import tiny

from hfstyle import (
    AnimeGANGenerator,
    AutoModel,
    CycleGANGenerator,
    DCGANGenerator,
    FastStyleGenerator,
    OnnxGenerator,
    PatchGANDiscriminator,
    Pix2PixGenerator,
)
from hfstyle.cli import main
from hfstyle.errors import MissingExtraError, ModelNotFoundError, OptionError, WeightsError
from hfstyle.export import TOLERANCE, export
from hfstyle.hub import PreTrainedModel
from hfstyle.onnx_generator import HEADER, OnnxStyleBank

MODELS = {
    "cyclegan": lambda: CycleGANGenerator(ngf=4, n_blocks=1, upsample="resize", margin=5),
    "cyclegan, the paper's": lambda: CycleGANGenerator(ngf=4, n_blocks=1),
    "cyclegan, CUT's": lambda: CycleGANGenerator(ngf=4, n_blocks=1, downsample="blur", upsample="bilinear"),
    "cyclegan, norms in blocks": lambda: CycleGANGenerator(ngf=4, n_blocks=1, norm="instance_blocks"),
    "cyclegan, batch norm": lambda: CycleGANGenerator(ngf=4, n_blocks=1, norm="batch"),
    "grey": lambda: CycleGANGenerator(in_channels=1, out_channels=1, ngf=4, n_blocks=1),
    "pix2pix": lambda: Pix2PixGenerator(ngf=4, n_downs=3),
    "fast style": lambda: FastStyleGenerator(ngf=4, n_blocks=1),
    "animegan": lambda: AnimeGANGenerator(ngf=2, n_blocks=1),
    "animegan, corners apart": lambda: AnimeGANGenerator(ngf=2, n_blocks=1, align_corners=False),
    "bank": tiny,
}


def lively(model: PreTrainedModel) -> PreTrainedModel:
    """With statistics and scales as training leaves them, so that an export that forgot them would show."""
    torch.manual_seed(1)
    for name, tensor in model.state_dict().items():
        if name.endswith(("running_mean", "bias")):
            tensor.normal_(0, 0.2)
        elif name.endswith("running_var") or (name.endswith("weight") and tensor.ndim == 1):
            tensor.uniform_(0.5, 1.5)
    return model.eval()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Each model with its exported file, made when first asked for."""
    folder, kept = tmp_path_factory.mktemp("onnx"), {}

    def get(name):
        if name not in kept:
            torch.manual_seed(0)
            model, path = lively(MODELS[name]()), folder / f"{len(kept)}.onnx"
            assert export(model, path, check=True, title=f"The {name}", license="cc0-1.0") <= TOLERANCE
            kept[name] = model, path
        return kept[name]

    return get


def told(model) -> list:
    return [model.styles[0]] if hasattr(model, "styles") else []


def off(one: Image.Image, other: Image.Image) -> int:
    assert one.size == other.size and one.mode == other.mode
    return int(np.abs(np.asarray(one, int) - np.asarray(other, int)).max())


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("size", [(64, 48), (101, 77), (9, 30), (6, 3)])
def test_the_same_painting_of_any_size(made, name, size):
    model, path = made(name)
    generator = OnnxGenerator.from_pretrained(path)
    photo = gradient(size=size)
    assert off(generator.stylize(photo, *told(model)), model.stylize(photo, *told(model))) <= 1  # where it rounds
    assert generator.title == f"The {name}" and generator.license == "cc0-1.0"
    # Of a single pixel, norms leave what is but rounded, which differs.
    assert generator.stylize(gradient(size=(1, 1)), *told(model)).size == (1, 1)


def test_all_options_of_stylize(made):
    model, path = made("cyclegan")
    generator = OnnxGenerator.from_pretrained(str(path))
    photo = gradient("RGBA", size=(60, 40))
    for options in ({"strength": 0.4}, {"preserve_color": True}, {"max_pixels": 900}, {"strength": 0.0}):
        painting, expected = generator.stylize(photo, **options), model.stylize(photo, **options)
        assert off(painting, expected) <= 1 and painting.mode == "RGBA"
        assert painting.info["stylized_size"] == expected.info["stylized_size"]
    assert len(generator.stylize([photo, photo])) == 2
    with pytest.raises(OptionError, match="strength must lie"):
        generator.stylize(photo, 2)


def test_styles_blends_and_strength_of_a_bank(made):
    model, path = made("bank")
    bank = OnnxGenerator.from_pretrained(path)
    assert isinstance(bank, OnnxStyleBank) and bank.styles == model.styles
    photo = gradient(size=(70, 50))
    paintings = []
    for style in (*model.styles, {model.styles[0]: 3, model.styles[1]: 1}):
        for strength in (1.0, 0.3):
            painting = bank.stylize(photo, style, strength)
            # The file keeps styles in half precision.
            assert off(painting, model.stylize(photo, style, strength)) <= 2
            paintings.append(painting)
    assert len({painting.tobytes() for painting in paintings}) == len(paintings)
    for style, words in (("rococo", "no style 'rococo' here; there are"), ({}, "a style is a name"), (3, "a name")):
        with pytest.raises(OptionError, match=words):
            bank.stylize(photo, style)


def test_many_pictures_at_a_time(made):
    model, path = made("cyclegan")
    session = OnnxGenerator.from_pretrained(path).session
    pixels = torch.rand(5, 3, 24, 40) * 2 - 1
    (paintings,) = session.run(None, {"pixels": pixels.numpy()})
    with torch.inference_mode():
        np.testing.assert_allclose(paintings, model(pixels).numpy(), atol=1e-4)


def test_pads_and_norms_are_operations_of_onnx(made):
    for name, norms in {"cyclegan": 7, "fast style": 7, "bank": 4, "pix2pix": 3}.items():
        model, path = made(name)
        graph = onnx.load(path).graph
        count = collections.Counter(node.op_type for node in graph.node)
        assert count["InstanceNormalization"] == norms, name
        assert not {"ReduceMean", "LayerNormalization", "Sqrt", "Gather" if name != "bank" else ""} & set(count), name
        mirrored = [node for node in graph.node if node.op_type == "Pad"]
        modes = {attribute.s for node in mirrored for attribute in node.attribute if attribute.name == "mode"}
        assert modes <= {b"reflect"} and (mirrored or name == "pix2pix")


def test_the_file_says_how_it_is_used(made):
    _, path = made("bank")
    said = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert said["license"] == "cc0-1.0" and said["title"] == "The bank"
    assert "127.5" in said["preprocessing"] and "clip" in said["postprocessing"]
    header = json.loads(said[HEADER])
    assert header["class"] == "StyleBankGenerator" and header["styles"] == said["styles"].split(", ")


def test_half_precision_on_disk(made, tmp_path):
    model, path = made("cyclegan")
    difference = export(model, tmp_path / "half.onnx", fp16=True, check=True)
    assert difference <= TOLERANCE and os.path.getsize(tmp_path / "half.onnx") < os.path.getsize(path)
    kinds = {
        tensor.data_type for tensor in onnx.load(tmp_path / "half.onnx").graph.initializer if len(tensor.dims) == 4
    }
    assert kinds == {onnx.TensorProto.FLOAT16}
    photo = gradient(size=(50, 40))
    assert off(OnnxGenerator.from_pretrained(tmp_path / "half.onnx").stylize(photo), model.stylize(photo)) <= 6
    # The model that was exported is as it was.
    assert next(model.parameters()).dtype == torch.float32 and export(model, tmp_path / "again.onnx") is None
    full = onnx.load(tmp_path / "again.onnx").graph.initializer
    assert {tensor.data_type for tensor in full if len(tensor.dims) == 4} == {onnx.TensorProto.FLOAT}


@pytest.mark.parametrize("fp16", [False, True])
def test_what_needs_no_photo_is_exported_too(tmp_path, fp16):
    torch.manual_seed(0)
    model = lively(DCGANGenerator(latent_dim=5, ngf=8, image_size=32))
    assert export(model, tmp_path / "x.onnx", fp16=fp16, check=True) <= TOLERANCE
    with pytest.raises(OptionError, match="x.onnx is a DCGANGenerator, which takes no photo"):
        OnnxGenerator.from_pretrained(tmp_path / "x.onnx")


def test_what_makes_no_pictures_is_refused(tmp_path):
    with pytest.raises(OptionError, match="PatchGANDiscriminator makes no pictures"):
        export(PatchGANDiscriminator(ndf=4), tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())


def test_a_file_that_would_paint_something_else_is_not_written(tmp_path, monkeypatch):
    torch.manual_seed(0)
    monkeypatch.setattr("hfstyle.export._store_half", lambda proto: proto.graph.node[0].attribute[0].CopyFrom(
        helper.make_attribute("mode", "edge")
    ))  # fmt: skip
    with pytest.raises(WeightsError, match=r"computes .* off what torch does, more than 0.0001"):
        export(MODELS["cyclegan"]().eval(), tmp_path / "x.onnx", fp16=True, check=True)
    assert not list(tmp_path.iterdir())


def test_painting_needs_no_torch(made, tmp_path):
    """Neither for one style nor for a blend, and not to be told what is wrong either."""
    gradient(size=(30, 20)).save(tmp_path / "photo.png")
    script = """if True:
        import sys
        sys.modules["torch"] = None  # importing it is an error
        from hfstyle import OnnxGenerator
        from hfstyle.errors import ModelNotFoundError
        OnnxGenerator.from_pretrained(sys.argv[1]).stylize("photo.png").save("one.png")
        OnnxGenerator.from_pretrained(sys.argv[2]).stylize("photo.png", {"monet": 1, "ukiyoe": 2}, .5).save("two.png")
        try:
            OnnxGenerator.from_pretrained("./nowhere")
        except ModelNotFoundError as error:
            print(error)
    """
    paths = [str(made(name)[1]) for name in ("cyclegan", "bank")]
    command = [sys.executable, "-c", script, *paths]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "there is no folder ./nowhere" in result.stdout
    assert off(Image.open(tmp_path / "one.png"), made("cyclegan")[0].stylize(tmp_path / "photo.png")) <= 1
    assert Image.open(tmp_path / "two.png").size == (30, 20)


# ---- from where ----
def test_from_a_folder_and_from_the_hub(made, tmp_path, hub):
    model, path = made("cyclegan")
    photo = gradient(size=(40, 30))
    model.save_pretrained(tmp_path / "model")
    with pytest.raises(ModelNotFoundError, match=r"no model\.onnx"):
        OnnxGenerator.from_pretrained(tmp_path / "model")
    (tmp_path / "model" / "model.onnx").write_bytes(path.read_bytes())
    from hfstyle.repo import push_folder

    push_folder(tmp_path / "model", "alice/monet", token="hf_alice")
    expected = OnnxGenerator.from_pretrained(path).stylize(photo)
    for name in (tmp_path / "model", "alice/monet"):
        assert OnnxGenerator.from_pretrained(name).stylize(photo).tobytes() == expected.tobytes()
    assert AutoModel.from_pretrained("alice/monet").num_parameters == model.num_parameters


# ---- strangers' files ----
def changed(path, target, **header):
    """The file with another header."""
    proto = onnx.load(path)
    for entry in proto.metadata_props:
        if entry.key == HEADER:
            said = json.loads(entry.value) | header
            entry.value = json.dumps({key: value for key, value in said.items() if value is not ...})
    onnx.save(proto, target)
    return target


@pytest.mark.parametrize("header,words", [
    ({"format": 2}, "exported by a newer hfstyle; update yours"),
    ({"format": "one"}, "does not say in a way that hfstyle knows"),
    ({"channels": 10**9}, "channels must lie between 1 and 3"),
    ({"size_multiple": 0}, "size_multiple must lie between 1 and 1024"),
    ({"size_multiple": True}, "size_multiple must lie"),
    ({"min_size": ...}, "min_size must lie between"),
    ({"margin": -1}, "margin must lie between"),
    ({"margin": 1e300}, "margin must lie between"),
    ({"styles": "monet"}, "which styles it has"),
    ({"styles": ["x"] * 3000}, "which styles it has"),
    ({"n_numbers": 10**12}, "which styles it has"),
    ({"n_numbers": 3}, "numbers of its styles are damaged"),
    ({"numbers": "%%%"}, "numbers of its styles are damaged"),
    ({"numbers": "AH4A"}, "numbers of its styles are damaged"),
])  # fmt: skip
def test_headers_that_lie(made, tmp_path, header, words):
    _, path = made("bank")
    with pytest.raises(WeightsError, match=words) as caught:
        OnnxGenerator.from_pretrained(changed(path, tmp_path / "x.onnx", **header))
    assert "\n" not in str(caught.value)


def test_files_that_are_none(made, tmp_path):
    whole = made("cyclegan")[1].read_bytes()
    for data in (b"", b"hello", whole[:100], whole[: len(whole) // 2], b"\xff" * 1000):
        (tmp_path / "x.onnx").write_bytes(data)
        with pytest.raises(WeightsError, match=r"x\.onnx is damaged or no ONNX file|is not from hfstyle") as caught:
            OnnxGenerator.from_pretrained(tmp_path / "x.onnx")
        assert "\n" not in str(caught.value)
    node = helper.make_node("Identity", ["a"], ["b"])
    value = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "ab"]
    graph = helper.make_graph([node], "other", value[:1], value[1:])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), tmp_path / "x.onnx"
    )
    with pytest.raises(WeightsError, match="is not from hfstyle export"):
        OnnxGenerator.from_pretrained(tmp_path / "x.onnx")
    with pytest.raises(ModelNotFoundError):
        OnnxGenerator.from_pretrained(tmp_path / "nowhere.onnx")


def graph_of(inputs: dict[str, list], output: list, header: dict, kind=onnx.TensorProto.FLOAT):
    """A file whose header says one thing and whose graph is another: what it takes first comes out."""
    values = [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()]
    node = helper.make_node("Identity", [next(iter(inputs))], ["painting"])
    made = helper.make_tensor_value_info("painting", kind, output)
    graph = helper.make_graph([node], "other", values, [made])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    entry = model.metadata_props.add()
    entry.key, entry.value = HEADER, json.dumps(header)
    return model


HEAD = {"format": 1, "channels": 3, "size_multiple": 1, "min_size": 1, "margin": 0, "title": None, "license": None}
FREE = ["n", 3, "h", "w"]


@pytest.mark.parametrize("inputs,output,kind", [
    ({"other": FREE}, FREE, onnx.TensorProto.FLOAT),
    ({"pixels": FREE, "more": FREE}, FREE, onnx.TensorProto.FLOAT),
    ({"pixels": [3]}, [3], onnx.TensorProto.FLOAT),
    ({"pixels": FREE}, FREE, onnx.TensorProto.INT64),
])  # fmt: skip
def test_graphs_that_do_not_fit_their_header(tmp_path, inputs, output, kind):
    onnx.save(graph_of(inputs, output, HEAD, kind), tmp_path / "x.onnx")
    with pytest.raises(WeightsError, match=r"x\.onnx does not take and give what its header says"):
        OnnxGenerator.from_pretrained(tmp_path / "x.onnx")


def test_graphs_that_cannot_paint_say_so_in_a_line(tmp_path):
    onnx.save(graph_of({"pixels": [1, 3, 8, 8]}, [1, 3, 8, 8], HEAD), tmp_path / "x.onnx")
    generator = OnnxGenerator.from_pretrained(tmp_path / "x.onnx")
    assert generator.stylize(gradient(size=(8, 8))).size == (8, 8)
    with pytest.raises(WeightsError, match="the network cannot paint this") as caught:
        generator.stylize(gradient(size=(9, 9)))
    assert "\n" not in str(caught.value)


def test_numbers_of_numpy_are_numbers(made):
    """As strengths from linspace are."""
    for name in ("cyclegan", "bank"):
        model, path = made(name)
        for painter in (model, OnnxGenerator.from_pretrained(path)):
            photo = gradient(size=(20, 16))
            expected = painter.stylize(photo, *told(model), 0.5)
            assert off(painter.stylize(photo, *told(model), np.float64(0.5)), expected) == 0


@pytest.mark.parametrize("license", [["mit", "apache-2.0"], 5, None])
def test_odd_licences_do_not_stop_an_export(tmp_path, monkeypatch, license):
    monkeypatch.chdir(tmp_path)
    card = f"---\nlicense: {json.dumps(license)}\n---\n# T\n"
    CycleGANGenerator(ngf=4, n_blocks=0).save_pretrained("model", card=card)
    assert main(["export", "./model"]) == 0
    said = {"list": "mit, apache-2.0"}.get(type(license).__name__)
    assert OnnxGenerator.from_pretrained("model.onnx").license == said


def test_providers_are_chosen_by_name(made):
    _, path = made("cyclegan")
    assert OnnxGenerator.from_pretrained(path, providers=["CPUExecutionProvider"]).stylize(gradient()).size
    with pytest.raises(OptionError, match="no provider Abacus here; it has .*CPUExecutionProvider"):
        OnnxGenerator.from_pretrained(path, providers=["Abacus"])


@pytest.mark.parametrize("package,call", [
    ("onnxruntime", lambda path: OnnxGenerator.from_pretrained(path)),
    ("onnxscript", lambda path: export(CycleGANGenerator(ngf=4, n_blocks=1), path.parent / "never.onnx")),
])  # fmt: skip
def test_a_missing_package_is_one_line(made, monkeypatch, package, call):
    _, path = made("cyclegan")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'hfstyle\[export\]'"):
        call(path)


# ---- the command ----
def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    model = lively(MODELS["cyclegan"]())
    card = "---\nlicense: cc-by-4.0\n---\n\n# My prints\n"
    model.save_pretrained("prints", card=card)
    assert main(["export", "./prints", "--check"]) == 0
    assert capsys.readouterr().out.startswith("prints.onnx: 0.")
    generator = OnnxGenerator.from_pretrained("prints.onnx")
    assert (generator.title, generator.license) == ("My prints", "cc-by-4.0")
    assert main(["export", "./prints"]) == 2
    assert "prints.onnx exists; pass --overwrite" in capsys.readouterr().err
    assert main(["export", "./prints", "-o", "sub/half.onnx", "--fp16", "--check", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert done["largest_difference"] <= TOLERANCE and done["bytes"] == os.path.getsize("sub/half.onnx")
    for arguments, words in ((["nowhere"], "no bundled model named"), (["./prints", "-o", "x.txt"], "name it .onnx")):
        assert main(["export", *arguments]) == 2
        assert words in capsys.readouterr().err
