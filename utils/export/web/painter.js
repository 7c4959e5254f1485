// The queue of requests for images, which a worker computes.
"use strict";

const model = JSON.parse(document.getElementById("model").textContent);
const byId = (id) => document.getElementById(id);
const currentTruncation = () => Number(byId("truncation").value);

const LARGE = 0, GRID = 1, CORNER = 2, MAP = 3; // ranks of requests

// Sends requests to the worker one at a time. The lowest rank goes first, but each large image is followed by a request
// of a different rank, so that a walk does not starve the others. A request replaces a waiting one with the same key,
// so that the large image is at most one image behind the user.
class Painter {
    constructor() {
        const source = new Blob([model.network], { type: "text/javascript" });
        this.worker = new Worker(URL.createObjectURL(source));
        this.worker.onmessage = ({ data }) => this.receive(data);
        this.worker.onerror = ({ message }) => this.fail(message);
        this.worker.postMessage({ model: { steps: model.steps, arrays: model.arrays, numbers: model.numbers } });
        this.waiting = new Map();
        this.current = null;
        this.lastRank = null;
    }

    // Calls draw(imageData, truncation) later. key: a canvas or a string.
    request(key, rank, point, draw) {
        this.waiting.set(key, { rank, point, draw });
        this.next();
    }

    isWaiting(key) {
        return this.waiting.has(key);
    }

    // Removes the waiting requests of a rank.
    forget(rank) {
        for (const [key, request] of this.waiting) if (request.rank === rank) this.waiting.delete(key);
    }

    next() {
        if (this.current || !this.waiting.size) return;
        const priority = ([, { rank }]) => (rank === LARGE && this.lastRank === LARGE ? Infinity : rank);
        const [key, request] = [...this.waiting].reduce((a, b) => (priority(b) < priority(a) ? b : a));
        this.waiting.delete(key);
        this.current = { ...request, truncation: currentTruncation() };
        this.lastRank = request.rank;
        const z = Float32Array.from(request.point.z, (value) => value * this.current.truncation);
        this.worker.postMessage({ z, classes: Float32Array.from(request.point.classes) });
    }

    receive(pixels) {
        const { draw, truncation } = this.current;
        this.current = null;
        this.next();
        draw(new ImageData(pixels, model.width, model.height), truncation);
    }

    fail(message) {
        byId("problem").textContent = `This browser cannot compute the images: ${message || "workers are blocked"}.`;
    }
}
