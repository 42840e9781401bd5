"""The customer at the sign-in and consent pages: a browser with a cookie jar, without JavaScript."""

from html.parser import HTMLParser
from urllib.parse import urljoin

import requests


class Form(HTMLParser):
    """The form of a page: where it goes, and the fields that it holds already."""

    def __init__(self, page):
        super().__init__()
        self.action = None
        self.fields = {}
        self.decisions = []
        self.feed(page)
        if self.action is None:
            raise RuntimeError(f"no form on the page: {page[:300]}")

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            self.action = attributes["action"]
        elif tag == "input":
            self.fields[attributes["name"]] = attributes.get("value", "")
        elif tag == "button" and "name" in attributes:
            self.decisions.append(attributes["value"])


def agree(address, redirect_uri, username, password):
    """Signs in and agrees. Returns the address that the app is called back with."""
    browser = requests.Session()
    browser.trust_env = False

    def call(method, address, data=None):
        # Browsers let a Secure cookie travel over plain http to a loopback address; this library does not.
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.cookies)
        headers = {"cookie": cookies} if cookies else {}
        return browser.request(method, address, data=data, headers=headers, allow_redirects=False, timeout=10)

    answer = call("GET", address)
    for _ in range(6):
        if answer.is_redirect:
            address = urljoin(answer.url, answer.headers["location"])
            if address.startswith(redirect_uri):
                return address
            answer = call("GET", address)
            continue
        answer.raise_for_status()
        form = Form(answer.text)
        if "password" in form.fields:
            form.fields.update(username=username, password=password)
        else:
            if "allow" not in form.decisions:
                raise RuntimeError(f"nothing to agree to: {form.decisions}")
            form.fields["decision"] = "allow"
        answer = call("POST", urljoin(answer.url, form.action), form.fields)
    raise RuntimeError(f"never called back: {answer.status_code} {answer.url}")
