"""The built site in a browser whose network is cut: what a reader would see.

Needs `_build/html` and Chromium. Where either is missing the tests are skipped, unless
DISTILLERY_BROWSER=require. Screenshots (light, dark, 500 pixels wide) stay in `_build/screenshots`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
SCREENSHOTS = ROOT / "_build" / "screenshots"
CHROMIUM = next(
    (
        path
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (path := shutil.which(name))
    ),
    None,
)
REQUIRED = os.environ.get("DISTILLERY_BROWSER") == "require"
PAGES = sorted(str(path.relative_to(SITE)) for path in (SITE / "book").rglob("*.html")) or [
    "book/index.html"
]
SCOREBOARD = "book/12_scoreboard.html"
DRAGGABLE, STRIPS = (
    [
        page
        for page in PAGES
        if (SITE / page).is_file() and f'class="{kind}"' in (SITE / page).read_text("utf-8")
    ]
    for kind in ("draggable", "strip")
)
NUMBERED = [page for page in PAGES if page[5:7].isdigit() and page != SCOREBOARD]
# Pages with a folded table wider than its column: long names of data, which wrap nowhere.
WIDE_WHEN_UNFOLDED = {"02", "02b", "09", "10"}
CUT_OFF = [
    *(
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
    ),
    *("--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND"),
]

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    built = (SITE / "book" / "index.html").is_file()
    missing = (
        "the site is not built: run `make book`"
        if not built
        else "Chromium is missing"
        if not CHROMIUM
        else ""
    )
    if missing and REQUIRED:
        pytest.fail(f"{missing}, and DISTILLERY_BROWSER=require forbids to skip")
    if missing:
        pytest.skip(missing)
    api = pytest.importorskip("playwright.sync_api")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=CUT_OFF)
        yield opened
        opened.close()


@pytest.fixture(scope="module", params=PAGES)
def light(browser: Any, request: pytest.FixtureRequest) -> Iterator[_Visit]:
    """A page at 1280 pixels, opened once for all that is asked of it there."""
    with _Visit(browser, request.param) as visit:
        yield visit


def test_a_page_loads_without_network_or_console_error(light: _Visit) -> None:
    assert light.complaints == []
    assert light.tab.title()
    assert (
        light.tab.evaluate(
            "[...document.images].filter(i => !i.complete || i.naturalWidth === 0).map(i => i.src)"
        )
        == []
    )


def test_a_page_is_set_in_the_font_that_lies_beside_it(light: _Visit) -> None:
    """A family that no rule declares passes `fonts.check`, so what was loaded is asked for too."""
    faces = "[...document.fonts].filter(f => f.family.includes('Source Serif 4'))"
    loaded = f"{faces}.filter(f => f.status === 'loaded').map(f => `${{f.style}} ${{f.weight}}`)"
    light.tab.evaluate("document.fonts.ready.then(() => true)")
    assert light.tab.evaluate("""document.fonts.check("16px 'Source Serif 4'")""")
    assert "normal 400" in light.tab.evaluate(loaded)
    family = "getComputedStyle(document.querySelector('article')).fontFamily"
    assert light.tab.evaluate(family).startswith('"Source Serif 4"')
    assert light.complaints == []


def test_a_page_draws_all_its_mathematics(light: _Visit) -> None:
    wanted = light.tab.evaluate("document.querySelectorAll('.math').length")
    drawn = light.tab.evaluate(
        "[...document.querySelectorAll('.math')].filter(m => m.querySelector('mjx-container"
        " svg')).length"
    )
    assert drawn == wanted
    assert (
        light.tab.evaluate("document.querySelectorAll('mjx-merror, [data-mjx-error]').length") == 0
    )


def test_every_link_and_picture_of_a_page_exists(light: _Visit) -> None:
    page, known, broken = SITE / light.page, {}, []
    for link in _links(page, known).targets:
        split = urlsplit(link)
        target = page.parent / unquote(split.path) if split.path else page
        if not (
            split.scheme or split.netloc or _leads_somewhere(target, unquote(split.fragment), known)
        ):
            broken.append(link)
    assert broken == []


# The rows of a strip stand beside their names, which are short.
_FILE_NAMES = """[...document.querySelectorAll('article img')].filter(i => /[.]png|_/.test(i.alt)
    || (i.alt.trim().split(/\\s+/).length < 4 && !i.closest('.strip-row')))"""


def test_every_picture_says_in_words_what_it_shows(light: _Visit) -> None:
    silent = "[...document.querySelectorAll('article img')].filter(i => !(i.alt || '').trim())"
    drawings = "[...document.querySelectorAll('article svg[role=img]')]"
    is_silent = "!drawing.querySelector('title') && !drawing.closest('mjx-container')"
    unnamed = f"{drawings}.filter(drawing => {is_silent})"
    assert light.tab.evaluate(f"{silent}.map(i => i.src.slice(-60))") == []
    assert light.tab.evaluate(f"{_FILE_NAMES}.map(i => i.alt)") == []
    assert light.tab.evaluate(f"{unnamed}.length") == 0


def test_nothing_is_unfolded_at_first(light: _Visit) -> None:
    opened = "[...document.querySelectorAll('article details[open]')].map(d => d.innerText)"
    assert light.tab.evaluate(opened) == []


@pytest.mark.parametrize("light", NUMBERED, indirect=True)
def test_the_first_figure_of_a_chapter_begins_within_1200_pixels(light: _Visit) -> None:
    first = "document.querySelector('article :is(figure, .draggable, .strip)')"
    assert light.tab.evaluate(f"{first}.getBoundingClientRect().top + scrollY") <= 1200


def test_a_page_of_1280_pixels_does_not_scroll_sideways(light: _Visit) -> None:
    assert light.tab.evaluate("document.documentElement.scrollWidth") <= 1280


def test_the_formulas_of_a_page_fit_1280_pixels(light: _Visit) -> None:
    edge = "document.querySelector('article').getBoundingClientRect().right"
    drawn = "[...document.querySelectorAll('.math mjx-container svg')]"
    wide = f"{drawn}.filter(drawing => drawing.getBoundingClientRect().right > {edge} + 1)"
    assert light.tab.evaluate(f"{wide}.map(drawing => drawing.closest('section').id)") == []


def test_the_code_of_a_page_fits_1280_pixels_once_it_is_unfolded(light: _Visit) -> None:
    code = "[...document.querySelectorAll('.cell_input pre')]"
    wide = f"{code}.filter(block => block.scrollWidth > block.clientWidth)"
    with light.unfolded():
        assert light.tab.evaluate(f"{wide}.map(block => block.innerText)") == []


def test_the_open_tables_of_a_page_fit_1280_pixels(light: _Visit) -> None:
    assert light.wide_tables() == []


@pytest.mark.parametrize("light", NUMBERED, indirect=True)
def test_the_tables_of_a_chapter_fit_1280_pixels_once_they_are_unfolded(light: _Visit) -> None:
    if Path(light.page).stem.split("_")[0] in WIDE_WHEN_UNFOLDED:
        pytest.skip("its folded tables hold long names of data")
    with light.unfolded():
        assert light.wide_tables() == []


def test_a_page_can_be_read_in_the_light(light: _Visit) -> None:
    light.picture("light")
    assert light.contrast() >= 7


@pytest.mark.parametrize("page", PAGES)
def test_a_page_can_be_read_in_the_dark(browser: Any, page: str) -> None:
    with _Visit(browser, page, theme="dark") as visit:
        visit.picture("dark")
        assert visit.contrast() >= 7


@pytest.mark.parametrize("page", PAGES)
def test_a_narrow_page_does_not_scroll_sideways_nor_cut_a_formula(browser: Any, page: str) -> None:
    drawn = "[...document.querySelectorAll('div.math, div.math > mjx-container')]"
    cut = f"{drawn}.filter(part => part.scrollWidth > part.clientWidth + 1)"
    with _Visit(browser, page, width=500) as visit:
        visit.picture("500px")
        assert visit.tab.evaluate("document.documentElement.scrollWidth") <= 500
        assert visit.tab.evaluate(f"{cut}.map(part => part.closest('div').id)") == []


def test_the_pages_that_promise_a_picture_to_drag_or_a_strip_have_it(browser: Any) -> None:
    """Their tests run over the pages that have one, and would vanish with it."""
    assert {"01", "10"} <= {Path(page).stem.split("_")[0] for page in DRAGGABLE}
    assert {"02", "02b"} <= {Path(page).stem.split("_")[0] for page in STRIPS}


@pytest.mark.parametrize("page", DRAGGABLE)
def test_a_picture_to_drag_and_its_numbers_follow_the_arrow_keys(browser: Any, page: str) -> None:
    with _Visit(browser, page) as visit:
        slider = visit.tab.locator(".draggable input[type=range]").first
        first = visit.dragged()
        slider.focus()
        visit.tab.keyboard.press("ArrowLeft")
        second = visit.dragged()
        visit.tab.keyboard.press("ArrowRight")
        assert second["pictures"] != first["pictures"]
        assert re.findall(r"\d+\.\d+", second["says"]) != re.findall(r"\d+\.\d+", first["says"])
        assert visit.dragged() == first
        assert slider.get_attribute("aria-valuetext")
        assert slider.evaluate("input => input.labels[0].innerText")
        assert visit.complaints == []


@pytest.mark.parametrize("page", DRAGGABLE)
def test_a_picture_to_drag_follows_the_pointer(browser: Any, page: str) -> None:
    with _Visit(browser, page) as visit:
        canvas = visit.tab.locator(".draggable canvas").first
        canvas.scroll_into_view_if_needed()
        frame = canvas.bounding_box()
        told = []
        visit.tab.mouse.move(frame["x"] + 5, frame["y"] + 5)
        visit.tab.mouse.down()
        for share in (0.02, 0.5, 0.98):
            place = frame["x"] + share * frame["width"], frame["y"] + share * frame["height"]
            visit.tab.mouse.move(*place)
            told.append(visit.dragged()["says"])
        visit.tab.mouse.up()
        visit.tab.mouse.move(frame["x"] + 5, frame["y"] + 5)
        assert len(set(told)) == 3
        assert visit.dragged()["says"] == told[-1]


@pytest.mark.parametrize("page", DRAGGABLE[:1])
def test_a_picture_to_drag_follows_a_finger(browser: Any, page: str) -> None:
    with _Visit(browser, page, touch=True) as visit:
        canvas = visit.tab.locator(".draggable canvas").first
        canvas.scroll_into_view_if_needed()
        frame = canvas.bounding_box()
        finger, told = visit.context.new_cdp_session(visit.tab), []
        for share, kind in ((0.02, "touchStart"), (0.5, "touchMove"), (0.98, "touchMove")):
            place = {side: frame[side] + share * frame[size] for side, size in _SIDES}
            finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [place]})
            if told:  # a moving finger is told of in the next frame
                visit.tab.wait_for_function(f"{_SAYS} !== {json.dumps(told[-1])}")
            told.append(visit.dragged()["says"])
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        assert len(set(told)) == 3
        assert visit.dragged()["says"] == told[-1]


@pytest.mark.parametrize("page", DRAGGABLE)
def test_without_scripts_a_still_picture_and_its_sentence_stand_there(
    browser: Any, page: str
) -> None:
    with _Visit(browser, page, scripts=False) as visit:
        still = visit.tab.locator(".draggable > img").first
        assert still.is_visible()
        assert still.get_attribute("alt")
        assert visit.tab.locator(".draggable-says").first.inner_text()
        assert visit.tab.locator(".draggable canvas").count() == 0
    with _Visit(browser, page) as visit:
        assert not visit.tab.locator(".draggable > img").first.is_visible()


def test_the_loop_of_the_first_page_moves_and_can_be_stopped(browser: Any) -> None:
    with _Visit(browser, "book/index.html") as visit:
        running = "document.getAnimations().filter(a => a.playState === 'running').length"
        assert visit.tab.locator(".loop svg").is_visible()
        assert visit.tab.evaluate(running) >= 5
        visit.tab.locator(".loop-pause input").check()
        assert visit.tab.evaluate(running) == 0


def test_the_loop_stands_still_where_less_motion_is_asked_for(browser: Any) -> None:
    with _Visit(browser, "book/index.html", motion="reduce") as visit:
        assert visit.tab.evaluate("document.getAnimations().length") == 0
        assert visit.tab.locator(".loop svg .loop-student").is_visible()
        assert not visit.tab.locator(".loop-pause").is_visible()


def test_without_scripts_the_loop_and_the_strip_stand_on_the_first_page(browser: Any) -> None:
    with _Visit(browser, "book/index.html", scripts=False) as visit:
        assert visit.tab.locator(".loop svg").is_visible()
        pictures = visit.tab.locator(".front-strip img")
        assert pictures.count() > 3
        assert pictures.first.is_visible()


def test_a_term_shows_its_definition_to_pointer_and_keyboard(browser: Any) -> None:
    shown = "link => getComputedStyle(link, '::after').display"
    with _Visit(browser, "book/index.html", width=500) as visit:
        term = visit.tab.locator("a.term-link").first
        assert term.evaluate(shown) == "none"
        term.hover()
        assert term.evaluate(shown) == "block"
        assert term.evaluate("link => getComputedStyle(link, '::after').content").strip('"')
        assert visit.tab.evaluate("document.documentElement.scrollWidth") <= 500


@pytest.mark.parametrize("page", NUMBERED)
def test_a_chapter_offers_its_notebook_and_all_of_them(browser: Any, page: str) -> None:
    with _Visit(browser, page, scripts=False) as visit:
        links = visit.tab.locator(".downloads a[download]").evaluate_all(
            "all => all.map(a => a.href)"
        )
        paths = [Path(unquote(urlsplit(link).path)) for link in links]
        assert [path.name for path in paths] == [
            f"{Path(page).stem}.ipynb",
            "distillery-notebooks.zip",
        ]
        assert all(path.is_file() for path in paths)


@pytest.mark.parametrize("page", STRIPS)
def test_a_strip_its_bars_and_its_sentence_follow_the_arrow_keys(browser: Any, page: str) -> None:
    with _Visit(browser, page) as visit:
        slider = visit.tab.locator(".strip input[type=range]").first
        first = visit.strip()
        slider.focus()
        visit.tab.keyboard.press("ArrowLeft")
        second = visit.strip()
        visit.tab.keyboard.press("ArrowRight")
        assert all(first[part] != second[part] for part in first)
        assert visit.strip() == first
        assert slider.get_attribute("aria-valuetext") in first["name"]
        assert slider.evaluate("input => input.labels[0].innerText")
        assert visit.complaints == []


@pytest.mark.parametrize("page", STRIPS)
def test_a_strip_follows_the_pointer(browser: Any, page: str) -> None:
    with _Visit(browser, page) as visit:
        row = visit.tab.locator(".strip-moves img").first
        row.scroll_into_view_if_needed()
        frame = row.bounding_box()
        height = frame["y"] + frame["height"] / 2
        told = []
        visit.tab.mouse.move(frame["x"] + 5, height)
        visit.tab.mouse.down()
        for share in (0.02, 0.5, 0.98):
            visit.tab.mouse.move(frame["x"] + share * frame["width"], height)
            told.append(visit.strip()["says"])
        visit.tab.mouse.up()
        visit.tab.mouse.move(frame["x"] + 5, height)
        assert len(set(told)) == 3
        assert visit.strip()["says"] == told[-1]


@pytest.mark.parametrize("page", STRIPS)
def test_without_scripts_a_strip_shows_its_rows_and_its_sentence(browser: Any, page: str) -> None:
    with _Visit(browser, page, scripts=False) as visit:
        rows = visit.tab.locator(".strip-row img")
        assert rows.count() > 1
        assert all(rows.nth(k).get_attribute("alt") for k in range(rows.count()))
        assert visit.tab.locator(".strip-says").first.inner_text()
        assert visit.tab.locator(".strip input").count() == 0


def test_the_scoreboard_weighs_at_most_600_kb() -> None:
    if not (SITE / SCOREBOARD).is_file():
        pytest.skip("the site is not built: run `make book`")
    assert (SITE / SCOREBOARD).stat().st_size <= 600_000


@pytest.mark.parametrize("what", ["numbers", "conclusions"])
def test_the_scoreboard_is_filtered_by_keys_and_says_how_many_are_left(
    browser: Any, what: str
) -> None:
    with _Visit(browser, SCOREBOARD) as visit:
        table = visit.tab.locator(f".scores[data-what={what}]")
        all_rows = visit.scores(what)
        assert visit.scores_said(what) == (all_rows, all_rows)
        table.locator("select[name=chapter]").focus()
        visit.tab.keyboard.type("10")
        of_chapter = visit.scores(what)
        visit.tab.keyboard.press("Tab")
        visit.tab.keyboard.press("Tab")
        visit.tab.keyboard.type("bridge")
        found = visit.scores(what)
        assert all_rows > of_chapter > found > 0
        assert visit.scores_said(what) == (found, all_rows)
        visit.tab.keyboard.press("Tab")
        visit.tab.keyboard.press("Enter")
        visit.tab.wait_for_timeout(50)
        assert visit.scores(what) == all_rows
        assert table.locator("output").get_attribute("aria-live") == "polite"
        assert visit.complaints == []


@pytest.mark.parametrize("width", [1280, 500])
def test_the_scoreboard_unfolded_and_filtered_fits_its_page(browser: Any, width: int) -> None:
    with _Visit(browser, SCOREBOARD, width=width) as visit:
        visit.tab.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
        assert visit.tab.evaluate("document.documentElement.scrollWidth") <= width
        boxes = "[...document.querySelectorAll('.scores-table, .scores table')]"
        assert max(visit.tab.evaluate(f"{boxes}.map(b => b.scrollWidth - b.clientWidth)")) <= 0


def test_marks_of_the_scoreboard_fade_with_their_rows_and_lead_to_them(browser: Any) -> None:
    with _Visit(browser, SCOREBOARD) as visit:
        visit.tab.locator(".scores[data-what=numbers] select[name=verdict]").select_option("misses")
        faded = visit.tab.locator(".scores-dots > use.is-off").count()
        marks = visit.tab.locator(".scores-dots > use")
        assert marks.count() - faded == visit.scores("numbers") > 0
        clear = visit.tab.locator(".scores-dots > use:not(.is-off)").first
        clear.hover()
        assert "misses" in clear.locator("title").text_content()
        clear.click()
        visit.tab.wait_for_timeout(50)
        led = "document.activeElement.closest('tr')?.dataset.verdict"
        assert visit.tab.evaluate(led) == "misses"


def test_without_scripts_the_scoreboard_is_one_long_table(browser: Any) -> None:
    with _Visit(browser, SCOREBOARD, scripts=False) as visit:
        rows = visit.tab.locator(".scores[data-what=numbers] tr[data-verdict]")
        assert rows.count() > 600
        assert rows.last.is_visible()
        assert not visit.tab.locator(".scores-form").first.is_visible()
        assert visit.tab.locator(".scores-dots").is_visible()


def test_search_finds_recollection(browser: Any) -> None:
    with _Visit(browser, "search.html", query="?q=recollection") as visit:
        visit.tab.wait_for_selector("#search-results ul.search li a", timeout=10_000)
        found = visit.tab.evaluate(
            "[...document.querySelectorAll('#search-results ul.search li a')].map(a => new"
            " URL(a.href).pathname)"
        )
        assert any(
            "recollection" in Path(unquote(path)).read_text(encoding="utf-8").lower()
            for path in found
        )
        assert visit.complaints == []


_SIDES = (("x", "width"), ("y", "height"))
_SAYS = "document.querySelector('.draggable-says').innerText"


class _Visit:
    """One page in one tab, and whatever it complained about while it loaded."""

    def __init__(
        self,
        browser: Any,
        page: str,
        *,
        theme: str = "light",
        width: int = 1280,
        query: str = "",
        scripts: bool = True,
        motion: str = "no-preference",
        touch: bool = False,
    ) -> None:
        self.page, self.theme, self.query, self.scripts = page, theme, query, scripts
        self.context = browser.new_context(
            viewport={"width": width, "height": 1000},
            color_scheme=theme,
            java_script_enabled=scripts,
            reduced_motion=motion,
            has_touch=touch,
        )
        self.complaints: list[str] = []

    def __enter__(self) -> _Visit:
        self.context.add_init_script(
            f"localStorage.setItem('mode', '{self.theme}'); localStorage.setItem('theme',"
            f" '{self.theme}')"
        )
        self.tab = self.context.new_page()
        self.tab.on(
            "console", lambda said: self._complain(said.text, said.type in ("error", "warning"))
        )
        self.tab.on("pageerror", lambda error: self._complain(str(error), True))
        self.tab.on("requestfailed", lambda request: self._complain(f"failed: {request.url}", True))
        self.tab.on(
            "request",
            lambda request: self._complain(
                request.url, not request.url.startswith(("file:", "data:", "blob:"))
            ),
        )
        self.tab.goto((SITE / self.page).as_uri() + self.query)
        if self.scripts and self.tab.evaluate("document.querySelectorAll('.math').length"):
            self.tab.wait_for_function("window.MathJax?.startup?.promise?.then(() => true)")
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def _complain(self, what: str, is_bad: bool) -> None:
        if is_bad:
            self.complaints.append(what)

    @contextmanager
    def unfolded(self) -> Iterator[None]:
        """Whatever is folded is open, for a while."""
        unfold = "document.querySelectorAll('details').forEach(fold => fold.open = {})"
        self.tab.evaluate(unfold.format("true"))
        try:
            yield
        finally:
            self.tab.evaluate(unfold.format("false"))

    def wide_tables(self) -> list[str]:
        """How those tables begin that can be seen, and reach beyond the column of text."""
        edge = "document.querySelector('article').getBoundingClientRect().right"
        shown = "[...document.querySelectorAll('article table')].filter(t => t.checkVisibility())"
        wide = f"{shown}.filter(table => table.getBoundingClientRect().right > {edge} + 1)"
        begins: list[str] = self.tab.evaluate(f"{wide}.map(t => t.innerText.slice(0, 80))")
        return begins

    def dragged(self) -> dict[str, Any]:
        """What a picture to drag shows, and the sentence beneath it."""
        maps = "[...document.querySelectorAll('.draggable canvas')].map(map => map.toDataURL())"
        says = self.tab.locator(".draggable-says").first.inner_text()
        return {"pictures": self.tab.evaluate(maps), "says": says}

    def scores(self, what: str) -> int:
        """How many rows of a table of the scoreboard can be seen."""
        rows = f".scores[data-what={what}] tr[data-verdict]"
        return self.tab.evaluate(
            f"[...document.querySelectorAll('{rows}')].filter(r => r.checkVisibility()).length"
        )

    def scores_said(self, what: str) -> tuple[int, int]:
        """How many are shown, and of how many, as the page says it."""
        said = self.tab.locator(f".scores[data-what={what}] output").inner_text()
        shown, whole = re.findall(r"\d+", said)
        return int(shown), int(whole)

    def strip(self) -> dict[str, str]:
        """What a strip shows: the row that moves, its name, the bars' numbers, the sentence."""
        row = self.tab.locator(".strip-moves").first
        return {
            "picture": row.locator("img").get_attribute("src"),
            "name": row.locator(".strip-name").inner_text(),
            "numbers": self.tab.locator(".strip-meters").first.inner_text(),
            "says": self.tab.locator(".strip-says").first.inner_text(),
        }

    def picture(self, name: str) -> None:
        """Kept for people to look at, but of the reference."""
        if self.page.startswith("book/api/"):
            return
        height = min(self.tab.evaluate("document.documentElement.scrollHeight"), 9000)
        self.tab.set_viewport_size({"width": self.tab.viewport_size["width"], "height": height})
        self.tab.wait_for_timeout(150)
        self.tab.screenshot(path=str(SCREENSHOTS / f"{Path(self.page).stem}-{name}.png"))

    def contrast(self) -> float:
        """The ratio of luminances of text and ground that WCAG asks for: 7 is its stricter level."""
        colors = (
            self.tab.evaluate(f"getComputedStyle(document.body).{name}")
            for name in ("color", "backgroundColor")
        )
        darker, lighter = sorted(map(_luminance, colors))
        return (lighter + 0.05) / (darker + 0.05)


class _Links(HTMLParser):
    """What a page points to, and the names it can be pointed at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: set[str] = set()
        self.names: set[str] = {"", "top"}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        self.names |= {value for key in ("id", "name") if (value := held.get(key))}
        wanted = {"a": "href", "link": "href", "img": "src", "script": "src"}.get(tag)
        if wanted and (value := held.get(wanted)):
            self.targets.add(value)


def _links(path: Path, known: dict[Path, _Links]) -> _Links:
    path = path.resolve()
    if path not in known:
        known[path] = _Links(path.read_text(encoding="utf-8"))
    return known[path]


def _leads_somewhere(target: Path, name: str, known: dict[Path, _Links]) -> bool:
    return target.is_file() and (target.suffix != ".html" or name in _links(target, known).names)


def _luminance(color: str) -> float:
    linear = [
        v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4
        for v in (int(c) / 255 for c in re.findall(r"\d+", color)[:3])
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
