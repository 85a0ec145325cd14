// The worker that paints. Each message is {id, model, pixels, width, height, numbers}; the answer has the same id.
let ort, provider, base, reason = "", card;
const sessions = new Map();

async function use(name) {
  const runtime = name === "webgpu" ? await import("onnxruntime-web/webgpu") : await import("onnxruntime-web/wasm");
  runtime.env.wasm.wasmPaths = new URL("ort/", base).href;
  // Threads share memory, which browsers allow only to pages that are isolated (see custom_headers in README.md).
  runtime.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency || 1, 4) : 1;
  sessions.clear();
  [ort, provider] = [runtime, name];
}

const failed = error => { reason = String(error.message ?? error).slice(0, 300); };

/** Paint on the graphics card, where there is one. What that takes is twice as large as all the rest, so it is fetched
 * when there is a first painting to look at, and not where data is dear. */
async function useCard() {
  if (navigator.connection?.saveData || !await navigator.gpu?.requestAdapter().catch(() => null)) return;
  await fetch(new URL("ort/ort-wasm-simd-threaded.asyncify.wasm", base)).then(answer => answer.arrayBuffer());
  turn = turn.then(() => use("webgpu")).catch(failed);
}

async function session(model) {
  if (!sessions.has(model.file)) {
    if (!ort) await use("wasm");
    const data = await fetch(new URL(model.file, base)).then(answer => {
      if (!answer.ok) throw new Error(`${model.file}: ${answer.status}`);
      return answer.arrayBuffer();
    });
    sessions.set(model.file, ort.InferenceSession.create(data, {executionProviders: [provider]}));
  }
  return sessions.get(model.file);
}

/** Pixels to add on both sides of a length, so that the network takes it: its margin, and up to its multiple. */
const padding = (size, {margin, size_multiple: multiple, min_size: least}) => {
  const missing = Math.ceil(Math.max(size + 2 * margin, least) / multiple) * multiple - size;
  return [missing >> 1, missing - (missing >> 1)];
};

/** Where a place beyond the border lies: mirrored, or the border itself, of pictures that are smaller than the padding. */
const inside = (place, size, mirror) => {
  const last = size - 1;
  return mirror ? last - Math.abs(last - Math.abs(place)) : Math.min(Math.max(place, 0), last);
};

async function paint({model, pixels, width, height, numbers}) {
  const network = await session(model);
  const [left, right] = padding(width, model), [top, bottom] = padding(height, model);
  const columns = left + width + right, rows = top + height + bottom, plane = rows * columns;
  const input = new Float32Array(3 * plane);
  const mirror = Math.max(left, right) < width && Math.max(top, bottom) < height;
  const xs = Int32Array.from({length: columns}, (_, x) => 4 * inside(x - left, width, mirror));
  for (let y = 0; y < rows; y++) {
    const row = 4 * width * inside(y - top, height, mirror);
    for (let x = 0; x < columns; x++) {
      const from = row + xs[x], to = y * columns + x;
      input[to] = pixels[from] / 127.5 - 1;
      input[plane + to] = pixels[from + 1] / 127.5 - 1;
      input[2 * plane + to] = pixels[from + 2] / 127.5 - 1;
    }
  }
  const feeds = {pixels: new ort.Tensor("float32", input, [1, 3, rows, columns])};
  if (numbers) feeds.numbers = new ort.Tensor("float32", numbers, [1, numbers.length]);
  const {painting} = await network.run(feeds);
  const data = await painting.getData(), out = new Uint8ClampedArray(4 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (y + top) * columns + x + left, to = 4 * (y * width + x);
      for (let c = 0; c < 3; c++) out[to + c] = (Math.min(Math.max(data[c * plane + from], -1), 1) + 1) * 127.5;
      out[to + 3] = pixels[to + 3];
    }
  }
  return out;
}

let turn = Promise.resolve();
addEventListener("message", ({data}) => {
  base ??= data.base;
  turn = turn.then(async () => {
    try {
      let out;
      try {
        if (!sessions.has(data.model.file)) postMessage({id: data.id, loading: true});
        await session(data.model);
        postMessage({id: data.id, loading: false});
        out = data.pixels && await paint(data);
      } catch (error) {
        if (provider !== "webgpu") throw error;
        failed(error);
        await use("wasm"); // a graphics driver that cannot do it: the processor can
        out = data.pixels && await paint(data);
      }
      postMessage({id: data.id, out, provider, reason}, out ? [out.buffer] : []);
      if (out) card ??= useCard().catch(failed);
    } catch (error) {
      sessions.delete(data.model.file);
      postMessage({id: data.id, error: String(error.message ?? error).slice(0, 200)});
    }
  });
});
