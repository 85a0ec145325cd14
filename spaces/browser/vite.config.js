import {createHash} from "node:crypto";
import {readFileSync, readdirSync} from "node:fs";
import {defineConfig} from "vite";

const RUNTIME = ["ort-wasm-simd-threaded", "ort-wasm-simd-threaded.asyncify"];

// ONNX Runtime finds its own files beside each other, under names that nobody changes.
const runtime = () => ({
  name: "onnxruntime",
  generateBundle() {
    for (const name of RUNTIME.flatMap(one => [`${one}.mjs`, `${one}.wasm`])) {
      const source = readFileSync(new URL(`node_modules/onnxruntime-web/dist/${name}`, import.meta.url));
      this.emitFile({type: "asset", fileName: `ort/${name}`, source});
    }
  },
});

// What the page needs to work without a network is fetched once; the rest is kept when it is first used.
const offline = () => ({
  name: "offline",
  enforce: "post",
  generateBundle(_, bundle) {
    const built = Object.keys(bundle).filter(name => !name.includes("asyncify") && !name.endsWith(".map"));
    const models = readdirSync(new URL("public/models", import.meta.url)).filter(name => /^bank\.onnx$|\.json$|\.jpg$/.test(name));
    const files = ["./", "icon.svg", "manifest.webmanifest", ...built.filter(name => name !== "index.html"), ...models.map(name => `models/${name}`)];
    // A new version of any of them must not meet old ones.
    const hash = createHash("sha256").update(files.join());
    for (const name of Object.keys(bundle).sort()) hash.update(bundle[name].code ?? bundle[name].source);
    for (const name of models) hash.update(readFileSync(new URL(`public/models/${name}`, import.meta.url)));
    const version = hash.digest("hex").slice(0, 16);
    const source = readFileSync(new URL("src/sw.js", import.meta.url), "utf8")
      .replace("__VERSION__", JSON.stringify(version)).replace("__FILES__", JSON.stringify(files));
    this.emitFile({type: "asset", fileName: "sw.js", source});
  },
});

export default defineConfig({
  base: "./",
  plugins: [runtime(), offline()],
  worker: {format: "es"},
  resolve: {conditions: ["onnxruntime-web-use-extern-wasm", "module", "browser", "production"]},
  build: {target: "es2022", chunkSizeWarningLimit: 1000},
});
