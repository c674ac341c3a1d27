"""The report in a real headless Chromium: filters, texts of figures, no request, no error, no sideways scrolling."""

import importlib.util
import shutil
from pathlib import Path

import pytest

from proofs_check import store
from proofs_check.report import page
from proofs_check.running import runner
from proofs_check.study.load import parse_study

CHROMIUM, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))
SELENIUM = importlib.util.find_spec("selenium")
NEEDED = {"chromium": CHROMIUM, "chromedriver": DRIVER, "selenium": SELENIUM}
MISSING = [name for name, found in NEEDED.items() if not found]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}: apt-get install chromium chromium-driver"),
    # the driver's sockets are closed by its process, not by Python
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]

STUDY = """
name: browser
dataset: {source: sphere, samples: 4, dimension: 3}
methods: [gradient_descent, heavy_ball, nesterov]
width: 64
seeds: 8
steps: 30
lemmas: [gram-concentration, gram-stability, flip-count, flip-fraction, residual-recursion, remainder-bound, distance,
  gd-matrix, gd-contraction, nesterov-contraction, lazy-exit]
runs:
  training: {}
  a-run-with-a-rather-long-name-of-its-own: {methods: [gradient_descent], steps: 0}
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    out = tmp_path_factory.mktemp("browser") / "out"
    result = runner.verify(parse_study(STUDY, name="browser.yaml", base=Path()))
    store.write(result, out, wall_time=1, config="browser.yaml")
    return page.write(out)


@pytest.fixture(scope="module")
def chromium():
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    assert CHROMIUM is not None
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def opened(chromium, path):
    for kind in ("browser", "performance"):
        chromium.get_log(kind)  # what earlier tests left
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    chromium.get(path.as_uri())
    return chromium


def shown(driver):
    """(verdict, group, run) of the rows to be seen."""
    return [tuple(row) for row in driver.execute_script(
        "return Array.from(document.querySelectorAll('#findings tbody tr')).filter(r => r.offsetParent)"
        ".map(r => [r.dataset.verdict, r.dataset.group, r.dataset.run])")]  # fmt: skip


def status(driver):
    return driver.find_element("id", "shown").text


def test_filters_by_keyboard(opened):
    from selenium.webdriver.common.keys import Keys

    everything = shown(opened)
    count = len(everything)
    assert status(opened) == f"{count} of {count} findings shown."
    box = opened.find_element("css selector", "input[value=VACUOUS]")
    box.send_keys(Keys.SPACE)
    rest = [row for row in everything if row[0] != "VACUOUS"]
    assert 0 < len(rest) < count
    assert shown(opened) == rest
    assert status(opened) == f"{len(rest)} of {count} findings shown."
    opened.find_element("name", "group").send_keys("residual")
    rest = [row for row in rest if row[1] == "residual"]
    assert shown(opened) == rest != []
    lemmas = opened.execute_script(
        "return Array.from(document.querySelectorAll('article')).filter(a => a.offsetParent).map(a => a.dataset.lemma)"
    )
    assert set(lemmas) == {"residual-recursion", "remainder-bound", "distance"}
    opened.find_element("css selector", "button[type=reset]").send_keys(Keys.ENTER)
    opened.find_element("name", "run").send_keys("a-run")
    chosen = [row for row in everything if row[2].startswith("a-run")]
    assert shown(opened) == chosen
    assert 0 < len(chosen) < count


def test_without_javascript_everything_is_shown(opened):
    count = len(shown(opened))
    opened.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    opened.refresh()
    rows = opened.find_elements("css selector", "#findings tbody tr")
    assert len(rows) == count
    assert all(row.is_displayed() for row in rows)
    assert not opened.find_element("id", "filters").is_displayed()


def test_every_figure_has_a_name_and_a_description(opened):
    tree = opened.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    pictures = [node for node in tree if node.get("role", {}).get("value") in ("image", "img")]
    figures = opened.find_elements("css selector", "figure")
    assert len(pictures) == len(figures) > 5
    assert all(any(letter.isdigit() for letter in node["name"]["value"]) for node in pictures)


def test_no_request_and_no_error(opened):
    import json

    opened.execute_script("scrollTo(0, document.body.scrollHeight)")
    messages = [json.loads(entry["message"])["message"] for entry in opened.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert asked
    assert {url for url in asked if not url.startswith("data:")} == {opened.current_url}
    assert opened.get_log("browser") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1400])
def test_no_sideways_scrolling(opened, width, scheme):
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    opened.execute_script("document.querySelectorAll('details').forEach(box => { box.open = true; })")
    inner, needed = opened.execute_script("return [innerWidth, document.documentElement.scrollWidth]")
    assert inner == width
    assert needed <= width
    paper, ink = opened.execute_script("const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]")
    levels = [sum(map(int, colour[4:-1].split(","))) for colour in (paper, ink)]
    assert (levels[0] < levels[1]) == (scheme == "dark")


def test_no_label_stands_before_nothing_on_a_phone(opened):
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                           {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True})  # fmt: skip
    labels = opened.execute_script(
        "return Array.from(document.querySelectorAll('.cards td[data-label]')).map(c => "
        "[c.textContent.trim(), getComputedStyle(c).display, getComputedStyle(c, '::before').content])"
    )
    assert any(not text for text, _, _ in labels)
    for text, display, before in labels:
        assert (display == "none") == (not text)
        assert before != "none"


def test_the_steps_open_by_keyboard(opened):
    from selenium.webdriver.common.keys import Keys

    step = opened.find_element("css selector", "#opening details.step")
    assert not step.find_element("css selector", "table").is_displayed()
    step.find_element("css selector", "summary").send_keys(Keys.ENTER)
    assert step.find_element("css selector", "table").is_displayed()


def test_it_prints_with_everything_open(opened):
    opened.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert opened.execute_script("return document.querySelectorAll('details:not([open])').length") == 0
    opened.execute_script("dispatchEvent(new Event('afterprint'))")
    assert opened.execute_script("return document.querySelectorAll('details:not([open])').length") > 0
