"""Every word of the studio, in English and Chinese: the one catalogue.

Gradio translates the labels of its own components in the browser (`label("paint")`). In HTML that we write ourselves,
and in error messages, both languages are sent and the style sheet shows the one that the page is set to
(`both("tagline")`), so switching the language never needs a reload.
"""

import html
from collections.abc import Mapping
from pathlib import Path

import gradio as gr
from gradio.i18n import I18nData

from hfstyle.errors import (
    ConfigError,
    DataError,
    HfstyleError,
    HubError,
    ImageError,
    ModelNotFoundError,
    OptionError,
    WeightsError,
)
from hfstyle.traditions import Language

LANGUAGES = {"en": "English", "zh-CN": "中文"}
"""Locale, as Gradio's own texts know it, to the name that the language switch shows."""

CATALOGUE: dict[str, dict[str, str]] = {
    "title": {"en": "hfstyle", "zh-CN": "hfstyle"},
    "tagline": {"en": "Photographs become paintings", "zh-CN": "让照片成为画作"},
    # The pages
    "page.one": {"en": "One style", "zh-CN": "单一画风"},
    "page.all": {"en": "All at once", "zh-CN": "全部画风"},
    "page.mine": {"en": "My style", "zh-CN": "我的画风"},
    "page.imagine": {"en": "Imagine", "zh-CN": "想象"},
    "page.live": {"en": "Live", "zh-CN": "实时"},
    "page.measure": {"en": "Measure", "zh-CN": "测量"},
    "page.about": {"en": "About", "zh-CN": "关于"},
    "page.compare": {"en": "Compare", "zh-CN": "比较"},
    # The stage
    "photo": {"en": "Photo", "zh-CN": "照片"},
    "painting": {"en": "Painting", "zh-CN": "画作"},
    "photo_hint": {
        "en": "# Choose a photo\ndrop it here, paste it, or take one with the camera",
        "zh-CN": "# 选择一张照片\n拖到这里、粘贴，或用相机拍摄",
    },
    "compare": {
        "en": "Photo and painting: drag, or use the arrow keys, to compare",
        "zh-CN": "照片与画作：拖动或用方向键比较",
    },
    "whole_screen": {"en": "Full screen, and back", "zh-CN": "全屏／退出全屏"},
    "download": {"en": "Download PNG", "zh-CN": "下载 PNG"},
    "full": {"en": "Paint at full size", "zh-CN": "按原尺寸作画"},
    "another": {"en": "Another photo", "zh-CN": "换一张照片"},
    "reduced": {
        "en": "Your photo is very large, so it was painted at {small} and enlarged to its full {full} pixels.",
        "zh-CN": "照片很大，因此先以 {small} 像素作画，再放大到原来的 {full} 像素。",
    },
    "privacy": {
        "en": "Your photo is used for your paintings only, goes nowhere else, and is deleted within the hour.",
        "zh-CN": "您的照片只用于为您作画，不会传往别处，并在一小时内删除。",
    },
    # The panel
    "style": {"en": "Style", "zh-CN": "画风"},
    "strength": {"en": "Strength (%)", "zh-CN": "强度（%）"},
    "keep_color": {"en": "Keep my photo’s colours", "zh-CN": "保留照片的颜色"},
    "paint": {"en": "Paint", "zh-CN": "开始作画"},
    "waiting": {"en": "Waiting for a turn …", "zh-CN": "正在排队……"},
    "stop": {"en": "Stop", "zh-CN": "停止"},
    # All styles at once
    "all_progress": {"en": "{done} of {total} painted", "zh-CN": "已画好 {done} 幅，共 {total} 幅"},
    "all_progress_left": {
        "en": "{done} of {total} painted, about {seconds} s left",
        "zh-CN": "已画好 {done} 幅，共 {total} 幅，大约还需 {seconds} 秒",
    },
    "all_done": {
        "en": "Choose a painting to compare it with your photo.",
        "zh-CN": "选择一幅画，与照片比较。",
    },
    "all_stopped": {
        "en": "Stopped after {done} of {total}. Choose one to compare it with your photo.",
        "zh-CN": "已停止，画好了 {done} 幅，共 {total} 幅。选择一幅，与照片比较。",
    },
    "rest": {"en": "Paint the rest", "zh-CN": "画完其余的"},
    "compare_button": {"en": "Compare with the photo:", "zh-CN": "与照片比较："},
    "blend": {"en": "Blend styles", "zh-CN": "混合画风"},
    "blend_styles": {"en": "Choose two or three", "zh-CN": "选择两种或三种"},
    # The tradition of a painting
    "axes": {"en": "From your photo towards the tradition", "zh-CN": "从照片到这一传统，走了多远"},
    "axes_hint": {
        "en": "Measured on your photo, this painting and the tradition’s pictures, where photo and tradition differ.",
        "zh-CN": "以上是在照片、这幅画与该传统的作品上测得的，只列出照片与传统有差别之处。",
    },
    "axis_share": {"en": "{share}% of the way", "zh-CN": "走了 {share}%"},
    "axis.tonal range": {"en": "Range of light and dark", "zh-CN": "明暗跨度"},
    "axis.chroma ratio": {"en": "Strength of colour", "zh-CN": "色彩浓淡"},
    "axis.empty space": {"en": "Empty space", "zh-CN": "留白"},
    "axis.flat share": {"en": "Flat areas", "zh-CN": "平涂"},
    "axis.contour contrast": {"en": "Force of outlines", "zh-CN": "轮廓力度"},
    "axis.stroke coherence": {"en": "Aligned strokes", "zh-CN": "笔触方向"},
    # A style of one's own
    "mine.bring": {"en": "1 · Bring pictures that you love", "zh-CN": "1 · 带来您喜爱的图画"},
    "mine.bring_hint": {
        "en": "One is enough, five of one kind are better, thirty at most. Or tap ♥ below a painting on another page.",
        "zh-CN": "一张就够，五张同类的更好，最多三十张。在其他页面的画作下点 ♥ 也可以收藏。",
    },
    "mine.files": {"en": "Pictures: drop many at once, or click", "zh-CN": "图画：可一次拖入多张，或点击选择"},
    "mine.remove": {"en": "Take away", "zh-CN": "移除"},
    "mine.remember": {"en": "Keep these pictures in this browser", "zh-CN": "在此浏览器中保留这些图画"},
    "mine.photo": {"en": "A photo of yours to try it on", "zh-CN": "用您自己的照片来试"},
    "mine.privacy": {
        "en": "Your pictures are used for your style only, and deleted when you close this page. The style’s file "
        "holds none of them.",
        "zh-CN": "您的图画只用于学习您的画风，关闭本页即被删除。画风文件中不含任何图画。",
    },
    "mine.watch": {"en": "2 · Watch it learn", "zh-CN": "2 · 看它学习"},
    "mine.watch_hint": {
        "en": "It takes a minute. Your photo, or one of ours, shows how far it is.",
        "zh-CN": "大约一分钟。您的照片（或我们的一张）会显示它学到了哪里。",
    },
    "mine.learn": {"en": "Learn my style", "zh-CN": "学习我的画风"},
    "mine.enough": {"en": "That is enough", "zh-CN": "这样就好"},
    "mine.looking": {"en": "Looking at your pictures …", "zh-CN": "正在看您的图画……"},
    "mine.progress": {"en": "Step {step}, about {seconds} s left", "zh-CN": "第 {step} 步，大约还需 {seconds} 秒"},
    "mine.curve": {"en": "Distance from your pictures", "zh-CN": "与您的图画的差距"},
    "mine.done": {"en": "Your style is ready.", "zh-CN": "您的画风已学成。"},
    "mine.title": {"en": "My style", "zh-CN": "我的画风"},
    "mine.try": {"en": "3 · Try it", "zh-CN": "3 · 试一试"},
    "mine.alone": {"en": "alone", "zh-CN": "不混合"},
    "mine.blend": {"en": "Blend with a tradition", "zh-CN": "与一种传统混合"},
    "mine.share": {"en": "Share of the tradition (%)", "zh-CN": "该传统所占的份量（%）"},
    "mine.keep": {"en": "4 · Keep it", "zh-CN": "4 · 留住它"},
    "mine.name": {"en": "Name", "zh-CN": "名称"},
    "mine.save": {"en": "Download the style", "zh-CN": "下载画风文件"},
    "mine.delete": {"en": "Delete", "zh-CN": "删除"},
    "mine.use": {
        "en": "The file works with every hfstyle: hfstyle styles add FILE, then hfstyle stylize PHOTO --style NAME.",
        "zh-CN": "此文件可用于任何 hfstyle：先 hfstyle styles add 文件，再 hfstyle stylize 照片 --style 名称。",
    },
    "mine.dataset": {"en": "Keep the pictures on the Hugging Face Hub", "zh-CN": "把图画保存在 Hugging Face Hub"},
    "mine.dataset_name": {"en": "Private data set (owner/name)", "zh-CN": "私有数据集（所有者/名称）"},
    "mine.keep_there": {"en": "Keep there", "zh-CN": "保存过去"},
    "mine.fetch": {"en": "Fetch from there", "zh-CN": "取回"},
    "mine.hub": {"en": "Put it on the Hugging Face Hub", "zh-CN": "放到 Hugging Face Hub"},
    "mine.repo": {"en": "Repository (owner/name)", "zh-CN": "仓库（所有者/名称）"},
    "mine.told": {"en": "What it learned from, if you want to say", "zh-CN": "它学自何处（可不填）"},
    "mine.public": {"en": "For everybody to see", "zh-CN": "公开，人人可见"},
    "mine.push": {"en": "Push", "zh-CN": "上传"},
    "mine.pushed": {"en": "It is there:", "zh-CN": "已上传："},
    # Pictures out of nothing
    "imagine.title": {"en": "Landscapes that never were", "zh-CN": "不曾有过的风景"},
    "imagine.hint": {
        "en": "Drawn from chance alone by a small network that has seen 751 landscapes. ♥ collects one for My style.",
        "zh-CN": "由一个看过 751 幅风景的小网络凭偶然画成。点 ♥ 收入「我的画风」。",
    },
    "imagine.seed": {"en": "Seed", "zh-CN": "种子"},
    "imagine.draw": {"en": "Draw", "zh-CN": "作画"},
    "imagine.more": {"en": "Next seed", "zh-CN": "下一个种子"},
    "imagine.towards": {"en": "Another seed", "zh-CN": "另一个种子"},
    "imagine.walk": {"en": "Walk from one to the other", "zh-CN": "从一个走到另一个"},
    # What the camera sees
    "live.title": {"en": "Your camera, painted", "zh-CN": "镜头即画布"},
    "live.hint": {
        "en": "Frames go to the studio’s machine and come back painted; none is kept.",
        "zh-CN": "画面传到运行本应用的机器，画好后传回，不作任何保存。",
    },
    "live.start": {"en": "Start the camera", "zh-CN": "打开相机"},
    "live.turn": {"en": "Other camera", "zh-CN": "换个镜头"},
    "live.keep": {"en": "Keep this picture", "zh-CN": "保存这一幅"},
    "live.pace": {"en": "{pace} pictures a second", "zh-CN": "每秒 {pace} 幅"},
    "live.refused": {
        "en": "The browser does not let this page use the camera. Allow it in the address bar, then start again.",
        "zh-CN": "浏览器不允许本页使用相机。请在地址栏中允许，然后重新打开。",
    },
    "live.missing": {
        "en": "No camera was found, or another program uses it.",
        "zh-CN": "没有找到相机，或相机正被其他程序使用。",
    },
    "live.lost": {"en": "The studio does not answer any more.", "zh-CN": "应用已没有响应。"},
    "error.live_busy": {
        "en": "Others use their cameras just now; you are next.",
        "zh-CN": "其他人正在使用相机，请稍候。",
    },
    "error.live_frame": {"en": "This is no frame of a camera.", "zh-CN": "这不是相机的画面。"},
    # What this is
    "about.title": {"en": "Photographs become paintings, and yours", "zh-CN": "让照片成为画作，成为您的画作"},
    "about.what": {
        "en": "Traditions of painting differ in colour, line, texture and emptiness. hfstyle learnt from pictures of "
        "several of them to paint photographs their way while what is in the photograph stays, and it learns a style "
        "of yours from pictures that you love.",
        "zh-CN": "各种绘画传统在色彩、线条、肌理与留白上各不相同。"
        "hfstyle 从其中几种传统的作品中学会用它们的方式来画照片，同时保留照片的内容；"
        "也能从您喜爱的图画中学会属于您的画风。",
    },
    "about.how": {
        "en": "Its networks are generative adversarial ones: CycleGANs, each of one style, and a bank, one small "
        "network of many styles that can be blended. They run on the machine of this page; the Hugging Face Hub is "
        "asked only when you say so.",
        "zh-CN": "它使用生成对抗网络：CycleGAN 每个只画一种画风；画风库则是一个小网络，能画多种画风并加以混合。"
        "网络都在本页所在的机器上运行；只有在您要求时才会连接 Hugging Face Hub。",
    },
    "about.privacy": {"en": "Your photos", "zh-CN": "您的照片"},
    "about.privacy_words": {
        "en": "They are used for your paintings only and deleted within the hour, pictures for a style of your own "
        "when you close the page, frames of a camera at once. Votes are kept without a name. Nothing else is "
        "recorded.",
        "zh-CN": "照片只用于为您作画，一小时内删除；学习画风所用的图画在您关闭页面时删除；相机画面即画即弃。"
        "投票不记名保存。此外不作任何记录。",
    },
    "about.styles": {"en": "The traditions, and what the styles learnt from", "zh-CN": "各传统，以及画风的学习来源"},
    "about.photos": {"en": "Photographs that come with it", "zh-CN": "附带的照片"},
    "about.command": {
        "en": "The same as a command and as a Python package: hfstyle --help.",
        "zh-CN": "同样的功能也有命令行与 Python 包：hfstyle --help。",
    },
    # Figures
    "measure.title": {"en": "How good is a style, in figures?", "zh-CN": "用数字衡量一种画风"},
    "measure.hint": {
        "en": "It paints photos, and a network that never trained it says how near they come to paintings of the "
        "tradition. Ten paintings are the least; with fifty the figures mean something.",
        "zh-CN": "它为照片作画，再由一个未参与训练的网络衡量这些画与该传统作品的距离。"
        "至少需要十幅作品，五十幅以上数字才有意义。",
    },
    "measure.model": {"en": "Or a model on the Hugging Face Hub", "zh-CN": "或 Hugging Face Hub 上的模型"},
    "measure.paintings": {"en": "Paintings of the tradition, ten at least", "zh-CN": "该传统的作品，至少十幅"},
    "measure.photos": {"en": "Photos; none: twelve of ours", "zh-CN": "照片；不选则用我们的十二张"},
    "measure.report": {"en": "Report", "zh-CN": "报告"},
    "measure.begin": {"en": "Measure", "zh-CN": "开始测量"},
    "measure.reading": {"en": "Reading the pictures …", "zh-CN": "正在读取图片……"},
    "measure.painted": {"en": "{done} of {total} photos painted", "zh-CN": "已画好 {done} 张，共 {total} 张"},
    "measure.judging": {"en": "{total} photos painted; looking at them …", "zh-CN": "{total} 张已画好，正在评判……"},
    "measure.download": {"en": "Download the report", "zh-CN": "下载报告"},
    # People as judges
    "compare.title": {"en": "Which is better?", "zh-CN": "哪一幅更好？"},
    "compare.hint": {
        "en": "Two paintings of one photo, and nobody tells who made which. Click, or use the arrow keys. Your "
        "answers are kept without your name, and rank the styles.",
        "zh-CN": "同一张照片的两幅画，不说是谁画的。点击按钮或用方向键作答。您的回答不记名保存，用来给画风排名。",
    },
    "compare.tradition": {"en": "Tradition", "zh-CN": "传统"},
    "compare.any": {"en": "Any", "zh-CN": "任意"},
    "compare.start": {"en": "Show me two", "zh-CN": "给我看两幅"},
    "compare.tie": {"en": "Neither", "zh-CN": "不分上下"},
    "compare.style": {"en": "Which looks more like:", "zh-CN": "哪一幅更像："},
    "compare.content": {"en": "Which keeps more of the photo?", "zh-CN": "哪一幅保留了更多照片内容？"},
    "compare.thanks": {"en": "Thank you: {count} answered.", "zh-CN": "谢谢，您已回答 {count} 次。"},
    "compare.all_done": {
        "en": "You have seen every pair there is. Thank you!",
        "zh-CN": "您已看过所有的对比，谢谢！",
    },
    "compare.more": {"en": "Compare other models too", "zh-CN": "加入其他模型"},
    "compare.as": {"en": "It paints as", "zh-CN": "它画的是"},
    "compare.add": {"en": "Add this model", "zh-CN": "加入这个模型"},
    "compare.add_mine": {"en": "Add my style", "zh-CN": "加入我的画风"},
    "compare.added": {"en": "It is among those that you compare now.", "zh-CN": "已加入比较。"},
    "compare.ranking": {"en": "What people found", "zh-CN": "大家的看法"},
    "compare.csv": {"en": "Download the votes (CSV)", "zh-CN": "下载投票（CSV）"},
    "compare.no_votes": {"en": "Nobody has voted yet.", "zh-CN": "还没有人投票。"},
    "compare.counts": {"en": "Votes: {votes}, people: {voters}.", "zh-CN": "{voters} 人，共 {votes} 票。"},
    "compare.by_style": {"en": "Looks more like it", "zh-CN": "更像"},
    "compare.by_content": {"en": "Keeps more of the photo", "zh-CN": "保留更多内容"},
    "compare.model": {"en": "Painted by", "zh-CN": "作画者"},
    "compare.share": {"en": "Preferred", "zh-CN": "被选中"},
    "compare.sure": {"en": "How sure", "zh-CN": "可信区间"},
    "compare.too_few": {"en": "too few people yet", "zh-CN": "人数还太少"},
    "compare.votes": {"en": "Votes", "zh-CN": "票数"},
    "compare.control": {"en": "The untouched photo", "zh-CN": "原照片"},
    "compare.agreed": {
        "en": "Two people give the same answer in {same}% of the cases.",
        "zh-CN": "两个人的回答相同的情形占 {same}%。",
    },
    "compare.ranking_hint": {
        "en": "Preferred: the chance to be chosen over another of them (Bradley–Terry). How sure: 95% of bootstrap "
        "samples of the voters lie in the bar.",
        "zh-CN": "被选中：胜过其他画作的概率（布拉德利-特里模型）。可信区间：对投票者自助抽样，"
        "95% 的结果落在横条之内。",
    },
    # Models of the Hub
    "hub.load": {"en": "Load it", "zh-CN": "载入"},
    "hub.model": {"en": "A model on the Hugging Face Hub", "zh-CN": "Hugging Face Hub 上的模型"},
    "hub.linked": {
        "en": "The link that you followed asks for this model, which is not here yet.",
        "zh-CN": "您打开的链接要用这个模型，它还没有载入。",
    },
    "heart": {"en": "♥ Collect for my style", "zh-CN": "♥ 收入我的画风"},
    "hearted": {"en": "Collected: see My style.", "zh-CN": "已收藏，见「我的画风」。"},
    "finding.unreadable": {"en": "Cannot be read: {names}", "zh-CN": "无法读取：{names}"},
    "finding.tiny": {
        "en": "Too small to show strokes, left out: {names}",
        "zh-CN": "太小，看不出笔触，未采用：{names}",
    },
    "finding.small": {"en": "Small, so its strokes come out soft: {names}", "zh-CN": "较小，笔触会显得模糊：{names}"},
    "finding.duplicate": {
        "en": "Looks like another picture, left out: {names}",
        "zh-CN": "与另一张相同，未采用：{names}",
    },
    "finding.surplus": {"en": "More pictures than it takes, left out: {names}", "zh-CN": "超出数量，未采用：{names}"},
    "finding.photograph": {
        "en": "Looks like a photograph among paintings: {names}",
        "zh-CN": "在画作之中，像是照片：{names}",
    },
    "finding.apart": {
        "en": "These look like two styles; each is better learnt alone: {groups}",
        "zh-CN": "看起来是两种画风，分开学习更好：{groups}",
    },
    # The examples
    "examples": {"en": "Or try one of these", "zh-CN": "或者试试这些照片"},
    "example_button": {"en": "Paint this photo:", "zh-CN": "把这张照片变成画作："},
    # Styles: `style.` and the name in `bundled_styles()`; short, as hfstyle.traditions tells the rest
    "style.ukiyoe": {"en": "Ukiyo-e", "zh-CN": "浮世绘"},
    "style.bank:ukiyoe": {"en": "Ukiyo-e II", "zh-CN": "浮世绘（二）"},
    "style.monet": {"en": "Monet", "zh-CN": "莫奈"},
    "style.bank:monet": {"en": "Monet II", "zh-CN": "莫奈（二）"},
    "style.vangogh": {"en": "Van Gogh", "zh-CN": "凡·高"},
    "style.bank:vangogh": {"en": "Van Gogh II", "zh-CN": "凡·高（二）"},
    "style.pointillism": {"en": "Neo-Impressionism", "zh-CN": "新印象派"},
    "style.impressionism": {"en": "Impressionism", "zh-CN": "印象派"},
    "style.shanshui": {"en": "Shanshui", "zh-CN": "山水"},
    "style.bank:shanshui": {"en": "Shanshui II", "zh-CN": "山水（二）"},
    "style.kuindzhi": {"en": "Kuindzhi", "zh-CN": "库因芝"},
    "style.bank:kuindzhi": {"en": "Kuindzhi II", "zh-CN": "库因芝（二）"},
    "style.pirosmani": {"en": "Pirosmani", "zh-CN": "皮罗斯马尼"},
    "style.bank:pirosmani": {"en": "Pirosmani II", "zh-CN": "皮罗斯马尼（二）"},
    # Errors
    "error.no_photo": {"en": "Choose a photo first.", "zh-CN": "请先选择一张照片。"},
    "error.no_path": {"en": "The photo must be an uploaded file.", "zh-CN": "照片必须是上传的文件。"},
    "error.address": {
        "en": "The studio does not fetch pictures from the internet; upload the file itself.",
        "zh-CN": "本应用不会从网络下载图片，请直接上传文件。",
    },
    "error.expired": {
        "en": "This photo has been deleted, as all are within the hour; choose it again.",
        "zh-CN": "照片都会在一小时内删除，这一张也已删除，请重新选择。",
    },
    "error.no_pictures": {"en": "Bring a picture that you love first.", "zh-CN": "请先带来一张您喜爱的图画。"},
    "error.enough_pictures": {
        "en": "Thirty pictures are enough; take some away first.",
        "zh-CN": "三十张已经足够，请先移除几张。",
    },
    "error.login": {"en": "Log in first.", "zh-CN": "请先登录。"},
    "error.hub": {
        "en": "The Hugging Face Hub refused or could not be reached.",
        "zh-CN": "Hugging Face Hub 拒绝了请求，或无法连接：请检查登录状态和仓库名称。",
    },
    "error.no_style": {"en": "There is no style yet; let it learn first.", "zh-CN": "还没有画风，请先让它学习。"},
    "error.no_tradition": {"en": "Choose a tradition first.", "zh-CN": "请先选择一种传统。"},
    "error.unknown_style": {"en": "There is no such style here.", "zh-CN": "这里没有这种画风。"},
    "error.no_ballot": {
        "en": "These two are not asked about any more; ask for another pair.",
        "zh-CN": "这一对已经过期，请再看另外两幅。",
    },
    "error.hub_name": {
        "en": "What lies on the Hub is written owner/name, not {name}.",
        "zh-CN": "Hub 上的名称应写作「所有者/名称」，而不是 {name}。",
    },
    "error.too_large": {
        "en": "This model is larger than the studio loads; use it with hfstyle stylize.",
        "zh-CN": "这个模型太大，本应用不载入；请用 hfstyle stylize 命令。",
    },
    "error.public": {
        "en": "{name} is public; choose a data set that only you can see.",
        "zh-CN": "{name} 是公开的，请选择只有您能看到的数据集。",
    },
    "error.no_collection": {
        "en": "{name} has no collection of pictures.",
        "zh-CN": "{name} 里没有收藏的图画。",
    },
    "error.style_name": {
        "en": "A style’s name begins with a letter or digit, ends with no dot, has 64 characters at most and none of "
        '/\\:=,*?"<>|.',
        "zh-CN": '画风名称须以文字或数字开头，不以句点结尾，最多 64 个字符，且不含 /\\:=,*?"<>|。',
    },
    "error.few_photos": {
        "en": "It takes ten photos at least; {count} can be read.",
        "zh-CN": "至少需要十张照片，目前能读取的有 {count} 张。",
    },
    "error.few_paintings": {
        "en": "It takes ten paintings at least; {count} can be read.",
        "zh-CN": "至少需要十幅作品，目前能读取的有 {count} 幅。",
    },
    "error.data": {
        "en": "These pictures cannot be used.",
        "zh-CN": "这些图片无法使用：请换成完好、短边至少 96 像素的图片。",
    },
    "error.image": {
        "en": "This picture cannot be read.",
        "zh-CN": "这张图片无法读取：请换一张完好的 JPEG、PNG 或 WebP 图片，不超过 1.2 亿像素。",
    },
    "error.option": {"en": "An entry is not what it should be.", "zh-CN": "有一项填写或设置不合要求，请检查后再试。"},
    "error.not_found": {
        "en": "There is no such model.",
        "zh-CN": "找不到这个模型：请检查名称；私有模型需要先登录。",
    },
    "error.model": {"en": "This cannot be loaded.", "zh-CN": "无法载入：文件已损坏，或不是 hfstyle 的模型或画风。"},
    "error.memory": {
        "en": "This photo needs more memory than the machine has; try a smaller one.",
        "zh-CN": "这张照片需要的内存超过了这台机器的容量，请换一张小一些的照片。",
    },
    # Gradio's own: the first four are missing in its catalogue, the others are said in English only.
    "common.upload": {"en": "Upload", "zh-CN": "上传"},
    "common.complete": {"en": "Complete", "zh-CN": "完成"},
    "common.progress": {"en": "Progress", "zh-CN": "进度"},
    "status.queue_position": {
        "en": "In queue: {position} of {size}",
        "zh-CN": "排队位置：{position} / {size}",
    },
    "gradio.upload": {"en": "Click to upload or drop files", "zh-CN": "点击或拖入文件以上传"},
    "gradio.remove": {"en": "Remove this file", "zh-CN": "移除此文件"},
    "gradio.footer": {"en": "Gradio footer navigation", "zh-CN": "页脚导航"},
    "error.internal": {
        "en": "Something went wrong on our side; please try again.",
        "zh-CN": "我们这边出了问题，请再试一次。",
    },
}


def i18n() -> gr.I18n:
    """The catalogue in the form that `Blocks.launch` takes."""
    return gr.I18n(**{locale: {key: words[locale] for key, words in CATALOGUE.items()} for locale in LANGUAGES})


def label(key: str) -> I18nData:
    """A catalogue entry for the label, placeholder or choice of a Gradio component."""
    if key not in CATALOGUE:
        raise KeyError(key)
    return I18nData(key)


def both(key: str, **values: object) -> str:
    """A catalogue entry as HTML in both languages, of which the style sheet shows one; `values` fill its `{}`."""
    return _spans({locale: CATALOGUE[key][locale].format(**values) for locale in LANGUAGES})


def in_both(words: Mapping[Language, str]) -> str:
    """What `hfstyle.traditions` says, as HTML in both languages, of which the style sheet shows one."""
    return _spans({"en": words["en"], "zh-CN": words["zh"]})


def style_title(name: str) -> I18nData | str:
    """What the page calls a bundled style; one without an entry goes by its name."""
    key = f"style.{name}"
    return label(key) if key in CATALOGUE else name


def style_names(name: str) -> dict[str, str]:
    """The same as `style_title`, as plain text by locale."""
    return CATALOGUE.get(f"style.{name}") or dict.fromkeys(LANGUAGES, name)


def style_words(name: str) -> str:
    """The same as `style_title`, as HTML in both languages."""
    key = f"style.{name}"
    return both(key) if key in CATALOGUE else html.escape(name)


class StudioError(HfstyleError):
    """An error of the studio itself, whose sentence is a catalogue entry (`StudioError("error.no_photo")`); `values`
    fill its `{}`."""

    def __init__(self, key: str, **values: object):
        super().__init__(CATALOGUE[key]["en"].format(**values))
        self.key = key
        self.values = values


_ERROR_KEYS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((ImageError,), "error.image"),
    ((DataError,), "error.data"),
    ((OptionError,), "error.option"),
    ((HubError,), "error.hub"),
    ((ModelNotFoundError,), "error.not_found"),
    ((ConfigError, WeightsError), "error.model"),
    ((MemoryError,), "error.memory"),
)


def error_sentence(error: BaseException, file: str = "") -> str:
    """One English sentence for an error. The server's path `file` in it becomes the mere name of the file."""
    if not isinstance(error, HfstyleError):
        return CATALOGUE[error_key(error)]["en"]
    sentence = f"{str(error).rstrip('.')}."
    if not file or not sentence.startswith(file):
        sentence = sentence[:1].upper() + sentence[1:]
    return sentence.replace(file, Path(file).name) if file else sentence


def error_html(error: BaseException, file: str = "") -> str:
    """The same as `error_sentence`, as HTML in both languages; Chinese names the kind of error, not its details."""
    chinese = CATALOGUE[error_key(error)]["zh-CN"]
    if isinstance(error, StudioError):
        chinese = chinese.format(**error.values)
    return _spans({"en": error_sentence(error, file), "zh-CN": chinese})


def error_key(error: BaseException) -> str:
    """The catalogue key for the kind of an error."""
    if isinstance(error, StudioError):
        return error.key
    # torch reports a lack of memory as a RuntimeError, and on the CPU without a class of its own.
    if isinstance(error, RuntimeError) and any(
        words in str(error).lower() for words in ("not enough memory", "out of memory", "can't allocate memory")
    ):
        return "error.memory"
    return next((key for kinds, key in _ERROR_KEYS if isinstance(error, kinds)), "error.internal")


def _spans(words: dict[str, str]) -> str:
    return "".join(f'<span class="words" lang="{locale}">{html.escape(text)}</span>' for locale, text in words.items())
