"use strict";

// The report of a run: the grid slider and the curves. All data is embedded in the page.
(() => {
    const FRAME = 250; // milliseconds per grid while the grids play
    const SMALL = 256; // pixels; smaller grids are enlarged without blur
    const HEIGHT = 240; // pixels of a chart
    const MIN_SMOOTHED = 100; // points; shorter curves are not smoothed
    const WINDOW = 1 / 25; // width of the moving average, as a fraction of all points

    const byId = (id) => document.getElementById(id);

    // --- Grids ---

    function enlargeSmall() {
        for (const image of document.querySelectorAll(".sheet img")) {
            const setClass = () => image.classList.toggle("small", image.naturalWidth < SMALL);
            image.complete ? setClass() : image.addEventListener("load", setClass);
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

    /** Returns the moving average; a missing value stays null. */
    function smooth(values) {
        const half = Math.max(1, Math.round((values.length * WINDOW) / 2));
        return values.map((value, i) => {
            const inWindow = values.slice(Math.max(0, i - half), i + half + 1).filter((v) => v !== null);
            return value === null ? null : inWindow.reduce((sum, v) => sum + v, 0) / inWindow.length;
        });
    }

    function format(value) {
        return value === null || value === undefined ? "none" : String(Number(value.toPrecision(4)));
    }

    function addElement(parent, name, className, text) {
        const element = document.createElement(name);
        element.className = className;
        element.textContent = text;
        parent.append(element);
        return element;
    }

    /** Returns a uPlot hook that draws a ring at the best value and a dashed line at the best checkpoint. */
    function drawMarks(best, checkpoint, color) {
        return (plot) => {
            const { ctx, bbox } = plot;
            const ratio = devicePixelRatio;
            const toX = (step) => plot.valToPos(step, "x", true);
            const isShown = (x) => x >= bbox.left && x <= bbox.left + bbox.width;
            ctx.save();
            ctx.strokeStyle = color("--best");
            ctx.lineWidth = 2 * ratio;
            if (best && isShown(toX(best.step))) {
                ctx.beginPath();
                ctx.arc(toX(best.step), plot.valToPos(best.value, "y", true), 6 * ratio, 0, 2 * Math.PI);
                ctx.stroke();
            }
            if (best && checkpoint !== null && isShown(toX(checkpoint))) {
                ctx.setLineDash([4 * ratio, 4 * ratio]);
                ctx.lineWidth = ratio;
                ctx.beginPath();
                ctx.moveTo(toX(checkpoint), bbox.top);
                ctx.lineTo(toX(checkpoint), bbox.top + bbox.height);
                ctx.stroke();
            }
            ctx.restore();
        };
    }

    /** Returns the series of uPlot and their values: each line and, if `isSmooth` and long, its moving average. */
    function createSeries(chart, isSmooth, color) {
        const series = [{ label: "step", value: (_, value) => format(value) }];
        const columns = [chart.steps];
        const isLong = chart.steps.length >= MIN_SMOOTHED;
        chart.lines.forEach((line, i) => {
            const style = { label: line.label, stroke: color(`--line-${i}`), value: (_, value) => format(value) };
            if (isSmooth && isLong) {
                series.push({ ...style, class: "raw", alpha: 0.25, width: 1, points: { show: false } });
                columns.push(line.values);
            }
            series.push({ ...style, width: 2, points: isLong ? { show: false } : { size: 5 } });
            columns.push(isSmooth && isLong ? smooth(line.values) : line.values);
        });
        return { series, columns };
    }

    /** Returns the limits of an axis; equal values get a margin. */
    function axisLimits(_, low, high) {
        if (low === null) return [0, 1];
        if (low === high) return low === 0 ? [0, 1] : [low - Math.abs(low) / 10, low + Math.abs(low) / 10];
        return uPlot.rangeNum(low, high, 0.1, true);
    }

    /** Shows the last values in the legend while the pointer is outside the chart. */
    function showLast(plot) {
        if (plot.cursor.idx === null || plot.cursor.idx === undefined) {
            plot.setLegend({ idx: plot.data[0].length - 1 }, false);
        }
    }

    /** Hides or shows the raw values together with their moving average. */
    function toggleRaw(plot, index, { show }) {
        const isRaw = index > 1 && plot.series[index - 1].class === "raw";
        if (isRaw && show !== undefined) plot.setSeries(index - 1, { show });
    }

    function createPlot(container, chart, checkpoint, isSmooth) {
        const style = getComputedStyle(document.documentElement);
        const color = (name) => style.getPropertyValue(name).trim();
        const { series, columns } = createSeries(chart, isSmooth, color);
        const axis = {
            stroke: color("--muted"),
            grid: { stroke: color("--border"), width: 1 },
            ticks: { stroke: color("--border"), width: 1 },
        };
        const labelWidth = (_, texts) => 18 + 7 * Math.max(2, ...(texts || []).map((text) => text.length));
        const options = {
            width: container.clientWidth,
            height: HEIGHT,
            scales: { x: { time: false }, y: { range: chart.range || axisLimits } },
            axes: [axis, { ...axis, size: labelWidth }],
            series,
            cursor: { drag: { x: true, y: false }, sync: { key: "steps" } },
            hooks: {
                draw: [drawMarks(chart.best, checkpoint, color)],
                ready: [showLast],
                setCursor: [showLast],
                setSeries: [toggleRaw],
            },
        };
        return new uPlot(options, columns, container);
    }

    /** Returns the part of a chart that begins at a step. */
    function sliceFrom(chart, step) {
        const isIncluded = (_, i) => chart.steps[i] >= step;
        const lines = chart.lines.map((line) => ({ ...line, values: line.values.filter(isIncluded) }));
        return { ...chart, steps: chart.steps.filter(isIncluded), lines };
    }

    /** Adds a figure for each chart; returns the elements that contain the plots. */
    function addFigures(charts) {
        return charts.map((chart) => {
            const figure = addElement(byId("charts"), "figure", "chart", "");
            addElement(figure, "h3", "", chart.title);
            const note = addElement(figure, "p", "", chart.note);
            const last = chart.lines.map((line) => `${line.label} ${format(line.values[line.values.length - 1])}`);
            let text = `${chart.title} up to step ${chart.steps[chart.steps.length - 1]}: last ${last.join(", ")}`;
            if (chart.best) {
                const best = `Best: ${format(chart.best.value)} at step ${chart.best.step}`;
                note.append(" ");
                addElement(note, "span", "best", `${best}.`);
                text += `. ${best}`;
            }
            const container = addElement(figure, "div", "plot", "");
            container.setAttribute("role", "img");
            container.setAttribute("aria-label", text);
            return container;
        });
    }

    function showCurves({ charts, checkpoint }) {
        for (const id of ["curve-controls", "legend"]) byId(id).hidden = charts.length === 0;
        byId("no-curves").hidden = charts.length > 0;
        if (!charts.length) return;
        const containers = addFigures(charts);
        const end = Math.max(...charts.map((chart) => chart.steps[chart.steps.length - 1]));
        let plots = [];

        function draw() {
            const first = end * (1 - Number(byId("span").value));
            plots.forEach((plot) => plot.destroy());
            const parts = charts.map((chart) => sliceFrom(chart, first));
            plots = parts.map((part, i) => createPlot(containers[i], part, checkpoint, byId("smooth").checked));
        }

        draw();
        byId("span").addEventListener("change", draw);
        byId("smooth").addEventListener("change", draw);
        matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
        addEventListener("resize", () => {
            plots.forEach((plot, i) => plot.setSize({ width: containers[i].clientWidth, height: HEIGHT }));
        });
    }

    enlargeSmall();
    showGrids();
    showCurves(JSON.parse(byId("curves").textContent));
})();
