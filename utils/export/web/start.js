// The start: the controls get their choices, and what they do.
"use strict";

function addOptions(select, options) {
    select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
}

// Compute all images again, in the canvases that they are in.
function redraw() {
    [...byId("grid").children].forEach((button, i) => paint(button.firstChild, GRID, grid[i]));
    document.querySelectorAll(".corner").forEach((button, i) => paint(button.firstChild, CORNER, corners[i]));
    drawMap();
    show(large);
}

function start() {
    const numbered = numberedPoints();
    large = numbered[0];
    corners = [0, 1, 2].map((i) => numbered[i] || newPoint(""));
    const sizeOf = (times) => `${times * model.height}x${times * model.width}`;
    addOptions(byId("scale"), [1, 2, 4, 8].map((times) => [times, sizeOf(times)]));
    addOptions(byId("class"), model.classes.map((name, i) => [i, name]));
    addOptions(byId("class-of-new"), [["", "each in turn"], ...model.classes.map((name, i) => [i, name])]);
    for (const label of document.querySelectorAll(".classes")) label.hidden = !model.classes.length;
    const colors = [...new Set([model.background, "#ffffff", "#000000"])];
    const checkerboard = ["var(--checkerboard)", "checkerboard"];
    addOptions(byId("background"), [checkerboard, ...colors.map((color) => [color, NAMES[color] || color])]);
    byId("background").parentElement.hidden = model.channels !== 4;
    if (model.channels === 4) showOn(byId("background").value);
    for (const slider of document.querySelectorAll("input + output")) {
        const showValue = () => (slider.value = Number(slider.previousElementSibling.value).toFixed(2));
        slider.previousElementSibling.addEventListener("input", showValue);
        showValue();
    }
    makeSliders();
    [byId("map").width, byId("map").height] = [background.width, background.height];
    showGrid(numbered);
    select(large);
    showCorners();

    byId("new").addEventListener("click", () => select(newPoint(byId("class-of-new").value)));
    byId("save").addEventListener("click", save);
    byId("class").addEventListener("change", () => {
        const label = byId("class").selectedIndex, base = large.base || large.name;
        select({ z: large.z, classes: sharesOf(label), name: `${base}, as ${model.classes[label]}`, base });
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
