"""What reports and plots say, in Chinese: their English, and what stands for it."""

from collections.abc import Callable

from hfstyle.traditions import Language

CHINESE = {
    # ---- measures and their groups, see culture.py ----
    "colour": "色彩",
    "space": "空间",
    "line": "线条",
    "surface": "肌理",
    "tonal range": "明暗跨度",
    "chroma ratio": "色彩浓淡",
    "hue entropy": "色相广度",
    "colour entropy": "色彩丰富度",
    "chromatic edges": "以色分界",
    "empty space": "留白",
    "ground unity": "底色统一",
    "ground lightness": "底色明度",
    "detail concentration": "细节集中",
    "detail in the centre": "中部的细节",
    "detail in the light": "亮部的细节",
    "symmetry": "左右对称",
    "contour contrast": "轮廓力度",
    "contour density": "轮廓密度",
    "line polarity": "线条明暗",
    "stroke coherence": "笔触方向",
    "coarse coherence": "大笔触方向",
    "direction entropy": "方向均匀",
    "flat share": "平涂",
    "spectral slope": "粗细比例",
    "pattern entropy": "纹理随机",
    "pattern complexity": "纹理复杂",
    "coarse pattern entropy": "大纹理随机",
    "self-similarity": "局部与整体相似",
    "evenness": "细节均匀",
    # ---- the plot ----
    "{name}, {count} pictures": "{name}，{count} 幅",
    "{name}, 1 picture": "{name}，1 幅",
    "this set: median, quartiles": "这一组：中位数与四分位数",
    "bundled traditions": "自带的各传统",
    "photographs": "照片",
    # ---- the tables ----
    "pictures": "图画",
    "KID x1000": "KID ×1000",
    "share closed": "走过的路程",
    "content": "内容距离",
    "photo unchanged": "原照片",
    "colours of the paintings": "画作的色彩",
    "halves of the paintings": "画作的两半之间",
    "profile (medians)": "特征（中位数）",
    "photos": "照片",
    "painted": "画成的",
    "paintings": "画作",
    "of the way": "走过的路程",
    # ---- the report ----
    "{name}, judged": "对「{name}」的评判",
    "{photos} photos of {source}, painted, against {paintings} paintings of {target}": (
        "{source}的 {photos} 张照片，画成之后与{target}的 {paintings} 幅画作相比"
    ),
    "the folder of photos": "照片文件夹",
    "the folder of paintings": "画作文件夹",
    "Figures": "数值",
    "{seconds} s a picture (median); {machine}": "每幅 {seconds} 秒（中位数）；{machine}",
    "{seconds} s a picture (median), peak memory {memory} MiB; {machine}": (
        "每幅 {seconds} 秒（中位数），内存峰值 {memory} MiB；{machine}"
    ),
    "In brackets stands where 95 % of {resamplings} bootstraps lie, in which the pictures were drawn anew; of halves, "
    "where 95 % of {halvings} halvings lie.": (
        "方括号内是 95 % 的结果所在的区间：把图画重新抽样 {resamplings} 次；「两半」则是对半分 {halvings} 次。"
    ),
    "how far the pictures are, as a set, from the paintings. The lower the better; it leads, since it is "
    "unbiased also for few pictures, and may so come out below 0.": (
        "这些图画作为整体与画作相距多远，越低越好。以它为主，因为图画很少时它也没有偏差，所以可能略低于 0。"
    ),
    "of the way from the KID of the unchanged photos, 0 %, to that between two halves of the paintings, 100 %.": (
        "从原照片的 KID（0 %）到画作两半之间的 KID（100 %），走过了多少。"
    ),
    "how far each picture is from its own photo: 0 is the photo, 1 has nothing in common with it.": (
        "每幅图画与其照片相距多远：0 就是照片本身，1 则毫无共同之处。"
    ),
    "like KID, but too large where there are fewer pictures than the network's 1280 features, the more so the fewer "
    "there are: compare only sets of one size (halves have half as many).": (
        "与 KID 相似，但图画数少于网络的 1280 个特征时会偏大，越少越大，"
        "因此只能在同样大小的组之间比较（「两半」各只有一半）。"
    ),
    "(1 + content) × (1 + FID). Others measure it with other networks, so their figures are others.": (
        "（1 + 内容距离）×（1 + FID）。别处用其他网络测量，数值不可直接相比。"
    ),
    "Profile": "特征",
    "What the pictures do with colour, space, line and surface: medians, and how far the style went from the photos, "
    "0 %, to the paintings, 100 %. A dash is where these differ by no more than chance. It describes, and ranks "
    "nothing; what each measure is, hfstyle profile tells.": (
        "图画如何运用色彩、空间、线条与肌理：中位数，以及从照片（0 %）到画作（100 %）走过了多少。"
        "横线表示两者的差别不超出偶然。这只是描述，不分高下；各项含义见 hfstyle profile。"
    ),
    "The palette of the pictures, and their measures among those of the bundled traditions and of photographs.": (
        "这些图画的用色，以及各项特征在自带的各传统与照片之间的位置。"
    ),
    "Pictures": "图画",
    "Photo {number} of {count}": "第 {number} 张照片，共 {count} 张",
    "The same photo as {name} makes it": "同一张照片画成「{name}」",
    "How it was measured": "如何测量",
    "judged by": "评判网络",
    "{network}, on squares of {side} px after a JPEG of quality {quality}": (
        "{network}，先存为质量 {quality} 的 JPEG，再取边长 {side} 像素的正方形"
    ),
    "model": "模型",
    "{name}, a {kind} of {parameters} parameters": "{name}，{kind}，{parameters} 个参数",
    "{source}: {count} (names {fingerprint})": "{source}：{count} 幅（文件名 {fingerprint}）",
    "{source}: {count}, {unreadable} unreadable left out (names {fingerprint})": (
        "{source}：{count} 幅，另有 {unreadable} 幅无法读取（文件名 {fingerprint}）"
    ),
    "sizes": "尺寸",
    "photos painted at {side} px; of paintings the inner {inner}": "照片以 {side} 像素作画；画作只取中间的 {inner}",
    "bootstraps": "重新抽样",
    "{count}, seed {seed}": "{count} 次，种子 {seed}",
    "machine": "机器",
}


def speaker(language: Language) -> Callable[..., str]:
    """What says an English sentence in `language`, its `{}` filled. Names, which have no translation, stay."""

    def say(english: str, /, **values: object) -> str:
        said = CHINESE.get(english, english) if language == "zh" else english
        return said.format(**values) if values else said  # a stranger's name may have braces

    return say
