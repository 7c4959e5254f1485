// The plane through three images, its corners: the first is at the top left, (0, 0), the second at (1, 0), the third at
// (0, 1).
"use strict";

const marker = { x: 0.35, y: 0.35 };

// Returns the point at (x, y). Beyond the line from the second corner to the third, the first has a negative weight.
function planePoint(x, y) {
    const weights = [1 - x - y, x, y];
    const positive = weights.map((weight) => Math.max(0, weight));
    const sum = positive.reduce((a, b) => a + b);
    const classes = model.classes.map((_, i) =>
        corners.reduce((total, corner, j) => total + (corner.classes[i] * positive[j]) / sum, 0)
    );
    return { z: mixZ(corners, weights), classes, name: `plane at ${x.toFixed(2)}, ${y.toFixed(2)}` };
}

function showCorners() {
    painter.forget(CORNER);
    document.querySelectorAll(".corner").forEach((button, i) => fillButton(button, CORNER, corners[i]));
    drawMap();
}

const mapImages = newCanvas(MAP_SIDE); // the map without the marker

function drawMap() {
    for (let row = 0; row < MAP_SIDE; row++) {
        for (let column = 0; column < MAP_SIDE; column++) {
            const point = planePoint(column / (MAP_SIDE - 1), row / (MAP_SIDE - 1));
            painter.request(`map ${row} ${column}`, MAP, point, (imageData) => {
                mapImages.getContext("2d").putImageData(imageData, column * model.width, row * model.height);
                drawMarker();
            });
        }
    }
}

function drawMarker() {
    const map = byId("map"), context = map.getContext("2d"), side = Math.min(map.width, map.height);
    const x = model.width / 2 + marker.x * (map.width - model.width);
    const y = model.height / 2 + marker.y * (map.height - model.height);
    context.clearRect(0, 0, map.width, map.height);
    context.drawImage(mapImages, 0, 0);
    context.beginPath();
    context.arc(x, y, side / 24, 0, 2 * Math.PI);
    for (const [style, thickness] of [["#000", side / 50], ["#fff", side / 100]]) {
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
