// The page: what is shown, and what the controls do. A point is what an image is computed from: {z, classes, name},
// where z is a list of numbers from -1 to 1, and classes the share of each class.
"use strict";

const MAP_SIDE = 5; // images along each side of the plane
const painter = new Painter();

// Points.

const decodedZ = decodeZ();
let large; // the point of the large image
let shown; // what is in its canvas: {point, truncation}; the large point's image may still be computed
let grid = []; // points
let corners = []; // three points

// The noise of the numbered images: the last array of the model.
function decodeZ() {
    const bytes = atob(model.numbers), { length, scale } = model.arrays[model.z];
    const start = 2 * model.arrays.slice(0, model.z).reduce((sum, array) => sum + array.length, 0);
    return Array.from({ length }, (_, i) => {
        const at = start + 2 * i, integer = bytes.charCodeAt(at) | (bytes.charCodeAt(at + 1) << 8);
        return ((integer << 16) >> 16) * scale;
    });
}

function sharesOf(label) {
    return model.classes.map((_, i) => (i === label ? 1 : 0));
}

function numberedPoints() {
    const width = decodedZ.length / model.images.length;
    return model.images.map(({ number, label }, i) => ({
        z: decodedZ.slice(i * width, (i + 1) * width),
        classes: sharesOf(label),
        name: model.classes.length ? `${model.classes[label]}:${number}` : `${number}`,
    }));
}

let made = 0; // new images so far

// A point drawn from the law of z, of the class that is chosen, or else of each class in turn.
function newPoint(label) {
    const turn = made++ % Math.max(1, model.classes.length);
    const z = large.z.map(() => 2 * Math.random() - 1);
    return { z, classes: sharesOf(label === "" ? turn : Number(label)), name: `new ${made}` };
}

// The large image.

const times = []; // when the last images came, in milliseconds

function show(point) {
    large = point;
    byId("name").value = point.name;
    byId("image").setAttribute("aria-label", `Image ${point.name}`);
    byId("class").value = point.classes.indexOf(1);
    markLarge();
    painter.request("large", LARGE, point, (image, truncation) => {
        byId("image").getContext("2d").putImageData(image, 0, 0);
        shown = { point, truncation };
        showSpeed();
    });
}

// Mark the large image in the grid.
function markLarge() {
    [...byId("grid").children].forEach((button, i) => button.setAttribute("aria-pressed", grid[i] === large));
}

function showSpeed() {
    times.push(performance.now());
    if (times.length > 20) times.shift();
    const seconds = (times[times.length - 1] - times[0]) / 1000;
    const isMoving = times.length === 20 && seconds < 10;
    byId("speed").value = isMoving ? `${((times.length - 1) / seconds).toFixed(0)} images a second` : "";
}

function select(point) {
    stop();
    show(point);
    setSliders();
}

// A canvas so many times as high and wide as an image.
function newCanvas(times) {
    const canvas = document.createElement("canvas");
    canvas.width = times * model.width;
    canvas.height = times * model.height;
    return canvas;
}

function save() {
    const times = Number(byId("scale").value), canvas = newCanvas(times);
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(byId("image"), 0, 0, canvas.width, canvas.height);
    const range = shown.truncation < 1 ? ` truncation ${shown.truncation}` : "";
    const name = `${model.title} step ${model.step} ${shown.point.name}${range}`;
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
    byId("place").max = grid.length;
}

// A button with a point's image and its name.
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
    painter.request(canvas, rank, point, (image) => canvas.getContext("2d").putImageData(image, 0, 0));
}

// The walk: a place from 0 to the number of images.

let playing = null; // the time of the last frame while the walk plays, in milliseconds
let position = 0; // the place, which the slider would round

function walkTo(place) {
    const from = Math.floor(place) % grid.length;
    const point = between(grid[from], grid[(from + 1) % grid.length], place - Math.floor(place));
    show({ ...point, name: `walk at ${place.toFixed(2)}` });
}

function play() {
    if (playing !== null) {
        stop();
        setSliders();
        return;
    }
    playing = performance.now();
    byId("play").textContent = "Pause";
    requestAnimationFrame(frame);
}

function stop() {
    playing = null;
    byId("play").textContent = "Play";
}

function frame(now) {
    if (playing === null) return;
    const step = Math.max(0, now - playing) / 1000 / Number(byId("seconds").value);
    playing = now;
    position = (position + step) % grid.length;
    byId("place").value = position;
    if (!painter.isWaiting("large")) walkTo(position);
    requestAnimationFrame(frame);
}

// The numbers of z.

let unchanged; // the large image before its numbers were moved

function makeSliders() {
    byId("sliders").replaceChildren(
        ...large.z.map((_, i) => {
            const label = document.createElement("label"), name = document.createElement("span");
            const slider = document.createElement("input");
            name.textContent = i;
            Object.assign(slider, { type: "range", min: -1, max: 1, step: 0.01 });
            slider.addEventListener("input", () => moveNumber(i, Number(slider.value)));
            label.append(name, slider);
            return label;
        })
    );
}

function setSliders() {
    unchanged = large;
    document.querySelectorAll("#sliders input").forEach((slider, i) => (slider.value = large.z[i]));
}

function moveNumber(i, value) {
    if (playing !== null) {
        stop();
        setSliders();
    }
    const z = [...large.z];
    z[i] = value;
    show({ z, classes: large.classes, name: `${unchanged.name}, changed` });
}

// What transparent images are shown on.

const NAMES = { "#ffffff": "white", "#000000": "black" };

function showOn(background) {
    document.documentElement.style.setProperty("--behind", background);
}
