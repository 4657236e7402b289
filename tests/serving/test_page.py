"""The page as a person uses it, in a real browser with a real server and the shipped model."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("playwright.sync_api")

import uvicorn

from provence_plugins import Pruner, PruningPolicy
from provence_plugins.serving.app import create_app

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow  # starts a browser

QUESTION = "How long is a year on Mercury?"
PLANETS = """# Planets

A year on Mercury lasts 88 days. It is the planet nearest to the sun.

| planet | year |
|---|---|
| Mercury | 88 days |
| Mars | 687 days |

Bread is baked at night."""
REFUSED = "Failed to load resource: the server responded"
HOSTILE = (
    "<script>window.harmed=1</script><img src=x onerror='window.harmed=2'></textarea></del>\"'><b>Mercury</b> &amp;"
)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(create_app(), log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        server.should_exit = True
        thread.join(20)


@pytest.fixture
def open_page(browser: "Browser", address: str) -> "Iterator[Callable[..., Page]]":
    """A function that opens the page; it must report no error and ask no other server."""
    contexts = []
    complaints: list[str] = []

    def start(fragment: str = "", **options: object) -> "Page":
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        # An answer that refuses a request is no fault of the page.
        page.on("console", lambda message: None if REFUSED in message.text else complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on("request", lambda asked: complaints.append(asked.url) if not _is_own(asked.url) else None)
        page.goto(address + fragment)
        return page

    def _is_own(url: str) -> bool:
        return url.startswith((address, "data:,"))

    yield start
    for context in contexts:
        context.close()
    assert complaints == []


def prune(page: "Page", *texts: str, query: str = QUESTION) -> None:
    page.fill("#query", query)
    for number, text in enumerate(texts):
        if number:
            page.click("#add")
        page.locator("textarea").nth(number).fill(text)
    page.press("#query", "Enter")
    page.wait_for_selector("#view details")


def wait_until(page: "Page", expression: str) -> None:
    """Wait for an expression; the driver's own way to wait is forbidden by the page's content security policy."""
    for _ in range(200):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"it did not become true: {expression}")


def kept_text(page: "Page") -> str:
    """What the button copies."""
    page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text }")
    page.click("#copy-text")
    wait_until(page, "window.copied !== undefined")
    copied: str = page.evaluate("const text = window.copied; window.copied = undefined; text")
    return copied


def shown(page: "Page") -> str:
    return page.inner_text("#view > p:nth-of-type(2)")


def expect(page: "Page", policy: PruningPolicy, *texts: str) -> None:
    """Compare the page with the engine."""
    with Pruner() as pruner:
        result = pruner.prune(QUESTION, texts, policy)
    page.wait_for_timeout(200)
    summary = f"{len(result.passages)} of {len(texts)} passages kept · {result.tokens_before} → {result.tokens_after} "
    assert shown(page).startswith(summary)
    assert kept_text(page) == result.text


def test_every_setting_decides_at_once_as_the_engine_does(open_page: "Callable[..., Page]") -> None:
    page = open_page()
    texts = (PLANETS, "The ferry leaves at nine.", "Mercury is a metal. A year has 365 days on Earth.")
    prune(page, *texts)
    expect(page, PruningPolicy(), *texts)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.fill("#threshold-number", "0.3")
    expect(page, PruningPolicy(threshold=0.3), *texts)
    page.fill("#threshold-number", "0.002")
    page.fill("#budget-number", "25")
    expect(page, PruningPolicy(threshold=0.002, max_tokens=25), *texts)
    page.click("text=More settings")
    page.fill("#top-n", "1")
    page.uncheck("#keep-headings")
    page.fill("#after", "1")
    policy = PruningPolicy(threshold=0.002, max_tokens=25, top_n=1, keep_headings=False, keep_neighbors=(0, 1))
    expect(page, policy, *texts)
    page.select_option("#when-empty", "keep_all")
    page.fill("#threshold-number", "1")
    page.fill("#budget-number", "")
    page.fill("#top-n", "")
    page.fill("#after", "0")
    expect(page, PruningPolicy(threshold=1, when_empty="keep_all", keep_headings=False), *texts)
    assert asked == []
    page.click("#reset")
    expect(page, PruningPolicy(), *texts)


def test_a_budget_below_every_sentence_is_cut_as_the_engine_cuts(open_page: "Callable[..., Page]") -> None:
    page = open_page()
    prune(page, PLANETS)
    for budget in (1, 3, 5):
        page.fill("#budget-number", str(budget))
        wait_until(page, f"document.querySelector('#view > p:nth-of-type(2)').innerText.includes('→ {budget} tokens')")
        expect(page, PruningPolicy(max_tokens=budget), PLANETS)


def test_the_keyboard_alone_is_enough(open_page: "Callable[..., Page]") -> None:
    page = open_page()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the result"
    page.keyboard.press("Tab")
    page.keyboard.type(QUESTION)
    page.keyboard.press("Tab")  # Remove
    page.keyboard.press("Tab")
    page.keyboard.type("A year on Mercury lasts 88 days. Bread is baked at night.")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#view details")
    before = shown(page)
    while page.evaluate("document.activeElement.id") != "threshold":
        page.keyboard.press("Tab")
    page.keyboard.press("End")
    page.wait_for_timeout(200)
    assert shown(page) != before
    assert page.get_attribute("#threshold", "aria-valuetext") == "1"
    while page.evaluate("document.activeElement.tagName") != "SUMMARY":
        page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"


def test_a_screen_reader_hears_the_result_and_what_is_removed(open_page: "Callable[..., Page]") -> None:
    page = open_page()
    prune(page, PLANETS)
    wait_until(page, "document.querySelector('#status').textContent.includes('1 of 1 passages kept')")
    assert page.get_attribute("#status", "role") == "status"
    tree = page.locator("#view").aria_snapshot()
    assert 'heading "How long is a year on Mercury?" [level=2]' in tree
    assert 'heading "# Planets" [level=3]' in tree
    assert "table" in tree
    assert 'columnheader "planet"' in tree
    assert 'cell "88 days"' in tree
    assert "[removed]" in tree


def test_a_link_restores_question_texts_and_settings(open_page: "Callable[..., Page]") -> None:
    page = open_page()
    prune(page, PLANETS, HOSTILE)
    page.fill("#threshold-number", "0.3")
    page.select_option("#order", "relevance", force=True)
    wait_until(page, "location.hash.length > 10")
    page.wait_for_timeout(900)
    before = page.inner_html("#view")
    fragment = page.evaluate("location.hash")
    again = open_page(fragment)
    again.wait_for_selector("#view details")
    assert again.input_value("#query") == QUESTION
    assert [box.input_value() for box in again.locator("textarea").all()] == [PLANETS, HOSTILE]
    assert again.input_value("#threshold-number") == "0.3"
    assert again.input_value("#order") == "relevance"
    assert again.inner_html("#view") == before


@pytest.mark.parametrize("fragment", ["#s=", "#s=AAAA", "#s=!!!", "#x", "#s=eyJhIjoxfQ", "#%00"])
def test_a_broken_link_leaves_an_empty_page(open_page: "Callable[..., Page]", fragment: str) -> None:
    page = open_page(fragment)
    page.wait_for_selector("textarea")
    assert page.input_value("textarea") == ""


def test_a_link_cannot_set_what_is_not_a_setting(open_page: "Callable[..., Page]") -> None:
    page = open_page()
    state = {
        "query": QUESTION,
        "passages": [{"text": PLANETS, "name": HOSTILE}],
        "policy": {"threshold": "0.9", "max_tokens": -4, "ties": None, "order": HOSTILE, "__proto__": {"harmed": 1}},
    }
    fragment = page.evaluate("async (state) => (await import('./page/state.js')).writeState(state)", state)
    linked = open_page(fragment)
    linked.wait_for_selector("#view details")
    expect(linked, PruningPolicy(), PLANETS)
    assert linked.evaluate("window.harmed") is None


def test_nothing_of_a_passage_is_read_as_markup(open_page: "Callable[..., Page]", tmp_path: Path) -> None:
    page = open_page()
    table = f"| {HOSTILE} | year |\n|---|---|\n| {HOSTILE} | 88 |\n"
    prune(page, f"# {HOSTILE}\n\n{HOSTILE}. {HOSTILE}\n\n{table}", f"```\n{HOSTILE}\n```", query=f"Mercury {HOSTILE}")
    page.fill("#threshold-number", "0")
    page.wait_for_timeout(300)
    assert page.evaluate("window.harmed") is None
    tags = set(page.evaluate("[...document.querySelectorAll('#view *')].map((each) => each.tagName)"))
    assert tags <= {"P", "BDI", "DIV", "SPAN", "I", "DEL", "LABEL", "INPUT", "DETAILS", "SUMMARY"}
    assert HOSTILE in page.inner_text("#view")
    named = tmp_path / "<img src=x onerror=alert(1)>.md"
    named.write_text(HOSTILE, encoding="utf-8")
    page.set_input_files("#files", named)
    page.press("#query", "Enter")
    page.wait_for_selector("#view bdi:has-text('onerror')")
    assert page.evaluate("window.harmed") is None


def test_files_are_added_by_button_and_by_drop(open_page: "Callable[..., Page]", tmp_path: Path) -> None:
    page = open_page()
    (tmp_path / "a.md").write_text("A year on Mercury lasts 88 days.", encoding="utf-8")
    (tmp_path / "b.png").write_bytes(b"\x89PNG\xff")
    page.set_input_files("#files", [tmp_path / "a.md", tmp_path / "b.png"])
    wait_until(page, "document.querySelector('#status').textContent.includes('b.png')")
    page.evaluate(
        """() => {
          const data = new DataTransfer();
          data.items.add(new File(["Mercury é 🏰"], "c.txt"));
          dispatchEvent(new DragEvent("dragover", {dataTransfer: data, cancelable: true}));
          dispatchEvent(new DragEvent("drop", {dataTransfer: data, cancelable: true}));
        }"""
    )
    page.wait_for_selector("label:has-text('c.txt')")
    assert [box.input_value() for box in page.locator("textarea").all()] == [
        "A year on Mercury lasts 88 days.",
        "Mercury é 🏰",
    ]
    assert page.is_hidden("#drop")


def test_an_error_of_the_server_is_told(open_page: "Callable[..., Page]") -> None:
    page = open_page()
    page.fill("#query", " ")
    page.fill("textarea", "text")
    page.click("#prune")
    page.wait_for_selector("#status.error")
    assert "query is blank" in page.inner_text("#status")


@pytest.mark.parametrize("width", [390, 1366])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_runs_over_the_edge_and_text_can_be_read(
    open_page: "Callable[..., Page]", width: int, scheme: str
) -> None:
    page = open_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    prune(page, PLANETS + "\n\n" + "unbreakable" * 60 + "\n\n| " + "wide | " * 40 + "\n|---|\n")
    page.click("text=More settings")
    page.check(".provence-legend input")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    boxes = page.evaluate(
        """[...document.querySelectorAll("#policy *, #ask *")].filter((each) => each.offsetParent)
             .filter((each) => each.getBoundingClientRect().right > innerWidth + 1).length"""
    )
    assert boxes == 0
    contrasts = page.evaluate(CONTRASTS)
    assert min(contrasts) >= 4.5, contrasts


# The ratio of the guidelines for accessible pages, of text that stands on the plain paper or a panel.
CONTRASTS = """() => {
  const light = (color) => {
    const [r, g, b] = color.match(/[\\d.]+/g).map(Number).map((v) => v / 255)
      .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (!color.startsWith("rgba") && color !== "transparent") return color;
    }
    return "rgb(255, 255, 255)";
  };
  const names = ["h1", "header p", ".hint", "label", "#prune", "#add", "#view > p", ".provence-legend", "summary"];
  return names.map((name) => {
    const node = document.querySelector(name);
    const [one, other] = [light(getComputedStyle(node).color), light(paper(node))].sort((a, b) => b - a);
    return (one + 0.05) / (other + 0.05);
  });
}"""
