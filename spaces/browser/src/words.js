// Every word of the page, in English and Chinese.
export const WORDS = {
  tagline: {en: "Photographs become paintings, in your browser", zh: "在浏览器里，让照片成为画作"},
  choose: {en: "Choose a photo", zh: "选择一张照片"},
  choose_hint: {en: "drop it here, paste it, or click", zh: "拖到这里、粘贴，或点击选择"},
  compare: {en: "Photo and painting: drag, or use the arrow keys, to compare", zh: "照片与画作：拖动或用方向键比较"},
  download: {en: "Download PNG", zh: "下载 PNG"},
  another: {en: "Another photo", zh: "换一张照片"},
  example: {en: "Try our photo", zh: "试试我们的照片"},
  ours: {en: "Our photo:", zh: "我们的照片："},
  take: {en: "Take a photo", zh: "拍一张照片"},
  live: {en: "Live camera", zh: "实时相机"},
  stop: {en: "Stop", zh: "停止"},
  styles: {en: "Style", zh: "画风"},
  own: {en: "A style file from «My style»", zh: "「我的画风」的画风文件"},
  blend: {en: "Blend with", zh: "混合"},
  alone: {en: "nothing", zh: "不混合"},
  share: {en: "Its share", zh: "所占份量"},
  strength: {en: "Strength", zh: "强度"},
  size: {en: "Longest side in pixels", zh: "最长边（像素）"},
  privacy: {
    en: "Your photo never leaves this device: the networks come to the page, and the browser lets the page reach no "
      + "other address. Once loaded, it works without a network.",
    zh: "您的照片不会离开这台设备：网络模型被载入页面，浏览器也不允许本页连接任何其他地址。载入之后，没有网络也能使用。",
  },
  what: {
    en: "Made with hfstyle: a bank of styles, one small network that learnt several traditions of painting, and "
      + "CycleGANs of one style each.",
    zh: "由 hfstyle 制作：画风库是一个学过多种绘画传统的小网络，CycleGAN 则各画一种画风。",
  },
  loading: {en: "Loading the network …", zh: "正在载入网络……"},
  painting: {en: "Painting …", zh: "正在作画……"},
  painted: {en: "Painted in {seconds} s at {width} × {height}.", zh: "用时 {seconds} 秒，{width} × {height}。"},
  pace: {en: "{pace} pictures a second", zh: "每秒 {pace} 幅"},
  bad_photo: {en: "{name} is not a picture that this browser can read.", zh: "{name} 不是浏览器能读取的图片。"},
  bad_style: {en: "{name} is no style that belongs to this bank.", zh: "{name} 不是属于本画风库的画风文件。"},
  no_camera: {
    en: "There is no camera, or the browser does not let this page use it.",
    zh: "没有相机，或浏览器不允许本页使用。",
  },
  failed: {en: "The network could not paint this: {reason}", zh: "网络无法作画：{reason}"},
  compare_alt: {en: "Photo and painting", zh: "照片与画作"},
};

let language = "en";

export const spoken = () => language;

export function say(key, values = {}) {
  return WORDS[key][language].replace(/{(\w+)}/g, (_, name) => values[name]);
}

export function speak(chosen) {
  language = chosen;
  document.documentElement.lang = chosen === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = say(element.dataset.word);
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", say(element.dataset.label));
  }
  for (const button of document.querySelectorAll(".languages button")) {
    button.setAttribute("aria-pressed", String(button.lang === chosen));
  }
}
