// Reading a safetensors file: an eight-byte length, a JSON header, then the numbers of all tensors.
// Nothing in the file is trusted: every place and size is checked before it is read.

const LONGEST_HEADER = 100_000_000;

const READERS = {
  F64: [8, (view, at) => view.getFloat64(at, true)],
  F32: [4, (view, at) => view.getFloat32(at, true)],
  F16: [2, (view, at) => halfToNumber(view.getUint16(at, true))],
  BF16: [2, (view, at) => brainToNumber(view.getUint16(at, true))],
};

/**
 * The tensors of a safetensors file, all as 32-bit floats.
 *
 * @param {ArrayBuffer} buffer the file.
 * @returns {{tensors: Map<string, {shape: number[], data: Float32Array}>, metadata: Object}}
 * @throws {Error} saying what is damaged.
 */
export function readTensors(buffer) {
  const view = new DataView(buffer);
  const damaged = (what) => new Error(`model.safetensors: damaged: ${what}`);
  if (buffer.byteLength < 8) throw damaged("it ends before its header");
  const length = Number(view.getBigUint64(0, true));
  if (length > LONGEST_HEADER || 8 + length > buffer.byteLength) {
    throw damaged("its header is longer than the file");
  }
  const header = readHeader(new Uint8Array(buffer, 8, length), damaged);
  const metadata = header.__metadata__ ?? {};
  delete header.__metadata__;
  const tensors = new Map();
  for (const [name, entry] of Object.entries(header)) {
    tensors.set(name, readTensor(view, 8 + length, name, entry, damaged));
  }
  return { tensors, metadata };
}

function readHeader(bytes, damaged) {
  try {
    const header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (header && typeof header === "object" && !Array.isArray(header)) return header;
  } catch {
    // said below
  }
  throw damaged("its header is not JSON");
}

function readTensor(view, first, name, entry, damaged) {
  const [size, read] = READERS[entry?.dtype] ?? [];
  if (!size) throw damaged(`${name} holds ${entry?.dtype}, expected floats`);
  const { shape, data_offsets: offsets } = entry;
  if (!areCounts(shape) || !areCounts(offsets) || offsets.length !== 2) {
    throw damaged(`${name} has no shape or place`);
  }
  const count = shape.reduce((product, side) => product * side, 1);
  const [begin, end] = offsets;
  if (end - begin !== count * size || first + end > view.byteLength) {
    throw damaged(`the numbers of ${name} are not all there`);
  }
  const data = new Float32Array(count);
  for (let i = 0, at = first + begin; i < count; i++, at += size) data[i] = read(view, at);
  return { shape, data };
}

function areCounts(values) {
  return Array.isArray(values) && values.every((n) => Number.isSafeInteger(n) && n >= 0);
}

function brainToNumber(bits) {
  const word = new DataView(new ArrayBuffer(4));
  word.setUint32(0, bits << 16);
  return word.getFloat32(0);
}

function halfToNumber(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
