// Page startup: fills the controls and connects them to their functions.
"use strict";

function addOptions(select, options) {
    select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
}

// Recomputes all images in their canvases.
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
    const sizeText = (scale) => `${scale * model.height}x${scale * model.width}`;
    addOptions(byId("scale"), [1, 2, 4, 8].map((scale) => [scale, sizeText(scale)]));
    addOptions(byId("class"), model.classes.map((name, i) => [i, name]));
    addOptions(byId("class-of-new"), [["", "all in turn"], ...model.classes.map((name, i) => [i, name])]);
    for (const label of document.querySelectorAll(".classes")) label.hidden = !model.classes.length;
    const colors = [...new Set([model.background, "#ffffff", "#000000"])];
    const checkerboard = ["var(--checkerboard)", "checkerboard"];
    addOptions(byId("background"), [checkerboard, ...colors.map((color) => [color, COLOR_NAMES[color] || color])]);
    byId("background").parentElement.hidden = model.channels !== 4;
    if (model.channels === 4) setBackground(byId("background").value);
    for (const slider of document.querySelectorAll("input + output")) {
        const showValue = () => (slider.value = Number(slider.previousElementSibling.value).toFixed(2));
        slider.previousElementSibling.addEventListener("input", showValue);
        showValue();
    }
    makeSliders();
    [byId("map").width, byId("map").height] = [mapImages.width, mapImages.height];
    showGrid(numbered);
    select(large);
    showCorners();

    byId("new").addEventListener("click", () => select(newPoint(byId("class-of-new").value)));
    byId("save").addEventListener("click", save);
    byId("class").addEventListener("change", () => {
        const label = byId("class").selectedIndex, base = large.base || large.name;
        select({ z: large.z, classes: oneHot(label), name: `${base}, as ${model.classes[label]}`, base });
    });
    byId("truncation").addEventListener("input", redraw);
    byId("background").addEventListener("change", () => setBackground(byId("background").value));
    byId("numbered").addEventListener("click", () => showGrid(numbered));
    byId("fresh").addEventListener("click", () =>
        showGrid(numbered.map(() => newPoint(byId("class-of-new").value)))
    );
    byId("play").addEventListener("click", play);
    byId("position").addEventListener("input", () => {
        stop();
        position = Number(byId("position").value);
        showWalk();
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
