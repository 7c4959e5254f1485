// The generator G: computes images from z, one at a time. On the page it runs in a worker, to which painter.js sends
// the model and then one z after another. This file also runs in other JavaScript engines.
"use strict";

// A tensor: the value of a channel at (x, y) is data[(y * width + x) * channels + channel].
function tensor(height, width, channels) {
    return { height, width, channels, data: new Float32Array(height * width * channels) };
}

// Returns the constants of the model, each a Float32Array: 16-bit integers in base64, multiplied by the array's scale.
function decode(base64, arrays) {
    const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const digitValues = new Uint8Array(128);
    for (let i = 0; i < 64; i++) digitValues[digits.charCodeAt(i)] = i;
    const bytes = new Uint8Array((base64.length / 4) * 3);
    for (let i = 0, offset = 0; i < base64.length; i += 4) {
        let bits = 0;
        for (let j = 0; j < 4; j++) bits = (bits << 6) | digitValues[base64.charCodeAt(i + j)];
        bytes[offset++] = bits >> 16;
        bytes[offset++] = bits >> 8;
        bytes[offset++] = bits;
    }
    const integers = new DataView(bytes.buffer);
    let start = 0;
    return arrays.map(({ length, scale }) => {
        const values = new Float32Array(length);
        for (let i = 0; i < length; i++) values[i] = integers.getInt16(start + 2 * i, true) * scale;
        start += 2 * length;
        return values;
    });
}

// Sets out[starts[i] + j] to the sum over k of a[i, k] * b[j, k]; b has `columns` rows. It computes a block of 4x4
// sums at a time, so that each number is read once for four products.
function multiply(a, b, columns, out, starts) {
    const rows = starts.length, depth = a.length / rows;
    for (let i = 0; i < rows; i += 4) {
        const [i1, i2, i3] = [1, 2, 3].map((n) => Math.min(i + n, rows - 1));
        const a0 = i * depth, a1 = i1 * depth, a2 = i2 * depth, a3 = i3 * depth;
        const o0 = starts[i], o1 = starts[i1], o2 = starts[i2], o3 = starts[i3];
        for (let j = 0; j < columns; j += 4) {
            const last = columns - 1;
            const j1 = Math.min(j + 1, last), j2 = Math.min(j + 2, last), j3 = Math.min(j + 3, last);
            const b0 = j * depth, b1 = j1 * depth, b2 = j2 * depth, b3 = j3 * depth;
            let s00 = 0, s01 = 0, s02 = 0, s03 = 0, s10 = 0, s11 = 0, s12 = 0, s13 = 0;
            let s20 = 0, s21 = 0, s22 = 0, s23 = 0, s30 = 0, s31 = 0, s32 = 0, s33 = 0;
            for (let k = 0; k < depth; k++) {
                const x0 = a[a0 + k], x1 = a[a1 + k], x2 = a[a2 + k], x3 = a[a3 + k];
                const y0 = b[b0 + k], y1 = b[b1 + k], y2 = b[b2 + k], y3 = b[b3 + k];
                s00 += x0 * y0; s01 += x0 * y1; s02 += x0 * y2; s03 += x0 * y3;
                s10 += x1 * y0; s11 += x1 * y1; s12 += x1 * y2; s13 += x1 * y3;
                s20 += x2 * y0; s21 += x2 * y1; s22 += x2 * y2; s23 += x2 * y3;
                s30 += x3 * y0; s31 += x3 * y1; s32 += x3 * y2; s33 += x3 * y3;
            }
            // At the edges, some of the 16 sums are duplicates.
            out[o0 + j] = s00; out[o0 + j1] = s01; out[o0 + j2] = s02; out[o0 + j3] = s03;
            out[o1 + j] = s10; out[o1 + j1] = s11; out[o1 + j2] = s12; out[o1 + j3] = s13;
            out[o2 + j] = s20; out[o2 + j1] = s21; out[o2 + j2] = s22; out[o2 + j3] = s23;
            out[o3 + j] = s30; out[o3 + j1] = s31; out[o3 + j2] = s32; out[o3 + j3] = s33;
        }
    }
}

// Returns the patches of x that one part of a convolution uses: a row for each pixel, with the pixels at its taps.
function extractPatches(x, taps) {
    const { height, width, channels, data } = x, row = taps.length * channels;
    const patches = new Float32Array(height * width * row);
    taps.forEach(([dy, dx], tap) => {
        for (let y = Math.max(0, -dy); y < Math.min(height, height - dy); y++) {
            for (let column = Math.max(0, -dx); column < Math.min(width, width - dx); column++) {
                const from = ((y + dy) * width + column + dx) * channels;
                const to = (y * width + column) * row + tap * channels;
                for (let channel = 0; channel < channels; channel++) patches[to + channel] = data[from + channel];
            }
        }
    });
    return patches;
}

// Each part computes the pixels at one row and column of each square of stride x stride pixels.
function convolution([x], { stride, parts }, arrays) {
    let result = null;
    for (const { row, column, taps, array } of parts) {
        const channels = arrays[array].length / (taps.length * x.channels);
        result = result || tensor(stride * x.height, stride * x.width, channels);
        const starts = Int32Array.from({ length: x.height * x.width }, (_, pixel) => {
            const y = stride * Math.floor(pixel / x.width) + row;
            return (y * result.width + stride * (pixel % x.width) + column) * channels;
        });
        multiply(extractPatches(x, taps), arrays[array], channels, result.data, starts);
    }
    return result;
}

function dense([x, matrix]) {
    const result = tensor(1, 1, matrix.data.length / x.data.length);
    multiply(x.data, matrix.data, result.channels, result.data, Int32Array.of(0));
    return result;
}

function reshape([x], { height, width, channels }) {
    return { height, width, channels, data: x.data };
}

// Turns [H, W, size * size * C] into [size * H, size * W, C].
function depthToSpace([x], { size }) {
    const channels = x.channels / (size * size), result = tensor(size * x.height, size * x.width, channels);
    for (let y = 0; y < result.height; y++) {
        for (let column = 0; column < result.width; column++) {
            const square = Math.floor(y / size) * x.width + Math.floor(column / size);
            const from = square * x.channels + ((y % size) * size + (column % size)) * channels;
            const to = (y * result.width + column) * channels;
            for (let channel = 0; channel < channels; channel++) result.data[to + channel] = x.data[from + channel];
        }
    }
    return result;
}

// Averages each 2x2 square.
function averagePool([x]) {
    const result = tensor(x.height / 2, x.width / 2, x.channels), row = x.width * x.channels;
    for (let i = 0; i < x.data.length; i++) {
        const y = Math.floor(i / row), column = Math.floor((i % row) / x.channels);
        const pixel = (y >> 1) * result.width + (column >> 1);
        result.data[pixel * x.channels + (i % x.channels)] += x.data[i] / 4;
    }
    return result;
}

// Returns x * scale + shift; scale and shift have one number per channel.
function affine([x, scale, shift]) {
    const result = tensor(x.height, x.width, x.channels);
    for (let start = 0; start < x.data.length; start += x.channels) {
        for (let channel = 0; channel < x.channels; channel++) {
            result.data[start + channel] = x.data[start + channel] * scale.data[channel] + shift.data[channel];
        }
    }
    return result;
}

// Returns an operation on pairs of numbers. Both inputs are images, or one is a vector with one number per channel.
function pairwise(compute) {
    return ([a, b]) => {
        const [height, width] = [Math.max(a.height, b.height), Math.max(a.width, b.width)];
        const result = tensor(height, width, Math.max(a.channels, b.channels)), n = result.data.length;
        for (let i = 0, j = 0, k = 0; i < n; i++) {
            result.data[i] = compute(a.data[j], b.data[k]);
            if (++j === a.data.length) j = 0;
            if (++k === b.data.length) k = 0;
        }
        return result;
    };
}

function elementwise(compute) {
    return ([x], step) => ({ ...x, data: x.data.map((value) => compute(value, step)) });
}

// x is a vector.
function softmax([x]) {
    const largest = Math.max(...x.data), powers = x.data.map((value) => Math.exp(value - largest));
    const sum = powers.reduce((a, b) => a + b);
    return vector(powers.map((power) => power / sum));
}

const OPERATIONS = {
    dense, reshape, convolution, affine,
    depth_to_space: depthToSpace,
    average_pool: averagePool,
    add: pairwise((a, b) => a + b),
    subtract: pairwise((a, b) => a - b),
    multiply: pairwise((a, b) => a * b),
    relu: elementwise((x) => (x > 0 ? x : 0)),
    leaky_relu: elementwise((x, { leak }) => (x > 0 ? x : leak * x)),
    elu: elementwise((x) => (x > 0 ? x : Math.expm1(x))),
    tanh: elementwise(Math.tanh),
    sigmoid: elementwise((x) => 1 / (1 + Math.exp(-x))),
    softmax,
};

function vector(data) {
    return { height: 1, width: 1, channels: data.length, data };
}

// Returns the function generate(z, classes), which returns an image, a tensor with values from -1 to 1. Both arguments
// are Float32Arrays; classes has the fraction of each class, and is empty for an unconditional generator.
function createGenerator(steps, arrays) {
    return (z, classes) => {
        const results = [], inputs = { z: vector(z), classes: vector(classes) };
        const resolve = (input) => {
            if (typeof input === "object") return vector(arrays[input.array]);
            return typeof input === "string" ? inputs[input] : results[input];
        };
        for (const step of steps) results.push(OPERATIONS[step.op](step.inputs.map(resolve), step, arrays));
        return results[results.length - 1];
    };
}

// Returns the pixels of an image in the layout of ImageData: red, green, blue and alpha, from 0 to 255. A gray image
// has one channel.
function toPixels(image) {
    const { height, width, channels, data } = image, pixels = new Uint8ClampedArray(4 * height * width);
    for (let pixel = 0; pixel < height * width; pixel++) {
        for (let i = 0; i < 4; i++) {
            const channel = channels < 3 && i < 3 ? 0 : i;
            const value = channel < channels ? Math.floor(data[pixel * channels + channel] * 127.5 + 128) : 255;
            pixels[4 * pixel + i] = value;
        }
    }
    return channels === 4 ? unpremultiply(pixels) : pixels;
}

// Divides colors by alpha, in place: a network with alpha outputs premultiplied colors. Colors become 0 if alpha is 0.
function unpremultiply(pixels) {
    for (let i = 0; i < pixels.length; i++) {
        const alpha = pixels[i | 3];
        if ((i & 3) < 3) pixels[i] = Math.floor((255 * Math.min(pixels[i], alpha)) / Math.max(alpha, 1) + 0.5);
    }
    return pixels;
}

if (typeof WorkerGlobalScope !== "undefined") {
    let generate;
    onmessage = ({ data }) => {
        if (data.model) {
            generate = createGenerator(data.model.steps, decode(data.model.numbers, data.model.arrays));
            return;
        }
        const pixels = toPixels(generate(data.z, data.classes));
        postMessage(pixels, [pixels.buffer]);
    };
}
