"""The page in a real browser: what a visitor does and sees."""

from typing import Any

import numpy as np
import pytest
from browser import BOARD, DESKTOP, PHONE, Visit, address, browser, link_of, visit, visitor

from hrm import HRM, solve
from hrm.data.source import generate
from hrm.inference.models import task_of
from hrm.models.hub import bundled_models
from hrm.tasks.boardpath.text import SYMBOLS


@pytest.mark.parametrize("name", bundled_models())
def test_it_answers_as_the_library_does(visitor: Visit, name: str):
    model = HRM.from_pretrained(name)
    task = task_of(model)
    board = generate(task, 1, 7)[0]
    expected = solve(board, name)
    rows = "-".join(task.rows(board)).replace("#", "w")
    visitor.open(f"#task={task.config.name}&model={name}&puzzle={rows}")
    assert visitor.page.locator("select.model").input_value() == name
    assert visitor.verdict == expected.verdict.name
    words = [code.word for code in task.codes]
    said = visitor.cells()
    for (r, c), code in np.ndenumerate(expected.predicted):
        given = words[board[r, c]]
        says = given if code == board[r, c] else f"{given}, answer {words[code]}"
        assert said[r + 1, c + 1] == says
    count = expected.segments * model.config.frames_per_segment
    assert f"Update {count} of {count}" in visitor.say(".moment")


def test_a_first_visit_shows_a_random_board_that_is_thought_about(visitor: Visit):
    visitor.open()
    assert "Update 24 of 24" in visitor.say(".moment")
    assert visitor.text.count("\n") == 9 and set(visitor.text) <= set(SYMBOLS + "\n")
    before = visitor.text
    visitor.page.click("#random")
    visitor.settle()
    assert visitor.text != before
    assert "Update 24 of 24" in visitor.page.locator("#news").inner_text()


def test_a_link_may_name_a_model_alone(visitor: Visit):
    visitor.open("#model=sudoku")
    assert visitor.page.locator("select.model").input_value() == "sudoku"
    assert len(visitor.text.split()) >= 9
    assert "Update" in visitor.say(".moment")


def test_everything_that_can_be_used_has_a_name(visitor: Visit):
    visitor.open()
    nameless = visitor.page.eval_on_selector_all(
        "button, select, input, textarea, [role]",
        "(all) => all.filter((e) => e.checkVisibility() && !(e.ariaLabel || e.labels?.length"
        " || e.getAttribute('aria-labelledby') || e.textContent.trim()"
        " || ['row', 'status'].includes(e.role))).map((e) => e.outerHTML)",
    )
    assert nameless == []


def test_walls_are_drawn_and_ends_dragged_with_the_mouse(visitor: Visit):
    visitor.open(link_of("S....\n.....\n.....\n.....\n....E"))
    mouse = visitor.page.mouse
    mouse.move(*visitor.point(2, 1))
    mouse.down()
    for column in (2, 3, 4):
        mouse.move(*visitor.point(2, column))
    mouse.up()
    visitor.settle()
    assert visitor.text == "S....\n####.\n.....\n.....\n....E"
    mouse.click(*visitor.point(2, 2))
    visitor.settle()
    assert visitor.text == "S....\n#.##.\n.....\n.....\n....E"
    mouse.move(*visitor.point(1, 1))
    mouse.down()
    for row in (2, 3, 4):
        mouse.move(*visitor.point(row, 1))
    mouse.up()
    visitor.settle()
    assert visitor.text == ".....\n..##.\n.....\nS....\n....E"
    assert visitor.cells()[4, 1] == "start"
    visitor.page.click("#clear")
    visitor.settle()
    assert "#" not in visitor.text


def test_walls_are_drawn_with_a_finger(browser: Any, address: str):
    with visit(browser, address, **PHONE) as visitor:
        visitor.open(link_of(BOARD))
        visitor.page.touchscreen.tap(*visitor.point(1, 3))
        visitor.settle()
        assert visitor.text == "S.#\n.#.\n..E"


def test_everything_on_the_board_can_be_done_with_the_keyboard(visitor: Visit):
    visitor.open(link_of(BOARD))
    keyboard = visitor.page.keyboard
    visitor.page.locator("[role=gridcell][tabindex='0']").first.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "Space"):
        keyboard.press(key)
    visitor.settle()
    assert visitor.text == "S.#\n.#.\n..E"
    for key in ("ArrowDown", "s"):
        keyboard.press(key)
    visitor.settle()
    assert visitor.text == "..#\n.#S\n..E"
    for key in ("ArrowLeft", "Enter"):
        keyboard.press(key)
    visitor.settle()
    assert visitor.text == "..#\n..S\n..E"


def test_a_thought_is_stepped_through_and_played(visitor: Visit):
    visitor.open(link_of(BOARD))
    page = visitor.page
    page.click("#first")
    assert "The puzzle" in visitor.say(".moment") and visitor.verdict == ""
    for _ in range(3):
        page.click("#forth")
    page.click("#back")
    assert "Update 2 of 24" in visitor.say(".moment")
    assert "segment 1, step 2" in visitor.say(".moment")
    page.locator("#moment").fill("7")
    assert "segment 2, step 1" in visitor.say(".moment")
    page.locator(".bars > span").nth(9).click(position={"x": 2, "y": 0}, force=True)
    assert "Update 10 of 24" in visitor.say(".moment")
    page.select_option("#speed", "4")
    page.click("#play")
    assert page.locator("#play").get_attribute("aria-label") == "Pause"
    page.wait_for_function(
        "() => document.querySelector('.moment').textContent.includes('Update 24')"
    )
    page.wait_for_selector("#play[aria-label=Play]")
    page.click("#play")
    page.click("#play")
    assert page.locator("#play").get_attribute("aria-label") == "Play"


def test_it_thinks_longer_and_begins_again_from_noise(visitor: Visit):
    visitor.open(link_of(BOARD))
    belief = _picture(visitor)
    visitor.page.click("#more")
    visitor.page.wait_for_function(
        "() => document.querySelector('.moment').textContent.includes('Update 48 of 48')"
    )
    assert visitor.page.locator(".segments").input_value() == "8"
    visitor.page.locator(".segments").fill("1")
    visitor.page.locator(".segments").press("Enter")
    visitor.settle()
    assert "Update 6 of 6" in visitor.say(".moment")
    plain = _picture(visitor)
    visitor.page.click("#noise")
    visitor.settle()
    visitor.page.click("#first")
    visitor.page.click("#forth")
    noisy = _picture(visitor)
    visitor.page.click("#again")
    visitor.settle()
    assert _picture(visitor) == plain
    visitor.page.click("#first")
    visitor.page.click("#forth")
    assert _picture(visitor) != noisy
    assert belief


def _picture(visitor: Visit) -> str:
    """What is drawn."""
    return visitor.page.evaluate("document.querySelector('.board canvas').toDataURL()")


def test_the_link_holds_the_puzzle(visitor: Visit):
    visitor.open()
    visitor.page.click("#share")
    text, link = visitor.text, visitor.page.url
    assert "puzzle=" in link
    visitor.page.goto("about:blank")
    visitor.page.goto(link)
    visitor.settle()
    assert visitor.text == text


def test_text_is_used_or_refused_in_words(visitor: Visit):
    visitor.open(link_of(BOARD))
    visitor.page.click("summary")
    visitor.page.fill("#text", "S..\n...\n.##")
    visitor.page.click("#use-text")
    assert "no E" in visitor.say("#error")
    visitor.page.fill("#text", "S...\n....\n####\n...E")
    visitor.page.click("#use-text")
    visitor.settle()
    assert visitor.page.locator("#error").is_hidden()
    assert visitor.say("#size-words") == "4×4"
    assert visitor.verdict == "unsolvable" and "no path" in visitor.say(".chip")


def test_the_size_is_chosen(visitor: Visit):
    visitor.open()
    slider = visitor.page.locator("#size")
    slider.focus()
    slider.press("ArrowLeft")
    visitor.settle()
    assert visitor.say("#size-words") == "9×9" and visitor.text.count("\n") == 8


def test_two_models_think_side_by_side(visitor: Visit):
    visitor.open(link_of(BOARD))
    visitor.page.click("#compare")
    visitor.page.wait_for_selector(".pane >> nth=1")
    visitor.settle()
    names = [visitor.page.locator("select.model").nth(i).input_value() for i in range(2)]
    assert names == ["boardpath-10x10", "boardpath-20x20"]
    moments = visitor.page.locator(".moment")
    assert "Update 24 of 24" in moments.nth(0).inner_text()
    assert "Update 12 of 12" in moments.nth(1).inner_text()
    visitor.page.locator("select.model").nth(1).select_option("boardpath-10x10")
    visitor.page.locator(".segments").nth(1).fill("1")
    visitor.page.locator(".segments").nth(1).press("Enter")
    visitor.settle()
    assert "Update 6 of 6" in moments.nth(1).inner_text()
    visitor.page.click("#compare")
    visitor.settle()
    assert visitor.page.locator(".pane").count() == 1


def test_states_and_attention_are_shown(visitor: Visit):
    visitor.open(link_of(BOARD))
    answer = _picture(visitor)
    for view in ("state", "attention"):
        visitor.page.locator(f"[name=view][value={view}]").check(force=True)
        visitor.page.wait_for_timeout(200)
    attention = _picture(visitor)
    visitor.page.mouse.click(*visitor.point(3, 1))
    visitor.page.wait_for_timeout(200)
    assert len({answer, attention, _picture(visitor)}) == 3
    assert visitor.text == BOARD, "a click chooses a cell, and draws no wall"
    visitor.page.locator("[name=view][value=answer]").check(force=True)
    assert _picture(visitor) == answer
    visitor.page.locator("#belief").uncheck()
    assert _picture(visitor) != answer


@pytest.mark.parametrize("context", [DESKTOP, PHONE], ids=["1280", "390"])
def test_nothing_moves_while_it_thinks(browser: Any, address: str, context: dict):
    with visit(browser, address, **context) as visitor:
        visitor.page.add_init_script(
            "window.moved = 0; new PerformanceObserver((list) => {"
            " for (const e of list.getEntries()) window.moved += e.value })"
            ".observe({type: 'layout-shift', buffered: true})"
        )
        visitor.open(link_of(BOARD))
        heights = set()
        for button in ("#first", "#forth", "#last", "#more"):
            visitor.page.click(button)
            if button != "#first":
                visitor.settle()
            heights.add(visitor.page.evaluate("document.querySelector('.stage').offsetHeight"))
        assert len(heights) == 1
        width = context["viewport"]["width"]
        assert visitor.page.evaluate("document.documentElement.scrollWidth") == width
        assert visitor.page.evaluate("window.moved") < 0.01
