/* A picture that a reader can drag.

   Sliders choose one of many recorded positions, and canvases draw it: as maps of the plane in bands of colour, or
   as charts of bars and intervals. Moving the pointer over a canvas, with the button down or a finger on it, chooses
   the nearest place; the sliders do the same by keyboard. Nothing is fetched and nothing is computed but colours.

   The page brings, in this order,

     <div class="draggable">
       <img ...>                                     what is seen where no script runs
       <p class="draggable-says">...</p>             the sentence of the first position
       <script type="application/json">...</script>
     </div>

   and the JSON, written by `distillery_book.figures`, holds

     sliders    one or more {label, values}; positions are counted with the last slider running fastest
     places     for each position the point [x, y] that a pointer is compared with
     start      the first position
     extent     [left, right, low, high] of the plane; points of the outermost rows and columns lie on its edge
     says       for each position its sentence

   For maps there are besides

     shape      [rows, columns] of an array, the lowest row first
     scale      the numbers that the bytes 0 and 255 stand for
     arrays     base64, a byte a number, one array after another
     reference  base64, one more array
     panels     for each map {title, label, shows, colours, limits, points}; shows is "reference", "array" or
                "difference", the distance of the two; points says whether the cloud is drawn
     points     the cloud, [x, y] from its place
     circles    dashed lines, [x, y, radius]

   and for charts

     panels     for each chart {title, label, shows, limits, ticks, reference, rows, top}; shows is "chart"
     marks      for each position and each chart what stands in it: bars {name, colour, heights, mean}, or
                intervals {row, colour, value, low, high} */

"use strict";

class Draggable {
  constructor(root) {
    this.root = root;
    this.data = JSON.parse(root.querySelector("script[type='application/json']").textContent);
    this.arrays = bytes(this.data.arrays ?? "");
    this.reference = bytes(this.data.reference ?? "");
    this.position = this.data.start;
    this.says = root.querySelector(".draggable-says");
    this.says.setAttribute("aria-live", "polite");
    this.panels = this.data.panels.map((panel) => this.addPanel(panel));
    this.sliders = this.data.sliders.map((slider, number) => this.addSlider(slider, number));
    this.place();
    root.querySelector("img").hidden = true;
    new ResizeObserver(() => this.draw()).observe(root);
    const theme = { attributes: true, attributeFilter: ["data-theme"] };
    new MutationObserver(() => this.draw()).observe(document.documentElement, theme);
    this.choose(this.position);
  }

  /* Elements */

  addPanel(panel) {
    const box = element("div", "draggable-panel");
    const canvas = element("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", panel.title);
    this.listen(canvas);
    if (panel.shows === "chart") {
      box.classList.add("draggable-chart");
      box.append(element("div", "draggable-title", panel.title), canvas);
      box.append(element("div", "draggable-label", panel.label));
      return { ...panel, box, canvas };
    }
    const bar = element("div", "draggable-bar");
    const share = 100 / panel.colours.length;
    const stops = panel.colours.map((colour, i) => `${colour} ${i * share}% ${(i + 1) * share}%`);
    const ramp = element("span", "draggable-ramp");
    ramp.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
    bar.append(signed(panel.limits[0]), ramp, signed(panel.limits[1]));
    box.append(element("div", "draggable-title", panel.title), canvas, bar);
    box.append(element("div", "draggable-label", panel.label));
    return { ...panel, box, canvas };
  }

  addSlider(slider, number) {
    const label = element("label", "draggable-slider", slider.label);
    const input = element("input");
    Object.assign(input, { type: "range", min: 0, max: slider.values.length - 1, step: 1 });
    input.addEventListener("input", () => {
      const indices = this.indices();
      indices[number] = Number(input.value);
      this.choose(this.positionOf(indices));
    });
    label.append(input);
    return { ...slider, label, input };
  }

  place() {
    const maps = element("div", "draggable-panels");
    if (this.panels.every((panel) => panel.shows === "chart")) maps.classList.add("draggable-charts");
    maps.append(...this.panels.map((panel) => panel.box));
    const controls = element("div", "draggable-sliders");
    controls.append(...this.sliders.map((slider) => slider.label));
    this.says.before(maps, controls);
  }

  listen(canvas) {
    const follow = (event) => {
      const [left, right, low, high] = this.data.extent;
      const frame = canvas.getBoundingClientRect();
      const x = left + ((event.clientX - frame.left) / frame.width) * (right - left);
      const y = high - ((event.clientY - frame.top) / frame.height) * (high - low);
      this.choose(this.nearest(x, y));
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      follow(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (canvas.hasPointerCapture(event.pointerId)) follow(event);
    });
  }

  /* Positions */

  indices() {
    let rest = this.position;
    const found = [];
    for (const { values } of [...this.data.sliders].reverse()) {
      found.unshift(rest % values.length);
      rest = Math.floor(rest / values.length);
    }
    return found;
  }

  positionOf(indices) {
    return this.data.sliders.reduce((sum, { values }, k) => sum * values.length + indices[k], 0);
  }

  nearest(x, y) {
    const distances = this.data.places.map(([a, b]) => (a - x) ** 2 + (b - y) ** 2);
    return distances.indexOf(Math.min(...distances));
  }

  choose(position) {
    this.position = position;
    const chosen = this.indices();
    this.sliders.forEach(({ input, values }, k) => {
      input.value = chosen[k];
      input.setAttribute("aria-valuetext", signed(values[chosen[k]]));
    });
    if (this.says.textContent !== this.data.says[position]) {
      this.says.textContent = this.data.says[position];
    }
    this.draw();
  }

  /* Drawing */

  draw() {
    for (const panel of this.panels) {
      const width = panel.canvas.clientWidth;
      if (width === 0) continue; // folded away: it is drawn when it is opened
      if (panel.shows === "chart") {
        this.drawChart(panel, width);
        continue;
      }
      const size = Math.round(width * Math.min(window.devicePixelRatio || 1, 2));
      panel.canvas.width = panel.canvas.height = size;
      const pen = panel.canvas.getContext("2d");
      if (panel.shows !== "reference" || panel.map?.width !== size) panel.map = this.map(panel, size);
      pen.putImageData(panel.map, 0, 0);
      this.drawMarks(pen, panel, size);
    }
  }

  drawChart(panel, width) {
    const height = panel.canvas.clientHeight;
    const scale = Math.min(window.devicePixelRatio || 1, 2);
    panel.canvas.width = Math.round(width * scale);
    panel.canvas.height = Math.round(height * scale);
    const pen = panel.canvas.getContext("2d");
    pen.scale(scale, scale);
    const frame = new Frame(pen, panel, width, height, getComputedStyle(this.root));
    frame.drawAxis();
    for (const mark of this.data.marks[this.position][this.panels.indexOf(panel)]) {
      if (mark.heights) frame.drawBars(mark);
      else frame.drawInterval(mark);
    }
  }

  map(panel, size) {
    const [rows, columns] = this.data.shape;
    const at = panel.shows === "reference" ? this.reference : this.current();
    const colours = panel.colours.map(rgb);
    const [low, high] = panel.limits;
    const picture = new ImageData(size, size);
    for (let i = 0; i < size; i += 1) {
      const y = (1 - (i + 0.5) / size) * (rows - 1);
      for (let j = 0; j < size; j += 1) {
        const x = ((j + 0.5) / size) * (columns - 1);
        let value = this.number(between(at, x, y, columns));
        if (panel.shows === "difference") {
          value = Math.abs(value - this.number(between(this.reference, x, y, columns)));
        }
        const share = Math.floor(((value - low) / (high - low)) * colours.length);
        const colour = colours[Math.max(0, Math.min(colours.length - 1, share))];
        picture.data.set(colour, 4 * (i * size + j));
      }
    }
    return picture;
  }

  current() {
    const [rows, columns] = this.data.shape;
    const length = rows * columns;
    return this.arrays.subarray(this.position * length, (this.position + 1) * length);
  }

  number(byte) {
    const [low, high] = this.data.scale;
    return low + (byte / 255) * (high - low);
  }

  drawMarks(pen, panel, size) {
    const [left, right, low, high] = this.data.extent;
    const unit = size / (right - left);
    const across = (x) => (x - left) * unit;
    const down = (y) => (high - y) * unit;
    for (const [x, y, radius] of this.data.circles) {
      dashed(pen, across(x), down(y), radius * unit, size / 200);
    }
    if (!panel.points) return;
    const [x0, y0] = this.data.places[this.position];
    pen.lineWidth = size / 320;
    for (const [x, y] of this.data.points) {
      pen.beginPath();
      pen.arc(across(x0 + x), down(y0 + y), size / 90, 0, 2 * Math.PI);
      pen.fillStyle = "white";
      pen.strokeStyle = "black";
      pen.fill();
      pen.stroke();
    }
  }
}

/* One chart on its canvas: numbers become places, in pixels of the page. */
class Frame {
  constructor(pen, chart, width, height, style) {
    Object.assign(this, { pen, chart, height: height - 22, ink: style.color, named: 0 });
    pen.font = `12px ${style.fontFamily}`;
    const names = chart.rows.map((row) => pen.measureText(row).width);
    this.left = names.length ? Math.max(...names) + 10 : 6;
    this.width = width - this.left - 12;
  }

  across(x) {
    const [low, high] = this.chart.limits;
    return this.left + (Math.max(low, Math.min(high, x)) - low) * (this.width / (high - low));
  }

  down(row) {
    return ((row + 0.5) / this.chart.rows.length) * this.height;
  }

  line(x0, y0, x1, y1, colour, width, dashes = []) {
    const { pen } = this;
    pen.beginPath();
    pen.setLineDash(dashes);
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.moveTo(x0, y0);
    pen.lineTo(x1, y1);
    pen.stroke();
    pen.setLineDash([]);
  }

  write(text, x, y, colour, align) {
    Object.assign(this.pen, { fillStyle: colour, textAlign: align, textBaseline: "middle" });
    this.pen.fillText(text, x, y);
  }

  drawAxis() {
    const { chart, height, ink } = this;
    this.line(this.left, height, this.left + this.width, height, ink, 1);
    for (const tick of chart.ticks) {
      this.line(this.across(tick), height, this.across(tick), height + 4, ink, 1);
      this.write(signed(tick), this.across(tick), height + 14, ink, "center");
    }
    chart.rows.forEach((row, i) => this.write(row, this.left - 8, this.down(i), ink, "right"));
    this.line(this.across(chart.reference), 0, this.across(chart.reference), height, ink, 1, [4, 4]);
  }

  drawBars({ name, colour, heights, mean }) {
    const { pen, height } = this;
    const [low, high] = this.chart.limits;
    const step = (high - low) / heights.length;
    pen.globalAlpha = 0.55;
    pen.fillStyle = colour;
    heights.forEach((share, i) => {
      const tall = Math.min(1, share / this.chart.top) * height;
      const x = this.across(low + i * step);
      pen.fillRect(x, height - tall, this.across(low + (i + 1) * step) - x, tall);
    });
    pen.globalAlpha = 1;
    this.line(this.across(mean), 0, this.across(mean), height, colour, 2.5);
    this.named += 1;
    const y = 16 * this.named - 6;
    this.line(this.left + 4, y, this.left + 18, y, colour, 2.5);
    this.write(name, this.left + 23, y, this.ink, "left");
  }

  drawInterval({ row, colour, value, low, high }) {
    const { pen } = this;
    const y = this.down(row);
    this.line(this.across(low), y, this.across(high), y, colour, 2.5);
    const [left, right] = this.chart.limits;
    pen.beginPath();
    pen.fillStyle = colour;
    if (value < left || value > right) {
      const out = value < left ? -1 : 1; // an arrow: it lies beyond the axis
      const x = this.across(value);
      pen.moveTo(x + 6 * out, y);
      pen.lineTo(x - 4 * out, y - 6);
      pen.lineTo(x - 4 * out, y + 6);
    } else {
      pen.arc(this.across(value), y, 5, 0, 2 * Math.PI);
    }
    pen.fill();
  }
}

function element(name, className = "", text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.append(text);
  return made;
}

function bytes(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

function signed(number) {
  return String(number).replace("-", "\u2212");
}

function rgb(colour) {
  const number = parseInt(colour.slice(1), 16);
  return [number >> 16, (number >> 8) & 255, number & 255, 255];
}

/* The value between four neighbours of a grid. */
function between(grid, x, y, columns) {
  const j = Math.min(Math.floor(x), columns - 2);
  const i = Math.min(Math.floor(y), grid.length / columns - 2);
  const [u, v] = [x - j, y - i];
  const first = i * columns + j;
  const below = (1 - u) * grid[first] + u * grid[first + 1];
  const above = (1 - u) * grid[first + columns] + u * grid[first + columns + 1];
  return (1 - v) * below + v * above;
}

function dashed(pen, x, y, radius, width) {
  for (const [colour, thickness, dashes] of [
    ["white", 2 * width, []],
    ["black", width, [4 * width, 3 * width]],
  ]) {
    pen.beginPath();
    pen.setLineDash(dashes);
    pen.strokeStyle = colour;
    pen.lineWidth = thickness;
    pen.arc(x, y, radius, 0, 2 * Math.PI);
    pen.stroke();
  }
  pen.setLineDash([]);
}

function start() {
  document.querySelectorAll(".draggable").forEach((root) => new Draggable(root));
}

if (document.readyState === "loading") {
  document.addEventListener("DOMContentLoaded", start);
} else {
  start();
}
