/* Tables of the scoreboard that can be filtered by paper, chapter and verdict, and searched by words.

   The page brings, written by `distillery_book.site.scores`,

     <figure class="scores-picture"><svg>... a <use> for each number, in the order of the rows ...</svg></figure>
     <div class="scores" data-what="numbers">
       <form class="scores-form" hidden>selects paper, chapter, verdict; input words; output</form>
       <div class="scores-table"><table>
         <tbody data-paper="..." data-chapter="..."><tr class="scores-head">...</tr><tr data-verdict="...">...</tr>...</tbody>
       </table></div>
     </div>

   Marks of rows that are hidden fade; the pointer on a mark is told its row, and a click leads there. Nothing is fetched. */

"use strict";

{
  class Scores {
    constructor(root) {
      this.what = root.dataset.what;
      this.form = root.querySelector("form");
      this.table = root.querySelector(".scores-table");
      this.says = this.form.querySelector("output");
      this.bodies = [...root.querySelectorAll("tbody")].map((body) => this.read(body));
      this.rows = this.bodies.flatMap((body) => body.rows);
      this.form.addEventListener("input", () => this.filter());
      this.form.addEventListener("submit", (event) => event.preventDefault());
      this.form.addEventListener("reset", () => setTimeout(() => this.filter()));
      this.form.hidden = false;
      this.table.tabIndex = 0;
      root.classList.add("is-live");
      this.filter();
    }

    read(body) {
      const [head, ...rows] = body.rows;
      const shared = head.textContent;
      const { paper, chapter } = body.dataset;
      const facts = (row) => ({ row, paper, chapter, verdict: row.dataset.verdict });
      const read = (row) => ({ ...facts(row), text: `${shared} ${row.textContent}`.toLowerCase() });
      return { body, rows: rows.map(read) };
    }

    filter() {
      const asked = Object.fromEntries(new FormData(this.form));
      const words = asked.words.toLowerCase().split(/\s+/).filter(Boolean);
      const chosen = ["paper", "chapter", "verdict"].filter((name) => asked[name]);
      let shown = 0;
      for (const { body, rows } of this.bodies) {
        let some = 0;
        for (const known of rows) {
          const fits = chosen.every((name) => known[name] === asked[name]);
          known.row.hidden = !(fits && words.every((word) => known.text.includes(word)));
          some += !known.row.hidden;
        }
        body.hidden = some === 0;
        shown += some;
      }
      this.says.textContent = `${shown} of ${this.rows.length} ${this.what}`;
      this.table.scrollTop = 0;
      this.onchange?.();
    }
  }

  class Dots {
    constructor(picture, scores) {
      this.scores = scores;
      this.marks = [...picture.querySelectorAll(":scope > use")];
      scores.onchange = () => this.fade();
      picture.addEventListener("pointerover", (event) => this.tell(event.target));
      picture.addEventListener("click", (event) => this.lead(event.target));
      this.fade();
    }

    fade() {
      this.marks.forEach((mark, k) => mark.classList.toggle("is-off", this.scores.rows[k].row.hidden));
    }

    row(mark) {
      return this.scores.rows[this.marks.indexOf(mark)]?.row;
    }

    tell(mark) {
      const row = this.row(mark);
      if (!row || mark.firstChild) return;
      const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
      const cells = [...row.cells].map((cell) => (cell.firstChild ? cell.innerText || cell.textContent : ""));
      title.textContent = `${row.parentElement.rows[0].textContent}: ${cells.filter(Boolean).join(", ")}`;
      mark.append(title);
    }

    lead(mark) {
      const row = this.row(mark);
      if (!row) return;
      if (row.hidden) this.scores.form.reset();
      setTimeout(() => {
        row.scrollIntoView({ block: "center" });
        row.querySelector("a, summary")?.focus({ preventScroll: true });
      });
    }
  }

  const start = () => {
    const tables = [...document.querySelectorAll(".scores[data-what]")].map((root) => new Scores(root));
    const picture = document.querySelector(".scores-dots");
    const numbers = tables.find((table) => table.what === "numbers");
    if (picture && numbers) new Dots(picture, numbers);
  };

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
}
