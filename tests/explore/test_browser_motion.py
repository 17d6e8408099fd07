"""What moves in the layer explorers, in JupyterLab: nothing that moves is ever behind what is so."""

from __future__ import annotations

import pytest

from cnnlab import shapes
from tests import jupyterlab
from tests.jupyterlab import label, slider

pytestmark = [pytest.mark.browser, pytest.mark.skipif(bool(jupyterlab.why_not()), reason=str(jupyterlab.why_not()))]

CELLS = [
    "from cnnlab.explore import ChannelExplorer, ConvExplorer, PoolExplorer\nexplorer = ConvExplorer(8)\nexplorer",
    "pool = PoolExplorer(8)\npool",
    "channels = ChannelExplorer(3, 2, size=5, kernel_size=3)\nchannels",
]
MOVING = """document.getAnimations()
    .filter((a) => a.playState === 'running' && a.effect.target.closest('.cnnlab')).length"""
# Moves are over in a moment, and a busy machine may look too late: what was set in motion is written down.
NOTED = """() => {
    window.moved = [];
    const animate = Element.prototype.animate;
    Element.prototype.animate = function (...given) { window.moved.push(this); return animate.apply(this, given); };
}"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with jupyterlab.running(tmp_path_factory.mktemp("lab"), CELLS) as page:
        page.emulate_media(reduced_motion="no-preference")
        page.evaluate(NOTED)
        yield page


@pytest.fixture(autouse=True)
def at_rest(page):
    """Nothing under the pointer, nothing held, nothing playing, nothing noted."""
    page.mouse.move(1, 1)
    page.evaluate("window.moved = []")
    yield
    page.mouse.up()
    for pause in page.locator('.cnnlab .play[title^="Pause"]').all():
        pause.click()
    page.emulate_media(reduced_motion="no-preference")


def explorer(page, n: int = 0):
    return page.locator(".cnnlab-explorer").nth(n)


def middle(box) -> tuple[float, float]:
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_fifty_quick_moves_end_with_the_last_state(page):
    handle = slider(page, "stride")
    for move in range(50):
        handle.press("ArrowRight" if move % 2 == 0 else "ArrowLeft")
    handle.press("ArrowRight")
    handle.press("ArrowRight")  # 3, which no move before has shown
    out = shapes.out_size(8, 3, 3)
    page.wait_for_selector(f'.stage svg[data-out-shape="{out},{out}"]')
    page.wait_for_function(f"{MOVING} === 0")
    for element in page.locator(".cnnlab .stage").first.locator("[data-part]").all():
        assert element.evaluate("e => getComputedStyle(e).transform") == "none"
    handle.press("ArrowLeft")
    handle.press("ArrowLeft")
    page.wait_for_selector('.stage svg[data-out-shape="6,6"]')


def test_new_padding_grows_in_and_the_input_makes_room(page):
    handle = slider(page, "padding")
    handle.press("ArrowRight")
    page.wait_for_selector('.stage svg[data-padding="1,1"]')
    moved = page.evaluate("window.moved.map((e) => [e.dataset.r ?? null, e.dataset.part ?? null])")
    # Padding of 1 around 8 px are rows and columns −1 and 8.
    assert {row for row, _ in moved if row is not None} >= {"-1", "8"}
    assert "input" in {part for _, part in moved}
    handle.press("ArrowLeft")
    page.wait_for_selector('.stage svg[data-padding="0,0"]')


def test_nothing_moves_where_the_learner_asks_for_calm(page):
    page.emulate_media(reduced_motion="reduce")
    handle = slider(page, "padding")
    handle.press("ArrowRight")
    page.wait_for_selector('.stage svg[data-padding="1,1"]')
    explorer(page).locator(".forward").click()
    assert page.evaluate("window.moved.length") == 0
    assert page.locator(".air span").count() == 0
    assert page.locator(".frame").first.evaluate("e => getComputedStyle(e).transitionDuration") == "0s"
    handle.press("ArrowLeft")
    page.wait_for_selector('.stage svg[data-padding="0,0"]')


@pytest.mark.parametrize(("n", "part"), [(0, "input"), (1, "input"), (2, "input-0")])
def test_the_window_is_dragged_over_the_input(page, n, part):
    here = explorer(page, n)
    here.scroll_into_view_if_needed()

    def place(r, c):
        return here.locator(f'.stage [data-part="{part}"] [data-r="{r}"][data-c="{c}"]')

    page.mouse.move(*middle(place(1, 1).bounding_box()))
    page.mouse.down()
    page.mouse.move(*middle(place(2, 3).bounding_box()), steps=6)
    rows, columns = (set(map(int, span)) for span in zip(*lit_in(here, part), strict=True))
    assert 2 in rows
    assert 3 in columns
    assert here.locator(".sum h4").inner_text().startswith("output")
    page.mouse.up()
    # The window stays where it was let go.
    page.mouse.move(1, 1)
    assert {(r, c) for r in rows for c in columns} == lit_in(here, part)
    assert here.locator(".stage.dragging").count() == 0


def lit_in(here, part):
    places = here.locator(f'.stage [data-part="{part}"] .lit').evaluate_all(
        "all => all.map(e => [e.dataset.r, e.dataset.c])"
    )
    return {(int(r), int(c)) for r, c in places}


def test_products_lift_into_the_sum_and_are_gone(page):
    here = explorer(page)
    here.locator(".forward").click()
    flown = page.evaluate(
        "window.moved.filter((e) => e.parentNode === null || e.closest('.air')).map((e) => e.textContent)"
    )
    assert len(flown) == 18  # nine pixels and nine weights
    page.wait_for_function("document.querySelectorAll('.air span').length === 0")
    assert here.locator(".sum .term").count() == 9
    for term in here.locator(".sum .term").all():
        assert term.evaluate("e => getComputedStyle(e).opacity") == "1"


def shown(here) -> tuple[int, int]:
    """The number of the output in hand, and how many outputs are seen, at one moment."""
    return here.evaluate("""e => [
        Number(e.querySelector('.count').textContent.match(/output ([0-9]+)/)[1]),
        e.querySelectorAll('.stage [data-part="output"] [data-r]:not(.to-come)').length,
    ]""")


def test_the_first_play_builds_the_output_up(page):
    here = explorer(page)
    here.locator(".play").click()
    number, seen = shown(here)
    assert seen == number < 36
    here.locator(".play").click()
    assert shown(here)[1] == 36
    # From then on the picture is whole while it plays.
    here.locator(".play").click()
    assert shown(here)[1] == 36
    here.locator(".play").click()


def test_a_stroke_changes_the_outputs_while_the_pointer_is_down(page):
    here = explorer(page)
    here.scroll_into_view_if_needed()

    def place(part, r, c):
        return here.locator(f'.stage [data-part="{part}"] [data-r="{r}"][data-c="{c}"]')

    def value_of(*at):
        return int(place(*at).get_attribute("data-v"))

    here.locator(".edit").click()
    value = value_of("input", 3, 3)
    new = 0 if value > 4 else 9
    weights = [[value_of("kernel", i, j) for j in range(3)] for i in range(3)]
    before = {(r, c): value_of("output", r, c) for r in range(6) for c in range(6)}
    page.mouse.move(*middle(place("input", 3, 3).bounding_box()))
    page.mouse.down()
    after = {at: value_of("output", *at) for at in before}
    # Output (r, c) reads pixel (3, 3) by weight (3 − r, 3 − c).
    for (r, c), was in before.items():
        weight = weights[3 - r][3 - c] if 0 <= 3 - r < 3 and 0 <= 3 - c < 3 else 0
        assert after[r, c] == was + weight * (new - value)
    assert "changes 9 outputs" in here.locator(".sum").inner_text()
    drawn = {at: label(place("output", *at)).text_content() for at in before}
    page.mouse.up()
    here.locator(".stage svg:not(:has(.changed))").wait_for()
    assert {at: label(place("output", *at)).text_content() for at in before} == drawn
    here.locator(".edit").click()
