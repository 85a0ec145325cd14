"""One suite that every model class must pass: loading, saving, strictness, types, determinism."""

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from test_images import gradient

from hfstyle import AutoModel, DCGANDiscriminator, DCGANGenerator, PixelDiscriminator, bundled_models
from hfstyle.auto import MODEL_CLASSES
from hfstyle.discriminators import FeatureDiscriminator, StylePatchGANDiscriminator
from hfstyle.errors import ConfigError, HfstyleError, ModelNotFoundError, OptionError, WeightsError
from hfstyle.features import VGG16Features
from hfstyle.hub import MAX_NAMES
from hfstyle.repo import CONFIG_NAME, WEIGHTS_NAME
from hfstyle.styles import StyledModel

# Of each class, a small model and the largest that its config allows.
TINY = {
    "AnimeGANGenerator": {"ngf": 2, "n_blocks": 1},
    "CycleGANGenerator": {"ngf": 4, "n_blocks": 1},
    "DCGANDiscriminator": {"ndf": 4, "image_size": 32},
    "DCGANGenerator": {"latent_dim": 5, "ngf": 4, "image_size": 16},
    "FastStyleGenerator": {"ngf": 4, "n_blocks": 1},
    "FeatureDiscriminator": {"styles": ("monet", "山水"), "width": 4},
    "MultiScaleDiscriminator": {"ndf": 4, "n_layers": 1, "n_scales": 2},
    "PatchGANDiscriminator": {"ndf": 4, "n_layers": 2},
    "Pix2PixGenerator": {"ngf": 4, "n_downs": 3},
    "PixelDiscriminator": {"ndf": 4, "norm": "instance"},
    "StyleBankGenerator": {"styles": ("monet", "山水"), "ngf": 2, "n_blocks": 1},
    "StylePatchGANDiscriminator": {"ndf": 4, "n_layers": 2, "styles": ("monet", "山水")},
}
LARGEST = {
    "AnimeGANGenerator": {"ngf": 256, "n_blocks": 64},
    "CycleGANGenerator": {"ngf": 512, "n_blocks": 64},
    "DCGANDiscriminator": {"ndf": 512, "image_size": 256},
    "DCGANGenerator": {"latent_dim": 4096, "ngf": 512, "image_size": 256},
    "FastStyleGenerator": {"ngf": 512, "n_blocks": 64},
    "FeatureDiscriminator": {"styles": [f"{i:𠮷<64}" for i in range(MAX_NAMES)], "width": 512},
    "MultiScaleDiscriminator": {"ndf": 512, "n_layers": 6, "n_scales": 5},
    "PatchGANDiscriminator": {"ndf": 512, "n_layers": 6},
    "Pix2PixGenerator": {"ngf": 512, "n_downs": 10},
    "PixelDiscriminator": {"ndf": 512},
    "StyleBankGenerator": {"styles": [f"{i:𠮷<64}" for i in range(MAX_NAMES)], "ngf": 256, "n_blocks": 64},
    "StylePatchGANDiscriminator": {"ndf": 512, "n_layers": 6, "styles": [f"{i:𠮷<64}" for i in range(MAX_NAMES)]},
}


def test_every_class_is_in_the_suite():
    assert TINY.keys() == LARGEST.keys() == MODEL_CLASSES.keys()


@pytest.fixture(params=sorted(MODEL_CLASSES))
def model(request):
    torch.manual_seed(0)
    return MODEL_CLASSES[request.param](**TINY[request.param]).eval()


@pytest.fixture
def folder(model, tmp_path):
    model.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def edit_config(folder, **changes):
    config = json.loads((folder / CONFIG_NAME).read_text())
    config |= changes
    config = {key: value for key, value in config.items() if value is not ...}
    (folder / CONFIG_NAME).write_text(json.dumps(config, ensure_ascii=False))


def inputs_shape(model) -> tuple[int, ...]:
    """Of what the model takes, but for the batch."""
    if isinstance(model, DCGANGenerator):
        return (model.config.latent_dim,)
    return getattr(model.config, "in_channels", 3), 32, 32 if isinstance(model, DCGANDiscriminator) else 48


def call(model, inputs: torch.Tensor) -> torch.Tensor:
    """The model's output, of the first style where it is told one."""
    first = torch.zeros(len(inputs), dtype=torch.int64)
    with torch.inference_mode():
        if isinstance(model, FeatureDiscriminator):
            features = VGG16Features(sorted(model.LAYERS)).to(model.dtype)(inputs)
            return torch.cat([output.flatten(1) for output in model(features, first)], 1)
        told = {StylePatchGANDiscriminator: first}.get(type(model))
        if isinstance(model, StyledModel):
            told = model.numbers[:1]
        outputs = model(inputs) if told is None else model(inputs, told)
        return outputs if isinstance(outputs, torch.Tensor) else torch.cat([one.flatten(1) for one in outputs], 1)


def output(model):
    shape = inputs_shape(model)
    inputs = torch.linspace(-1, 1, math.prod(shape)).reshape(1, *shape)
    return call(model, inputs.to(model.dtype))


def first_field(model) -> str:
    """The config field that says what the model takes: how many channels, how many numbers, which styles."""
    return next(iter(model.config.to_dict()))


# ---- saving and loading ----
def test_what_is_saved_is_what_is_loaded(model, folder):
    loaded = type(model).from_pretrained(folder)
    assert loaded.config == model.config
    assert not loaded.training and loaded.dtype == torch.float32
    assert torch.equal(output(loaded), output(model))
    assert {path.name for path in folder.iterdir()} == {CONFIG_NAME, WEIGHTS_NAME, "README.md"}


def test_auto_model_finds_the_class(model, folder):
    loaded = AutoModel.from_pretrained(str(folder))
    assert type(loaded) is type(model)
    assert torch.equal(output(loaded), output(model))
    fresh = AutoModel.from_config(json.loads((folder / CONFIG_NAME).read_text()))
    assert type(fresh) is type(model) and fresh.config == model.config


def test_saving_a_loaded_model_changes_no_byte(model, folder, tmp_path):
    type(model).from_pretrained(folder).save_pretrained(tmp_path / "again")
    for name in (CONFIG_NAME, WEIGHTS_NAME):
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_half_precision_on_disk(model, tmp_path):
    model.save_pretrained(tmp_path, dtype=torch.float16, variant="fp16")
    assert [path.name for path in tmp_path.glob("*.safetensors")] == ["model.fp16.safetensors"]
    assert {t.dtype for t in load_file(tmp_path / "model.fp16.safetensors").values() if t.is_floating_point()} == {
        torch.float16
    }
    loaded = type(model).from_pretrained(tmp_path, variant="fp16")
    assert loaded.dtype == torch.float32
    torch.testing.assert_close(output(loaded), output(model), atol=0.02, rtol=0.05)
    assert type(model).from_pretrained(tmp_path, variant="fp16", dtype="auto").dtype == torch.float16
    assert type(model).from_pretrained(tmp_path, variant="fp16", dtype=torch.float64).dtype == torch.float64
    with pytest.raises(ModelNotFoundError, match=r"no model\.safetensors"):
        type(model).from_pretrained(tmp_path)


def test_subfolders(model, tmp_path):
    model.save_pretrained(tmp_path / "a" / "b")
    assert torch.equal(output(type(model).from_pretrained(tmp_path, subfolder="a/b")), output(model))
    for outside in ("../a", "/a", "a/../../b"):
        with pytest.raises(OptionError, match="inside"):
            type(model).from_pretrained(tmp_path, subfolder=outside)


def test_saving_leaves_an_existing_card_alone_unless_told(model, folder):
    (folder / "README.md").write_text("mine")
    model.save_pretrained(folder)
    assert (folder / "README.md").read_text() == "mine"
    model.save_pretrained(folder, card="new")
    assert (folder / "README.md").read_text() == "new"


def test_a_card_can_be_left_out(model, tmp_path):
    model.save_pretrained(tmp_path, card="")
    assert {path.name for path in tmp_path.iterdir()} == {CONFIG_NAME, WEIGHTS_NAME}


def test_manners_of_transformers(model, folder):
    loaded = type(model).from_pretrained(folder, dtype="bfloat16", subfolder=None)
    assert loaded.dtype == torch.bfloat16
    for dtype in ("fp16", "nn", torch.int8):
        with pytest.raises(OptionError, match="dtype must be"):
            AutoModel.from_pretrained(folder, dtype=dtype)


def test_weights_of_another_type_are_named(model, folder):
    state = load_file(folder / WEIGHTS_NAME)
    name = sorted(state)[0]
    save_file(state | {name: state[name].long()}, folder / WEIGHTS_NAME)
    with pytest.raises(WeightsError, match=f"{name} holds I64"):
        type(model).from_pretrained(folder)


def test_a_save_that_fails_leaves_the_old_files(model, folder, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    for parameter in model.parameters():
        parameter.data.zero_()
    with pytest.raises(OSError, match="No space"):
        model.save_pretrained(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_device_is_chosen_or_taken(model, folder):
    assert type(model).from_pretrained(folder).device.type in ("cpu", "cuda", "mps", "xpu", "npu")
    assert type(model).from_pretrained(folder, device="meta").device.type == "meta"


def test_output_does_not_depend_on_the_run_or_the_batch(model):
    once = output(model)
    assert torch.equal(once, output(model))
    inputs = torch.rand(3, *inputs_shape(model)) * 2 - 1
    one, whole = call(model, inputs[1:2]), call(model, inputs)
    torch.testing.assert_close(whole[1:2], one, atol=1e-5, rtol=1e-4)


# ---- strictness ----
def test_a_missing_tensor_is_named(model, folder):
    state = load_file(folder / WEIGHTS_NAME)
    name = sorted(state)[0]
    del state[name]
    save_file(state, folder / WEIGHTS_NAME)
    with pytest.raises(WeightsError, match=f"lacks tensors.*{name}"):
        type(model).from_pretrained(folder)


def test_a_surplus_tensor_is_named(model, folder):
    save_file(load_file(folder / WEIGHTS_NAME) | {"extra.weight": torch.ones(1)}, folder / WEIGHTS_NAME)
    with pytest.raises(WeightsError, match=r"does not ask for: extra\.weight"):
        type(model).from_pretrained(folder)


def test_a_misshapen_tensor_is_named(model, folder):
    state = load_file(folder / WEIGHTS_NAME)
    name = sorted(state)[0]
    save_file(state | {name: torch.ones(2, 3)}, folder / WEIGHTS_NAME)
    with pytest.raises(WeightsError, match=rf"{name} has shape \(2, 3\)"):
        type(model).from_pretrained(folder)


def test_unknown_and_missing_config_keys_are_named(model, folder):
    edit_config(folder, colour="blue")
    with pytest.raises(ConfigError, match="does not know: colour"):
        type(model).from_pretrained(folder)
    edit_config(folder, colour=..., **{first_field(model): ...})
    with pytest.raises(ConfigError, match=f"needs: {first_field(model)}"):
        AutoModel.from_pretrained(folder)


@pytest.mark.parametrize("cls", MODEL_CLASSES.values(), ids=MODEL_CLASSES)
def test_a_field_that_came_later_has_its_default_in_older_configs(cls, tmp_path):
    """So it must be what was before: see CONTRIBUTING.md."""
    first, *others = TINY[cls.__name__].items()
    model, folder = cls(**dict([first])), tmp_path
    name = others[0][0]
    model.save_pretrained(folder)
    edit_config(folder, **{name: ...})
    with pytest.raises(ConfigError, match=f"needs: {name}"):
        type(model).from_pretrained(folder)
    edit_config(folder, _hfstyle_version="0.0.9")
    assert type(model).from_pretrained(folder).config == model.config
    for version in ("99.0", "", None, 3):
        edit_config(folder, _hfstyle_version=version)
        with pytest.raises(ConfigError, match=f"needs: {name}"):
            type(model).from_pretrained(folder)


@pytest.mark.parametrize("value", ["three", 3.0, True, None, [3], 0, -1, 10**9])
def test_wrong_config_values_are_refused(model, folder, value):
    edit_config(folder, **{first_field(model): value})
    with pytest.raises(ConfigError, match=f"{first_field(model)} must"):
        type(model).from_pretrained(folder)


def test_a_class_mismatch_names_both(model, folder):
    other = next(cls for cls in MODEL_CLASSES.values() if cls is not type(model))
    with pytest.raises(ConfigError, match=f"holds a {type(model).__name__}, not a {other.__name__}"):
        other.from_pretrained(folder)


@pytest.mark.parametrize("name", [None, "os.system", "PreTrainedModel", ["x"], ...])
def test_a_config_cannot_name_any_class(folder, name):
    edit_config(folder, _class_name=name)
    with pytest.raises(ConfigError, match="known are|not a"):
        AutoModel.from_pretrained(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "nul", "[" * 100_000, "\ufeff{}"])
def test_a_config_that_is_not_a_config(model, folder, text):
    (folder / CONFIG_NAME).write_text(text)
    with pytest.raises(ConfigError, match=r"config\.json of"):
        type(model).from_pretrained(folder)


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04", b"\x80\x02}q\x00.", b"\xff" * 8 + b"{}", b"\x02" + bytes(7) + b"{}x"]
)
def test_weights_that_are_not_safetensors(model, folder, data):
    (folder / WEIGHTS_NAME).write_bytes(data)
    with pytest.raises(WeightsError):
        type(model).from_pretrained(folder)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(model, folder, number):
    state = load_file(folder / WEIGHTS_NAME)
    name = next(name for name in sorted(state) if state[name].is_floating_point())
    state[name].view(-1)[-1] = number
    save_file(state, folder / WEIGHTS_NAME)
    with pytest.raises(WeightsError, match=f"{name} holds NaN or infinity"):
        type(model).from_pretrained(folder)


KINDS = st.sampled_from(["F32", "F16", "BF16", "F64", "I64", "U8", "BOOL", "F8_E4M3", "X", 3, None])
SIZES = st.lists(st.integers(-1, 2**63) | st.integers(0, 64), max_size=5) | st.none()
OFFSETS = st.lists(st.integers(-1, 2**62), max_size=3)
ENTRIES = st.fixed_dictionaries({"dtype": KINDS, "shape": SIZES, "data_offsets": OFFSETS})


@settings(max_examples=300)
@given(st.data())
def test_no_weights_file_crashes_the_reader(tmp_path, data):
    """Bytes changed at random, a header that lies about what follows, or a file that ends early."""
    model = PixelDiscriminator(ndf=2)
    model.save_pretrained(tmp_path / "model", card="")
    path = tmp_path / "model" / WEIGHTS_NAME
    whole = path.read_bytes()
    size = int.from_bytes(whole[:8], "little")
    if data.draw(st.booleans()):
        names = st.sampled_from([*model.state_dict(), "__metadata__", "other"])
        header = json.loads(whole[8 : 8 + size]) | data.draw(st.dictionaries(names, ENTRIES, max_size=3))
        text = json.dumps(header).encode()
        length = len(text) if data.draw(st.booleans()) else data.draw(st.integers(0, 2**64 - 1))
        changed = bytearray(length.to_bytes(8, "little") + text + whole[8 + size :])
    else:
        changed = bytearray(whole)
        for _ in range(data.draw(st.integers(1, 8))):
            changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del changed[data.draw(st.integers(0, len(changed))) :]
    path.write_bytes(changed)
    try:
        loaded = AutoModel.from_pretrained(tmp_path / "model", device="cpu")
    except HfstyleError as error:
        assert "\n" not in str(error) and len(str(error)) < 1000
    else:
        assert all(tensor.isfinite().all() for tensor in loaded.state_dict().values())


@given(
    st.dictionaries(st.text(max_size=8), st.none() | st.booleans() | st.integers() | st.text(max_size=8), max_size=4)
)
def test_no_config_crashes_the_reader(config):
    for name, options in TINY.items():
        known = MODEL_CLASSES[name](**options).config.to_dict()
        try:
            AutoModel.from_config({"_class_name": name, **known, **config})
        except HfstyleError as error:
            assert "\n" not in str(error)


def test_an_absurd_config_costs_no_memory(folder, model, tmp_path):
    edit_config(folder, **LARGEST[type(model).__name__])
    script = """if True:
        import resource, sys
        resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30))
        from hfstyle import AutoModel
        from hfstyle.errors import WeightsError
        try:
            AutoModel.from_pretrained(sys.argv[1])
        except WeightsError as error:
            print(error)
    """
    result = subprocess.run([sys.executable, "-c", script, folder], capture_output=True, text=True)
    assert "the config asks for" in result.stdout or "lacks tensors" in result.stdout, result.stderr


# ---- names ----
@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "~/nowhere", "a/b/c", "..", "C:\\models\\x"])
def test_what_looks_like_a_path_is_never_asked_of_the_hub(hub, name):
    with pytest.raises(ModelNotFoundError, match="there is no folder|is not a model"):
        AutoModel.from_pretrained(name)
    assert not hub.log


def test_an_unknown_word_lists_the_bundled_models(hub):
    with pytest.raises(ModelNotFoundError, match="no bundled model named 'rococo'.*owner/name"):
        AutoModel.from_pretrained("rococo")
    assert not hub.log


def test_a_file_is_not_a_model(folder):
    with pytest.raises(ModelNotFoundError, match="is a file"):
        AutoModel.from_pretrained(folder / WEIGHTS_NAME)


def test_a_folder_comes_before_a_bundled_name(folder, monkeypatch):
    name = bundled_models()[0]
    monkeypatch.chdir(folder.parent)
    folder.rename(folder.parent / name)
    assert AutoModel.from_pretrained(name).num_parameters < 20_000  # the tiny one


def test_options_and_configs(model):
    cls = type(model)
    assert cls(cls.Config(**TINY[cls.__name__])).config == model.config
    with pytest.raises(ConfigError, match=f"unknown option; it knows {first_field(model)}"):
        cls(colour="blue")
    with pytest.raises(OptionError, match="not both"):
        cls(model.config, **{first_field(model): 3})
    with pytest.raises(TypeError, match="from_pretrained"):
        AutoModel()


def test_what_a_model_is_for_shows_in_its_methods_and_its_card(model, folder):
    card = (folder / "README.md").read_text()
    tasks = {"stylize": "image-to-image", "generate": "unconditional-image-generation"}
    assert [method for method in tasks if hasattr(model, method)] == [
        method for method, task in tasks.items() if model.pipeline_tag == task
    ]
    for method, task in tasks.items():
        assert (f"model.{method}(" in card) is (f"pipeline_tag: {task}\n" in card) is hasattr(model, method)
    judges = model.pipeline_tag is None and not isinstance(model, FeatureDiscriminator)  # which is no picture's judge
    assert hasattr(model, "score") is judges


@pytest.mark.parametrize("name", [name for name, cls in MODEL_CLASSES.items() if cls.pipeline_tag])
def test_the_python_in_the_card_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gradient(size=(20, 16)).save("photo.jpg")
    MODEL_CLASSES[name](**TINY[name]).save_pretrained("owner/name")
    (code,) = re.findall(r"```python\n(.*?)```", Path("owner/name/README.md").read_text(), re.S)
    exec(compile(code, "README.md", "exec"), {})
    assert Path("painting.png").exists()
