/* A strip of pictures that a slider changes.

   A slider chooses one of several recorded rows of pictures, and bars show what it costs. Dragging over the row, with
   the button down or a finger on it, chooses too; so do the arrow keys. Nothing is fetched and nothing is computed.

   The page brings

     <div class="strip">
       <div class="strip-row"><span class="strip-name">...</span><img ...></div>              rows that stay
       <div class="strip-row strip-moves"><span class="strip-name">...</span><img ...></div>   the row that changes
       <p class="strip-says">...</p>                                                          the first sentence
       <script type="application/json">...</script>
     </div>

   and the JSON, written by `distillery_book.figures.strip`, holds

     slider     its label
     positions  what its places are called
     start      the first of them
     pictures   for each place the source of its row
     says       for each place its sentence
     meters     bars: {title, values, texts, mark}; a value and its text for each place, and what they are compared with
     marked     what the marks stand for */

"use strict";

{
  class Strip {
    constructor(root) {
      this.data = JSON.parse(root.querySelector("script[type='application/json']").textContent);
      this.row = root.querySelector(".strip-moves");
      this.picture = this.row.querySelector("img");
      this.name = this.row.querySelector(".strip-name");
      this.moves = this.name.textContent.split(":")[0];
      this.says = root.querySelector(".strip-says");
      this.says.setAttribute("aria-live", "polite");
      this.meters = this.data.meters.map((meter) => this.meter(meter));
      this.place();
      this.listen();
      this.choose(this.data.start);
    }

    /* Elements */

    meter(meter) {
      const longest = Math.max(meter.mark, ...meter.values);
      const share = (value) => `${(100 * value) / longest}%`;
      const box = element("div", "strip-meter");
      const bar = element("div", "strip-bar");
      const fill = element("div", "strip-fill");
      const mark = element("div", "strip-mark");
      const number = element("span", "strip-number");
      mark.style.left = share(meter.mark);
      bar.append(fill, mark);
      box.append(element("span", "strip-title", meter.title), bar, number);
      const show = (position) => {
        fill.style.width = share(meter.values[position]);
        number.textContent = meter.texts[position];
      };
      return { box, show };
    }

    place() {
      const label = element("label", "strip-slider", this.data.slider);
      this.input = element("input");
      const last = this.data.positions.length - 1;
      Object.assign(this.input, { type: "range", min: 0, max: last, step: 1 });
      label.append(this.input);
      const meters = element("div", "strip-meters");
      meters.append(...this.meters.map(({ box }) => box));
      if (this.data.marked) meters.append(element("div", "strip-marked", this.data.marked));
      this.says.before(label, meters);
    }

    listen() {
      this.input.addEventListener("input", () => this.choose(Number(this.input.value)));
      const follow = (event) => {
        const frame = this.picture.getBoundingClientRect();
        const share = (event.clientX - frame.left) / frame.width;
        const many = this.data.positions.length;
        this.choose(Math.max(0, Math.min(many - 1, Math.floor(share * many))));
      };
      this.picture.draggable = false;
      this.picture.addEventListener("pointerdown", (event) => {
        this.picture.setPointerCapture(event.pointerId);
        follow(event);
      });
      this.picture.addEventListener("pointermove", (event) => {
        if (this.picture.hasPointerCapture(event.pointerId)) follow(event);
      });
    }

    choose(position) {
      const name = this.data.positions[position];
      this.input.value = position;
      this.input.setAttribute("aria-valuetext", name);
      this.name.textContent = `${this.moves}: ${name}`;
      this.picture.src = this.data.pictures[position];
      this.picture.alt = `${this.moves}: ${name}`;
      this.meters.forEach(({ show }) => show(position));
      if (this.says.textContent !== this.data.says[position]) {
        this.says.textContent = this.data.says[position];
      }
    }
  }

  const element = (name, className = "", text = "") => {
    const made = document.createElement(name);
    made.className = className;
    made.append(text);
    return made;
  };

  const start = () => document.querySelectorAll(".strip").forEach((root) => new Strip(root));

  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", start);
  } else {
    start();
  }
}
