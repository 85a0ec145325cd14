// Styles of one's own: safetensors files, as hfstyle's `Style.save` writes them.
const MOST = 2 ** 20;

const half = bits => {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 31) return NaN;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
};

/** Numbers in half precision, little-endian, as Float32Array. */
export function fromHalf(buffer, offset, count) {
  const view = new DataView(buffer, offset, 2 * count);
  return Float32Array.from({length: count}, (_, n) => half(view.getUint16(2 * n, true)));
}

/**
 * Read a style.
 * @param {ArrayBuffer} buffer The file.
 * @param {{fingerprint: string, n_numbers: number}} bank What it must belong to.
 * @returns {{name: string, numbers: Float32Array}}
 * @throws Error if it is none.
 */
export function readStyle(buffer, bank) {
  if (buffer.byteLength < 8 || buffer.byteLength > MOST) throw new Error("size");
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  if (length > buffer.byteLength - 8) throw new Error("header");
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const about = JSON.parse(header.__metadata__["hfstyle.style"]), {dtype, shape, data_offsets: [start, end]} = header.numbers;
  const count = bank.n_numbers;
  if (about.fingerprint !== bank.fingerprint || shape.length !== 1 || shape[0] !== count) throw new Error("bank");
  if (dtype !== "F16" || end - start !== 2 * count || 8 + length + end > buffer.byteLength) throw new Error("numbers");
  const numbers = fromHalf(buffer, 8 + length + start, count);
  if (!numbers.every(Number.isFinite)) throw new Error("numbers");
  return {name: String(about.name).slice(0, 60), numbers};
}
