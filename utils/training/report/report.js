"use strict";

// The report of a run: a slider over the grids of samples, and the curves. All data is in the page.
(() => {
    const FRAME = 250; // milliseconds of a grid while they are played
    const SMALL = 256; // pixels: smaller grids are enlarged without blurring them
    const HEIGHT = 240; // pixels of a chart
    const SMOOTHED_FROM = 100; // points
    const WINDOW = 1 / 25; // of the points, that a smoothed one is the mean of

    const byId = (id) => document.getElementById(id);

    // --- Grids ---

    function enlargeSmall() {
        for (const image of document.querySelectorAll(".sheet img")) {
            const mark = () => image.classList.toggle("small", image.naturalWidth < SMALL);
            image.complete ? mark() : image.addEventListener("load", mark);
        }
    }

    function showGrids() {
        const grids = [...document.querySelectorAll("#grids img")];
        if (grids.length < 2) return;
        const slider = byId("grid");
        const play = byId("play");
        const last = grids.length - 1;
        let timer = 0;

        function show(index) {
            grids.forEach((grid, i) => (grid.hidden = i !== index));
            slider.value = index;
            const text = `Step ${grids[index].dataset.step}`;
            slider.setAttribute("aria-valuetext", text);
            byId("grid-step").textContent = text;
        }

        function stop() {
            clearInterval(timer);
            timer = 0;
            play.textContent = "Play";
        }

        function start() {
            show(Number(slider.value) === last ? 0 : Number(slider.value));
            play.textContent = "Stop";
            timer = setInterval(() => {
                show(Number(slider.value) + 1);
                if (Number(slider.value) === last) stop();
            }, FRAME);
        }

        slider.max = last;
        show(last);
        slider.addEventListener("input", () => {
            stop();
            show(Number(slider.value));
        });
        play.addEventListener("click", () => (timer ? stop() : start()));
        byId("grid-controls").hidden = false;
    }

    // --- Curves ---

    /** Return the means of a moving window; null where a value is missing. */
    function smoothed(values) {
        const half = Math.max(1, Math.round((values.length * WINDOW) / 2));
        return values.map((value, i) => {
            const near = values.slice(Math.max(0, i - half), i + half + 1).filter((v) => v !== null);
            return value === null ? null : near.reduce((sum, v) => sum + v, 0) / near.length;
        });
    }

    function short(value) {
        return value === null || value === undefined ? "none" : String(Number(value.toPrecision(4)));
    }

    function element(parent, name, className, text) {
        const made = document.createElement(name);
        made.className = className;
        made.textContent = text;
        parent.append(made);
        return made;
    }

    /** Mark the best value by a ring, and the best checkpoint by a dashed line. */
    function marks(best, checkpoint, color) {
        return (plot) => {
            const { ctx, bbox } = plot;
            const ratio = devicePixelRatio;
            const at = (step) => plot.valToPos(step, "x", true);
            const isShown = (x) => x >= bbox.left && x <= bbox.left + bbox.width;
            ctx.save();
            ctx.strokeStyle = color("--best");
            ctx.lineWidth = 2 * ratio;
            if (best && isShown(at(best.step))) {
                ctx.beginPath();
                ctx.arc(at(best.step), plot.valToPos(best.value, "y", true), 6 * ratio, 0, 2 * Math.PI);
                ctx.stroke();
            }
            if (best && checkpoint !== null && isShown(at(checkpoint))) {
                ctx.setLineDash([4 * ratio, 4 * ratio]);
                ctx.lineWidth = ratio;
                ctx.beginPath();
                ctx.moveTo(at(checkpoint), bbox.top);
                ctx.lineTo(at(checkpoint), bbox.top + bbox.height);
                ctx.stroke();
            }
            ctx.restore();
        };
    }

    /** Return the series of uPlot, and their values: each line, and with `smooth` its mean above it. */
    function seriesOf(chart, smooth, color) {
        const series = [{ label: "step", value: (_, value) => short(value) }];
        const columns = [chart.steps];
        const isSmooth = smooth && chart.steps.length >= SMOOTHED_FROM;
        chart.lines.forEach((line, i) => {
            const form = { label: line.label, stroke: color(`--line-${i}`), value: (_, value) => short(value) };
            if (isSmooth) {
                series.push({ ...form, class: "raw", alpha: 0.25, width: 1, points: { show: false } });
                columns.push(line.values);
            }
            const points = chart.steps.length < SMOOTHED_FROM ? { size: 5 } : { show: false };
            series.push({ ...form, width: 2, points });
            columns.push(isSmooth ? smoothed(line.values) : line.values);
        });
        return { series, columns };
    }

    /** Return the limits of an axis; around equal values, which have no range, some room. */
    function limits(_, low, high) {
        if (low === null) return [0, 1];
        if (low === high) return low === 0 ? [0, 1] : [low - Math.abs(low) / 10, low + Math.abs(low) / 10];
        return uPlot.rangeNum(low, high, 0.1, true);
    }

    /** Show the last values in the legend while the pointer is elsewhere. */
    function showLast(plot) {
        if (plot.cursor.idx === null || plot.cursor.idx === undefined) {
            plot.setLegend({ idx: plot.data[0].length - 1 }, false);
        }
    }

    /** Hide and show the values below a smoothed line together with it. */
    function togetherWithRaw(plot, index, { show }) {
        const isRaw = index > 1 && plot.series[index - 1].class === "raw";
        if (isRaw && show !== undefined) plot.setSeries(index - 1, { show });
    }

    function plotOf(place, chart, checkpoint, smooth) {
        const style = getComputedStyle(document.documentElement);
        const color = (name) => style.getPropertyValue(name).trim();
        const { series, columns } = seriesOf(chart, smooth, color);
        const axis = {
            stroke: color("--muted"),
            grid: { stroke: color("--border"), width: 1 },
            ticks: { stroke: color("--border"), width: 1 },
        };
        const widest = (_, texts) => 18 + 7 * Math.max(2, ...(texts || []).map((text) => text.length));
        const options = {
            width: place.clientWidth,
            height: HEIGHT,
            scales: { x: { time: false }, y: { range: chart.range || limits } },
            axes: [axis, { ...axis, size: widest }],
            series,
            cursor: { drag: { x: true, y: false }, sync: { key: "steps" } },
            hooks: {
                draw: [marks(chart.best, checkpoint, color)],
                ready: [showLast],
                setCursor: [showLast],
                setSeries: [togetherWithRaw],
            },
        };
        return new uPlot(options, columns, place);
    }

    /** Return the part of a chart that begins at a step. */
    function from(chart, step) {
        const start = chart.steps.findIndex((each) => each >= step);
        const lines = chart.lines.map((line) => ({ ...line, values: line.values.slice(start) }));
        return start < 0 ? { ...chart, steps: [], lines } : { ...chart, steps: chart.steps.slice(start), lines };
    }

    /** Add a figure for each chart; return the places where they are drawn. */
    function addFigures(charts) {
        return charts.map((chart) => {
            const figure = element(byId("charts"), "figure", "chart", "");
            element(figure, "h3", "", chart.title);
            const note = element(figure, "p", "", chart.note);
            const last = chart.lines.map((line) => `${line.label} ${short(line.values[line.values.length - 1])}`);
            let text = `${chart.title} up to step ${chart.steps[chart.steps.length - 1]}: last ${last.join(", ")}`;
            if (chart.best) {
                const best = `Best: ${short(chart.best.value)} at step ${chart.best.step}`;
                note.append(" ");
                element(note, "span", "best", `${best}.`);
                text += `. ${best}`;
            }
            const place = element(figure, "div", "plot", "");
            place.setAttribute("role", "img");
            place.setAttribute("aria-label", text);
            return place;
        });
    }

    function showCurves({ charts, checkpoint }) {
        for (const id of ["curve-controls", "legend"]) byId(id).hidden = charts.length === 0;
        byId("no-curves").hidden = charts.length > 0;
        if (!charts.length) return;
        const places = addFigures(charts);
        const end = Math.max(...charts.map((chart) => chart.steps[chart.steps.length - 1]));
        let plots = [];

        function draw() {
            const first = end * (1 - Number(byId("span").value));
            plots.forEach((plot) => plot.destroy());
            plots = charts.map((chart, i) => plotOf(places[i], from(chart, first), checkpoint, byId("smooth").checked));
        }

        draw();
        byId("span").addEventListener("change", draw);
        byId("smooth").addEventListener("change", draw);
        matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
        addEventListener("resize", () => {
            plots.forEach((plot, i) => plot.setSize({ width: places[i].clientWidth, height: HEIGHT }));
        });
    }

    enlargeSmall();
    showGrids();
    showCurves(JSON.parse(byId("curves").textContent));
})();
