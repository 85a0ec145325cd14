"""The fast convolution is torch's, forwards and backwards, wherever it is used; elsewhere it is torch's own."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F

from hfstyle import CycleGANGenerator
from hfstyle.features import VGG16Features
from hfstyle.winograd import WinogradConv2d, _Convolution


@pytest.fixture(params=[1, 2, 3], autouse=True)
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("inputs,outputs", [(96, 96), (128, 100), (3, 96)])
@pytest.mark.parametrize("size", [(3, 3), (6, 10), (35, 32), (133, 130)])
def test_it_and_its_gradients_are_a_convolution(size, inputs, outputs, padding, bias):
    torch.manual_seed(0)
    layer = WinogradConv2d(inputs, outputs, 3, padding=padding, bias=bias)
    x = torch.randn(2, inputs, *size)
    exact = x.double().requires_grad_()
    parameters = [parameter.detach().double().requires_grad_() for parameter in layer.parameters()]
    expected = F.conv2d(exact, *parameters, padding=padding)
    weights = torch.randn(expected.shape)
    gradients = torch.autograd.grad(expected, [exact, *parameters], weights.double())

    with torch.inference_mode():
        for given in (x, x.contiguous(memory_format=torch.channels_last)):
            assert_close(layer(given), expected)
    x.requires_grad_()
    output = layer(x)
    assert output.is_contiguous()
    assert_close(output, expected)
    for ours, theirs in zip(torch.autograd.grad(output, [x, *layer.parameters()], weights), gradients, strict=True):
        assert_close(ours, theirs)


def assert_close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    """To 2e-5 of the largest value."""
    assert ours.shape == theirs.shape
    assert (ours.double() - theirs).abs().max() <= 2e-5 * theirs.abs().max()


def test_the_same_bits_each_time_and_other_threads_of_torch_as_they_were(threads):
    layer = WinogradConv2d(96, 128, 3)
    x = torch.randn(2, 96, 134, 134, requires_grad=True)
    runs = []
    for _ in range(3):
        output = layer(x)
        runs.append([output, *torch.autograd.grad(output.square().sum(), [x, layer.weight, layer.bias])])
    for run in runs[1:]:
        assert all(torch.equal(a, b) for a, b in zip(run, runs[0], strict=True))
    assert torch.get_num_threads() == threads


def test_one_thread_may_get_all_the_work(threads, monkeypatch):
    """Whichever is free takes the next part, so that what a part comes to must not lie where the next one works."""
    layer = WinogradConv2d(96, 128, 3)
    x = torch.randn(2, 96, 134, 134)
    weights = torch.randn(2, 128, 132, 132)
    (expected,) = torch.autograd.grad(layer(x), layer.weight, weights)
    with ThreadPoolExecutor(1) as alone:
        monkeypatch.setattr("hfstyle.winograd._pool", lambda threads: alone)
        (found,) = torch.autograd.grad(layer(x), layer.weight, weights)
    assert_close(found, expected.double())


def test_several_at_once(threads):
    """As the studio's visitors come: each in a thread of its own."""
    layer = WinogradConv2d(96, 96, 3)
    pictures = [torch.randn(1, 96, 130 + 4 * n, 160) for n in range(6)]
    with torch.inference_mode():
        expected = [layer(picture) for picture in pictures]

    def convolve(picture: torch.Tensor) -> torch.Tensor:
        torch.set_num_threads(threads)
        with torch.inference_mode():
            return layer(picture)

    with ThreadPoolExecutor(6) as pool:
        found = [result for _ in range(4) for result in pool.map(convolve, pictures)]
    assert all(torch.equal(a, b) for a, b in zip(found, expected * 4, strict=True))


def test_only_what_is_asked_for_gets_a_gradient():
    layer = WinogradConv2d(96, 96, 3, bias=False)
    x = torch.randn(1, 96, 6, 6)
    layer(x).sum().backward()
    assert layer.weight.grad is not None and x.grad is None
    layer.requires_grad_(False)
    assert not layer(x).requires_grad
    x.requires_grad_()
    layer(x).sum().backward()
    assert x.grad is not None


def test_weights_that_change_count():
    layer = WinogradConv2d(96, 96, 3)
    x = torch.randn(1, 96, 6, 6)
    with torch.no_grad():
        before = layer(x)
        layer.weight *= 2
        layer.bias *= 2
        assert_close(layer(x), 2 * before.double())


def test_weights_changed_between_the_passes_are_noticed():
    layer = WinogradConv2d(96, 96, 3)
    output = layer(torch.randn(1, 96, 6, 6, requires_grad=True))
    with torch.no_grad():
        layer.weight += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()


def test_frozen_weights_are_transformed_once():
    layer = WinogradConv2d(96, 96, 3, frozen=True).requires_grad_(False)
    x = torch.randn(2, 96, 134, 134, requires_grad=True)
    with torch.inference_mode():
        first = layer(x)
    assert not layer.kept  # a few pictures that are looked at are not worth the memory
    gradient = torch.autograd.grad(layer(x).sum(), x)
    assert set(layer.kept) == {False, True}
    layer.kept = {way: 2 * kernel for way, kernel in layer.kept.items()}
    bias = layer.bias[:, None, None]
    torch.testing.assert_close(layer(x) - bias, 2 * (first - bias))
    torch.testing.assert_close(torch.autograd.grad(layer(x).sum(), x)[0], 2 * gradient[0])


def test_elsewhere_it_is_torchs_own(monkeypatch, threads):
    monkeypatch.setattr(_Convolution, "apply", None)  # so that using it would fail
    layer = WinogradConv2d(96, 96, 3)
    x = torch.randn(1, 96, 6, 6)
    if threads > 1:
        assert torch.equal(layer(x), F.conv2d(x, layer.weight, layer.bias))
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
    few = WinogradConv2d(96, 95, 3)
    assert torch.equal(few(x), F.conv2d(x, few.weight, few.bias))
    layer.double()
    assert torch.equal(layer(x.double()), F.conv2d(x.double(), layer.weight, layer.bias))


def test_networks_use_it():
    generator = CycleGANGenerator(ngf=24, n_blocks=1)
    assert sum(isinstance(module, WinogradConv2d) for module in generator.modules()) == 2
    x = torch.rand(1, 3, 32, 32) * 2 - 1
    assert_close(generator(x), generator.double()(x.double()))
    features = VGG16Features()
    for (name, ours), theirs in zip(features(x).items(), features.double()(x.double()).values(), strict=True):
        assert (ours - theirs).abs().max() <= 1e-4 * theirs.abs().max(), name
