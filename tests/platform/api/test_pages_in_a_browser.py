"""The pages people open, in a real browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import httpx
import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from wattproof.comfort import service

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
PATIENCE_S = 20

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER) and "CI" not in os.environ,
    reason="needs Chromium and ChromeDriver (Debian: apt-get install chromium chromium-driver)",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """A phone-sized window."""
    options = ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in ("--headless=new", "--no-sandbox", "--window-size=390,844"):
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=ChromeService(executable_path=DRIVER))
    yield driver
    driver.quit()


def _open(browser: Chrome, client: httpx.Client, path: str) -> None:
    browser.get_log("browser")  # what the page before said
    browser.get(str(client.base_url).rstrip("/") + path)


def _wait(browser: Chrome, condition) -> None:
    WebDriverWait(browser, PATIENCE_S).until(lambda _: condition())


def _errors(browser: Chrome) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def test_a_customer_votes_from_a_phone_and_changes_the_vote(browser, client, wallet, platform):
    venue = wallet.post(
        "/comfort/venues", json={"name": "Harbour Mall", "zones": ["atrium", "shops"]}
    ).json()
    _open(browser, client, f"/vote/{venue['link']}")
    _wait(browser, lambda: len(browser.find_elements(By.CSS_SELECTOR, "#scale button")) == 7)
    assert browser.find_element(By.ID, "venue").text == "Harbour Mall"
    Select(browser.find_element(By.ID, "zone")).select_by_visible_text("shops")

    for words in ("Hot", "Slightly cool"):
        button = next(
            each
            for each in browser.find_elements(By.CSS_SELECTOR, "#scale button")
            if each.text == words
        )
        button.click()
        _wait(browser, lambda b=button: b.get_attribute("aria-pressed") == "true")

    hour = platform.clock.now() // service.HOUR_S
    found = wallet.get(
        f"/comfort/venues/{venue['id']}/votes", params={"since": hour - 1, "until": hour + 1}
    ).json()["items"]
    assert [(item["zone"], item["counts"]) for item in found] == [("shops", [0, 0, 1, 0, 0, 0, 0])]
    assert _errors(browser) == []


def test_a_link_that_is_not_in_use_says_so(browser, client):
    _open(browser, client, f"/vote/{'x' * 22}")
    _wait(
        browser, lambda: "not, or no longer, in use" in browser.find_element(By.ID, "answer").text
    )


def test_the_documentation_lists_every_endpoint(browser, client):
    _open(browser, client, "/docs")
    _wait(browser, lambda: "/comfort/venues" in browser.find_element(By.ID, "operations").text)
    assert "/orders" in browser.find_element(By.ID, "operations").text
    assert _errors(browser) == []
