"""Other projects' networks, written out as plain functions on state dicts with those projects' names.

Each makes a state dict in its layout (`*_state`) and computes what the project's own test script computes on it, so
that a converted model can be compared with something that shares no code with it.
"""

import torch
import torch.nn.functional as F

Tensors = dict[str, torch.Tensor]


class Maker:
    """Random tensors under names, as trained networks have them: none of them zero or one where that would hide it."""

    def __init__(self, seed: int = 0):
        self.random = torch.Generator().manual_seed(seed)
        self.state: Tensors = {}

    def normal(self, *shape: int, scale: float = 1.0) -> torch.Tensor:
        return torch.randn(*shape, generator=self.random) * scale

    def conv(self, name: str, *shape: int, bias: bool = True, transposed: bool = False, groups: int = 1) -> None:
        """`shape` is (out, in, height, width) of the weights, or (in, out, ...) where transposed."""
        inputs = (shape[0] if transposed else shape[1]) * shape[2] * shape[3]
        self.state[f"{name}.weight"] = self.normal(*shape, scale=inputs**-0.5)
        if bias:
            self.state[f"{name}.bias"] = self.normal(shape[1] * groups if transposed else shape[0], scale=0.3)

    def norm(self, name: str, channels: int, kind: str) -> None:
        """kind: affine, batch (with running statistics), old (instance norm of before torch 0.4), or instance."""
        if kind in ("affine", "batch"):
            self.state[f"{name}.weight"] = 1 + self.normal(channels, scale=0.2)
            self.state[f"{name}.bias"] = self.normal(channels, scale=0.2)
        if kind in ("batch", "old"):
            self.state[f"{name}.running_mean"] = self.normal(channels)
            self.state[f"{name}.running_var"] = self.normal(channels).square() + 0.1
            self.state[f"{name}.num_batches_tracked"] = torch.tensor(123)

    def blur(self, name: str, channels: int, taps: tuple[int, ...], gain: int = 1) -> None:
        line = torch.tensor(taps, dtype=torch.float32)
        square = line[:, None] * line[None, :]
        self.state[f"{name}.filt"] = (square / square.sum() * gain)[None, None].repeat(channels, 1, 1, 1)


def conv(s: Tensors, x: torch.Tensor, name: str, **options) -> torch.Tensor:
    return F.conv2d(x, s[f"{name}.weight"], s.get(f"{name}.bias"), **options)


def deconv(s: Tensors, x: torch.Tensor, name: str, **options) -> torch.Tensor:
    return F.conv_transpose2d(x, s[f"{name}.weight"], s.get(f"{name}.bias"), **options)


def instance(s: Tensors, x: torch.Tensor, name: str) -> torch.Tensor:
    """Instance norm with what is learnt, if anything; and what batch norm does to a batch of one in training mode."""
    return F.instance_norm(x, weight=s.get(f"{name}.weight"), bias=s.get(f"{name}.bias"))


def batch_as_trained(s: Tensors, x: torch.Tensor, name: str) -> torch.Tensor:
    """Batch norm in training mode: on the statistics of the batch."""
    return F.batch_norm(x, None, None, s[f"{name}.weight"], s[f"{name}.bias"], training=True)


def batch_by_averages(s: Tensors, x: torch.Tensor, name: str) -> torch.Tensor:
    mean, variance = s[f"{name}.running_mean"], s[f"{name}.running_var"]
    return F.batch_norm(x, mean, variance, s[f"{name}.weight"], s[f"{name}.bias"])


def mirrored(x: torch.Tensor, by: int) -> torch.Tensor:
    return F.pad(x, (by,) * 4, mode="reflect")


# ---- the reference (pytorch-CycleGAN-and-pix2pix) and CUT: ResNet generators ----
def resnet_state(
    blocks=9, norm="instance", dropout=False, antialias=False, antialias_up=False, ngf=8, channels=(3, 3), seed=0
) -> Tensors:
    m = Maker(seed)
    bias = norm != "batch" and norm != "none"
    m.conv("model.1", ngf, channels[0], 7, 7, bias=bias)
    m.norm("model.2", ngf, norm)
    at = 4
    for width in (2 * ngf, 4 * ngf):
        m.conv(f"model.{at}", width, width // 2, 3, 3, bias=bias)
        m.norm(f"model.{at + 1}", width, norm)
        if antialias:
            m.blur(f"model.{at + 3}", width, (1, 2, 1))
        at += 4 if antialias else 3
    for _ in range(blocks):
        second = 6 if dropout else 5
        for place in (1, second):
            m.conv(f"model.{at}.conv_block.{place}", 4 * ngf, 4 * ngf, 3, 3, bias=bias)
            m.norm(f"model.{at}.conv_block.{place + 1}", 4 * ngf, norm)
        at += 1
    for width in (4 * ngf, 2 * ngf):
        if antialias_up:
            m.blur(f"model.{at}", width, (1, 3, 3, 1), gain=4)
            m.conv(f"model.{at + 1}", width // 2, width, 3, 3, bias=bias)
            at += 1
        else:
            m.conv(f"model.{at}", width, width // 2, 3, 3, bias=bias, transposed=True)
        m.norm(f"model.{at + 1}", width // 2, norm)
        at += 3
    m.conv(f"model.{at + 1}", channels[1], ngf, 7, 7)
    m.state[f"model.{at + 1}.weight"] *= 0.4  # so that pictures have the contrast of photographs
    return m.state


def resnet(s: Tensors, x: torch.Tensor, norm="instance") -> torch.Tensor:
    """Of either project, as their test scripts run it; the layout shows in the names."""

    def normed(x, name):
        if norm == "none":
            return x
        return batch_as_trained(s, x, name) if norm == "batch" else instance(s, x, name)

    x = F.relu(normed(conv(s, mirrored(x, 3), "model.1"), "model.2"))
    at = 4
    for _ in range(2):
        blurred = f"model.{at + 3}.filt" in s
        x = F.relu(normed(conv(s, x, f"model.{at}", stride=1 if blurred else 2, padding=1), f"model.{at + 1}"))
        if blurred:
            x = F.conv2d(mirrored(x, 1), s[f"model.{at + 3}.filt"], stride=2, groups=x.shape[1])
        at += 4 if blurred else 3
    while f"model.{at}.conv_block.1.weight" in s:
        second = 6 if s.get(f"model.{at}.conv_block.6.weight", torch.zeros(1)).ndim == 4 else 5
        block = f"model.{at}.conv_block"
        inner = F.relu(normed(conv(s, mirrored(x, 1), f"{block}.1"), f"{block}.2"))
        x = x + normed(conv(s, mirrored(inner, 1), f"{block}.{second}"), f"{block}.{second + 1}")
        at += 1
    for _ in range(2):
        if f"model.{at}.filt" in s:
            padded = F.pad(x, (1,) * 4, mode="replicate")
            x = F.conv_transpose2d(padded, s[f"model.{at}.filt"], stride=2, padding=2, groups=x.shape[1])
            x = conv(s, x[:, :, 1:-1, 1:-1], f"model.{at + 1}", padding=1)
            at += 1
        else:
            x = deconv(s, x, f"model.{at}", stride=2, padding=1, output_padding=1)
        x = F.relu(normed(x, f"model.{at + 1}"))
        at += 3
    return torch.tanh(conv(s, mirrored(x, 3), f"model.{at + 1}"))


# ---- HugGAN's CycleGAN (after PyTorch-GAN) ----
def huggan_resnet_state(blocks=9, ngf=8, channels=3, seed=0) -> Tensors:
    m = Maker(seed)
    m.conv("model.1", ngf, channels, 7, 7)
    m.conv("model.4", 2 * ngf, ngf, 3, 3)
    m.conv("model.7", 4 * ngf, 2 * ngf, 3, 3)
    for n in range(10, 10 + blocks):
        m.conv(f"model.{n}.block.1", 4 * ngf, 4 * ngf, 3, 3)
        m.conv(f"model.{n}.block.5", 4 * ngf, 4 * ngf, 3, 3)
    m.conv(f"model.{11 + blocks}", 2 * ngf, 4 * ngf, 3, 3)
    m.conv(f"model.{15 + blocks}", ngf, 2 * ngf, 3, 3)
    m.conv(f"model.{19 + blocks}", channels, ngf, 7, 7)
    m.state[f"model.{19 + blocks}.weight"] *= 0.4
    return m.state


def huggan_resnet(s: Tensors, x: torch.Tensor) -> torch.Tensor:
    blocks = len([name for name in s if name.endswith("block.1.weight")])
    x = F.relu(F.instance_norm(conv(s, mirrored(x, 3), "model.1")))
    for n in (4, 7):
        x = F.relu(F.instance_norm(conv(s, x, f"model.{n}", stride=2, padding=1)))
    for n in range(10, 10 + blocks):
        inner = F.relu(F.instance_norm(conv(s, mirrored(x, 1), f"model.{n}.block.1")))
        x = x + F.instance_norm(conv(s, mirrored(inner, 1), f"model.{n}.block.5"))
    for n in (11 + blocks, 15 + blocks):
        x = F.interpolate(x, scale_factor=2, mode="nearest")
        x = F.relu(F.instance_norm(conv(s, x, f"model.{n}", padding=1)))
    return torch.tanh(conv(s, mirrored(x, 3), f"model.{19 + blocks}"))


# ---- pix2pix's U-Net ----
def unet_state(n_downs=8, norm="batch", ngf=4, channels=(3, 3), seed=0) -> Tensors:
    m = Maker(seed)
    bias = norm != "batch"
    widths = [ngf * min(2**n, 8) for n in range(n_downs)]
    m.conv("model.model.0", widths[0], channels[0], 4, 4, bias=bias)
    inside = "model.model.1"
    for n in range(1, n_downs):
        innermost = n == n_downs - 1
        m.conv(f"{inside}.model.1", widths[n], widths[n - 1], 4, 4, bias=bias)
        if not innermost:
            m.norm(f"{inside}.model.2", widths[n], norm)
        up = 3 if innermost else 5
        inputs = widths[n] * (1 if innermost else 2)
        m.conv(f"{inside}.model.{up}", inputs, widths[n - 1], 4, 4, bias=bias, transposed=True)
        m.norm(f"{inside}.model.{up + 1}", widths[n - 1], norm)
        inside += ".model.3"
    m.conv("model.model.3", 2 * widths[0], channels[1], 4, 4, transposed=True)
    return m.state


def unet(s: Tensors, x: torch.Tensor, norm="batch") -> torch.Tensor:
    """In training mode, as the reference tests it, but without its dropout."""
    normed = batch_as_trained if norm == "batch" else instance

    def level(x, name):
        """What a block adds to its input; that input it leaves as its LeakyReLU, which works in place, made it."""
        x = F.leaky_relu(x, 0.2)
        inner = conv(s, x, f"{name}.1", stride=2, padding=1)
        if f"{name}.5.weight" not in s:
            inner = normed(s, deconv(s, F.relu(inner), f"{name}.3", stride=2, padding=1), f"{name}.4")
        else:
            inner = level(normed(s, inner, f"{name}.2"), f"{name}.3.model")
            inner = normed(s, deconv(s, F.relu(inner), f"{name}.5", stride=2, padding=1), f"{name}.6")
        return torch.cat([x, inner], 1)

    x = level(conv(s, x, "model.model.0", stride=2, padding=1), "model.model.1.model")
    return torch.tanh(deconv(s, F.relu(x), "model.model.3", stride=2, padding=1))


def huggan_unet_state(n_downs=8, ngf=4, seed=0) -> Tensors:
    m = Maker(seed)
    widths = [ngf * min(2**n, 8) for n in range(n_downs)]
    for n, (inputs, outputs) in enumerate(zip([3, *widths], widths, strict=False), start=1):
        m.conv(f"down{n}.model.0", outputs, inputs, 4, 4, bias=False)
    for n in range(1, n_downs):
        inputs = widths[-n] * (1 if n == 1 else 2)
        m.conv(f"up{n}.model.0", inputs, widths[-n - 1], 4, 4, bias=False, transposed=True)
    m.conv("final.2", 3, 2 * ngf, 4, 4)
    return m.state


def huggan_unet(s: Tensors, x: torch.Tensor) -> torch.Tensor:
    n_downs = len([name for name in s if name.startswith("down")])
    kept = []
    for n in range(1, n_downs + 1):
        x = conv(s, x, f"down{n}.model.0", stride=2, padding=1)
        x = F.leaky_relu(x if n in (1, n_downs) else F.instance_norm(x), 0.2)
        kept.append(x)
    kept.pop()
    for n in range(1, n_downs):
        x = F.relu(F.instance_norm(deconv(s, x, f"up{n}.model.0", stride=2, padding=1)))
        x = torch.cat([x, kept.pop()], 1)
    x = F.pad(F.interpolate(x, scale_factor=2, mode="nearest"), (1, 0, 1, 0))
    return torch.tanh(conv(s, x, "final.2", padding=1))


# ---- fast neural style ----
def fast_style_state(ngf=8, blocks=5, old=False, seed=0) -> Tensors:
    m = Maker(seed)

    def norm(name, channels):
        m.norm(name, channels, "affine")
        if old:
            m.norm(name, channels, "old")

    for n, (inputs, outputs, size) in enumerate(((3, ngf, 9), (ngf, 2 * ngf, 3), (2 * ngf, 4 * ngf, 3)), start=1):
        m.conv(f"conv{n}.conv2d", outputs, inputs, size, size)
        norm(f"in{n}", outputs)
    m.state["conv1.conv2d.weight"] /= 127.5
    for n in range(1, blocks + 1):
        for part in (1, 2):
            m.conv(f"res{n}.conv{part}.conv2d", 4 * ngf, 4 * ngf, 3, 3)
            norm(f"res{n}.in{part}", 4 * ngf)
    m.conv("deconv1.conv2d", 2 * ngf, 4 * ngf, 3, 3)
    norm("in4", 2 * ngf)
    m.conv("deconv2.conv2d", ngf, 2 * ngf, 3, 3)
    norm("in5", ngf)
    m.conv("deconv3.conv2d", 3, ngf, 9, 9)
    m.state["deconv3.conv2d.weight"] *= 50
    m.state["deconv3.conv2d.bias"] += 120
    return m.state


def fast_style(s: Tensors, x: torch.Tensor) -> torch.Tensor:
    """Of pictures from 0 to 255, to pictures around 0 to 255."""

    def layer(x, name, size, stride=1):
        return conv(s, mirrored(x, size // 2), f"{name}.conv2d", stride=stride)

    x = F.relu(instance(s, layer(x, "conv1", 9), "in1"))
    x = F.relu(instance(s, layer(x, "conv2", 3, 2), "in2"))
    x = F.relu(instance(s, layer(x, "conv3", 3, 2), "in3"))
    n = 1
    while f"res{n}.in1.weight" in s:
        inner = F.relu(instance(s, layer(x, f"res{n}.conv1", 3), f"res{n}.in1"))
        x = instance(s, layer(inner, f"res{n}.conv2", 3), f"res{n}.in2") + x
        n += 1
    for name, norm in (("deconv1", "in4"), ("deconv2", "in5")):
        x = F.relu(instance(s, layer(F.interpolate(x, scale_factor=2, mode="nearest"), name, 3), norm))
    return layer(x, "deconv3", 9)


# ---- AnimeGANv2 ----
def animegan_state(ngf=4, blocks=4, seed=0) -> Tensors:
    m = Maker(seed)

    def layer(name, inputs, outputs, size=3, channelwise=False):
        m.conv(f"{name}.1", outputs, 1 if channelwise else inputs, size, size, bias=channelwise)
        m.norm(f"{name}.2", outputs, "affine")

    n = ngf
    for name, inputs, outputs, size in (
        ("block_a.0", 3, n, 7), ("block_a.1", n, 2 * n, 3), ("block_a.2", 2 * n, 2 * n, 3),
        ("block_b.0", 2 * n, 4 * n, 3), ("block_b.1", 4 * n, 4 * n, 3), ("block_c.0", 4 * n, 4 * n, 3),
    ):  # fmt: skip
        layer(name, inputs, outputs, size)
    for block in range(1, blocks + 1):
        inputs = 4 * n if block == 1 else 8 * n
        # Here the layer of 1x1 has no padding in front, but its place is kept.
        layer(f"block_c.{block}.layers.0", inputs, 2 * inputs, 1)
        layer(f"block_c.{block}.layers.1", 2 * inputs, 2 * inputs, 3, channelwise=True)
        m.conv(f"block_c.{block}.layers.2", 8 * n, 2 * inputs, 1, 1, bias=False)
        m.norm(f"block_c.{block}.layers.3", 8 * n, "affine")
    for name, inputs, outputs, size in (
        (f"block_c.{blocks + 1}", 8 * n, 4 * n, 3), ("block_d.0", 4 * n, 4 * n, 3), ("block_d.1", 4 * n, 4 * n, 3),
        ("block_e.0", 4 * n, 2 * n, 3), ("block_e.1", 2 * n, 2 * n, 3), ("block_e.2", 2 * n, n, 7),
    ):  # fmt: skip
        layer(name, inputs, outputs, size)
    m.conv("out_layer.0", 3, n, 1, 1, bias=False)
    m.state["out_layer.0.weight"] *= 0.4
    return m.state


def animegan(s: Tensors, x: torch.Tensor, align_corners=True) -> torch.Tensor:
    def norm(x, name):
        return F.group_norm(x, 1, s[f"{name}.weight"], s[f"{name}.bias"])

    def layer(x, name, stride=1):
        weight = s[f"{name}.1.weight"]
        by = weight.shape[-1] // 2
        x = F.pad(x, (0, 1, 0, 1) if stride == 2 else (by,) * 4, mode="reflect")
        groups = len(weight) if weight.shape[1] == 1 else 1
        return F.leaky_relu(norm(conv(s, x, f"{name}.1", stride=stride, groups=groups), f"{name}.2"), 0.2)

    def grown(x, size):
        if align_corners:
            return F.interpolate(x, size, mode="bilinear", align_corners=True)
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)

    size = x.shape[-2:]
    x = layer(layer(layer(x, "block_a.0"), "block_a.1", 2), "block_a.2")
    half = x.shape[-2:]
    x = layer(layer(layer(x, "block_b.0", 2), "block_b.1"), "block_c.0")
    block = 1
    while f"block_c.{block}.layers.2.weight" in s:
        name = f"block_c.{block}.layers"
        inner = layer(layer(x, f"{name}.0"), f"{name}.1")
        inner = norm(conv(s, inner, f"{name}.2"), f"{name}.3")
        x = inner if block == 1 else x + inner
        block += 1
    x = grown(layer(x, f"block_c.{block}"), half)
    x = grown(layer(layer(x, "block_d.0"), "block_d.1"), size)
    x = layer(layer(layer(x, "block_e.0"), "block_e.1"), "block_e.2")
    return torch.tanh(conv(s, x, "out_layer.0"))


# ---- discriminators ----
def patchgan_state(n_layers=3, norm="instance", antialias=False, ndf=4, channels=3, seed=0) -> Tensors:
    m = Maker(seed)
    m.conv("model.0", ndf, channels, 4, 4)
    if antialias:
        m.blur("model.2", ndf, (1, 2, 1))
    at, width = (3 if antialias else 2), ndf
    for n in range(1, n_layers + 1):
        last, wider = n == n_layers, ndf * min(2**n, 8)
        m.conv(f"model.{at}", wider, width, 4, 4, bias=norm != "batch")
        m.norm(f"model.{at + 1}", wider, norm)
        if antialias and not last:
            m.blur(f"model.{at + 3}", wider, (1, 2, 1))
        at, width = at + (4 if antialias and not last else 3), wider
    m.conv(f"model.{at}", 1, width, 4, 4)
    return m.state


def patchgan(s: Tensors, x: torch.Tensor, norm="instance") -> torch.Tensor:
    def shrunk(x, place):
        name = f"model.{place}.filt"
        return F.conv2d(mirrored(x, 1), s[name], stride=2, groups=x.shape[1]) if name in s else x

    blurred = "model.2.filt" in s
    last = max(int(name.split(".")[1]) for name in s)
    x = shrunk(F.leaky_relu(conv(s, x, "model.0", stride=1 if blurred else 2, padding=1), 0.2), 2)
    at = 3 if blurred else 2
    while at < last:
        before_last = at + 3 == last
        x = conv(s, x, f"model.{at}", stride=1 if blurred or before_last else 2, padding=1)
        x = batch_by_averages(s, x, f"model.{at + 1}") if norm == "batch" else F.instance_norm(x)
        x = F.leaky_relu(x, 0.2)
        if not before_last:
            x = shrunk(x, at + 3)
        at += 4 if blurred and not before_last else 3
    return conv(s, x, f"model.{last}", padding=1)


def huggan_patchgan_state(ndf=4, channels=3, last_bias=True, seed=0) -> Tensors:
    m = Maker(seed)
    for n, at in enumerate((0, 2, 5, 8)):
        m.conv(f"model.{at}", ndf * 2**n, channels if n == 0 else ndf * 2 ** (n - 1), 4, 4)
    m.conv("model.12", 1, 8 * ndf, 4, 4, bias=last_bias)
    return m.state


def huggan_patchgan(s: Tensors, x: torch.Tensor) -> torch.Tensor:
    for at in (0, 2, 5, 8):
        x = conv(s, x, f"model.{at}", stride=2, padding=1)
        x = F.leaky_relu(x if at == 0 else F.instance_norm(x), 0.2)
    return conv(s, F.pad(x, (1, 0, 1, 0)), "model.12", padding=1)


def pixel_state(norm="instance", ndf=4, channels=3, seed=0) -> Tensors:
    m = Maker(seed)
    bias = norm != "batch"
    m.conv("net.0", ndf, channels, 1, 1)
    m.conv("net.2", 2 * ndf, ndf, 1, 1, bias=bias)
    m.norm("net.3", 2 * ndf, norm)
    m.conv("net.5", 1, 2 * ndf, 1, 1, bias=bias)
    return m.state


def pixel(s: Tensors, x: torch.Tensor, norm="instance") -> torch.Tensor:
    x = conv(s, F.leaky_relu(conv(s, x, "net.0"), 0.2), "net.2")
    x = batch_by_averages(s, x, "net.3") if norm == "batch" else F.instance_norm(x)
    return conv(s, F.leaky_relu(x, 0.2), "net.5")


# ---- DCGAN: PyTorch's example, and HugGAN's ----
def dcgan_state(prefix="main", latent=10, ngf=4, seed=0) -> Tensors:
    m = Maker(seed)
    widths = [8 * ngf, 4 * ngf, 2 * ngf, ngf]
    for n, (inputs, outputs) in enumerate(zip([latent, *widths], [*widths, 3], strict=True)):
        m.conv(f"{prefix}.{3 * n}", inputs, outputs, 4, 4, bias=False, transposed=True)
        if n < len(widths):
            m.norm(f"{prefix}.{3 * n + 1}", outputs, "batch")
    return m.state


def dcgan(s: Tensors, z: torch.Tensor, prefix="main") -> torch.Tensor:
    x = z[:, :, None, None]
    for n in range(4):
        x = deconv(s, x, f"{prefix}.{3 * n}", **({} if n == 0 else {"stride": 2, "padding": 1}))
        x = F.relu(batch_by_averages(s, x, f"{prefix}.{3 * n + 1}"))
    return torch.tanh(deconv(s, x, f"{prefix}.12", stride=2, padding=1))


def dcgan_discriminator_state(prefix="main", ndf=4, seed=0) -> Tensors:
    m = Maker(seed)
    m.conv(f"{prefix}.0", ndf, 3, 4, 4, bias=False)
    for n, at in enumerate((2, 5, 8)):
        m.conv(f"{prefix}.{at}", ndf * 2 ** (n + 1), ndf * 2**n, 4, 4, bias=False)
        m.norm(f"{prefix}.{at + 1}", ndf * 2 ** (n + 1), "batch")
    m.conv(f"{prefix}.11", 1, 8 * ndf, 4, 4, bias=False)
    return m.state


def dcgan_discriminator(s: Tensors, x: torch.Tensor, prefix="main") -> torch.Tensor:
    """Before the sigmoid."""
    x = F.leaky_relu(conv(s, x, f"{prefix}.0", stride=2, padding=1), 0.2)
    for at in (2, 5, 8):
        x = batch_by_averages(s, conv(s, x, f"{prefix}.{at}", stride=2, padding=1), f"{prefix}.{at + 1}")
        x = F.leaky_relu(x, 0.2)
    return conv(s, x, f"{prefix}.11")
