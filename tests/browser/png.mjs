// A picture of the browser as a PNG with a palette of 256 colours, which a screen full of text hardly needs more of: a
// third of the bytes. Reads what Chromium writes (8 bits, RGB or RGBA, not interlaced).

import { deflateSync, inflateSync, crc32 } from 'node:zlib';

const COLORS_MAX = 256;
const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** The same picture with a palette; one that has a palette already is given back as it is. */
export function withPalette(png) {
  const chunks = chunksOf(png);
  const header = chunks.find(({ type }) => type === 'IHDR').data;
  const [width, height, colorType] = [header.readUInt32BE(0), header.readUInt32BE(4), header[9]];
  if (colorType === 3) return png;
  if (header[8] !== 8 || ![2, 6].includes(colorType) || header[12] !== 0) throw new Error(`a PNG of another kind: ${header.toString('hex')}`);
  const channels = colorType === 2 ? 3 : 4;
  const pixels = unfilter(inflateSync(Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data))), width, height, channels);
  const { palette, indexOf } = quantize(pixels, channels);
  const rows = Buffer.alloc(height * (width + 1));
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += channels) rows[y * (width + 1) + 1 + x] = indexOf.get((pixels[at] << 16) | (pixels[at + 1] << 8) | pixels[at + 2]);
  }
  const plain = Buffer.from(header);
  plain[9] = 3;
  return Buffer.concat([SIGNATURE, chunk('IHDR', plain), chunk('PLTE', Buffer.from(palette.flat())), chunk('IDAT', deflateSync(rows, { level: 9 })), chunk('IEND', Buffer.alloc(0))]);
}

function chunksOf(png) {
  const chunks = [];
  for (let at = SIGNATURE.length; at < png.length; ) {
    const length = png.readUInt32BE(at);
    chunks.push({ type: png.toString('latin1', at + 4, at + 8), data: png.subarray(at + 8, at + 8 + length) });
    at += 12 + length;
  }
  return chunks;
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}

/** Undoes the filters of https://www.w3.org/TR/png-3/#9Filters. */
function unfilter(raw, width, height, channels) {
  const stride = width * channels;
  const out = Buffer.alloc(stride * height);
  for (let y = 0; y < height; y += 1) {
    const filter = raw[y * (stride + 1)];
    for (let x = 0; x < stride; x += 1) {
      const at = y * stride + x;
      const left = x >= channels ? out[at - channels] : 0;
      const up = y > 0 ? out[at - stride] : 0;
      const corner = y > 0 && x >= channels ? out[at - stride - channels] : 0;
      const predicted = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
      out[at] = raw[y * (stride + 1) + 1 + x] + predicted;
    }
  }
  return out;
}

function paeth(a, b, c) {
  const p = a + b - c;
  const [pa, pb, pc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)];
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

/** Median cut: the box of colours that is widest for its pixels is cut in two until there are enough. */
function quantize(pixels, channels) {
  const counts = new Map();
  for (let at = 0; at < pixels.length; at += channels) {
    const color = (pixels[at] << 16) | (pixels[at + 1] << 8) | pixels[at + 2];
    counts.set(color, (counts.get(color) ?? 0) + 1);
  }
  const boxes = [boxOf([...counts.keys()], counts)];
  while (boxes.length < COLORS_MAX) {
    const widest = boxes.reduce((best, one) => (one.score > best.score ? one : best));
    if (widest.score === 0) break;
    const sorted = widest.colors.toSorted((a, b) => ((a >> widest.shift) & 255) - ((b >> widest.shift) & 255));
    const cut = middleOf(sorted, widest.shift);
    boxes.splice(boxes.indexOf(widest), 1, boxOf(sorted.slice(0, cut), counts), boxOf(sorted.slice(cut), counts));
  }
  const indexOf = new Map();
  const palette = boxes.map(({ colors }, i) => {
    for (const color of colors) indexOf.set(color, i);
    // The most frequent colour of a box stays exact: backgrounds do not shift.
    const best = colors.reduce((most, one) => (counts.get(one) > counts.get(most) ? one : most));
    return [best >> 16, (best >> 8) & 255, best & 255];
  });
  return { palette, indexOf };
}

function boxOf(colors, counts) {
  let widest = { shift: 0, range: -1 };
  for (const shift of [16, 8, 0]) {
    let [low, high] = [255, 0];
    for (const color of colors) {
      const value = (color >> shift) & 255;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    if (high - low > widest.range) widest = { shift, range: high - low };
  }
  const weight = colors.reduce((sum, color) => sum + counts.get(color), 0);
  return { colors, shift: widest.shift, score: widest.range === 0 ? 0 : widest.range ** 2 * Math.log(1 + weight) };
}

/** Where a sorted box is cut: between different values, near the middle of its range. */
function middleOf(sorted, shift) {
  const value = (color) => (color >> shift) & 255;
  const middle = (value(sorted[0]) + value(sorted.at(-1))) / 2;
  const cut = sorted.findIndex((color) => value(color) > middle);
  return cut <= 0 ? 1 : cut;
}
