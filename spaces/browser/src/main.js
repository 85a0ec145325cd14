import "./style.css";
import {fromHalf, readStyle} from "./stylefile.js";
import {say, speak, spoken} from "./words.js";

const $ = id => document.getElementById(id);
const LIVE_SIDE = 256;
const MAX_PHOTO = 1e8; // pixels

// The painter

const worker = new Worker(new URL("./painter.js", import.meta.url), {type: "module"});
const waiting = new Map();
let asked = 0;

worker.addEventListener("message", ({data}) => {
  const {resolve, reject} = waiting.get(data.id);
  if ("loading" in data) {
    if (data.loading) tell("loading");
    else if (told.word === "loading") tell("painting");
    return;
  }
  waiting.delete(data.id);
  if (data.error) reject(new Error(data.error));
  else resolve(data);
});

/** Ask the worker; without pixels it only loads the network. */
const ask = request => new Promise((resolve, reject) => {
  const id = ++asked;
  waiting.set(id, {resolve, reject});
  const pixels = request.pixels ? [request.pixels.buffer] : [];
  worker.postMessage({id, base: document.baseURI, ...request}, pixels);
});

// Styles

let bank, styles = [], chosen = null;

const title = style => style.title?.[spoken()] ?? style.name;

async function loadStyles() {
  const answer = await fetch("models/styles.json");
  ({bank, styles} = await answer.json());
  const table = Uint8Array.from(atob(bank.numbers), letter => letter.charCodeAt(0)).buffer;
  for (const style of styles.filter(one => one.row !== undefined)) {
    style.model = bank;
    style.numbers = fromHalf(table, 2 * bank.n_numbers * style.row, bank.n_numbers);
  }
  chosen = styles[0];
  showStyles();
  await ask({model: chosen.model});
}

const loaded = loadStyles();

function showStyles() {
  $("gallery").replaceChildren(...styles.map(style => {
    const item = document.createElement("li"), button = document.createElement("button");
    button.type = "button";
    button.dataset.name = style.name;
    button.setAttribute("aria-pressed", String(style === chosen));
    if (style.preview) {
      const image = document.createElement("img");
      image.src = style.preview;
      image.alt = "";
      image.loading = "lazy";
      button.append(image);
    }
    const words = document.createElement("span");
    words.textContent = title(style);
    button.append(words);
    button.addEventListener("click", () => {
      chosen = style;
      showStyles();
      $("gallery").querySelector("[aria-pressed=true]").focus({preventScroll: true});
      repaint();
    });
    item.append(button);
    return item;
  }));
  const others = styles.filter(style => style.numbers && style !== chosen), before = $("other").value;
  const options = [["", say("alone")], ...others.map(style => [style.name, title(style)])];
  $("other").replaceChildren(...options.map(([value, words]) => new Option(words, value)));
  $("other").value = others.some(style => style.name === before) ? before : "";
  $("blend").disabled = !chosen.numbers;
  $("share").disabled = !$("other").value;
}

/** What the network gets of the style, blended with another where one is chosen. */
function numbers() {
  if (!chosen.numbers) return null;
  const other = styles.find(style => style.name === $("other").value), share = $("share").value / 100;
  return other ? chosen.numbers.map((one, n) => (1 - share) * one + share * other.numbers[n]) : chosen.numbers.slice();
}

// Photo and painting

let photo = null, painted = null, round = 0, told = {};

function tell(word, values) {
  told = {word, values};
  $("status").textContent = word ? say(word, values) : "";
  $("progress").hidden = !["loading", "painting"].includes(word);
}

async function open(file) {
  stopLive();
  try {
    if (!file?.type.startsWith("image/")) throw new Error("kind");
    const bitmap = await createImageBitmap(file, {imageOrientation: "from-image"});
    if (bitmap.width * bitmap.height > MAX_PHOTO) throw new Error("size");
    photo = {bitmap, name: file.name?.replace(/\.\w+$/, "") || "photo"};
  } catch {
    return tell("bad_photo", {name: file?.name ?? "?"});
  }
  await paint();
}

/** A picture scaled down to a longest side, as ImageData. */
function scaled(source, width, height, side, mirror = false) {
  const scale = Math.min(1, side / Math.max(width, height));
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
  const pen = canvas.getContext("2d", {willReadFrequently: true});
  pen.imageSmoothingQuality = "high";
  if (mirror) pen.setTransform(-1, 0, 0, 1, canvas.width, 0);
  pen.drawImage(source, 0, 0, canvas.width, canvas.height);
  return pen.getImageData(0, 0, canvas.width, canvas.height);
}

function put(canvas, image) {
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d").putImageData(image, 0, 0);
}

async function paint() {
  const mine = ++round, start = performance.now();
  const before = scaled(photo.bitmap, photo.bitmap.width, photo.bitmap.height, Number($("size").value));
  put($("before"), before);
  if (!painted) $("after").width = $("after").height = 0;
  $("comparison").style.setProperty("--ratio", before.width / before.height);
  $("comparison").hidden = $("another").hidden = false;
  $("drop").hidden = true;
  tell(chosen ? "painting" : "loading");
  try {
    await loaded;
    const {out, provider, reason} = await ask({
      model: chosen.model, numbers: numbers(), pixels: before.data.slice(), width: before.width, height: before.height,
    });
    if (mine !== round) return;
    const strength = $("strength").value / 100;
    if (strength < 1) {
      for (let n = 0; n < out.length; n++) out[n] = strength * out[n] + (1 - strength) * before.data[n];
    }
    painted = new ImageData(out, before.width, before.height);
    put($("after"), painted);
    $("after").dataset.round = mine;
    $("after").dataset.provider = provider;
    $("after").dataset.reason = reason; // why not the graphics card, where there is one
    $("download").hidden = false;
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    $("after").dataset.seconds = seconds;
    tell("painted", {seconds, width: before.width, height: before.height});
  } catch (error) {
    if (mine === round) tell("failed", {reason: error.message});
  }
}

const repaint = () => { if (photo && !streaming) paint(); };

function another() {
  round += 1;
  photo = painted = null;
  $("comparison").hidden = $("another").hidden = $("download").hidden = true;
  $("drop").hidden = false;
  $("file").value = "";
  tell();
}

async function download() {
  const blob = await new Promise(done => $("after").toBlob(done, "image/png"));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${photo.name}-${chosen.name}.png`;
  link.click();
  URL.revokeObjectURL(link.href);
}

async function openExample() {
  const blob = await fetch("models/example.jpg").then(answer => answer.blob());
  await open(new File([blob], "life.jpg", {type: "image/jpeg"}));
}

// The camera

let streaming = null, starts = 0;

async function startLive() {
  stopLive();
  const start = starts, video = $("video"), times = [];
  try {
    const camera = await navigator.mediaDevices.getUserMedia({video: {width: {ideal: 640}}});
    // It was stopped, started once more or left for a photo while the browser asked its user.
    if (start !== starts) return camera.getTracks().forEach(track => track.stop());
    another();
    streaming = video.srcObject = camera;
    await video.play();
  } catch {
    if (start !== starts) return;
    stopLive();
    return tell("no_camera");
  }
  if (start !== starts) return;
  $("drop").hidden = $("live-start").hidden = $("take").hidden = $("example").hidden = true;
  $("live").hidden = $("live-stop").hidden = false;
  while (start === starts) {
    const frame = scaled(video, video.videoWidth, video.videoHeight, LIVE_SIDE, true);
    const {width, height} = frame;
    try {
      await loaded;
      const {out} = await ask({model: chosen.model, numbers: numbers(), pixels: frame.data, width, height});
      if (start !== starts) return;
      put($("live-canvas"), new ImageData(out, width, height));
    } catch (error) {
      stopLive();
      return tell("failed", {reason: error.message});
    }
    times.push(performance.now());
    if (times.length > 10) times.shift();
    const pace = (times.length - 1) * 1000 / (times.at(-1) - times[0]);
    $("live-canvas").dataset.frames = Number($("live-canvas").dataset.frames ?? 0) + 1;
    if (times.length > 3) {
      $("live-canvas").dataset.pace = pace.toFixed(1);
      tell("pace", {pace: pace.toFixed(pace < 10 ? 1 : 0)});
    }
  }
}

function stopLive() {
  starts += 1;
  streaming?.getTracks().forEach(track => track.stop());
  streaming = null;
  $("live").hidden = $("live-stop").hidden = true;
  $("live-start").hidden = $("take").hidden = $("example").hidden = false;
  if (!photo) $("drop").hidden = false;
  tell();
}

/** One picture of the camera, at its full size. */
async function take() {
  stopLive();
  const start = starts;
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({video: {facingMode: "environment", width: {ideal: 1920}}});
    const video = $("video");
    video.srcObject = stream;
    await video.play();
    await new Promise(done => setTimeout(done, 400)); // until it has found its light
    if (start !== starts) return; // another photo came meanwhile
    const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
    canvas.getContext("2d").drawImage(video, 0, 0);
    const blob = await canvas.convertToBlob({type: "image/png"});
    await open(new File([blob], "photo.png", {type: "image/png"}));
  } catch {
    if (start === starts) tell("no_camera");
  } finally {
    stream?.getTracks().forEach(track => track.stop());
  }
}

// Styles of one's own

async function bring(file) {
  try {
    await loaded;
    const {name, numbers} = readStyle(await file.arrayBuffer(), bank);
    styles = [...styles.filter(style => style.name !== `own:${name}`), {name: `own:${name}`, title: {en: name, zh: name}, model: bank, numbers}];
    chosen = styles.at(-1);
    showStyles();
    repaint();
  } catch {
    tell("bad_style", {name: file.name});
  } finally {
    $("own").value = "";
  }
}

// All together

const remembered = () => { try { return localStorage.getItem("language"); } catch { return null; } };

function language(value) {
  speak(value);
  if (styles.length) showStyles();
  tell(told.word, told.values);
}

for (const button of document.querySelectorAll(".languages button")) {
  button.addEventListener("click", () => {
    try { localStorage.setItem("language", button.lang); } catch { /* a private window */ }
    language(button.lang);
  });
}
$("file").addEventListener("change", event => event.target.files[0] && open(event.target.files[0]));
$("own").addEventListener("change", event => event.target.files[0] && bring(event.target.files[0]));
$("another").addEventListener("click", another);
$("download").addEventListener("click", download);
$("take").addEventListener("click", take);
$("example").addEventListener("click", openExample);
$("live-start").addEventListener("click", startLive);
$("live-stop").addEventListener("click", stopLive);
$("cut").addEventListener("input", event => $("comparison").style.setProperty("--cut", `${event.target.value}%`));
$("other").addEventListener("change", () => { $("share").disabled = !$("other").value; repaint(); });
for (const id of ["share", "strength", "size"]) $(id).addEventListener("change", repaint);
addEventListener("paste", event => {
  const file = [...event.clipboardData.files][0];
  if (file) open(file);
});
addEventListener("dragover", event => event.preventDefault());
addEventListener("drop", event => {
  event.preventDefault();
  const file = event.dataTransfer.files[0];
  if (file) file.name.endsWith(".safetensors") ? bring(file) : open(file);
});
language(remembered() ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en"));
loaded.then(() => {
  if (!photo && ["loading", "painting"].includes(told.word)) tell();
  document.documentElement.dataset.ready = "true";
}, error => tell("failed", {reason: error.message}));
if ("serviceWorker" in navigator) navigator.serviceWorker.register("sw.js").catch(() => { /* still works online */ });
