"""Checkpoints of other projects give those projects' pixels, by whatever names and in whatever wrapping."""

import collections
import pickle
import re
import struct
import zipfile
from functools import partial

import peers
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from test_images import gradient

import hfstyle
from hfstyle import AutoModel, CycleGANGenerator
from hfstyle.conversion import LAYOUTS, convert, read_checkpoint, recognise
from hfstyle.errors import HfstyleError, ModelNotFoundError, OptionError, WeightsError

SQUARE, ODD, MULTIPLES = (256, 256), (101, 134), (256, 512)

# name -> (state dict, their function of it and a picture, its sizes, the tolerance)
GENERATORS = {
    "resnet, 9 blocks": (peers.resnet_state(), peers.resnet, ODD),
    "resnet, 6 blocks": (peers.resnet_state(blocks=6), peers.resnet, ODD),
    "resnet, dropout": (peers.resnet_state(dropout=True), peers.resnet, ODD),
    "resnet, affine": (peers.resnet_state(norm="affine"), peers.resnet, ODD),
    "resnet, affine, dropout": (peers.resnet_state(norm="affine", dropout=True), peers.resnet, ODD),
    "resnet, batch": (peers.resnet_state(norm="batch"), partial(peers.resnet, norm="batch"), ODD),
    "resnet, batch, dropout": (
        peers.resnet_state(norm="batch", dropout=True), partial(peers.resnet, norm="batch"), ODD,
    ),
    "resnet, no norm": (peers.resnet_state(blocks=2, norm="none"), partial(peers.resnet, norm="none"), ODD),
    "resnet, of before torch 0.4": (peers.resnet_state(norm="old"), peers.resnet, ODD),
    "resnet, grey to colour": (peers.resnet_state(channels=(1, 3)), peers.resnet, ODD),
    "CUT": (peers.resnet_state(antialias=True, antialias_up=True), peers.resnet, ODD),
    "CUT, 6 blocks, batch": (
        peers.resnet_state(6, "batch", antialias=True, antialias_up=True), partial(peers.resnet, norm="batch"), ODD,
    ),
    "CUT, blurred down only": (peers.resnet_state(antialias=True), peers.resnet, ODD),
    "CUT, blurred up only": (peers.resnet_state(antialias_up=True), peers.resnet, ODD),
    "HugGAN's CycleGAN": (peers.huggan_resnet_state(), peers.huggan_resnet, ODD),
    "HugGAN's CycleGAN, 6 blocks": (peers.huggan_resnet_state(blocks=6), peers.huggan_resnet, ODD),
    "unet_256, batch": (peers.unet_state(), peers.unet, MULTIPLES),
    "unet_256, instance": (peers.unet_state(norm="instance"), partial(peers.unet, norm="instance"), MULTIPLES),
    "unet_256, grey to colour": (peers.unet_state(channels=(1, 3)), peers.unet, MULTIPLES),
    "unet_128, batch": (peers.unet_state(n_downs=7), peers.unet, (128, 384)),
    "HugGAN's pix2pix": (peers.huggan_unet_state(), peers.huggan_unet, MULTIPLES),
    "fast neural style": (peers.fast_style_state(), peers.fast_style, ODD),
    "fast neural style, of before torch 0.4": (peers.fast_style_state(old=True), peers.fast_style, ODD),
    "AnimeGANv2": (peers.animegan_state(), peers.animegan, ODD),
}  # fmt: skip
DISCRIMINATORS = {
    "PatchGAN": (peers.patchgan_state(), peers.patchgan),
    "PatchGAN, batch, conditional": (
        peers.patchgan_state(norm="batch", channels=6), partial(peers.patchgan, norm="batch"),
    ),
    "PatchGAN, 4 layers": (peers.patchgan_state(n_layers=4), peers.patchgan),
    "CUT's PatchGAN": (peers.patchgan_state(antialias=True), peers.patchgan),
    "HugGAN's CycleGAN discriminator": (peers.huggan_patchgan_state(), peers.huggan_patchgan),
    "HugGAN's pix2pix discriminator": (
        peers.huggan_patchgan_state(channels=6, last_bias=False), peers.huggan_patchgan,
    ),
    "pixel": (peers.pixel_state(), peers.pixel),
    "pixel, batch, conditional": (peers.pixel_state("batch", channels=6), partial(peers.pixel, norm="batch")),
}  # fmt: skip


NAMES = [name for state, *_ in [*GENERATORS.values(), *DISCRIMINATORS.values()] for name in state]


def saved(folder, content, name="latest_net_G.pth", **options):
    path = folder / name
    torch.save(content, path, **options)
    return path


def picture(channels: int, size: tuple[int, int]) -> torch.Tensor:
    return torch.rand(1, channels, *size, generator=torch.Generator().manual_seed(1)) * 2 - 1


def channels_of(state) -> int:
    return next(tensor for tensor in state.values() if tensor.ndim == 4).shape[1]


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("odd", [False, True])
def test_generators_give_the_same_pixels(tmp_path, name, odd):
    state, theirs, size = GENERATORS[name]
    model = convert(saved(tmp_path, state))
    assert not model.training and model.dtype == torch.float32
    x = picture(channels_of(state), size if odd else SQUARE)
    with torch.inference_mode():
        expected = computed(theirs, state, x)
        assert 0.1 < expected.std() < 0.5  # as of photographs; else the comparison would say little
        torch.testing.assert_close(
            model(x), expected, atol=1e-4 if "unet" in name or "pix2pix" in name else 1e-5, rtol=0
        )
        # The same without what float32 rounds, which in these networks of chance is half of that.
        exact = computed(theirs, {name: tensor.double() for name, tensor in state.items()}, x.double())
        torch.testing.assert_close(model.double()(x.double()), exact, atol=1e-6 if "fast" in name else 1e-11, rtol=0)


def computed(theirs, state, x):
    """What a project makes of a picture in [-1, 1], in that range."""
    return theirs(state, (x + 1) * 127.5) / 127.5 - 1 if theirs is peers.fast_style else theirs(state, x)


@pytest.mark.parametrize("name", DISCRIMINATORS)
@pytest.mark.parametrize("size", [SQUARE, ODD])
def test_discriminators_give_the_same_judgements(tmp_path, name, size):
    state, theirs = DISCRIMINATORS[name]
    model = convert(saved(tmp_path, state))
    x = picture(channels_of(state), size)
    with torch.inference_mode():
        expected = theirs(state, x)
        assert expected.std() > 0.02
        torch.testing.assert_close(model(x), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("prefix", ["main", "model"])
def test_dcgan(tmp_path, prefix):
    state = peers.dcgan_state(prefix)
    model = convert(saved(tmp_path, state))
    z = torch.randn(2, 10, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        torch.testing.assert_close(model(z), peers.dcgan(state, z, prefix), atol=1e-5, rtol=0)
    state = peers.dcgan_discriminator_state(prefix)
    x = picture(3, (64, 64))
    with torch.inference_mode():
        expected = peers.dcgan_discriminator(state, x, prefix)
        torch.testing.assert_close(convert(saved(tmp_path, state))(x), expected, atol=1e-5, rtol=1e-5)


def test_animegan_as_its_script_runs_it(tmp_path):
    state = peers.animegan_state()
    conversion = recognise(saved(tmp_path, state), align_corners=False)
    x = picture(3, (100, 132))
    with torch.inference_mode():
        expected = peers.animegan(state, x, align_corners=False)
        torch.testing.assert_close(conversion.model(x), expected, atol=1e-5, rtol=0)
    assert "align_corners" in recognise(tmp_path / "latest_net_G.pth").notes[0]


def test_huggan_s_grey_pictures_keep_their_size(tmp_path):
    """There, 64x64 pixels become 56x56, since the padding goes by the number of channels."""
    conversion = recognise(saved(tmp_path, peers.huggan_resnet_state(blocks=1, channels=1)))
    assert conversion.model.stylize(gradient(size=(64, 64))).size == (64, 64)
    assert conversion.notes == ("pictures keep their size; HugGAN's own code would make these smaller",)
    assert recognise(saved(tmp_path, peers.huggan_resnet_state(blocks=1))).notes == ()


@pytest.mark.parametrize("name,parameters", [
    ("resnet", 11_378_179), ("CUT", 11_378_179), ("HugGAN", 11_378_179), ("unet_256", 54_413_955),
    ("unet_128", 41_828_995), ("fast style", 1_679_235), ("AnimeGAN", 2_143_552),
])  # fmt: skip
def test_real_sizes(tmp_path, name, parameters):
    """At the projects' own widths, which tell a layout from its neighbours."""
    state = {
        "resnet": lambda: peers.resnet_state(ngf=64),
        "CUT": lambda: peers.resnet_state(ngf=64, antialias=True, antialias_up=True),
        "HugGAN": lambda: peers.huggan_resnet_state(ngf=64),
        "unet_256": lambda: peers.unet_state(ngf=64),
        "unet_128": lambda: peers.unet_state(n_downs=7, ngf=64),
        "fast style": lambda: peers.fast_style_state(ngf=32),
        "AnimeGAN": lambda: peers.animegan_state(ngf=32),
    }[name]()
    assert convert(saved(tmp_path, state)).num_parameters == parameters


def test_the_model_stylizes_saves_and_loads(tmp_path):
    model = hfstyle.convert(saved(tmp_path, peers.resnet_state(blocks=2)))
    painting = model.stylize(gradient(size=(50, 33)))
    assert painting.size == (50, 33)
    model.save_pretrained(tmp_path / "model")
    again = AutoModel.from_pretrained(tmp_path / "model").stylize(gradient(size=(50, 33)))
    assert again.tobytes() == painting.tobytes()


# ---- wrappings ----
def same(tmp_path, content, **options) -> bool:
    """Whether a checkpoint is that of `peers.resnet_state(blocks=1)`."""
    expected = convert(saved(tmp_path, peers.resnet_state(blocks=1), "plain.pth")).state_dict()
    state = convert(saved(tmp_path, content), **options).state_dict()
    return state.keys() == expected.keys() and all(torch.equal(state[name], expected[name]) for name in state)


PLAIN = peers.resnet_state(blocks=1)


def prefixed(state, prefix):
    return {prefix + name: tensor for name, tensor in state.items()}


@pytest.mark.parametrize("content", [
    prefixed(PLAIN, "module."),
    prefixed(PLAIN, "_orig_mod."),
    prefixed(PLAIN, "module._orig_mod."),
    prefixed(PLAIN, "netG."),
    prefixed(PLAIN, "module.netG.module."),
    {"state_dict": PLAIN, "epoch": 3},
    {"model": PLAIN, "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 1e-4}]}},
    {"checkpoint": {"nets": {"G_A2B": prefixed(PLAIN, "module.")}}},
    {"g": PLAIN, "d": peers.patchgan_state()},
    {"state_dict": prefixed(PLAIN, "gen.") | prefixed(peers.patchgan_state(), "disc.")},
    collections.OrderedDict(PLAIN),
    {name: torch.nn.Parameter(tensor) for name, tensor in PLAIN.items()},
    {name: tensor.double() for name, tensor in PLAIN.items()},
])  # fmt: skip
def test_networks_are_found_wherever_they_lie(tmp_path, content):
    assert same(tmp_path, content)


def test_old_files_and_safetensors(tmp_path):
    expected = convert(saved(tmp_path, PLAIN)).state_dict()
    saved(tmp_path, PLAIN, "old.pth", _use_new_zipfile_serialization=False)
    save_file(PLAIN, tmp_path / "new.safetensors")
    for name in ("old.pth", "new.safetensors"):
        state = convert(tmp_path / name).state_dict()
        assert all(torch.equal(state[key], expected[key]) for key in expected)


def test_batch_norm_without_counters(tmp_path):
    state = peers.resnet_state(blocks=2, norm="batch")
    without = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    models = [convert(saved(tmp_path, one)) for one in (state, without)]
    assert models[0].config.norm == "instance_affine"
    assert all(torch.equal(a, b) for a, b in zip(*(model.state_dict().values() for model in models), strict=True))
    judge = {n: t for n, t in peers.patchgan_state(norm="batch").items() if not n.endswith("num_batches_tracked")}
    assert convert(saved(tmp_path, judge)).layers[3].num_batches_tracked == 0


def test_several_networks_are_chosen_from_by_key(tmp_path):
    content = {"G_A2B": PLAIN, "G_B2A": peers.resnet_state(blocks=2), "D_A": peers.patchgan_state()}
    path = saved(tmp_path, content)
    with pytest.raises(OptionError, match=r"several networks: G_A2B, G_B2A; choose one as key \(--key"):
        convert(path)
    assert convert(path, "G_B2A").config.n_blocks == 2
    assert type(convert(path, "D_A")).__name__ == "PatchGANDiscriminator"
    with pytest.raises(OptionError, match=r"has nothing at 'G_C'; it has: G_A2B, "):
        convert(path, "G_C")


def test_options_that_a_model_does_not_have(tmp_path):
    with pytest.raises(OptionError, match="CycleGANGenerator has no option align_corners; it has: downsample"):
        convert(saved(tmp_path, PLAIN), align_corners=True)
    both = saved(tmp_path, {"G": PLAIN, "D": peers.patchgan_state()})
    assert convert(both, margin=5).config.margin == 5  # the discriminator, which has none, is not meant
    judge = saved(tmp_path, peers.patchgan_state(), "D.pth")
    assert convert(judge, gan_loss="hinge").config.gan_loss == "hinge"


# ---- what is no known checkpoint ----
def fails(path, words, error=WeightsError):
    with pytest.raises(error, match=words) as caught:
        convert(path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 1500
    return str(caught.value)


def test_an_unknown_layout_says_what_is_known_and_what_was_seen(tmp_path):
    said = fails(
        saved(tmp_path, {"encoder.weight": torch.ones(4, 3), "encoder.bias": torch.ones(4)}), "no known layout"
    )
    assert "2 tensors, encoder.weight (4, 3), encoder.bias (4,)" in said
    assert all(layout.name in said for layout in LAYOUTS)


@pytest.mark.parametrize("change,words", [
    ({"model.26.bias": None}, "it looks like a ResNet generator, but lacks model.26.weight"),
    ({"model.extra.weight": torch.ones(2)}, "it also has model.extra.weight"),
    ({"model.4.weight": torch.ones(2, 2)}, r"model.4.weight has shape \(2, 2\) in place of \(16, 8, 3, 3\)"),
    ({"model.1.weight": torch.ones(600, 3, 7, 7)}, "ngf must lie between 1 and 512"),
    ({"model.4.weight": torch.ones(1).expand(16, 8, 3, 3)}, "model.4.weight has fewer numbers than its shape says"),
    ({"model.4.weight": torch.full((16, 8, 3, 3), float("nan"))}, "NaN or infinity"),
    ({"model.4.weight": torch.ones(16, 8, 3, 3).to_sparse()}, "no plain tensor"),
    ({"model.7.filt": torch.ones(16, 1, 3, 3)}, "it lacks model.10.weight|looks like .* anti-aliased"),
])  # fmt: skip
def test_what_is_wrong_with_a_network_that_is_nearly_one(tmp_path, change, words):
    state = {name: tensor for name, tensor in (peers.resnet_state() | change).items() if tensor is not None}
    if "model.26.bias" in change:
        del state["model.26.weight"]
    fails(saved(tmp_path, state), words)


def test_another_blur_is_not_taken_for_ours(tmp_path):
    state = peers.resnet_state(blocks=2, antialias=True, antialias_up=True)
    state["model.7.filt"] = torch.full((16, 1, 3, 3), 1 / 9)
    fails(saved(tmp_path, state), "model.7.filt is another blur")
    for shape in [(), (3,), (16, 1, 2, 3), (16, 2, 3, 3)]:
        state["model.7.filt"] = torch.zeros(shape)
        fails(saved(tmp_path, state), "model.7.filt is a blur of another size")
    state["model.7.filt"] = torch.zeros(16, 1, 3, 3).to_sparse()
    fails(saved(tmp_path, state), "model.7.filt is no plain tensor")


def test_a_million_blocks_cost_nothing(tmp_path):
    tiny = torch.ones(1)
    state = peers.resnet_state(blocks=1) | {f"model.{n}.conv_block.1.weight": tiny for n in range(10, 20_000)}
    state["model.20007.weight"] = torch.ones(3, 8, 7, 7)
    fails(saved(tmp_path, state), "n_blocks must lie between 0 and 64")


@pytest.mark.parametrize("content", [
    b"", b"hello", b"PK\x03\x04", b"\x80\x02", b"\x80\x02}q\x00.", bytes(8) + b"{", struct.pack("<Q", 2**60) + b"{}",
    b"\x89PNG\r\n\x1a\n", b"\x80\x05\x95" + b"\xff" * 8,
])  # fmt: skip
def test_files_that_are_no_checkpoint(tmp_path, content):
    (tmp_path / "x.pth").write_bytes(content)
    fails(tmp_path / "x.pth", "x.pth ")


def test_what_would_run_code_is_never_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "boom"), "w"))

    for name, options in (("new.pth", {}), ("old.pth", {"_use_new_zipfile_serialization": False})):
        torch.save({"state_dict": PLAIN, "hook": Bomb()}, tmp_path / name, **options)
        fails(tmp_path / name, "would run code to be read, which hfstyle never does")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Bomb(), protocol=2))
    fails(tmp_path / "plain.pth", "plain.pth")
    torch.save(torch.nn.Linear(1, 1), tmp_path / "module.pth")
    fails(tmp_path / "module.pth", "save the network's state_dict")
    torch.jit.save(torch.jit.script(torch.nn.ReLU()), tmp_path / "script.pt")
    fails(tmp_path / "script.pt", "TorchScript program")
    assert not (tmp_path / "boom").exists()


def test_zip_bombs_are_refused_before_they_are_read(tmp_path):
    path = saved(tmp_path, PLAIN)
    bomb = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry))
        target.writestr("latest_net_G/data/999", bytes(2**26))
    fails(bomb, "claims to hold more than its size")
    with zipfile.ZipFile(tmp_path / "other.pth", "w") as target:
        target.writestr("x/readme.txt", "hello")
    fails(tmp_path / "other.pth", "a zip archive, but no checkpoint")
    with zipfile.ZipFile(tmp_path / "big.pth", "w") as target:
        target.writestr("x/data.pkl", bytes(2**24 + 1))
    fails(tmp_path / "big.pth", "more than 16 MB around")


@pytest.mark.parametrize("zipped", [False, True])
def test_what_would_take_memory_while_it_is_read_is_refused(tmp_path, zipped):
    """torch's reader makes a bytearray of any size before it looks at what it is for."""
    bomb = b"\x80\x02cbuiltins\nbytearray\n\x8a\x04\x00\x00\x00\x40\x85R."
    path = tmp_path / "x.pth"
    if zipped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x/data.pkl", bomb)
    else:
        path.write_bytes(bomb)
    fails(path, "holds more than tensors, which hfstyle does not read")


def test_the_same_numbers_for_many_tensors_are_refused(tmp_path):
    """A small file that would become a large model."""
    numbers = torch.zeros(32 * 32 * 9)
    state = peers.resnet_state(blocks=9)
    for name in state:
        if name.endswith("weight") and state[name].shape == (32, 32, 3, 3):
            state[name] = numbers.view(32, 32, 3, 3)
    fails(saved(tmp_path, state), "several of its tensors are the same numbers")


def test_only_the_network_that_is_chosen_is_copied(tmp_path, monkeypatch):
    path = saved(tmp_path, dict.fromkeys([f"G{n}" for n in range(40)], PLAIN))
    built = []
    monkeypatch.setattr("hfstyle.conversion.find_not_finite", built.append)
    with pytest.raises(OptionError, match="several networks: G0, G1, .* and 21 more"):
        convert(path)
    assert not built
    assert convert(path, "G7").config.n_blocks == 1 and len(built) == 1


def test_a_u_net_without_norms_is_not_given_any(tmp_path):
    state = peers.unet_state(n_downs=7, norm="batch")
    plain = {name: tensor for name, tensor in state.items() if tensor.ndim == 4 or name == "model.model.3.bias"}
    fails(saved(tmp_path, plain), "looks like pix2pix's U-Net, but has no normalisation")


@pytest.mark.parametrize("options,words", [
    ({"n_blocks": 3}, "the tensors tell what n_blocks of this CycleGANGenerator is"),
    ({"upsample": "resize"}, "the tensors tell what upsample"),
    ({"margin": -1}, "margin must lie between 0 and 256"),
])  # fmt: skip
def test_options_that_contradict_the_tensors(tmp_path, options, words):
    with pytest.raises(OptionError, match=words):
        convert(saved(tmp_path, PLAIN), **options)


def test_what_an_option_says_is_not_assumed(tmp_path):
    path = saved(tmp_path, peers.animegan_state())
    assert recognise(path).notes and not recognise(path, align_corners=False).notes
    path = saved(tmp_path, peers.patchgan_state())
    assert "gan_loss is lsgan" in recognise(path).notes[0]
    assert not recognise(path, gan_loss="hinge").notes


@settings(max_examples=300)
@given(st.data())
def test_no_network_that_is_nearly_one_crashes_the_layouts(tmp_path, data):
    """Tensors left out, renamed, numbered otherwise, of another shape."""
    states = [state for state, *_ in [*GENERATORS.values(), *DISCRIMINATORS.values()]]
    state = dict(data.draw(st.sampled_from([*states, peers.dcgan_state(), peers.dcgan_discriminator_state("model")])))
    for name in data.draw(st.lists(st.sampled_from(sorted(state)), max_size=6, unique=True)):
        match data.draw(st.sampled_from(["leave out", "move", "far", "other", "reshape"])):
            case "leave out":
                del state[name]
            case "move":
                number = str(data.draw(st.integers(0, 30)))
                state[re.sub(r"\d+", number, name, count=1)] = state.pop(name)
            case "far":
                state[re.sub(r"\d+", "9" * 5000, name, count=1)] = state.pop(name)
            case "other":
                state[data.draw(st.sampled_from(sorted(set(NAMES))))] = state.pop(name)
            case "reshape":
                state[name] = torch.zeros(data.draw(st.lists(st.integers(0, 9), max_size=5)))
    save_file({name: tensor.clone() for name, tensor in state.items()}, tmp_path / "x.safetensors")
    try:
        convert(tmp_path / "x.safetensors")
    except HfstyleError as error:
        assert "\n" not in str(error) and len(str(error)) < 3000


def test_a_file_that_is_not_there(tmp_path):
    fails(tmp_path / "x.pth", "there is no file", ModelNotFoundError)
    fails(tmp_path, "there is no file", ModelNotFoundError)


def test_nested_dictionaries_end(tmp_path):
    content = {"a": {"weight": torch.ones(1)}}
    for _ in range(30):  # 100^30 ways through the same
        content = dict.fromkeys(map(str, range(100)), content)
    fails(saved(tmp_path, content), "no known layout|no tensors")


@settings(max_examples=200)
@given(st.data())
def test_no_file_crashes_the_reader(tmp_path, data):
    """A checkpoint in which some bytes are others, or that ends early."""
    whole = saved(tmp_path, peers.pixel_state(), _use_new_zipfile_serialization=data.draw(st.booleans())).read_bytes()
    changed = bytearray(whole[: data.draw(st.integers(0, len(whole)))] if data.draw(st.booleans()) else whole)
    for _ in range(data.draw(st.integers(0, 8))):
        if changed:
            changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "x.pth").write_bytes(changed)
    try:
        convert(tmp_path / "x.pth")
    except HfstyleError as error:
        assert "\n" not in str(error)


def test_reading_gives_no_objects(tmp_path):
    content = read_checkpoint(saved(tmp_path, {"a": [1, "two", {"three": torch.ones(1)}]}))
    assert content["a"][:2] == [1, "two"]
    assert isinstance(convert(saved(tmp_path, PLAIN)), CycleGANGenerator)
