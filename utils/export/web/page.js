// The page: what is shown, and what the controls do. Pictures are computed by a worker, from points: {z, classes},
// where z is a list of numbers from -1 to 1, and classes the share of each class.
"use strict";

const model = JSON.parse(document.getElementById("model").textContent);
const byId = (id) => document.getElementById(id);
const truncation = () => Number(byId("truncation").value);

// Gives the worker one picture to compute after the other, those of the least rank first. A request replaces a waiting
// one for the same place, so that a picture which follows the hand is never late by more than one.
class Painter {
    constructor() {
        const source = new Blob([model.network], { type: "text/javascript" });
        this.worker = new Worker(URL.createObjectURL(source));
        this.worker.onmessage = ({ data }) => this.receive(data);
        this.worker.postMessage({ model: { steps: model.steps, arrays: model.arrays, numbers: model.numbers } });
        this.waiting = new Map();
        this.current = null;
    }

    // Calls draw(pixels) later.
    request(place, rank, point, draw) {
        this.waiting.set(place, { rank, point, draw });
        this.next();
    }

    // Forgets the waiting requests of a rank.
    forget(rank) {
        for (const [place, request] of this.waiting) if (request.rank === rank) this.waiting.delete(place);
    }

    next() {
        if (this.current || !this.waiting.size) return;
        const [place, request] = [...this.waiting].reduce((a, b) => (b[1].rank < a[1].rank ? b : a));
        this.waiting.delete(place);
        this.current = request;
        const z = Float32Array.from(request.point.z, (value) => value * truncation());
        this.worker.postMessage({ z, classes: Float32Array.from(request.point.classes) });
    }

    receive(pixels) {
        const { draw } = this.current;
        this.current = null;
        this.next();
        draw(new ImageData(pixels, model.size, model.size));
    }
}

const LARGE = 0, GRID = 1, CORNER = 2, MAP = 3; // ranks of requests
const MAP_SIDE = 5; // pictures along each side of the plane
const painter = new Painter();

// Points.

const decodedZ = decodeZ();
let large; // the point of the large picture, with its name and, where it is one of the grid, its index there
let grid = []; // points
let corners = []; // three points

// The noise of the numbered pictures: the last array of the model.
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
    const width = decodedZ.length / model.pictures.length;
    return model.pictures.map(({ number, label }, i) => ({
        z: decodedZ.slice(i * width, (i + 1) * width),
        classes: sharesOf(label),
        name: model.classes.length ? `${model.classes[label]}:${number}` : `${number}`,
    }));
}

let made = 0; // new pictures so far

// A point drawn from the law of z, of the class that is chosen, or else of each class in turn.
function newPoint(label) {
    const turn = made++ % Math.max(1, model.classes.length);
    const z = large.z.map(() => 2 * Math.random() - 1);
    return { z, classes: sharesOf(label === "" ? turn : Number(label)), name: `new ${made}` };
}

// The large picture.

const times = []; // when the last pictures came, in milliseconds

function show(point) {
    large = point;
    byId("name").value = point.name;
    byId("picture").setAttribute("aria-label", `Picture ${point.name}`);
    byId("class").value = point.classes.indexOf(1);
    [...byId("grid").children].forEach((button, i) => button.setAttribute("aria-pressed", grid[i] === point));
    painter.request("large", LARGE, point, (image) => {
        byId("picture").getContext("2d").putImageData(image, 0, 0);
        showSpeed();
    });
}

function showSpeed() {
    times.push(performance.now());
    if (times.length > 20) times.shift();
    const seconds = (times[times.length - 1] - times[0]) / 1000;
    const isMoving = times.length === 20 && seconds < 10;
    byId("speed").value = isMoving ? `${((times.length - 1) / seconds).toFixed(0)} pictures a second` : "";
}

function select(point) {
    stop();
    show(point);
    setSliders();
}

function save() {
    const side = Number(byId("scale").value), canvas = document.createElement("canvas");
    canvas.width = canvas.height = side;
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(byId("picture"), 0, 0, side, side);
    canvas.toBlob((blob) => {
        const link = document.createElement("a");
        link.href = URL.createObjectURL(blob);
        const range = truncation() < 1 ? ` truncation ${truncation()}` : "";
        const name = `${model.title} step ${model.step} ${large.name}${range}`;
        link.download = `${name.replace(/[^\p{L}\p{N}.-]+/gu, "_")}.png`;
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
}

// Pictures.

function showGrid(points) {
    grid = points;
    painter.forget(GRID);
    byId("grid").replaceChildren(...points.map((point) => pictureButton(point, () => select(point))));
    byId("place").max = grid.length;
}

// A button with a point's picture and its name.
function pictureButton(point, onclick) {
    const button = document.createElement("button");
    button.type = "button";
    fillButton(button, GRID, point);
    button.addEventListener("click", onclick);
    return button;
}

function fillButton(button, rank, point) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = model.size;
    button.replaceChildren(canvas, point.name);
    painter.request(canvas, rank, point, (image) => canvas.getContext("2d").putImageData(image, 0, 0));
}

// The walk: a place from 0 to the number of pictures.

let playing = null; // the time of the last frame while the walk plays, in milliseconds
let position = 0; // the place, which the slider would round

function walkTo(place) {
    const from = Math.floor(place) % grid.length;
    const point = between(grid[from], grid[(from + 1) % grid.length], place - Math.floor(place));
    show({ ...point, name: `walk at ${place.toFixed(2)}` });
}

function play() {
    if (playing !== null) return stop();
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
    walkTo(position);
    requestAnimationFrame(frame);
}

// The plane: the first corner is at the top left, (0, 0), the second at (1, 0), the third at (0, 1).

const marker = { x: 0.35, y: 0.35 };

// The shares of the corners; beyond the line between the second and the third, that of the first is negative.
function planePoint(x, y) {
    const shares = [1 - x - y, x, y];
    const point = mix(corners, shares), kept = shares.map((share) => Math.max(0, share));
    const sum = kept.reduce((a, b) => a + b);
    const shareOf = (i) => corners.reduce((total, corner, j) => total + (corner.classes[i] * kept[j]) / sum, 0);
    const classes = model.classes.map((_, i) => shareOf(i));
    return { z: point.z, classes, name: `plane at ${x.toFixed(2)}, ${y.toFixed(2)}` };
}

function showCorners() {
    painter.forget(CORNER);
    document.querySelectorAll(".corner").forEach((button, i) => fillButton(button, CORNER, corners[i]));
    drawMap();
}

const background = document.createElement("canvas");

function drawMap() {
    const map = byId("map");
    map.width = map.height = background.width = background.height = MAP_SIDE * model.size;
    painter.forget(MAP);
    for (let row = 0; row < MAP_SIDE; row++) {
        for (let column = 0; column < MAP_SIDE; column++) {
            const point = planePoint(column / (MAP_SIDE - 1), row / (MAP_SIDE - 1));
            painter.request(`map ${row} ${column}`, MAP, point, (image) => {
                background.getContext("2d").putImageData(image, column * model.size, row * model.size);
                drawMarker();
            });
        }
    }
}

function drawMarker() {
    const map = byId("map"), context = map.getContext("2d"), margin = model.size / 2, width = map.width - model.size;
    context.clearRect(0, 0, map.width, map.height);
    context.drawImage(background, 0, 0);
    context.beginPath();
    context.arc(margin + marker.x * width, margin + marker.y * width, map.width / 24, 0, 2 * Math.PI);
    for (const [style, thickness] of [["#000", map.width / 50], ["#fff", map.width / 100]]) {
        context.strokeStyle = style;
        context.lineWidth = thickness;
        context.stroke();
    }
}

function moveMarker(x, y) {
    stop();
    marker.x = Math.min(1, Math.max(0, x));
    marker.y = Math.min(1, Math.max(0, y));
    drawMarker();
    show(planePoint(marker.x, marker.y));
    setSliders();
}

function dragMarker(event) {
    const box = byId("map").getBoundingClientRect(), margin = 1 / (2 * MAP_SIDE), width = 1 - 2 * margin;
    const x = (event.clientX - box.left) / box.width, y = (event.clientY - box.top) / box.height;
    moveMarker((x - margin) / width, (y - margin) / width);
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function moveByKey(event) {
    if (!(event.key in ARROWS)) return;
    event.preventDefault();
    const [dx, dy] = ARROWS[event.key];
    moveMarker(marker.x + 0.02 * dx, marker.y + 0.02 * dy);
}

// The numbers of z.

let unchanged; // the large picture before its numbers were moved

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

// What transparent pictures are shown on.

const NAMES = { "#ffffff": "white", "#000000": "black" };

function showOn(background) {
    document.documentElement.style.setProperty("--behind", background);
}

// The start.

function addOptions(select, options) {
    select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
}

function redraw() {
    showGrid(grid);
    showCorners();
    show(large);
}

function start() {
    const numbered = numberedPoints();
    large = numbered[0];
    corners = [0, 1, 2].map((i) => numbered[i] || newPoint(""));
    addOptions(byId("scale"), [1, 2, 4, 8].map((times) => times * model.size).map((side) => [side, `${side}x${side}`]));
    addOptions(byId("class"), model.classes.map((name, i) => [i, name]));
    addOptions(byId("class-of-new"), [["", "each in turn"], ...model.classes.map((name, i) => [i, name])]);
    for (const label of document.querySelectorAll(".classes")) label.hidden = !model.classes.length;
    const colours = [...new Set([model.background, "#ffffff", "#000000"])];
    const checkerboard = ["var(--checkerboard)", "checkerboard"];
    addOptions(byId("background"), [checkerboard, ...colours.map((colour) => [colour, NAMES[colour] || colour])]);
    byId("background").parentElement.hidden = model.channels !== 4;
    if (model.channels === 4) showOn(byId("background").value);
    for (const slider of document.querySelectorAll("input + output")) {
        const showValue = () => (slider.value = Number(slider.previousElementSibling.value).toFixed(2));
        slider.previousElementSibling.addEventListener("input", showValue);
        showValue();
    }
    makeSliders();
    showGrid(numbered);
    select(large);
    showCorners();

    byId("new").addEventListener("click", () => select(newPoint(byId("class-of-new").value)));
    byId("save").addEventListener("click", save);
    byId("class").addEventListener("change", () => {
        const label = byId("class").selectedIndex;
        select({ z: large.z, classes: sharesOf(label), name: `${large.name}, as ${model.classes[label]}` });
    });
    byId("truncation").addEventListener("input", redraw);
    byId("background").addEventListener("change", () => showOn(byId("background").value));
    byId("numbered").addEventListener("click", () => showGrid(numbered));
    byId("fresh").addEventListener("click", () =>
        showGrid(numbered.map(() => newPoint(byId("class-of-new").value)))
    );
    byId("play").addEventListener("click", play);
    byId("place").addEventListener("input", () => {
        stop();
        position = Number(byId("place").value);
        walkTo(position);
        setSliders();
    });
    document.querySelectorAll(".corner").forEach((button, i) =>
        button.addEventListener("click", () => {
            corners[i] = large;
            showCorners();
        })
    );
    byId("map").addEventListener("pointerdown", (event) => {
        byId("map").setPointerCapture(event.pointerId);
        dragMarker(event);
    });
    byId("map").addEventListener("pointermove", (event) => event.buttons && dragMarker(event));
    byId("map").addEventListener("keydown", moveByKey);
    byId("reset").addEventListener("click", () => select(unchanged));
}

start();
