// The worker that computes images, and the order in which it does.
"use strict";

const model = JSON.parse(document.getElementById("model").textContent);
const byId = (id) => document.getElementById(id);
const truncation = () => Number(byId("truncation").value);

const LARGE = 0, GRID = 1, CORNER = 2, MAP = 3; // ranks of requests

// Gives the worker one image to compute after the other: those of the lowest rank first, but after each large image
// one of the others, which a walk would keep waiting. A request replaces a waiting one for the same place, so that a
// image which follows the hand is never late by more than one.
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

    // Call draw(image, truncation) later.
    request(place, rank, point, draw) {
        this.waiting.set(place, { rank, point, draw });
        this.next();
    }

    isWaiting(place) {
        return this.waiting.has(place);
    }

    // Forget the waiting requests of a rank.
    forget(rank) {
        for (const [place, request] of this.waiting) if (request.rank === rank) this.waiting.delete(place);
    }

    next() {
        if (this.current || !this.waiting.size) return;
        const rankOf = ([, { rank }]) => (rank === LARGE && this.lastRank === LARGE ? Infinity : rank);
        const [place, request] = [...this.waiting].reduce((a, b) => (rankOf(b) < rankOf(a) ? b : a));
        this.waiting.delete(place);
        this.current = { ...request, truncation: truncation() };
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
        byId("problem").textContent = `This browser cannot compute the images: ${message || "it allows no worker"}.`;
    }
}
