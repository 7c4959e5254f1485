"""A real browser for tests of web pages: headless Chromium, driven by Selenium."""

import json
import shutil

import pytest

_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
_LOCAL = ("file:", "data:", "blob:")


class Browser:
    """Opens pages from disk; records their warnings, errors and requests."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, path, width=1200, height=900, dark=False):
        """Open a file in a window of this size in pixels; dark: whether the user prefers dark pages."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.driver.get(path.as_uri())

    def run(self, script, *arguments):
        """Run a script, the body of a function; return its result."""
        return self.driver.execute_script(script, *arguments)

    def find(self, selector):
        """Return the only element that matches a CSS selector."""
        (element,) = self.driver.find_elements("css selector", selector)
        return element

    def complaints(self):
        """Return the warnings and errors in the console since the last call."""
        self.driver.execute_async_script("setTimeout(arguments[0], 100)")  # some messages arrive a little later
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("WARNING", "SEVERE")]

    def requests(self):
        """Return the addresses requested since the last call, except file:, data: and blob: URLs.

        Requests blocked by a Content-Security-Policy are reported by `complaints` instead.
        """
        urls = {}
        for entry in self.driver.get_log("performance"):
            event = json.loads(entry["message"])["message"]
            parameters = event["params"]
            if event["method"] == "Network.requestWillBeSent":
                urls[parameters["requestId"]] = parameters["request"]["url"]
            elif event["method"] == "Network.webSocketCreated":
                urls[parameters["requestId"]] = parameters["url"]
            elif event["method"] == "Network.loadingFailed" and parameters.get("blockedReason") == "csp":
                urls.pop(parameters["requestId"], None)
        return [url for url in urls.values() if not url.startswith(_LOCAL)]


@pytest.fixture(scope="session")
def chromium():
    """A Selenium driver of headless Chromium; the test is skipped if Chromium is not installed."""
    webdriver = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.chrome.service import Service

    binary = next(filter(None, map(shutil.which, _CHROMIUMS)), None)
    if not binary or not shutil.which("chromedriver"):
        pytest.skip("no Chromium: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    driver.set_page_load_timeout(120)
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium):
    """A Browser; the test fails at teardown if a page printed a warning or requested anything."""
    browser = Browser(chromium)
    yield browser
    complaints, requests = browser.complaints(), browser.requests()
    assert not complaints and not requests, (complaints, requests)
    chromium.get("about:blank")  # the next test starts with an empty page
