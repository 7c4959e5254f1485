// The state of the page, and the functions of its controls. A point is the input for an image: {z, classes, name},
// where z is a list of numbers from -1 to 1 and classes has the fraction of each class.
"use strict";

const MAP_SIDE = 5; // images along each side of the plane
const painter = new Painter();

// Points.

const decodedZ = decodeRows(model.z, model.images.length);
const directions = decodeRows(model.directions, model.arrays[model.directions].length / decodedZ[0].length);
let large; // the point of the large image
let shown; // {point, truncation} of the image in its canvas; the image of `large` may still be in the queue
let grid = []; // the points of the grid
let corners = []; // the three points of the plane

// Returns an array of the model as `count` rows.
function decodeRows(index, count) {
    const bytes = atob(model.numbers), { length, scale } = model.arrays[index], width = length / count;
    const start = 2 * model.arrays.slice(0, index).reduce((sum, array) => sum + array.length, 0);
    const values = Array.from({ length }, (_, i) => {
        const offset = start + 2 * i;
        const integer = bytes.charCodeAt(offset) | (bytes.charCodeAt(offset + 1) << 8);
        return ((integer << 16) >> 16) * scale;
    });
    return Array.from({ length: count }, (_, i) => values.slice(i * width, (i + 1) * width));
}

function oneHot(label) {
    return model.classes.map((_, i) => (i === label ? 1 : 0));
}

function numberedPoints() {
    return model.images.map((point, i) => ({ ...point, z: decodedZ[i] }));
}

let newCount = 0; // new images so far

// Returns a point with random z. label: the index of its class as text, or "" to cycle through all classes.
function newPoint(label) {
    const turn = newCount++ % Math.max(1, model.classes.length);
    const z = large.z.map(() => 2 * Math.random() - 1);
    return { z, classes: oneHot(label === "" ? turn : Number(label)), name: `new ${newCount}` };
}

// The large image.

const arrivals = []; // times of the last images in milliseconds

function show(point) {
    large = point;
    byId("name").value = point.name;
    byId("image").setAttribute("aria-label", `Image ${point.name}`);
    byId("class").value = point.classes.indexOf(1);
    markLarge();
    painter.request("large", LARGE, point, (imageData, truncation) => {
        byId("image").getContext("2d").putImageData(imageData, 0, 0);
        shown = { point, truncation };
        showSpeed();
    });
}

// Marks the large image in the grid.
function markLarge() {
    [...byId("grid").children].forEach((button, i) => button.setAttribute("aria-pressed", grid[i] === large));
}

function showSpeed() {
    arrivals.push(performance.now());
    if (arrivals.length > 20) arrivals.shift();
    const seconds = (arrivals[arrivals.length - 1] - arrivals[0]) / 1000;
    const isMoving = arrivals.length === 20 && seconds < 10;
    byId("speed").value = isMoving ? `${((arrivals.length - 1) / seconds).toFixed(0)} images per second` : "";
}

function select(point) {
    stop();
    show(point);
    setSliders();
}

// Returns a canvas that is `scale` times as high and wide as an image.
function newCanvas(scale) {
    const canvas = document.createElement("canvas");
    canvas.width = scale * model.width;
    canvas.height = scale * model.height;
    return canvas;
}

function save() {
    const canvas = newCanvas(Number(byId("scale").value)), context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(byId("image"), 0, 0, canvas.width, canvas.height);
    const suffix = shown.truncation < 1 ? ` truncation ${shown.truncation}` : "";
    const name = `${model.title} step ${model.step} ${shown.point.name}${suffix}`;
    canvas.toBlob((blob) => {
        const link = document.createElement("a");
        link.href = URL.createObjectURL(blob);
        link.download = `${name.replace(/[^\p{L}\p{N}.-]+/gu, "_")}.png`;
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
}

// Images.

function showGrid(points) {
    grid = points;
    painter.forget(GRID);
    byId("grid").replaceChildren(...points.map((point) => imageButton(point, () => select(point))));
    markLarge();
    byId("position").max = grid.length;
}

// Returns a button with the image and the name of a point.
function imageButton(point, onclick) {
    const button = document.createElement("button");
    button.type = "button";
    fillButton(button, GRID, point);
    button.addEventListener("click", onclick);
    return button;
}

function fillButton(button, rank, point) {
    const canvas = newCanvas(1);
    button.replaceChildren(canvas, point.name);
    paint(canvas, rank, point);
}

function paint(canvas, rank, point) {
    painter.request(canvas, rank, point, (imageData) => canvas.getContext("2d").putImageData(imageData, 0, 0));
}

// The walk. Its position is a number from 0 to the number of images.

let lastFrame = null; // time of the last frame in milliseconds while the walk plays
let position = 0; // kept here because the slider would round it

function showWalk() {
    const from = Math.floor(position) % grid.length;
    const point = interpolate(grid[from], grid[(from + 1) % grid.length], position - Math.floor(position));
    show({ ...point, name: `walk at ${position.toFixed(2)}` });
}

function play() {
    if (lastFrame !== null) {
        stop();
        setSliders();
        return;
    }
    lastFrame = performance.now();
    byId("play").textContent = "Pause";
    requestAnimationFrame(frame);
}

function stop() {
    lastFrame = null;
    byId("play").textContent = "Play";
}

function frame(now) {
    if (lastFrame === null) return;
    const step = Math.max(0, now - lastFrame) / 1000 / Number(byId("seconds").value);
    lastFrame = now;
    position = (position + step) % grid.length;
    byId("position").value = position;
    if (!painter.isWaiting("large")) showWalk();
    requestAnimationFrame(frame);
}

// The sliders: positions along directions, and the numbers of z.

let unchanged; // the point of the large image before a slider moved

// Adds sliders from -limit to limit, numbered from `first`. change: a function (z, i, value) that returns the new z.
function addSliders(parent, count, first, limit, change) {
    for (let i = 0; i < count; i++) {
        const label = document.createElement("label"), name = document.createElement("span");
        const slider = document.createElement("input");
        name.textContent = first + i;
        Object.assign(slider, { type: "range", min: -limit, max: limit, step: 0.01 });
        slider.addEventListener("input", () => moveSlider(change, i, slider));
        label.append(name, slider);
        parent.append(label);
    }
}

function makeSliders() {
    addSliders(byId("directions"), directions.length, 1, 3, moveAlong);
    addSliders(byId("numbers"), large.z.length, 0, 1, (z, i, value) => z.map((old, j) => (j === i ? value : old)));
}

function setSliders() {
    unchanged = large;
    placeSliders();
}

// Shows the point of the large image; moved: the slider that the user is moving.
function placeSliders(moved) {
    const gaussian = large.z.map(toGaussian), values = [...directions.map((each) => dot(gaussian, each)), ...large.z];
    document.querySelectorAll(".sliders input").forEach((slider, i) => {
        if (slider !== moved) slider.value = values[i];
    });
}

function moveSlider(change, i, slider) {
    const value = Number(slider.value);
    if (lastFrame !== null) {
        stop();
        setSliders();
    }
    show({ z: change(large.z, i, value), classes: large.classes, name: `${unchanged.name}, changed` });
    placeSliders(slider);
}

function dot(a, b) {
    return a.reduce((sum, value, i) => sum + value * b[i], 0);
}

// Returns z moved to a position, in standard deviations, along direction i.
function moveAlong(z, i, position) {
    const gaussian = z.map(toGaussian), step = position - dot(gaussian, directions[i]);
    return gaussian.map((value, j) => toUniform(value + step * directions[i][j]));
}

// The background of transparent images.

const COLOR_NAMES = { "#ffffff": "white", "#000000": "black" };

function setBackground(value) {
    document.documentElement.style.setProperty("--behind", value);
}
